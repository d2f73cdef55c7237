"""Draw the objective of a search over each pair of settings, averaged over the others.

A Gaussian process is fitted to all trials of a search, whoever proposed them.
"""

import itertools

import pandas as pd

from spikespeech import command
from spikespeech.report import exhibit, plots, prose
from spikespeech.search import analysis, bayesian, space

LEVELS = 12
"""Points along each side; an integer or categorical setting may have fewer."""


def tabulate(trials, settings):
    """Return one row a pair of settings and of their values.

    Columns: search, x, y (settings), x_value, y_value, x_position, y_position, objective, error.
    """
    rows = []
    for search, own in trials.groupby("search", sort=False):
        dimensions = space.parse(settings[search]["space"])
        records = analysis.records(own, dimensions)
        model = bayesian.fit(dimensions, records, 0)
        samples = [record["point"] for record in records]
        for x, y in itertools.combinations(dimensions, 2):
            for a, b in itertools.product(x.levels(LEVELS), y.levels(LEVELS)):
                fixed = {x.key: a, y.key: b}
                mean, error = bayesian.dependence(model, dimensions, fixed, samples)
                values = (space.cell(a), space.cell(b), x.position(a), y.position(b))
                rows.append((search, x.key, y.key, *values, mean, error))
    names = ["search", "x", "y", "x_value", "y_value", "x_position", "y_position"]
    return pd.DataFrame(rows, columns=[*names, "objective", "error"])


@plots.style()
def draw(table, trials, settings):
    """Return the figure: for each search a triangle of maps, with its trials as dots."""
    searches = list(table.groupby("search", sort=False))
    if not searches:
        figure, axes = plots.subplots(height=1)
        axes.text(0, 0, "No search has a pair of settings.")
        axes.set_axis_off()
        return figure
    sides = [len(settings[search]["space"]) - 1 for search, _ in searches]
    height = sum(0.6 + min(2.0, 0.5 + 1.6 / side) * side for side in sides)
    figure = plots.plt.figure(figsize=(plots.WIDTH, height))
    parts = figure.subfigures(len(searches), 1, height_ratios=sides, squeeze=False)[:, 0]
    for part, side, (search, rows) in zip(parts, sides, searches, strict=True):
        dimensions = space.parse(settings[search]["space"])
        own = analysis.records(trials[trials["search"] == search], dimensions)
        where = space.positions(dimensions, [record["point"] for record in own])
        low, high = 100 * rows["objective"].min(), 100 * rows["objective"].max()
        grid = part.subplots(side, side, sharex="col", sharey="row", squeeze=False)
        for axes in grid.flat:
            axes.set_visible(False)
        for (i, x), (j, y) in itertools.combinations(enumerate(dimensions), 2):
            axes = grid[j - 1, i]
            axes.set_visible(True)
            pair = rows[(rows["x"] == x.key) & (rows["y"] == y.key)]
            image = pair.pivot(index="y_position", columns="x_position", values="objective")
            drawn = axes.pcolormesh(
                image.columns,
                image.index,
                100 * image.to_numpy(),
                vmin=low,
                vmax=high,
                cmap="viridis",
                shading="nearest",
                rasterized=True,
            )
            axes.plot(where[:, i], where[:, j], ".", color=plots.PAPER, markersize=2, alpha=0.7)
            axes.set(xlim=(0, 1), ylim=(0, 1))
            axes.grid(False)
            axes.set_xticks(*space.ticks(x), rotation=40, ha="right")
            axes.set_yticks(*space.ticks(y))
            if i == 0:
                axes.set_ylabel(y.key.replace(".", ".\n"))
            if j == len(dimensions) - 1:
                axes.set_xlabel(x.key.replace(".", ".\n"))
        part.colorbar(drawn, ax=grid, label="Objective (%)", shrink=0.8)
        part.suptitle(
            f"{search}: {settings[search]['label']}", x=0.02, ha="left", fontsize=9, weight="bold"
        )
    return figure


def findings(table):
    """Return the best corner of the pair that moves the objective most, for each search."""
    sentences = []
    for search, rows in table.groupby("search", sort=False):
        groups = rows.groupby(["x", "y"], sort=False)["objective"]
        widest = (groups.max() - groups.min()).idxmax()
        pair = rows[(rows["x"] == widest[0]) & (rows["y"] == widest[1])]
        top = pair.loc[pair["objective"].idxmax()]
        spread = (pair["objective"].min(), pair["objective"].max())
        sentences.append(
            f"{search}: {prose.listed(widest)} together move the modelled objective most, from "
            f"{100 * spread[0]:.1f} to {100 * spread[1]:.1f} %, and it is highest (standard error "
            f"{100 * top['error']:.1f} points) at {top['x_value']} and {top['y_value']}."
        )
    return sentences


def main(arguments):
    trials = analysis.distinct(analysis.read(arguments.trials))
    settings = {
        s: section for s, section in arguments.settings.items() if len(section["space"]) > 1
    }
    trials = trials[trials["search"].isin(settings)]
    table = tabulate(trials, settings)
    exhibit.write(arguments, table, findings(table), draw(table, trials, settings))


if __name__ == "__main__":
    command.run(main, analysis.parser(__doc__).parse_args())
