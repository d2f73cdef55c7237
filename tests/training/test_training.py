"""Schedule, settings, the loop's decisions, and that an interruption leaves no trace."""

import copy
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import made_up
import numpy as np
import pandas as pd
import pytest

from spikespeech import eventprop
from spikespeech.backends import native
from spikespeech.backends.native import Outcome
from spikespeech.errors import InputError
from spikespeech.files import write_csv
from spikespeech.network import LI, LIF, AdaptiveLIF, about, axes, load, save
from spikespeech.spikes import SpikeTrains, delays
from spikespeech.spikes.splits import examples, split
from spikespeech.training import loop, quantised, schedule
from spikespeech.training.settings import Settings

ROOT = Path(__file__).parents[2]

PLAIN = {
    "backend": "native",
    "selection": "validation",
    "finetune": 0,
    "average": 3,
    "epochs": 6,
    "batch_size": 8,
    "learning_rate": 5e-3,
    "schedule": {"kind": "plateau", "warm_up": 0},
    "ease_in": {"start": 1e-4, "factor": 1.3},
    "plateau": {"fast": 0.8, "slow": 0.85, "patience": 50},
    "augmentation": {
        "shift": 3,
        "blend": True,
        "warp": 0.0,
        "stretch": 0.0,
        "band": 0,
        "mask": 0,
        "drop": 0.0,
        "jitter": 0.0,
        "noise": 0.0,
    },
    "regularisation": {"lambda_upper": 1e-9, "lambda_lower": 1e-9, "spikes": 4},
    "gradient_clip": 0.0,
    "label_smoothing": 0.0,
    "silent_lift": 0.002,
    "initial_weights": {
        "input_hidden": [0.25, 0.25],
        "hidden_hidden": [0.0, 0.02],
        "hidden_output": [0.0, 0.03],
    },
    "neuron": made_up.NEURON,
    "output": None,
    "surrogate_slope": 10.0,
    "delays": {"input": None},
    "constants": {},
    "connections": {},
    "loss": {"name": "sum_exp", "normalise": True},
    "hidden": 16,
    "recurrent": True,
    "seed": 1,
}


def settings(**changes):
    """PLAIN with changes by dotted key, written with `__` for the dot."""
    values = copy.deepcopy(PLAIN)
    for key, value in changes.items():
        *groups, leaf = key.split("__")
        group = values
        for name in groups:
            group = group[name]
        group[leaf] = value
    return Settings.parse(values)


def spoken(n=48, n_units=40, n_steps=80, n_classes=4, seed=0, jitter=1.5):
    """Toy utterances: each class sweeps the channels its own way; twelve speakers."""
    rng = np.random.default_rng(seed)
    labels, times, units = np.arange(n) % n_classes, [], []
    for label in labels:
        t = np.sort(rng.uniform(0, n_steps, 60))
        sweep = [t, n_steps - t, np.abs(2 * t - n_steps), n_steps / 2 + 0 * t][label] / n_steps
        times.append(t)
        units.append(np.clip(sweep * (n_units - 1) + rng.normal(0, jitter, 60), 0, n_units - 1))
    return SpikeTrains.from_arrays(
        times,
        [u.astype(int) for u in units],
        labels,
        np.arange(n) // n_classes % 12,
        n_units=n_units,
        n_steps=n_steps,
        classes=tuple("abcd")[:n_classes],
    )


def assert_resumes(spikes, chosen, whole, folder):
    """A training of the settings `chosen`, killed in its second epoch, ends as the `whole` one."""

    def kill(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    checkpoint = folder / "checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        loop.train(spikes, spikes.take([]), chosen, checkpoint=checkpoint, progress=kill)
    resumed = loop.train(spikes, spikes.take([]), chosen, checkpoint=checkpoint, threads=2)
    assert resumed.history.equals(whole.history)
    for name, array in whole.weights.items():
        assert resumed.weights[name].tobytes() == array.tobytes()


# --- schedule -------------------------------------------------------------------------------


def mlgenn_schedule(accuracies, n_batches, learning_rate=1e-3):
    """The published training loop's rates, one list an epoch (see Shoesmith et al. 2025)."""
    alpha, batch = learning_rate / 1000, 0
    fast = slow = 0.0
    last, full, epochs = 0, learning_rate, []
    for e, accuracy in enumerate(accuracies):
        epochs.append([])
        for _ in range(n_batches):
            alpha = learning_rate / 1000 * 1.05**batch if alpha < full else full
            epochs[-1].append(min(alpha, full))
            batch += 1
        fast, slow = 0.8 * fast + 0.2 * accuracy, 0.85 * slow + 0.15 * accuracy
        if e - last > 50 and fast <= slow:
            full, last = full / 2, e
    return epochs


def test_rates_are_those_of_the_published_loop():
    rng = np.random.default_rng(0)
    accuracies = (np.linspace(0.2, 0.5, 180) + rng.normal(0, 0.05, 180)).tolist()
    published = settings(
        learning_rate=1e-3, ease_in__start=1e-6, ease_in__factor=1.05, plateau__patience=50
    )
    expected = mlgenn_schedule(accuracies, 7)
    made = [schedule.rates(published, accuracies[:e], 7) for e in range(180)]
    np.testing.assert_allclose(made, expected, rtol=1e-12)
    assert len({row[-1] for row in expected}) > 3


def test_ease_in_spans_epochs_and_never_passes_the_full_rate():
    eased = settings(learning_rate=1e-2, ease_in__start=1e-4, ease_in__factor=2.0)
    assert schedule.rates(eased, [], 4).tolist() == [1e-4, 2e-4, 4e-4, 8e-4]
    assert schedule.rates(eased, [0.1], 4).tolist() == [1.6e-3, 3.2e-3, 6.4e-3, 1e-2]
    assert schedule.rates(eased, [0.1] * 2000, 4).max() <= 1e-2


def test_rate_is_halved_on_a_plateau_alone():
    patient = settings(plateau__patience=10)
    assert schedule.full_rate(patient, np.linspace(0, 1, 200)) == 5e-3
    falling = [0.5] * 5 + [0.0] * 40
    rates = [schedule.full_rate(patient, falling[:e]) for e in range(46)]
    assert rates == [5e-3] * 12 + [2.5e-3] * 11 + [1.25e-3] * 11 + [6.25e-4] * 11 + [3.125e-4]


def test_a_cosine_rises_in_a_line_and_falls_to_zero():
    falling = settings(
        schedule__kind="cosine", schedule__warm_up=3, epochs=5, learning_rate=1.0, selection="last"
    )
    rates = np.concatenate([schedule.rates(falling, [0.1] * epoch, 4) for epoch in range(5)])
    cosine = (1 + np.cos(np.pi * np.arange(20) / 20)) / 2
    np.testing.assert_allclose(rates[:3] / cosine[:3], [0.25, 0.5, 0.75])
    np.testing.assert_allclose(rates[3:], cosine[3:])
    assert 0 < rates[-1] < 0.01


# --- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key,value,message",
    [
        (
            "learning_rat",
            1e-3,
            r"settings: unknown key 'learning_rat'; did you mean 'learning_rate'",
        ),
        ("ease_in__strat", 1, r"settings\.ease_in: unknown key 'strat'; did you mean 'start'"),
        ("epochs", 0, r"settings\.epochs: 0 is not at least 1"),
        ("epochs", 2.5, r"settings\.epochs: 2\.5 is not an integer"),
        ("epochs", True, r"settings\.epochs: True is not an integer"),
        ("learning_rate", "2e-3", r"settings\.learning_rate: '2e-3' is not a number"),
        ("learning_rate", 0, r"settings\.learning_rate: 0 is not more than 0"),
        ("plateau__fast", 1.5, r"settings\.plateau\.fast: 1\.5 is not at most 1"),
        (
            "selection",
            "unseen",
            r"settings\.selection: 'unseen'.*known: last, training, validation",
        ),
        ("selection", "validaton", r"selection: 'validaton'; did you mean 'validation'"),
        ("backend", "native2", r"settings\.backend: 'native2'; did you mean 'native'"),
        ("neuron", 20, r"settings\.neuron: 20 is not a group"),
        ("initial_weights__hidden_output", [0, -1], r"hidden_output: \[0, -1\] is not a mean"),
        ("loss", {"normalise": True}, r"settings\.loss: .* does not name a loss"),
    ],
)
def test_bad_settings_are_named(key, value, message):
    with pytest.raises(InputError, match=message):
        settings(**{key: value})


def test_outputs_have_time_constants_of_their_own_where_they_are_given(data):
    own = {"tau_mem": 30.0, "tau_syn": 7.0}
    network = settings(output=own).make_network(data[0])
    assert network.output.neuron == LI(30.0, 7.0) and network.hidden[0].neuron == LIF(20.0, 5.0)
    assert settings().make_network(data[0]).output.neuron == LI(20.0, 5.0)
    spiking = settings(output=own, loss={"name": "first_spike", "normalise": True})
    assert spiking.make_network(data[0]).output.neuron == LIF(30.0, 7.0)
    with pytest.raises(InputError, match=r"settings\.output: 'tau_syn' is missing"):
        settings(output={"tau_mem": 1.0})


@pytest.mark.parametrize("backend", ["bptt", "eprop"])
def test_the_surrogates_slope_is_the_settings(data, backend):
    changed = []
    for slope in (10.0, 3.0):
        _, trained = loop.start(data[0], settings(backend=backend, surrogate_slope=slope))
        trained.train([data[0].take([0, 1])], [0.01])
        changed.append(trained.weights["input_hidden"].copy())
    assert not np.array_equal(*changed)


def test_a_missing_setting_is_named():
    values = copy.deepcopy(PLAIN)
    del values["augmentation"]["shift"]
    with pytest.raises(InputError, match=r"settings\.augmentation: 'shift' is missing"):
        Settings.parse(values)


def test_settings_make_the_network():
    network = settings(neuron__tau_mem=30.0, recurrent=False).make_network(spoken())
    assert (network.n_inputs, network.n_hidden, network.n_outputs) == (40, 16, 4)
    assert (network.hidden[0].neuron, network.output.neuron) == (LIF(30, 5), LI(30, 5))
    assert not network.recurrent and not network.spiking_output
    network = settings(neuron__model="AdaptiveLIF", neuron__strength=0.2).make_network(spoken())
    assert network.hidden[0].neuron == AdaptiveLIF(20, 5, 1, 200, 0.2)
    assert network.output.neuron == LI(20, 5)


# --- the loop -------------------------------------------------------------------------------


class Scripted:
    """A backend that answers with scripted accuracies and hidden spikes, and learns by adding."""

    accuracies = validation = (0.5,)
    spikes = staticmethod(lambda epoch, n_hidden: np.ones(n_hidden, int))
    break_weights = broken_batches = 0

    def __init__(self, network, weights, loss, regulariser=None, **rates):
        self.network, self.weights, self.epoch = network, weights, 0

    def outcome(self, labels, accuracy, broken=0):
        n = len(labels)
        right = np.arange(n) < round(accuracy * n)
        guess = np.where(right, labels, (labels + 1) % self.network.n_outputs)
        hidden = np.tile(self.spikes(self.epoch, self.network.n_hidden), (n, 1))
        return Outcome(
            np.ones(n),
            np.eye(self.network.n_outputs)[guess],
            labels,
            hidden,
            0,
            {"input_hidden": 0, "hidden_hidden": broken},
            skipped=broken,
        )

    def train(self, batches, learning_rates):
        batches, self.rates = list(batches), list(learning_rates)
        assert len(batches) == len(self.rates)
        self.epoch += 1
        self.weights["hidden_output"][:] += np.float32(0.25)
        self.weights["hidden_hidden"][: self.break_weights, 0] = np.nan
        labels = np.concatenate([b.labels for b in batches])
        return self.outcome(
            labels, self.accuracies[min(self.epoch, len(self.accuracies)) - 1], self.broken_batches
        )

    def evaluate(self, spikes):
        return self.outcome(
            spikes.labels, self.validation[min(self.epoch, len(self.validation)) - 1]
        )

    def state(self):
        return {"epoch": np.array(self.epoch)}

    def restore(self, state):
        self.epoch = int(state["epoch"])


@pytest.fixture
def scripted(monkeypatch):
    """Return a function that trains with a scripted backend, made from class attributes."""

    def run(changes=None, side=None, **attributes):
        kind = type("Made", (Scripted,), attributes)
        monkeypatch.setattr(native, "Backend", kind)
        data = spoken(n=100)
        return loop.train(data, data if side is None else side, settings(**(changes or {})))

    return run


def test_best_epoch_by_validation_and_by_training(scripted):
    scripts = {
        "accuracies": (0.1, 0.9, 0.2, 0.2, 0.2, 0.2),
        "validation": (0.1, 0.2, 0.3, 0.8, 0.8, 0.4),
    }
    by_validation = scripted(**scripts)
    assert by_validation.best_epoch == 4
    assert scripted({"finetune": 0.25}, **scripts).best_epoch == 4
    by_training = scripted({"selection": "training"}, **scripts)
    assert by_training.best_epoch == 2
    first = settings().initial_weights.hidden_output[0]
    drift = [r.weights["hidden_output"].mean() for r in (by_validation, by_training)]
    assert drift[0] - drift[1] == pytest.approx(0.5, abs=1e-4)
    assert drift[1] == pytest.approx(first + 0.5, abs=0.02)
    history = by_validation.history
    assert list(history.columns) == list(loop.HISTORY)
    assert history.epoch.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(history.validation_accuracy, scripts["validation"])


def test_the_last_epochs_mean_is_kept_and_validated(scripted):
    last = {"selection": "last", "average": 3}
    result = scripted(last, validation=(0.9, 0.1, 0.1, 0.1, 0.2, 0.3))
    assert result.best_epoch == 6
    begun = loop.start(spoken(), settings())[1].weights["hidden_output"]
    np.testing.assert_allclose(result.weights["hidden_output"] - begun, 0.25 * 5, atol=1e-6)
    seen = []
    kept = scripted(
        last,
        evaluate=lambda self, spikes: (
            seen.append(self.weights.copy()) or (self.outcome(spikes.labels, 0.5))
        ),
    ).weights
    means = [w["hidden_output"].mean() - begun.mean() for w in seen]
    np.testing.assert_allclose(means, [0.25, 0.5, 0.75, 1.0, 1.125, 1.25], atol=1e-6)
    for name in kept:
        np.testing.assert_array_equal(kept[name], seen[-1][name])


def test_equal_accuracy_is_decided_by_loss_then_by_being_first():
    rows = [
        {"validation_accuracy": a, "validation_loss": loss}
        for a, loss in [(0.5, 1), (0.7, 2), (0.7, 1.5), (0.7, 1.5), (0.6, 0.1)]
    ]
    assert schedule.best_epoch(rows, "validation") == 3


def test_silent_neurons_are_lifted_and_no_others(scripted):
    def spikes(epoch, n):
        return (np.arange(n) != 5) | (epoch > 2)

    result = scripted(
        {"silent_lift": 0.5}, spikes=staticmethod(spikes), validation=(0.1, 0.2, 0.3, 0.4)
    )
    assert result.history.silent.tolist() == [1, 1, 0, 0, 0, 0]
    network, backend = loop.start(spoken(), settings())
    lifted = result.weights["input_hidden"] - backend.weights["input_hidden"]
    np.testing.assert_allclose(lifted[:, 5], 1.0, atol=1e-6)
    assert not np.delete(lifted, 5, axis=1).any()
    assert network.n_hidden == 16


def test_in_each_layer_silent_neurons_are_lifted_up_to_the_first_silent_layer():
    chosen = settings(hidden=[16, 8, 5], silent_lift=0.5)
    network, backend = loop.start(spoken(), chosen)
    before = backend.weights
    silent = np.zeros(29, bool)
    silent[[3, *range(16, 24), 26]] = True  # one of the first layer, all of the second
    loop._lift(backend, network, silent, 0.5)
    moved = {name: w - before[name] for name, w in backend.weights.items()}
    np.testing.assert_allclose(moved["input_hidden1"][:, 3], 0.5, rtol=1e-5)
    assert np.count_nonzero(moved.pop("input_hidden1")) == 40
    np.testing.assert_allclose(moved.pop("hidden1_hidden2"), 0.5 * 40 / 16, rtol=1e-5)
    assert not any(w.any() for w in moved.values())


def test_two_hidden_layers_learn_and_resume(tmp_path, data):
    chosen = settings(hidden=[24, 16], epochs=30, silent_lift=0.02, learning_rate=1e-2)
    checkpoint = tmp_path / "checkpoint.npz"

    def stop(row):
        if row["epoch"] == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.train(*data, chosen, checkpoint=checkpoint, progress=stop)
    result = loop.train(*data, chosen, checkpoint=checkpoint)
    assert bytes_of(result) == bytes_of(loop.train(*data, chosen))
    assert result.history.train_accuracy.iloc[-1] > 0.6
    assert result.history.silent.iloc[-1] < 20
    assert set(result.weights) == set(result.network.shapes())


def test_hidden_layers_are_one_size_or_several():
    assert settings(hidden=[16, 8]).hidden == (16, 8)
    for hidden in (0, [16, 0], [], 1.5, [16, True], "16x8"):
        with pytest.raises(InputError, match=r"settings\.hidden: .* is no size of a hidden layer"):
            settings(hidden=hidden)


@pytest.mark.parametrize(
    "attributes,changes,message",
    [
        ({"break_weights": 3}, {}, "epoch 1: 3 of 256 weights of hidden_hidden are not finite"),
        ({"broken_batches": 1}, {}, "in 1 of 25 batches gradients of hidden_hidden are not finite"),
        ({"broken_batches": 3}, {"gradient_clip": 5}, "epoch 1: in 3 of 25 batch"),
        (
            {"spikes": staticmethod(lambda e, n: np.full(n, 41 if e == 3 else 3))},
            {},
            "epoch 3: the 16 hidden neurons have run away, to 41 spikes a neuron",
        ),
        (
            {"spikes": staticmethod(lambda e, n: np.zeros(n, int))},
            {"silent_lift": 0},
            "epoch 1: all 16 hidden neurons have been silent for 1 epochs",
        ),
        (
            {"spikes": staticmethod(lambda e, n: np.full(n, int(e == 2)))},
            {"epochs": 20},
            "epoch 12: all 16 hidden neurons have been silent for 10 epochs",
        ),
    ],
)
def test_a_network_that_cannot_train_stops(scripted, attributes, changes, message):
    with pytest.raises(loop.TrainingFailed, match=message):
        scripted(changes, **attributes)


def test_a_word_on_which_the_gradient_overflows_is_left_out(scripted):
    result = scripted({"gradient_clip": 5}, broken_batches=2)
    assert (result.history.skipped == 2).all() and len(result.history) == 6


def test_a_gradient_far_longer_than_usual_is_shortened(data):
    def explode(spikes):
        seen, bad = differentiate(spikes)
        if trained.steps == 110:
            for gradient in trained.engine.gradients:
                gradient *= np.float32(1e6)
        return seen, bad

    batches = [data[0].take(np.arange(8 * i, 8 * i + 8) % len(data[0])) for i in range(130)]
    moments = {}
    for clip in (0, 5, 1e12):
        _, trained = loop.start(data[0], settings(gradient_clip=clip))
        differentiate, trained.differentiate = trained.differentiate, explode
        before = trained.train(batches[:110], [1e-3] * 110)
        usual = [square.sum() for square in trained.square]
        outcome = trained.train(batches[110:], [1e-3] * 20)
        assert (before.shortened, before.skipped, outcome.skipped) == (0, 0, 0)
        assert outcome.shortened == (clip == 5)
        grown = max(s.sum() / u for s, u in zip(trained.square, usual, strict=True))
        assert grown > 1e6 if clip != 5 else grown < 4
        moments[clip] = trained.state()
    assert all(np.array_equal(moments[0][key], moments[1e12][key]) for key in moments[0])


def test_no_validation_examples(scripted):
    nobody = spoken().take([])
    for needing in ({}, {"selection": "last", "finetune": 0.25}):
        with pytest.raises(InputError, match="no validation examples"):
            scripted(needing, side=nobody)
    for selection in ("training", "last"):
        result = scripted({"selection": selection}, side=nobody)
        assert result.history.validation_accuracy.isna().all()


# --- the native engine ----------------------------------------------------------------------


def bytes_of(result):
    return [w.tobytes() for w in result.weights.values()], result.history.to_csv()


@pytest.fixture(scope="module")
def data():
    spikes = spoken(n=96)
    sides = spikes.speakers < 9
    return spikes.take(np.flatnonzero(sides)), spikes.take(np.flatnonzero(~sides))


@pytest.fixture(scope="module")
def uninterrupted(data):
    return loop.train(*data, settings())


def test_it_learns(data):
    result = loop.train(*data, settings(epochs=25))
    assert result.history.validation_accuracy.max() > 0.8
    assert result.history.validation_accuracy.iloc[0] < 0.7


@pytest.mark.parametrize("threads", [2, 4])
def test_bytes_do_not_depend_on_threads(data, uninterrupted, threads):
    assert bytes_of(loop.train(*data, settings(), threads=threads)) == bytes_of(uninterrupted)


@pytest.mark.parametrize("selection", ["validation", "last"])
@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, data, after, selection):
    checkpoint, chosen = tmp_path / "checkpoint.npz", settings(selection=selection)
    uninterrupted = loop.train(*data, chosen)

    def stop(row):
        if row["epoch"] == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.train(*data, chosen, checkpoint=checkpoint, progress=stop)
    seen = []
    result = loop.train(*data, chosen, checkpoint=checkpoint, progress=seen.append)
    assert [row["epoch"] for row in seen] == list(range(after + 1, 7))
    assert bytes_of(result) == bytes_of(uninterrupted)
    again = loop.train(*data, chosen, checkpoint=checkpoint, progress=seen.append)
    assert bytes_of(again) == bytes_of(uninterrupted) and len(seen) == 6 - after


def test_fine_tuning_goes_on_from_the_weights_and_keeps_the_mean_of_the_last_epochs(tmp_path, data):
    both, checkpoint, after = spoken(n=96), tmp_path / "checkpoint.npz", []
    chosen = settings(finetune=0.25, epochs=26)
    first = loop.train(*data, replace(chosen, epochs=2)).weights

    def note(_):
        with np.load(checkpoint) as state:
            after.append([state[f"weights_{name}"] for name in first])

    tuned = loop.finetune(both, first, chosen, checkpoint=checkpoint, progress=note)
    assert len(after) == 6
    for kept, arrays in zip(tuned.values(), zip(*after[3:], strict=True), strict=True):
        np.testing.assert_allclose(kept, np.mean(arrays, axis=0), rtol=1e-6, atol=1e-7)
    # A first epoch of no steps to speak of leaves the weights where they came from.
    still = replace(chosen, learning_rate=1e-12, epochs=4, silent_lift=0.0)
    for kept, begun in zip(loop.finetune(both, first, still).values(), first.values(), strict=True):
        np.testing.assert_allclose(kept, begun, atol=1e-6)
    # Another start is another training: its checkpoint is not taken up.
    loop.finetune(both, tuned, chosen, checkpoint=checkpoint, progress=note)
    assert len(after) == 12


def test_a_network_keeps_its_delays_and_is_judged_with_them(data, tmp_path):
    chosen = settings(
        delays={"input": {"kind": "random", "high": 9}},
        augmentation__blend=False,
        augmentation__shift=0,
        learning_rate=1e-12,
        ease_in__start=1e-12,
        epochs=1,
        batch_size=1000,
        silent_lift=0.0,
    )
    result = loop.train(*data, chosen)
    drawn = delays.draw({"kind": "random", "high": 9}, 40, 1)
    np.testing.assert_array_equal(result.weights["input_hidden.delay"], drawn)
    assert result.network.connections[0].longest_delay == drawn.max()
    save(tmp_path / "weights.h5", result.network, result.weights)
    network, weights = load(tmp_path / "weights.h5")
    row = result.history.iloc[0]
    # Steps of 1e-12 change nothing: training and validation are forward passes of one network.
    bare = settings(delays={"input": None}).make_network(data[0])
    plain = {name: array for name, array in weights.items() if name != "input_hidden.delay"}
    for spikes, loss in zip(data, (row.train_loss, row.validation_loss), strict=True):
        loss_of = chosen.make_loss(spikes)
        evaluated = native.Backend(network, weights, loss_of).evaluate(spikes)
        assert evaluated.losses.mean() == pytest.approx(loss, rel=1e-6)
        later, _ = delays.delayed(spikes, drawn)
        np.testing.assert_array_equal(
            native.Backend(bare, plain, loss_of).evaluate(later).readouts, evaluated.readouts
        )
        undelayed = native.Backend(bare, plain, loss_of).evaluate(spikes)
        assert abs(undelayed.readouts - evaluated.readouts).max() > 1e-3
    late = delays.delayed(data[0], drawn)[1]
    assert row.late == late.mean() > 0
    gradients = eventprop.gradients(network, weights, data[0], loss=loss_of).losses.mean()
    assert gradients == pytest.approx(row.train_loss, rel=1e-6)
    hidden = eventprop.simulate(network, weights, data[1]).hidden_spikes
    expected = eventprop.simulate(bare, plain, delays.delayed(data[1], drawn)[0]).hidden_spikes
    np.testing.assert_array_equal(hidden.steps, expected.steps)


def test_another_trainings_checkpoint_is_not_resumed(tmp_path, data):
    checkpoint, rows = tmp_path / "checkpoint.npz", []
    loop.train(*data, settings(epochs=2), checkpoint=checkpoint, stamp="old code")
    for changed, stamp in (
        (settings(epochs=2), "new code"),
        (settings(epochs=2, seed=2), "old code"),
    ):
        rows.clear()
        loop.train(*data, changed, checkpoint=checkpoint, stamp=stamp, progress=rows.append)
        assert len(rows) == 2
    other = io.BytesIO()
    np.savez(other, weights=np.zeros(3))
    for content in (b"PK\x03\x04 cut short", b"", other.getvalue()):
        checkpoint.write_bytes(content)
        with pytest.raises(InputError, match=r"checkpoint\.npz: cannot be read: .* \(delete it\)"):
            loop.train(*data, settings(), checkpoint=checkpoint)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays.pop("history_silent"), "has no array 'history_silent'"),
        (lambda arrays: arrays.pop("state_mean_input_hidden"), "has no array 'state_mean_"),
        (lambda arrays: arrays.update(kept_more=np.zeros(3)), "has an unknown array 'kept_more'"),
        (lambda arrays: arrays.update(weights_input_hidden=np.zeros(3)), "'weights_input_hidden'"),
        (lambda arrays: arrays.update(history_silent=np.array(["a"])), "'history_silent' is no"),
    ],
)
def test_a_checkpoint_with_other_arrays_is_named(tmp_path, data, change, said):
    checkpoint = tmp_path / "checkpoint.npz"
    loop.train(*data, settings(epochs=1), checkpoint=checkpoint)
    arrays = dict(np.load(checkpoint))
    change(arrays)
    np.savez(checkpoint, **arrays)
    with pytest.raises(InputError, match=rf"checkpoint\.npz: {said}.* \(delete it\)"):
        loop.train(*data, settings(epochs=1), checkpoint=checkpoint)


# --- the scripts, killed at random ----------------------------------------------------------


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Binned files of a toy data set and its split."""
    folder = tmp_path_factory.mktemp("study")
    parts = {"train": spoken(n=480), "test": spoken(n=48, seed=1)}
    speakers = parts["test"].speakers
    parts["test"] = replace(parts["test"], speakers=np.where(speakers < 2, speakers + 12, speakers))
    for name, spikes in parts.items():
        spikes.save(folder / f"{name}.h5")
    rows = [examples(name, s.labels, s.speakers, s.classes) for name, s in parts.items()]
    write_csv(folder / "main.csv", split(pd.concat(rows), "main", validation_speakers=2, seed=1))
    return folder


NETWORK = {"dataset": "made_up", "fold": "main", "loss": "sum_exp", "hidden": 12}
NETWORK |= {"topology": "recurrent", "seed": 1}


def command(study, out, threads=1, **changes):
    values = {**PLAIN, "epochs": 24, "finetune": 0.25, **changes}
    return [
        sys.executable,
        ROOT / "scripts/training/train.py",
        *(study / "train.h5", study / "test.h5"),
        *("--split", study / "main.csv", "--settings", json.dumps(values)),
        *("--network", json.dumps(NETWORK), "--weights", out / "weights.h5"),
        *("--history", out / "history.csv"),
        *("--threads", str(threads)),
    ]


@pytest.fixture(scope="module")
def whole(study):
    """Folder of what scripts/training/train.py writes when nobody interrupts it."""
    subprocess.run(command(study, study / "whole"), check=True, capture_output=True)
    return study / "whole"


def epochs(folder):
    """Return the epochs that were timed in a folder: of the first training, of the second."""
    ticks = json.loads((folder / "timing.json").read_text())
    return [
        [t["epoch"] for t in ticks if t["training"] == f"sum_exp 16 seed 1{which}"]
        for which in ("", " fine-tuning")
    ]


def test_the_script_keeps_a_fine_tuned_network_and_the_history_of_the_training_that_chose(
    study, whole
):
    spikes, rows = SpikeTrains.open(study / "train.h5"), pd.read_csv(study / "main.csv")
    train, validation = (
        spikes.take(rows.example[rows.side == side]) for side in ("train", "validation")
    )
    chosen = settings(epochs=24, finetune=0.25)
    result = loop.train(train, validation, chosen)
    tuned = loop.finetune(spikes.take(np.arange(480)), result.weights, chosen)
    history = axes.mark(result.history, NETWORK)
    assert (whole / "history.csv").read_text() == history.to_csv(index=False)
    for kept, expected in zip(load(whole / "weights.h5")[1].values(), tuned.values(), strict=True):
        np.testing.assert_array_equal(kept, expected)
    assert epochs(whole) == [list(range(1, 25)), list(range(1, 7))]


@pytest.mark.parametrize("phase", ["checkpoint.npz", "finetune.npz"])
def test_a_killed_script_goes_on_where_it_was(study, whole, tmp_path, phase):
    run = subprocess.Popen(command(study, tmp_path), stderr=subprocess.DEVNULL)
    while not (tmp_path / phase).exists():
        assert run.poll() is None
        time.sleep(0.001)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (tmp_path / "weights.h5").exists() and not (tmp_path / "history.csv").exists()
    subprocess.run(command(study, tmp_path, threads=2), check=True, capture_output=True)
    for name in ("weights.h5", "history.csv"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name
    choosing, tuning = epochs(tmp_path)
    if phase == "finetune.npz":
        assert choosing == [] and 0 < len(tuning) < 6
    else:
        assert 0 < len(choosing) < 24 and tuning == epochs(whole)[1]
    visible = {file.name for file in tmp_path.iterdir() if file.name[0] != "."}
    assert visible == {"weights.h5", "history.csv", "timing.json"}


def test_quantised_training_of_a_fine_tuned_network_is_on_both_sides(study, whole, tmp_path):
    on = {"bits": 4, "epochs": 2, "learning_rate": 5e-3, "scale": "error"}
    own, chosen = axes.of_weights(whole / "weights.h5")
    assert own == NETWORK and chosen["finetune"]
    train = [
        *(sys.executable, ROOT / "scripts/training/train_quantised.py", whole / "weights.h5"),
        *("--parts", study / "train.h5", study / "test.h5", "--split", study / "main.csv"),
        *("--quantised-training", json.dumps(on)),
        *("--out", tmp_path / "weights.h5", "--history", tmp_path / "history.csv"),
    ]
    subprocess.run(train, check=True, capture_output=True)
    both = SpikeTrains.open(study / "train.h5").take(np.arange(480))
    expected = quantised.train(
        *load(whole / "weights.h5"), both, both.take([]), Settings.parse(chosen), **on
    )
    assert expected.history.validation_accuracy.isna().all()
    marked = axes.mark(expected.history, NETWORK)
    assert (tmp_path / "history.csv").read_text() == marked.to_csv(index=False)
    assert about(tmp_path / "weights.h5")["quantised_training"] == on
    for name, kept in load(tmp_path / "weights.h5")[1].items():
        array = expected.weights[name]
        np.testing.assert_array_equal(kept, array)


def test_evaluation_counts_the_test_side(study, tmp_path):
    subprocess.run(command(study, tmp_path), check=True, capture_output=True)
    evaluate = [
        *(sys.executable, ROOT / "scripts/training/evaluate.py", tmp_path / "weights.h5"),
        *("--test", study / "test.h5", "--split", study / "main.csv"),
        *("--evaluation", tmp_path / "evaluation.json"),
        *("--predictions", tmp_path / "predictions.csv"),
    ]
    subprocess.run(evaluate, check=True, capture_output=True)
    table = pd.read_csv(tmp_path / "predictions.csv")
    test = SpikeTrains.open(study / "test.h5")
    assert list(table.columns) == [
        *NETWORK,
        *("part", "example", "label", "prediction", "speaker"),
    ]
    assert table.label.tolist() == test.labels.tolist()
    assert table.speaker.tolist() == test.speakers.tolist() and set(table.part) == {"test"}
    network, weights = load(tmp_path / "weights.h5")
    engine = native.Backend(network, weights, settings().make_loss(test))
    outcome = engine.evaluate(test.take(range(len(test))))
    assert table.prediction.tolist() == outcome.readouts.argmax(axis=1).tolist()
    record = json.loads((tmp_path / "evaluation.json").read_text())
    assert record["network"] == NETWORK and record["selection"] == "validation"
    hits = table.label == table.prediction
    assert (record["n"], record["correct"]) == (48, hits.sum())
    assert record["low"] < record["accuracy"] <= record["high"]
    assert record["accuracy"] == hits.mean()
    assert record["loss"] == pytest.approx(outcome.losses.mean())
    assert record["hidden_spikes"] == pytest.approx(outcome.hidden_spikes.mean())
    assert [row["class"] for row in record["classes"]] == list("abcd")
    for group, column in (("classes", "label"), ("speakers", "speaker")):
        for row in record[group]:
            mine = hits[table[column] == row[column]]
            assert (row["n"], row["correct"]) == (len(mine), mine.sum())
    new = table.speaker >= 12
    assert record["unseen"]["n"] == new.sum() == 8
    assert record["unseen"]["correct"] == hits[new].sum()
    assert {row["speaker"] for row in record["speakers"] if row["unseen"]} == {12, 13}


KILLER = """
import os, random, runpy, signal, sys, time
import numpy as np
test, checkpoint = runpy.run_path(sys.argv[1]), sys.argv[2]
data, settings = (test["spoken"](n=240), test["spoken"](seed=1)), test["settings"](epochs=40)
train, bytes_of = test["loop"].train, test["bytes_of"]
begin = time.monotonic()
whole = bytes_of(train(*data, settings))
duration = time.monotonic() - begin
random.seed(0)
reached = []
for _ in range(25):
    process = os.fork()
    if not process:
        train(*data, settings, checkpoint=checkpoint)
        os._exit(0)
    time.sleep(random.uniform(0, 0.12) * duration)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    if os.path.exists(checkpoint):
        with np.load(checkpoint) as file:
            reached.append(len(file["history_epoch"]))
same = bytes_of(train(*data, settings, checkpoint=checkpoint)) == whole
print(len(set(reached) - {40}), same)
"""


def test_killing_at_random_moments_leaves_the_same_bytes(tmp_path):
    """Twenty-five times kill -9, on forks of one process because starting Python takes longest."""
    checkpoint = tmp_path / "checkpoint.npz"
    run = subprocess.run(
        [sys.executable, "-c", KILLER, __file__, checkpoint],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
    )
    assert run.returncode == 0, run.stderr
    resumed_at, same = run.stdout.split()
    assert int(resumed_at) >= 5 and same == "True"
