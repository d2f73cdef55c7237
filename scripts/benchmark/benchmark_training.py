"""Measure a training step by EventProp and by BPTT against time steps, in one run on this machine.

The work of Shoesmith et al. 2025, Fig 3: trials of a second, binned in more or fewer steps, whose
recurrent hidden neurons spike equally often; a batch forward, backward and Adam, on one thread.
EventProp is the native engine's, BPTT Spyx's, in the interpreter of --peers, in turns; where Spyx
is not installed BPTT is not run, and the table says so. Each measurement has a process of its own.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pandas as pd
from benchmark_engine import least, peer, workload

from spikespeech import command, eventprop, files, losses
from spikespeech.backends import native
from spikespeech.meter import Meter

METHODS = {"spyx": "BPTT (Spyx)", "engine": "EventProp (native engine)"}
COLUMNS = [
    *("method", "hidden", "steps", "batch", "status", "reason"),
    *("cpu_ms", "wall_ms", "memory_mb", "spikes_a_neuron"),
]


def engine(n_hidden, n_steps, n_examples, repeats):
    """Return (CPU and wall ms an example, peak MB, spikes a neuron) of the engine's step."""
    network, weights, spikes = workload(n_hidden, n_steps, n_examples, dt_ms=1000 // n_steps)
    loss = losses.make("sum_exp", n_steps=n_steps, dt_ms=network.dt_ms)
    eventprop.gradients(network, weights, spikes.take([0]), loss=loss)  # compiles
    with Meter() as meter:
        backend = native.Backend(network, weights, loss)
        outcome = backend.train([spikes], [1e-6])
    cpu, wall = least(lambda: backend.train([spikes], [1e-6]), repeats)
    return {
        "cpu_ms": 1e3 * cpu / n_examples,
        "wall_ms": 1e3 * wall / n_examples,
        "memory_mb": meter.growth_mb,
        "spikes_a_neuron": float(outcome.hidden_spikes.mean()),
    }


def rows(n_hidden, n_steps, settings, python):
    """Return the rows of both methods at one size."""
    size = n_hidden, n_steps, settings["examples"]
    common = {"hidden": n_hidden, "steps": n_steps, "batch": settings["examples"]}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        own = fresh.submit(engine, *size, settings["repeats"]).result()
    yield {"method": METHODS["engine"], "status": "measured", "reason": "", **common, **own}
    row, reason = None, "no interpreter with Spyx is configured"
    if python:
        work = workload(*size, dt_ms=1000 // n_steps)
        row, reason = peer([python], "spyx", work, settings["repeats"])
    if row is None:
        yield {"method": METHODS["spyx"], "status": "not run", "reason": reason, **common}
        return
    theirs = {
        "cpu_ms": row["total_ms"],
        "wall_ms": row["wall_ms"],
        "memory_mb": row["resident_mb"],
        "spikes_a_neuron": row["spikes_a_neuron"],
    }
    yield {"method": METHODS["spyx"], "status": "measured", "reason": "", **common, **theirs}


def main(arguments):
    """Measure all sizes and write the table."""
    settings, table = arguments.settings, []
    for n_hidden in settings["hidden"]:
        for n_steps in settings["steps"]:
            for row in rows(n_hidden, n_steps, settings, arguments.peers):
                print({k: v for k, v in row.items() if v != ""}, file=sys.stderr)
                table.append(row)
    files.write_csv(arguments.out, pd.DataFrame(table, columns=COLUMNS))


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: hidden, steps (lists), examples, repeats",
    )
    parser.add_argument("--peers", default="", help="python that has Spyx; empty: none")
    parser.add_argument("--out", required=True, help="table to write (CSV)")
    command.run(main, parser.parse_args())
