"""Fixed-point minus float accuracy on the same test examples, with the published differences."""

import numpy as np
import pandas as pd

from spikespeech import command, statistics
from spikespeech.forms import COUNT, SHARE
from spikespeech.report import exhibit, plots, prose, published, selection

INPUTS = {
    "binary": ("binary input, as in training", plots.BLUE, "o"),
    "counts": ("counts as graded input", plots.SKY, "v"),
    "aligned": ("binary, from the first event", plots.GREY, "^"),
    "graded": ("counts from the first event", plots.ORANGE, "s"),
}
COLUMNS = [
    *("dataset", "fold", "loss", "hidden", "topology", "seed", "label", "bits", "scale", "input"),
    *("n", "float_accuracy", "correct", "accuracy", "low", "high"),
    *("difference", "difference_low", "difference_high"),
    *("only_float", "only_this", "p_value", "agreement", "hidden_spikes", "output_spikes"),
    *("late_spikes", "wrapped_examples", "saturated_hidden", "saturated_output", "largest_count"),
]
PUBLISHED = ("published: Lava (5 seeds)", plots.GREEN, "D")


def collect(records, labels):
    """Return one row for each network and input convention; `records` as of `exhibit.records`."""
    table = pd.DataFrame(
        {
            **axes,
            "label": labels[axes["dataset"]],
            "bits": record["bits"],
            "scale": record["scale"],
            "float_accuracy": record["float_accuracy"],
            **result,
        }
        for axes, record in records
        for result in record["inputs"]
    )
    return table.reindex(columns=COLUMNS)


def summarise(table):
    """Return the mean difference over seeds and folds, with its interval, of each configuration.

    A single network's interval is that of its paired differences over the examples.
    """
    rows = []
    axes = ["dataset", "label", "loss", "hidden", "topology", "input"]
    for key, group in table.groupby(axes, sort=False):
        mean = statistics.mean(group["difference"])
        if len(group) == 1:
            own = group[["difference", "difference_low", "difference_high"]].iloc[0]
            mean = statistics.Interval(*own)
        rows.append({**dict(zip(axes, key, strict=True)), **mean._asdict(), "n": len(group)})
    return pd.DataFrame(rows)


@plots.style()
def draw(summary, reference):
    """Return the figure: a row for each configuration, differences in percentage points."""
    datasets = list(summary.groupby(["dataset", "label"], sort=False))
    panels = [(label, rows, None) for (_, label), rows in datasets]
    panels += [
        (f"{name.upper()}, as published", None, rows)
        for name, rows in reference.groupby("dataset", sort=False)
    ]
    sizes = [3 + _configurations(r).ngroups if r is not None else 3 + len(p) for _, r, p in panels]
    figure, grid = plots.subplots(
        len(panels),
        height=0.7 + 0.22 * sum(sizes),
        squeeze=False,
        sharex=True,
        gridspec_kw={"height_ratios": sizes},
    )
    handles = {}
    for axes, (title, rows, published_rows) in zip(grid[:, 0], panels, strict=True):
        axes.axvline(0, color=plots.INK, linewidth=0.8)
        names = (
            _ours(axes, rows, handles)
            if rows is not None
            else _theirs(axes, published_rows, handles)
        )
        axes.set_yticks(range(len(names)), names)
        axes.set(title=title, ylim=(len(names) - 0.4, -0.6))
    grid[-1, 0].set_xlabel("Fixed point minus float (percentage points)")
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=2)
    return figure


def _configurations(rows):
    return rows.groupby(["loss", "hidden", "topology"], sort=False)


def _ours(axes, rows, handles):
    names, inputs = [], list(dict.fromkeys(rows["input"]))
    for place, ((loss, hidden, topology), group) in enumerate(_configurations(rows)):
        names.append(f"{loss} {hidden}{'' if topology == 'recurrent' else ' ff'}")
        for shift, row in zip(
            np.linspace(-0.15, 0.15, len(inputs)), group.itertuples(), strict=False
        ):
            label, colour, marker = INPUTS[row.input]
            handles[label] = _point(axes, place + shift, row, colour, marker)
    return names


def _theirs(axes, rows, handles):
    label, colour, marker = PUBLISHED
    for place, row in enumerate(rows.itertuples()):
        handles[label] = _point(axes, place, row, colour, marker)
    return [str(hidden) for hidden in rows["hidden"]]


def _point(axes, y, row, colour, marker):
    low, high = np.nan_to_num([row.estimate - row.low, row.high - row.estimate])
    return axes.errorbar(
        100 * row.estimate,
        y,
        xerr=[[100 * low], [100 * high]],
        color=colour,
        marker=marker,
        linestyle="none",
        elinewidth=1.1,
        capsize=2,
    )


def published_differences():
    """Return the published Lava minus float accuracies with 95 % intervals over the seeds."""
    table = published.quantisation()
    return table.assign(
        estimate=table["difference"] / 100, low=table["low"] / 100, high=table["high"] / 100
    )


def findings(table, evaluations):
    """Return, for each data set and input, the mean difference of the networks that learned.

    And in how many of them McNemar's test finds one.
    """
    sentences = []
    table = table[selection.learned(table, evaluations)]
    for (label, name), rows in table.groupby(["label", "input"], sort=False):
        difference = statistics.mean(rows["difference"])
        clear = int((rows["p_value"] < 0.05).sum())
        sentences.append(
            f"On {label}, {rows['bits'].iloc[0]}-bit integers with {name} input change test "
            f"accuracy by {prose.points(difference)} on average over "
            f"{prose.count(len(rows), 'network')} that learned; McNemar's test finds a "
            f"difference (p < 0.05, uncorrected) in {clear}."
        )
    reference = published.quantisation()["difference"]
    sentences.append(
        f"Published for Lava, on SHD and SSC: {reference.min():+.1f} to {reference.max():+.1f} "
        "points.".replace("-", "−")
    )
    return sentences


def main(arguments):
    keys = {"bits": COUNT, "scale": str, "float_accuracy": SHARE, "inputs": [dict]}
    table = collect(exhibit.records(arguments.results, keys), arguments.labels)
    figure = draw(summarise(table), published_differences())
    exhibit.write(arguments, table, findings(table, selection.read(arguments.evaluations)), figure)


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--evaluations", required=True, help="evaluations.csv of all networks")
    parser.add_argument("--results", nargs="+", required=True, help="fixed_point.json of each")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
