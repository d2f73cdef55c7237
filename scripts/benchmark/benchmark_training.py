"""Measure a training step by EventProp and by BPTT against time steps, in one run on this machine.

The work of Shoesmith et al. 2025, Fig 3: words of a second, binned in more or fewer steps, whose
recurrent hidden neurons spike equally often; a batch forward, backward and Adam, on one thread.
EventProp and BPTT are native backends, which run the same forward pass, in turns; Spyx, in the
interpreter of --peers, is BPTT from outside: where it is not installed the table says so. Each
measurement of it has a process of its own.

Memory of the native backends is counted, not measured: the bytes that the forward pass of a batch
leaves for the way back. EventProp keeps step, neuron and I - V of each hidden spike, BPTT the
voltage of each hidden neuron in each step and the hidden spikes. Weights, input spikes and
what a backend works in for one example at a time are left out, as both have them alike.
"""

import sys

import numpy as np
import pandas as pd
from benchmark_engine import in_turns, peer, workload

from spikespeech import command, files, losses
from spikespeech.backends import bptt, native
from spikespeech.engine.tape import tape

EVENTPROP, BPTT, SPYX = "EventProp (native)", "BPTT (native)", "BPTT (Spyx)"
COLUMNS = [
    *("method", "hidden", "steps", "batch", "status", "reason"),
    *("cpu_ms", "wall_ms", "memory_mib", "memory", "spikes_a_neuron"),
]


def kept(method, n_hidden, n_steps, n_examples, n_spikes):
    """Return the bytes that a batch's forward pass keeps for the way back.

    n_spikes : hidden spikes of the batch
    """
    one = tape(1, 1)
    spike = one.steps.itemsize + one.ids.itemsize
    if method == EVENTPROP:
        return n_spikes * (spike + one.slope.itemsize)
    return n_spikes * spike + n_examples * n_steps * n_hidden * np.dtype(np.float32).itemsize


def native_rows(work, repeats):
    """Return the measurements of EventProp and BPTT on a workload, in turns."""
    network, weights, spikes = work
    loss = losses.make("sum_exp", n_steps=spikes.n_steps, dt_ms=network.dt_ms)
    backends = {EVENTPROP: native.Backend, BPTT: bptt.Backend}
    backends = {name: kind(network, weights, loss) for name, kind in backends.items()}
    calls = [lambda backend=b: backend.train([spikes], [1e-6]) for b in backends.values()]
    counts = [call().hidden_spikes for call in calls]  # compiles
    n = len(spikes)
    for method, own, (cpu, wall) in zip(backends, counts, in_turns(calls, repeats), strict=True):
        size = kept(method, network.n_hidden, spikes.n_steps, n, int(own.sum()))
        yield {
            "method": method,
            "status": "measured",
            "reason": "",
            "cpu_ms": 1e3 * cpu / n,
            "wall_ms": 1e3 * wall / n,
            "memory_mib": size / 2**20,
            "memory": "counted",
            "spikes_a_neuron": float(own.mean()),
        }


def spyx_row(work, repeats, python):
    """Return the measurements of Spyx on a workload; its memory is the peak above its libraries."""
    row, reason = None, "no interpreter with Spyx is configured"
    if python:
        row, reason = peer([python], "spyx", work, repeats)
    if row is None:
        return {"method": SPYX, "status": "not run", "reason": reason}
    return {
        "method": SPYX,
        "status": "measured",
        "reason": "",
        "cpu_ms": row["total_ms"],
        "wall_ms": row["wall_ms"],
        "memory_mib": row["resident_mb"],
        "memory": "peak of the process",
        "spikes_a_neuron": row["spikes_a_neuron"],
    }


def rows(n_hidden, n_steps, settings, python):
    """Return the rows of all methods at one size."""
    repeats, n = settings["repeats"], settings["examples"]
    work = workload(n_hidden, n_steps, n, dt_ms=1000 // n_steps)
    found = [*native_rows(work, repeats), spyx_row(work, repeats, python)]
    return [{"hidden": n_hidden, "steps": n_steps, "batch": n, **row} for row in found]


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
