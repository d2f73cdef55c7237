"""What a training step costs against time steps: EventProp and BPTT, here and as published."""

import pandas as pd

from spikespeech import command
from spikespeech.reading import read_csv
from spikespeech.report import exhibit, plots, prose, published

OURS, BPTT = "EventProp (native engine)", "BPTT (Spyx)"
PRESENTATIONS = 100 * 8156
"""Of the published trainings: 100 epochs of SHD's training part."""

HERE, GPU = "here, one CPU thread", "published, RTX A5000"
STYLES = {
    (HERE, OURS): (plots.BLUE, "-", "o"),
    (HERE, BPTT): (plots.VERMILLION, "-", "^"),
    (GPU, "EventProp (mlGeNN)"): (plots.SKY, ":", "s"),
    (GPU, BPTT): (plots.ORANGE, ":", "v"),
}
COLUMNS = ["method", "hidden", "steps", "batch", "status", "reason"]
COLUMNS += ["cpu_ms", "wall_ms", "memory_mb"]


def tabulate(measured):
    """Return our measurements and the published ones, by the wall clock, one row a point.

    Times are ms an example; ours are CPU and wall time of one thread. Memory is in MB: ours is the
    peak above libraries and data, the published the peak of the GPU's.
    """
    theirs = published.benchmark()
    theirs = theirs[theirs["clock"].str.startswith("wall clock")]
    theirs = pd.DataFrame(
        {
            "where": GPU,
            "method": theirs["method"],
            "hidden": theirs["hidden"],
            "steps": theirs["steps"],
            "batch": 32,
            "status": "published",
            "reason": "",
            "wall_ms": 1e3 * theirs["train_seconds_100_epochs"] / PRESENTATIONS,
            "memory_mb": theirs["peak_gpu_mib"],
        }
    )
    return pd.concat([measured.assign(where=HERE), theirs], ignore_index=True)[
        ["where", *measured.columns]
    ]


@plots.style()
def draw(table):
    """Return the figure: time above memory, one column for each hidden size that was measured."""
    sizes = sorted(set(table.loc[table["where"] == HERE, "hidden"]))
    figure, grid = plots.subplots(
        2, len(sizes), height=5.0, sharex=True, sharey="row", squeeze=False
    )
    for column, (above, below) in enumerate(grid.T):
        own = table[(table["hidden"] == sizes[column]) & (table["status"] != "not run")]
        for (where, method), rows in own.groupby(["where", "method"], sort=False):
            color, linestyle, marker = STYLES[where, method]
            line = {"color": color, "linestyle": linestyle, "marker": marker}
            rows = rows.sort_values("steps")
            # On a machine that does other work the wall clock measures that as well.
            time = rows["cpu_ms"] if where == HERE else rows["wall_ms"]
            above.plot(rows["steps"], time, label=f"{method}, {where}", **line)
            below.plot(rows["steps"], rows["memory_mb"], **line)
        above.set(yscale="log", title=f"{sizes[column]} hidden neurons")
        below.set(yscale="log", xlabel="Time steps of a trial")
        below.set_xticks(sorted(set(table["steps"])))
    grid[0, 0].set_ylabel("Time of a training step\n(ms an example)")
    grid[1, 0].set_ylabel("Memory (MB)")
    if "not run" in set(table["status"]):
        grid[0, 0].annotate(
            "BPTT: not run here", (0.04, 0.92), xycoords="axes fraction", color=plots.FAINT
        )
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=1)
    return figure


def findings(table):
    """Return how both grow with time steps, their ratio at most steps, or why BPTT did not run."""
    own = table[table["where"] == HERE]
    engine = own[own["method"] == OURS]
    bptt = own[(own["method"] == BPTT) & (own["status"] == "measured")]
    few, many = engine["steps"].min(), engine["steps"].max()
    spikes = own["spikes_a_neuron"]
    sentences = [
        f"Measured here on one thread, batches of {engine['batch'].iloc[0]}, "
        f"{spikes.min():.1f} to {spikes.max():.1f} hidden spikes a neuron: from {few} to {many} "
        f"time steps {growth(engine, few, many, 'EventProp')}"
        + (f", {growth(bptt, few, many, 'BPTT')}." if len(bptt) else ".")
    ]
    if len(bptt):
        last = [t[t["steps"] == many].set_index("hidden") for t in (engine, bptt)]
        cpu, wall, memory = (
            prose.listed(f"{value:.0f}" for value in last[1][column] / last[0][column])
            for column in ("cpu_ms", "wall_ms", "memory_mb")
        )
        sentences.append(
            f"At {many} steps with {prose.listed(last[0].index)} hidden neurons BPTT takes {cpu} "
            f"times the CPU time of EventProp, {wall} times the wall time and {memory} times the "
            "memory, one measurement each."
        )
    for reason, _ in own[own["status"] == "not run"].groupby("reason"):
        sentences.append(
            f"BPTT was not run here ({reason}): install envs/peers.txt in an environment of its "
            "own and name its interpreter in peers_python."
        )
    return sentences


def growth(rows, few, many, name):
    """Return by which factors CPU time and memory of a method grow with the time steps."""
    first, last = (rows[rows["steps"] == steps].set_index("hidden") for steps in (few, many))
    time, memory = (
        prose.listed(f"{value:.1f}" for value in last[column] / first[column])
        for column in ("cpu_ms", "memory_mb")
    )
    return (
        f"{name}'s CPU time grows {time} times and its memory {memory} times "
        f"({prose.listed(last.index)} hidden)"
    )


def main(arguments):
    measured = read_csv(arguments.measured, columns=COLUMNS, dtype={"reason": str})
    table = tabulate(measured.fillna({"reason": ""}))
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--measured", required=True, help="table of benchmark_training.py")
    command.run(main, parser.parse_args())
