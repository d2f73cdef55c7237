"""What a training step costs against time steps: EventProp and BPTT, here and as published."""

import pandas as pd

from spikespeech import command
from spikespeech.forms import COUNT, Number
from spikespeech.reading import read_csv
from spikespeech.report import exhibit, plots, prose, published

EVENTPROP, BPTT, SPYX = "EventProp (native)", "BPTT (native)", "BPTT (Spyx)"
PRESENTATIONS = 100 * 8156
"""Of the published trainings: 100 epochs of SHD's training part."""

HERE, GPU = "here, one CPU thread", "published, RTX A5000"
STYLES = {
    (HERE, EVENTPROP): (plots.BLUE, "-", "o"),
    (HERE, BPTT): (plots.VERMILLION, "-", "^"),
    (HERE, SPYX): (plots.GREY, "--", "x"),
    (GPU, "EventProp (mlGeNN)"): (plots.SKY, ":", "s"),
    (GPU, SPYX): (plots.ORANGE, ":", "v"),
}
COLUMNS = dict.fromkeys(("method", "status", "reason", "memory"))
COLUMNS |= dict.fromkeys(("hidden", "steps", "batch"), COUNT)
COLUMNS |= dict.fromkeys(("cpu_ms", "wall_ms", "memory_mib"), Number(0, gaps=True))


def tabulate(measured):
    """Return our measurements and the published ones, by the wall clock, one row a point.

    Times are ms an example; ours are CPU and wall time of one thread. Memory is in MiB a batch, and
    `memory` says of what kind: counted, or the peak of a process or of the GPU.
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
            "memory_mib": theirs["peak_gpu_mib"],
            "memory": "peak of the GPU",
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
            below.plot(rows["steps"], rows["memory_mib"], **line)
        above.set(yscale="log", title=f"{sizes[column]} hidden neurons")
        below.set(yscale="log", xlabel="Time steps of a word")
        below.set_xticks(sorted(set(table["steps"])))
    grid[0, 0].set_ylabel("Time of a training step\n(ms an example)")
    grid[1, 0].set_ylabel("Memory of a batch (MiB)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=1)
    return figure


def findings(table):
    """Return how time and memory grow with the steps, their ratios, and why Spyx did not run."""
    own = table[(table["where"] == HERE) & (table["status"] == "measured")]
    by = {method: rows.set_index(["hidden", "steps"]) for method, rows in own.groupby("method")}
    few, many, sizes = own["steps"].min(), own["steps"].max(), sorted(set(own["hidden"]))
    spikes = own["spikes_a_neuron"]
    sentences = [
        f"Measured here on one thread, batches of {own['batch'].iloc[0]}, {spikes.min():.1f} to "
        f"{spikes.max():.1f} hidden spikes a neuron, {prose.listed(sizes)} hidden neurons. From "
        f"{few} to {many} time steps {growth(by[EVENTPROP], sizes, few, many, 'EventProp')}, "
        f"{growth(by[BPTT], sizes, few, many, 'BPTT')}."
    ]
    for method in (BPTT, SPYX):
        if method not in by:
            continue
        time, memory = (
            ratios(
                by[method].xs(many, level="steps"), by[EVENTPROP].xs(many, level="steps"), column
            )
            for column in ("cpu_ms", "memory_mib")
        )
        if method == BPTT:
            keeping = (
                f"and keeps {memory} times the bytes for the way back: a voltage of each neuron "
                "and step, where EventProp keeps a slope of each spike"
            )
        else:
            keeping = "and its memory is a process's, not to be compared with what is counted"
        sentences.append(
            f"At {many} steps {method} takes {time} times the CPU time of EventProp, {keeping}."
        )
    missing = table[table["status"] == "not run"]
    for reason, _ in missing.groupby("reason"):
        sentences.append(f"Spyx, BPTT from outside, was not run here ({reason}).")
    return sentences


def ratios(rows, others, column):
    """Return how many times as large a column is, for each hidden size."""
    return prose.listed(f"{value:.3g}" for value in rows[column] / others[column])


def growth(rows, sizes, few, many, name):
    """Return by which factors CPU time and memory of a method grow with the time steps."""
    first, last = (rows.xs(steps, level="steps").loc[sizes] for steps in (few, many))
    time, memory = (ratios(last, first, column) for column in ("cpu_ms", "memory_mib"))
    return f"{name}'s CPU time grows {time} times and what it keeps {memory} times"


def main(arguments):
    measured = read_csv(arguments.measured, columns=COLUMNS, dtype={"reason": str})
    table = tabulate(measured.fillna({"reason": ""}))
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--measured", required=True, help="table of benchmark_training.py")
    command.run(main, parser.parse_args())
