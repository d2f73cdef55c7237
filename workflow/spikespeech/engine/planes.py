"""Sums of a hidden layer's connections with delays, which lie in planes: NARROW columns after the
other, and in each source after source, as `delay_gradients.gather` writes them.

Their means lie in rows as the weights do.
"""

import numpy as np

from spikespeech.engine.kernel import kernel
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import NARROW, lane, load_narrow, store, total


@part
def scaled(shares, factor, start, n_sources, lanes, i, column):
    """Return the sum of the shares, in order, times the factor, of source i's next NARROW columns.

    start : where the connection begins in the shares
    lanes : how many columns a plane has
    """
    cell = start + (column // lanes * n_sources + i) * lanes + column % lanes
    added = load_narrow(shares[0], cell)
    for share in range(1, len(shares)):
        added = added + load_narrow(shares[share], cell)
    return added * load_narrow(factor, column)


@kernel
def mean_gradient(shares, factor, start, n_sources, first, last, gradient):
    """Do what `adam.mean_gradient` does for the sources first to last of a connection.

    start : where the connection, of n_sources, begins in the shares and the gradient
    """
    width = len(factor)
    check = load_narrow(np.float32(0), 0)
    for column in range(0, width, NARROW):
        for i in range(first, last):
            mean = scaled(shares, factor, start, n_sources, NARROW, i, column)
            store(gradient, start + i * width + column, mean)
            check = check + (mean - mean)
    bad = 0
    if total(check) != 0:
        for cell in range(start + first * width, start + last * width):
            bad += not np.isfinite(gradient[cell])
    return bad


@kernel
def changes(shares, factor, weights, start, n_sources, lanes, first, last, change):
    """Write to (n_sources, width) `change` the weights times what `mean_gradient` does.

    lanes : how many columns a plane has: the width where the sums lie in rows
    """
    width, flat = len(factor), change.reshape(-1)
    for column in range(0, width, NARROW):
        for i in range(first, last):
            mean = scaled(shares, factor, start, n_sources, lanes, i, column)
            cell = i * width + column
            store(flat, cell, load_narrow(weights, start + cell) * mean)


@kernel
def block_changes(shares, factor, weights, start, n_sources, lanes, first, last, change):
    """Write what `changes` does summed over blocks of NARROW, to (n_sources, width / NARROW).

    NumPy adds up sixteen numbers in this order.
    """
    width = len(factor)
    eight = np.empty(8, np.float32)
    for column in range(0, width, NARROW):
        for i in range(first, last):
            mean = scaled(shares, factor, start, n_sources, lanes, i, column)
            product = load_narrow(weights, start + i * width + column) * mean
            for n in range(8):
                eight[n] = lane(product, n) + lane(product, n + 8)
            low = (eight[0] + eight[1]) + (eight[2] + eight[3])
            change[i, column // NARROW] = low + ((eight[4] + eight[5]) + (eight[6] + eight[7]))


def of_shape(change, shape, n_targets, absent):
    """Return the changes of a connection's synapses, or of its blocks, in the shape of its delays.

    absent : (n_sources, n_targets) bool, synapses that there are not; None where there are all
    """
    if absent is not None:
        change[:, :n_targets][absent] = 0
        if shape == "block":
            change = change.reshape(len(change), -1, NARROW).sum(axis=2)
    if shape == "source":
        return change.sum(axis=1)
    return change[:, : n_targets if shape == "synapse" else -(-n_targets // NARROW)]
