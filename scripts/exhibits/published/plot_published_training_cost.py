"""Training time and memory against time steps, as published (Shoesmith et al. 2025, Fig 3)."""

from spikespeech import command
from spikespeech.report import exhibit, plots, prose, published

STYLES = {
    ("EventProp (mlGeNN)", "GPU kernels + build (as plotted)"): (plots.BLUE, "-", "o"),
    ("EventProp (mlGeNN)", "wall clock"): (plots.BLUE, "--", "s"),
    ("BPTT (Spyx)", "wall clock (as plotted)"): (plots.VERMILLION, "-", "^"),
}


@plots.style()
def draw(table):
    """Return the figure: time above memory, one column for each hidden size."""
    sizes = sorted(set(table["hidden"]))
    figure, grid = plots.subplots(2, len(sizes), height=4.6, sharex=True, sharey="row")
    for (above, below), hidden in zip(grid.T, sizes, strict=True):
        for key, rows in table[table["hidden"] == hidden].groupby(["method", "clock"], sort=False):
            color, linestyle, marker = STYLES[key]
            line = {"color": color, "linestyle": linestyle, "marker": marker}
            rows = rows.sort_values("steps")
            minutes = rows["train_seconds_100_epochs"] / 60
            above.plot(rows["steps"], minutes, label=": ".join(key), **line)
            if key[1] != "wall clock":
                below.plot(rows["steps"], rows["peak_gpu_mib"] / 1024, **line)
        above.set_title(f"{hidden} hidden")
        below.set(xlabel="Time steps", xticks=sorted(set(table["steps"])))
    grid[0, 0].set(ylabel="100 epochs (min)", ylim=(0, None))
    grid[1, 0].set(ylabel="Peak GPU memory (GiB)", ylim=(0, None))
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=1)
    return figure


def findings(table):
    """Return the speed-ups by both clocks, and the memory ratios, at the most time steps."""
    longest = table[table["steps"] == table["steps"].max()]
    spyx = longest[longest["method"] == "BPTT (Spyx)"].set_index("hidden")
    speed, memory = {}, []
    for clock, rows in longest[longest["method"] != "BPTT (Spyx)"].groupby("clock"):
        rows = rows.set_index("hidden")
        ratio = spyx["train_seconds_100_epochs"] / rows["train_seconds_100_epochs"]
        speed[clock] = prose.listed(f"{value:.2f}" for value in ratio)
        memory = [f"{value:.1f}" for value in spyx["peak_gpu_mib"] / rows["peak_gpu_mib"]]
    plotted, wall = (speed[clock] for clock in ("GPU kernels + build (as plotted)", "wall clock"))
    return [
        f"Published, not measured here, one seed on an RTX A5000: at {longest['steps'].iloc[0]} "
        f"steps with {prose.listed(spyx.index)} hidden neurons, EventProp trains {plotted} times "
        f"as fast as BPTT by the clock of the figure, {wall} times by the wall clock, and BPTT "
        f"takes {prose.listed(memory)} times its memory."
    ]


def main(arguments):
    table = published.benchmark()
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
