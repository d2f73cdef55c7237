"""The hidden layer forward in time."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def hidden_layer(steps, units, input_hidden, hidden_hidden, recurrent, k, threshold, n_steps, tape):
    first, ids, slope = tape
    n = input_hidden.shape[1]
    v = np.zeros(n, np.float32)
    x_in = np.zeros(n, np.float32)
    x_rec = np.zeros(n, np.float32)
    p = 0
    n_spikes = 0
    first[0] = 0
    for t in range(n_steps):
        while p < len(steps) and steps[p] < t:
            row = input_hidden[units[p]]
            for j in range(n):
                x_in[j] += row[j]
            p += 1
        if t > 0 and recurrent:
            for s in range(first[t - 1], first[t]):
                row = hidden_hidden[ids[s]]
                for j in range(n):
                    x_rec[j] += row[j]
        for j in range(n):
            current = k.scale[j] * x_in[j] + k.scale[j] * x_rec[j]
            v[j] = k.alpha[j] * v[j] + k.one_minus_alpha[j] * current
            x_in[j] *= k.beta[j]
            x_rec[j] *= k.beta[j]
            if v[j] >= threshold:
                ids[n_spikes] = j
                slope[n_spikes] = current / k.scale[j] - v[j]
                n_spikes += 1
                v[j] = 0
        first[t + 1] = n_spikes
    return n_spikes
