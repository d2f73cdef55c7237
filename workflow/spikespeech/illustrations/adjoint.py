"""EventProp in continuous time on a network of a few neurons: every step of its derivation.

    τ_m V' = -V + I,  τ_s I' = -I + τ_s Σ w δ(t - t_spike),  V -> 0 where it reaches the threshold
    loss    cross-entropy of the read-outs y_k = 1/T ∫ w(t) V_k(t) dt, with w(t) = exp(-t/T)
    adjoint (time runs back)  τ_m λ_V' = -λ_V - ∂l/∂V,  τ_s λ_I' = -λ_I + λ_V
    jump    λ_V += (θ λ_V + Σ w (λ_V - λ_I)) / (τ_m V'), the sum over the neuron's targets
    dL/dw = -τ_s Σ λ_I of the target at the source's spikes

after Wunderlich and Pehl (2021). Between spikes all of it has a closed form, and spikes are found
by their roots: in double precision nothing is approximated but these.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

TAU_M, TAU_S, THRESHOLD, DURATION = 20.0, 5.0, 1.0, 100.0
"""ms, ms, of V, ms."""

RATIO = TAU_S / (TAU_M - TAU_S)


class Weights(NamedTuple):
    """Weights: w_in (inputs, hidden), w_rec (hidden, hidden), w_out (hidden, outputs)."""

    w_in: np.ndarray
    w_rec: np.ndarray
    w_out: np.ndarray


class Spike(NamedTuple):
    """A hidden spike: its time in ms, its neuron, and τ_m V' just before it."""

    time: float
    neuron: int
    slope: float


def advance(v, i, dt):
    """Return V and I after `dt` ms without spikes."""
    slow, fast = np.exp(-dt / TAU_M), np.exp(-dt / TAU_S)
    return v * slow + i * RATIO * (slow - fast), i * fast


def crossing(v, i, limit):
    """Return when V of one neuron reaches the threshold, in ms; inf if not within `limit` ms."""
    fast, slow = -i * RATIO, v + i * RATIO
    rises = slow > 0 and fast < 0 and -fast * TAU_M > slow * TAU_S
    if not rises:
        return np.inf
    peak = np.log(-fast * TAU_M / (slow * TAU_S)) / (1 / TAU_S - 1 / TAU_M)
    end = min(peak, limit)
    if advance(v, i, end)[0] < THRESHOLD:
        return np.inf
    return brentq(lambda dt: advance(v, i, dt)[0] - THRESHOLD, 0, end, xtol=1e-14)


def simulate(weights, inputs):
    """Return the hidden Spikes in order of time.

    inputs : (time in ms, channel) of each input spike, or (time, a current a hidden neuron)
    """
    n = len(weights.w_rec)
    v, i, now, spikes = np.zeros(n), np.zeros(n), 0.0, []
    for time, kick in [*sorted(inputs, key=lambda event: event[0]), (DURATION, None)]:
        while True:
            when = [crossing(v[j], i[j], time - now) for j in range(n)]
            j = int(np.argmin(when))
            if not np.isfinite(when[j]):
                break
            v, i = advance(v, i, when[j])
            now += when[j]
            spikes.append(Spike(now, j, i[j] - THRESHOLD))
            v[j] = 0
            i += weights.w_rec[j]
        v, i = advance(v, i, time - now)
        now = time
        if kick is not None:
            i += weights.w_in[kick] if np.ndim(kick) == 0 else kick
    return spikes


def response(t, tau):
    """Return 1/T ∫ w(s) exp(-(s - t)/τ) ds from t to T."""
    rate = 1 / DURATION + 1 / tau
    return np.exp(-t / DURATION) * (1 - np.exp(-(DURATION - t) * rate)) / rate / DURATION


def effects(t):
    """Return what a unit of V, and of I, given to an output at t adds to its read-out."""
    return response(t, TAU_M), RATIO * (response(t, TAU_M) - response(t, TAU_S))


def readouts(weights, spikes):
    """Return y, (outputs,)."""
    return sum(
        (weights.w_out[s.neuron] * effects(s.time)[1] for s in spikes),
        np.zeros(weights.w_out.shape[1]),
    )


def loss(y, label):
    """Return the cross-entropy and its derivative by the read-outs."""
    shifted = np.exp(y - y.max())
    softmax = shifted / shifted.sum()
    return -np.log(softmax[label]), softmax - np.eye(len(y))[label]


def adjoint(weights, spikes, g, times):
    """Return λ_I of the hidden neurons at each of `times`, (n_times, hidden).

    Spikes at the same time as one of `times` are met after it, as time runs back: λ_I is that after
    the spike, in forward time.

    g : derivative of the loss by the read-outs
    """
    n = len(weights.w_rec)
    events = [(s.time, 1, at) for at, s in enumerate(spikes)]
    events += [(t, 2, at) for at, t in enumerate(times)]
    lambda_v, lambda_i, now = np.zeros(n), np.zeros(n), DURATION
    found = np.zeros((len(times), n))
    for time, kind, at in sorted(events, reverse=True):
        # Back in time the adjoint's V feeds its I as I feeds V forward, with the constants swapped.
        slow, fast = np.exp((time - now) / TAU_M), np.exp((time - now) / TAU_S)
        gain = TAU_M / (TAU_M - TAU_S)
        lambda_i = lambda_i * fast + lambda_v * gain * (slow - fast)
        lambda_v, now = lambda_v * slow, time
        if kind == 2:
            found[at] = lambda_i
            continue
        j, slope = spikes[at].neuron, spikes[at].slope
        of_v, of_i = effects(time)
        # -τ_m λ_V and -τ_s λ_I of an output are what V and I at this moment do to the loss.
        output = g * (of_i / TAU_S - of_v / TAU_M)
        fed = weights.w_rec[j] @ (lambda_v - lambda_i) + weights.w_out[j] @ output
        lambda_v[j] += (THRESHOLD * lambda_v[j] + fed) / slope
    return found


def gradients(weights, inputs, spikes, g):
    """Return dL/dw as Weights."""
    at_inputs = adjoint(weights, spikes, g, [time for time, _ in inputs])
    at_spikes = adjoint(weights, spikes, g, [s.time for s in spikes])
    found = Weights(*(np.zeros_like(w) for w in weights))
    for (_, channel), met in zip(inputs, at_inputs, strict=True):
        found.w_in[channel] -= TAU_S * met
    for s, met in zip(spikes, at_spikes, strict=True):
        found.w_rec[s.neuron] -= TAU_S * met
        found.w_out[s.neuron] += g * effects(s.time)[1]
    return found
