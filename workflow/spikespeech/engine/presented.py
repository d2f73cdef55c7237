"""Spikes and labels of a batch as kernels take them, looked at first."""

import numpy as np

from spikespeech.engine import arrays, example
from spikespeech.errors import InputError


def checked_spikes(network, spikes, labels, n_steps):
    """Return the arrays of a batch for the kernels; raise InputError where they do not fit.

    Spikes are looked at by the kernels, see `check_sound`: here NumPy would give up the interpreter
    lock, and wait until the thread that makes the next batch gives it back.
    """
    labels = np.require(labels, np.int64, "CW")
    steps, units = (np.require(a, np.uint16, "CW") for a in (spikes.steps, spikes.units))
    if len(labels) != len(spikes):
        raise InputError(f"{len(labels)} labels for {len(spikes)} examples")
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= network.n_outputs:
        bad = labels[(labels < 0) | (labels >= network.n_outputs)][0]
        raise InputError(f"label {bad} is outside 0..{network.n_outputs - 1}, the outputs")
    if spikes.n_steps != n_steps or spikes.dt_ms != network.dt_ms:
        raise InputError(
            f"spikes are of {spikes.n_steps} steps of {spikes.dt_ms:g} ms, loss and network of "
            f"{n_steps} steps of {network.dt_ms:g} ms",
            hint="bin the data again, or set `time`",
        )
    return arrays.Spikes(np.require(spikes.offsets, np.int64, "CW"), steps, units, labels)


def check_sound(sound, batch, network, n_steps):
    """Raise InputError for a batch, arrays.Spikes, unless all are `sound` (any shape, bool).

    The kernels stop at the first that they come to; the first in the batch is named.
    """
    if np.all(sound):
        return
    hint = "build SpikeTrains with from_arrays or load"
    for i in range(len(batch.labels)):
        steps, units = example.of_example.py_func(batch, i)
        if units.max(initial=0) >= network.n_inputs:
            problem = f"a spike of unit {units.max()}, which is outside 0..{network.n_inputs - 1}"
        elif steps.max(initial=0) >= n_steps:
            problem = f"a spike in step {steps.max()}, which is outside 0..{n_steps - 1}"
        elif np.any(steps[1:] < steps[:-1]):
            problem = "spikes that are not in order of their steps"
        else:
            continue
        raise InputError(f"has {problem}", example=i, hint=hint)
