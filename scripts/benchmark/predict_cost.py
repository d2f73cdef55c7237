"""Predict CPU hours, memory and disk of a study from the cost of an utterance on this machine.

An utterance is that of scripts/benchmark/benchmark_engine.py, 8,000 input spikes and 14 a hidden
neuron; it is measured at every hidden size and batch size of the configuration, each in a process
of its own. Nothing is downloaded.
"""

import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor

import benchmark_engine
from rich.console import Console
from rich.table import Table

from spikespeech import command, eventprop, losses
from spikespeech.backends import native
from spikespeech.report import exhibit, prose
from spikespeech.search import studies
from spikespeech.training import forecast


def measure(size, n_steps, dt_ms, repeats):
    """Return (CPU ms to learn from an utterance, CPU ms of its forward pass, peak MB)."""
    n_hidden, batch_size = size
    workload = benchmark_engine.workload(n_hidden, n_steps, batch_size, dt_ms=dt_ms)
    network, weights, spikes = workload
    loss = losses.make("sum_exp", n_steps=n_steps, dt_ms=dt_ms)
    regulariser = eventprop.Regulariser(2.5e-10, 2.5e-10)
    backend = native.Backend(network, weights, loss, regulariser)
    learn, _ = benchmark_engine.least(lambda: backend.train([spikes], [1e-6]), repeats)
    forward, _ = benchmark_engine.least(lambda: backend.evaluate(spikes), repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megabyte = 2**20 if sys.platform == "darwin" else 2**10
    return 1e3 * learn / batch_size, 1e3 * forward / batch_size, peak / megabyte


def findings(table):
    """Return what the study takes, and where most of it goes."""
    trainings = table[table.work != "data"]
    known = trainings[trainings.cpu_hours.notna()]
    by_work = known.groupby("work", sort=False).cpu_hours.sum()
    hours, wall = known.cpu_hours.sum(), known.wall_hours_2_cores.sum()
    sentences = [
        f"{prose.count(int(trainings.trainings.sum()), 'training')} will take {cell(hours)} CPU "
        f"hours ({cell(wall)} hours on two cores), at most {known.memory_mb.max():,.0f} MB each "
        f"and {cell(table.disk_gb.sum())} GB of disk, predicted from what an utterance took on "
        "this machine; evaluations and figures come on top."
    ]
    if len(by_work) > 1:
        sentences.append(
            "Of these CPU hours go "
            + prose.listed(f"{cell(hours)} to {work}" for work, hours in by_work.items())
            + "."
        )
    unknown = trainings[trainings.cpu_hours.isna()].dataset.unique()
    if len(unknown):
        sentences.append(f"The size of {prose.listed(unknown)} is not known before it is read.")
    return sentences


def show(table):
    """Print the table."""
    left_out = ["label", "fold", "forward_ms"]
    shown = Table(*(column.replace("_", " ") for column in table.columns.drop(left_out)))
    for row in table.drop(columns=left_out).itertuples(index=False):
        shown.add_row(*map(cell, row))
    Console(width=130).print(shown)


def cell(value):
    """Return a value as the terminal shows it."""
    if isinstance(value, str) or value != value:
        return value if isinstance(value, str) else ""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.01 else "< 0.01"


def main(arguments):
    config = arguments.settings
    counted = forecast.trainings(config, studies.load(config))
    sizes = sorted({(kind.hidden, kind.batch_size) for kind in counted}, key=str)
    # The workload comes in whole milliseconds.
    grid = config["time"]["steps"], max(1, round(config["time"]["dt_ms"])), arguments.repeats
    costs = {}
    for size in sizes:
        # A fresh process, whose peak is that of this size alone.
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=fresh) as process:
            costs[size] = process.submit(measure, size, *grid).result()
    table = forecast.predict(config, counted, costs)
    said = findings(table)
    exhibit.write(arguments, table, said)
    show(table)
    print(*said, sep="\n")


if __name__ == "__main__":
    parser = exhibit.parser(__doc__, figure=False)
    parser.add_argument(
        "--settings", type=command.json_argument, required=True, help="JSON: the configuration"
    )
    parser.add_argument("--repeats", type=int, default=10, help="the least of so many is kept")
    command.run(main, parser.parse_args())
