"""Delays of synapses within a layer, a stretch of steps at a time.

What a spike sends arrives far apart in memory: each target's series has it in another step. So the
steps of a trial are taken in stretches. What arrives within the spike's own stretch, of the few
synapses whose delay is short enough, is added at once to the stretch's rows, (steps, targets).
When the stretch is over, its spikes are sent to the series of all steps, of four targets after the
other, which stay in the nearest cache; of these a new stretch takes its rows. Each number is still
added to in order of the spikes' step, then source: what arrives in a stretch from an earlier one
was added before the stretch began.

Backward, a spike's feedback from later stretches is summed up before its own begins, that from its
own at the spike.
"""

import numpy as np

from spikespeech.engine.delays import apart, of_four, scatter_own
from spikespeech.engine.kernel import inner
from spikespeech.engine.listed import kept, room, sources_of
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import (
    LANES,
    NARROW,
    QUAD,
    load_narrow,
    load_quad,
    opaque,
    quad,
    store,
    transpose,
)


@inner
def advance(t, tape, delays, lists, width, mask, series, ring):
    """Send the spikes of the stretch that ends before step t; write the rows of the next.

    lists : listed.Lists or None
    series : flat (width * delays.stride,) float32, what arrives at each target, step by step
    ring : flat (width * (mask + 1),) float32, for each block of columns the rows of a stretch, and
        of NARROW steps if it is shorter
    """
    stride, length = delays.stride, delays.stretch
    if t > 0:
        begin, end = tape.first[t - length], tape.first[t]
        steps, ids = tape.steps[begin:end], tape.ids[begin:end]
        if lists is not None and len(lists.first) > 0:
            send_listed(steps, ids, delays, lists, width, series)
        else:
            send_lines(steps, ids, delays, 0, width, width, series)
    begun = t - t % NARROW
    for first in range(0, width, NARROW):
        place = first // LANES * (mask + 1) * LANES + first % LANES
        for row in range(0, mask + 1, NARROW):
            start = first * stride + begun + row
            transpose(series, start, stride, ring, place + row * LANES, LANES)


@inner
def send_listed(steps, ids, delays, lists, width, series):
    """Add a stretch's spikes to the series, of a connection that is taken by lists."""
    reached, some, senders, places = room(len(delays.planes) // width, len(steps))
    for first in range(0, width, NARROW):
        n = kept(steps, ids, sources_of(lists, first, ids), reached, some, senders, places)
        send_lines(some[:n], senders[:n], delays, first, first + NARROW, width, series)


@inner
def send_lines(steps, ids, delays, begin, end, width, series):
    """Add a stretch's spikes to the series of the targets from `begin` on, before `end`."""
    stride, n_sources = delays.stride, len(delays.planes) // width
    for column in range(begin, end, QUAD):
        weights, fours = of_four(delays, column, n_sources)
        scatter_own(steps, ids, weights, fours, column * stride, stride, series)


@part
def send_near(ids, start, end, t, delays, mask, ring):
    """Add the weights of a step's spikes to the rows of its own stretch."""
    length, row = delays.stretch, t & mask
    for e in range(start, end):
        near = np.int64(ids[e]) * length
        end_of = near + length - (t & (length - 1))
        p, stop = np.uint64(delays.near[near]), np.uint64(delays.near[end_of])
        while p < stop:
            ring[np.uint64(row * LANES) + np.uint64(delays.places[p])] += delays.values[p]
            p = opaque(p + np.uint64(1))


@part
def ends(t, last, delays):
    """Return whether a step ends a stretch, of which `last` ends the last one."""
    return t == last or (t + 1) & (delays.stretch - 1) == 0


@inner
def retreat(t, last, tape, delays, lists, width, mask, series, ring, sums):
    """Sum up what later stretches feed back to the spikes up to step t of the stretch that it ends.

    last : the last step of all
    series, ring : as of `advance`, of λ_V - λ_I; the series must be 0 before the last stretch
    sums : float32, written: four for each spike of the stretch
    """
    stride = delays.stride
    if t < last:
        before = (t + 1) % NARROW
        for first in range(0, width, NARROW):
            place = first // LANES * (mask + 1) * LANES + first % LANES
            for row in range(before):
                store(ring, place + row * LANES, load_narrow(np.float32(0), 0))
            for row in range(0, mask + 1, NARROW):
                start = first * stride + t + 1 - before + row
                transpose(ring, place + row * LANES, LANES, series, start, stride)
    begin, end = tape.first[t - (t & (delays.stretch - 1))], tape.first[t + 1]
    begin, end = np.int64(begin), np.int64(end)
    steps, ids = tape.steps[begin:end], tape.ids[begin:end]
    sums[: (end - begin) * QUAD] = 0
    if lists is not None and len(lists.first) > 0:
        meet_listed(steps, ids, delays, lists, width, series, sums)
    else:
        meet_lines(steps, ids, None, delays, 0, width, width, series, sums)


@inner
def meet_listed(steps, ids, delays, lists, width, series, sums):
    """Add to each spike's sums what all targets feed back, by lists."""
    reached, some, senders, places = room(len(delays.planes) // width, len(steps))
    for first in range(0, width, NARROW):
        n = kept(steps, ids, sources_of(lists, first, ids), reached, some, senders, places)
        end = first + NARROW
        meet_lines(some[:n], senders[:n], places, delays, first, end, width, series, sums)


@inner
def meet_lines(steps, ids, places, delays, begin, end, width, series, sums):
    """Add to each spike's sums what the targets from `begin` on, before `end`, feed back to it.

    places : which sums are each spike's; None for those of the spike's own number
    """
    stride, n_sources = delays.stride, len(delays.planes) // width
    for column in range(begin, end, QUAD):
        weights, fours = of_four(delays, column, n_sources)
        meet(steps, ids, places, weights, fours, column * stride, stride, series, sums)


@inner
def meet(steps, ids, places, weights, fours, start, stride, series, sums):
    """Add to each spike's sums what the series of four targets, `stride` apart, feed back to it."""
    first = np.uint64(start)
    second = np.uint64(start + stride)
    third = np.uint64(start + 2 * stride)
    fourth = np.uint64(start + 3 * stride)
    p, end = opaque(np.uint64(0)), np.uint64(len(steps))
    while p < end:
        i, t = np.uint64(ids[p]) * np.uint64(NARROW // QUAD), np.uint64(steps[p])
        a, b, c, d = apart(fours[i])
        a, b = series[first + t + a], series[second + t + b]
        met = quad(a, b, series[third + t + c], series[fourth + t + d])
        at = np.int64(p if places is None else places[p]) * QUAD
        added = load_quad(weights, np.int64(i) * QUAD) * met
        store(sums, at, load_quad(sums, at) + added)
        p = opaque(p + np.uint64(1))


@part
def fed_back(e, t, tape, delays, mask, ring, sums):
    """Return what all targets feed back to spike number e, in step t."""
    length, row = delays.stretch, t & mask
    passed, near, own = t & (length - 1), np.int64(tape.ids[e]) * length, np.float32(0)
    p, stop = np.uint64(delays.near[near]), np.uint64(delays.near[near + length - passed])
    while p < stop:
        own += delays.values[p] * ring[np.uint64(row * LANES) + np.uint64(delays.places[p])]
        p = opaque(p + np.uint64(1))
    at = (np.int64(e) - np.int64(tape.first[t - passed])) * QUAD
    return own + ((sums[at] + sums[at + 1]) + (sums[at + 2] + sums[at + 3]))
