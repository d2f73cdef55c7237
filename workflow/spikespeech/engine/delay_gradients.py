"""Connections with delays backward: gradients of weights and delays, and feedback to the sources.

What is summed up is in `spikespeech.engine.delays`. Here delays of each synapse are taken four
targets at a time, of which each has its series of all steps in the nearest cache, source after
source, as the spikes are sorted.
"""

import numpy as np

from spikespeech.engine.delays import BLOCKS
from spikespeech.engine.kernel import inner
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import (
    LANES,
    NARROW,
    QUAD,
    fma,
    lane,
    load,
    load_narrow,
    load_quad,
    opaque,
    splat,
    store,
    total,
    transpose,
)


@inner
def unroll(trace, start, used, delays, before, stride, window):
    """Write the trace of NARROW targets to the window, from one step before the trial on.

    start : of the targets in the trace, of whose steps so many are `used`; later ones are 0
    before : narrow Block, the trace one step before the trial
    """
    window[:] = 0
    if delays.kind == BLOCKS:
        store(window, 0, before)
        for t in range(used):
            store(window, (t + 1) * NARROW, load_narrow(trace, start + t * LANES))
    else:
        whole = used - used % NARROW
        for t in range(0, whole, NARROW):
            transpose(trace, start + t * LANES, LANES, window, t + 1, stride)
        for column in range(NARROW):
            window[column * stride] = lane(before, column)
            for t in range(whole, used):
                window[column * stride + t + 1] = trace[start + t * LANES + column]


@inner
def gather(first_source, steps, n_steps, end, trace, k, lambda_v, delays, width, window, adding,
           gradient, earlier):  # fmt: skip
    """Write the sums of a connection with delays over each source's spikes, or add them.

    first_source, steps : of the connection's sources, see `synapses.sort_by_source`
    end : see `lif.run_backward`, whose trace of the targets' λ_I this is
    k, lambda_v : Constants of the targets, and their λ_V in step 0
    window : of `window`, scratch
    gradient : flat (n_sources * width,) float32: Σ λ_I, as `synapses.gather` does
    earlier : likewise, where delays are learned: γ Σ (λ_V - λ_I)
    """
    stride = len(window) // NARROW
    used, n_sources = max(end, 0) + 1, len(first_source) - 1
    sums = np.empty(QUAD * QUAD, np.float32)
    for first in range(0, width, NARROW):
        start = (first // LANES) * n_steps * LANES + first % LANES
        beta, gamma = load_narrow(k.beta, first), load_narrow(k.gamma, first)
        both = beta + gamma
        before = fma(gamma, load_narrow(lambda_v, first), beta * load_narrow(trace, start))
        unroll(trace, start, used, delays, before, stride, window)
        if delays.kind == BLOCKS:
            for i in range(n_sources):
                begin, stop = np.uint64(first_source[i]), np.uint64(first_source[i + 1])
                cell = i * width + first
                here = former = load_narrow(np.float32(0), 0)
                late = np.uint64(delays.steps[i * (width // NARROW) + first // NARROW])
                p = opaque(begin)
                while p < stop:
                    at = np.int64(np.uint64(steps[p]) + late) * NARROW
                    former = former + load_narrow(window, at)
                    here = here + load_narrow(window, at + NARROW)
                    p = opaque(p + np.uint64(1))
                if delays.learned:
                    change = former - both * here
                    old = load_narrow(earlier, cell)
                    store(earlier, cell, old + change if adding else change)
                store(gradient, cell, load_narrow(gradient, cell) + here if adding else here)
        else:
            # The series of four targets stay in the nearest cache while all sources pass.
            for quad in range(first, first + NARROW, QUAD):
                for i in range(n_sources):
                    begin, stop = np.uint64(first_source[i]), np.uint64(first_source[i + 1])
                    gather_quad(
                        steps, begin, stop, delays, i * width + quad, (quad - first) * stride,
                        stride, window, sums,
                    )  # fmt: skip
                    for n in range(QUAD):
                        at, former, here = i * width + quad + n, sums[QUAD * n], sums[QUAD * n + 1]
                        if delays.learned:
                            change = former - lane(both, quad - first + n) * here
                            earlier[at] = earlier[at] + change if adding else change
                        gradient[at] = gradient[at] + here if adding else here


@part
def gather_quad(steps, begin, stop, delays, cell, start, stride, window, sums):
    """Write a quad of each of four targets: sums of the trace one step before arrival, at it, …"""
    first = np.uint64(start) + np.uint64(delays.steps[cell])
    second = np.uint64(start + stride) + np.uint64(delays.steps[cell + 1])
    third = np.uint64(start + 2 * stride) + np.uint64(delays.steps[cell + 2])
    fourth = np.uint64(start + 3 * stride) + np.uint64(delays.steps[cell + 3])
    a = b = c = d = load_quad(np.float32(0), 0)
    p = opaque(begin)
    while p < stop:
        t = np.uint64(steps[p])
        a = a + load_quad(window, np.int64(first + t))
        b = b + load_quad(window, np.int64(second + t))
        c = c + load_quad(window, np.int64(third + t))
        d = d + load_quad(window, np.int64(fourth + t))
        p = opaque(p + np.uint64(1))
    for n, quad in enumerate((a, b, c, d)):
        store(sums, n * QUAD, quad)


@inner
def feed_back(tape, first_source, steps, weights, delays, n_targets, differences, width, end,
              window, sums, feedback):  # fmt: skip
    """Write Σ_j W_ij (λ_V - λ_I)_j(t + d_ij) for each spike of a source i, over its targets j.

    tape, weights, differences, end, feedback : see `synapses.feed_back`
    first_source, steps : the spikes before `end` by source, see `synapses.sort_by_source`; the
        first is overwritten
    window : of `delays.window`, scratch
    sums : (n_spikes,) float32, scratch
    """
    n_spikes, end = tape.first[max(end, 0)], max(end, 0)
    if delays.kind == BLOCKS:
        columns = width // NARROW
        for e in range(n_spikes):
            i, t = np.int64(tape.ids[e]), np.int64(tape.steps[e])
            products = load_narrow(np.float32(0), 0)
            for block in range(columns):
                at, first = t + np.int64(delays.steps[i * columns + block]), block * NARROW
                if at < end:
                    row = load_narrow(weights, i * width + first)
                    products = fma(row, load_narrow(differences, at * width + first), products)
            feedback[e] = total(products)
    else:
        stride = len(window) // NARROW
        window[:] = 0
        sums[:n_spikes] = 0
        for first in range(0, n_targets, NARROW):
            target_by_target(differences, first, width, end, window)
            for quad in range(0, NARROW, QUAD):
                for i in range(len(first_source) - 1):
                    begin, stop = np.uint64(first_source[i]), np.uint64(first_source[i + 1])
                    cell = i * width + first + quad
                    add_quad(steps, begin, stop, delays, weights, cell, quad * stride, stride,
                             window, sums)  # fmt: skip
        for e in range(n_spikes):
            i = tape.ids[e]
            feedback[e] = sums[first_source[i]]
            first_source[i] += np.uint32(1)
    feedback[n_spikes : tape.first[len(tape.first) - 1]] = 0


@inner
def target_by_target(differences, first, width, end, window):
    """Write the differences of NARROW targets from the first on to a window, as far as `end`."""
    stride, whole = len(window) // NARROW, end - end % NARROW
    for t in range(0, whole, NARROW):
        transpose(differences, t * width + first, width, window, t, stride)
    for column in range(NARROW):
        for t in range(whole, end):
            window[column * stride + t] = differences[t * width + first + column]


@part
def add_quad(steps, begin, stop, delays, weights, cell, start, stride, window, sums):
    """Add to the sum of each spike of a source what four targets feed back to it."""
    first = np.uint64(start) + np.uint64(delays.steps[cell])
    second = np.uint64(start + stride) + np.uint64(delays.steps[cell + 1])
    third = np.uint64(start + 2 * stride) + np.uint64(delays.steps[cell + 2])
    fourth = np.uint64(start + 3 * stride) + np.uint64(delays.steps[cell + 3])
    a, b, c, d = weights[cell], weights[cell + 1], weights[cell + 2], weights[cell + 3]
    p = opaque(begin)
    while p < stop:
        t = np.uint64(steps[p])
        half = a * window[first + t] + b * window[second + t]
        sums[p] += half + (c * window[third + t] + d * window[fourth + t])
        p = opaque(p + np.uint64(1))


@part
def pick(values, t, end, i, delays, n_targets, width, row):
    """Write values_j(t + d_ij) of flat (n_steps * width,) values to a row; 0 from step `end` on."""
    if delays.kind == BLOCKS:
        columns = width // NARROW
        for block in range(columns):
            step, first = t + np.int64(delays.steps[i * columns + block]), block * NARROW
            picked = load_narrow(np.float32(0), 0)
            if step < end:
                picked = load_narrow(values, step * width + first)
            store(row, first, picked)
    else:
        for j in range(n_targets):
            step = t + np.int64(delays.steps[i * width + j])
            row[j] = values[step * width + j] if step < end else np.float32(0)


@inner
def feed_back_outputs(tape, weights, delays, n_targets, k, lambda_v, lambda_i, rows, feedback,
                      gradient, earlier):  # fmt: skip
    """Write the outputs' feedback to each hidden spike; add to gradients. See `outputs.feed_back`.

    rows : (2, width) float32, scratch
    earlier : flat (n_hidden * width,) float32, where delays are learned: Σ (λ_V - λ_I)
    """
    voltage, current = rows[0], rows[1]
    voltage[:] = 0
    current[:] = 0
    n_steps, width = len(tape.first) - 1, len(voltage)
    for e in range(tape.first[n_steps]):
        i, t = np.int64(tape.ids[e]), np.int64(tape.steps[e])
        pick(lambda_v, t, n_steps - 1, i, delays, n_targets, width, voltage)
        pick(lambda_i, t, n_steps - 1, i, delays, n_targets, width, current)
        products = splat(np.float32(0))
        for column in range(0, width, LANES):
            cell, met = i * width + column, load(current, column)
            difference = load(voltage, column) - met
            products = fma(load(weights, cell), difference, products)
            store(gradient, cell, load(gradient, cell) - load(k.tau_syn, column) * met)
            if delays.learned:
                store(earlier, cell, load(earlier, cell) + difference)
        feedback[e] = total(products)
