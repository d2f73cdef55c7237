"""Measure the engine beside its peers, on the same work, in one run on this machine.

The work is that of an SHD-sized training step: 700 inputs with 8,000 spikes over 1,000 steps, a
recurrent hidden layer that spikes about 14 times a neuron, 20 outputs, batches of 32, forward,
backward and Adam. Times are CPU milliseconds an example, the least of some repeats; spikes a neuron
are stated for each, so that equal work is compared. The bound is the time that moving the bytes
alone would take, at the bandwidths measured here for the arrays they come from. The share of making
is that of an epoch's wall time which shifting and blending its batches adds to learning from them.
What is compared is measured in turns, or one just after the other: a machine that is slow for a
while is slow for all. With --delays the engine's rows are followed by those of the same work with
learned delays, of all pairs of neurons and of every tenth source and block of targets, each
measured in turns with the plain engine, whose times they are given in; a layer whose input comes
later spikes less.

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
from spikespeech.backends import native
from spikespeech.engine import dealing
from spikespeech.engine.kernel import kernel
from spikespeech.kernels.vectors import LANES, WIDE, aligned, load_wide, padded, store
from spikespeech.network import Connection, Network, Parameters, sparse
from spikespeech.spikes import SpikeTrains
from spikespeech.spikes.augment import Presentations, ahead
from spikespeech.training import connections

INPUTS, OUTPUTS, INPUT_SPIKES, SPIKES_A_NEURON = 700, 20, 8000, 14
IN_A_ROW = 4  # batches that the engine learns from at a time, so that it is warm as in an epoch
LAYOUTS = {  # whose delays, of what, and which share of all blocks of synapses there are
    "delays a block, inputs": ("block", {"input"}, 1),
    "delays a block, inputs and recurrent": ("block", {"input", "hidden"}, 1),
    "delays a synapse, inputs": ("synapse", {"input"}, 1),
    "delays a synapse, inputs and recurrent": ("synapse", {"input", "hidden"}, 1),
    "every tenth block, delays a block": ("block", {"input", "hidden"}, 0.1),
    "every tenth block, delays a synapse": ("synapse", {"input", "hidden"}, 0.1),
}
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
    """Return (network, weights, spikes) with about SPIKES_A_NEURON spikes a second.

    n_hidden : neurons of the hidden layer, or a tuple of those of several
    """
    rng = np.random.default_rng(seed)
    network = Network.layered(INPUTS, n_hidden, OUTPUTS, dt_ms=float(dt_ms))
    weights = Parameters.random(
        network,
        rng,
        input_hidden=(0, 0.01),
        hidden_hidden=(0, 0.01 * (256 / np.max(n_hidden)) ** 0.5),
        hidden_output=(0, 0.03),
    )
    spikes = input_spikes(n_examples, n_steps, rng, dt_ms)
    wanted = SPIKES_A_NEURON * n_steps * dt_ms / 1000
    first = network.connections[0].name
    centred, low, high = weights[first].copy(), 0.0, 0.1
    sample = spikes.take(range(min(2, n_examples)))
    for _ in range(12):
        mean = (low + high) / 2
        weights |= {first: centred + np.float32(mean)}
        hidden = eventprop.simulate(network, weights, sample, record=("hidden_spikes",))
        often = len(hidden.hidden_spikes.steps) / len(sample) / network.n_hidden
        low, high = (low, mean) if often > wanted else (mean, high)
    return network, weights, spikes


def in_turns(calls, repeats):
    """Return the least (CPU, wall) seconds of each of `calls`, of `repeats` in turns.

    So what slows the machine down for a while slows all of them.
    """
    times = []
    for _ in range(repeats):
        for call in calls:
            cpu, wall = time.process_time(), time.perf_counter()
            call()
            times.append((time.process_time() - cpu, time.perf_counter() - wall))
    turns = np.reshape(times, (repeats, len(calls), 2))
    return [tuple(pair) for pair in turns.min(axis=0).tolist()]


def least(call, repeats):
    """Return the least (CPU, wall) seconds of `repeats` calls."""
    return in_turns([call], repeats)[0]


def resident():
    """Return this process's resident memory in MB; nan where /proc does not tell."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return np.nan
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def learner(work, threads):
    """Return (call, backend): the engine with so many threads, and IN_A_ROW training steps."""
    network, weights, spikes = work
    loss = losses.make("sum_exp", n_steps=spikes.n_steps)
    rule = eventprop.Regulariser(2.5e-10, 2.5e-10)
    backend = native.Backend(network, weights, loss, rule, threads)
    return lambda: backend.train([spikes] * IN_A_ROW, [1e-6] * IN_A_ROW), backend


def engine(work, threads, repeats):
    """Return the rows of the engine with each number of threads, measured in turns."""
    network, _, spikes = work
    calls, backends, memory = [], [], []
    for number in threads:
        before = resident()
        steps, backend = learner(work, number)
        outcome = steps()
        memory.append(resident() - before)
        backends.append(backend)
        calls += [steps, lambda backend=backend: backend.evaluate(spikes)]
    often = float(outcome.hidden_spikes.sum(axis=1).mean())
    bounds = [byte_bound(work, often)]
    times = np.array(in_turns(calls, repeats)) * 1e3 / len(spikes)
    times[::2] /= IN_A_ROW
    bounds.append(byte_bound(work, often))
    bound = min(bounds) * 1e3
    return [
        {
            "implementation": "engine",
            "hidden": network.n_hidden,
            "steps": spikes.n_steps,
            "batch": len(spikes),
            "threads": number,
            "forward_ms": forward,
            "total_ms": total,
            "wall_ms": wall,
            "bound_ms": bound,
            "bound_reached": bound / total,
            "making_share": making_share(backend, spikes, max(2, repeats // 5)),
            "spikes_a_neuron": often / network.n_hidden,
            "resident_mb": megabytes,
            "times_the_engine": total / times[0, 0],
        }
        for number, backend, megabytes, (total, wall), (forward, _) in zip(
            threads, backends, memory, times[::2], times[1::2], strict=True
        )
    ]


def delayed(work, longest, repeats):
    """Return the rows of the engine with learned delays up to `longest` steps, with one thread."""
    network, weights, spikes = work
    plain, _ = learner(work, 1)
    rows = []
    for name, (shape, sources, share) in LAYOUTS.items():
        late = tuple(
            Connection(c.source, c.target, longest, shape, True)
            if c.source in sources and c.target == "hidden"
            else c
            for c in network.connections
        )
        other, rng = Network(network.populations, late, network.dt_ms), np.random.default_rng(1)
        given = weights | {c.delay: rng.uniform(0, longest, other.shapes()[c.delay])
                           for c in late if c.longest_delay}  # fmt: skip
        if share < 1:
            chosen = {"kind": "random", "probability": share, "shape": "block"}
            places = dict.fromkeys(sources, chosen)
            given |= connections.draw(other, places, 1)
            other = connections.sparse(other, places, 1)
            kept = sparse.masked(other, given)
            given |= {name: there / share for name, there in kept.items()}
        before = resident()
        steps, backend = learner((other, given, spikes), 1)
        often = float(steps().hidden_spikes.mean())
        megabytes = resident() - before
        calls = [steps, lambda backend=backend: backend.evaluate(spikes), plain]
        (total, wall), (forward, _), (beside, _) = in_turns(calls, repeats)
        unit = 1e3 / len(spikes)
        rows.append(
            {
                "implementation": f"engine, {name} to {longest}",
                "hidden": network.n_hidden,
                "steps": spikes.n_steps,
                "batch": len(spikes),
                "threads": 1,
                "forward_ms": forward * unit,
                "total_ms": total * unit / IN_A_ROW,
                "wall_ms": wall * unit / IN_A_ROW,
                "spikes_a_neuron": often,
                "resident_mb": megabytes,
                "times_the_engine": total / beside,
            }
        )
    return rows


def making_share(backend, spikes, repeats):
    """Return the share of an epoch's wall time that making its batches takes.

    Examples are in memory, as those of SHD are (`stored.load_if_small`). Of 8 batches' examples, as
    many blends are made: 16 batches an epoch.
    """
    examples = input_spikes(8 * len(spikes), spikes.n_steps, np.random.default_rng(1))
    epoch = Presentations(examples, shift=40, blend=True, seed=1)
    ready = list(epoch.batches(1, len(spikes)))
    rates = [1e-6] * len(ready)
    ways = (lambda: ready), (lambda: ahead(epoch.batches(1, len(spikes))))
    calls = [lambda way=way: backend.train(way(), rates) for way in ways]
    (_, learning), (_, whole) = in_turns(calls, repeats)
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


def byte_bound(work, n_own):
    """Return the seconds an example's bytes take: each row from an array as large as its matrix.

    n_own : number of hidden spikes

    Forward reads a row of weights for each input spike and each hidden spike; backward reads the
    hidden rows again and writes the trace of the adjoint current; the gradient reads a row of the
    trace for each spike, a block of columns at a time, and writes a share's sums, which all its
    examples but the first read before; the sums of the shares and Adam (eight arrays) come once a
    batch. In each step the kernels also read five rows of state forward and two backward, and
    write four and two; each hidden spike reads one backward.
    """
    network, _, spikes = work
    n_hidden, n_steps, n_examples = network.n_hidden, spikes.n_steps, len(spikes)
    n_input, row = len(spikes.steps) / n_examples, 4 * padded(n_hidden)
    inputs, own, trace = INPUTS * row, n_hidden * row, n_steps * row
    both = inputs + own
    plane = 4 * LANES * n_steps
    used = dealing.shares(n_examples)
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
            **weights,
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
        work = workload(n_hidden, arguments.steps, arguments.examples)
        rows += engine(work, arguments.threads, arguments.repeats)
        for longest in arguments.delays:
            rows += delayed(work, longest, arguments.repeats)
        for name in PEERS:
            row, reason = peer(arguments.peers, name, work, max(2, arguments.repeats // 5))
            if row is None:
                print(f"{name}: not run: {reason}", file=sys.stderr)
                row = {"implementation": f"{name}: not run", "hidden": n_hidden}
            else:
                beside, _ = least(learner(work, 1)[0], arguments.repeats)
                examples = IN_A_ROW * len(work[2])
                row["times_the_engine"] = row["total_ms"] / (1e3 * beside / examples)
            rows.append(row)
    whole = dict.fromkeys(("steps", "batch", "threads"), "Int64")
    table = pd.DataFrame(rows, columns=COLUMNS).astype(whole)
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
        "--delays",
        type=int,
        nargs="*",
        default=[],
        help="longest of learned delays to measure",
    )
    parser.add_argument(
        "--peers", nargs="*", default=[], help="pythons that have Spyx, snnTorch, norse or mlGeNN"
    )
    parser.add_argument("--out", help="CSV file to write")
    command.run(main, parser.parse_args())
