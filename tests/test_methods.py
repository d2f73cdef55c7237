"""Training methods side by side: conversion, plasticity, and peers that are not here."""

import sys
from pathlib import Path

import numpy as np
import plot_training_methods
import pytest
from sklearn.neural_network import MLPClassifier

from spikespeech import conversion, methods, neurons, stdp
from spikespeech.errors import InputError
from spikespeech.spikes import SpikeTrains

SCRIPTS = Path(__file__).parents[1] / "scripts"


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
    found = conversion.counts(spikes([(0, 0), (49, 1), (50, 1), (99, 0)], [(99, 1)]), bins=2)
    np.testing.assert_array_equal(found, [[2, 2], [0, 1]])


def test_plasticity_raises_what_came_before_and_lowers_what_comes_after():
    weights = np.array([[0.9], [0.5]], np.float32)
    layer = stdp.Layer(weights.copy(), np.array([0.01], np.float32))
    given = spikes([(10, 0), (30, 1)])
    when, _ = layer.present(given, 0, 0.0, 0.0, 10.0)
    assert len(when) == 1 and 10 < when[0] < 30
    layer = stdp.Layer(weights.copy(), np.array([0.01], np.float32))
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
    layer = stdp.Layer.random(20, 5, seed=1)
    layer.learn(given, [0] * 20)
    when, winners = layer.present(given, 0, 0.0, 0.0, 0.0)
    assert len(when) and len(set(when)) == len(when) and set(winners) <= set(range(5))
    assert layer.weights.min() >= 0 and layer.weights.max() <= 1
    assert layer.respond(given, 4).sum() == len(when)


def test_an_absent_peer_is_not_run_and_a_failing_one_is_an_error(tmp_path):
    given = spikes([(1, 0)], [(2, 1)])
    absent = tmp_path / "absent.py"
    absent.write_text("import sys\nprint('No module named x', file=sys.stderr)\nsys.exit(3)\n")
    failing = tmp_path / "failing.py"
    failing.write_text("raise ValueError('broken')\n")
    nowhere = methods.ask_peer(None, absent, given, given, {})
    assert nowhere["status"] == "not run" and nowhere["reason"]
    missing = methods.ask_peer(sys.executable, absent, given, given, {})
    assert missing == {"status": "not run", "reason": "No module named x"}
    with pytest.raises(InputError, match="broken"):
        methods.ask_peer(sys.executable, failing, given, given, {})
    with pytest.raises(InputError, match="no such interpreter"):
        methods.ask_peer(str(tmp_path / "python"), absent, given, given, {})


def test_what_did_not_run_has_no_numbers():
    one = {"status": "trained", "reason": "", "accuracy": 0.5, "examples": 10, "library": "x"}
    one |= {"network": "y", "cpu_s": 1.0, "wall_s": 2.0, "peak_mb": 3.0, "growth_mb": 1.0}
    results = {"bptt": [methods.not_run("not here")] * 2, "stdp": [one, one | {"accuracy": 0.7}]}
    table = plot_training_methods.tabulate(results)
    ran, missing = table.set_index("method").loc["stdp"], table.set_index("method").loc["bptt"]
    assert ran["accuracy"] == pytest.approx(0.6) and ran["low"] < 0.6 < ran["high"]
    assert missing["status"] == "not run" and missing["reason"] == "not here"
    assert missing[["accuracy", "low", "high", "cpu_s", "peak_mb"]].isna().all()
    told = " ".join(plot_training_methods.findings(table, {"label": "digits", "epochs": 2}))
    assert "60.0 %" in told and "Not run: BPTT with surrogate gradients (not here)" in told
    plot_training_methods.draw(table)
