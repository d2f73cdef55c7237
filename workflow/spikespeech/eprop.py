"""E-prop (Bellec et al. 2020): gradients forward in time, from eligibility traces.

The network is the engine's. A synapse from source i to hidden neuron j has the eligibility trace
ψ_j(t) P_i(t), where P_i is the voltage that the spikes of i alone would cause at weight 1,

    X_i ← X_i + S_i,   P_i ← α P_i + (1 - α) c X_i,   X_i ← β X_i,

and ψ_j = 1 / (1 + k |V_j - threshold|)² (Zenke and Ganguli 2018) stands for dS_j/dV_j. A hidden
spike at step t adds ρ(t) W_jk to the windowed read-out Y_k. So, with g = softmax(Y) - 1[label],

    dL/dW_ij ≈ e_ij Σ_k W_jk g_k,   e_ij = Σ_t ρ(t) ψ_j(t) P_i(t)

which leaves out what a spike does to later spikes through the recurrent synapses and the reset.
e_ij is summed as the trial goes on; the label is needed at its end only. dL/dW_jk is exact.
"""

import numba
import numpy as np
from scipy.signal import lfilter

from spikespeech import eventprop
from spikespeech.errors import InputError
from spikespeech.network import Weights

SLOPE = 10.0
"""k of ψ above, in units of 1 / threshold."""

BLOCK = 100
"""Steps whose share of e is summed at once: the memory of a trial does not grow with its length."""

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's constants (Kingma and Ba 2015)."""


class Backend:
    """A network that learns from batches by e-prop and Adam; see `training.Backend`.

    Parameters
    ----------
    network : Network, with one value of each time constant a layer
    weights : Weights, the initial ones; copied
    loss : Loss with a window that all examples share
    regulariser : Regulariser without strength, or None
    threads : of evaluations; learning has one thread

    Raises InputError for another loss or a regulariser that has an effect.
    """

    def __init__(self, network, weights, loss, regulariser=None, threads=1):
        if loss.kind != "window" or not loss.shared:
            raise InputError(f"loss '{loss.name}' is not for e-prop", mend="one with a window")
        if regulariser and (regulariser.lambda_upper or regulariser.lambda_lower):
            raise InputError("e-prop has no regularisation", mend="set its strengths to 0")
        self._engine = eventprop.Backend(network, weights, loss, None, threads)
        self.network = network
        self.weights = weights.copy()
        self._moments = [np.zeros_like(w) for w in (*weights, *weights)]
        self._updates = 0
        decays = np.exp(-network.dt_ms / np.array([network.tau_mem, network.tau_syn]))
        self._constants = np.array([*decays, _injected(*decays, network), network.threshold])
        outputs = np.array([network.tau_mem_output, network.tau_syn_output])
        decays = np.exp(-network.dt_ms / outputs)
        # The adjoint of the output's filter: what a spike at each step adds to the read-out.
        share = lfilter(
            [0, (1 - decays[0]) * outputs[1] / network.dt_ms * (1 - decays[1])],
            np.convolve([1, -decays[0]], [1, -decays[1]]),
            loss.window[::-1] / loss.n_steps,
        )
        self._share = share[::-1].astype(np.float32)

    def train(self, batches, learning_rates):
        """Learn from each of `batches` (SpikeTrains) at its learning rate; return the Outcome."""
        parts, nonfinite = [], np.zeros(3, np.int64)
        for spikes, rate in zip(batches, learning_rates, strict=False):
            gradient, *seen = self.gradient(spikes)
            bad = np.array([np.count_nonzero(~np.isfinite(g)) for g in gradient])
            nonfinite += bad
            if not bad.any():
                self._step(gradient, rate)
            parts.append((*seen, spikes.labels))
        losses, readouts, hidden, labels = map(np.concatenate, zip(*parts, strict=True))
        return eventprop.Outcome(losses, readouts, labels, hidden, 0, nonfinite)

    def gradient(self, spikes):
        """Return the mean gradient of a batch (Weights), losses, read-outs, hidden spike counts."""
        network, recurrent = self.network, self.network.recurrent
        sources = np.vstack(list(self.weights)[: 1 + recurrent])
        output = self.weights.hidden_output
        gradient = [np.zeros_like(sources), np.zeros_like(output)]
        losses, readouts, counts = [], [], []
        eligibility = np.empty_like(sources)
        for i, label in enumerate(spikes.labels):
            share, count = _trial(
                *spikes.example(i), network.n_inputs, sources, self._share, self._constants,
                SLOPE, BLOCK, eligibility,
            )  # fmt: skip
            Y = share @ output
            g = np.exp(Y - Y.max())
            g /= g.sum()
            losses.append(-np.log(g[label]))
            g[label] -= 1
            gradient[0] += eligibility * (output @ g)
            gradient[1] += np.outer(share, g)
            readouts.append(Y)
            counts.append(count)
        rows, last = (g / np.float32(len(spikes)) for g in gradient)
        own = rows[network.n_inputs :] if recurrent else np.zeros_like(self.weights.hidden_hidden)
        mean = Weights(rows[: network.n_inputs], own, last)
        return mean, np.array(losses, np.float64), np.array(readouts, np.float64), np.array(counts)

    def evaluate(self, spikes):
        """Return the Outcome of `spikes` without learning."""
        self._engine.weights = self.weights
        return self._engine.evaluate(spikes)

    def _step(self, gradient, rate):
        self._updates += 1
        means, squares = self._moments[:3], self._moments[3:]
        for w, g, mean, square in zip(self.weights, gradient, means, squares, strict=True):
            mean += (1 - BETA1) * (g - mean)
            square += (1 - BETA2) * (g * g - square)
            unbiased = mean / (1 - BETA1**self._updates)
            root = np.sqrt(square / (1 - BETA2**self._updates))
            w -= np.float32(rate) * unbiased / (root + np.float32(EPSILON))

    def state(self):
        """Return the optimiser's state as arrays."""
        moments = {f"moment_{k}": moment.copy() for k, moment in enumerate(self._moments)}
        return {"updates": np.array(self._updates), **moments}

    def restore(self, state):
        """Take up the state that `state` returned; the weights are set apart from it."""
        self._updates = int(state["updates"])
        for k, moment in enumerate(self._moments):
            moment[:] = state[f"moment_{k}"]


def _injected(membrane, synapse, network):
    """Return (1 - α) c, see `eventprop.constants`."""
    return (1 - membrane) * network.tau_syn / network.dt_ms * (1 - synapse)


@numba.njit(cache=True, nogil=True)
def _trial(
    steps, units, n_inputs, weights, share, constants, slope, block, eligibility
):  # pragma: no cover - compiled
    """Run one example; write e and return (Σ ρ over each hidden neuron's spikes, their numbers).

    Parameters
    ----------
    steps, units : (n_spikes,) input spikes
    weights : (n_sources, n_hidden) float32, of inputs and, if recurrent, hidden neurons below
    share : (n_steps,) float32, ρ
    constants : α, β, (1 - α) c, threshold
    eligibility : (n_sources, n_hidden) float32, written

    Within a block e is summed from its end: with u = ρ ψ, q(t) = u(t) + α q(t + 1) and
    y(t) = (1 - α) c q(t) + β y(t + 1), a spike that arrives at t adds y(t) to its source's row,
    and what arrived before the block α P q + X y at its first step.
    """
    n_sources, n = weights.shape
    alpha, beta = np.float32(constants[0]), np.float32(constants[1])
    injected, threshold = np.float32(constants[2]), np.float32(constants[3])
    k, one = np.float32(slope) / threshold, np.float32(1)
    V, x = np.zeros(n, np.float32), np.zeros(n, np.float32)
    P, X = np.zeros(n_sources, np.float32), np.zeros(n_sources, np.float32)
    u = np.empty((block, n), np.float32)
    q, y = np.empty(n, np.float32), np.empty(n, np.float32)
    arrivals, first = np.empty(block * n_sources, np.int64), np.zeros(block + 1, np.int64)
    fired, n_fired = np.empty(n, np.int64), 0
    shares, counts = np.zeros(n, np.float32), np.zeros(n, np.int32)
    eligibility[:] = 0
    # After d steps: α^d, β^d, and the P of a spike that arrived with the first of d + 1 steps.
    membrane, synapse = np.ones(block + 1, np.float32), np.ones(block + 1, np.float32)
    response = np.full(block + 1, injected)
    for d in range(1, block + 1):
        membrane[d], synapse[d] = alpha * membrane[d - 1], beta * synapse[d - 1]
        response[d] = alpha * response[d - 1] + injected * synapse[d]
    s = 0
    for start in range(0, len(share), block):
        end = min(start + block, len(share))
        arrived = 0
        for t in range(start, end):
            while s < len(steps) and steps[s] < t:
                arrivals[arrived] = units[s]
                arrived += 1
                s += 1
            if n_sources > n_inputs:
                for f in range(n_fired):
                    arrivals[arrived] = n_inputs + fired[f]
                    arrived += 1
            first[t - start + 1] = arrived
            for a in range(first[t - start], arrived):
                row = weights[arrivals[a]]
                for j in range(n):
                    x[j] += row[j]
            now = u[t - start]
            for j in range(n):
                V[j] = alpha * V[j] + injected * x[j]
                x[j] *= beta
                near = one + k * abs(V[j] - threshold)
                now[j] = share[t] / (near * near)
            n_fired = 0
            for j in range(n):
                if V[j] >= threshold:
                    fired[n_fired] = j
                    n_fired += 1
                    shares[j] += share[t]
                    counts[j] += 1
                    V[j] = 0
        q[:] = 0
        y[:] = 0
        for t in range(end - start - 1, -1, -1):
            now = u[t]
            for j in range(n):
                q[j] = now[j] + alpha * q[j]
                y[j] = injected * q[j] + beta * y[j]
            for a in range(first[t], first[t + 1]):
                row = eligibility[arrivals[a]]
                for j in range(n):
                    row[j] += y[j]
        for i in range(n_sources):
            row, p, e = eligibility[i], alpha * P[i], X[i]
            for j in range(n):
                row[j] += p * q[j] + e * y[j]
        last = end - start - 1
        for i in range(n_sources):
            P[i] = membrane[last + 1] * P[i] + response[last] * X[i]
            X[i] *= synapse[last + 1]
        for t in range(last + 1):
            for a in range(first[t], first[t + 1]):
                P[arrivals[a]] += response[last - t]
                X[arrivals[a]] += synapse[last + 1 - t]
    return shares, counts
