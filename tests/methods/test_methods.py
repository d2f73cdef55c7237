"""Training methods side by side: conversion, plasticity, and peers that are not here."""

import argparse
import colorsys
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scripts.exhibits.cost import plot_training_cost
from scripts.exhibits.training import plot_training_methods
from sklearn.neural_network import MLPClassifier

from spikespeech import eventprop, files, losses
from spikespeech.backends import eprop, surrogate
from spikespeech.errors import InputError
from spikespeech.illustrations import neurons
from spikespeech.meter import Meter
from spikespeech.methods import conversion, layers, readout, stdp, task
from spikespeech.network import LI, LIF, AdaptiveLIF, Network, Parameters
from spikespeech.spikes import SpikeTrains

SCRIPTS = Path(__file__).parents[2] / "scripts"

# Scripts of one folder import each other by name.
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(SCRIPTS / "benchmark")
    import benchmark_training


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


def test_thresholds_rise_from_that_of_the_settings_and_fall_back_to_it():
    settings = {"tau_mem": 20.0, "tau_syn": 5.0, "threshold": 0.5}
    layer = stdp.StdpLayer.random(2, 3, seed=1, **settings)
    np.testing.assert_array_equal(layer.thresholds, 0.5)
    layer.thresholds[:] = 1.5
    layer.learn(spikes([(0, 0)]), [0])
    np.testing.assert_allclose(layer.thresholds, 0.5 + stdp.FORGET, rtol=1e-6)


def make(recurrent, n_examples=3, n_steps=130, n_units=20, neuron=None):
    """Return (network, weights, spikes, loss) with several spikes a hidden neuron."""
    rng = np.random.default_rng(2)
    codes = (np.sort(rng.choice(n_steps * n_units, 300, replace=False)) for _ in range(n_examples))
    binned = [(c // n_units, c % n_units) for c in codes]
    labels = np.arange(n_examples) % 2
    given = SpikeTrains.from_binned(
        binned, labels, np.zeros(n_examples), n_steps, n_units, 1.0, ("a", "b")
    )
    network = Network.layered(n_units, 6, 2, recurrent=recurrent, neuron=neuron)
    weights = Parameters.random(
        network, rng, input_hidden=(0.2, 0.1), hidden_hidden=(0, 0.3), hidden_output=(0, 1)
    )
    return network, weights, given, losses.make("sum_exp", n_steps=n_steps)


@pytest.mark.parametrize("neuron", [LIF(), AdaptiveLIF(tau_adapt=60.0, strength=0.3)])
@pytest.mark.parametrize("recurrent", [True, False])
def test_eprop_runs_the_engines_network_and_sums_its_traces(recurrent, neuron):
    """Beside the traces of every synapse and step, in plain double precision."""
    network, weights, given, loss = make(recurrent, neuron=neuron)
    pull, target = 3e-3, 4
    strength = pull / network.hidden[0].neuron.tau_mem / network.output.neuron.tau_mem
    rule = eventprop.Regulariser(strength, strength, target)
    backend = eprop.Backend(network, weights, loss, rule)
    seen, bad = backend.differentiate(given)
    gradient, counts, readouts = backend.engine.gradient, seen.hidden_spikes, seen.readouts
    assert not any(bad.values())
    engine = eventprop.gradients(network, weights, given, loss=loss)
    np.testing.assert_array_equal(counts, engine.hidden_spikes)
    assert counts.sum() > 20
    np.testing.assert_allclose(readouts, engine.readouts, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(seen.losses, engine.losses, rtol=1e-5)

    alpha, beta = (
        np.exp(-1 / network.hidden[0].neuron.tau_mem),
        np.exp(-1 / network.hidden[0].neuron.tau_syn),
    )
    # The adaptation as Bellec et al. (2020) have it, whose spikes add before it decays.
    rho = np.exp(-1 / getattr(neuron, "tau_adapt", 1))
    raising = rho * getattr(neuron, "strength", 0)
    injected = (1 - alpha) * network.hidden[0].neuron.tau_syn * (1 - beta)
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
        e, P, X = np.zeros((2, n + h, h)), np.zeros(n + h), np.zeros(n + h)
        W = np.vstack([inputs, weights["hidden_hidden"] if recurrent else np.zeros((h, h))])
        V, x, A, slow = np.zeros(h), np.zeros(h), np.zeros(h), np.zeros((n + h, h))
        for t in range(given.n_steps):
            X, x = X + S[t - 1], x + S[t - 1] @ W
            P, V = alpha * P + injected * X, alpha * V + injected * x
            above = V - 1 - raising * A
            psi = 1 / (1 + surrogate.SLOPE * np.abs(above)) ** 2
            eligible = psi * (P[:, None] - raising * slow)
            slow = psi * P[:, None] + (rho - psi * raising) * slow
            e += eligible * np.array([share[t], t < given.n_steps - 1])[:, None, None]
            S[t, n:] = above >= 0
            A, V = rho * A + S[t, n:], np.where(above >= 0, 0, V)
            X, x = beta * X, beta * x
        g = np.exp(readouts[i] - readouts[i].max())
        g /= g.sum()
        g[given.labels[i]] -= 1
        excess = S[: given.n_steps - 1, n:].sum(axis=0) - target
        rows.append(e[0] * (weights["hidden_output"] @ g) + e[1] * pull * excess)
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
    _, _, given, _ = make(recurrent=False, n_examples=10)
    given.speakers[:5] = 7
    sides = pd.DataFrame({"side": ["train", "validation", "test", "test"], "speaker": [7, 1, 7, 0]})
    monkeypatch.setattr(task.splits, "read", lambda path: sides)
    asked, seen = [], []
    monkeypatch.setattr(
        task.splits, "gather", lambda parts, rows, name: asked.append(name) or given
    )

    def fit(train, scored, settings):
        seen.append(settings)
        # Right is every example of the new speaker, 0, and more or less of the others.
        right = 5 + settings["penalty"] * (1 + settings["rate"]) - settings.get("seed", 0)
        predictions = np.where(np.arange(10) >= 10 - right, given.labels, -1)
        return {"predictions": predictions.tolist()}

    def run(fit, settings):
        words = ["x.h5", "--split", "s.csv", "--settings", json.dumps(settings)]
        words += ["--trials", '{"rate": [1, 0, -1], "penalty": [0, 1, 2]}', "--trial-epochs", "3"]
        words += ["--trial-seeds", "0", "1", "--seeds", "2", "3", "--out", str(tmp_path / "out")]
        task.run(task.parser("").parse_args(words), fit)
        return json.loads((tmp_path / "out").read_text())

    found = run(fit, {"epochs": 9, "seed": 8})
    # The rates with the middle penalty, then the penalties with the best rate, by both seeds.
    tried = [(1, 1), (0, 1), (-1, 1), (1, 0), (1, 2)]
    assert found["tried"] == [
        {"chosen": {"rate": rate, "penalty": penalty}, "accuracy": pytest.approx(accuracy)}
        for (rate, penalty), accuracy in zip(tried, (0.65, 0.55, 0.45, 0.45, 0.85), strict=True)
    ]
    assert found["chosen"] == {"rate": 1, "penalty": 2} and found["edges"] == ["rate", "penalty"]
    assert [own["seed"] for own in seen] == [0, 1] * 5 + [2, 3]
    assert [own["epochs"] for own in seen] == [3] * 10 + [9] * 2
    runs = [(own["seed"], own["accuracy"], own["unseen"]) for own in found["runs"]]
    assert runs == [(2, 0.7, 1), (3, 0.6, 1)] and found["runs"][0]["unseen_examples"] == 5
    assert asked == ["train", "validation", "test"]

    seen.clear()
    found = run(fit, {"epochs": 9})
    assert len(seen) == 5 + 1 and [own["seed"] for own in found["runs"]] == [2, 3]

    def absent(*_):
        raise task.NotRunError("absent")

    assert run(absent, {"seed": 1}) == {"status": "not run", "reason": "absent"}


def test_the_layer_responds_once_for_all_penalties_of_its_readout():
    asked, features = [], np.array([[0.0, 4.0], [4.0, 0.0]] * 5)
    given = spikes(*[[(i, 0)] for i in range(10)])

    def respond(train, scored, settings):
        asked.append(settings)
        with Meter() as meter:
            pass
        meter.cpu_s = 10.0
        return layers.Response(features, features[:4], 3.0, meter, "x, ", "y")

    fit = layers.fitting(respond)
    for seed in (1, 2):
        for penalty in (0.1, 1.0):
            found = fit(given, given, {"seed": seed, "inverse_penalty": penalty})
            assert found["predictions"] == [0, 1, 0, 1] and found["hidden_spikes"] == 3.0
            assert 10 <= found["cpu_s"] < 20 and found["library"].startswith("x, scikit-learn")
    assert asked == [{"seed": 1}, {"seed": 2}]
    other = spikes([(1, 0)])
    fit(given, other, {"seed": 2, "inverse_penalty": 1.0})
    assert len(asked) == 3


def test_an_edge_is_a_highest_or_lowest_value_with_something_beyond():
    tried = {"a": [1, 2, 3], "b": [0, 1, 2], "c": [5]}
    assert task.at_edges({"a": 2, "b": 1, "c": 5}, tried) == []
    assert task.at_edges({"a": 3, "b": 0, "c": 5}, tried) == ["a"]
    assert task.at_edges({"a": 1, "b": 2, "c": 5}, tried) == ["a", "b"]


def test_a_linear_readout_finds_the_channel_that_tells_the_classes_apart():
    rng = np.random.default_rng(0)
    features = rng.poisson(3, (200, 12))
    labels = (features[:, 5] > 3).astype(int)
    found = readout.fit(features[:100], labels[:100], 1.0).predict(features[100:])
    assert np.mean(found == labels[100:]) > 0.9
    blind = readout.fit(features[:100], labels[:100], 1e-8).predict(features[100:])
    assert len(set(blind)) == 1  # so strong a penalty leaves the more frequent class


def test_an_absent_peer_is_not_run_and_a_failing_one_is_an_error(tmp_path):
    given = spikes([(1, 0)], [(2, 1)])
    absent = tmp_path / "absent.py"
    absent.write_text("import sys\nprint('No module named x', file=sys.stderr)\nsys.exit(3)\n")
    failing = tmp_path / "failing.py"
    failing.write_text("raise ValueError('broken')\n")
    with pytest.raises(task.NotRunError, match="no interpreter"):
        task.ask_peer(None, absent, given, given, {})
    with pytest.raises(task.NotRunError, match=r"^No module named x$"):
        task.ask_peer(sys.executable, absent, given, given, {})
    with pytest.raises(InputError, match="broken"):
        task.ask_peer(sys.executable, failing, given, given, {})
    with pytest.raises(InputError, match="no such interpreter"):
        task.ask_peer(str(tmp_path / "python"), absent, given, given, {})


def test_a_peer_imports_its_library_and_not_the_script_of_its_name(tmp_path):
    given = spikes([(1, 0)], [(2, 1)])
    script = tmp_path / "colorsys.py"
    script.write_text("import colorsys, json\nprint(json.dumps(colorsys.__file__))\n")
    assert Path(task.ask_peer(sys.executable, script, given, given, {})) == Path(colorsys.__file__)


def result(*accuracies, edges=(), chosen=None, hidden_spikes=30.0, train_accuracy=None):
    """A method's result, as its script writes it, with a seed for each accuracy."""
    own = {"examples": 10, "library": "x", "network": "y", "cpu_s": 1.0, "wall_s": 2.0}
    own |= {"hidden_spikes": hidden_spikes, "train_accuracy": train_accuracy, "failed": ""}
    runs = [{"seed": i, "accuracy": a, **own} for i, a in enumerate(accuracies)]
    found = {"status": "trained", "reason": "", "edges": list(edges), "runs": runs}
    return found | {"chosen": chosen or {"penalty": 0.1}}


SETTINGS = {"label": "digits", "epochs": 2, "trials": 4, "trial_epochs": 1, "trial_seeds": 2}


def test_what_did_not_run_has_no_numbers():
    missing = {"status": "not run", "reason": "not here"}
    table = plot_training_methods.tabulate({"bptt": missing, "stdp": result(0.5, 0.7)})
    ran, missing = (table.set_index("method").loc[name] for name in ("stdp", "bptt"))
    assert ran["accuracy"] == pytest.approx(0.6) and ran["low"] < 0.6 < ran["high"]
    assert missing["status"] == "not run" and missing["reason"] == "not here"
    assert missing[["accuracy", "low", "high", "cpu_s", "hidden_spikes"]].isna().all()
    text = " ".join(plot_training_methods.findings(table, SETTINGS))
    assert "60.0 %" in text and "Not run: BPTT with surrogate gradients (not here)" in text
    plot_training_methods.draw(table)


def test_trainings_that_broke_off_are_wrong_throughout_and_said():
    found = result(0.6, 0.0)
    found["runs"][1] |= {"failed": "weights are not finite", "hidden_spikes": None}
    table = plot_training_methods.tabulate({"bptt": found})
    assert table.loc[0, "failed"] == 1 and table.loc[0, "accuracy"] == pytest.approx(0.3)
    assert table.loc[0, "hidden_spikes"] == 30
    text = " ".join(plot_training_methods.findings(table, SETTINGS))
    assert "1 of 2 trainings by BPTT with surrogate gradients broke off" in text
    given = spikes([(0, 0)], [(1, 1)])
    with Meter() as meter:
        pass
    broken = task.failed("why", given, meter, "x", "y")
    assert broken["predictions"] == [-1, -1] and broken["failed"] == "why"


def test_methods_say_on_what_data_they_learned(tmp_path):
    files.write_json(tmp_path / "linear.json", result(0.5, 0.75))
    arguments = argparse.Namespace(
        results=[tmp_path / "linear.json"],
        settings=SETTINGS | {"label": "made up (synthetic speech)"},
        table=tmp_path / "table.csv",
        finding=tmp_path / "finding.txt",
        figure=tmp_path / "figure.svg",
    )
    plot_training_methods.main(arguments)
    assert pd.read_csv(tmp_path / "table.csv")["label"].tolist() == ["made up (synthetic speech)"]


def test_differences_are_taken_by_seed_and_never_across_what_methods_see():
    methods = {
        "eventprop": result(0.5, 0.7, chosen={"learning_rate": 0.01}, train_accuracy=0.7),
        "bptt": result(0.6, 0.7, train_accuracy=0.95),
        "eprop": result(0.4, 0.5, edges=["penalty"]),
        "conversion": result(0.9, 0.8),
        "linear": result(0.8, 0.8, hidden_spikes=None),
    }
    table = plot_training_methods.tabulate(methods)
    own = table.set_index("method")
    assert own.loc["bptt", "difference"] == pytest.approx(0.05)
    assert own.loc["eprop", "difference"] == pytest.approx(-0.15)
    assert own["against"].to_dict() == {
        **dict.fromkeys(("eventprop", "conversion"), pytest.approx(np.nan, nan_ok=True)),
        **{"bptt": "eventprop", "eprop": "eventprop", "linear": "conversion"},
    }
    text = " ".join(plot_training_methods.findings(table, SETTINGS))
    assert "Against EventProp, seed by seed: BPTT with surrogate gradients +5.0 points" in text
    assert "edge of what was tried is that of e-prop (penalty 0.1)." in text
    assert "EventProp 70.0 % and BPTT with surrogate gradients 95.0 %. A method far" in text
    assert text.index("Of those that see spikes in time") < text.index("Of those that see counts")
    plot_training_methods.draw(table)


def test_memory_is_counted_by_what_the_way_back_needs():
    size = {"n_hidden": 100, "n_steps": 1000, "n_examples": 2, "n_spikes": 2800}
    assert benchmark_training.kept(benchmark_training.EVENTPROP, **size) == 2800 * 8
    voltages = 2 * 1000 * 100 * 4
    assert benchmark_training.kept(benchmark_training.BPTT, **size) == voltages + 2800 * 4


def test_the_cost_of_training_is_told_beside_eventprops():
    measured = [
        {"method": method, "hidden": 64, "steps": steps, "batch": 2, "status": "measured"}
        | {"reason": "", "wall_ms": ms, "cpu_ms": ms, "memory_mib": mb, "spikes_a_neuron": 14.0}
        for method, steps, ms, mb in (
            *(
                (plot_training_cost.EVENTPROP, 200, 1, 2),
                (plot_training_cost.EVENTPROP, 1000, 2, 2),
            ),
            *((plot_training_cost.BPTT, 200, 1, 20), (plot_training_cost.BPTT, 1000, 5, 100)),
        )
    ]
    absent = {"method": plot_training_cost.SPYX, "hidden": 64, "steps": 200, "reason": "not here"}
    table = plot_training_cost.tabulate(pd.DataFrame([*measured, absent | {"status": "not run"}]))
    text = " ".join(plot_training_cost.findings(table))
    assert "EventProp's CPU time grows 2 times and what it keeps 1 times" in text
    assert "BPTT's CPU time grows 5 times and what it keeps 5 times" in text
    assert "takes 2.5 times the CPU time of EventProp, and keeps 50 times the bytes" in text
    assert "was not run here (not here)" in text
    plot_training_cost.draw(table)
