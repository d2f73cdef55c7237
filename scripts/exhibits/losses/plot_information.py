"""Class information in early and late spikes (the premise of the thesis's new loss, section 3.6).

A classifier of the spike counts in one bin of time is trained on some speakers and scored on
others; the log-likelihood that it gains over guessing is a lower bound on the information that
the bin's spikes carry about the word. Hidden spikes are scored on test speakers whom neither the
networks nor the classifier heard; nothing is chosen by what comes out.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from spikespeech import command, eventprop, network, statistics
from spikespeech.report import exhibit, plots, prose
from spikespeech.spikes import splits

BINS, CHANNELS, FOLDS = 20, 70, 5
"""Bins of a trial; groups of neighbouring input channels; folds of whole speakers."""

PENALTY = 0.003
"""Inverse strength of the classifier's L2 penalty, on counts of unit variance."""

MAX_EXAMPLES = 3000
"""More examples than these on a side are drawn at random."""

LAYERS = {"input": plots.GREY, "hidden": plots.BLUE}
NOUNS = {"input": "speaker", "hidden": "network"}
OVER = {"input": "{}", "hidden": "{} and the test's words"}


def counts(spikes, groups):
    """Return (n, BINS, groups): spikes of each example in each bin and group of units."""
    example = np.repeat(np.arange(len(spikes)), np.diff(spikes.offsets))
    bins = np.asarray(spikes.steps, np.int64) * BINS // spikes.n_steps
    group = np.asarray(spikes.units, np.int64) * groups // spikes.n_units
    total = np.zeros((len(spikes), BINS, groups), np.float32)
    np.add.at(total, (example, bins, group), 1)
    return total


def bits(fit, labels, score, score_labels):
    """Return (n,) bits gained on each scored example over guessing by frequency."""
    decoder = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=200))
    decoder.fit(fit, labels)
    classes, frequency = np.unique(labels, return_counts=True)
    column = np.searchsorted(classes, score_labels)
    likelihood = decoder.predict_log_proba(score)[np.arange(len(score)), column]
    return (likelihood - np.log(frequency / frequency.sum())[column]) / np.log(2)


def over_speakers(features, labels, speakers):
    """Return {speaker: mean bits}, each speaker scored by a decoder of other speakers."""
    gained = np.zeros(len(labels))
    folds = GroupKFold(min(FOLDS, len(np.unique(speakers))))
    for fit, score in folds.split(features, labels, speakers):
        gained[score] = bits(features[fit], labels[fit], features[score], labels[score])
    return {s: gained[speakers == s].mean() for s in np.unique(speakers)}


def of_inputs(sides):
    """Return, for each bin, the information in input spikes of each speaker.

    Data whose speakers are unknown count each side as one speaker.
    """
    total = np.concatenate([counts(spikes, CHANNELS) for spikes in sides])
    labels = np.concatenate([spikes.labels for spikes in sides])
    speakers = np.concatenate([spikes.speakers for spikes in sides])
    if (speakers < 0).any():
        speakers = np.repeat(np.arange(len(sides)), [len(spikes) for spikes in sides])
    return [list(over_speakers(total[:, b], labels, speakers).values()) for b in range(BINS)]


def of_hidden(path, train, test):
    """Return bits (BINS, n) in one trained network's hidden spikes, and their rates (BINS,).

    The decoder is fitted on the training examples and scored on each of the n test examples.
    """
    shape, weights = network.load(path)
    fit, score = (
        counts(
            eventprop.simulate(shape, weights, spikes, record=("hidden_spikes",)).hidden_spikes,
            shape.n_hidden,
        )
        for spikes in (train, test)
    )
    gained = [bits(fit[:, b], train.labels, score[:, b], test.labels) for b in range(BINS)]
    return np.array(gained), rates(score, test, shape.n_hidden)


def rates(total, spikes, n_units):
    """Return (BINS,): spikes per unit and second in each bin, of counts (n, BINS, groups)."""
    bin_s = spikes.n_steps * spikes.dt_ms / 1e3 / BINS
    return total.sum(axis=2).mean(axis=0) / n_units / bin_s


def tabulate(train, validation, test, weights):
    """Return one row a layer and bin: spike rate, mean bits and their 95 % interval.

    The interval is over speakers for the input, over networks and words for hidden spikes.
    `repeats` are the speakers or networks. Information is never negative, but a decoder of spikes
    that tell nothing does worse than guessing: such a bound on it is no better than 0.
    """
    sides = [side for side in (train, validation) if len(side)]
    found = [
        ("input", b, statistics.mean(values), len(values))
        for b, values in enumerate(of_inputs(sides))
    ]
    gained, spoken = zip(*(of_hidden(path, train, test) for path in weights), strict=True)
    found += [
        ("hidden", b, statistics.crossed([bins[b] for bins in gained]), len(gained))
        for b in range(BINS)
    ]
    rate = {
        "input": rates(counts(test, 1), test, test.n_units),
        "hidden": np.mean(spoken, axis=0),
    }
    width = train.n_steps * train.dt_ms / BINS
    columns = ["layer", "start_ms", "end_ms", "spikes_per_unit_s", "bits", "low", "high", "repeats"]
    return pd.DataFrame(
        [
            (layer, b * width, (b + 1) * width, rate[layer][b], *np.maximum(bound, 0), repeats)
            for layer, b, bound, repeats in found
        ],
        columns=columns,
    )


@plots.style()
def draw(table, label):
    """Return the figure: when spikes come, and what each bin of them tells."""
    figure, axes = plots.subplots(2, 1, height=4.2, sharex=True)
    for layer, color in LAYERS.items():
        rows = table[table["layer"] == layer]
        middle = (rows["start_ms"] + rows["end_ms"]) / 2
        share = 100 * rows["spikes_per_unit_s"] / rows["spikes_per_unit_s"].sum()
        axes[0].plot(middle, share, color=color, label=layer)
        plots.band(axes[1], middle, rows["bits"], rows["low"], rows["high"], color=color)
    title = f"a  Where the spikes are: {plots.literal(label)}"
    axes[0].set(title=title, ylabel="Spikes of a bin (%)", ylim=(0, None))
    axes[0].legend()
    axes[1].set(
        title="b  What the spikes of one bin tell",
        ylim=(0, None),
        ylabel="Class information (bits)",
        xlabel="Time (ms)",
        xlim=(0, table["end_ms"].max()),
    )
    return figure


def findings(table, n_classes):
    """Return sentences on the first bin and the most telling bin of each layer."""
    width = table["end_ms"].iloc[0]
    sentences = []
    for layer, rows in table.groupby("layer", sort=False):
        first, best = rows.iloc[0], rows.loc[rows["bits"].idxmax()]
        share = first["spikes_per_unit_s"] / rows["spikes_per_unit_s"].sum()
        if np.isnan(first["low"]):
            sure = "no interval"
        else:
            verdict = "more than none" if first["low"] > 0 else "not told from none"
            over = OVER[layer].format(prose.count(first["repeats"], NOUNS[layer]))
            sure = f"95 % interval {first['low']:.2f} to {first['high']:.2f} over {over}, {verdict}"
        sentences.append(
            f"The first {width:g} ms hold {share:.1%} of the {layer} spikes, and these carry "
            f"{first['bits']:.2f} or more of log2({n_classes}) = {np.log2(n_classes):.2f} "
            f"bits about the word ({sure}); the most telling bin, from {best['start_ms']:g} ms, "
            f"carries {best['bits']:.2f}."
        )
    sentences.append(
        "Bins tell much the same thing several times over, so that their bits do not add up."
    )
    return sentences


def main(arguments):
    rows, settings = splits.only_unseen(splits.read(arguments.split)), arguments.settings
    train, validation, test = (
        splits.sample(splits.gather(arguments.binned, rows, side), MAX_EXAMPLES)
        for side in ("train", "validation", "test")
    )
    # Thousands of small products: threads only wait for each other.
    with threadpool_limits(1):
        table = tabulate(train, validation, test, arguments.weights)
    sentences = findings(table, train.n_classes)
    sentences[0] = f"{settings['label']}: {sentences[0][0].lower()}{sentences[0][1:]}"
    figure = draw(table, settings["label"])
    exhibit.write(arguments, table.assign(**settings), sentences, figure)


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument(
        "--binned", type=Path, nargs="+", required=True, help="binned spikes, train.h5 and others"
    )
    parser.add_argument("--split", required=True, help="sides of the examples, CSV")
    parser.add_argument("--weights", nargs="+", required=True, help="trained networks, HDF5")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: the data set and its label",
    )
    command.run(main, parser.parse_args())
