"""Test accuracy of the best configuration by speaker and by word."""

import pandas as pd

from spikespeech import command, statistics
from spikespeech.reading import read_json
from spikespeech.report import exhibit, plots, prose, selection

COLORS = {"heard": plots.BLUE, "unheard": plots.VERMILLION, "word": plots.GREEN}
KINDS = {"heard": "heard in training or validation", "unheard": "speaks in the test only"}
MOST = 40
"""More groups than this are drawn without their names."""


def tabulate(records):
    """Return one row for each speaker and word, counts summed over networks.

    Columns: by (speaker, word), group, kind (heard in training or validation, unheard, word), n,
    correct, accuracy, low, high (Wilson's 95 % interval).
    """
    rows = []
    for record in records:
        for row in record["speakers"]:
            kind = "unheard" if row["unseen"] else "heard"
            rows.append(("speaker", str(row["speaker"]), kind, row["n"], row["correct"]))
        for row in record["classes"]:
            rows.append(("word", row["class"], "word", row["n"], row["correct"]))
    columns = ["by", "group", "kind", "n", "correct"]
    table = pd.DataFrame(rows, columns=columns).groupby(columns[:3], sort=False).sum()
    intervals = [statistics.proportion(row.correct, row.n) for row in table.itertuples()]
    table[["accuracy", "low", "high"]] = pd.DataFrame(intervals, index=table.index)
    return table.reset_index()


@plots.style()
def draw(table):
    """Return the figure: for each data set a panel of speakers above a panel of words."""
    panels = list(table.groupby(["label", "by"], sort=False))
    figure, grid = plots.subplots(len(panels), height=0.4 + 2.1 * len(panels), squeeze=False)
    for (axes,), ((label, by), rows) in zip(grid, panels, strict=True):
        places = pd.Series(range(len(rows)), index=rows.index)
        for kind, some in rows.groupby("kind", sort=False):
            plots.interval(
                axes,
                places[some.index],
                100 * some["accuracy"],
                100 * some["low"],
                100 * some["high"],
                linestyle="none",
                marker="D" if kind == "unheard" else "o",
                color=COLORS[kind],
                label=KINDS.get(kind),
            )
        names = rows["group"] if len(rows) <= MOST else []
        turned = {"rotation": 90} if by == "word" else {}
        axes.set_xticks(
            range(len(names)), [plots.literal(n) for n in names], fontsize=7.5, **turned
        )
        axes.set(ylabel="Accuracy (%)", ylim=(0, 104), title=f"{label}, by {by}")
        axes.grid(False, axis="x")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure


def findings(table):
    """Return, for each data set, the accuracy of unheard and heard speakers, and both extremes."""
    sentences = []
    for label, rows in table.groupby("label", sort=False):
        sums = rows.groupby("kind")[["correct", "n"]].sum()
        kinds = [
            f"{prose.percent(statistics.proportion(*sums.loc[kind]))} of the words of {kind} "
            "speakers"
            for kind in ("unheard", "heard")
            if kind in sums.index
        ]
        words = rows[rows["by"] == "word"].sort_values("accuracy")
        worst, best = words.iloc[0], words.iloc[-1]
        sentences.append(
            f"{label}: right are {prose.listed(kinds)}. The easiest word is “{best['group']}” "
            f"({100 * best['accuracy']:.0f} %), the hardest “{worst['group']}” "
            f"({100 * worst['accuracy']:.0f} %)."
        )
    return sentences


def main(arguments):
    evaluations = selection.read(arguments.evaluations)
    tables = []
    for dataset, label in arguments.settings["labels"].items():
        best = selection.best_configuration(evaluations, dataset)
        axes = dict(zip(selection.CONFIGURATION, best, strict=True))
        records = [
            read_json(path, keys=["classes", "speakers"])
            for path, network in zip(
                arguments.evaluation, arguments.settings["networks"], strict=True
            )
            if selection.matches(network, dataset=dataset, **axes)
        ]
        table = tabulate(records)
        tables.append(table.assign(dataset=dataset, label=label, **axes, networks=len(records)))
    table = pd.concat(tables, ignore_index=True)
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--evaluations", required=True, help="evaluations.csv of all networks")
    parser.add_argument("--evaluation", nargs="+", required=True, help="evaluation.json of each")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: the networks of the evaluations, labels of the data sets",
    )
    command.run(main, parser.parse_args())
