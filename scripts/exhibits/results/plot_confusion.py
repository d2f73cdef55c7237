"""Which words the best configuration takes for which, summed over its networks."""

import numpy as np
import pandas as pd
import seaborn

from spikespeech import command, statistics
from spikespeech.report import exhibit, plots, prose, selection
from spikespeech.spikes import SpikeTrains

FEWEST_LABELS, MOST_LABELS = 24, 60
"""Above so many classes the axes name them in smaller type, or not at all."""

DRAWS = 1000
"""Of the bootstrap, for each of the many cells."""


def gather(evaluations, paths, dataset, n_classes):
    """Return (axes, test, labels, predictions) of a data set's best configuration.

    `paths` are the networks' predictions.csv. Axes are those of the configuration; test
    (networks,) are accuracies; labels (n,) and predictions (networks, n) are of the test's
    examples, the same for all networks.
    """
    best = selection.best_configuration(evaluations, dataset)
    axes = dict(zip(selection.CONFIGURATION, best, strict=True))
    chosen = selection.predictions(exhibit.belonging(paths, dataset=dataset, **axes), n_classes)
    labels = chosen[0]["label"].to_numpy()
    predictions = np.array([own["prediction"] for own in chosen])
    return axes, (predictions == labels).mean(axis=1), labels, predictions


def tabulate(labels, predictions, classes):
    """Return one row for each pair of classes: true, predicted, count, fraction of the true.

    Columns low and high: 95 % interval of the fraction over networks and examples, where it is
    not 0.
    """
    rows = []
    for k, true in enumerate(classes):
        own = predictions[:, labels == k]
        for j, predicted in enumerate(classes):
            hits = own == j
            fraction, low, high = hits.mean() if hits.size else 0.0, np.nan, np.nan
            if fraction:
                fraction, low, high = statistics.of_hits(hits, draws=DRAWS)
            rows.append((true, predicted, int(hits.sum()), fraction, low, high))
    columns = ["true", "predicted", "count", "fraction", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


@plots.style()
def draw(table):
    """Return the figure: one matrix for each data set, true classes down, predicted across."""
    sets = list(table.groupby("dataset", sort=False))
    figure, grid = plots.subplots(len(sets), height=4.3 * len(sets), squeeze=False)
    for (axes,), (_, rows) in zip(grid, sets, strict=True):
        classes = plots.short(dict.fromkeys(rows["true"]))
        fractions = rows["fraction"].to_numpy().reshape(len(classes), -1)
        named = classes if len(classes) <= MOST_LABELS else False
        seaborn.heatmap(
            100 * fractions,
            ax=axes,
            cmap="cividis",
            vmin=0,
            vmax=100,
            square=True,
            rasterized=True,
            xticklabels=named,
            yticklabels=named,
            cbar_kws={"shrink": 0.7, "label": "Of the word's examples (%)"},
        )
        size = 7.5 if len(classes) <= FEWEST_LABELS else 5.5
        axes.tick_params("x", rotation=90, labelsize=size)
        axes.tick_params("y", rotation=0, labelsize=size)
        axes.set(xlabel="Predicted", ylabel="Spoken", title=rows["label"].iloc[0])
        axes.grid(False)
    return figure


def findings(table, accuracies):
    """Return, for each data set, the accuracy and the pairs that are confused most.

    `accuracies` {data set: (networks,)} are on the test's examples.
    """
    sentences = []
    for dataset, rows in table.groupby("dataset", sort=False):
        first = rows.iloc[0]
        right = statistics.mean_accuracy(accuracies[dataset], first["examples"])
        wrong = rows[(rows["true"] != rows["predicted"]) & (rows["count"] > 0)]
        pairs = [
            f"“{row.predicted}” for “{row.true}” "
            f"({100 * row.fraction:.0f} % of its examples, 95 % interval {100 * row.low:.0f} to "
            f"{100 * row.high:.0f})"
            for row in wrong.nlargest(3, "count").itertuples()
        ]
        sentences.append(
            f"{first['label']}: {first['loss']} with {first['hidden']} {first['topology']} hidden "
            f"neurons, {prose.count(first['networks'], 'network')}: "
            f"{prose.percent(right)} of the test's {first['examples']:,} examples are right"
            + (f"; it most often says {prose.listed(pairs)}." if pairs else ".")
        )
    return sentences


def main(arguments):
    evaluations = selection.read(arguments.evaluations)
    tables, accuracies = [], {}
    for path in arguments.binned:
        dataset, _ = exhibit.place(path)
        classes = SpikeTrains.open(path).classes
        axes, accuracies[dataset], labels, predictions = gather(
            evaluations, arguments.predictions, dataset, len(classes)
        )
        table = tabulate(labels, predictions, classes)
        label = evaluations.loc[evaluations["dataset"] == dataset, "label"].iloc[0]
        counts = {"networks": len(predictions), "examples": len(labels)}
        tables.append(table.assign(dataset=dataset, label=label, **axes, **counts))
    table = pd.concat(tables, ignore_index=True)
    exhibit.write(arguments, table, findings(table, accuracies), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--evaluations", required=True, help="evaluations.csv of all networks")
    parser.add_argument("--predictions", nargs="+", required=True, help="predictions.csv of each")
    parser.add_argument("--binned", nargs="+", required=True, help="<data set>/binned/test.h5")
    command.run(main, parser.parse_args())
