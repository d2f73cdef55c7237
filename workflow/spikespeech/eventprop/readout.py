"""The outputs: forward, loss, adjoint."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def simulate(tape, hidden_output, k, threshold, spiking, voltage, out_tape):
    first, ids, _ = tape
    ofirst, oids, oslope = out_tape
    n_steps, n = voltage.shape
    v = np.zeros(n, np.float32)
    x = np.zeros(n, np.float32)
    count = 0
    ofirst[0] = 0
    for t in range(n_steps):
        if t > 0:
            for e in range(first[t - 1], first[t]):
                for j in range(n):
                    x[j] += hidden_output[ids[e], j]
        for j in range(n):
            current = k.scale[j] * x[j]
            v[j] = k.alpha[j] * v[j] + k.one_minus_alpha[j] * current
            x[j] *= k.beta[j]
            if spiking and v[j] >= threshold:
                oids[count] = j
                oslope[count] = current / k.scale[j] - v[j]
                count += 1
                v[j] = 0
            voltage[t, j] = v[j]
        ofirst[t + 1] = count


@njit(cache=True, nogil=True)
def adjoint(drive, jump, phantom, k, threshold, slope_min, out_tape, lv_out, li_out):
    """Adjoint after T-1-s updates in row s."""
    first, ids, slope = out_tape
    n_steps, n = drive.shape
    lv = np.zeros(n, np.float32)
    li = np.zeros(n, np.float32)
    lv_out[n_steps - 1] = 0
    li_out[n_steps - 1] = 0
    guarded = 0
    for s in range(n_steps - 2, -1, -1):
        for j in range(n):
            d = drive[s + 1, j]
            li[j] = d + k.beta[j] * (li[j] - d) + k.gamma[j] * (lv[j] - d)
            lv[j] = d + k.alpha[j] * (lv[j] - d)
        if s == n_steps - 2:
            lv += phantom
        else:
            for e in range(first[s + 1], first[s + 2]):
                j = ids[e]
                q = slope[e]
                if q < slope_min:
                    q = slope_min
                    guarded += 1
                lv[j] += (threshold * lv[j] + jump[e]) / q
        lv_out[s] = lv
        li_out[s] = li
    return guarded
