"""Which losses learn faster, and which end better (thesis, sections 4.2 and 4.3).

Networks that differ in nothing but their loss are compared in pairs: same fold, seed, size and
topology. Differences are averaged over sizes first, so that a pair is one fold and seed: sizes of
one seed share their data order and speakers and are no independent repeats.
"""

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from spikespeech import command, statistics
from spikespeech.errors import InputError
from spikespeech.forms import COUNT, SHARE, Number
from spikespeech.reading import read_csv
from spikespeech.report import exhibit, plots, prose, selection

REFERENCE = "sum_exp"
"""The loss that others are compared with: the best of Nowotny et al. 2025."""

CLAIMED = "gaussian"
"""The loss that the thesis says learns faster."""

LEVELS = (0.25, 0.5, 0.75)
LAST = 0.1
"""Share of the epochs, at the end, whose mean is the final accuracy."""

PAIR = ["dataset", "label", "topology", "fold", "seed"]
NETWORK = [*PAIR, "hidden"]
COLUMNS = [
    *("dataset", "label", "topology", "measure", "loss", "pairs", "mean", "low", "high"),
    *("reached", "train_accuracy", "difference_mean", "difference_low", "difference_high"),
    *("p", "p_holm"),
]
MEASURES = {
    "learning": "Mean accuracy over\nall epochs (points)",
    "final": "Final accuracy\n(points)",
}


def measure(histories):
    """Return one row a network: how fast it learned and how well it ended.

    learning is the mean validation accuracy over all epochs, which needs no threshold and leaves
    no network out; final its mean over the last epochs; epochs_to_50 the first epoch at 50 %, or
    one more than were trained where it is never reached (reached_50 is false); train_accuracy that
    of the last epoch.
    """
    rows = []
    for network, history in histories.groupby([*NETWORK, "loss"], sort=False):
        history = history.sort_values("epoch")
        accuracy = history["validation_accuracy"].to_numpy()
        row = dict(zip([*NETWORK, "loss"], network, strict=True))
        row["train_accuracy"] = history["train_accuracy"].iloc[-1]
        row["learning"] = accuracy.mean()
        row["final"] = accuracy[-max(1, round(LAST * len(accuracy))) :].mean()
        for level in LEVELS:
            above = np.flatnonzero(accuracy >= level)
            row[f"epochs_to_{level:.0%}"] = 1 + (above[0] if len(above) else len(accuracy))
            row[f"reached_{level:.0%}"] = bool(len(above))
        rows.append(row)
    return pd.DataFrame(rows)


def pairs(measured, column):
    """Return a table of `column`: one row a dataset, topology, fold and seed, one column a loss.

    Sizes are averaged; a row is whole only if every loss was trained on it.
    """
    wide = measured.pivot(index=NETWORK, columns="loss", values=column).dropna()
    return wide.groupby(level=PAIR, sort=False).mean()


def compare(measured):
    """Return one row a data set, topology, measure and loss: its mean, and its difference.

    Differences are from REFERENCE, paired, with a 95 % interval (Student's t) and p-values as
    they are and, for the losses of one measure, after Holm.
    """
    columns = [c for c in measured if c in MEASURES or c.startswith("epochs_to_")]
    rows = []
    for column in columns:
        wide = pairs(measured.astype({column: float}), column)
        for (dataset, label, topology), values in wide.groupby(level=PAIR[:3], sort=False):
            reached = column.replace("epochs_to", "reached")
            own = measured[(measured["dataset"] == dataset) & (measured["topology"] == topology)]
            found = []
            for loss in values:
                row = {
                    "dataset": dataset,
                    "label": label,
                    "topology": topology,
                    "measure": column,
                    "loss": loss,
                    "pairs": len(values),
                    "train_accuracy": own.loc[own["loss"] == loss, "train_accuracy"].mean(),
                    **interval(statistics.mean(values[loss]), ""),
                }
                if reached in own and reached != column:
                    row["reached"] = own.loc[own["loss"] == loss, reached].mean()
                if loss != REFERENCE and REFERENCE in values:
                    difference = statistics.paired_difference(values[loss], values[REFERENCE])
                    row |= {**interval(difference, "difference_"), "p": difference.p_value}
                found.append(row)
            rows += corrected(found)
    return pd.DataFrame(rows, columns=COLUMNS)


def interval(values, prefix):
    """Return the estimate and bounds of an Interval or Difference as columns."""
    return {f"{prefix}mean": values[0], f"{prefix}low": values[1], f"{prefix}high": values[2]}


def corrected(rows):
    """Return rows with p_holm: p-values corrected for the number of losses compared."""
    tested = [row for row in rows if np.isfinite(row.get("p", np.nan))]
    if tested:
        holm = multipletests([row["p"] for row in tested], method="holm")[1]
        for row, p in zip(tested, holm, strict=True):
            row["p_holm"] = p
    return rows


def curves(histories):
    """Return one row a loss and accuracy: the epoch by which half of the networks reached it."""
    best = histories.sort_values("epoch").groupby([*NETWORK, "loss"], sort=False)
    rows = []
    levels = np.arange(0.05, 1.0, 0.05).round(2)
    epochs = []
    for network, history in best:
        so_far = history["validation_accuracy"].cummax().to_numpy()
        first = np.searchsorted(so_far, levels).astype(float) + 1
        epochs.append((network[-1], np.where(first > len(so_far), np.inf, first)))
    for loss in histories["loss"].unique():
        middle = np.median([first for name, first in epochs if name == loss], axis=0)
        rows += [(loss, level, e) for level, e in zip(levels, middle, strict=True)]
    table = pd.DataFrame(rows, columns=["loss", "accuracy", "epoch"])
    return table[np.isfinite(table["epoch"])]


@plots.style()
def draw(table, reaching, label):
    """Return the figure: epochs to reach accuracies; differences from the reference."""
    figure = plots.plt.figure(figsize=(plots.WIDTH, 5.6))
    axes = figure.subplot_mosaic([["curve"] * 2, list(MEASURES)], height_ratios=[1.2, 1])
    for loss, rows in reaching.groupby("loss", sort=False):
        axes["curve"].plot(
            100 * rows["accuracy"], rows["epoch"], label=loss, markevery=3, **plots.loss_line(loss)
        )
    said = "epoch by which half\n    of the networks reached an accuracy"
    axes["curve"].set(
        title=f"a  {plots.literal(label)}: {said}",
        xlabel="Validation accuracy (%)",
        ylabel="Epoch",
        ylim=(0, None),
    )
    axes["curve"].legend(ncols=2)
    groups = list(table.groupby(["dataset", "topology"], sort=False))
    losses = [loss for loss in table["loss"].unique() if loss != REFERENCE]
    for letter, (name, label) in zip("bc", MEASURES.items(), strict=True):
        panel = axes[name]
        panel.axvline(0, color=plots.INK, linewidth=0.8)
        for g, (_, rows) in enumerate(groups):
            chosen = rows[(rows["measure"] == name) & (rows["loss"] != REFERENCE)]
            for row in chosen.itertuples():
                y = losses.index(row.loss) + 0.22 * (g - (len(groups) - 1) / 2)
                style = plots.loss_line(row.loss) | {"linestyle": "none"}
                panel.plot(100 * row.difference_mean, y, fillstyle="none" if g else "full", **style)
                if np.isfinite(row.difference_low):
                    panel.plot(
                        [100 * row.difference_low, 100 * row.difference_high],
                        [y, y],
                        color=style["color"],
                        linewidth=1.2,
                    )
        panel.set(yticks=range(len(losses)), xlabel=label, ylim=(len(losses) - 0.5, -0.5))
        panel.set_title(f"{letter}  Against {REFERENCE}")
    failed = set(untrained(table)["loss"])
    axes["learning"].set_yticklabels([f"{loss}*" if loss in failed else loss for loss in losses])
    axes["final"].set_yticklabels([])
    return figure


def untrained(table):
    """Return the rows, one a data set, topology and loss, of what did not train on average."""
    failed = table["train_accuracy"] < selection.TRAINED
    rows = table[(table["measure"] == "learning") & failed]
    return rows.sort_values(["label", "topology"], kind="stable")


def verdict(row):
    """Return yes, no or undecided: whether the difference's interval is above or below 0."""
    if row["train_accuracy"] < selection.TRAINED:
        return "it did not train"
    if row["difference_low"] > 0:
        return "yes"
    return "no, slower" if row["difference_high"] < 0 else "undecided"


def epochs(difference):
    """Return "2.0 epochs later (95 % interval +0.5 to +3.5)" of (mean, low, high)."""
    mean, low, high = difference
    sense = "earlier" if mean < 0 else "later"
    return f"{abs(mean):.1f} epochs {sense} ({prose.bounds(low, high)})"


def findings(table, normalised):
    """Return sentences that answer the claim that the Gaussian window learns faster."""
    if not {REFERENCE, CLAIMED} <= set(table["loss"]):
        return [f"This grid does not train both {REFERENCE} and {CLAIMED}: no answer to the claim."]
    sentences = []
    claimed = table[table["loss"] == CLAIMED]
    for (_, topology), rows in claimed.groupby(["label", "topology"], sort=False):
        by = rows.set_index("measure")
        speed, final, half = by.loc["learning"], by.loc["final"], by.loc["epochs_to_50%"]
        alike = (table["label"] == half["label"]) & (table["topology"] == topology)
        other = table[
            alike & (table["measure"] == "epochs_to_50%") & (table["loss"] == REFERENCE)
        ].iloc[0]
        columns = ["difference_mean", "difference_low", "difference_high"]
        milestone = (
            f"50 % comes {epochs(half[columns])} ({half['reached']:.0%} and "
            f"{other['reached']:.0%} of the networks reach it)"
            if half["reached"] and other["reached"]
            else "50 % is out of reach of one of them or both"
        )
        chance = f", p = {speed['p']:.2g}" if np.isfinite(speed["p"]) else ""
        sentences.append(
            f"{rows['label'].iloc[0]}, {topology}: does {CLAIMED} learn faster than {REFERENCE}? "
            f"{verdict(speed).capitalize()}: mean validation accuracy over training differs, pair "
            "by pair on the same speakers, by "
            f"{prose.points(speed[columns])} over {prose.count(speed['pairs'], 'pair')}{chance}; "
            f"{milestone}; final accuracy differs by {prose.points(final[columns])}."
        )
    sentences.append(
        "Windows are compared at equal gain."
        if normalised
        else "Windows keep their own gain, so that shape and gain are confounded."
    )
    failed = untrained(table)
    if len(failed):
        named = [
            f"{row.loss} ({row.topology}, {100 * row.train_accuracy:.0f} %)"
            for row in failed.itertuples()
        ]
        sentences.append(
            f"Did not train, with less than {100 * selection.TRAINED:.0f} % mean training "
            f"accuracy in the last epoch (marked *): {prose.listed(named)}. Their differences do "
            "not rank them."
        )
    if set(table["loss"]) == {REFERENCE, CLAIMED}:
        return sentences  # one comparison: there is nothing to correct, and it is told above
    tested = table[(table["measure"] == "learning") & (table["p_holm"] < 0.05)]
    tested = tested.drop(failed.index, errors="ignore")
    for sense, others in (
        ("faster", tested[tested["difference_mean"] > 0]),
        ("more slowly", tested[tested["difference_mean"] < 0]),
    ):
        if len(others):
            named = [
                f"{row.loss} ({row.topology}, {100 * row.difference_mean:+.1f} points)"
                for row in others.itertuples()
            ]
            sentences.append(
                f"After Holm's correction {prose.listed(named)} "
                f"{'learns' if len(named) == 1 else 'learn'} {sense} than {REFERENCE}."
            )
    return sentences


def main(arguments):
    columns = dict.fromkeys((*NETWORK, "loss"))
    columns |= {
        "epoch": COUNT,
        "train_accuracy": SHARE,
        "validation_accuracy": Number(0, 1, gaps=True),
    }
    histories = read_csv(arguments.histories, columns=columns, text=("dataset", "label"))
    histories = histories.dropna(subset="validation_accuracy")
    if histories.empty:
        raise InputError(
            "no validation accuracy", file=arguments.histories, hint="hold speakers out"
        )
    table = compare(measure(histories))
    first = histories["dataset"] == histories["dataset"].iloc[0]
    label = histories["label"].iloc[0]
    figure = draw(table, curves(histories[first]), label)
    exhibit.write(arguments, table, findings(table, arguments.settings["normalise_losses"]), figure)


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--histories", required=True, help="histories of all networks, CSV")
    parser.add_argument(
        "--settings", type=command.json_argument, required=True, help="JSON: normalise_losses"
    )
    command.run(main, parser.parse_args())
