"""Draw the best objective so far against trials and CPU seconds, for each proposer of a search."""

from spikespeech import command
from spikespeech.report import exhibit, plots, prose
from spikespeech.search import analysis

LOOKS = {
    "bayesian": {"color": plots.BLUE, "linestyle": "-"},
    "evolutionary": {"color": plots.PURPLE, "linestyle": "-."},
    "random": {"color": plots.ORANGE, "linestyle": "--"},
    "grid": {"color": plots.GREEN, "linestyle": ":"},
}


@plots.style()
def draw(curves, settings):
    """Return the figure: a row of two panels for each search."""
    searches = list(curves.groupby("search", sort=False))
    figure, grid = plots.subplots(
        len(searches), 2, height=0.4 + 2.3 * len(searches), sharey="row", squeeze=False
    )
    for (left, right), (search, rows) in zip(grid, searches, strict=True):
        for proposer, curve in rows.groupby("proposer", sort=False):
            for axes, x in ((left, "order"), (right, "cpu_total")):
                plots.band(
                    axes,
                    curve[x],
                    100 * curve["incumbent"],
                    100 * curve["low"],
                    100 * curve["high"],
                    label=proposer,
                    **LOOKS[proposer],
                )
        initial = settings[search]["initial"]
        left.axvline(initial, color=plots.FAINT, linestyle=":", linewidth=1)
        left.set(
            xlabel="Trials",
            ylabel="Best objective so far (%)",
            title=f"{search}: {settings[search]['label']}",
        )
        right.set(xlabel="CPU seconds of a chain")
        if rows[["low", "high"]].stack().between(0, 1).all():
            left.set_ylim(0, 104)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def findings(curves, settings):
    """Return for each search what every proposer ends with, and what its trials cost."""
    sentences = []
    for search, rows in curves.groupby("search", sort=False):
        last = rows.sort_values("order").groupby("proposer", sort=False).tail(1)
        ends = [
            f"{row.proposer} {prose.percent((row.incumbent, row.low, row.high))} after "
            f"{prose.count(row.order, 'trial')} and {row.cpu_total:,.0f} CPU seconds"
            for row in last.itertuples()
        ]
        sentences.append(
            f"{search}: mean best objective over {prose.count(last['seeds'].iloc[0], 'seed')} of "
            f"the optimiser, {prose.listed(ends)}; the first "
            f"{prose.count(settings[search]['initial'], 'trial')} are shared."
        )
    return sentences


def main(arguments):
    curves = analysis.curves(analysis.read(arguments.trials))
    settings = arguments.settings
    exhibit.write(arguments, curves, findings(curves, settings), draw(curves, settings))


if __name__ == "__main__":
    command.run(main, analysis.parser(__doc__).parse_args())
