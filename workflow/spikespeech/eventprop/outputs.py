"""Simulated outputs, for losses that no window expresses, and their adjoints.

The drive on the adjoint is data: (n_steps, n_outputs) values d for leaky integrators, a jump at
each first spike for spiking outputs. So each loss here is one function that fills it in.
"""

import numpy as np

from spikespeech.eventprop.kernel import kernel
from spikespeech.eventprop.readout import cross_entropy

NEVER = np.float64(np.finfo(np.float32).min)  # read-out of an output that does not spike


@kernel
def simulate(hidden_tape, weights, k, spiking, voltage, tape):
    """Simulate the outputs of one example, as `forward.hidden_layer` does hidden neurons.

    hidden_tape : (first, ids, slope)
    weights : (n_hidden, n_outputs) float32
    spiking : whether outputs spike and are reset
    voltage : (n_steps, n_outputs) float32, written
    tape : (first, ids, slope) of the outputs, written
    """
    hidden_first, hidden_ids, _ = hidden_tape
    first, ids, slope = tape
    n_steps, n = voltage.shape
    v, x = np.zeros(n, np.float32), np.zeros(n, np.float32)
    count = 0
    first[0] = 0
    for t in range(n_steps):
        if t > 0:
            for e in range(hidden_first[t - 1], hidden_first[t]):
                for j in range(n):
                    x[j] += weights[hidden_ids[e], j]
        for j in range(n):
            current = k.scale[j] * x[j]
            v[j] = k.alpha[j] * v[j] + k.one_minus_alpha[j] * current
            x[j] *= k.beta[j]
            if spiking and v[j] >= k.threshold:
                ids[count] = j
                slope[count] = current / k.scale[j] - v[j]
                count += 1
                v[j] = 0
            voltage[t, j] = v[j]
        first[t + 1] = count


@kernel
def windowed(voltage, label, window, drive_window, dt_ms, readout, g, drive):
    """Y_k = 1/T Σ w V_k, d = -w g / (T dt); return the loss."""
    n_steps, n = voltage.shape
    readout[:] = 0
    for t in range(n_steps):
        for k in range(n):
            readout[k] += window[t] * voltage[t, k] / n_steps
    loss = cross_entropy(readout, label, g)
    for t in range(n_steps):
        for k in range(n):
            drive[t, k] = -drive_window[t] * g[k] / (n_steps * dt_ms)
    return loss


@kernel
def maximum(voltage, label, dt_ms, readout, g, drive):
    """Y_k = max_t V_k, d = -g / dt in that step; return the loss.

    As in mlGeNN an output that is never positive reads 0 and is not driven.
    """
    n_steps, n = voltage.shape
    readout[:] = 0
    when = np.full(n, -1)
    for t in range(n_steps):
        for k in range(n):
            if voltage[t, k] > readout[k]:
                readout[k], when[k] = voltage[t, k], t
    loss = cross_entropy(readout, label, g)
    drive[:] = 0
    for k in range(n):
        if when[k] >= 0:
            drive[when[k], k] = -g[k] / dt_ms
    return loss


@kernel
def per_timestep(voltage, label, dt_ms, readout, g, drive):
    """L = 1/T Σ_t cross-entropy of softmax(V(t)), Y = mean V; return the loss."""
    n_steps, n = voltage.shape
    readout[:] = 0
    loss = 0.0
    y = np.empty(n)
    for t in range(n_steps):
        for k in range(n):
            y[k] = voltage[t, k]
            readout[k] += y[k] / n_steps
        loss += cross_entropy(y, label, g) / n_steps
        for k in range(n):
            drive[t, k] = -g[k] / (n_steps * dt_ms)
    return loss


@kernel
def first_spike(tape, label, dt_ms, temperature, alpha, k, readout, g, jump, phantom):
    """Y_k = -t_k, the first spike's time in ms; return the loss.

    L = -log softmax(Y / temperature)_label + alpha / (1.01 T - t_label) (Nowotny et al. 2025).
    A first spike's λ_V jumps by τ_mem dL/dt_k / q. A silent label is pulled up by a phantom spike
    at the end of the trial, and its loss is that of a spike there; as in mlGeNN the softmax of
    the gradient is at temperature 1, over outputs that did spike, and silent outputs read
    `NEVER`.

    jump : (n_output_spikes,) float32, τ_mem dL/dt at first spikes, else 0
    phantom : (n_outputs,) float32, λ_V at the end of the trial
    """
    first, ids, _ = tape
    n_steps, n = len(first) - 1, len(readout)
    duration = n_steps * dt_ms
    phantom[:] = 0
    readout[:] = NEVER
    for t in range(n_steps - 1, -1, -1):
        for e in range(first[t], first[t + 1]):
            readout[ids[e]] = -t * dt_ms
    bounded = np.empty(n)
    for j in range(n):
        bounded[j] = max(readout[j], -duration) / temperature
    loss = cross_entropy(bounded, label, g) + alpha / (
        1.01 * duration + temperature * bounded[label]
    )
    cross_entropy(readout, label, g)
    for t in range(n_steps):
        for e in range(first[t], first[t + 1]):
            j = ids[e]
            jump[e] = 0
            if readout[j] == -t * dt_ms:
                change = -g[j] / temperature
                if j == label:
                    change += alpha / (1.01 * duration - t * dt_ms) ** 2
                jump[e] = k.tau_mem[j] * change
    if readout[label] == NEVER:
        phantom[label] = k.tau_mem[label] * alpha / (1e-4 * duration**2)
    return loss


@kernel
def adjoint(drive, jump, phantom, k, slope_min, tape, lambda_v, lambda_i):
    """Run the outputs' adjoint; return how often a slope was guarded.

    Row s of lambda_v and lambda_i, (n_steps, n_outputs) float32, is what a hidden spike of step s
    meets; the recursion is that of `readout.response`, with at each spike of output k

        λ_V,k ← λ_V,k + 1/q (threshold λ_V,k + jump)
    """
    first, ids, slope = tape
    n_steps, n = lambda_v.shape
    guarded = 0
    lambda_v[n_steps - 1] = 0
    lambda_i[n_steps - 1] = 0
    for s in range(n_steps - 2, -1, -1):
        for j in range(n):
            d = drive[s + 1, j]
            v, i = lambda_v[s + 1, j] - d, lambda_i[s + 1, j] - d
            lambda_i[s, j] = d + k.beta[j] * i + k.gamma[j] * v
            lambda_v[s, j] = d + k.alpha[j] * v
        if s == n_steps - 2:
            lambda_v[s] += phantom
        else:
            for e in range(first[s + 1], first[s + 2]):
                j, q = ids[e], slope[e]
                if q < slope_min:
                    q = slope_min
                    guarded += 1
                lambda_v[s, j] += (k.threshold * lambda_v[s, j] + jump[e]) / q
    return guarded


@kernel
def hand_back(hidden_tape, weights, k, lambda_v, lambda_i, feedback, gradient):
    """Write the outputs' feedback to each hidden spike, and dL/dW of the output weights.

    feedback : (n_spikes,) float32, Σ_k W_ik (λ_V,k - λ_I,k) at each spike
    gradient : (n_hidden, n_outputs) float32, -τ_syn,k Σ λ_I,k
    """
    first, ids, _ = hidden_tape
    n_steps, n = lambda_v.shape
    gradient[:] = 0
    for s in range(n_steps):
        for e in range(first[s], first[s + 1]):
            i = ids[e]
            back = np.float32(0)
            for j in range(n):
                back += weights[i, j] * (lambda_v[s, j] - lambda_i[s, j])
                gradient[i, j] -= k.tau_syn[j] * lambda_i[s, j]
            feedback[e] = back
