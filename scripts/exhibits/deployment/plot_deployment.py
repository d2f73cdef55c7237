"""From training to fixed point: our bars of Shoesmith et al. 2025, Fig 4, beside the published."""

import numpy as np
import pandas as pd

from spikespeech import command, statistics
from spikespeech.forms import COUNT, SHARE, Number
from spikespeech.network.axes import by_size
from spikespeech.report import exhibit, plots, prose, published, selection

GROUP = ["dataset", "label", "loss", "topology", "hidden"]
BARS = {
    "train": "training",
    "validation": "validation",
    "float": "test, float",
    "fixed_point": "test, fixed point, fed as in training",
    "fixed_point_graded": "test, fixed point, fed as Lava was",
    "lava": "test, Lava (published)",
    "loihi2": "test, Loihi 2 (published, one model)",
}
RECORD = {
    "bits": COUNT,
    "inputs": [{"input": str, "accuracy": SHARE, "difference": Number(-1, 1), "n": COUNT}],
}
INPUTS = {"binary": "fixed_point", "graded": "fixed_point_graded"}
"""Input conventions of fixed_point.json that have a bar."""


def fixed_point(records, evaluations):
    """Return one row for each network and input convention: axes, series, accuracy, difference.

    `records` are as of `exhibit.records`.
    """
    labels = evaluations.drop_duplicates("dataset").set_index("dataset")["label"]
    return pd.DataFrame(
        {
            **axes,
            "label": labels[axes["dataset"]],
            "series": INPUTS[row["input"]],
            "accuracy": row["accuracy"],
            "difference": row["difference"],
            "n": row["n"],
            "bits": record["bits"],
        }
        for axes, record in records
        for row in record["inputs"]
        if row["input"] in INPUTS
    )


def summarise(evaluations, fixed):
    """Return mean, 95 % interval, number of networks and mean change from float, a row a bar."""
    floats = evaluations[evaluations["series"].isin(["train", "validation", "test"])]
    floats = floats.replace({"series": {"test": "float"}})
    both = pd.concat([floats, fixed], ignore_index=True)
    return pd.DataFrame(
        {
            **dict(zip([*GROUP, "series"], key, strict=True)),
            **bar(group["accuracy"], group["n"].iloc[0]),
            "change": group["difference"].mean(),
            "source": "this study",
        }
        for key, group in both.groupby([*GROUP, "series"], sort=False)
    )


def bar(values, n):
    """Return the mean of accuracies on n words, one a network, and its 95 % interval in 0..1."""
    mean, low, high = statistics.mean_accuracy(values, n)
    return {"accuracy": mean, "low": low, "high": high, "networks": len(values)}


def with_published(table):
    """Append the published Lava and Loihi bars of the data sets and sizes that the table has."""
    runs = published.table("networks")
    loihi = published.table("loihi").set_index(["dataset", "hidden"])["accuracy_percent"] / 100
    rows = []
    for key in table[["dataset", "label", "hidden"]].drop_duplicates().itertuples(index=False):
        own = runs[(runs["dataset"] == key.dataset) & (runs["hidden"] == key.hidden)]
        if len(own):
            axes = {**key._asdict(), "loss": "sum_exp", "topology": "recurrent"}
            source = {"source": published.SOURCE}
            lava = bar(own["lava_correct"] / own["lava_n"], own["lava_n"].iloc[0])
            rows.append({**axes, "series": "lava", **lava} | source)
            chip = bar([loihi[key.dataset, key.hidden]], None)
            rows.append({**axes, "series": "loihi2", **chip} | source)
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True) if rows else table


def shown(table, evaluations):
    """Return the rows of each data set's best loss and topology, and the published ones."""
    keep = []
    for dataset in dict.fromkeys(table["dataset"]):
        loss, _, topology = selection.best_configuration(evaluations, dataset)
        own = (table["loss"] == loss) & (table["topology"] == topology)
        keep.append(
            table[(table["dataset"] == dataset) & (own | (table["source"] != "this study"))]
        )
    return pd.concat(keep)


@plots.style()
def draw(table):
    """Return the figure: a panel for each data set, sizes along x, published bars hatched."""
    sets = list(table.groupby("label", sort=False))
    present = [series for series in BARS if series in set(table["series"])]
    figure, grid = plots.subplots(len(sets), height=1.0 + 2.2 * len(sets), squeeze=False)
    for (axes,), (label, rows) in zip(grid, sets, strict=True):
        sizes = by_size(rows["hidden"])
        width = 0.8 / len(present)
        for place, series in enumerate(present):
            bars = rows[rows["series"] == series].set_index("hidden").reindex(sizes)
            middle = 100 * bars["accuracy"]
            reach = [middle - 100 * bars["low"], 100 * bars["high"] - middle]
            axes.bar(
                np.arange(len(sizes)) + width * (place - (len(present) - 1) / 2),
                middle,
                width=0.95 * width,
                yerr=reach,
                error_kw={"elinewidth": 1, "capsize": 2, "ecolor": plots.INK},
                label=BARS[series],
                **plots.series_bar(series),
            )
        ours = rows[rows["source"] == "this study"].iloc[0]
        axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axes.set(ylabel="Accuracy (%)", ylim=(0, 100))
        axes.set_title(f"{label}: {ours['loss']}, {ours['topology']}")
        axes.grid(False, axis="x")
    grid[-1, 0].set_xlabel("Hidden neurons")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure


def findings(fixed, evaluations):
    """Return the mean change from float to fixed point, by input convention.

    Means are over networks that learned: one at chance has nothing to lose.
    """
    sentences = []
    good = selection.learned(fixed, evaluations)
    for label, every in fixed.groupby("label", sort=False):
        rows, parts = every[good[every.index]], []
        for series, how in (
            ("fixed_point", "on the input of training"),
            ("fixed_point_graded", "on counts from the first event, as Lava was fed"),
        ):
            changes = rows.loc[rows["series"] == series, "difference"]
            if len(changes):
                parts.append(f"{prose.points(statistics.mean(changes), 2)} {how}")
        n_inputs = every["series"].nunique()
        if not parts:
            sentences.append(f"{label}: no network learned, so quantising had nothing to lose.")
            continue
        sentences.append(
            f"{label}: {rows['bits'].iloc[0]}-bit weights and integer states change test accuracy "
            f"by {prose.listed(parts)}; means over the {len(rows) // n_inputs} of "
            f"{prose.count(len(every) // n_inputs, 'network')} that learned "
            f"({selection.LEARNED})."
        )
    return sentences


def main(arguments):
    evaluations = selection.read(arguments.evaluations)
    records = exhibit.records(arguments.fixed_point, RECORD)
    fixed = fixed_point(records, evaluations)
    table = with_published(summarise(evaluations, fixed))
    exhibit.write(arguments, table, findings(fixed, evaluations), draw(shown(table, evaluations)))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--evaluations", required=True, help="evaluations.csv of all networks")
    parser.add_argument("--fixed-point", nargs="+", required=True, help="fixed_point.json of each")
    command.run(main, parser.parse_args())
