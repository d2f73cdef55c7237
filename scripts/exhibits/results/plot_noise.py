"""Test accuracy of trained networks when input spikes are deleted, jittered or added."""

import numpy as np
import pandas as pd

from spikespeech import command, losses, network, statistics
from spikespeech.backends import native
from spikespeech.network import axes
from spikespeech.report import exhibit, plots, prose
from spikespeech.spikes import SpikeTrains
from spikespeech.spikes.augment import Presentations
from spikespeech.spikes.stored import StoredSpikes

LEVELS = {
    "drop": (0.0, 0.1, 0.2, 0.4, 0.6, 0.8),
    "jitter": (0.0, 5.0, 10.0, 20.0, 40.0, 80.0),
    "noise": (0.0, 0.02, 0.05, 0.1, 0.25, 0.5),
}
"""Kinds of noise, as `Presentations` names them: share deleted, SD in ms, share added."""

AXES = {"drop": "Deleted (%)", "jitter": "Jitter, SD (ms)", "noise": "Added (%)"}
SCALES = {"drop": 100, "jitter": 1, "noise": 100}
QUOTED = {
    "drop": (0.4, "40 % of the spikes deleted"),
    "jitter": (20.0, "a jitter of 20 ms"),
    "noise": (0.1, "a tenth as many spikes added at random"),
}
"""The level of each kind that the finding states."""

SEED, BATCH = 0, 512


def presented(spikes, kind, level):
    """Yield batches of the examples with noise, each time the same ones."""
    level = level / spikes.dt_ms if kind == "jitter" else level
    yield from Presentations(spikes, **{kind: level}, seed=SEED).batches(1, BATCH)


def hits(backend, batches):
    """Return whether each example is classified rightly, (n,)."""
    return np.concatenate(
        [backend.evaluate(batch).readouts.argmax(axis=1) == batch.labels for batch in batches]
    )


def tabulate(spikes, backends):
    """Return one row a kind of noise and level: accuracy and its interval, networks, examples.

    The interval is over networks and examples (`statistics.of_hits`); noise is drawn once.
    """
    rows = []
    for kind, levels in LEVELS.items():
        for level in levels:
            right = np.array(
                [hits(backend, presented(spikes, kind, level)) for backend in backends]
            )
            interval = statistics.of_hits(right, draws=1000)
            rows.append((kind, level, *interval, *right.shape))
    columns = ["noise", "level", "accuracy", "low", "high", "networks", "examples"]
    return pd.DataFrame(rows, columns=columns)


@plots.style()
def draw(table, label, chance):
    """Return the figure: a panel for each kind of noise."""
    figure, grid = plots.subplots(1, len(LEVELS), height=2.4, sharey=True)
    for panel, (kind, rows) in zip(grid, table.groupby("noise", sort=False), strict=True):
        plots.band(
            panel,
            SCALES[kind] * rows["level"],
            100 * rows["accuracy"],
            100 * rows["low"],
            100 * rows["high"],
            color=plots.BLUE,
            marker="o",
        )
        plots.chance(panel, 100 * chance, label=kind == "drop")
        panel.set(xlabel=AXES[kind], ylim=(0, 104))
    grid[0].set(ylabel="Test accuracy (%)")
    grid[0].set_title(plots.literal(label))
    return figure


def findings(table, label, what):
    """Return the accuracy without noise and at one level of each kind."""
    found = table.set_index(["noise", "level"])[["accuracy", "low", "high"]]
    parts = [
        f"{prose.percent(found.loc[kind, level])} with {said}"
        for kind, (level, said) in QUOTED.items()
    ]
    clean = 100 * found.loc[("drop", 0.0), "accuracy"]
    return [
        f"{label}, {what}: {clean:.1f} % of the test is right without noise, {prose.listed(parts)}."
    ]


def main(arguments):
    spikes = SpikeTrains.open(arguments.binned)
    spikes = StoredSpikes(spikes, np.arange(len(spikes)))
    own, settings = axes.of_weights(arguments.weights[0])
    loss = losses.make(**settings["loss"], n_steps=spikes.n_steps, dt_ms=spikes.dt_ms)
    backends = [native.Backend(*network.load(path), loss) for path in arguments.weights]
    table = tabulate(spikes, backends)
    shared = {axis: own[axis] for axis in axes.AXES if axis != "seed"}
    what = f"{own['loss']} with {own['hidden']} {own['topology']} hidden neurons"
    said = findings(table, arguments.label, what)
    figure = draw(table, arguments.label, 1 / spikes.n_classes)
    exhibit.write(arguments, table.assign(**shared, label=arguments.label), said, figure)


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--weights", nargs="+", required=True, help="weights.h5 of each seed")
    parser.add_argument("--binned", required=True, help="binned test set")
    parser.add_argument("--label", required=True, help="of the data set")
    command.run(main, parser.parse_args())
