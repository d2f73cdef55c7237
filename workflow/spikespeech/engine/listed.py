"""Connections that lack most synapses: kernels over lists of those that there are.

A list is of lines: NARROW targets in a row, whose weights from one source are a line of the cache.
Weights and gradients keep their place in arrays of all pairs (`synapses`), of which only lines that
hold a synapse are touched; others in them have weights of 0. Forward and for the feedback each
source has a list of its lines. For gradients each line has a list of the sources that reach any of
its targets, so that the trace of few targets stays in the cache while all pass.

From so many lines on as SHARE says, a connection is taken as one of all pairs, whose rows the CPU
reads in longer stretches.

With delays, too, a connection is taken line by line: `kept` leaves of the spikes those whose
sources reach the line.
"""

from typing import NamedTuple

import numpy as np

from spikespeech.engine import adam
from spikespeech.engine.kernel import inner, kernel
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import (
    LANES,
    NARROW,
    aligned,
    fma,
    load,
    load_narrow,
    opaque,
    sqrt,
    store,
    total,
)

SHARE = 0.4
"""A connection of fewer lines than this share of all is taken by lists."""


class Lists(NamedTuple):
    """The lines of a connection as kernels see them; all empty for one of all pairs.

    Attributes
    ----------
    first : (n_sources + 1,) uint32; the lines of source i are from first[i] to first[i + 1]
    targets : uint16, the first target of each
    line_first : (width // NARROW + 1,) uint32; the sources of a line are from one to the next
    line_sources : uint16
    """

    first: np.ndarray
    targets: np.ndarray
    line_first: np.ndarray
    line_sources: np.ndarray


def none():
    """Return the Lists of a connection of all pairs."""
    numbers, neurons = np.zeros(0, np.uint32), np.zeros(0, np.uint16)
    return Lists(numbers, neurons, numbers, neurons)


class Pattern:
    """Which synapses of a connection there are.

    Parameters
    ----------
    mask : (n_sources, n_targets) bool
    width : of the rows of its weights
    late : whether the connection has delays, so that its sums lie in planes (`planes`)

    Attributes
    ----------
    lists : Lists
    held : (n_sources, width // NARROW) bool, the lines that hold a synapse
    share : of all lines, these
    cells, sums : int64, where the weights of each line begin, and the sums of their gradients
    mask : flat (n_sources * width,) float32, 1 where there is a synapse, else 0
    """

    def __init__(self, mask, width, late=False):
        n_sources, n_targets = mask.shape
        rows = np.zeros((n_sources, width), bool)
        rows[:, :n_targets] = mask
        self.mask = aligned(rows.size)
        self.mask[:] = rows.reshape(-1)
        # Sixteen truth values are two numbers of eight bytes, which are faster looked through.
        halves = rows.view(np.uint64)
        self.held = (halves[:, ::2] | halves[:, 1::2]) != 0
        self.share = self.held.mean() * width / (-(-n_targets // NARROW) * NARROW)
        sources, lines = np.nonzero(self.held)
        self.cells = sources * width + lines * NARROW
        self.sums = (lines * n_sources + sources) * NARROW if late else self.cells
        by_line, line_sources = np.nonzero(self.held.T)
        self.lists = Lists(
            np.searchsorted(sources, np.arange(n_sources + 1)).astype(np.uint32),
            (lines * NARROW).astype(np.uint16),
            np.searchsorted(by_line, np.arange(width // NARROW + 1)).astype(np.uint32),
            line_sources.astype(np.uint16),
        )


@part
def sources_of(lists, first, every):
    """Return the sources that reach the line of targets from `first` on.

    every : (n_sources,) uint16, all of them, which a connection of all pairs has
    """
    if lists is not None and len(lists.first) > 0:
        line = first // NARROW
        return lists.line_sources[lists.line_first[line] : lists.line_first[line + 1]]
    return every


@part
def room(n_sources, n_spikes):
    """Return (reached, some_steps, some_ids, some_places) for `kept`."""
    numbers = np.empty((2, n_spikes + 1), np.uint16)
    places = np.empty(n_spikes + 1, np.uint32)
    return np.zeros(n_sources, np.uint8), numbers[0], numbers[1], places


@inner
def kept(steps, ids, sources, reached, some_steps, some_ids, some_places):
    """Write the spikes whose sources are among those given, and their places; return how many.

    reached : (n_sources,) uint8, scratch, 0
    some_steps, some_ids, some_places : uint16, uint16, uint32, one more than there are spikes
    """
    for n in range(len(sources)):
        reached[sources[n]] = 1
    count = np.uint64(0)
    for p in range(len(steps)):
        some_steps[count], some_ids[count], some_places[count] = steps[p], ids[p], p
        count += np.uint64(reached[ids[p]])
    for n in range(len(sources)):
        reached[sources[n]] = 0
    return count


@part
def receive(x, beta, sources, start, end, weights, lists):
    """Let a step pass in the synapses, as `synapses.receive`."""
    width, one = len(x), np.uint64(1)
    for column in range(0, width, LANES):
        store(x, column, load(x, column) * load(beta, column))
    p = opaque(np.uint64(start))
    while p < end:
        i = np.int64(sources[p])
        e, stop = opaque(np.uint64(lists.first[i])), np.uint64(lists.first[i + 1])
        while e < stop:
            j = np.int64(lists.targets[e])
            store(x, j, load_narrow(x, j) + load_narrow(weights, i * width + j))
            e = opaque(e + one)
        p = opaque(p + one)


@inner
def gather(first_source, steps, n_steps, trace, width, lists, adding, gradient):
    """Do what `synapses.gather` does, where there are synapses."""
    for line in range(len(lists.line_first) - 1):
        first = line * NARROW
        plane = (first // LANES) * n_steps * LANES + first % LANES
        for e in range(lists.line_first[line], lists.line_first[line + 1]):
            i = np.int64(lists.line_sources[e])
            p, stop = opaque(np.uint64(first_source[i])), np.uint64(first_source[i + 1])
            cell = i * width + first
            if p < stop:
                row = load_narrow(trace, plane + np.int64(steps[p]) * LANES)
                p = opaque(p + np.uint64(1))
                while p < stop:
                    row = row + load_narrow(trace, plane + np.int64(steps[p]) * LANES)
                    p = opaque(p + np.uint64(1))
                store(gradient, cell, load_narrow(gradient, cell) + row if adding else row)
            elif not adding:
                store(gradient, cell, load_narrow(np.float32(0), 0))


@part
def fed_back(i, weights, width, lists, differences, at):
    """Return Σ_j W_ij (λ_V - λ_I)_j, of which those of all targets begin at differences[at]."""
    products = load_narrow(np.float32(0), 0)
    e, stop = opaque(np.uint64(lists.first[i])), np.uint64(lists.first[i + 1])
    while e < stop:
        j = np.int64(lists.targets[e])
        row = load_narrow(weights, i * width + j)
        products = fma(row, load_narrow(differences, at + j), products)
        e = opaque(e + np.uint64(1))
    return total(products)


@inner
def feed_back(tape, weights, lists, differences, width, end, feedback):
    """Do what `synapses.feed_back` does."""
    n_spikes = tape.first[max(end, 0)]
    for e in range(n_spikes):
        i, at = np.int64(tape.ids[e]), np.int64(tape.steps[e]) * width
        feedback[e] = fed_back(i, weights, width, lists, differences, at)
    feedback[n_spikes : tape.first[len(tape.first) - 1]] = 0


@kernel
def mean_gradient(shares, factor, first, cells, sums, mask, gradient):
    """Do what `adam.mean_gradient` does for lines at `cells`; return the entries not finite.

    first : where the connection begins in the shares and the gradient
    sums : where the lines begin in the shares
    mask : of `Pattern`
    """
    bad = 0
    for n in range(len(cells)):
        line = cells[n]
        cell, place = first + line, first + sums[n]
        added = load_narrow(shares[0], place)
        for share in range(1, len(shares)):
            added = added + load_narrow(shares[share], place)
        scaled = added * load_narrow(factor, line % len(factor)) * load_narrow(mask, line)
        store(gradient, cell, scaled)
        if total(scaled - scaled) != 0:
            for column in range(NARROW):
                if not np.isfinite(gradient[cell + column]):
                    bad += 1
    return bad


@kernel
def step(weights, gradient, mean, square, rate, unbias, epsilon, first, cells):
    """Do what `adam.step` does for lines at `cells` of a connection that begins at `first`."""
    rates, unbiased, small = load_narrow(rate, 0), load_narrow(unbias, 0), load_narrow(epsilon, 0)
    decay1, new1 = (
        load_narrow(np.float32(adam.BETA1), 0),
        load_narrow(np.float32(1 - adam.BETA1), 0),
    )
    decay2, new2 = (
        load_narrow(np.float32(adam.BETA2), 0),
        load_narrow(np.float32(1 - adam.BETA2), 0),
    )
    for line in cells:
        i = first + line
        g = load_narrow(gradient, i)
        m = fma(decay1, load_narrow(mean, i), new1 * g)
        v = fma(decay2, load_narrow(square, i), new2 * (g * g))
        store(mean, i, m)
        store(square, i, v)
        moved = rates * m / (sqrt(v * unbiased) + small)
        store(weights, i, load_narrow(weights, i) - moved)
