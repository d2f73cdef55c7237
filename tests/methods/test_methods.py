"""Training methods side by side: conversion, plasticity, and peers that are not here."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts.exhibits.training import plot_training_methods
from sklearn.neural_network import MLPClassifier

from spikespeech import eventprop, losses
from spikespeech.backends import eprop, surrogate
from spikespeech.errors import InputError
from spikespeech.illustrations import neurons
from spikespeech.methods import conversion, readout, stdp, task
from spikespeech.network import LI, Network, Parameters
from spikespeech.spikes import SpikeTrains

SCRIPTS = Path(__file__).parents[2] / "scripts"


def spikes(*examples, n_units=2):
    """SpikeTrains of (step, unit) pairs, 100 steps of 1 ms, two classes in turn."""
    binned = [tuple(map(np.array, zip(*example, strict=True))) for example in examples]
    n = len(examples)
    labels = np.arange(n) % 2
    return SpikeTrains.from_binned(binned, labels, np.zeros(n), 100, n_units, 1.0, ("a", "b"))


def test_conversion_keeps_the_perceptrons_choice_in_long_windows():
    rng = np.random.default_rng(1)
    features, labels = rng.uniform(0, 1, (60, 12)), rng.integers(0, 4, 60)
    perceptron = MLPClassifier((16,), max_iter=30, tol=0, random_state=1).fit(features, labels)
    parts = perceptron.coefs_, perceptron.intercepts_
    hidden, outputs = conversion.activations(features, *parts)
    scale = conversion.scales(features, *parts)
    errors = []
    for n_steps in (10, 10_000):
        fired, found = conversion.spiking(features, *parts, scale, n_steps)
        # A count is the rounded rate, so its rate is wrong by half a spike at most.
        assert np.abs(fired / n_steps - hidden / scale).max() <= 0.5 / n_steps + 1e-9
        errors.append(np.abs(found - outputs).max())
    assert errors[1] < errors[0] / 100
    np.testing.assert_array_equal(found.argmax(axis=1), outputs.argmax(axis=1))
    np.testing.assert_array_equal(
        perceptron.classes_[found.argmax(axis=1)], perceptron.predict(features)
    )


def test_counts_keep_every_spike_in_its_bin():
    found = readout.counts(spikes([(0, 0), (49, 1), (50, 1), (99, 0)], [(99, 1)]), 2, 2)
    np.testing.assert_array_equal(found, [[2, 2], [0, 1]])


def test_plasticity_raises_what_came_before_and_lowers_what_comes_after():
    weights = np.array([[0.9], [0.5]], np.float32)
    layer = stdp.StdpLayer(weights.copy(), np.array([0.01], np.float32))
    given = spikes([(10, 0), (30, 1)])
    when, _ = layer.present(given, 0, 0.0, 0.0, 10.0)
    assert len(when) == 1 and 10 < when[0] < 30
    layer = stdp.StdpLayer(weights.copy(), np.array([0.01], np.float32))
    # A threshold that rises by 10 lets the neuron spike once.
    layer.present(given, 0, stdp.POTENTIATION, stdp.DEPRESSION, 10.0)
    change = (layer.weights - weights)[:, 0]
    lag = np.array([10, 30]) - when[0]
    window = neurons.stdp_window(lag, stdp.POTENTIATION, stdp.DEPRESSION, stdp.TAU)
    assert change[0] > 0 > change[1]
    np.testing.assert_allclose(change, window * [1 - 0.9, 0.5], rtol=1e-3)


def test_one_neuron_a_step_wins_and_weights_stay_in_bounds():
    rng = np.random.default_rng(0)
    codes = np.sort(rng.choice(100 * 20, 600, replace=False))
    given = spikes([(c // 20, c % 20) for c in codes], n_units=20)
    layer = stdp.StdpLayer.random(20, 5, seed=1)
    layer.learn(given, [0] * 20)
    when, winners = layer.present(given, 0, 0.0, 0.0, 0.0)
    assert len(when) and len(set(when)) == len(when) and set(winners) <= set(range(5))
    assert layer.weights.min() >= 0 and layer.weights.max() <= 1
    assert layer.respond(given, 4).sum() == len(when)


def make(recurrent, n_examples=3, n_steps=130, n_units=20):
    """Return (network, weights, spikes, loss) with several spikes a hidden neuron."""
    rng = np.random.default_rng(2)
    codes = (np.sort(rng.choice(n_steps * n_units, 300, replace=False)) for _ in range(n_examples))
    binned = [(c // n_units, c % n_units) for c in codes]
    labels = np.arange(n_examples) % 2
    given = SpikeTrains.from_binned(
        binned, labels, np.zeros(n_examples), n_steps, n_units, 1.0, ("a", "b")
    )
    network = Network.layered(n_units, 6, 2, recurrent=recurrent)
    weights = Parameters.random(
        network, rng, input_hidden=(0.2, 0.1), hidden_hidden=(0, 0.3), hidden_output=(0, 1)
    )
    return network, weights, given, losses.make("sum_exp", n_steps=n_steps)


@pytest.mark.parametrize("recurrent", [True, False])
def test_eprop_runs_the_engines_network_and_sums_its_traces(recurrent):
    """Beside the traces of every synapse and step, in plain double precision."""
    network, weights, given, loss = make(recurrent)
    backend = eprop.Backend(network, weights, loss)
    seen, bad = backend.differentiate(given)
    gradient, counts, readouts = backend.engine.gradient, seen.hidden_spikes, seen.readouts
    assert not any(bad.values())
    engine = eventprop.gradients(network, weights, given, loss=loss)
    np.testing.assert_array_equal(counts, engine.hidden_spikes)
    assert counts.sum() > 20
    np.testing.assert_allclose(readouts, engine.readouts, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(seen.losses, engine.losses, rtol=1e-5)

    alpha, beta = np.exp(-1 / network.tau_mem), np.exp(-1 / network.tau_syn)
    injected = (1 - alpha) * network.tau_syn * (1 - beta)
    lag = np.arange(1, given.n_steps + 1)
    response = injected * (alpha**lag - beta**lag) / (alpha - beta)
    share = np.array(
        [(loss.window[s + 1 :] * response[: given.n_steps - s - 1]).sum() for s in lag - 1]
    )
    share /= given.n_steps
    inputs, rows = weights["input_hidden"].astype(float), []
    for i in range(len(given)):
        steps, units = given.example(i)
        n, h = network.n_inputs, network.n_hidden
        S = np.zeros((given.n_steps + 1, n + h))
        S[steps, units] = 1
        e, P, X = np.zeros((n + h, h)), np.zeros(n + h), np.zeros(n + h)
        W = np.vstack([inputs, weights["hidden_hidden"] if recurrent else np.zeros((h, h))])
        V, x = np.zeros(h), np.zeros(h)
        for t in range(given.n_steps):
            X, x = X + S[t - 1], x + S[t - 1] @ W
            P, V = alpha * P + injected * X, alpha * V + injected * x
            psi = 1 / (1 + surrogate.SLOPE * np.abs(V - 1)) ** 2
            e += share[t] * np.outer(P, psi)
            S[t, n:] = V >= 1
            V[V >= 1] = 0
            X, x = beta * X, beta * x
        g = np.exp(readouts[i] - readouts[i].max())
        g /= g.sum()
        g[given.labels[i]] -= 1
        rows.append(e * (weights["hidden_output"] @ g))
    mean = np.mean(rows, axis=0)
    np.testing.assert_allclose(gradient["input_hidden"], mean[:n], rtol=2e-3, atol=2e-6)
    if recurrent:
        np.testing.assert_allclose(gradient["hidden_hidden"], mean[n:], rtol=2e-3, atol=2e-6)


def test_eprops_output_gradient_is_the_losss():
    network, weights, given, loss = make(recurrent=True)
    backend = eprop.Backend(network, weights, loss)
    backend.differentiate(given)
    gradient, step = backend.engine.gradient, 1e-2
    for index in ((0, 0), (3, 1)):
        values = []
        for sign in (1, -1):
            moved = weights.copy()
            moved["hidden_output"][index] += sign * step
            backend.weights = moved
            values.append(backend.evaluate(given).losses.mean())
        slope = (values[0] - values[1]) / (2 * step)
        assert gradient["hidden_output"][index] == pytest.approx(slope, rel=1e-2, abs=1e-5)


def test_eprop_learns_and_takes_up_its_state():
    network, weights, given, loss = make(recurrent=True)
    whole, first, second = (eprop.Backend(network, weights, loss) for _ in range(3))
    before = whole.evaluate(given).losses.mean()
    whole.train([given] * 30, [0.01] * 30)
    assert whole.evaluate(given).losses.mean() < 0.8 * before
    first.train([given] * 10, [0.01] * 10)
    second.restore(first.state())
    second.weights = first.weights
    second.train([given] * 20, [0.01] * 20)
    np.testing.assert_array_equal(second.weights["input_hidden"], whole.weights["input_hidden"])


def test_eprop_refuses_what_it_does_not_have():
    network, weights, _, loss = make(recurrent=True)
    with pytest.raises(InputError, match="not for e-prop"):
        eprop.Backend(network, weights, losses.make("max", n_steps=130))
    unequal = Network.layered(network.n_inputs, 6, 2, output=LI(np.array([20.0, 30.0])))
    with pytest.raises(InputError, match="several time constants"):
        eprop.Backend(unequal, weights, loss)


def test_the_best_trial_is_scored_on_the_test(tmp_path, monkeypatch):
    _, _, given, _ = make(recurrent=False)
    monkeypatch.setattr(task.splits, "read", lambda path: None)
    asked = []
    monkeypatch.setattr(
        task.splits, "gather", lambda parts, rows, name: asked.append(name) or given
    )
    seen, out, best = [], tmp_path / "out.json", tmp_path / "trials.json"

    def fit(train, scored, settings):
        seen.append(settings)
        right = {1: 0.2, 2: 0.7, 3: 0.5}[settings["penalty"]]
        return {"status": "trained", "accuracy": right}

    def run(fit, *words):
        common = ["x.h5", "--split", "s.csv", "--settings", '{"penalty": 9, "seed": 1}']
        task.run(task.parser("").parse_args([*common, *map(str, words)]), fit)
        return json.loads(Path(words[-1]).read_text())

    found = run(fit, "--trials", '{"penalty": [1, 2, 3]}', "--out", best)
    assert found["chosen"] == {"penalty": 2} and found["side"] == "validation"
    assert [trial["accuracy"] for trial in found["tried"]] == [0.2, 0.7, 0.5]
    assert asked == ["train", "validation"]
    assert run(fit, "--best", best, "--out", out)["side"] == "test"
    assert seen[-1] == {"penalty": 2, "seed": 1} and asked[-1] == "test"
    absent = task.not_run("absent")
    assert run(lambda *_: absent, "--trials", '{"penalty": [1, 2]}', "--out", best) == absent
    assert run(fit, "--best", best, "--out", out) == absent
    assert len(seen) == 4


def test_an_absent_peer_is_not_run_and_a_failing_one_is_an_error(tmp_path):
    given = spikes([(1, 0)], [(2, 1)])
    absent = tmp_path / "absent.py"
    absent.write_text("import sys\nprint('No module named x', file=sys.stderr)\nsys.exit(3)\n")
    failing = tmp_path / "failing.py"
    failing.write_text("raise ValueError('broken')\n")
    nowhere = task.ask_peer(None, absent, given, given, {})
    assert nowhere["status"] == "not run" and nowhere["reason"]
    missing = task.ask_peer(sys.executable, absent, given, given, {})
    assert missing == {"status": "not run", "reason": "No module named x"}
    with pytest.raises(InputError, match="broken"):
        task.ask_peer(sys.executable, failing, given, given, {})
    with pytest.raises(InputError, match="no such interpreter"):
        task.ask_peer(str(tmp_path / "python"), absent, given, given, {})


def test_what_did_not_run_has_no_numbers():
    one = {"status": "trained", "reason": "", "accuracy": 0.5, "examples": 10, "library": "x"}
    one |= {
        "chosen": {"penalty": 0.1},
        "network": "y",
        "cpu_s": 1.0,
        "wall_s": 2.0,
        "peak_mb": 3.0,
        "growth_mb": 1.0,
    }
    results = {"bptt": [task.not_run("not here")] * 2, "stdp": [one, one | {"accuracy": 0.7}]}
    table = plot_training_methods.tabulate(results)
    ran, missing = table.set_index("method").loc["stdp"], table.set_index("method").loc["bptt"]
    assert ran["accuracy"] == pytest.approx(0.6) and ran["low"] < 0.6 < ran["high"]
    assert missing["status"] == "not run" and missing["reason"] == "not here"
    assert missing[["accuracy", "low", "high", "cpu_s", "peak_mb"]].isna().all()
    told = " ".join(
        plot_training_methods.findings(table, {"label": "digits", "epochs": 2, "trials": 4})
    )
    assert "60.0 %" in told and "Not run: BPTT with surrogate gradients (not here)" in told
    plot_training_methods.draw(table)
