"""Delays of connections by the settings: checked, drawn, learned, reported, resumed."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from test_training import assert_resumes, settings, spoken

from spikespeech.errors import InputError
from spikespeech.methods import task
from spikespeech.network.model import SHAPES
from spikespeech.training import delays, loop, quantised

LEARNED = {"kind": "random", "high": 40, "shape": "block", "learned": True, "longest": 60}
ALL = {
    "input": LEARNED,
    "hidden": {"kind": "random", "high": 20, "shape": "synapse"},
    "next": {"kind": "random", "high": 10},
    "output": {"kind": "random", "high": 5, "learned": True},
    "learning_rate": 0.5,
}


def test_each_place_has_its_delays_and_what_is_not_asked_for_is_left_out():
    plain = {"input": {"kind": "random", "high": 30}}
    for more in ({}, {"hidden": None, "next": {}, "learning_rate": 1}):
        assert delays.parse(plain | more, "delays") == plain
    spelt = {"shape": "source", "learned": False, "longest": None}
    assert delays.parse({"input": plain["input"] | spelt}, "delays") == plain
    assert delays.parse(ALL, "delays") == ALL
    assert delays.of_channels(plain) == plain["input"] and delays.of_channels(ALL) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "'input' is missing"),
        ({"input": None, "hiden": None}, "unknown key 'hiden'"),
        ({"input": {"shape": "block"}}, r"input: \{'shape': 'block'\} without delays"),
        ({"input": LEARNED}, "learning_rate: None is not more than 0"),
        ({"input": LEARNED, "learning_rate": 0}, "learning_rate: 0 is not more than 0"),
        ({"input": LEARNED | {"shape": "row"}}, "input.shape: 'row'"),
        ({"input": LEARNED | {"learned": 1.5}}, "input.learned: 1.5"),
        ({"input": LEARNED | {"longest": 30}}, "input.longest: 30"),
        ({"input": {"kind": "random", "high": 3, "longest": 9}}, "input.longest: 9"),
        (
            {"output": {"kind": "random", "high": 0, "learned": True}, "input": None},
            "output.longest: learned delays of at most 0",
        ),
        ({"input": {"kind": "table", "path": "a.csv", "learned": True}}, "a table is of delays"),
        ({"input": None, "output": {"kind": "table", "path": "a.csv"}}, "a table is of delays"),
    ],
)
def test_delays_are_checked(given, said):
    with pytest.raises(InputError, match=said):
        delays.parse(given, "delays")


def test_the_seed_draws_them():
    spikes = spoken()
    chosen = [settings(delays=ALL, hidden=[20, 12], seed=seed) for seed in (1, 1, 2)]
    network = chosen[0].make_network(spikes)
    kinds = {c.name: (c.longest_delay, c.delay_shape, c.learned_delays)
             for c in network.connections}  # fmt: skip
    assert kinds == {
        "input_hidden1": (60, "block", True),
        "hidden1_hidden1": (20, "synapse", False),
        "hidden1_hidden2": (10, "source", False),
        "hidden2_hidden2": (20, "synapse", False),
        "hidden2_output": (5, "source", True),
    }
    first, again, other = (s.given(network, spikes) for s in chosen)
    for name, shape in network.shapes().items():
        if name.endswith(".delay"):
            assert first[name].shape == shape
            np.testing.assert_array_equal(first[name], again[name])
            assert (first[name] != other[name]).mean() > 0.5
    assert 30 < first["input_hidden1.delay"].max() <= 40
    assert (first["input_hidden1.delay"] % 1 > 0).mean() > 0.9
    assert (first["hidden1_hidden1.delay"] % 1 == 0).all()
    assert chosen[0].draw_delays(spikes) is None


def test_learned_delays_are_reported_and_resumed_to_the_same_bytes(tmp_path):
    spikes = spoken()
    chosen = settings(delays=ALL, hidden=20, epochs=3, selection="training")
    whole = loop.train(spikes, spikes.take([]), chosen)
    learned = ["input_hidden.delay", "hidden_output.delay"]
    assert [c for c in whole.history.columns if "delay" in c] == [
        f"{name}_{what}" for name in learned for what in ("mean", "low", "high")
    ]
    assert whole.history["input_hidden.delay_mean"].nunique() == 3
    first = chosen.given(whole.network, spikes)
    for name, array in first.items():
        assert (np.abs(whole.weights[name] - array).max() > 0.1) == (name in learned)

    assert_resumes(spikes, chosen, whole, tmp_path)


def test_methods_without_such_delays_refuse_them():
    for given in ({"input": LEARNED}, {"input": None, "hidden": ALL["hidden"]}):
        with pytest.raises(InputError, match="no delays but fixed ones of the input channels"):
            task.input_delays(spoken(), {"delays": given, "seed": 1})


def test_the_schema_knows_every_shape():
    path = Path(delays.__file__).parents[2] / "schemas" / "config.schema.yaml"
    schema = yaml.safe_load(path.read_text())["$defs"]["delays"]["oneOf"][1]["properties"]
    assert schema["shape"]["enum"] == list(SHAPES)
    assert set(schema) == {"kind", "high", "path", *delays.DEFAULTS}


def test_quantised_training_moves_them_at_their_own_rate():
    spikes, chosen = spoken(), settings(delays={"input": LEARNED, "learning_rate": 0.5})
    network, backend = loop.start(spikes, chosen)
    first = backend.weights
    result = quantised.train(
        network, first, spikes, spikes.take([]), chosen, bits=8, epochs=1, learning_rate=1e-3
    )
    rate = 1e-3 * 0.5 / chosen.learning_rate
    moved = np.abs(result.weights["input_hidden.delay"] - first["input_hidden.delay"])
    assert 0.1 * rate < np.median(moved) < 10 * rate and rate > 0.01
