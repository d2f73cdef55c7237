"""Synapses by the settings: checked, drawn or read, kept through a training, searched."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from test_training import PLAIN, assert_resumes, settings, spoken

from spikespeech import netx, nir
from spikespeech.errors import InputError
from spikespeech.loihi import netx_file
from spikespeech.methods import task
from spikespeech.network import load, save, sparse
from spikespeech.search import space
from spikespeech.training import connections, loop, quantised
from spikespeech.training.settings import Settings

TENTH = {"kind": "random", "probability": 0.1}
ALL = {
    "input": {"kind": "random", "probability": 0.5},
    "hidden": TENTH,
    "next": {"kind": "random", "probability": 0.3},
    "output": {"kind": "random", "probability": 0.9},
}


def test_what_is_not_asked_for_is_left_out():
    for nothing in ({}, {"hidden": None}, {"input": {}, "output": None}):
        assert connections.parse(nothing, "connections") == {}
    assert connections.parse(ALL, "connections") == ALL
    both = {"kind": "table", "path": "a.csv", "probability": 0.1}
    kept = {"kind": "table", "path": "a.csv"}
    assert connections.parse({"hidden": both}, "connections") == {"hidden": kept}
    spelt = {"input": kept | {"rewired": True}, "hidden": TENTH | {"rewired": False}}
    assert connections.parse(spelt, "c") == {"input": spelt["input"], "hidden": TENTH}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hiden": TENTH}, "connections: unknown key 'hiden'; did you mean 'hidden'"),
        ({"hidden": {"kind": "random"}}, "connections.hidden: .* are no synapses"),
        ({"hidden": {"probability": 0.1}}, "connections.hidden: .* are no synapses"),
        ({"hidden": TENTH | {"p": 1}}, "connections.hidden: .* are no synapses"),
        ({"input": {"kind": "table"}}, "connections.input: .* are no synapses"),
        ({"hidden": TENTH | {"shape": "blok"}}, "hidden.shape: 'blok'; did you mean 'block'"),
        ({"hidden": TENTH | {"rewired": 1}}, "hidden.rewired: 1 is neither true nor false"),
        (
            {"next": TENTH | {"rewired": True, "shape": "block"}},
            "next.rewired: synapses are replaced each for itself, not a block",
        ),
        *(
            ({"input": TENTH | {"probability": p}}, f"probability: {p!r} is not above 0 and at")
            for p in (0, -0.5, 1.5, True, "much", float("nan"))
        ),
    ],
)
def test_connections_are_checked(given, said):
    with pytest.raises(InputError, match=said):
        connections.parse(given, "connections")


def test_the_seed_draws_them():
    """Each connection for itself, none from a neuron to itself; other seeds have others."""
    spikes = spoken()
    chosen = [settings(connections=ALL, hidden=[200, 150], seed=seed) for seed in (1, 1, 2)]
    network = chosen[0].make_network(spikes)
    first, again, other = (
        sparse.masks(s.make_network(spikes), s.given(s.make_network(spikes), spikes))
        for s in chosen
    )
    places = {"input_hidden1": 0.5, "hidden1_hidden2": 0.3, "hidden2_output": 0.9}
    for c in network.connections:
        mask, p = first[c.name], 0.1 if c.recurrent else places[c.name]
        assert mask.mean() == pytest.approx(p, abs=4 * (p * (1 - p) / mask.size) ** 0.5 + 0.01)
        assert c.synapses == mask.sum()
        assert not (c.recurrent and np.diag(mask).any())
        np.testing.assert_array_equal(mask, again[c.name])
        assert (mask != other[c.name]).mean() > 0.1 * (1 - p)
    square = first["hidden1_hidden1"][:150, :150] & first["hidden2_hidden2"]
    assert square.mean() < 0.02
    assert network.n_weights == sum(mask.sum() for mask in first.values())
    plain = settings(hidden=[200, 150]).make_network(spikes)
    assert network.n_weights < plain.n_weights


def test_blocks_are_of_a_source_and_16_targets():
    """The last may be short; a table has none."""
    shape = TENTH | {"shape": "block"}
    spelt = {"input": TENTH | {"shape": "synapse"}, "hidden": shape}
    assert connections.parse(spelt, "c") == {"input": TENTH, "hidden": shape}
    chosen, spikes = settings(connections={"hidden": shape}, hidden=200), spoken()
    network = chosen.make_network(spikes)
    mask = sparse.masks(network, chosen.given(network, spikes))["hidden_hidden"]
    np.fill_diagonal(mask, mask[np.arange(200), np.arange(200) // 16 * 16 + 1])
    sums = np.add.reduceat(mask, np.arange(0, 200, 16), axis=1, dtype=int)
    whole = np.array([16] * 12 + [8])
    away = np.abs(sums - np.where(sums > whole / 2, whole, 0))
    assert away.max() <= 1 and mask.mean() == pytest.approx(0.1, abs=0.03)


def test_none_drawn_is_refused():
    with pytest.raises(InputError, match="no synapse of hidden_output with the probability 1e-09"):
        settings(connections={"output": TENTH | {"probability": 1e-9}}).make_network(spoken())
    alone = settings(connections={"hidden": TENTH | {"probability": 0.9}}, hidden=1)
    with pytest.raises(InputError, match=r"no synapse of hidden_hidden .*none is connected to it"):
        alone.make_network(spoken())


def test_a_table_gives_them(tmp_path):
    path = tmp_path / "synapses.csv"
    path.write_text("source,target\n0,3\n3,0\n2,2\n")
    chosen = settings(connections={"hidden": {"kind": "table", "path": str(path)}}, hidden=4)
    spikes = spoken()
    network, backend = loop.start(spikes, chosen)
    expected = np.zeros((4, 4), bool)
    expected[[0, 3, 2], [3, 0, 2]] = True
    np.testing.assert_array_equal(backend.weights["hidden_hidden"] != 0, expected)
    assert network.connections[1].synapses == 3
    for rows, said in (
        ("0,4", "row 0: the target '4' is no neuron from 0 to 3"),
        ("0,1\n-1,2", "row 1: the source '-1' is no neuron"),
        ("0,1\n1.0,2", "row 1: the source '1.0' is no neuron"),
        ("0,1\n2,3\n0,1", "row 2: the synapse 0, 1 again"),
        ("", "no synapses"),
    ):
        path.write_text(f"source,target\n{rows}\n" if rows else "source,target\n")
        with pytest.raises(InputError, match=said) as error:
            chosen.make_network(spikes)
        assert str(path) in str(error.value)
    path.write_text("from,to\n0,1\n")
    with pytest.raises(InputError, match="source"):
        chosen.make_network(spikes)


def test_first_weights_are_those_of_all_to_all_connections():
    spikes = spoken()
    network, backend = loop.start(spikes, settings(connections=ALL))
    _, whole = loop.start(spikes, settings())
    for name, mask in sparse.masks(network, backend.weights).items():
        np.testing.assert_array_equal(
            backend.weights[name], np.where(mask, whole.weights[name], np.float32(0))
        )


def assert_kept(network, weights, first):
    for c in network.connections:
        np.testing.assert_array_equal(weights[c.mask], first[c.mask])
        assert not weights[c.name][first[c.mask] == 0].any()
        assert weights[c.name].any()


def test_a_training_keeps_them_and_is_resumed_to_the_same_bytes(tmp_path):
    """Through silent neurons that are lifted, the mean of epochs, a file, and fine-tuning."""
    spikes = spoken()
    initial = PLAIN["initial_weights"] | {"input_hidden": [0.2, 0.1]}
    chosen = settings(
        connections=ALL, hidden=20, epochs=3, selection="last", average=2, finetune=0.5,
        silent_lift=0.05, initial_weights=initial,
    )  # fmt: skip
    first = chosen.given(chosen.make_network(spikes), spikes)
    whole = loop.train(spikes, spikes.take([0, 1]), chosen)
    assert whole.history["silent"].max() > 0
    assert_kept(whole.network, whole.weights, first)
    tuned = loop.finetune(spikes, whole.weights, chosen)
    assert_kept(whole.network, tuned, first)
    assert (tuned["input_hidden"] != whole.weights["input_hidden"]).any()
    save(tmp_path / "weights.h5", whole.network, whole.weights)
    network, weights = load(tmp_path / "weights.h5")
    assert network == whole.network
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(weights[name], array)
    alone = settings(connections=ALL, hidden=20, epochs=3, selection="training")
    assert_resumes(spikes, alone, loop.train(spikes, spikes.take([]), alone), tmp_path)


REWIRED = {place: given | {"rewired": True} for place, given in ALL.items()}


@pytest.mark.parametrize("backend", ["native", "eprop", "bptt"])
def test_rewired_synapses_are_as_many_and_resumed_to_the_same_bytes(backend, tmp_path):
    spikes = spoken()
    chosen = settings(backend=backend, connections=REWIRED, selection="training", hidden=20)
    first = chosen.given(chosen.make_network(spikes), spikes)
    whole = loop.train(spikes, spikes.take([]), chosen)
    assert (whole.history.rewired > 0).all()
    for c in whole.network.connections:
        mask = whole.weights[c.mask]
        assert mask.sum() == c.synapses == first[c.mask].sum()
        assert (mask != first[c.mask]).any()
        assert not (c.recurrent and np.diag(mask).any())
        assert not whole.weights[c.name][mask == 0].any()
    save(tmp_path / "weights.h5", whole.network, whole.weights)
    _, weights = load(tmp_path / "weights.h5")
    np.testing.assert_array_equal(
        weights["hidden_hidden.mask"], whole.weights["hidden_hidden.mask"]
    )
    assert_resumes(spikes, chosen, whole, tmp_path)


def test_a_rewired_network_learns():
    spikes = spoken()
    few = {"kind": "random", "probability": 0.1, "rewired": True}
    initial = PLAIN["initial_weights"] | {"input_hidden": [0.6, 0.6]}
    chosen = settings(
        connections={"input": few, "hidden": few}, selection="training", hidden=32, epochs=30,
        learning_rate=0.02, initial_weights=initial,
    )  # fmt: skip
    history = loop.train(spikes, spikes.take([]), chosen).history
    assert history.train_accuracy.max() > 0.75
    assert history.rewired.sum() > 1000


def test_means_and_fine_tuning_are_of_the_synapses_of_one_epoch(tmp_path):
    """They are replaced until the averaged epochs begin; an interruption among these, too."""
    spikes = spoken()
    chosen = settings(connections=REWIRED, selection="last", average=4, finetune=1)
    whole = loop.train(spikes, spikes.take([0, 1]), chosen)
    assert (whole.history.rewired > 0).tolist() == [True] * 2 + [False] * 4
    sparse.check(whole.network, whole.weights)
    assert_kept(whole.network, loop.finetune(spikes, whole.weights, chosen), whole.weights)
    alone = settings(connections=REWIRED, selection="last", average=4)
    assert_resumes(spikes, alone, loop.train(spikes, spikes.take([]), alone), tmp_path)
    for few in (4, 6):
        short = settings(connections=REWIRED, selection="last", average=few, epochs=4)
        with pytest.raises(InputError, match="of all 4 epochs are averaged"):
            loop.train(spikes, spikes.take([]), short)


def test_pairs_without_synapse_have_the_sign_of_the_weight_drawn_for_them():
    spikes = spoken()
    network, backend = loop.start(spikes, settings(connections=REWIRED))
    _, whole = loop.start(spikes, settings())
    for name in sparse.masks(network, backend.weights):
        np.testing.assert_array_equal(backend.rewiring.signs[name] < 0, whole.weights[name] < 0)
    only = settings(connections={"hidden": REWIRED["hidden"], "output": TENTH})
    assert list(loop.start(spikes, only)[1].rewiring.signs) == ["hidden_hidden"]
    assert loop.start(spikes, settings(connections=ALL))[1].rewiring is None


def test_rewired_networks_are_exported(tmp_path):
    spikes = spoken()
    chosen = settings(connections=REWIRED, selection="training", epochs=2, hidden=20)
    network, weights, *_ = loop.train(spikes, spikes.take([]), chosen)
    fitted = netx.export(network, weights, tmp_path / "a.net")
    assert fitted.report["layers"][0]["synapses"]["input_hidden"] == network.connections[0].synapses
    nir.export(network, weights, tmp_path / "a.nir")
    _, arrays = nir.load(tmp_path / "a.nir")
    for name, mask in sparse.masks(network, weights).items():
        assert not fitted.weights[name][~mask].any()
        np.testing.assert_array_equal(arrays[name], weights[name])


@pytest.mark.parametrize("scale", ["percentile", "error"])
def test_integers_keep_them_and_scales_see_existing_weights_alone(scale, tmp_path):
    spikes = spoken()
    network, backend = loop.start(spikes, settings(connections={"input": TENTH, "hidden": TENTH}))
    weights = backend.weights
    fitted = netx.export(network, weights, tmp_path / "a.net", scale=scale)
    masks = sparse.masks(network, weights)
    for name, mask in masks.items():
        assert not fitted.weights[name][~mask].any()
    hidden, output = fitted.report["layers"]
    assert hidden["synapses"] == {n: int(m.sum()) for n, m in masks.items()}
    assert "synapses" not in output
    layer = netx_file.read(tmp_path / "a.net")[0]
    assert not layer.weight[~masks["input_hidden"].T].any()
    # A percentile of mostly zeros would be 0: hardly any weight may be clipped.
    for matrix in hidden["matrices"]:
        assert matrix["clipped_fraction"] < 0.05 and matrix["zeros"] < 0.5
    graph = nir.export(network, weights, tmp_path / "a.nir")
    assert not graph.nodes["w_in"].weight[~masks["input_hidden"].T].any()
    found, arrays = nir.load(tmp_path / "a.nir")
    assert found.n_weights > network.n_weights
    np.testing.assert_array_equal(arrays["input_hidden"], weights["input_hidden"])


def test_quantised_training_keeps_them():
    spikes = spoken()
    initial = PLAIN["initial_weights"] | {"hidden_hidden": [0.0, 0.3]}
    chosen = settings(connections=ALL, initial_weights=initial)
    network, backend = loop.start(spikes, chosen)
    first = backend.weights
    result = quantised.train(
        network, first, spikes, spikes.take([]), chosen, bits=8, epochs=1, learning_rate=1e-3
    )
    assert_kept(network, result.weights, first)


def test_each_is_a_setting_that_can_be_searched():
    base = PLAIN | {"connections": {"hidden": TENTH}}
    key = "connections.hidden.probability"
    dimensions = space.parse({key: {"type": "real", "low": 0.05, "high": 0.9}})
    space.check(dimensions, base)
    changed = Settings.parse(space.apply(base, {key: 0.7})).connections
    assert changed == {"hidden": TENTH | {"probability": 0.7}}


def test_methods_whose_layers_lack_none_refuse_them():
    with pytest.raises(InputError, match="all neurons of two layers are connected"):
        task.refuse_own({"connections": ALL})
    for nothing in ({}, {"connections": {}}, {"connections": {"hidden": None}}):
        task.refuse_own(nothing)


def test_the_schema_knows_every_choice():
    path = Path(connections.__file__).parents[2] / "schemas" / "config.schema.yaml"
    schema = yaml.safe_load(path.read_text())["$defs"]
    own = schema["synapses"]["oneOf"][1]["properties"]
    assert own["kind"]["enum"] == list(connections.NEEDED)
    assert own["shape"]["enum"] == list(connections.SHAPES)
    assert set(own) == {"kind", "shape", "rewired", *connections.NEEDED.values()}
    section = schema["training"]["properties"]["connections"]["properties"]
    assert list(section) == list(connections.PLACES)
