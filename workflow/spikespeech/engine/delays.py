"""Connections with delays: what arrives forward; gradients and feedback backward.

A spike of source i at step s with the delay d_ij meets neuron j as one of step a = s + d_ij without
a delay does:

    forward    x_j ← β x_j + Σ W_ij over all that arrive at a
    weights    dL/dW_ij = -τ_syn,j Σ λ_I,j(a)
    delays     dL/dd_ij = W_ij Σ (λ_V,j - λ_I,j)(a), of the time in ms
    feedback   Σ_j W_ij (λ_V,j - λ_I,j)(a), at the spike's own step

What arrives after the trial, or after the target's last spike, meets nothing. On this grid

    λ_V(a) = (λ_I(a - 1) - β λ_I(a)) / γ

so that gradients of delays need no more than the trace of λ_I, at two neighbouring steps.

Arrivals are added up in order of the spikes' step, then source, and only then to x, as mlGeNN does.
Kernels know two kinds: delays of BLOCKS of targets in a row, of which those of a source are a case,
move a Block; delays of each synapse move each number for itself, four targets at a time, so that
the series of these stay in the nearest cache. Within a layer see `own_delays`.

A thread keeps the arrivals at one layer, (n_steps, width) numbers as the trace; for each recurrent
connection with delays of blocks what is under way in the longest delay's steps, for all those with
delays of synapses one series of the trial's steps and the longest delay's; a share keeps one more
sum for each weight whose delay is learned.
"""

from typing import NamedTuple

import numpy as np

from spikespeech.engine import near
from spikespeech.engine.kernel import inner
from spikespeech.engine.listed import kept, room, sources_of
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import (
    LANES,
    NARROW,
    QUAD,
    aligned,
    fma,
    lane,
    load_narrow,
    load_quad,
    opaque,
    prefetch,
    store,
    total,
    transpose,
)
from spikespeech.network.model import BLOCK
from spikespeech.network.parameters import delay_steps

assert BLOCK == NARROW

NONE, BLOCKS, SYNAPSES = range(3)


class Delays(NamedTuple):
    """The delays of a connection as kernels see them.

    Attributes
    ----------
    kind : NONE, BLOCKS or SYNAPSES
    learned : whether their gradient is wanted
    longest : in steps
    steps : flat (n_sources * columns,) uint16, a column for each block or target; none exceeds the
        trial
    lanes : how many columns a plane has
    planes : weights, flat (n_sources * width,) float32, one plane of columns after the other
    late : delays of BLOCKS likewise, flat (n_sources * columns,) uint16
    fours : likewise those of SYNAPSES, four in a uint64, the first lowest
    stretch, stride, near, places, values : of recurrent connections with delays of SYNAPSES, see
        `own_delays`: steps of a stretch; how far apart the targets' series are; see `near.listed`
    """

    kind: int
    learned: bool
    longest: int
    steps: np.ndarray
    lanes: int
    planes: np.ndarray
    late: np.ndarray
    fours: np.ndarray
    stretch: int
    stride: int
    near: np.ndarray
    places: np.ndarray
    values: np.ndarray


def none():
    """Return the Delays of a connection without any."""
    kinds = np.uint16, np.uint32, np.uint64, np.float32
    few, number, many, weights = (np.zeros(0, kind) for kind in kinds)
    return Delays(NONE, False, 0, few, NARROW, weights, few, many, 1, 0, number, number, weights)


def kind_of(connection):
    """Return the kind of a connection's delays; NONE for None."""
    if connection is None:
        return NONE
    return SYNAPSES if connection.delay_shape == "synapse" else BLOCKS


def pack(connection, values, rows, n_steps):
    """Return the Delays of a connection.

    values : its delays, of the Parameters
    rows : (n_sources, width) float32, its weights with their padding
    """
    n_sources, width = rows.shape
    kind = kind_of(connection)
    columns = width if kind == SYNAPSES else width // NARROW
    found = np.minimum(delay_steps(values), n_steps).astype(np.uint16)
    steps = np.zeros((n_sources, columns), np.uint16)
    found = found.reshape(n_sources, -1)
    steps[:, : found.shape[1] if found.shape[1] > 1 else columns] = found
    longest = min(connection.longest_delay, n_steps)
    packed = none()._replace(
        kind=kind, learned=connection.learned_delays, longest=longest, steps=steps.ravel()
    )
    # Where all weights of a column lie in a row, those of one source share few cache lines.
    lanes = QUAD if kind == SYNAPSES and not connection.recurrent else NARROW
    planes = _planes(rows, lanes)
    if kind == SYNAPSES:
        fours = _planes(steps, lanes).view(np.uint64)
        packed = packed._replace(lanes=lanes, planes=planes, fours=fours)
        if not connection.recurrent:
            return packed
        listed = near.listed(steps, rows, found.shape[1], longest)
        lists = dict(zip(("near", "places", "values"), listed, strict=True))
        stretch, stride = near.stretch(longest), reach(n_steps, longest)
        return packed._replace(stretch=stretch, stride=stride, **lists)
    return packed._replace(planes=planes, late=_planes(steps, 1))


def _planes(rows, lanes):
    """Return (n_sources, width) rows flat, one plane of so many columns after the other."""
    n_sources, width = rows.shape
    planes = aligned((width // lanes, n_sources, lanes), rows.dtype)
    planes[:] = rows.reshape(n_sources, -1, lanes).transpose(1, 0, 2)
    return planes.reshape(-1)


@part
def four(delays, column, n_sources):
    """Return where the first source's four columns from this one on are, and how far the next's."""
    plane, within = column // delays.lanes, column % delays.lanes
    first = (plane * n_sources * delays.lanes + within) // QUAD
    return np.uint64(first), np.uint64(delays.lanes // QUAD)


@part
def of_four(delays, column, n_sources):
    """Return the planes' weights and delays from those of `four` on."""
    first, _ = four(delays, column, n_sources)
    return delays.planes[first * np.uint64(QUAD) :], delays.fours[first:]


@part
def apart(four):
    """Return the four delays of a uint64."""
    low = np.uint64(0xFFFF)
    a, b = four & low, (four >> np.uint64(16)) & low
    return a, b, (four >> np.uint64(32)) & low, four >> np.uint64(48)


def reach(n_steps, longest):
    """Return how many steps a window has: no two of its targets begin in the same cache set."""
    return (n_steps + longest + 2 * NARROW) // (2 * NARROW) * (2 * NARROW) + NARROW


def window(n_steps, longest):
    """Return scratch for the arrivals or the trace of NARROW targets, as long as any may be."""
    return aligned(NARROW * reach(n_steps, longest))


def ring(longest, kind):
    """Return for how many steps what is under way within a layer is kept: a power of 2."""
    if not longest:
        return 0
    return near.rows(longest) if kind == SYNAPSES else 1 << int(longest).bit_length()


class Arrivals(NamedTuple):
    """What arrives at a layer through a connection with delays.

    Attributes
    ----------
    series : flat (width * n_steps,) float32: for each block of columns, step by step
    until : the step from which on nothing arrives; 0 where the connection has no delays
    """

    series: np.ndarray
    until: int


@inner
def arrive(steps, ids, first_source, delays, lists, n_targets, width, window, series):
    """Return the Arrivals through a connection from another layer; None where `delays` is.

    steps, ids : (n_spikes,) uint16 of the sources, in order of step, then source
    first_source : (n_steps + 1,) uint32, see `tape.index_steps`
    delays : Delays or None
    lists : listed.Lists or None
    window : of `window`, scratch
    series : of the Arrivals, written
    """
    if delays is None:
        return None
    if delays.kind == NONE:
        return Arrivals(series, 0)
    n_steps = len(first_source) - 1
    plane = n_steps * LANES
    if lists is not None and len(lists.first) > 0:
        add_listed(steps, ids, delays, lists, n_steps, n_targets, width, window, series)
    else:
        add_lines(steps, ids, delays, 0, n_targets, n_steps, width, window, series)
    for first in range(-(-n_targets // NARROW) * NARROW, width, NARROW):
        start = (first // LANES) * plane + first % LANES
        for t in range(n_steps):
            store(series, start + t * LANES, load_narrow(np.float32(0), 0))
    last = np.int64(steps[len(steps) - 1]) if len(steps) > 0 else -1
    return Arrivals(series, min(last + 1 + delays.longest, n_steps))


# Loops over spikes and transposition are kernels of their own: all addresses are in registers.


@inner
def add_listed(steps, ids, delays, lists, n_steps, n_targets, width, window, series):
    """Write what `arrive` does of connections that are taken by lists."""
    reached, some, senders, places = room(len(delays.planes) // width, len(steps))
    for first in range(0, n_targets, NARROW):
        n = kept(steps, ids, sources_of(lists, first, ids), reached, some, senders, places)
        end = first + NARROW
        add_lines(some[:n], senders[:n], delays, first, end, n_steps, width, window, series)


@inner
def add_lines(steps, ids, delays, begin, end, n_steps, width, window, series):
    """Write what `arrive` does of the targets from `begin` on, before `end`."""
    if delays.kind == BLOCKS:
        planes, late = delays.planes, delays.late
        add_blocks(steps, ids, planes, late, begin, end, n_steps, width, window, series)
    else:
        add_synapses(steps, ids, delays, begin, end, n_steps, width, window, series)


@inner
def add_blocks(steps, ids, planes, late, begin, end, n_steps, width, window, series):
    """Write what `add_lines` does of connections with delays of blocks."""
    n_spikes, n_sources = np.uint64(len(steps)), len(planes) // width
    for first in range(begin, end, NARROW):
        start = (first // LANES) * n_steps * LANES + first % LANES
        window[:] = 0
        own, p = np.uint64((first // NARROW) * n_sources), opaque(np.uint64(0))
        while p < n_spikes:
            i = own + np.uint64(ids[p])
            cell = np.int64(np.uint64(steps[p]) + np.uint64(late[i])) * NARROW
            row = load_narrow(planes, np.int64(i) * NARROW)
            store(window, cell, load_narrow(window, cell) + row)
            p = opaque(p + np.uint64(1))
        for t in range(n_steps):
            store(series, start + t * LANES, load_narrow(window, t * NARROW))


@inner
def add_synapses(steps, ids, delays, begin, end, n_steps, width, window, series):
    """Write what `add_lines` does of connections with delays of synapses."""
    stride, n_sources = len(window) // NARROW, len(delays.planes) // width
    for first in range(begin, end, NARROW):
        window[:] = 0
        for quad in range(0, NARROW, QUAD):
            weights, fours = of_four(delays, first + quad, n_sources)
            scatter(steps, ids, weights, fours, quad * stride, stride, window)
        step_by_step(window, n_steps, series, (first // LANES) * n_steps * LANES + first % LANES)


@inner
def step_by_step(window, n_steps, series, start):
    """Write what a window has of each target, one after the other, to the series of `arrive`."""
    stride, whole = len(window) // NARROW, n_steps - n_steps % NARROW
    for t in range(0, whole, NARROW):
        transpose(window, t, stride, series, start + t * LANES, LANES)
    for t in range(whole, n_steps):
        for column in range(NARROW):
            series[start + t * LANES + column] = window[column * stride + t]


@inner
def scatter(steps, ids, weights, fours, start, stride, window):
    """Add the spikes' weights, of planes of QUAD, to series of four targets, `stride` apart."""
    scatter_planes(steps, ids, np.uint64(1), weights, fours, start, stride, window)


@inner
def scatter_own(steps, ids, weights, fours, start, stride, window):
    """Do what `scatter` does with planes of NARROW."""
    quads = np.uint64(NARROW // QUAD)
    scatter_planes(steps, ids, quads, weights, fours, start, stride, window)


@part
def scatter_planes(steps, ids, quads, weights, fours, start, stride, window):
    """Do what `scatter` does; each source has so many quads in a plane."""
    first = np.uint64(start)
    second = np.uint64(start + stride)
    third = np.uint64(start + 2 * stride)
    fourth = np.uint64(start + 3 * stride)
    p, end = opaque(np.uint64(0)), np.uint64(len(steps))
    while p < end:
        i, t = np.uint64(ids[p]) * quads, np.uint64(steps[p])
        a, b, c, d = apart(fours[i])
        w = load_quad(weights, np.int64(i) * QUAD)
        window[first + t + a] += lane(w, 0)
        window[second + t + b] += lane(w, 1)
        window[third + t + c] += lane(w, 2)
        window[fourth + t + d] += lane(w, 3)
        p = opaque(p + np.uint64(1))


@part
def send(ids, start, end, t, weights, delays, lists, width, mask, ring):
    """Add the weights of a step's spikes within a layer, with delays of blocks, to the ring.

    ring : flat (width * (mask + 1),) float32, for each block of columns, step by step modulo its
        length, what arrives in that step
    """
    columns = width // NARROW
    for e in range(start, end):
        i, following = np.int64(ids[e]), np.int64(ids[min(e + 1, end - 1)])
        if lists is not None and len(lists.first) > 0:
            p, stop = opaque(np.uint64(lists.first[i])), np.uint64(lists.first[i + 1])
            while p < stop:
                column = np.int64(lists.targets[p])
                add_to(i * width + column, i * columns + column // NARROW, t, column, weights,
                       delays, mask, ring)  # fmt: skip
                p = opaque(p + np.uint64(1))
        else:
            late, next_late = i * columns, following * columns
            for column in range(0, width, NARROW):
                # Where the next spike's weights go is not in the nearest cache.
                prefetch(ring, at_block(next_late, t, column, delays, mask))
                add_to(i * width + column, late, t, column, weights, delays, mask, ring)
                late, next_late = late + 1, next_late + 1


@part
def add_to(cell, late, t, column, weights, delays, mask, ring):
    """Add a block's weights, at `cell`, to the ring; see `at_block`."""
    at = at_block(late, t, column, delays, mask)
    store(ring, at, load_narrow(ring, at) + load_narrow(weights, cell))


@part
def at_block(late, t, column, delays, mask):
    """Return where the ring has a block of targets that a spike in step t reaches.

    late : which of the delays is the block's
    column : its first target
    """
    row = (t + np.int64(delays.steps[late])) & mask
    return (column // LANES * (mask + 1) + row) * LANES + column % LANES


@part
def fed_back(i, t, weights, delays, width, mask, ring):
    """Return Σ_j W_ij (λ_V - λ_I)_j(t + d_ij) from a ring of these, see `send`."""
    narrow, late = load_narrow(np.float32(0), 0), i * (width // NARROW)
    for column in range(0, width, NARROW):
        met = load_narrow(ring, at_block(late, t, column, delays, mask))
        narrow = fma(load_narrow(weights, i * width + column), met, narrow)
        late += 1
    return total(narrow)


@part
def fed_back_listed(i, t, weights, delays, lists, width, mask, ring):
    """Do what `fed_back` does, of a connection that is taken by lists."""
    narrow, late = load_narrow(np.float32(0), 0), i * (width // NARROW)
    p, stop = opaque(np.uint64(lists.first[i])), np.uint64(lists.first[i + 1])
    while p < stop:
        column = np.int64(lists.targets[p])
        met = load_narrow(ring, at_block(late + column // NARROW, t, column, delays, mask))
        narrow = fma(load_narrow(weights, i * width + column), met, narrow)
        p = opaque(p + np.uint64(1))
    return total(narrow)
