"""BPTT with surrogate gradients, beside the chain rule in plain NumPy."""

import numpy as np
import pytest

from spikespeech import eventprop, losses
from spikespeech.backends import bptt
from spikespeech.errors import InputError
from spikespeech.network import LIF, AdaptiveLIF, Network, Parameters
from spikespeech.spikes import SpikeTrains

N_STEPS, N_UNITS, SLOPE = 110, 20, 7.0
PULL = 3e-3
"""Of the regulariser, on each spike too many or too few of TARGET."""
TARGET = 4
ADAPTIVE = AdaptiveLIF(tau_adapt=60.0, strength=0.3)


def make(recurrent, n_examples, n_hidden=6, neuron=None):
    """Return (network, weights, spikes, loss) with several spikes a hidden neuron."""
    rng = np.random.default_rng(3)
    codes = (np.sort(rng.choice(N_STEPS * N_UNITS, 260, replace=False)) for _ in range(n_examples))
    given = SpikeTrains.from_binned(
        [(c // N_UNITS, c % N_UNITS) for c in codes],
        *(np.arange(n_examples) % 2, np.zeros(n_examples), N_STEPS, N_UNITS, 1.0, ("a", "b")),
    )
    network = Network.layered(N_UNITS, n_hidden, 2, recurrent=recurrent, neuron=neuron)
    weights = Parameters.random(
        network,
        rng,
        input_hidden=(0.2, 0.1),
        hidden_hidden=(0, 0.7 / n_hidden**0.5),
        hidden_output=(0, 1),
    )
    return network, weights, given, losses.make("sum_exp", n_steps=N_STEPS)


def hard(u):
    """Spikes, 0 or 1, of V - threshold."""
    return (u >= 0).astype(float)


def smooth(u):
    """A function whose derivative the surrogate is."""
    return u / (1 + SLOPE * np.abs(u))


def chain_rule(network, weights, given, i, window, spike):
    """Return (loss with its regulariser, gradients) of example i where `spike` makes spikes of V.

    The read-out is simulated step by step, and all of it differentiated from the last step back.
    """
    W, U = (np.asarray(weights[name], float) for name in ("input_hidden", "hidden_output"))
    h = network.n_hidden
    R = np.asarray(weights.get("hidden_hidden", np.zeros((h, h))), float)
    a, b = (
        np.exp(-1 / network.hidden[0].neuron.tau_mem),
        np.exp(-1 / network.hidden[0].neuron.tau_syn),
    )
    c = (1 - a) * network.hidden[0].neuron.tau_syn * (1 - b)
    x_in = np.zeros((N_STEPS, N_UNITS))
    x_in[given.example(i)] = 1
    # Where the neurons do not adapt, nothing raises their threshold.
    rho = np.exp(-1 / getattr(network.hidden[0].neuron, "tau_adapt", 1))
    strength = getattr(network.hidden[0].neuron, "strength", 0)
    V, above, v, x, A = (np.zeros((*n, h)) for n in [(N_STEPS,), (N_STEPS,), (), (), ()])
    S, out, J, Y = np.zeros_like(V), np.zeros(2), np.zeros(2), np.zeros(2)
    for t in range(N_STEPS):
        V[t] = a * v + c * x
        out = a * out + c * J
        Y += window[t] * out / N_STEPS
        A = rho * A
        above[t] = V[t] - 1 - strength * A
        S[t] = spike(above[t])
        A = A + S[t]
        v, x, J = V[t] * (1 - S[t]), b * x + x_in[t] @ W + S[t] @ R, b * J + S[t] @ U
    excess = S[:-1].sum(axis=0) - TARGET  # a spike of the last step reaches nothing
    g = np.exp(Y - Y.max()) / np.exp(Y - Y.max()).sum()
    loss = -np.log(g[given.labels[i]]) + PULL / 2 * (excess**2).sum()
    g[given.labels[i]] -= 1
    dW, dR, dO = np.zeros_like(W), np.zeros_like(R), np.zeros_like(U)
    p, y, r = np.zeros(h), np.zeros(h), np.zeros(h)
    dout, dJ = np.zeros(2), np.zeros(2)
    for t in reversed(range(N_STEPS)):
        dJ, y = b * dJ + c * dout, b * y + c * p
        dO, dW, dR = dO + np.outer(S[t], dJ), dW + np.outer(x_in[t], y), dR + np.outer(S[t], y)
        dS = U @ dJ + R @ y + PULL * excess * (t < N_STEPS - 1) - V[t] * a * p + rho * r
        dout = a * dout + window[t] / N_STEPS * g
        by_voltage = dS / (1 + SLOPE * np.abs(above[t])) ** 2
        p, r = (1 - S[t]) * a * p + by_voltage, rho * r - strength * by_voltage
    gradients = {"input_hidden": dW, "hidden_hidden": dR, "hidden_output": dO}
    return loss, {name: gradients[name] for name in weights}


@pytest.mark.parametrize("neuron", [LIF(), ADAPTIVE])
@pytest.mark.parametrize("recurrent", [True, False])
def test_the_chain_rule_is_that_of_a_network_with_smooth_spikes(recurrent, neuron):
    network, weights, given, loss = make(recurrent, 1, neuron=neuron)
    weights = {name: w.astype(float) for name, w in weights.items()}
    _, gradients = chain_rule(network, weights, given, 0, loss.window, smooth)
    checked = [("input_hidden", (3, 2)), ("input_hidden", (11, 5)), ("hidden_output", (1, 0))]
    checked += [("hidden_hidden", (2, 4)), ("hidden_hidden", (5, 5))] * recurrent
    for name, index in checked:
        ends = []
        for step in (1e-5, -1e-5):
            moved = {key: w.copy() for key, w in weights.items()}
            moved[name][index] += step
            ends.append(chain_rule(network, moved, given, 0, loss.window, smooth)[0])
        slope = (ends[0] - ends[1]) / 2e-5
        assert gradients[name][index] == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(
    ("recurrent", "n_examples", "n_hidden", "neuron"),
    [
        (True, 6, 6, LIF()),
        (False, 3, 6, LIF()),
        (True, 2, 70, LIF()),
        (True, 6, 6, ADAPTIVE),
        (False, 3, 70, ADAPTIVE),
    ],
)
def test_gradients_are_those_of_the_chain_rule(recurrent, n_examples, n_hidden, neuron):
    network, weights, given, loss = make(recurrent, n_examples, n_hidden, neuron)
    unit = network.output.neuron.tau_mem * network.hidden[0].neuron.tau_mem
    rule = eventprop.Regulariser(PULL / unit, PULL / unit, TARGET)
    backend = bptt.Backend(network, weights, loss, rule, slope=SLOPE)
    backend.differentiate(given)  # leaves nothing behind for the next batch
    seen, bad = backend.differentiate(given)
    engine = eventprop.gradients(network, weights, given, loss=loss)
    np.testing.assert_array_equal(seen.hidden_spikes, engine.hidden_spikes)
    assert not any(bad.values()) and (seen.hidden_spikes.sum(axis=1) > 15).all()
    each = [chain_rule(network, weights, given, i, loss.window, hard)[1] for i in range(n_examples)]
    for name, found in backend.engine.gradient.items():
        expected = np.mean([gradients[name] for gradients in each], axis=0)
        size = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * size)


def test_it_learns_and_takes_up_its_state():
    network, weights, given, loss = make(True, 5)
    whole, first, second = (bptt.Backend(network, weights, loss) for _ in range(3))
    before = whole.evaluate(given).losses.mean()
    whole.train([given] * 30, [0.01] * 30)
    assert whole.evaluate(given).losses.mean() < 0.8 * before
    first.train([given] * 10, [0.01] * 10)
    second.restore(first.state())
    second.weights = first.weights
    second.train([given] * 20, [0.01] * 20)
    np.testing.assert_array_equal(second.weights["input_hidden"], whole.weights["input_hidden"])


def test_it_refuses_a_loss_without_a_window():
    network, weights, _, _ = make(True, 1)
    with pytest.raises(InputError, match="not for BPTT"):
        bptt.Backend(network, weights, losses.make("max", n_steps=N_STEPS))
