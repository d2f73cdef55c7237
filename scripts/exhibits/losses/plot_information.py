"""Class information in early and late spikes (the premise of the thesis's new loss, section 3.6).

A classifier of the spike counts in one bin of time is trained on some speakers and scored on
others; the log-likelihood that it gains over guessing is a lower bound on the information that
the bin's spikes carry about the word. Test speakers are never looked at.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from spikespeech import command, eventprop, losses, network, statistics
from spikespeech.errors import InputError
from spikespeech.report import exhibit, plots, prose
from spikespeech.spikes import splits

BINS, CHANNELS, FOLDS = 20, 70, 5
"""Bins of a trial; groups of neighbouring input channels; folds of whole speakers."""

PENALTY = 0.003
"""Inverse strength of the classifier's L2 penalty, on counts of unit variance."""

MOST = 3000
"""More examples than these on a side are drawn at random."""

LAYERS = {"input": plots.GREY, "hidden": plots.BLUE}


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
    """Return rows of information in input spikes, one a speaker and bin.

    Data whose speakers are unknown count each side as one speaker.
    """
    total = np.concatenate([counts(spikes, CHANNELS) for spikes in sides])
    labels = np.concatenate([spikes.labels for spikes in sides])
    speakers = np.concatenate([spikes.speakers for spikes in sides])
    if (speakers < 0).any():
        speakers = np.repeat(np.arange(len(sides)), [len(spikes) for spikes in sides])
    return [
        {"layer": "input", "bin": b, "bits": value}
        for b in range(BINS)
        for value in over_speakers(total[:, b], labels, speakers).values()
    ]


def of_hidden(path, train, validation):
    """Return rows of information in one trained network's hidden spikes, and their rates (BINS,).

    The network has seen the training speakers' labels, so its decoder is fitted on those and
    scored on the validation speakers, whose labels a fine-tuned network has seen, too.
    """
    shape, weights = network.load(path)
    fit, score = (
        counts(
            eventprop.simulate(shape, weights, spikes, record=("hidden_spikes",)).hidden_spikes,
            shape.n_hidden,
        )
        for spikes in (train, validation)
    )
    rows = [
        {
            "layer": "hidden",
            "bin": b,
            "bits": bits(fit[:, b], train.labels, score[:, b], validation.labels).mean(),
        }
        for b in range(BINS)
    ]
    return rows, rates(score, validation, shape.n_hidden)


def rates(total, spikes, n_units):
    """Return (BINS,): spikes per unit and second in each bin, of counts (n, BINS, groups)."""
    bin_s = spikes.n_steps * spikes.dt_ms / 1e3 / BINS
    return total.sum(axis=2).mean(axis=0) / n_units / bin_s


def tabulate(train, validation, weights):
    """Return one row a layer and bin: spike rate, mean bits with 95 % interval over repeats."""
    rows = of_inputs([train, validation])
    rate = {"input": rates(counts(validation, 1), validation, validation.n_units), "hidden": []}
    for path in weights:
        found, of_network = of_hidden(path, train, validation)
        rows += found
        rate["hidden"].append(of_network)
    rate["hidden"] = np.mean(rate["hidden"], axis=0)
    width = train.n_steps * train.dt_ms / BINS
    return pd.DataFrame(
        [
            (layer, b * width, (b + 1) * width, rate[layer][b], *statistics.mean(group), len(group))
            for (layer, b), group in pd.DataFrame(rows).groupby(["layer", "bin"], sort=False)[
                "bits"
            ]
        ],
        columns=[
            *("layer", "start_ms", "end_ms", "spikes_per_unit_s"),
            *("bits", "low", "high", "repeats"),
        ],
    )


@plots.style()
def draw(table):
    """Return the figure: when spikes come, and what each bin of them tells."""
    figure, axes = plots.subplots(2, 1, height=4.2, sharex=True)
    for layer, color in LAYERS.items():
        rows = table[table["layer"] == layer]
        middle = (rows["start_ms"] + rows["end_ms"]) / 2
        share = 100 * rows["spikes_per_unit_s"] / rows["spikes_per_unit_s"].sum()
        axes[0].plot(middle, share, color=color, label=layer)
        plots.band(axes[1], middle, rows["bits"], rows["low"], rows["high"], color=color)
    axes[0].set(title="a  Where the spikes are", ylabel="Share of spikes (%)", ylim=(0, None))
    axes[0].legend()
    axes[1].axhline(0, color=plots.INK, linewidth=0.6)
    axes[1].set(
        title="b  What the spikes of one bin tell",
        ylabel="Class information (bits)",
        xlabel="Time (ms)",
        xlim=(0, table["end_ms"].max()),
    )
    return figure


def findings(table, n_classes, windows):
    """Return sentences on the first bin, the most telling bin, and the windows' aim."""
    width = table["end_ms"].iloc[0]
    sentences = []
    for layer, rows in table.groupby("layer", sort=False):
        first, best = rows.iloc[0], rows.loc[rows["bits"].idxmax()]
        share = first["spikes_per_unit_s"] / rows["spikes_per_unit_s"].sum()
        if np.isnan(first["low"]):
            sure = "one network, no interval"
        else:
            verdict = "so they are not mere noise" if first["low"] > 0 else "not told from none"
            sure = f"95 % interval {first['low']:.2f} to {first['high']:.2f}, {verdict}"
        sentences.append(
            f"The first {width:g} ms hold {share:.1%} of the {layer} spikes, and these carry "
            f"{max(first['bits'], 0):.2f} or more of log2({n_classes}) = {np.log2(n_classes):.2f} "
            f"bits about the word ({sure}); the most telling bin, from {best['start_ms']:g} ms, "
            f"carries {best['bits']:.2f}."
        )
    hidden = table.loc[table["layer"] == "hidden", "bits"].to_numpy()
    weighted = []
    for name, window in windows.items():
        aim = window[: len(window) // BINS * BINS].reshape(BINS, -1).mean(axis=1)
        weighted.append(f"{(hidden * aim).sum() / aim.sum():.2f} bits under {name}")
    sentences.append(
        f"Weighted by a loss's window, a bin of hidden spikes carries {prose.listed(weighted)}."
    )
    return sentences


def some(spikes):
    """Return at most MOST of the examples."""
    if len(spikes) <= MOST:
        return spikes.load()
    drawn = np.random.default_rng(0).choice(len(spikes), MOST, replace=False)
    return spikes.take(np.sort(drawn))


def main(arguments):
    rows = splits.read(arguments.split)
    train, validation = (
        some(splits.gather(arguments.binned, rows, side)) for side in ("train", "validation")
    )
    if not len(validation):
        raise InputError(
            "no validation speakers to score on", file=arguments.split, hint="hold some out"
        )
    windows = {
        name: losses.make(name, n_steps=train.n_steps, **own).window
        for name, own in arguments.settings["losses"].items()
        if name in losses.WINDOWS
    }
    # Thousands of small products: threads only wait for each other.
    with threadpool_limits(1):
        table = tabulate(train, validation, arguments.weights)
    sentences = findings(table, train.n_classes, windows)
    sentences[0] = f"{arguments.settings['label']}: {sentences[0][0].lower()}{sentences[0][1:]}"
    exhibit.write(arguments, table, sentences, draw(table))


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
        help="JSON: label of the data set, losses (name to parameters)",
    )
    command.run(main, parser.parse_args())
