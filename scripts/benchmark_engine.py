"""Measure the engine beside its peers, on the same work, in one run on this machine.

The work is that of an SHD-sized training step: 700 inputs with 8,000 spikes over 1,000 steps, a
recurrent hidden layer that spikes about 14 times a neuron, 20 outputs, batches of 32, forward,
backward and Adam. Times are CPU milliseconds an example, the least of some repeats; spikes a
neuron are stated for each, so that equal work is compared. The bound is the time that moving the
bytes alone would take, at the bandwidths measured here for the arrays they come from. The share of
making is that of an epoch's wall time which reading, shifting and blending its batches adds to
learning from them.

Peers run in the environments of --peers (envs/peers.yaml, envs/mlgenn.yaml), each in the first
that has it and in a process of its own; one that is in none is listed as not run.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from spikespeech import command, eventprop, files, losses
from spikespeech.augment import Presentations, ahead
from spikespeech.eventprop.kernel import kernel
from spikespeech.eventprop.vectors import LANES, WIDE, aligned, load_wide, padded, store
from spikespeech.network import Network, Weights
from spikespeech.spikes import SpikeTrains
from spikespeech.stored import Stored

INPUTS, OUTPUTS, INPUT_SPIKES, SPIKES_A_NEURON = 700, 20, 8000, 14
PEERS = ("spyx", "snntorch", "norse", "mlgenn")
COLUMNS = (
    "implementation", "hidden", "steps", "batch", "threads", "forward_ms", "total_ms", "wall_ms",
    "bound_ms", "bound_reached", "making_share", "spikes_a_neuron", "resident_mb",
    "times_the_engine",
)  # fmt: skip


def input_spikes(n, n_steps, rng, dt_ms=1):
    """Return SpikeTrains of n examples with the workload's input spikes, dt_ms (int) a step.

    Coarser steps bin the same spikes: those of a channel in one step become one.
    """
    duration = n_steps * dt_ms
    count = INPUT_SPIKES * duration // 1000
    codes = (np.sort(rng.choice(duration * INPUTS, count, replace=False)) for _ in range(n))
    coarse = (np.unique(c // INPUTS // dt_ms * INPUTS + c % INPUTS) for c in codes)
    binned = [(c // INPUTS, c % INPUTS) for c in coarse]
    labels = rng.integers(0, OUTPUTS, n)
    classes = tuple(map(str, range(OUTPUTS)))
    return SpikeTrains.from_binned(binned, labels, np.full(n, -1), n_steps, INPUTS, dt_ms, classes)


def workload(n_hidden, n_steps, n_examples, seed=1, dt_ms=1):
    """Return (network, weights, spikes) with about SPIKES_A_NEURON spikes a second."""
    rng = np.random.default_rng(seed)
    network = Network(INPUTS, n_hidden, OUTPUTS, dt_ms=float(dt_ms))
    weights = Weights.random(
        network,
        rng,
        input_hidden=(0, 0.01),
        hidden_hidden=(0, 0.01 * (256 / n_hidden) ** 0.5),
        hidden_output=(0, 0.03),
    )
    spikes = input_spikes(n_examples, n_steps, rng, dt_ms)
    wanted = SPIKES_A_NEURON * n_steps * dt_ms / 1000
    centred, low, high = weights.input_hidden.copy(), 0.0, 0.1
    sample = spikes.take(range(min(2, n_examples)))
    for _ in range(12):
        mean = (low + high) / 2
        weights.input_hidden = centred + np.float32(mean)
        hidden = eventprop.simulate(network, weights, sample, record=("hidden_spikes",))
        often = len(hidden.hidden_spikes.steps) / len(sample) / n_hidden
        low, high = (low, mean) if often > wanted else (mean, high)
    return network, weights, spikes


def least(call, repeats):
    """Return the least (CPU, wall) seconds of `repeats` calls."""
    times = []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    return tuple(min(column) for column in zip(*times, strict=True))


def resident():
    """Return this process's resident memory in MB; nan where /proc does not tell."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return np.nan
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def engine(n_hidden, n_steps, n_examples, threads, repeats):
    """Return the engine's row."""
    network, weights, spikes = workload(n_hidden, n_steps, n_examples)
    loss = losses.make("sum_exp", n_steps=n_steps)
    before = resident()
    backend = eventprop.Backend(
        network, weights, loss, eventprop.Regulariser(2.5e-10, 2.5e-10), threads
    )
    outcome = backend.train([spikes], [1e-6])
    memory = resident() - before
    cpu, wall = least(lambda: backend.train([spikes], [1e-6]), repeats)
    forward, _ = least(lambda: backend.evaluate(spikes), repeats)
    often = float(outcome.hidden_spikes.sum(axis=1).mean())
    bound = byte_bound(n_hidden, n_steps, n_examples, INPUT_SPIKES * n_steps / 1000, often)
    total = 1e3 * cpu / n_examples
    return {
        "implementation": "engine",
        "hidden": n_hidden,
        "steps": n_steps,
        "batch": n_examples,
        "threads": threads,
        "forward_ms": 1e3 * forward / n_examples,
        "total_ms": total,
        "wall_ms": 1e3 * wall / n_examples,
        "bound_ms": 1e3 * bound,
        "bound_reached": 1e3 * bound / total,
        "making_share": making_share(backend, n_steps, n_examples, max(2, repeats // 5)),
        "spikes_a_neuron": often / n_hidden,
        "resident_mb": memory,
    }


def making_share(backend, n_steps, n_examples, repeats):
    """Return the share of an epoch's wall time that making its batches from a file takes.

    Of 8 batches' examples, as many blends are made: 16 batches an epoch.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.h5"
        input_spikes(8 * n_examples, n_steps, np.random.default_rng(1)).save(path)
        stored = Stored(SpikeTrains.open(path), np.arange(8 * n_examples))
        epoch = Presentations(stored, shift=40, blend=True, seed=1)
        ready = list(epoch.batches(1, n_examples))
        rates = [1e-6] * len(ready)

        def learn(batches):
            return least(lambda: backend.train(batches, rates), 1)[1]

        walls = [(learn(ready), learn(ahead(epoch.batches(1, n_examples)))) for _ in range(repeats)]
    learning, whole = np.min(walls, axis=0)
    return 1 - learning / whole


@kernel
def sweep(array, sweeps, writing):
    """Read, or write, a flat array again and again, a wide Block at a time."""
    block = load_wide(array, 0)
    for _ in range(sweeps):
        for i in range(0, len(array), WIDE):
            if writing:
                store(array, i, block)
            else:
                block = block + load_wide(array, i)
    store(array, 0, block)


def bandwidth(n_bytes, writing=False):
    """Return bytes/s at which an array of n_bytes is swept again and again on this machine."""
    array = aligned(-(-int(n_bytes) // (4 * WIDE)) * WIDE)
    array[:] = 0
    sweeps = max(1, 2**23 // array.nbytes)
    return sweeps * array.nbytes / least(lambda: sweep(array, sweeps, writing), 20)[1]


def byte_bound(n_hidden, n_steps, n_examples, n_input, n_own):
    """Return the seconds an example's bytes take: each row from an array as large as its matrix.

    Forward reads a row of weights for each input spike and each hidden spike; backward reads the
    hidden rows again and writes the trace of the adjoint current; the gradient reads a row of the
    trace for each spike, a block of columns at a time, and writes a share's sums, which all its
    examples but the first read before; the sums of the shares and Adam (eight arrays) come once a
    batch. In each step the kernels also read five rows of state forward and two backward, and
    write four and two; each hidden spike reads one backward.
    """
    row = 4 * padded(n_hidden)
    inputs, own, trace = INPUTS * row, n_hidden * row, n_steps * row
    both = inputs + own
    plane = 4 * LANES * n_steps
    used = eventprop.engine.shares(n_examples)
    state = 8 * row
    moved = (
        ((7 * n_steps + n_own) * row, state, False),
        (6 * n_steps * row, state, True),
        (n_input * row, inputs, False),
        (2 * n_own * row, own, False),
        (trace, trace, True),
        ((n_input + n_own) * row, plane, False),
        ((1 - used / n_examples) * both, both, False),
        (both, both, True),
        ((used + 8) * both / n_examples, used * both, False),
    )
    return sum(n_bytes / bandwidth(size, writing) for n_bytes, size, writing in moved)


def peer(pythons, name, work, repeats):
    """Run a peer on a `workload`, in the first interpreter that has it.

    Returns (row, ""), or (None, why it did not run).
    """
    network, weights, spikes = work
    dense = np.zeros((spikes.n_steps, len(spikes), INPUTS), np.uint8)
    for i in range(len(spikes)):
        steps, units = spikes.example(i)
        dense[steps, i, units] = 1
    reason = "no interpreter was given"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work.npz"
        wanted = SPIKES_A_NEURON * spikes.n_steps * spikes.dt_ms / 1000
        np.savez(
            path,
            spikes=dense,
            labels=spikes.labels,
            dt_ms=spikes.dt_ms,
            wanted=wanted,
            **vars(weights),
        )
        for python in pythons:
            done = subprocess.run(
                [python, Path(__file__).with_name("benchmark_peer.py"), name, path, str(repeats)],
                capture_output=True,
                text=True,
                env=os.environ | {"PYTHONPATH": str(Path(eventprop.__file__).parents[2])},
            )
            if not done.returncode:
                size = {"hidden": network.n_hidden, "steps": spikes.n_steps, "threads": 1}
                return {**json.loads(done.stdout.splitlines()[-1]), **size}, ""
            reason = "".join(done.stderr.strip().splitlines()[-1:])
    return None, reason


def main(arguments):
    """Measure, print the table and write it."""
    rows = []
    for n_hidden in arguments.hidden:
        for threads in arguments.threads:
            size = n_hidden, arguments.steps, arguments.examples
            rows.append(engine(*size, threads, arguments.repeats))
        for name in PEERS:
            work = workload(n_hidden, arguments.steps, arguments.examples)
            row, reason = peer(arguments.peers, name, work, max(2, arguments.repeats // 5))
            if row is None:
                print(f"{name}: not run: {reason}", file=sys.stderr)
                row = {"implementation": f"{name}: not run", "hidden": n_hidden}
            rows.append(row)
    whole = dict.fromkeys(("steps", "batch", "threads"), "Int64")
    table = pd.DataFrame(rows, columns=COLUMNS).astype(whole)
    own = table[table.threads == 1].groupby("hidden").total_ms.first()
    table["times_the_engine"] = table.total_ms / table.hidden.map(own)
    shown = Table(title=f"CPU ms an example, {arguments.steps} steps")
    for column in table.columns:
        shown.add_column(column.replace("_", " "), justify="right", min_width=5)
    for row in table.itertuples(index=False):
        shown.add_row(
            *("" if pd.isna(v) else f"{v:.3g}" if isinstance(v, float) else str(v) for v in row)
        )
    Console(width=140).print(shown)
    if arguments.out:
        files.write_csv(arguments.out, table)


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 1024], help="hidden sizes")
    parser.add_argument("--steps", type=int, default=1000, help="steps of a trial")
    parser.add_argument("--examples", type=int, default=32, help="examples in a batch")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="engine's threads")
    parser.add_argument("--repeats", type=int, default=20, help="the least of so many is kept")
    parser.add_argument(
        "--peers", nargs="*", default=[], help="pythons that have Spyx, snnTorch, norse or mlGeNN"
    )
    parser.add_argument("--out", help="CSV file to write")
    command.run(main, parser.parse_args())
