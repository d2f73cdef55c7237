"""Constants of neurons by the settings: checked, drawn, learned, reported, resumed, searched."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import yaml
from test_training import PLAIN, assert_resumes, settings, spoken

from spikespeech.errors import InputError
from spikespeech.methods import task
from spikespeech.network import LI, LIF, AdaptiveLIF, Learned
from spikespeech.network.neurons import EACH
from spikespeech.search import space
from spikespeech.training import constants, loop
from spikespeech.training.settings import Settings

DIFFERENT = {"distribution": "log_normal", "deviation": 0.3}
LEARNED = {"learned": True, "low": 0.5, "high": 200}
ALL = {
    "hidden": {
        "tau_mem": DIFFERENT | LEARNED,
        "tau_syn": {"distribution": "gamma", "deviation": 0.2, "low": 4, "high": 6},
        "threshold": LEARNED | {"each": "layer"},
    },
    "output": {"tau_mem": LEARNED},
    "learning_rate": 0.05,
}


def test_what_is_not_asked_for_is_left_out():
    for nothing in ({}, {"hidden": None, "learning_rate": 1}, {"output": {"tau_mem": None}}):
        assert constants.parse(nothing, "constants") == {}
    spelt = {"hidden": {"tau_mem": constants.DEFAULTS, "tau_syn": constants.DEFAULTS | DIFFERENT}}
    assert constants.parse(spelt, "constants") == {"hidden": {"tau_syn": DIFFERENT}}
    assert constants.parse(ALL, "constants") == ALL


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hiden": {}}, "constants: unknown key 'hiden'; did you mean 'hidden'"),
        ({"hidden": {"tau": {}}}, "constants.hidden: unknown key 'tau'"),
        ({"hidden": {"tau_mem": {"spread": 1}}}, "hidden.tau_mem: unknown key 'spread'"),
        ({"hidden": {"tau_mem": {"distribution": "gama", "deviation": 1}}}, "'gama'; did you"),
        ({"hidden": {"tau_mem": {"distribution": "gamma"}}}, "give both distribution and dev"),
        ({"hidden": {"tau_mem": {"deviation": 0.1}}}, "give both distribution and deviation"),
        ({"hidden": {"tau_mem": DIFFERENT | {"deviation": -1}}}, "deviation: -1 is not at least"),
        ({"hidden": {"tau_mem": DIFFERENT | {"low": 0}}}, "low: 0 is not more than 0"),
        ({"hidden": {"tau_mem": LEARNED | {"learned": 1.5}}}, "learned: 1.5 is neither"),
        ({"hidden": {"tau_mem": LEARNED | {"each": "block"}}}, "each: 'block'"),
        ({"hidden": {"tau_mem": DIFFERENT | LEARNED | {"each": "layer"}}}, "that begin alike"),
        ({"hidden": {"tau_mem": {"learned": True, "low": 3}}}, "say within which bounds"),
        ({"hidden": {"tau_mem": LEARNED | {"low": 300}}}, "say within which bounds"),
        ({"hidden": {"tau_mem": {"low": 3}}}, "give a distribution, or learned: true"),
        ({"hidden": {"tau_mem": LEARNED}}, "learning_rate: None is not more than 0"),
    ],
)
def test_constants_are_checked(given, said):
    with pytest.raises(InputError, match=said):
        constants.parse(given, "constants")


def test_the_seed_draws_them():
    """About the settings' own, a layer for itself, in bounds; other seeds have others."""
    spikes = spoken()
    first, again, other = (
        settings(constants=ALL, hidden=[2000, 1500], seed=seed).make_network(spikes)
        for seed in (1, 1, 2)
    )
    for layer, same, another in zip(first.hidden, again.hidden, other.hidden, strict=True):
        for name, mean, deviation in (("tau_mem", 20, 0.3), ("tau_syn", 5, 0.12)):
            drawn = getattr(layer.neuron, name)
            assert drawn.mean() == pytest.approx(mean, rel=0.03)
            assert drawn.std() / mean == pytest.approx(deviation, rel=0.2)
            np.testing.assert_array_equal(drawn, getattr(same.neuron, name))
            assert (drawn != getattr(another.neuron, name)).mean() > 0.5
        assert layer.neuron.tau_syn.min() == 4 and layer.neuron.tau_syn.max() == 6
        assert layer.learned == (
            Learned("tau_mem", 0.5, 200), Learned("threshold", 0.5, 200, "layer"),
        )  # fmt: skip
    layers = [layer.neuron.tau_mem[:1500] for layer in first.hidden]
    assert abs(np.corrcoef(layers)[0, 1]) < 0.1
    assert first.output.learned == (Learned("tau_mem", 0.5, 200),)
    assert first.output.neuron == LI(20.0, 5.0)


@pytest.mark.parametrize("name", constants.DISTRIBUTIONS)
def test_distributions_have_a_mean_of_1_and_the_deviation(name):
    draw = constants.DISTRIBUTIONS[name]
    for deviation in (0.1, 0.5, 1.0):
        drawn = draw(np.random.default_rng(0), deviation, 200_000)
        assert drawn.mean() == pytest.approx(1, rel=0.01)
        assert drawn.std() == pytest.approx(deviation, rel=0.05)


def test_without_a_deviation_and_learning_it_is_the_plain_network():
    spikes = spoken()
    given = {"hidden": {"tau_mem": DIFFERENT | {"deviation": 0}}}
    network = settings(constants=given).make_network(spikes)
    assert network == settings().make_network(spikes)
    assert network.hidden[0].neuron == LIF(20.0, 5.0, 1.0)


def test_outputs_without_a_threshold_and_first_values_out_of_bounds_are_refused():
    spikes = spoken()
    with pytest.raises(InputError, match=r"constants.output.threshold: output has none"):
        given = {"output": {"threshold": LEARNED}, "learning_rate": 1}
        settings(constants=given).make_network(spikes)
    with pytest.raises(InputError, match=r"hidden.tau_mem, from 20 to 20, is to be learned"):
        given = {"hidden": {"tau_mem": LEARNED | {"low": 30}}, "learning_rate": 1}
        settings(constants=given).make_network(spikes)


def test_adaptive_neurons_are_varied_learned_reported_resumed_and_searched(tmp_path):
    """In layers and with delays: the form of the kernels that tests of gradients compile."""
    base = PLAIN | {"neuron": PLAIN["neuron"] | {"model": "AdaptiveLIF"}}
    given = {"hidden": {"tau_adapt": DIFFERENT, "strength": LEARNED | {"low": 0.01}}}
    base |= {"constants": given | {"learning_rate": 0.05}, "hidden": [20, 16], "epochs": 3}
    late = {"kind": "random", "high": 10, "shape": "synapse", "learned": True}
    base["delays"] = {"input": late, "learning_rate": 0.5}
    base["selection"] = "training"
    keys = {
        "neuron.model": {"type": "categorical", "values": ["LIF", "AdaptiveLIF"]},
        "neuron.strength": {"type": "real", "low": 0.02, "high": 0.2},
        "neuron.tau_adapt": {"type": "real", "low": 50, "high": 500},
        "constants.hidden.strength.low": {"type": "real", "low": 0.001, "high": 0.01},
    }
    space.check(space.parse(keys), base)
    spikes, chosen = spoken(), Settings.parse(space.apply(base, {"neuron.strength": 0.15}))
    neuron = chosen.make_network(spikes).hidden[0].neuron
    assert len(set(neuron.tau_adapt)) > 15 and neuron.strength == 0.15
    whole = loop.train(spikes, spikes.take([]), chosen)
    assert [c for c in whole.history.columns if "strength" in c] == [
        f"hidden{layer}.strength_{what}" for layer in (1, 2) for what in ("mean", "low", "high")
    ]
    assert np.abs(whole.weights["hidden1.strength"] - 0.15).max() > 0.005
    assert_resumes(spikes, chosen, whole, tmp_path)
    for name in ("tau_adapt", "strength"):
        for place, network in (("output", base), ("hidden", PLAIN)):
            other = network | {"constants": {place: {name: DIFFERENT}}}
            with pytest.raises(InputError, match=f"{place}.{name}: .* none .only hidden neurons"):
                Settings.parse(other).make_network(spikes)


def test_learned_constants_are_reported_and_resumed_to_the_same_bytes(tmp_path):
    spikes = spoken()
    chosen = settings(constants=ALL, hidden=20, epochs=3, selection="training")
    whole = loop.train(spikes, spikes.take([]), chosen)
    learned = ["hidden.tau_mem", "hidden.threshold", "output.tau_mem"]
    assert [c for c in whole.history.columns if "." in c] == [
        f"{name}_{what}" for name in learned for what in ("mean", "low", "high")
    ]
    assert whole.history["hidden.threshold_mean"].nunique() == 3
    neurons = whole.network.hidden[0].neuron, whole.network.output.neuron
    for name, first in zip(
        learned, (neurons[0].tau_mem, neurons[0].threshold, neurons[1].tau_mem), strict=True
    ):
        assert np.abs(whole.weights[name] - first).max() > 0.01

    assert_resumes(spikes, chosen, whole, tmp_path)


def test_each_is_a_setting_that_can_be_searched():
    base = PLAIN | {"constants": {"hidden": {"tau_mem": DIFFERENT | LEARNED}, "learning_rate": 0.1}}
    keys = ["constants.hidden.tau_mem.deviation", "constants.learning_rate"]
    dimensions = space.parse({key: {"type": "real", "low": 0.1, "high": 0.9} for key in keys})
    space.check(dimensions, base)
    changed = Settings.parse(space.apply(base, dict.fromkeys(keys, 0.7))).constants
    assert changed["hidden"]["tau_mem"] == DIFFERENT | LEARNED | {"deviation": 0.7}
    assert changed["learning_rate"] == 0.7


def test_methods_whose_neurons_are_alike_refuse_them():
    with pytest.raises(InputError, match="all neurons of a layer have the same constants"):
        task.refuse_own({"constants": ALL})
    for nothing in ({}, {"constants": {}}, {"constants": {"hidden": None, "output": None}}):
        task.refuse_own(nothing)


def test_methods_whose_neurons_do_not_adapt_refuse_them():
    assert task.lif(PLAIN) == {"tau_mem": 20.0, "tau_syn": 5.0, "threshold": 1.0}
    with pytest.raises(InputError, match="of this method neurons are LIF, not AdaptiveLIF"):
        task.lif({"neuron": PLAIN["neuron"] | {"model": "AdaptiveLIF"}})


def test_the_schema_knows_every_choice():
    path = Path(constants.__file__).parents[2] / "schemas" / "config.schema.yaml"
    schema = yaml.safe_load(path.read_text())["$defs"]
    own = schema["constant"]["properties"]
    assert set(own) == set(constants.DEFAULTS)
    assert own["distribution"]["enum"] == list(constants.DISTRIBUTIONS)
    assert own["each"]["enum"] == list(EACH)
    known = [field.name for field in fields(AdaptiveLIF)]
    assert list(schema["constants"]["properties"]) == known
    section = schema["training"]["properties"]["constants"]["properties"]
    assert list(section) == [*constants.PLACES, "learning_rate"]
