"""Validation and training accuracy by epoch, loss by loss: means over seeds, and their range."""

import pandas as pd
import seaborn

from spikespeech import command
from spikespeech.forms import COUNT, SHARE, Number
from spikespeech.network.axes import by_size, hidden_label, n_hidden
from spikespeech.reading import read_csv
from spikespeech.report import exhibit, plots, prose, selection

GROUP = ["dataset", "topology", "hidden", "loss"]
COLUMNS = {**dict.fromkeys((*GROUP, "label")), "epoch": COUNT, "silent": COUNT}
COLUMNS |= {"train_accuracy": SHARE, "validation_accuracy": Number(0, 1, gaps=True)}
COLUMN = {"validation": "validation_accuracy", "training": "train_accuracy"}
MILESTONE = 0.5
"""Accuracy whose first epoch the finding compares."""
SILENT = 0.5
"""Share of the hidden layer above which the finding calls it silent."""


def sides(histories):
    """Return what has accuracies, the main one first: validation where speakers are held out."""
    held_out = histories["validation_accuracy"].notna().any()
    return ["validation", "training"] if held_out else ["training"]


def summarise(histories):
    """Return mean, lowest and highest accuracy over networks, by side, loss and epoch."""
    tables = []
    for side in sides(histories):
        accuracies = histories.groupby([*GROUP, "label", "epoch"], sort=False)[COLUMN[side]]
        summary = accuracies.agg(mean="mean", low="min", high="max", networks="count")
        tables.append(summary.reset_index().assign(side=side))
    return pd.concat(tables, ignore_index=True)


@plots.style()
def draw(histories):
    """Return the figure: a row of panels for each data set and size, a column each topology."""
    main, *others = sides(histories)
    topologies = list(dict.fromkeys(histories["topology"]))
    rows = list(histories.groupby(["dataset", "hidden"], sort=False))
    figure, grid = plots.subplots(
        len(rows),
        len(topologies),
        height=0.5 + 2.1 * len(rows),
        squeeze=False,
        sharex="row",
        sharey="row",
    )
    lines = {}
    for line, ((_, hidden), sized) in zip(grid, rows, strict=True):
        for axes, topology in zip(line, topologies, strict=True):
            own = sized[sized["topology"] == topology]
            for loss, curve in own.groupby("loss", sort=False):
                for side in others:
                    mean = 100 * curve.groupby("epoch")[COLUMN[side]].mean()
                    thin = plots.loss_line(loss) | {"marker": None, "linewidth": 0.7}
                    axes.plot(mean.index, mean, **thin)
                seaborn.lineplot(
                    curve.assign(accuracy=100 * curve[COLUMN[main]]),
                    x="epoch",
                    y="accuracy",
                    errorbar=("pi", 100),  # from the lowest to the highest network
                    err_kws={"alpha": 0.18, "linewidth": 0},
                    markevery=max(1, curve["epoch"].nunique() // 6),
                    markeredgewidth=0,
                    ax=axes,
                    **plots.loss_line(loss),
                )
                lines[loss] = axes.lines[-1]
            axes.set(xlabel="", ylabel="")
            axes.set_title(f"{hidden} hidden, {topology}", fontweight="normal")
            axes.xaxis.get_major_locator().set_params(integer=True)
        label = plots.literal(sized["label"].iloc[0])
        line[0].set_title(f"{label}\n{line[0].get_title(loc='left')}", fontweight="normal")
        said = "Accuracy (%)" if others else f"{main.capitalize()} accuracy (%)"
        line[0].set(ylabel=said, ylim=(0, None))
    for axes in grid[-1]:
        axes.set_xlabel("Epoch")
    for side in others:
        lines[f"{side} (thin)"] = plots.plt.Line2D([], [], color=plots.INK, linewidth=0.7)
    figure.legend(lines.values(), lines, loc="outside upper center", ncols=min(4, len(lines)))
    return figure


def milestones(histories, side):
    """Return the first epoch at or above MILESTONE of each network; NaN where there is none."""
    reached = histories[histories[COLUMN[side]] >= MILESTONE]
    keys = [*GROUP, "fold", "seed"]
    first = reached.groupby(keys)["epoch"].min().rename("first")
    return histories[[*keys, "label"]].drop_duplicates().join(first, on=keys)


def findings(histories):
    """Return, for each data set and topology at the largest size, when each loss passes 50 %."""
    side = sides(histories)[0]
    firsts = milestones(histories, side)
    sentences = []
    for (_, topology), rows in firsts.groupby(["dataset", "topology"], sort=False):
        largest = rows[rows["hidden"] == by_size(rows["hidden"])[-1]]
        parts = []
        for loss, group in largest.groupby("loss", sort=False):
            reached = group["first"].dropna()
            if reached.empty:
                parts.append(f"{loss} by none of {prose.count(len(group), 'network')}")
            else:
                span = f"{reached.min():.0f}" + (
                    f" to {reached.max():.0f}" if reached.max() > reached.min() else ""
                )
                parts.append(f"{loss} at epoch {span} ({len(reached)} of {len(group)})")
        sentences.append(
            f"{rows['label'].iloc[0]}, {largest['hidden'].iloc[0]} hidden neurons, {topology}: "
            f"{100 * MILESTONE:.0f} % {side} accuracy is passed by {prose.listed(parts)}."
        )
    return [*sentences, *failures(histories), silence(histories)]


def failures(histories):
    """Return a sentence on the networks that ended below TRAINED on what they trained on."""
    networks = [*GROUP, "fold", "seed"]
    ends = histories.sort_values("epoch").groupby(networks, sort=False).tail(1)
    parts = []
    for (loss, hidden), group in ends.groupby(["loss", "hidden"], sort=False):
        failed = group["train_accuracy"] < selection.TRAINED
        if failed.any():
            mean = 100 * group["train_accuracy"][failed].mean()
            parts.append(
                f"{loss} with {hidden} hidden neurons ({failed.sum()} of "
                f"{prose.count(len(group), 'network')}, mean {mean:.0f} %)"
            )
    if not parts:
        return []
    return [
        f"Did not train, with less than {100 * selection.TRAINED:.0f} % training accuracy in the "
        f"last epoch: {prose.listed(parts)}. This says nothing of how such losses rank."
    ]


def silence(histories):
    """Return a sentence on networks of which more than half were silent for a whole epoch."""
    networks = [*GROUP, "fold", "seed"]
    share = histories["silent"] / histories["hidden"].map(n_hidden)
    dead = histories[share > SILENT]
    n = histories[networks].drop_duplicates().shape[0]
    if dead.empty:
        return (
            f"In no epoch of any network was more than {100 * SILENT:.0f} % of the hidden layer "
            f"silent; at most {100 * share.max():.0f} % were."
        )
    parts = [
        f"{loss} with {hidden} hidden neurons (epochs {rows['epoch'].min()} to "
        f"{rows['epoch'].max()}, {rows[networks].drop_duplicates().shape[0]} networks)"
        for (loss, hidden), rows in dead.groupby(["loss", "hidden"], sort=False)
    ]
    return (
        f"More than {100 * SILENT:.0f} % of the hidden neurons had no spike in a whole epoch in "
        f"{dead[networks].drop_duplicates().shape[0]} of {prose.count(n, 'network')}: "
        f"{prose.listed(parts)}."
    )


def main(arguments):
    histories = read_csv(arguments.histories, columns=COLUMNS, text=("dataset", "label"))
    histories["hidden"] = histories["hidden"].map(hidden_label)
    exhibit.write(arguments, summarise(histories), findings(histories), draw(histories))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--histories", required=True, help="histories.csv of all networks")
    command.run(main, parser.parse_args())
