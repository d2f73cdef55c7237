"""Adam (Kingma & Ba 2015) on whole weight arrays."""

import numpy as np

from spikespeech.eventprop.kernel import kernel
from spikespeech.eventprop.vectors import LANES, differ, fma, load, splat, sqrt, store

BETA1, BETA2 = 0.9, 0.999


@kernel
def finish(gradient, factor):
    """Scale each column of a gradient by `factor` (width,); return its entries not finite.

    gradient : flat (n_rows * width,) float32
    """
    bad = 0
    width = len(factor)
    for row in range(0, len(gradient), width):
        for column in range(0, width, LANES):
            scaled = load(gradient, row + column) * load(factor, column)
            store(gradient, row + column, scaled)
            bits = differ(scaled - scaled, splat(np.float32(0)))
            while bits != 0:
                bits &= bits - np.uint64(1)
                bad += 1
    return bad


@kernel
def step(weights, gradient, mean, square, rate, unbias, epsilon):
    """Update flat float32 arrays whose length is a multiple of LANES, in place.

        m ← β1 m + (1 - β1) g,   v ← β2 v + (1 - β2) g²,   w ← w - rate m / (sqrt(unbias v) + ε)

    rate : learning rate / (1 - β1^n) at the n-th step, n counting from 1
    unbias : 1 / (1 - β2^n)
    """
    rates, unbiased, small = splat(rate), splat(unbias), splat(epsilon)
    decay1, new1 = splat(np.float32(BETA1)), splat(np.float32(1 - BETA1))
    decay2, new2 = splat(np.float32(BETA2)), splat(np.float32(1 - BETA2))
    for i in range(0, len(weights), LANES):
        g = load(gradient, i)
        m = fma(decay1, load(mean, i), new1 * g)
        v = fma(decay2, load(square, i), new2 * (g * g))
        store(mean, i, m)
        store(square, i, v)
        store(weights, i, load(weights, i) - rates * m / (sqrt(v * unbiased) + small))
