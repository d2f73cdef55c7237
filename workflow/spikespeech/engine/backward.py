"""The hidden layer's adjoint, backward in time, and the gradient of the weights into it."""

import numpy as np

from spikespeech.engine.kernel import kernel
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import LANES, fma, load, splat, store, total


@part
def last_step(tape):
    """Return the step of the last spike that reaches anything, -1 without any.

    From this step on the adjoints of the layer are 0. A spike in the trial's last step reaches
    nothing.
    """
    n_steps = len(tape.first) - 1
    count = tape.first[n_steps]
    return min(np.int64(tape.steps[count - 1]), n_steps - 2) if count > 0 else -1


@kernel
def hidden_layer(tape, feedback, recurrent_weights, k, penalty, slope_min, state, trace):
    """Run the hidden layer's adjoint through one example; return how often a slope was guarded.

    Backward from the last spike, where λ_V = λ_I = 0, each step (Wunderlich & Pehle 2021, Eq 4-6,
    on mlGeNN's grid)

        λ_I ← β λ_I + γ λ_V,   λ_V ← α λ_V

    and at each spike of neuron i, with q = I - V of the tape

        λ_V,i ← λ_V,i + 1/q (threshold λ_V,i + Σ_j W_ij (λ_V,j - λ_I,j)) - penalty_i

    where the sum over the targets j, hidden and output, is of the step after the spike.

    Parameters
    ----------
    tape : Tape of the hidden layer
    feedback : (n_spikes,) float32, the outputs' part of the sum at each spike
    recurrent_weights : flat (width * width,) float32; empty for a feed-forward network
    k : Constants of the hidden layer
    penalty : (n_hidden,) float32, the regulariser's jump at each spike
    slope_min : a smaller q counts as this
    state : (4, width) float32, scratch
    trace : flat (width * n_steps,) float32, written: for each block of columns, step by step,
        λ_I as a spike of that step meets it, so that dL/dW_ij = -τ_syn,j Σ λ_I,j(step); as far
        as `last_step`
    """
    first, ids = tape.first, tape.ids
    lambda_v, difference = state[0], state[1]
    width, last = len(lambda_v), last_step(tape)
    plane = (len(first) - 1) * LANES
    recurrent = len(recurrent_weights) > 0
    guarded = 0
    lambda_v[:] = 0
    for column in range(0, width, LANES):
        store(trace, (column // LANES) * plane + max(last, 0) * LANES, splat(np.float32(0)))
    for s in range(last - 1, -1, -1):
        for column in range(0, width, LANES):
            cell = (column // LANES) * plane + s * LANES
            old_v, old_i = load(lambda_v, column), load(trace, cell + LANES)
            store(difference, column, old_v - old_i)
            store(trace, cell, fma(load(k.gamma, column), old_v, load(k.beta, column) * old_i))
            store(lambda_v, column, load(k.alpha, column) * old_v)
        # Spikes of step s + 1 meet the adjoints as they were, and make λ_V jump once it decayed.
        for e in range(first[s + 1], first[s + 2]):
            i, q, back = np.int64(ids[e]), tape.slope[e], feedback[e]
            if q < slope_min:
                q = slope_min
                guarded += 1
            if recurrent:
                products = splat(np.float32(0))
                for column in range(0, width, LANES):
                    row = load(recurrent_weights, i * width + column)
                    products = fma(row, load(difference, column), products)
                back += total(products)
            lambda_v[i] += (k.threshold * lambda_v[i] + back) / q - penalty[i]
    return guarded


@kernel
def sort_by_source(in_steps, units, tape, end, counts, first_source, steps):
    """List the steps of each source's spikes: inputs first, then hidden neurons.

    Spikes of source i are steps[first_source[i]:first_source[i + 1]].

    in_steps, units : (n_spikes,) uint16, the input spikes
    end : spikes from this step on are left out, as nothing meets them; 0 or less: all
    counts : (n_hidden,) int32, hidden spikes of the whole trial; empty for a feed-forward network
    first_source : (n_inputs + len(counts) + 1,) uint32
    steps : uint16, as long as there may be spikes
    """
    n_inputs, n_own = np.uint64(len(first_source) - 1 - len(counts)), 0
    n_in = np.searchsorted(in_steps, max(end, 0))
    first_source[:n_inputs] = 0
    for p in range(n_in):
        first_source[units[p]] += np.uint32(1)
    if len(counts) > 0:
        n_own = tape.first[max(end, 0)]
        first_source[n_inputs:-1] = counts
        for e in range(n_own, tape.first[len(tape.first) - 1]):
            first_source[n_inputs + tape.ids[e]] -= np.uint32(1)
    total = np.uint32(0)
    for i in range(len(first_source) - 1):
        total += first_source[i]
        first_source[i] = total
    first_source[-1] = total
    # Each list is filled from its end, which so moves to its start.
    for later in range(n_in):
        p = n_in - 1 - later
        place = first_source[units[p]] - np.uint32(1)
        first_source[units[p]] = place
        steps[place] = in_steps[p]
    for later in range(n_own):
        e = n_own - 1 - later
        i = n_inputs + tape.ids[e]
        place = first_source[i] - np.uint32(1)
        first_source[i] = place
        steps[place] = tape.steps[e]


@kernel
def gather(first_source, steps, n_steps, trace, width, adding, gradient):
    """Write to each source's row of the gradient Σ λ_I over the source's spikes, or add it.

    dL/dW_ij = -τ_syn,j Σ_(spikes of i) λ_I,j (Wunderlich & Pehle 2021, Eq 7); the factor is left
    to the end of the batch. As the trace was stored once, each sum stays in registers, and a
    block of columns of the trace stays in cache.

    adding : whether to add to what the gradient holds
    gradient : flat (n_sources * width,) float32
    """
    for column in range(0, width, LANES):
        plane = column * n_steps
        for i in range(len(first_source) - 1):
            start, end = np.uint64(first_source[i]), np.uint64(first_source[i + 1])
            cell = i * width + column
            if start < end:
                row = load(trace, plane + np.int64(steps[start]) * LANES)
                for e in range(start + np.uint64(1), end):
                    row = row + load(trace, plane + np.int64(steps[e]) * LANES)
                store(gradient, cell, load(gradient, cell) + row if adding else row)
            elif not adding:
                store(gradient, cell, splat(np.float32(0)))
