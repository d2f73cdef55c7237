"""Examples of each data set as spikes on the cochlea's channels (Shoesmith et al. 2025, Fig 2)."""

import numpy as np
import pandas as pd

from spikespeech import command
from spikespeech.report import exhibit, plots, prose
from spikespeech.spikes import SpikeTrains

PANELS = 4
PUBLISHED = ("zwei", "left")
"""The words of the published figure, shown where a data set has them."""


def examples(spikes, n=PANELS):
    """Return the first example of `n` classes: those of PUBLISHED, the others evenly spread."""
    present = np.unique(spikes.labels)
    chosen = [k for k in present if spikes.classes[k] in PUBLISHED]
    for k in present[np.linspace(0, len(present) - 1, n).round().astype(int)]:
        if len(chosen) < n and k not in chosen:
            chosen.append(k)
    return [int(np.flatnonzero(spikes.labels == k)[0]) for k in sorted(chosen)]


def tabulate(spikes, dataset, label):
    """Return the spikes of the shown examples, one a row."""
    rows = []
    for i in examples(spikes):
        steps, units = (np.asarray(values) for values in spikes.example(i))
        rows.append(
            pd.DataFrame(
                {
                    "dataset": dataset,
                    "label": label,
                    "example": i,
                    "class": spikes.classes[spikes.labels[i]],
                    "speaker": spikes.speakers[i],
                    "time_ms": steps * spikes.dt_ms,
                    "unit": units,
                }
            )
        )
    return pd.concat(rows)


@plots.style()
def draw(table, units, duration_ms):
    """Return the figure: a row of panels for each data set."""
    sets = list(table.groupby("dataset", sort=False))
    figure = plots.plt.figure(figsize=(plots.WIDTH, 4.6 * len(sets)))
    parts = figure.subfigures(len(sets), squeeze=False)[:, 0]
    for part, (_, rows) in zip(parts, sets, strict=True):
        part.suptitle(rows["label"].iloc[0], fontsize=9)
        grid = part.subplots(2, PANELS // 2, sharex=True, sharey=True)
        axes = grid.ravel()
        shown = list(rows.groupby("example"))
        for panel, (_, example) in zip(axes, shown, strict=False):
            plots.raster(panel, example["time_ms"], example["unit"], color=plots.BLUE)
            first = example.iloc[0]
            who = f", speaker {first['speaker']}" if first["speaker"] >= 0 else ""
            panel.set_title(f"“{plots.literal(first['class'])}”{who}")
        for panel in axes[len(shown) :]:
            panel.set_visible(False)
        grid[0, 0].set(xlim=(0, duration_ms), ylim=(0, units))
        for panel in grid[-1]:
            panel.set_xlabel("Time (ms)")
        for panel in grid[:, 0]:
            panel.set_ylabel("Channel")
    return figure


def findings(table):
    """Return a sentence on how many spikes the shown examples have, and where."""
    sentences = []
    for _, rows in table.groupby("dataset", sort=False):
        counts = rows.groupby("example").size()
        low, high = rows["unit"].quantile([0.05, 0.95])
        sentences.append(
            f"{rows['label'].iloc[0]}: the {prose.count(len(counts), 'example')} shown have "
            f"{counts.min():,} to {counts.max():,} spikes; nine tenths of them come from channels "
            f"{low:.0f} to {high:.0f}."
        )
    return sentences


def main(arguments):
    sets = {exhibit.place(path)[0]: SpikeTrains.open(path) for path in arguments.binned}
    table = pd.concat(
        tabulate(spikes, name, arguments.labels[name]) for name, spikes in sets.items()
    )
    duration = max(spikes.n_steps * spikes.dt_ms for spikes in sets.values())
    figure = draw(table, max(spikes.n_units for spikes in sets.values()), duration)
    exhibit.write(arguments, table, findings(table), figure)


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--binned", nargs="+", required=True, help="<data set>/binned/train.h5")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
