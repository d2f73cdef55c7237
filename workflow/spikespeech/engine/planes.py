"""Sums of a hidden layer's connections with delays, which lie in planes: NARROW columns after the
other, and in each source after source, as `delay_gradients.gather` writes them.

Their means lie in rows as the weights do.
"""

import numpy as np

from spikespeech.engine.kernel import kernel
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import NARROW, load_narrow, store, total


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
def block_changes(shares, factor, first, last, change):
    """Write the shares' sums, in order, times the factor, of a connection with delays of blocks.

    shares : (n_shares, n_blocks * n_sources or more) float32: block after block, as
        `delay_gradients.gather` writes them
    first, last : sources to do
    change : (n_sources, n_blocks) float32, written
    """
    n_sources, n_blocks = change.shape
    for block in range(n_blocks):
        for i in range(first, last):
            added = shares[0, block * n_sources + i]
            for share in range(1, len(shares)):
                added += shares[share, block * n_sources + i]
            change[i, block] = added * factor


def of_shape(change, shape, n_targets, absent):
    """Return the changes of a connection's synapses in the shape of its delays.

    absent : (n_sources, n_targets) bool, synapses that there are not; None where there are all
    """
    if absent is not None:
        change[:, :n_targets][absent] = 0
    if shape == "source":
        return change.sum(axis=1)
    if shape == "block":
        change = change.reshape(len(change), -1, NARROW).sum(axis=2)
    return change[:, : n_targets if shape == "synapse" else -(-n_targets // NARROW)]
