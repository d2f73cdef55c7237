"""Adam (Kingma & Ba 2015) on whole weight arrays."""

import numpy as np

from spikespeech.engine.kernel import kernel
from spikespeech.kernels.vectors import LANES, differ, fma, load, splat, sqrt, store, total

BETA1, BETA2 = 0.9, 0.999


@kernel
def mean_gradient(shares, factor, start, end, gradient):
    """Sum the shares of a batch, in order, and scale by column; return the entries not finite.

    shares : (n_shares, n_rows * width) float32
    factor : (width,) float32
    start, end : rows to do
    gradient : flat (n_rows * width,) float32, written
    """
    bad, width = 0, len(factor)
    for row in range(start * width, end * width, width):
        for column in range(0, width, LANES):
            added = load(shares[0], row + column)
            for share in range(1, len(shares)):
                added = added + load(shares[share], row + column)
            scaled = added * load(factor, column)
            store(gradient, row + column, scaled)
            bits = differ(scaled - scaled, splat(np.float32(0)))
            while bits != 0:
                bits &= bits - np.uint64(1)
                bad += 1
    return bad


@kernel
def sums(values):
    """Return the sum of a flat float32 array, a multiple of LANES long, and that of its squares."""
    added = squared = splat(np.float32(0))
    for i in range(0, len(values), LANES):
        some = load(values, i)
        added, squared = added + some, fma(some, some, squared)
    return total(added), total(squared)


@kernel
def step(weights, gradient, mean, square, rate, unbias, epsilon, start, end):
    """Update entries start to end, multiples of LANES, of flat float32 arrays, in place.

        m ← β1 m + (1 - β1) g,   v ← β2 v + (1 - β2) g²,   w ← w - rate m / (sqrt(unbias v) + ε)

    rate : learning rate / (1 - β1^n) at the n-th step, n counting from 1
    unbias : 1 / (1 - β2^n)
    """
    rates, unbiased, small = splat(rate), splat(unbias), splat(epsilon)
    decay1, new1 = splat(np.float32(BETA1)), splat(np.float32(1 - BETA1))
    decay2, new2 = splat(np.float32(BETA2)), splat(np.float32(1 - BETA2))
    for i in range(start, end, LANES):
        g = load(gradient, i)
        m = fma(decay1, load(mean, i), new1 * g)
        v = fma(decay2, load(square, i), new2 * (g * g))
        store(mean, i, m)
        store(square, i, v)
        store(weights, i, load(weights, i) - rates * m / (sqrt(v * unbiased) + small))
