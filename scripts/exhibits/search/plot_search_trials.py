"""Draw every trial of a search as a line through its settings: parallel coordinates."""

import matplotlib as mpl
import numpy as np

from spikespeech import command
from spikespeech.report import exhibit, plots, prose
from spikespeech.search import analysis, space


@plots.style()
def draw(trials, settings):
    """Return the figure: a panel for each search, the best trials on top."""
    searches = list(trials.groupby("search", sort=False))
    figure, grid = plots.subplots(len(searches), height=2.8 * len(searches), squeeze=False)
    for (axes,), (search, own) in zip(grid, searches, strict=True):
        dimensions = space.parse(settings[search]["space"])
        records = analysis.records(own, dimensions)
        where = space.positions(dimensions, [record["point"] for record in records])
        objective = 100 * np.array([record["objective"] for record in records])
        good = (own["status"] == "ok").to_numpy()
        colour = mpl.cm.ScalarMappable(
            mpl.colors.Normalize(objective.min(), objective.max()), "viridis"
        )
        for i in np.argsort(objective, kind="stable"):
            look = {"color": colour.to_rgba(objective[i])} if good[i] else {"color": plots.FAINT}
            axes.plot(where[i], linestyle="-" if good[i] else ":", linewidth=1, alpha=0.8, **look)
        for i, d in enumerate(dimensions):
            axes.axvline(i, color=plots.INK, linewidth=0.8)
            for position, label in zip(*space.ticks(d), strict=True):
                axes.annotate(
                    label,
                    (i, position),
                    (3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7,
                    bbox={"facecolor": plots.PAPER, "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
                )
        axes.set_xticks(range(len(dimensions)), [d.key.replace(".", ".\n") for d in dimensions])
        axes.set(
            yticks=[],
            xlim=(-0.1, len(dimensions) - 0.6),
            title=f"{search}: {settings[search]['label']}",
        )
        axes.grid(False)
        axes.spines[["left", "bottom"]].set_visible(False)
        figure.colorbar(colour, ax=axes, label="Objective (%)")
    return figure


def findings(trials):
    """Return how many trials each search made, how many failed, and how far they spread."""
    sentences = []
    for search, own in trials.groupby("search", sort=False):
        low, middle, high = 100 * own["objective"].quantile([0, 0.5, 1])
        statuses = own["status"].value_counts()
        bad = [f"{statuses[s]} {word}" for s, word in BAD.items() if s in statuses]
        sentences.append(
            f"{search}: {prose.count(len(own), 'trial')} with objectives from {low:.1f} to "
            f"{high:.1f} % (median {middle:.1f}); "
            + (f"{prose.listed(bad)}." if bad else "none failed.")
        )
    return sentences


BAD = {"failed": "failed", "silent": "fell silent"}


def main(arguments):
    trials = analysis.distinct(analysis.read(arguments.trials))
    exhibit.write(arguments, trials, findings(trials), draw(trials, arguments.settings))


if __name__ == "__main__":
    command.run(main, analysis.parser(__doc__).parse_args())
