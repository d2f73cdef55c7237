"""The hidden layer forward in time."""

import numpy as np

from spikespeech.eventprop.kernel import kernel
from spikespeech.eventprop.vectors import LANES, at_least, cleared, load, lowest, splat, store


@kernel
def index_steps(steps, first):
    """Write to first[t] the number of spikes before step t; return whether `steps` are in order.

    steps : (n_spikes,) uint16
    first : (n_steps + 1,) int32
    """
    first[:] = 0
    ordered = True
    for p in range(len(steps)):
        first[np.int64(steps[p]) + 1] = p + 1
        ordered &= p == 0 or steps[p - 1] <= steps[p]
    for t in range(1, len(first)):
        first[t] = max(first[t], first[t - 1])
    return ordered


@kernel
def hidden_layer(units, first_input, input_weights, hidden_weights, k, state, tape):
    """Simulate the hidden layer of one example; return its number of spikes.

    In each step, with the spikes that inputs and hidden neurons emitted in the step before it,

        x_in ← x_in + Σ W_input,   x_rec ← x_rec + Σ W_hidden
        V ← α V + (1 - α) (c x_in + c x_rec)
        spike where V ≥ threshold; then V ← 0
        x_in ← β x_in,   x_rec ← β x_rec

    All state starts at 0. Every operation is mlGeNN's in its order, rounded as its own: the
    spikes are the same spikes, bit for bit.

    Parameters
    ----------
    units : (n_spikes,) uint16, input spikes in order of step, then unit
    first_input : (n_steps + 1,) int32, see `index_steps`
    input_weights, hidden_weights : flat (n_sources * width,) float32; hidden_weights is empty
        for a feed-forward network
    k : Constants of the hidden layer
    state : (4, width) float32, scratch
    tape : (first, ids, slope), written: the spikes of step t are ids[first[t]:first[t + 1]], in
        ascending order, and slope holds I - V of each before its reset, I = x_in + x_rec, which
        is τ_mem dV/dt
    """
    first, ids, slope = tape
    v, x_in, x_rec, slopes = state[0], state[1], state[2], state[3]
    width = len(v)
    recurrent = len(hidden_weights) > 0
    threshold = splat(k.threshold)
    v[:] = 0
    x_in[:] = 0
    x_rec[:] = 0
    count = 0
    first[0] = 0
    for t in range(len(first) - 1):
        # Emission at step t - 1 arrives at step t.
        in_start, in_end = (first_input[t - 1], first_input[t]) if t > 0 else (0, 0)
        start, end = (first[t - 1], first[t]) if t > 0 and recurrent else (0, 0)
        for column in range(0, width, LANES):
            a = load(x_in, column)
            for p in range(in_start, in_end):
                a = a + load(input_weights, np.int64(units[p]) * width + column)
            b = load(x_rec, column)
            for p in range(start, end):
                b = b + load(hidden_weights, np.int64(ids[p]) * width + column)
            scale, beta = load(k.scale, column), load(k.beta, column)
            current = scale * a + scale * b
            voltage = load(k.alpha, column) * load(v, column)
            voltage = voltage + load(k.one_minus_alpha, column) * current
            store(x_in, column, a * beta)
            store(x_rec, column, b * beta)
            spiking = at_least(voltage, threshold)
            if spiking != 0:
                store(slopes, column, current / scale - voltage)
                voltage = cleared(spiking, voltage)
                while spiking != 0:
                    j = column + lowest(spiking)
                    spiking &= spiking - np.uint64(1)
                    ids[count] = j
                    slope[count] = slopes[j]
                    count += 1
            store(v, column, voltage)
        first[t + 1] = count
    return count
