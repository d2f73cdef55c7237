"""The spikes of a layer in one example."""

from typing import NamedTuple

import numpy as np

from spikespeech.engine.kernel import kernel
from spikespeech.kernels.bits import lowest, ones
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import opaque

UNCHECKED = 2
"""Entries written for each block before its count is looked at: few blocks have more, so the branch
is predicted."""


class Tape(NamedTuple):
    """The spikes of a layer in one example, in order of step, then neuron.

    Spikes of step t are e with first[t] <= e < first[t + 1]. No example can overflow the arrays,
    which hold what `tape_spikes` writes too many as well; memory is only taken where it is written.

    Attributes
    ----------
    first : (n_steps + 1,) uint32
    steps, ids : (n_steps * n + UNCHECKED,) uint16, step and neuron of each spike
    slope : (n_steps * n + UNCHECKED,) float32, I - V at each spike before its reset, which is
        τ_mem dV/dt
    adaptation : likewise a of `adaptive` at each spike; empty where neurons have none
    """

    first: np.ndarray
    steps: np.ndarray
    ids: np.ndarray
    slope: np.ndarray
    adaptation: np.ndarray


def tape(n_steps, n, adaptive=False):
    """Return an empty Tape for n neurons."""
    size = n_steps * n + UNCHECKED
    return Tape(
        np.zeros(n_steps + 1, np.uint32),
        np.empty(size, np.uint16),
        np.empty(size, np.uint16),
        np.empty(size, np.float32),
        np.empty(size if adaptive else 0, np.float32),
    )


@kernel
def index_steps(steps, units, n_units, first):
    """Write to first[t] the number of spikes before step t; return whether all are sound.

    They are where all units and steps are on the grid and steps in order; else `first` is not
    written whole.

    steps, units : (n_spikes,) uint16
    first : (n_steps + 1,) uint32
    """
    last = highest = np.uint16(0)
    for p in range(len(steps)):
        last, highest = max(last, steps[p]), max(highest, units[p])
    if last >= len(first) - 1 or highest >= n_units:
        return False
    first[:] = 0
    for p in range(len(steps)):
        first[np.int64(steps[p]) + 1] = p + 1
    for t in range(1, len(first)):
        first[t] = max(first[t], first[t - 1])
    falls = 0  # counted in a loop of its own, which is vectorised
    for p in range(len(steps) - 1):
        falls += steps[p + 1] < steps[p]
    return falls == 0


@part
def tape_spikes(spikes, first_id, t, slopes, tape, count):
    """Write the neurons whose bits are set in `spikes` to the tape; return the new count.

    UNCHECKED entries are written in any case; those too many are overwritten later.
    """
    end = count + ones(spikes)
    e, last = count, max(end, count + np.uint64(UNCHECKED))
    while e < last:
        j = first_id + lowest(spikes)
        spikes &= spikes - np.uint64(1)
        tape.steps[e] = t
        tape.ids[e] = j
        tape.slope[e] = slopes[j]
        e = opaque(e + np.uint64(1))
    return end


@part
def spikes_of(tape):
    """Return the steps and ids of a tape's spikes."""
    count = tape.first[len(tape.first) - 1]
    return tape.steps[:count], tape.ids[:count]


@part
def last_step(tape):
    """Return the step of the last spike that reaches anything, -1 without any.

    From this step on the adjoints of the layer are 0. A spike in the trial's last step reaches
    nothing.
    """
    n_steps = len(tape.first) - 1
    count = tape.first[n_steps]
    return min(np.int64(tape.steps[count - 1]), n_steps - 2) if count > 0 else -1
