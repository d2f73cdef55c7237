"""Networks that others trained, by name: in floats, and in integers by each input convention."""

import pandas as pd

from spikespeech import command, network, statistics
from spikespeech.network import axes
from spikespeech.reading import read_csv, read_json
from spikespeech.report import exhibit, plots, prose

FLOAT = "float"
SERIES = {
    FLOAT: FLOAT,
    "fixed point": "integers, input: binary",
    "input: counts": "integers, input: counts",
    "input: aligned": "integers, input: aligned",
    "input: graded": "integers, input: graded",
    "input: graded, back to back": "integers, input: graded, examples back to back",
    "output threshold 2^16": "integers, input: binary, output threshold 2^16",
}
"""Variants of scripts/deployment/ablate.py that are shown, and what they are called."""
MARKERS = "osD^vP*"
COLUMNS = ["accuracy", "low", "high", "n"]
PAIRED = ["difference", "difference_low", "difference_high", "p_value", "agreement"]
SOURCES = {"mlgenn": "an mlGeNN checkpoint", "nir": "a NIR graph", "netx": "a NetX file"}


def tabulate(weights, evaluations, ablations, labels):
    """Return one row for each network and series.

    Parameters
    ----------
    weights, evaluations, ablations : paths of the networks' own files; no ablations where they
        are not deployed
    labels : of the data sets, by name

    Columns: network, label, source, loss, hidden, topology, series; accuracy with its interval
    (Wilson's) and n; the difference to float of the same examples with its interval, McNemar's
    p_value, and agreement.
    """
    tables = {}
    for path in ablations:
        table = read_csv(path, columns=["variant", *COLUMNS, *PAIRED])
        tables[axes.of_table(table, path)["seed"]] = table.set_index("variant")
    rows = []
    for path, evaluation in zip(weights, evaluations, strict=True):
        own, _ = axes.of_weights(path)
        record = read_json(evaluation, keys=COLUMNS)
        base = {
            "network": own["seed"],
            "label": labels[own["dataset"]],
            "source": network.about(path)["imported"]["format"],
            **{axis: own[axis] for axis in ("loss", "hidden", "topology")},
        }
        rows.append({**base, "series": FLOAT} | {key: record[key] for key in COLUMNS})
        found = tables.get(own["seed"], pd.DataFrame())
        for variant in SERIES:
            if variant != FLOAT and variant in found.index:
                row = found.loc[variant, [*COLUMNS, *PAIRED]].to_dict()
                rows.append({**base, "series": variant} | row)
    return pd.DataFrame(rows, columns=[*base, "series", *COLUMNS, *PAIRED])


@plots.style()
def draw(table):
    """Return the figure: a row for each network, a point for each series."""
    names = list(dict.fromkeys(table["network"]))
    shown = [name for name in SERIES if (table["series"] == name).any()]
    figure, panel = plots.subplots(height=1.2 + 0.12 * len(shown) + 0.13 * len(table) + 0.2)
    place = 0.0
    middles = []
    for name in names:
        rows = table[table["network"] == name]
        for i, row in enumerate(rows.itertuples()):
            which = shown.index(row.series)
            sides = row.accuracy - row.low, row.high - row.accuracy
            panel.errorbar(
                100 * row.accuracy,
                place + i,
                xerr=[[100 * max(side, 0)] for side in sides],
                color=plots.CYCLE[which],
                marker=MARKERS[which],
                linestyle="none",
                elinewidth=1.1,
                label=SERIES[row.series] if name == names[0] else None,
            )
        middles.append(place + (len(rows) - 1) / 2)
        place += len(rows) + 1.5
    labels = table.drop_duplicates("network")["label"]
    panel.set_yticks(
        middles,
        [
            f"{short}\n{plots.literal(label)}"
            for short, label in zip(plots.short(names), labels, strict=True)
        ],
    )
    panel.set(ylim=(place - 1, -1), xlabel="Test accuracy (%)")
    figure.legend(loc="outside upper center", ncols=1)
    return figure


def findings(table):
    """Return a line on each network, and on the mean difference of each series from float."""
    lines = []
    for name, rows in table.groupby("network", sort=False):
        first = rows.iloc[0]
        accuracy = prose.percent(first[["accuracy", "low", "high"]])
        line = (
            f"{name}, {first['hidden']} {first['topology']} hidden neurons from "
            f"{SOURCES[first['source']]}, on {first['label']}: {accuracy} of "
            f"{prose.count(int(first['n']), 'test example')} in floats"
        )
        others = rows[rows["series"] != FLOAT]
        if len(others):
            worst = others.loc[others["difference"].idxmin()]
            bounds = worst[["difference", "difference_low", "difference_high"]].to_list()
            line += (
                f"; of {len(others)} ways to run it in integers the least accurate is "
                f"“{SERIES[worst['series']]}”, {prose.points(bounds)} from float"
                if worst["difference"] < 0
                else f"; none of {len(others)} ways to run it in integers is less accurate"
            )
        lines.append(f"{line}.")
    for label, part in table.groupby("label", sort=False):
        means = [
            f"{SERIES[name]}: {prose.points(statistics.mean(rows['difference']))}"
            for name, rows in part[part["series"] != FLOAT].groupby("series", sort=False)
            if len(rows) > 1
        ]
        if means:
            n = prose.count(part["network"].nunique(), "network")
            lines.append(f"On {label}, means over {n}, from float: {'; '.join(means)}.")
    return lines


def main(arguments):
    table = tabulate(
        arguments.weights, arguments.evaluations, arguments.ablations, arguments.labels
    )
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--weights", nargs="+", required=True, help="weights.h5 of each network")
    parser.add_argument("--evaluations", nargs="+", required=True, help="evaluation.json of each")
    parser.add_argument("--ablations", nargs="*", default=[], help="ablation.csv of each")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
