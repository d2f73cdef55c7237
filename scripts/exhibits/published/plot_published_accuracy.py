"""The published bars: training, float test, Lava and Loihi 2 (Shoesmith et al. 2025, Fig 4)."""

import numpy as np

from spikespeech import command
from spikespeech.report import exhibit, plots, published

LABELS = {
    "train": "training",
    "float": "test, float",
    "lava": "test, Lava fixed point",
    "loihi2": "test, Loihi 2 (one model)",
}


@plots.style()
def draw(table):
    """Return the figure: a panel for each data set, bars with the SD of five seeds."""
    sets = list(table.groupby("dataset", sort=False))
    figure, grid = plots.subplots(len(sets), height=0.6 + 2.0 * len(sets), squeeze=False)
    for (axes,), (dataset, rows) in zip(grid, sets, strict=True):
        sizes = sorted(set(rows["hidden"]))
        for place, (series, label) in enumerate(LABELS.items()):
            bars = rows[rows["series"] == series].set_index("hidden").loc[sizes]
            axes.bar(
                np.arange(len(sizes)) + 0.2 * (place - 1.5),
                bars["accuracy"],
                width=0.19,
                yerr=bars["sd"],
                error_kw={"elinewidth": 1, "capsize": 2, "ecolor": plots.INK},
                label=label,
                **plots.series_bar(series),
            )
        axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axes.set(ylabel="Accuracy (%)", ylim=(0, 104), title=f"{dataset.upper()}, as published")
        axes.grid(False, axis="x")
    grid[-1, 0].set_xlabel("Hidden neurons")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure


def findings(gaps):
    """Return what 8-bit weights cost, and what tests say of "no significant impact"."""
    whole = gaps[~gaps["partial"]]
    tested = [
        f"{row.dataset.upper()}-{row.hidden} {row.difference:+.1f} points, p = {row.p_value:.3f}, "
        f"{min(1, row.p_value * len(gaps)):.3f} corrected"
        for row in whole.itertuples()
    ]
    said = [
        f"Published, not measured here: over five seeds Lava's fixed point changes accuracy by "
        f"{gaps['difference'].min():+.1f} to {gaps['difference'].max():+.1f} points.",
        f"Where both saw the same test examples, paired t-tests over the seeds give "
        f"{'; '.join(tested)} (Bonferroni, for all {len(gaps)} configurations): “no significant "
        "impact” is neither refuted nor shown.",
        "On SSC the simulation saw a part of the test set only, so that its differences are no "
        "pairs and nothing is tested.",
    ]
    return [sentence.replace(" -", " −") for sentence in said]


def main(arguments):
    table = published.accuracies()
    exhibit.write(arguments, table, findings(published.quantisation()), draw(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
