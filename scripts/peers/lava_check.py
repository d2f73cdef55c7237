"""Run a NetX file in real Lava and in the integer simulator; compare every state, and the time.

Lava needs a Python of its own (envs/lava.yaml); `scripts/peers/lava_record.py` runs there.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from spikespeech import command, fixed_point
from spikespeech.errors import InputError
from spikespeech.loihi import netx_file
from spikespeech.spikes import SpikeTrains

RECORDER = Path(__file__).with_name("lava_record.py")
REPEATS = 5


def run_lava(
    python, netx, counts, *, reset_interval=None, input_message_bits=0, states=True, timeout=600
):
    """Return what `lava_record.py` records of `counts` (n_inputs, n_steps) under `python`."""
    with tempfile.TemporaryDirectory() as folder:
        runs, out = Path(folder, "runs.npz"), Path(folder, "out.npz")
        interval = -1 if reset_interval is None else reset_interval
        np.savez(
            runs, counts=counts, reset_interval=interval, input_message_bits=input_message_bits
        )
        paths = ["--netx", str(netx), "--runs", str(runs), "--out", str(out)]
        done = subprocess.run(
            [str(python), str(RECORDER), *paths, *([] if states else ["--time-only"])],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise InputError(f"Lava failed: {last[0]}", file=netx)
        with np.load(out) as recorded:
            return dict(recorded)


def differences(recorded, states):
    """Return the names of states, such as "v of layer 1", in which Lava and `States` differ."""
    return [
        f"{name} of layer {i}"
        for name, arrays in (("u", states.u), ("v", states.v), ("s", states.spikes))
        for i, array in enumerate(arrays)
        if not np.array_equal(recorded[f"{name}_{i}"], array)
    ]


def dense(spikes, example):
    """Return counts (n_inputs, n_steps) of one example of SpikeTrains."""
    counts = np.zeros((spikes.n_units, spikes.n_steps), np.int32)
    steps, units = spikes.example(example)
    counts[units, steps] = 1
    return counts


def sent(layers, counts):
    """Return counts (n_inputs, n_steps) as the host sends them: later by the file's `hostDelay`."""
    if layers[0].host_delay is None:
        return counts
    late = np.zeros_like(counts)
    for unit, delay in enumerate(layers[0].host_delay):
        late[unit, delay:] = counts[unit, : max(counts.shape[1] - delay, 0)]
    return late


def main(arguments):
    """Print how the two compare; raise InputError where they differ."""
    layers = netx_file.read(arguments.netx)
    spikes = SpikeTrains.open(arguments.spikes).take(range(arguments.examples))
    lava_seconds = 0.0
    for example in range(len(spikes)):
        counts = sent(layers, dense(spikes, example))
        recorded = run_lava(arguments.lava_python, arguments.netx, counts)
        states = fixed_point.simulate(layers, counts)
        if different := differences(recorded, states):
            raise InputError(
                f"differs from Lava in {', '.join(different)}",
                file=arguments.netx,
                example=example,
            )
        lava_seconds += run_lava(arguments.lava_python, arguments.netx, counts, states=False)[
            "cpu_seconds"
        ]
    print(f"{len(spikes)} examples: u, v and spikes of {len(layers)} layers equal Lava's")
    lava = lava_seconds / len(spikes)
    # The same examples many times over, so that the clock's grain and the set-up do not count.
    many = spikes.take(np.resize(np.arange(len(spikes)), 256))
    own = min(_seconds(layers, many) for _ in range(REPEATS)) / len(many)
    print(
        f"CPU time an example: Lava {lava * 1e3:.0f} ms, here {own * 1e3:.2f} ms: "
        f"{lava / own:.0f} times faster"
    )


def _seconds(layers, spikes):
    start = time.process_time()
    fixed_point.simulate(layers, spikes, record=(), window=np.ones(spikes.n_steps))
    return time.process_time() - start


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("netx", type=Path, help="NetX file")
    parser.add_argument("--spikes", type=Path, required=True, help="binned spikes, e.g. test.h5")
    parser.add_argument("--examples", type=int, default=2, help="number of examples to run")
    parser.add_argument(
        "--lava-python", type=Path, default=sys.executable, help="Python that has lava-nc, lava-dl"
    )
    command.run(main, parser.parse_args())
