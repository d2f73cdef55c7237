"""Test accuracy of the best configuration by speaker and by word."""

import numpy as np
import pandas as pd

from spikespeech import command, statistics
from spikespeech.forms import COUNT, INDEX
from spikespeech.report import exhibit, plots, prose, selection

COLORS = {"heard": plots.BLUE, "unseen": plots.VERMILLION, "word": plots.GREEN}
KINDS = {"heard": "heard in training or validation", "unseen": "speaks in the test only"}
RECORD = {"classes": [{"label": COUNT, "class": str}]}
RECORD["speakers"] = [{"speaker": INDEX, "unseen": bool}]
MAX_GROUPS = 40
"""More groups than this are drawn without their names."""


def tabulate(labels, speakers, predictions, classes, unseen):
    """Return one row for each speaker and word.

    labels, speakers (n,) and predictions (networks, n) are of the test's examples; `classes` are
    the names of the labels, `unseen` the speakers who only speak in the test. Columns: by
    (speaker, word), group, kind (heard, unseen, word), n (examples), accuracy, low, high (95 %
    interval over networks and examples).
    """
    hits = predictions == labels
    groups = [
        ("speaker", str(speaker), "unseen" if speaker in unseen else "heard", speakers == speaker)
        for speaker in np.unique(speakers)
    ]
    groups += [("word", classes[k], "word", labels == k) for k in np.unique(labels)]
    return pd.DataFrame(
        {
            "by": by,
            "group": group,
            "kind": kind,
            "n": int(inside.sum()),
            **statistics.of_hits(hits[:, inside])._asdict(),
        }
        for by, group, kind, inside in groups
    ).rename(columns={"estimate": "accuracy"})


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
                marker="D" if kind == "unseen" else "o",
                color=COLORS[kind],
                label=KINDS.get(kind),
            )
        names = rows["group"] if len(rows) <= MAX_GROUPS else []
        turned = {"rotation": 90} if by == "word" else {}
        axes.set_xticks(range(len(names)), plots.short(names), fontsize=7.5, **turned)
        axes.set(ylabel="Accuracy (%)", ylim=(0, 104), title=f"{label}, by {by}")
        axes.grid(False, axis="x")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure


def findings(table, evaluations):
    """Return, for each data set, the accuracy of all and of unseen speakers, and both extremes."""
    sentences = []
    for label, rows in table.groupby("label", sort=False):
        same = (
            evaluations[["dataset", *selection.CONFIGURATION]]
            == rows.iloc[0][["dataset", *selection.CONFIGURATION]]
        )
        right = {
            series: prose.percent(statistics.mean_accuracy(own["accuracy"], own["n"].iloc[0]))
            for series, own in evaluations[same.all(axis=1)].groupby("series")
            if series in ("test", "unseen")
        }
        parts = [f"{right['test']} of all words"]
        if "unseen" in right:
            n = (rows["kind"] == "unseen").sum()
            parts.append(
                f"{right['unseen']} of those of the {prose.count(n, 'speaker')} heard in the "
                "test only"
            )
        words = rows[rows["by"] == "word"].set_index("group")
        sentences.append(f"{label}: right are {prose.listed(parts)}; {extremes(words)}.")
        sentences += prose.caveat(label)
    return sentences


def extremes(words):
    """Return which words of a table (accuracy, low, high; its index) are known best, which least.

    Words that are right equally often have intervals of their own, by how many examples they
    have: the widest is told.
    """
    parts = []
    for known, value in (("best", words["accuracy"].max()), ("least", words["accuracy"].min())):
        own = words[np.isclose(words["accuracy"], value)]
        bounds = (value, own["low"].min(), own["high"].max())
        if len(own) == len(words):
            return f"all words are known alike, {prose.percent(bounds, 0)}"
        parts.append(f"{known} known {prose.named(own.index)}, {prose.percent(bounds, 0)}")
    return prose.listed(parts)


def main(arguments):
    evaluations = selection.read(arguments.evaluations)
    tables = []
    records = exhibit.records(arguments.evaluation, RECORD)
    for dataset, label in arguments.labels.items():
        best = selection.best_configuration(evaluations, dataset)
        axes = dict(zip(selection.CONFIGURATION, best, strict=True))
        # Who is unseen and what the classes are called is the same for all networks.
        record = next(
            record
            for network, record in records
            if selection.matches(network, dataset=dataset, **axes)
        )
        names = {row["label"]: row["class"] for row in record["classes"]}
        unseen = {row["speaker"] for row in record["speakers"] if row["unseen"]}
        paths = exhibit.belonging(arguments.predictions, dataset=dataset, **axes)
        read = selection.predictions(paths, len(names))
        predictions = np.array([own["prediction"] for own in read])
        labels, speakers = (read[0][column].to_numpy() for column in ("label", "speaker"))
        table = tabulate(labels, speakers, predictions, names, unseen)
        tables.append(table.assign(dataset=dataset, label=label, **axes, networks=len(read)))
    table = pd.concat(tables, ignore_index=True)
    exhibit.write(arguments, table, findings(table, evaluations), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--evaluations", required=True, help="evaluations.csv of all networks")
    parser.add_argument("--evaluation", nargs="+", required=True, help="evaluation.json of each")
    parser.add_argument("--predictions", nargs="+", required=True, help="predictions.csv of each")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
