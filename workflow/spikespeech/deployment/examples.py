"""What a deployed network is calibrated with and tested on, from a job's arguments."""

from pathlib import Path

import numpy as np

from spikespeech import command, losses, network
from spikespeech.network import axes, constants
from spikespeech.spikes import splits
from spikespeech.spikes.stored import chunks


def parser(description):
    """Return a parser with what a study of one network takes; see `load`."""
    arguments = command.parser(description)
    arguments.add_argument("weights", type=Path, help="weights.h5")
    arguments.add_argument("--parts", type=Path, nargs="+", required=True, help="to calibrate with")
    arguments.add_argument("--test", type=Path, required=True, help="binned test spikes")
    arguments.add_argument("--split", type=Path, required=True, help="who tests (CSV)")
    arguments.add_argument(
        "--deployment", type=command.json_argument, required=True, help="JSON, of the deployment"
    )
    arguments.add_argument("--threads", type=int, default=1, help="results are the same for any")
    arguments.add_argument("--out", type=Path, required=True, help="table to write (CSV)")
    return arguments


def load(arguments):
    """Return (axes, network, weights, calibration spikes, *`test_side`) of `parser`'s arguments.

    Learned constants are those of the network's neurons.
    """
    examples = calibration(
        arguments.parts, arguments.split, arguments.deployment["calibration_examples"]
    )
    own, settings = axes.of_weights(arguments.weights)
    test = test_side(arguments.test, arguments.split, settings)
    return own, *constants.settled(*network.load(arguments.weights)), examples, *test


def test_side(test, split, settings):
    """Return (StoredSpikes, rows of the split, Loss, its windows) of a network's test examples.

    test : path of the binned test part; split : path of the split; settings : of the training
    """
    rows = splits.read(split)
    spikes = splits.gather([test], rows, "test")
    rows = rows[rows.side == "test"]
    loss = losses.make(**settings["loss"], n_steps=spikes.n_steps, dt_ms=spikes.dt_ms)
    windows = None
    if loss.kind == "window":
        read = [None] if loss.shared else chunks(spikes)
        windows = np.concatenate([loss.windows(some)[0] for some in read])
    return spikes, rows, loss, windows


def calibration(parts, split, examples):
    """Return some SpikeTrains of validation speakers, evenly spread, or None without any."""
    spikes = splits.gather(parts, splits.read(split), "validation")
    if not examples or not len(spikes):
        return None
    chosen = np.linspace(0, len(spikes) - 1, min(examples, len(spikes))).astype(int)
    return spikes.take(chosen)


def grid(weights, bits):
    """Return {"bits": n, "lsb": scales}, as `netx.fit` takes them, of the network in `weights`.

    One that came in a NetX file has its own: 8 bits, and the scales that give its integers back.
    """
    lsb = network.about(weights).get("imported", {}).get("lsb")
    return {"bits": 8 if lsb else bits, "lsb": lsb}
