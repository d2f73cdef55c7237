"""A layer of neurons forward in time."""

from typing import NamedTuple

import numpy as np

from spikespeech.engine.kernel import kernel
from spikespeech.kernels.bits import lowest, ones
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import (
    LANES,
    WIDE,
    at_least,
    load,
    load_wide,
    opaque,
    select,
    splat,
    store,
)

AT_ONCE = 2
"""So many spikes of a block are taped without asking whether there are as many."""


class Tape(NamedTuple):
    """The spikes of a layer in one example, in order of step, then neuron.

    Spikes of step t are e with first[t] <= e < first[t + 1]. No example can overflow the arrays,
    which hold what `tape_spikes` writes too many as well; memory is only taken where it is written.

    Attributes
    ----------
    first : (n_steps + 1,) uint32
    steps, ids : (n_steps * n + AT_ONCE,) uint16, step and neuron of each spike
    slope : (n_steps * n + AT_ONCE,) float32, I - V at each spike before its reset, which is
        τ_mem dV/dt
    """

    first: np.ndarray
    steps: np.ndarray
    ids: np.ndarray
    slope: np.ndarray


def tape(n_steps, n):
    """Return an empty Tape for n neurons."""
    size = n_steps * n + AT_ONCE
    return Tape(
        np.zeros(n_steps + 1, np.uint32),
        np.empty(size, np.uint16),
        np.empty(size, np.uint16),
        np.empty(size, np.float32),
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
def receive(x, beta, sources, start, end, weights):
    """Let a step pass in the synapses: x ← β x + Σ W_source over sources[start:end], in order.

    As many columns as registers hold are summed at a time: each row is read in long stretches,
    and few loops end where the CPU does not foresee it.
    """
    width = len(x)
    wide = width - width % WIDE
    for column in range(0, wide, WIDE):
        wide_sum = load_wide(x, column) * load_wide(beta, column)
        p = opaque(np.uint64(start))
        while p < end:
            wide_sum = wide_sum + load_wide(weights, np.int64(sources[p]) * width + column)
            p = opaque(p + np.uint64(1))
        store(x, column, wide_sum)
    for column in range(wide, width, LANES):
        block_sum = load(x, column) * load(beta, column)
        p = opaque(np.uint64(start))
        while p < end:
            block_sum = block_sum + load(weights, np.int64(sources[p]) * width + column)
            p = opaque(p + np.uint64(1))
        store(x, column, block_sum)


@part
def tape_spikes(spikes, first_id, t, slopes, tape, count):
    """Write the neurons whose bits are set in `spikes` to the tape; return the new count.

    Few blocks hold more than AT_ONCE spikes: so many entries are written in any case, and those
    too many are overwritten later, so that the CPU need not guess how many spikes there are.
    """
    end = count + ones(spikes)
    e, last = count, max(end, count + np.uint64(AT_ONCE))
    while e < last:
        j = first_id + lowest(spikes)
        spikes &= spikes - np.uint64(1)
        tape.steps[e] = t
        tape.ids[e] = j
        tape.slope[e] = slopes[j]
        e = opaque(e + np.uint64(1))
    return end


@part
def spent(x, y, k):
    """Return whether no neuron below threshold can reach it any more without further spikes.

    V moves towards c (x + y), whose size only decays. Half the threshold leaves room for rounding.
    """
    half = splat(np.float32(0.5) * k.threshold)
    able = np.uint64(0)
    for column in range(0, len(x), LANES):
        able |= at_least(load(k.scale, column) * (load(x, column) + load(y, column)), half)
    return able == 0


@kernel
def layer(sources, first_source, weights, recurrent_weights, k, state, tape, voltage):
    """Simulate a layer in one example; return its number of spikes.

    In each step

        V ← α V + (1 - α) (c x + c y)
        spike where V ≥ threshold; then V ← 0
        x ← β x + Σ W_source,   y ← β y + Σ W_recurrent

    over the spikes that sources and the layer itself emit in this step: they arrive in the next.
    All state starts at 0, and the trial ends early where no more spikes can come and V is not
    recorded. Every operation is mlGeNN's in its order, rounded as its own: the spikes are the same
    spikes, bit for bit. Leaky integrators have an infinite threshold.

    Parameters
    ----------
    sources : (n_spikes,) uint16, sources of the incoming spikes, in order of step, then source
    first_source : (n_steps + 1,) uint32, see `index_steps`
    weights, recurrent_weights : flat (n_sources * width,) float32; recurrent_weights is empty
        where there are none
    k : Constants of the layer
    state : (4, width) float32, scratch
    tape : Tape, written
    voltage : flat (n_steps * width,) float32, V of each step before a reset, or empty
    """
    v, x, y, slopes = state[0], state[1], state[2], state[3]
    width = len(v)
    recurrent, recording = len(recurrent_weights) > 0, len(voltage) > 0
    threshold, zero = splat(k.threshold), splat(np.float32(0))
    spiking = np.zeros(width // LANES, np.uint64)
    n_spiking = len(spiking) if k.threshold < np.inf else 0
    v[:] = 0
    x[:] = 0
    y[:] = 0
    count, n_sources = np.uint64(0), first_source[len(first_source) - 1]
    tape.first[0] = 0
    for t in range(len(tape.first) - 1):
        for column in range(0, width, LANES):
            a, b, scale = load(x, column), load(y, column), load(k.scale, column)
            current = scale * a + scale * b
            potential = load(k.alpha, column) * load(v, column)
            potential = potential + load(k.one_minus_alpha, column) * current
            store(slopes, column, a + b - potential)
            if recording:
                store(voltage, t * width + column, potential)
            spikes = at_least(potential, threshold)
            spiking[column // LANES] = spikes
            store(v, column, select(spikes, zero, potential))
        # Inputs first: their rows come while the spikes, which nothing foretells, are found.
        receive(x, k.beta, sources, first_source[t], first_source[t + 1], weights)
        for n in range(n_spiking):
            count = tape_spikes(spiking[n], n * LANES, t, slopes, tape, count)
        tape.first[t + 1] = count
        if recurrent:
            receive(y, k.beta, tape.ids, tape.first[t], count, recurrent_weights)
        # A word may end long before its trial: steps in which nothing can spike are passed over.
        waiting = first_source[t + 1] < n_sources or count > tape.first[t]
        if not (waiting or recording) and spent(x, y, k):
            tape.first[t + 2 :] = count
            break
    return count
