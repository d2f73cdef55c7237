"""The hidden layer's adjoint, backward in time."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def hidden_layer(tape, feedback, hidden_hidden, recurrent, k, threshold, penalty, slope_min, trace):
    first, ids, slope = tape
    n_steps, n = trace.shape
    lv = np.zeros(n, np.float32)
    li = np.zeros(n, np.float32)
    back = np.zeros(n, np.float32)
    guarded = 0
    trace[n_steps - 1] = 0
    for s in range(n_steps - 2, -1, -1):
        for j in range(n):
            li[j] = k.gamma[j] * lv[j] + k.beta[j] * li[j]
            lv[j] = k.alpha[j] * lv[j]
        if s < n_steps - 2:
            for e in range(first[s + 1], first[s + 2]):
                j = ids[e]
                q = slope[e]
                if q < slope_min:
                    q = slope_min
                    guarded += 1
                lv[j] += np.float32(1) / q * (threshold * lv[j] + back[j])
                lv[j] -= penalty[j]
        for j in range(n):
            trace[s, j] = li[j]
        for e in range(first[s], first[s + 1]):
            i = ids[e]
            total = feedback[e]
            if recurrent:
                for j in range(n):
                    total += hidden_hidden[i, j] * (lv[j] - li[j])
            back[i] = total
    return guarded


@njit(cache=True, nogil=True)
def gather(steps, units, trace, factor, gradient):
    """Add -τ_syn Σ λ_I at its spikes to each source's row of the gradient."""
    n = trace.shape[1]
    for p in range(len(steps)):
        row = gradient[units[p]]
        for j in range(n):
            row[j] += factor[j] * trace[steps[p], j]
