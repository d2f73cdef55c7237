"""Simulated outputs, for losses that no window expresses, and their adjoints.

Outputs are a layer like another (`lif.run_forward`). The drive on their adjoint is data: a value d
for each step and leaky integrator, a jump at each first spike of spiking outputs. So each loss
here is one function that reads `voltage`, (n_steps, width) float32, or the outputs' tape, and
writes `readout` (n_outputs,) float64, and `drive` (n_steps, width) or `jump`.
"""

import numpy as np

from spikespeech.engine.kernel import inner
from spikespeech.engine.readout import cross_entropy
from spikespeech.kernels.vectors import (
    LANES,
    at_least,
    fma,
    load,
    select,
    splat,
    store,
    total,
    value,
)

NEVER = np.float64(np.finfo(np.float32).min)  # read-out of an output that does not spike


@inner
def windowed(voltage, label, smoothing, window, drive_window, dt_ms, readout, g, drive):
    """Y_k = 1/T Σ w V_k, d = -w g / (T dt); return the loss."""
    n_steps, n = len(voltage), len(readout)
    readout[:] = 0
    for t in range(n_steps):
        for k in range(n):
            readout[k] += window[t] * voltage[t, k] / n_steps
    loss = cross_entropy(readout, label, smoothing, g)
    for t in range(n_steps):
        for k in range(n):
            drive[t, k] = -drive_window[t] * g[k] / (n_steps * dt_ms)
    return loss


@inner
def maximum(voltage, label, smoothing, dt_ms, readout, g, highest, when, drive):
    """Y_k = max_t V_k, d = -g / dt in the first such step; return the loss.

    As in mlGeNN an output that is never positive reads 0 and is not driven.

    voltage, drive : flat (n_steps * width,) float32
    highest, when : (width,) float32, scratch
    """
    width = len(highest)
    for column in range(0, width, LANES):
        most, at, t = splat(np.float32(0)), splat(np.float32(0)), np.float32(0)
        for cell in range(column, len(voltage), width):
            now = load(voltage, cell)
            kept = at_least(most, now)
            most, at = select(kept, most, now), select(kept, at, splat(t))
            t += np.float32(1)
        store(highest, column, most)
        store(when, column, at)
    for k in range(len(readout)):
        readout[k] = highest[k]
    loss = cross_entropy(readout, label, smoothing, g)
    drive[:] = 0
    for k in range(len(readout)):
        if highest[k] > 0:
            drive[np.int64(when[k]) * width + k] = -g[k] / dt_ms
    return loss


@inner
def per_timestep(voltage, label, smoothing, dt_ms, readout, g, drive):
    """L = 1/T Σ_t cross-entropy of softmax(V(t)), Y = mean V; return the loss."""
    n_steps, n = len(voltage), len(readout)
    readout[:] = 0
    loss = 0.0
    y = np.empty(n)
    for t in range(n_steps):
        for k in range(n):
            y[k] = voltage[t, k]
            readout[k] += y[k] / n_steps
        loss += cross_entropy(y, label, smoothing, g) / n_steps
        for k in range(n):
            drive[t, k] = -g[k] / (n_steps * dt_ms)
    return loss


@inner
def first_spike(tape, label, smoothing, dt_ms, temperature, alpha, readout, g, jump, phantom):
    """Y_k = -t_k, the first spike's time in ms; return the loss.

    L = -log softmax(Y / temperature)_label + alpha / (1.01 T - t_label) (Nowotny et al. 2025).
    A first spike's λ_V jumps by dL/dt_k / q. Outputs that never spike read `NEVER` and have no
    part in the softmax; a label that never does is pulled up by a phantom spike at the end of the
    trial, and its loss is that of a spike there.

    jump : (n_output_spikes,) float32, dL/dt at first spikes, else 0
    phantom : (n_outputs,) float32, λ_V at the end of the trial
    """
    first, ids = tape.first, tape.ids
    n_steps = len(first) - 1
    duration = n_steps * dt_ms
    phantom[:] = 0
    readout[:] = NEVER
    for t in range(n_steps - 1, -1, -1):
        for e in range(first[t], first[t + 1]):
            readout[ids[e]] = -t * dt_ms
    scaled = np.maximum(readout, -duration) / temperature
    loss = cross_entropy(scaled, label, smoothing, g) + alpha / (
        1.01 * duration + max(readout[label], -duration)
    )
    cross_entropy(readout / temperature, label, smoothing, g)
    for t in range(n_steps):
        for e in range(first[t], first[t + 1]):
            j = ids[e]
            jump[e] = 0
            if readout[j] == -t * dt_ms:
                jump[e] = -g[j] / temperature
                if j == label:
                    jump[e] += alpha / (1.01 * duration - t * dt_ms) ** 2
    if readout[label] == NEVER:
        phantom[label] = alpha / (1e-4 * duration**2)
    return loss


@inner
def adjoint(drive, jump, phantom, k, slope_min, tape, lambda_v, lambda_i):
    """Run the outputs' adjoint; return how often a slope was guarded.

    The recursion is that of `readout.response`, with at each spike of output k

        λ_V,k ← λ_V,k + 1/q (threshold λ_V,k + jump)

    drive, lambda_v, lambda_i : flat (n_steps * width,) float32; the adjoints, written, are those
        that a hidden spike of each step meets
    tape : Tape of the outputs
    """
    first = tape.first
    n_steps = len(first) - 1
    width = len(lambda_v) // n_steps
    guarded = 0
    end = (n_steps - 1) * width
    lambda_v[end:] = 0
    lambda_i[end:] = 0
    for s in range(n_steps - 2, -1, -1):
        for column in range(0, width, LANES):
            cell = s * width + column
            d = load(drive, cell + width)
            v, i = load(lambda_v, cell + width) - d, load(lambda_i, cell + width) - d
            change = fma(load(k.beta, column), i, load(k.gamma, column) * v)
            store(lambda_i, cell, d + change)
            store(lambda_v, cell, fma(load(k.alpha, column), v, d))
        if s == n_steps - 2:
            for j in range(len(phantom)):
                lambda_v[s * width + j] += phantom[j]
        else:
            for e in range(first[s + 1], first[s + 2]):
                output, q = np.int64(tape.ids[e]), tape.slope[e]
                j = s * width + output
                if q < slope_min:
                    q = slope_min
                    guarded += 1
                lambda_v[j] += (value(k.threshold, output) * lambda_v[j] + jump[e]) / q
    return guarded


@inner
def feed_back(hidden_tape, weights, k, lambda_v, lambda_i, feedback, gradient):
    """Write the outputs' feedback to each hidden spike; add to dL/dW of the output weights.

    feedback : (n_spikes,) float32, Σ_k W_ik (λ_V,k - λ_I,k) at each spike
    gradient : flat (n_hidden * width,) float32, -τ_syn,k Σ λ_I,k
    """
    width = len(lambda_v) // (len(hidden_tape.first) - 1)
    for e in range(hidden_tape.first[len(hidden_tape.first) - 1]):
        i, s = np.int64(hidden_tape.ids[e]), np.int64(hidden_tape.steps[e])
        products = splat(np.float32(0))
        for column in range(0, width, LANES):
            cell = i * width + column
            current = load(lambda_i, s * width + column)
            difference = load(lambda_v, s * width + column) - current
            products = fma(load(weights, cell), difference, products)
            row = load(gradient, cell) - load(k.tau_syn, column) * current
            store(gradient, cell, row)
        feedback[e] = total(products)
