"""What spike counts and what spike times tell about the word (the thesis's "information coding").

The same linear read-out reads four versions of the same spikes: the counts of each channel alone,
their times alone, both, and both after the times were shuffled within each example, which keeps
each channel's count and the common course of activity. It learns on the speakers of the training
and validation sides and is scored on test speakers whom it did not hear; nothing is chosen by what
comes out.
"""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from spikespeech import command, eventprop, network, statistics
from spikespeech.methods import readout
from spikespeech.report import exhibit, plots, prose
from spikespeech.spikes import splits

BINS = (1, 2, 5, 10, 20, 50)
"""Bins of a trial that the input's read-outs count in."""

DEFAULT = 10
"""Bins where the versions are compared."""

GROUP = 10
"""Neighbouring input channels that are counted together."""

INVERSE_PENALTY = 0.01
MAX_EXAMPLES = 3000
"""More examples than these on a side are drawn at random."""

VERSIONS = {
    "counts": "Counts alone",
    "times": "Times alone",
    "both": "Counts and times",
    "shuffled": "Both, times shuffled",
}
LAYERS = {"input": plots.GREY, "hidden": plots.BLUE}


def shuffled(spikes, seed=0):
    """Return SpikeTrains with the same units and times, paired anew within each example.

    The few spikes that meet another one of their unit and step are lost.
    """
    rng, pairs = np.random.default_rng(seed), []
    for start, end in itertools.pairwise(spikes.offsets):
        units = rng.permutation(spikes.units[start:end]).astype(np.int64)
        pairs.append(np.unique(spikes.steps[start:end] * np.int64(spikes.n_units) + units))
    offsets = np.cumsum([0, *map(len, pairs)])
    steps, units = np.divmod(np.concatenate(pairs), spikes.n_units)
    return spikes.with_spikes(offsets, steps.astype(np.uint16), units.astype(np.uint16))


def features(spikes, version, bins, group):
    """Return (n, n_features): what a version keeps of the spike counts in bins and groups."""
    if version == "counts":
        return readout.counts(spikes, 1, group)
    counts = readout.counts(shuffled(spikes) if version == "shuffled" else spikes, bins, group)
    if version != "times":
        return counts
    of_bins = counts.reshape(len(spikes), bins, -1)
    total = of_bins.sum(axis=1, keepdims=True)
    # A silent channel has no times: an even share tells nothing, not even that it is silent.
    shares = np.where(total > 0, of_bins / np.maximum(total, 1), 1 / bins)
    return shares.reshape(len(spikes), -1)


def hits(fit, score, version, bins, group):
    """Return whether each scored example is read rightly, (n,)."""
    reader = readout.fit(features(fit, version, bins, group), fit.labels, INVERSE_PENALTY)
    return reader.predict(features(score, version, bins, group)) == score.labels


def hidden(path, spikes):
    """Return the hidden spikes of a trained network on these examples."""
    shape, weights = network.load(path)
    return eventprop.simulate(shape, weights, spikes, record=("hidden_spikes",)).hidden_spikes


def tabulate(train, test, weights):
    """Return one row a layer, version and number of bins: accuracy and its 95 % interval.

    The interval is over words, and for hidden spikes over networks, too (`statistics.of_hits`).
    """
    layers = {"input": ([(train, test)], GROUP)}
    layers["hidden"] = ([(hidden(path, train), hidden(path, test)) for path in weights], 1)
    rows = []
    for layer, (pairs, group) in layers.items():
        wanted = {(version, DEFAULT) for version in VERSIONS}
        if layer == "input":
            wanted |= {("both", bins) for bins in BINS}
        for version, bins in sorted(wanted, key=lambda w: (list(VERSIONS).index(w[0]), w[1])):
            right = np.array([hits(fit, score, version, bins, group) for fit, score in pairs])
            networks = len(right) if layer == "hidden" else 0
            interval = statistics.of_hits(right)
            rows.append((layer, version, bins, *interval, networks, right.shape[1]))
    columns = ["layer", "version", "bins", "accuracy", "low", "high", "networks", "examples"]
    return pd.DataFrame(rows, columns=columns)


@plots.style()
def draw(table, label, chance, duration):
    """Return the figure: a, the versions; b, the input's accuracy against the bins' width."""
    figure, (versions, widths) = plots.subplots(1, 2, height=2.7, sharey=True)
    rows = table[table["bins"] == DEFAULT]
    for shift, (layer, color) in zip((-0.12, 0.12), LAYERS.items(), strict=True):
        own = rows[rows["layer"] == layer].set_index("version").loc[list(VERSIONS)]
        percent = 100 * own[["accuracy", "low", "high"]]
        points = {"color": color, "marker": "o", "linestyle": "", "label": layer}
        plots.interval(versions, np.arange(len(own)) + shift, *percent.T.to_numpy(), **points)
    versions.set_xticks(range(len(VERSIONS)), [v.replace(" ", "\n") for v in VERSIONS.values()])
    versions.set(title=f"a  {plots.literal(label)}", ylabel="Accuracy (%)", ylim=(0, 104))
    versions.legend()
    own = table[(table["layer"] == "input") & (table["version"] == "both")].sort_values("bins")
    percent = 100 * own[["accuracy", "low", "high"]]
    plots.band(
        widths, duration / own["bins"], *percent.T.to_numpy(), color=LAYERS["input"], marker="o"
    )
    widths.set(title="b  Input, bins of other widths", xscale="log", xlabel="Width of a bin (ms)")
    widths.set_xticks(duration / own["bins"], [f"{w:g}" for w in duration / own["bins"]])
    widths.minorticks_off()
    for panel in (versions, widths):
        plots.chance(panel, 100 * chance, label=panel is widths)
    return figure


def findings(table, label):
    """Return what counts, times and both tell at either layer, and what shuffling costs."""
    sentences = []
    for layer, rows in table[table["bins"] == DEFAULT].groupby("layer", sort=False):
        of = rows.set_index("version")[["accuracy", "low", "high"]]
        counts, times, both, mixed = (of.loc[v] for v in VERSIONS)
        sentences.append(
            f"{layer.capitalize()} spikes: on unheard speakers a linear read-out of counts alone "
            f"is right in {prose.percent(counts)}, of times alone in {prose.percent(times)}, of "
            f"both in {prose.percent(both)}, and in {prose.percent(mixed)} once times are shuffled."
        )
    sentences[0] = f"{label}: {sentences[0][0].lower()}{sentences[0][1:]}"
    return sentences


def main(arguments):
    rows = splits.only_unseen(splits.read(arguments.split))
    train, test = (
        splits.sample(splits.gather(arguments.binned, rows, *sides), MAX_EXAMPLES)
        for sides in (("train", "validation"), ("test",))
    )
    with threadpool_limits(1):
        table = tabulate(train, test, arguments.weights)
    duration = test.n_steps * test.dt_ms
    figure = draw(table, arguments.label, 1 / len(np.unique(train.labels)), duration)
    said = findings(table, arguments.label)
    exhibit.write(arguments, table.assign(label=arguments.label), said, figure)


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument(
        "--binned", type=Path, nargs="+", required=True, help="binned spikes, train.h5 and others"
    )
    parser.add_argument("--split", required=True, help="sides of the examples, CSV")
    parser.add_argument("--weights", nargs="+", required=True, help="trained networks, HDF5")
    parser.add_argument("--label", required=True, help="the data set's name in figures")
    command.run(main, parser.parse_args())
