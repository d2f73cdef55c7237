"""Connections with delays backward: gradients of weights and delays, and feedback to the sources.

What is summed up is in `spikespeech.engine.delays`. Here delays of each synapse are taken four
targets at a time, of which each has its series of all steps in the nearest cache, source after
source, as the spikes are sorted.
"""

import numpy as np

from spikespeech.engine.delays import BLOCKS, apart, four
from spikespeech.engine.kernel import inner
from spikespeech.engine.listed import sources_of
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import (
    LANES,
    NARROW,
    QUAD,
    firsts,
    fma,
    lane,
    load,
    load_narrow,
    load_quad,
    opaque,
    seconds,
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
    if delays.kind == BLOCKS:
        store(window, 0, before)
        for t in range(used):
            store(window, (t + 1) * NARROW, load_narrow(trace, start + t * LANES))
        window[(used + 1) * NARROW :] = 0
    else:
        whole = used - used % NARROW
        for t in range(0, whole, NARROW):
            transpose(trace, start + t * LANES, LANES, window, t + 1, stride)
        for column in range(NARROW):
            window[column * stride] = lane(before, column)
            for t in range(whole, used):
                window[column * stride + t + 1] = trace[start + t * LANES + column]
            window[column * stride + used + 1 : (column + 1) * stride] = 0


@inner
def gather(first_source, steps, n_steps, end, trace, k, lambda_v, delays, lists, width, window,
           adding, gradient, earlier):  # fmt: skip
    """Write the sums of a connection with delays over each source's spikes, or add them.

    first_source, steps : of the connection's sources, see `synapses.sort_by_source`
    end : see `lif.run_backward`, whose trace of the targets' λ_I this is
    k, lambda_v : Constants of the targets, and their λ_V in step 0
    lists : listed.Lists of the connection, of whose lines alone there are sums, or None
    window : of `window`, scratch
    gradient : flat (n_sources * width,) float32: Σ λ_I, of NARROW columns after the other: source
        after source, as memory is then written in its order
    earlier : where delays are learned, for those of SYNAPSES likewise γ Σ (λ_V - λ_I), for those of
        BLOCKS what their gradient is made of, of one block after the other, source after source:
        Σ_j W_ij Σ (λ_V - λ_I)
    """
    stride = len(window) // NARROW
    used, n_sources = max(end, 0) + 1, len(first_source) - 1
    every = np.arange(n_sources).astype(np.uint16)
    for first in range(0, width, NARROW):
        sources = sources_of(lists, first, every)
        start, plane = (first // LANES) * n_steps * LANES + first % LANES, first * n_sources
        beta, gamma = load_narrow(k.beta, first), load_narrow(k.gamma, first)
        before = fma(gamma, load_narrow(lambda_v, first), beta * load_narrow(trace, start))
        unroll(trace, start, used, delays, before, stride, window)
        if delays.kind == BLOCKS:
            gather_blocks(
                sources, first_source, steps, delays, first // NARROW * n_sources, beta + gamma,
                load_narrow(np.float32(1), 0) / gamma, window, adding, gradient, earlier,
            )  # fmt: skip
        else:
            # The series of four targets stay in the nearest cache while all sources pass.
            for quad in range(0, NARROW, QUAD):
                own, step = four(delays, first + quad, n_sources)
                both = load_quad(k.beta, first + quad) + load_quad(k.gamma, first + quad)
                gather_fours(
                    sources, first_source, steps, delays.fours, own, step, both, delays.learned,
                    plane + quad, quad * stride, stride, window, adding, gradient, earlier,
                )  # fmt: skip


@inner
def gather_blocks(sources, first_source, steps, delays, own, both, inverse, window, adding,
                  gradient, earlier):  # fmt: skip
    """Do what `gather` says for NARROW columns with delays of blocks.

    own : where the delays of these begin
    both, inverse : narrow Blocks of β + γ and 1 / γ
    """
    late, weights, learned = delays.late, delays.planes, delays.learned
    for n in range(len(sources)):
        i = np.int64(sources[n])
        begin, stop = np.uint64(first_source[i]), np.uint64(first_source[i + 1])
        cell, d = (own + i) * NARROW, np.uint64(late[own + i])
        here = former = load_narrow(np.float32(0), 0)
        p = opaque(begin)
        while p < stop:
            at = np.int64(np.uint64(steps[p]) + d) * NARROW
            former = former + load_narrow(window, at)
            here = here + load_narrow(window, at + NARROW)
            p = opaque(p + np.uint64(1))
        if learned:
            change = load_narrow(weights, cell) * (inverse * (former - both * here))
            earlier[own + i] = earlier[own + i] + total(change) if adding else total(change)
        store(gradient, cell, load_narrow(gradient, cell) + here if adding else here)


@inner
def gather_fours(sources, first_source, steps, fours, own, step, both, learned, plane, start,
                 stride, window, adding, gradient, earlier):  # fmt: skip
    """Do what `gather` says for four columns with delays of synapses.

    own, step : of `delays.four`
    both : quad of β + γ
    plane : where the sums of these begin
    start, stride : where their series begin, and how far apart
    """
    for n in range(len(sources)):
        i = np.int64(sources[n])
        begin, stop = np.uint64(first_source[i]), np.uint64(first_source[i + 1])
        first, second, third, fourth = apart(fours[own + np.uint64(i) * step])
        first += np.uint64(start)
        second += np.uint64(start + stride)
        third += np.uint64(start + 2 * stride)
        fourth += np.uint64(start + 3 * stride)
        # Of each target: sums of the trace one step before arrival, at it, …
        a = b = c = d = load_quad(np.float32(0), 0)
        p = opaque(begin)
        while p < stop:
            t = np.uint64(steps[p])
            a = a + load_quad(window, np.int64(first + t))
            b = b + load_quad(window, np.int64(second + t))
            c = c + load_quad(window, np.int64(third + t))
            d = d + load_quad(window, np.int64(fourth + t))
            p = opaque(p + np.uint64(1))
        cell, here = plane + i * NARROW, seconds(a, b, c, d)
        if learned:
            change = firsts(a, b, c, d) - both * here
            store(earlier, cell, load_quad(earlier, cell) + change if adding else change)
        store(gradient, cell, load_quad(gradient, cell) + here if adding else here)


@inner
def feed_back(tape, first_source, steps, weights, delays, lists, n_targets, differences, width, end,
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
            if lists is not None and len(lists.first) > 0:
                for p in range(lists.first[i], lists.first[i + 1]):
                    first = np.int64(lists.targets[p])
                    late = i * columns + first // NARROW
                    products = meet_block(
                        i, t, first, late, weights, delays, differences, width, end, products
                    )
            else:
                for block in range(columns):
                    products = meet_block(
                        i, t, block * NARROW, i * columns + block, weights, delays, differences,
                        width, end, products,
                    )  # fmt: skip
            feedback[e] = total(products)
    else:
        stride = len(window) // NARROW
        every = np.arange(len(first_source) - 1).astype(np.uint16)
        window[:] = 0
        sums[:n_spikes] = 0
        for first in range(0, n_targets, NARROW):
            sources = sources_of(lists, first, every)
            target_by_target(differences, first, width, end, window)
            for quad in range(0, NARROW, QUAD):
                for n in range(len(sources)):
                    i = np.int64(sources[n])
                    begin, stop = np.uint64(first_source[i]), np.uint64(first_source[i + 1])
                    cell = i * width + first + quad
                    add_quad(steps, begin, stop, delays, weights, cell, quad * stride, stride,
                             window, sums)  # fmt: skip
        for e in range(n_spikes):
            i = tape.ids[e]
            feedback[e] = sums[first_source[i]]
            first_source[i] += np.uint32(1)
    feedback[n_spikes : tape.first[len(tape.first) - 1]] = 0


@part
def meet_block(i, t, first, late, weights, delays, differences, width, end, products):
    """Add what a block of targets, from the first on, feeds back to a spike of i in step t.

    late : which of the delays is the block's
    """
    at = t + np.int64(delays.steps[late])
    if at < end:
        row = load_narrow(weights, i * width + first)
        products = fma(row, load_narrow(differences, at * width + first), products)
    return products


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
