"""Draw what compared searches reach on speakers who never trained, and how far from a reference."""

from pathlib import Path

import numpy as np
import pandas as pd

from spikespeech import command, statistics
from spikespeech.errors import InputError
from spikespeech.forms import COUNT, SHARE, Number
from spikespeech.network.axes import hidden_label
from spikespeech.reading import HINT, read_json
from spikespeech.report import exhibit, plots, prose

RECORD = {
    **{"search": str, "seed": COUNT, "settings": dict, "spikes": Number(0)},
    **{"train_accuracy": SHARE, "weights": COUNT, "parameters": COUNT},
    "unseen": {"correct": COUNT, "examples": COUNT, "right": [COUNT]},
}
TIME = {"cpu_seconds": Number(0)}

CONFIDENCE = 0.95
MARGIN = 0.03
"""Two searches are alike where the interval of their difference is within this much of accuracy."""

DRAWS = 10_000
"""Of a bootstrap: intervals of many differences reach far into its tails."""

TRAINED = 0.5
"""Who has less than this share of a comparison's highest training accuracy did not train.

Not by validation accuracy, as `selection.learned`: a network that trained and generalises badly is
a finding of the comparison.
"""

REFERENCE, BETTER, WORSE, ALIKE, OPEN = "reference", "better", "worse", "alike", "undecided"
UNTRAINED = "did not train"
COLORS = {
    REFERENCE: plots.INK,
    BETTER: plots.BLUE,
    WORSE: plots.ORANGE,
    ALIKE: plots.FAINT,
    OPEN: plots.FAINT,
    UNTRAINED: plots.FAINT,
}


def read(paths):
    """Return {search: records in the order of their seeds}, each with its cpu_seconds."""
    found = {}
    for path in map(Path, paths):
        record = read_json(path, keys=RECORD)
        record |= read_json(path.with_suffix(".time.json"), keys=TIME)
        own = found.setdefault(record["search"], [])
        if own and len(own[0]["unseen"]["right"]) != len(record["unseen"]["right"]):
            raise InputError("is of other words than the others", file=path, hint=HINT)
        if not record["unseen"]["right"]:
            raise InputError(
                "has no example of a speaker who never trained",
                file=path,
                hint="compare on a data set whose test part has speakers of its own",
            )
        own.append(record)
    return found


def tabulate(records, comparisons):
    """Return one row a search of each comparison, the reference first.

    Parameters
    ----------
    records : {search: records of its final trainings}
    comparisons : {name: {"label": of the data set, "searches": the reference and the others}}

    Columns: comparison, label, search, finding (`verdict`, or that it did not train); hidden,
    topology; networks, words; accuracy on the words of unseen speakers, low, high; difference to
    the reference, difference_low, difference_high; train_accuracy, weights, parameters, spikes
    (means over the networks), cpu_seconds of a training (their median). Intervals are over networks
    and words (`statistics.crossed`); those of differences are paired by word and hold for all
    searches of a comparison together (Bonferroni).
    """
    rows = []
    for name, section in comparisons.items():
        first, *others = section["searches"]
        reference = _right(records[first])
        confidence = 1 - (1 - CONFIDENCE) / len(others)
        for search in (first, *others):
            own = records[search]
            right = _right(own)
            if right.shape != reference.shape:
                raise InputError(f"{name}: {search} is of other words or seeds than {first}")
            difference = (
                statistics.Interval(*[np.nan] * 3)
                if search == first
                else _difference(right, reference, confidence)
            )
            accuracy = statistics.of_hits(right, CONFIDENCE, DRAWS)
            settings = own[0]["settings"]
            means = ("train_accuracy", "weights", "parameters", "spikes")
            rows.append(
                {
                    "comparison": name,
                    "label": section["label"],
                    "search": search,
                    "finding": REFERENCE if search == first else verdict(difference),
                    "hidden": hidden_label(settings["hidden"]),
                    "topology": "recurrent" if settings["recurrent"] else "feedforward",
                    **dict(zip(("networks", "words"), right.shape, strict=True)),
                    **dict(zip(("accuracy", "low", "high"), accuracy, strict=True)),
                    "difference": difference.estimate,
                    "difference_low": difference.low,
                    "difference_high": difference.high,
                    **{key: np.mean([record[key] for record in own]) for key in means},
                    "cpu_seconds": np.median([record["cpu_seconds"] for record in own]),
                }
            )
    table = pd.DataFrame(rows)
    highest = table.groupby("comparison")["train_accuracy"].transform("max")
    untrained = table["train_accuracy"] < TRAINED * highest
    table.loc[untrained & (table["finding"] != REFERENCE), "finding"] = UNTRAINED
    return table


def _right(records):
    """Return which words of unseen speakers are right, (networks, words) of 0 and 1."""
    return np.array([record["unseen"]["right"] for record in records], dtype=np.float64)


def _difference(first, second, confidence):
    """Return the Interval of the mean of `first` - `second` (networks, words)."""
    if (first == second).all():  # redrawing varies nothing
        return statistics.Interval(0.0, np.nan, np.nan)
    return statistics.crossed(first - second, confidence, DRAWS)


def verdict(difference):
    """Return what the Interval of a difference to the reference says."""
    if difference.low > 0:
        return BETTER
    if difference.high < 0:
        return WORSE
    if difference.low >= -MARGIN and difference.high <= MARGIN:
        return ALIKE
    return OPEN


@plots.style()
def draw(table):
    """Return the figure: a row of panels a comparison, accuracies left and differences right."""
    groups = list(table.groupby("comparison", sort=False))
    sizes = [len(rows) for _, rows in groups]
    figure, grid = plots.subplots(
        len(groups),
        2,
        height=0.9 * len(groups) + 0.24 * sum(sizes),
        squeeze=False,
        sharey="row",
        height_ratios=[size + 2 for size in sizes],
    )
    for (left, right), (name, rows) in zip(grid, groups, strict=True):
        for y, row in enumerate(rows.itertuples()):
            color = COLORS[row.finding]
            _interval(left, y, row.accuracy, row.low, row.high, color)
            if row.finding != REFERENCE:
                _interval(right, y, row.difference, row.difference_low, row.difference_high, color)
        left.set_yticks(range(len(rows)), plots.short(rows["search"]))
        left.set(ylim=(len(rows) - 0.5, -0.5), xlabel="Accuracy, speakers never heard (%)")
        left.set_title(f"{name}: {plots.literal(rows['label'].iloc[0])}", loc="left")
        right.axvline(0, color=plots.INK, linewidth=0.8)
        for side in (-100 * MARGIN, 100 * MARGIN):
            right.axvline(side, color=plots.FAINT, linestyle=":", linewidth=0.8)
        right.set(xlabel=f"Difference to {plots.literal(rows['search'].iloc[0])} (points)")
        for axes in (left, right):
            axes.grid(False, axis="y")
    return figure


def _interval(axes, y, middle, low, high, color):
    sides = np.clip(np.nan_to_num([[middle - low], [high - middle]]), 0, None)
    axes.errorbar(
        100 * middle, y, xerr=100 * sides, fmt="o", color=color, elinewidth=1.1, capsize=2.5
    )


def findings(table):
    """Return a line for each comparison: what helps, what does not, what is not decided."""
    lines = []
    for name, rows in table.groupby("comparison", sort=False):
        first, others = rows.iloc[0], rows.iloc[1:]
        said = [
            f"{name}, on {first['label']}: {first['search']} gets "
            f"{prose.percent(first[['accuracy', 'low', 'high']])} of "
            f"{prose.count(first['words'], 'word')} of speakers who never trained right, over "
            f"{prose.count(first['networks'], 'network')}"
        ]
        for finding, words in (
            (BETTER, "better than it"),
            (WORSE, "worse"),
            (ALIKE, f"no difference beyond {100 * MARGIN:.0f} points"),
            (OPEN, "not decided"),
        ):
            own = others[others["finding"] == finding]
            each = [f"{row['search']} {_points(row)}" for _, row in own.iterrows()]
            if each:
                said.append(f"{words}: {prose.listed(each)}")
        untrained = others[others["finding"] == UNTRAINED]
        if len(untrained):
            said.append(f"did not train: {prose.listed(untrained['search'])}")
        below = others[others["finding"].isin((WORSE, UNTRAINED))]
        if len(below):
            # What did not train cannot generalise.
            learnt = pd.concat([rows.head(1), below])
            shares = [
                f"{row.search} {100 * row.train_accuracy:.0f} %" for row in learnt.itertuples()
            ]
            said.append(f"training accuracy of it and of these: {prose.listed(shares)}")
        lines.append(f"{'; '.join(said)}.")
    lines += [line for label in dict.fromkeys(table["label"]) for line in prose.caveat(label)]
    return lines


def _points(row):
    estimate, low, high = 100 * row[["difference", "difference_low", "difference_high"]]
    bounds = f" ({low:+.1f} to {high:+.1f})" if np.isfinite(low) else " (every answer is the same)"
    return f"{estimate:+.1f} points{bounds}".replace("-", "−")


def main(arguments):
    table = tabulate(read(arguments.records), arguments.settings)
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument(
        "--records",
        nargs="+",
        required=True,
        help="JSON files of confirm.py; beside each its *.time.json",
    )
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON by comparison: label of its data set, searches with the reference first",
    )
    command.run(main, parser.parse_args())
