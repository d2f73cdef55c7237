"""Test accuracy by loss and size, validation and published values beside it."""

import pandas as pd

from spikespeech import command, statistics
from spikespeech.forms import COUNT, SHARE, Number
from spikespeech.network.axes import by_size
from spikespeech.reading import read_csv
from spikespeech.report import exhibit, plots, prose, published, selection

JUDGES = {"validation": "validation accuracy", "train": "training accuracy"}
GROUP = ["dataset", "label", "topology", "loss", "hidden"]
LINEAR = "linear read-out"
READOUT = {"series": frozenset({"test", "unseen", "validation"})}
READOUT |= {"accuracy": SHARE, "low": SHARE, "high": SHARE}
READOUT |= {"networks": COUNT, "examples": COUNT}
DIFFERENCE = ["difference", "difference_low", "difference_high"]
READOUT |= dict.fromkeys(DIFFERENCE, Number(-1, 1))


def summarise(evaluations):
    """Return the mean accuracy over networks, its 95 % interval and range, for each series.

    Columns: GROUP, series (validation, test, unseen: the test's speakers who are heard nowhere
    else, published), accuracy, low, high, least, most, networks (seeds times folds), examples,
    classes, chosen (in the rows of the best configuration, by which accuracy it is the best).
    """
    known = evaluations[evaluations["series"] != "train"]
    table = pd.DataFrame(
        dict(zip([*GROUP, "series"], key, strict=True))
        | spread(group["accuracy"], group["n"].iloc[0])
        | {"examples": group["n"].iloc[0], "classes": group["classes"].iloc[0]}
        for key, group in known.groupby([*GROUP, "series"], sort=False)
    )
    table["chosen"] = None
    for dataset in dict.fromkeys(table["dataset"]):
        best = selection.best_configuration(evaluations, dataset)
        own = table[selection.CONFIGURATION].apply(tuple, axis=1) == best
        judge = selection.ranking(evaluations, dataset)["series"].iloc[0]
        table.loc[own & (table["dataset"] == dataset), "chosen"] = JUDGES[judge]
    return table


def spread(values, n):
    """Return the mean of accuracies on n words, one a network, its interval in 0..1 and range."""
    mean, low, high = statistics.mean_accuracy(values, n)
    span = {"least": values.min(), "most": values.max(), "networks": len(values)}
    return {"accuracy": mean, "low": low, "high": high} | span


def with_linear(table, linear):
    """Append the linear read-outs of counts, see `collect_linear.py`, as a loss of their own."""
    rows = linear.assign(loss=LINEAR, hidden=0, topology="none", networks=linear["folds"])
    classes = table.drop_duplicates("dataset").set_index("dataset")["classes"]
    return pd.concat(
        [table, rows[[*GROUP, *READOUT]].assign(classes=rows["dataset"].map(classes))],
        ignore_index=True,
    )


def with_published(table):
    """Append the published float accuracies of data sets in the table, by sum_exp, recurrent.

    Their low and high are the 95 % interval of the mean over their five seeds.
    """
    runs = published.table("networks").assign(accuracy=lambda t: t["test_correct"] / t["test_n"])
    rows = []
    for (dataset, label), own in table.groupby(["dataset", "label"], sort=False):
        for hidden, group in runs[runs["dataset"] == dataset].groupby("hidden"):
            key = (dataset, label, "recurrent", "sum_exp", hidden, "published")
            counts = {"examples": group["test_n"].iloc[0], "classes": own["classes"].iloc[0]}
            found = spread(group["accuracy"], counts["examples"]) | counts
            rows.append(dict(zip([*GROUP, "series"], key, strict=True)) | found)
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True) if rows else table


@plots.style()
def draw(table):
    """Return the figure: a panel for each data set and topology, sizes along x."""
    table = table[table["series"] != "unseen"]
    control = (table["loss"] == LINEAR) & (table["series"] == "test")
    readouts = table[control].set_index("dataset")["accuracy"]
    table = table[table["loss"] != LINEAR]
    panels = list(table.groupby(["dataset", "label", "topology"], sort=False))
    losses = list(dict.fromkeys(table["loss"]))
    figure, grid = plots.subplots(len(panels), height=0.8 + 2.4 * len(panels), squeeze=False)
    for (axes,), ((dataset, label, topology), rows) in zip(grid, panels, strict=True):
        sizes = by_size(rows["hidden"])
        for (loss, series), points in rows.groupby(["loss", "series"], sort=False):
            shift = 0.7 * ((losses.index(loss) + 0.5) / len(losses) - 0.5)
            shift += {"validation": -0.05, "published": 0.07}.get(series, 0)
            color, _, marker = plots.loss_line(loss).values()
            plots.interval(
                axes,
                [sizes.index(hidden) + shift for hidden in points["hidden"]],
                100 * points["accuracy"],
                100 * points["low"],
                100 * points["high"],
                linestyle="none",
                marker="_" if series == "published" else marker,
                markersize=9 if series == "published" else 5,
                color=plots.INK if series == "published" else color,
                markerfacecolor="none" if series == "validation" else None,
                alpha=0.75 if series == "validation" else 1,
            )
        plots.chance(axes, 100 / rows["classes"].iloc[0])
        if dataset in readouts:
            axes.axhline(100 * readouts[dataset], color=plots.INK, linestyle="--", linewidth=0.9)
        axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axes.set(ylabel="Accuracy (%)", ylim=(0, 104), title=f"{label}, {topology}")
        axes.set_xlim(-0.5, len(sizes) - 0.5)
        axes.grid(False, axis="x")
    grid[-1, 0].set_xlabel("Hidden neurons")
    figure.legend(handles=legend(losses, table), loc="outside upper center", ncols=3)
    return figure


def legend(losses, table):
    """Return the handles of the legend: the losses, then what open and filled points mean."""
    line = plots.plt.Line2D
    handles = [
        line([], [], **{**plots.loss_line(loss), "linestyle": "none"}, label=loss)
        for loss in losses
    ]
    ink = {"linestyle": "none", "color": plots.INK}
    handles.append(line([], [], marker="o", **ink, label="filled: test"))
    handles.append(line([], [], marker="o", fillstyle="none", **ink, label="open: validation"))
    handles.append(line([], [], linestyle="--", color=plots.INK, label="linear read-out, test"))
    if (table["series"] == "published").any():
        handles.append(line([], [], marker="_", markersize=9, **ink, label="published test"))
    return handles


def findings(table, evaluations):
    """Return, for each data set, the best configuration's accuracies and the losses' gaps to it."""
    sentences = []
    for _, rows in table[table["chosen"].notna()].groupby("dataset", sort=False):
        by = rows.set_index("series")
        test = by.loc["test"]
        best = [
            f"{test['label']}: best by {test['chosen']} is {test['loss']} with {test['hidden']} "
            f"{test['topology']} hidden neurons, which classifies "
            f"{prose.percent(test[['accuracy', 'low', 'high']])} of {int(test['examples']):,} test "
            f"examples, a mean over {prose.count(test['networks'], 'network')}; chance is "
            f"{100 / test['classes']:.1f} %."
        ]
        if "unseen" in by.index:
            unseen = by.loc["unseen"]
            best.append(
                f"Of the {int(unseen['examples']):,} examples by speakers whom neither training "
                "nor validation heard it classifies "
                f"{prose.percent(unseen[['accuracy', 'low', 'high']])}."
            )
        # One line, which the summary quotes: no accuracy stands there without its control.
        best += beside_linear(table[table["dataset"] == test["dataset"]])
        sentences += [" ".join(best), *prose.caveat(test["label"])]
        sentences += gaps(evaluations, test)
        sentences += untrained(evaluations, test["dataset"])
    return sentences


def untrained(evaluations, dataset):
    """Return a sentence on the losses of which networks did not learn, if there are any."""
    own = selection.ranking(evaluations, dataset)
    good = selection.learned(own, evaluations)
    parts = [
        f"{loss} ({(~well).sum()} of {len(well)}, "
        f"mean {100 * own['accuracy'][well.index].mean():.1f} %)"
        for loss, well in good.groupby(own["loss"], sort=False)
        if not well.all()
    ]
    if not parts:
        return []
    return [
        f"Did not learn, by {JUDGES[own['series'].iloc[0]]} less than half way from chance to the "
        f"best network's: {prose.listed(parts)}."
    ]


def beside_linear(table):
    """Return what the linear read-out's accuracies are, and the networks' differences to them."""
    own = table[table["loss"] == LINEAR].set_index("series")
    who = {"test": "of the test", "unseen": "of its unseen speakers"}
    parts = [
        f"{prose.percent(row[['accuracy', 'low', 'high']])} {who[series]}, to which the "
        f"networks' difference is {prose.points(row[DIFFERENCE])}"
        for series, row in own.iterrows()
        if series in who
    ]
    lines = [
        "A linear read-out of spike counts in bins of time and groups of channels, without a "
        f"hidden layer, classifies {prose.listed(parts)}, over networks and words."
    ]
    if "validation" in own.index:
        row = own.loc["validation"]
        lines.append(
            f"On {int(row['examples']):,} examples by speakers who are left out of training in "
            f"turn, {int(row['networks'])} folds, it classifies "
            f"{prose.percent(row[['accuracy', 'low', 'high']])}, with the penalty that is best for "
            f"them, and the networks {100 * (row['accuracy'] + row[DIFFERENCE[0]]):.1f} %: "
            f"{prose.points(row[DIFFERENCE])}, over folds."
        )
    return lines


def gaps(evaluations, best):
    """Return a sentence: paired differences in test accuracy of the other losses to the best."""
    like = evaluations[["dataset", "topology", "hidden"]] == best[["dataset", "topology", "hidden"]]
    test = evaluations[like.all(axis=1) & (evaluations["series"] == "test")].pivot_table(
        index=["fold", "seed"], columns="loss", values="accuracy", sort=False
    )
    parts = []
    for other in test.columns.drop(best["loss"]):
        pairs = test[[other, best["loss"]]].dropna()
        if len(pairs):
            gap = statistics.paired_difference(pairs[other], pairs[best["loss"]])
            parts.append(f"{other} {prose.points(gap)}")
    against = f"At that size, against {best['loss']}, seed by seed"
    return [f"{against}: {prose.listed(parts)}."] if parts else []


def main(arguments):
    evaluations = selection.read(arguments.evaluations)
    columns = {"dataset": None, "label": None, "folds": COUNT, **READOUT}
    linear = read_csv(arguments.linear, columns=columns)
    table = with_linear(with_published(summarise(evaluations)), linear)
    exhibit.write(arguments, table, findings(table, evaluations), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--evaluations", required=True, help="evaluations.csv of all networks")
    parser.add_argument("--linear", required=True, help="linear.csv of collect_linear.py")
    command.run(main, parser.parse_args())
