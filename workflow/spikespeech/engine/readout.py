"""Windowed read-outs in closed form: no output neuron is simulated.

A leaky integrator is linear, so that a hidden spike at step s adds a fixed kernel to its voltage,
and to the windowed read-out Y_k = 1/T Σ_t w(t) V_k(t) the number w_k ρ(s). Backward in time the
adjoints of output k are likewise g_k = softmax(Y)_k - 1[k = label] times a fixed kernel. With
R_i = Σ ρ(s) and K_i = Σ κ(s) over the spikes of hidden neuron i,

    Y_k = Σ_i R_i W_ik,   dL/dW_ik = K_i g_k,   feedback at a spike of i = δ(s) Σ_k W_ik g_k

so that an example costs one pass over its hidden spikes and three small matrix products.
"""

import numpy as np

from spikespeech.engine.kernel import inner, kernel
from spikespeech.kernels.vectors import LANES, fma, load, splat, store, total


@kernel
def response(windows, drives, k, dt_ms):
    """Return (ρ, κ, δ), each (n_windows, n_steps) float32: what a spike at each step adds.

    ρ transposes the forward step of a unit weight: with p the adjoint of V and y that of x,
    p ← w(t)/T + α p, y ← (1 - α) c p + β y from the last step backward. κ and δ run mlGeNN's
    adjoint of a leaky integrator under the constant drive d of each step,

        λ_I ← d + β (λ_I - d) + γ (λ_V - d),   λ_V ← d + α (λ_V - d)

    for unit d = -w(t) / (T dt): κ = -τ_syn λ_I and δ = λ_V - λ_I, as a spike at s meets them. All
    outputs share the constants k.

    windows, drives : (n_windows, n_steps) float64, the window of the read-out and of the drive
    """
    n_windows, n_steps = windows.shape
    rho = np.zeros((n_windows, n_steps), np.float32)
    kappa = np.zeros((n_windows, n_steps), np.float32)
    delta = np.zeros((n_windows, n_steps), np.float32)
    alpha, beta = np.float64(k.alpha), np.float64(k.beta)
    injected = np.float64(k.one_minus_alpha) * np.float64(k.scale)
    gamma, tau_syn = np.float64(k.gamma), np.float64(k.tau_syn)
    for row in range(n_windows):
        p = y = lambda_v = lambda_i = 0.0
        for s in range(n_steps - 2, -1, -1):
            p = windows[row, s + 1] / n_steps + alpha * p
            y = injected * p + beta * y
            d = -drives[row, s + 1] / (n_steps * dt_ms)
            lambda_i = d + beta * (lambda_i - d) + gamma * (lambda_v - d)
            lambda_v = d + alpha * (lambda_v - d)
            rho[row, s] = y
            kappa[row, s] = -tau_syn * lambda_i
            delta[row, s] = lambda_v - lambda_i
    return rho, kappa, delta


@inner
def cross_entropy(y, label, smoothing, g):
    """Return -Σ_k q_k log softmax(y)_k; write softmax(y) - q to g.

    With n outputs and `smoothing` s, q_k is (1 - s) 1[k = label] + s / n.
    """
    highest = y.max()
    norm = 0.0
    for k in range(len(y)):
        g[k] = np.exp(y[k] - highest)
        norm += g[k]
    share, expected = smoothing / len(y), (1 - smoothing) * y[label]
    for k in range(len(y)):
        g[k] = g[k] / norm - share
        if share:
            expected += share * y[k]
    g[label] -= 1 - smoothing
    return np.log(norm) + highest - expected


@inner
def read(tape, weights, n_hidden, rho, kappa, sums, y, readout):
    """Write Y_k of one example to `readout`, and the sums R and K of its hidden neurons.

    tape : Tape of the last hidden layer
    weights : flat (n_hidden * width,) float32
    rho, kappa : (n_steps,) of `response`
    sums : (2, n_hidden) float32, written: R, K
    y : (width,) float32, scratch
    readout : (n_outputs,) float64, written
    """
    sums[:] = 0
    r, kernel_sums = sums[0], sums[1]
    for e in range(tape.first[len(tape.first) - 2]):
        i, s = np.int64(tape.ids[e]), np.int64(tape.steps[e])
        r[i] += rho[s]
        kernel_sums[i] += kappa[s]
    width = len(y)
    for column in range(0, width, LANES):
        added = splat(np.float32(0))
        for i in range(n_hidden):
            added = fma(splat(r[i]), load(weights, i * width + column), added)
        store(y, column, added)
    for k in range(len(readout)):
        readout[k] = y[k]


@inner
def adjoint(tape, weights, n_hidden, delta, g, sums, errors, feedback, gradient):
    """Write the outputs' feedback to each hidden spike; add to dL/dW of the output weights.

    g : (n_outputs,) float64, see `cross_entropy`
    sums : (2, n_hidden) of `read`; R is overwritten
    errors : (width,) float32, scratch
    feedback : (n_spikes,) float32, for `lif.run_backward`
    gradient : flat (n_hidden * width,) float32
    """
    width = len(errors)
    errors[:] = 0
    for k in range(len(g)):
        errors[k] = g[k]
    for i in range(n_hidden):
        products = splat(np.float32(0))
        for column in range(0, width, LANES):
            cell, error = i * width + column, load(errors, column)
            products = fma(load(weights, cell), error, products)
            store(gradient, cell, fma(splat(sums[1, i]), error, load(gradient, cell)))
        sums[0, i] = total(products)
    for e in range(tape.first[len(tape.first) - 1]):
        feedback[e] = delta[tape.steps[e]] * sums[0, tape.ids[e]]
