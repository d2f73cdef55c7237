"""Draw how the objective of a search depends on each setting, averaged over the others.

A Gaussian process is fitted to all trials of a search, whoever proposed them.
"""

import pandas as pd

from spikespeech import command
from spikespeech.report import exhibit, plots, prose
from spikespeech.search import analysis, bayesian, space

LEVELS = 25
"""Points of a curve; an integer or categorical setting may have fewer."""
COLUMNS = 3
"""Panels in a row, at most: fewer settings have wider ones."""


def tabulate(trials, settings):
    """Return the partial dependence: search, setting, value, position, objective, error."""
    rows = []
    for search, own in trials.groupby("search", sort=False):
        dimensions = space.parse(settings[search]["space"])
        records = analysis.records(own, dimensions)
        model = bayesian.fit(dimensions, records, 0)
        samples = [record["point"] for record in records]
        for d in dimensions:
            for value in d.levels(LEVELS):
                objective, error = bayesian.dependence(model, dimensions, {d.key: value}, samples)
                cells = (search, d.key, space.cell(value), d.position(value), objective, error)
                rows.append(cells)
    names = ["search", "setting", "value", "position", "objective", "error"]
    return pd.DataFrame(rows, columns=names)


@plots.style()
def draw(table, trials, settings):
    """Return the figure: for each search a panel for each setting, with the trials as dots."""
    columns = min(COLUMNS, table.groupby("search")["setting"].nunique().max())
    panels = []
    for search, rows in table.groupby("search", sort=False):
        dimensions = space.parse(settings[search]["space"])
        own = analysis.records(trials[trials["search"] == search], dimensions)
        for i, d in enumerate(dimensions):
            title = f"{search}: {settings[search]['label']}" if i == 0 else ""
            panels.append((d, rows[rows["setting"] == d.key], own, title))
        panels += [None] * (-len(panels) % columns)
    n = len(panels) // columns
    figure, grid = plots.subplots(n, columns, height=2.1 * n, sharey=True, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=True):
        if panel is None:
            axes.set_axis_off()
            continue
        d, rows, own, title = panel
        middle, spread = 100 * rows["objective"], 196 * rows["error"]
        values = [d.position(record["point"][d.key]) for record in own]
        objectives = [100 * record["objective"] for record in own]
        axes.plot(values, objectives, ".", color=plots.FAINT, markersize=2.5)
        if isinstance(d, space.Categorical):
            plots.interval(
                axes, rows["position"], middle, middle - spread, middle + spread, fmt="o"
            )
        else:
            plots.band(axes, rows["position"], middle, middle - spread, middle + spread)
        axes.set_xticks(*space.ticks(d), rotation=30, ha="right")
        name = d.key.replace(".", ".\n") if columns > 1 else d.key
        axes.set(xlabel=name, xlim=(-0.03, 1.03), title=title)
    for axes in grid[:, 0]:
        axes.set_ylabel("Objective (%)")
    return figure


def findings(table, settings):
    """Return which setting moves the objective most in each search, and its best value.

    Beyond a best value at an edge of what was searched there may be a better one.
    """
    sentences = []
    for search, rows in table.groupby("search", sort=False):
        groups = rows.groupby("setting", sort=False)["objective"]
        ranges = (groups.max() - groups.min()).sort_values(ascending=False)
        best = rows.loc[groups.idxmax()].set_index("setting")
        said = [
            f"{key} by {100 * by:.1f} points (best at {best.loc[key, 'value']}, standard error "
            f"{100 * best.loc[key, 'error']:.1f})"
            for key, by in ranges.items()
        ]
        sentences.append(
            f"{search}: averaged over the others, the modelled objective moves with "
            f"{prose.listed(said)}."
        )
        edges = [
            d.key
            for d in space.parse(settings[search]["space"])
            if not isinstance(d, space.Categorical) and at_edge(rows[rows["setting"] == d.key])
        ]
        if edges:
            sentences.append(f"Best at an edge of what was searched: {prose.listed(edges)}.")
    return sentences


def at_edge(rows):
    """Return whether the objective is best at the first or the last value of a setting."""
    best = rows["objective"].to_numpy().argmax()
    return best in (0, len(rows) - 1)


def main(arguments):
    trials = analysis.distinct(analysis.read(arguments.trials))
    table = tabulate(trials, arguments.settings)
    exhibit.write(
        arguments,
        table,
        findings(table, arguments.settings),
        draw(table, trials, arguments.settings),
    )


if __name__ == "__main__":
    command.run(main, analysis.parser(__doc__).parse_args())
