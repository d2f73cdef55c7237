"""Which words the best configuration takes for which, summed over its networks."""

import numpy as np
import pandas as pd

from spikespeech import command, statistics
from spikespeech.reading import read_csv
from spikespeech.report import exhibit, plots, prose, selection
from spikespeech.spikes import SpikeTrains

FEWEST_LABELS = 24
"""Above this many classes the axes name them in smaller type."""


def tabulate(predictions, classes):
    """Return one row for each pair of classes: true, predicted, count, fraction of the true."""
    counts = statistics.confusion(predictions["label"], predictions["prediction"], len(classes))
    true, predicted = np.indices(counts.shape)
    totals = counts.sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "true": np.take(classes, true.ravel()),
            "predicted": np.take(classes, predicted.ravel()),
            "count": counts.ravel(),
            "fraction": (counts / np.maximum(totals, 1)).ravel(),
        }
    )


@plots.style()
def draw(table):
    """Return the figure: one matrix for each data set, true classes down, predicted across."""
    sets = list(table.groupby("dataset", sort=False))
    figure, grid = plots.subplots(len(sets), height=4.3 * len(sets), squeeze=False)
    for (axes,), (_, rows) in zip(grid, sets, strict=True):
        classes = [plots.literal(name) for name in dict.fromkeys(rows["true"])]
        fractions = rows["fraction"].to_numpy().reshape(len(classes), -1)
        image = axes.imshow(100 * fractions, cmap="cividis", vmin=0, vmax=100)
        size = 7.5 if len(classes) <= FEWEST_LABELS else 5.5
        axes.set_xticks(range(len(classes)), classes, rotation=90, fontsize=size)
        axes.set_yticks(range(len(classes)), classes, fontsize=size)
        axes.set(xlabel="Predicted", ylabel="Spoken", title=rows["label"].iloc[0])
        axes.grid(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.7, label="Of the word's examples (%)")
        bar.outline.set_visible(False)
    return figure


def findings(table):
    """Return, for each data set, the accuracy and the pairs that are confused most."""
    sentences = []
    for _, rows in table.groupby("dataset", sort=False):
        first = rows.iloc[0]
        wrong = rows[rows["true"] != rows["predicted"]]
        right, total = (part["count"].sum() for part in (rows.drop(wrong.index), rows))
        worst = wrong[wrong["count"] > 0].nlargest(3, "count")
        pairs = [
            f"“{row.true}” for “{row.predicted}” ({100 * row.fraction:.0f} % of its examples)"
            for row in worst.rename(columns={"true": "predicted", "predicted": "true"}).itertuples()
        ]
        sentences.append(
            f"{first['label']}: {first['loss']} with {first['hidden']} {first['topology']} hidden "
            f"neurons, {prose.count(first['networks'], 'network')}: "
            f"{prose.percent(statistics.proportion(right, total))} of {total:,} test "
            "classifications are right"
            + (f"; it most often says {prose.listed(pairs)}." if pairs else ".")
        )
    return sentences


def gather(evaluations, predictions, networks, classes):
    """Return the table of all data sets.

    `predictions` are paths in the order of `networks`, which are dictionaries of axes; `classes`
    maps a data set to the names of its classes.
    """
    tables = []
    for dataset, names in classes.items():
        axes = dict(
            zip(
                selection.CONFIGURATION,
                selection.best_configuration(evaluations, dataset),
                strict=True,
            )
        )
        chosen = [
            read_csv(path, columns=["label", "prediction"])
            for path, network in zip(predictions, networks, strict=True)
            if selection.matches(network, dataset=dataset, **axes)
        ]
        label = evaluations.loc[evaluations["dataset"] == dataset, "label"].iloc[0]
        table = tabulate(pd.concat(chosen), names)
        tables.append(table.assign(dataset=dataset, label=label, **axes, networks=len(chosen)))
    return pd.concat(tables, ignore_index=True)


def main(arguments):
    classes = {
        dataset: SpikeTrains.open(path).classes
        for dataset, path in zip(arguments.settings["datasets"], arguments.binned, strict=True)
    }
    evaluations = selection.read(arguments.evaluations)
    networks = arguments.settings["networks"]
    table = gather(evaluations, arguments.predictions, networks, classes)
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--evaluations", required=True, help="evaluations.csv of all networks")
    parser.add_argument("--predictions", nargs="+", required=True, help="predictions.csv of each")
    parser.add_argument(
        "--binned", nargs="+", required=True, help="binned test set of each data set"
    )
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: the networks of the predictions, and the datasets of the binned files",
    )
    command.run(main, parser.parse_args())
