"""Synapses: currents from spikes forward, spikes' gradients and feedback from the adjoint back."""

import numpy as np

from spikespeech.engine.kernel import inner
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import (
    LANES,
    WIDE,
    fma,
    load,
    load_wide,
    opaque,
    splat,
    store,
    total,
)


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


@inner
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


@inner
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


@inner
def feed_back(tape, weights, differences, width, end, feedback):
    """Write Σ_j W_ij (λ_V,j - λ_I,j) for each spike of a source i, over its targets j.

    tape : Tape of the sources
    weights : flat (n_sources * width,) float32
    differences : flat (n_steps * width,) float32, λ_V - λ_I of the targets as a spike of each step
        meets them
    end : spikes from this step on meet nothing
    feedback : (n_spikes,) float32, written
    """
    first = tape.first
    n_spikes = first[max(end, 0)]
    for e in range(n_spikes):
        row, cell = np.int64(tape.ids[e]) * width, np.int64(tape.steps[e]) * width
        products = splat(np.float32(0))
        for column in range(0, width, LANES):
            difference = load(differences, cell + column)
            products = fma(load(weights, row + column), difference, products)
        feedback[e] = total(products)
    feedback[n_spikes : first[len(first) - 1]] = 0
