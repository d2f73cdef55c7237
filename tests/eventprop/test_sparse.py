"""Connections that lack synapses: what there is learns, what there is not stays away.

Recordings of mlGeNN's are among those of test_connection_delays.
"""

from dataclasses import replace

import numpy as np
import pytest
from test_connection_delays import chained, check, weights_of
from test_eventprop import assert_same_bytes, assert_training_is_one, loss_of, spikes_of

from spikespeech import eventprop
from spikespeech.backends import bptt, eprop, native
from spikespeech.engine import listed
from spikespeech.errors import InputError
from spikespeech.kernels.vectors import padded
from spikespeech.network import LI, LIF, Network, Parameters, sparse


@pytest.fixture
def by_lists(monkeypatch):
    """Lets kernels take by lists what is too dense for it to be worth while."""
    monkeypatch.setattr(listed, "SHARE", 2)


def thinned(network, weights, probability, seed=5):
    """Return (network, weights) of which synapses of some connections are missing.

    The others are stronger, so that the drive is as it was.

    probability : of each synapse, by name of the connection
    """
    rng, connections, masks = np.random.default_rng(seed), [], {}
    for c in network.connections:
        if c.name in probability:
            mask = rng.random(weights[c.name].shape) < probability[c.name]
            masks |= {c.mask: np.float32(mask), c.name: weights[c.name] / probability[c.name]}
            c = replace(c, synapses=int(mask.sum()))
        connections.append(c)
    network = replace(network, connections=tuple(connections))
    weights = weights | masks
    return network, weights | sparse.masked(network, weights)


def everywhere(network, probability):
    return {c.name: probability for c in network.connections}


def dense(network, weights):
    """Return (network, weights) with zeros in place of what is missing."""
    connections = tuple(replace(c, synapses=None) for c in network.connections)
    network = replace(network, connections=connections)
    return network, Parameters({name: weights[name] for name in network.shapes()})


PLACES = {
    "input": {"input_hidden1": 0.2},
    "hidden": {"hidden1_hidden1": 0.1, "hidden2_hidden2": 0.3},
    "next": {"hidden1_hidden2": 0.2},
    "output": {"hidden2_output": 0.5},
    "all": dict.fromkeys(
        ("input_hidden1", "hidden1_hidden1", "hidden1_hidden2", "hidden2_hidden2"), 0.15
    ),
}


def two_layers(**options):
    """Return (network, weights) of two layers, neither of whose sizes fills its vectors."""
    network = Network.layered(30, (20, 70), 5, **options)
    return network, weights_of(network)


@pytest.mark.parametrize("name", ["sum_exp", "max", "first_spike"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.usefixtures("by_lists")
def test_each_place_is_the_references(place, name):
    plain = two_layers(output=LIF() if name == "first_spike" else LI())
    network, weights = thinned(*plain, PLACES[place])
    check(network, weights, loss_of(name), eventprop.Regulariser(2e-6, 3e-6, 4))


@pytest.mark.parametrize("shape", ["source", "block", "synapse"])
@pytest.mark.parametrize("share", [0, 2], ids=["rows", "lists"])
def test_with_delays_it_is_the_references(share, shape, monkeypatch):
    monkeypatch.setattr(listed, "SHARE", share)
    plain = chained(shape, True)
    network, weights = thinned(plain, weights_of(plain), everywhere(plain, 0.4))
    check(network, weights, loss_of("sum_exp"))


@pytest.mark.parametrize("shape", ["block", "synapse"])
@pytest.mark.parametrize("probability", [0.03, 0.5])
def test_with_delays_lists_are_rows(probability, shape, monkeypatch):
    """Forward in every bit: what arrives at a neuron is added up in the same order."""
    plain = chained(shape, True, longest=50, hidden=(90, 70))
    network, weights = thinned(plain, weights_of(plain), everywhere(plain, probability))
    spikes, loss, rule = spikes_of(network, 9), loss_of("max"), eventprop.Regulariser(2e-6, 3e-6, 4)
    results = []
    for share in (0, 2):
        monkeypatch.setattr(listed, "SHARE", share)
        backend = native.Backend(network, weights, loss, rule, threads=2)
        assert len(backend.engine.patterns) == (4 if share else 0)
        for other in (weights | {"input_hidden1": 0 * weights["input_hidden1"]}, weights):
            backend.weights = other  # of the first, nothing is left
            backend.differentiate(spikes)
            results.append((backend.evaluate(spikes), backend.engine.gradient))
    (_, (rows, there), _, (lists, here)) = results
    np.testing.assert_array_equal(rows.hidden_spikes, lists.hidden_spikes)
    assert rows.hidden_spikes.sum() > 100
    np.testing.assert_array_equal(rows.readouts, lists.readouts)
    masks = sparse.masks(network, weights)
    for name in here:
        np.testing.assert_allclose(here[name], there[name], atol=1e-5 * np.abs(there[name]).max())
        if name in masks:
            assert not here[name][~masks[name]].any()


@pytest.mark.parametrize("probability", [0.05, 0.4, 1.0])
@pytest.mark.parametrize("share", [0, 2], ids=["rows", "lists"])
def test_it_is_the_dense_network_with_zeros(share, probability, monkeypatch):
    """All of it in every bit where no synapse is missing."""
    monkeypatch.setattr(listed, "SHARE", share)
    network, weights = two_layers()
    network, weights = thinned(network, weights, everywhere(network, probability))
    spikes, rule = spikes_of(network, 9), eventprop.Regulariser(2e-6, 3e-6, 4)
    loss = loss_of("sum_exp")
    ours, theirs = (
        eventprop.gradients(n, w, spikes, None, loss, rule)
        for n, w in ((network, weights), dense(network, weights))
    )
    np.testing.assert_array_equal(ours.hidden_spikes, theirs.hidden_spikes)
    assert ours.hidden_spikes.sum() > 100
    simulated = [
        eventprop.simulate(n, w, spikes).output_v
        for n, w in ((network, weights), dense(network, weights))
    ]
    np.testing.assert_array_equal(*simulated)
    for name, mask in sparse.masks(network, weights).items():
        a, b = ours.gradients[name], theirs.gradients[name]
        assert not a[~mask].any() and (probability == 1 or b[~mask].any())
        if probability == 1 and not share:
            np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a[mask], b[mask], atol=1e-5 * np.abs(b).max())


def assert_absent(network, weights, first):
    """What there is moved, what there is not is 0, and the pattern is the same."""
    masks = sparse.masks(network, first)
    assert masks
    for c in network.connections:
        if c.name in masks:
            np.testing.assert_array_equal(weights[c.mask], first[c.mask])
            assert not weights[c.name][~masks[c.name]].any()
            moved = weights[c.name] != first[c.name]
            assert moved[masks[c.name]].mean() > 0.5


@pytest.mark.parametrize("kind", [native, eprop, bptt])
def test_training_leaves_what_is_missing_away(kind):
    plain = Network.layered(30, 20, 5)
    network, first = thinned(plain, weights_of(plain), everywhere(plain, 0.3))
    learning = kind.Backend(network, first, loss_of("sum_exp"), eventprop.Regulariser(1e-7, 1e-7))
    for seed in range(4):
        learning.train([spikes_of(network, 9, seed)], [1e-2])
    assert_absent(network, learning.weights, first)
    state = learning.state()
    for name, mask in sparse.masks(network, first).items():
        assert not state[f"mean_{name}"][~mask].any()
        assert not state[f"square_{name}"][~mask].any()


@pytest.mark.usefixtures("by_lists")
def test_training_gives_the_same_bytes_for_any_threads_and_after_resuming():
    network, weights = two_layers()
    network, weights = thinned(network, weights, PLACES["all"])
    batches = [spikes_of(network, 11, seed) for seed in range(4)]
    kept = {name: array for name, array in weights.items() if not name.endswith(".mask")}

    def backend(weights, threads):
        rule = eventprop.Regulariser(1e-7, 1e-7, 3)
        return Learning(network, weights, loss_of("sum_exp"), rule, threads=threads)

    class Learning(native.Backend):
        """Shows the weights that learn, without the synapses that there are."""

        def __init__(self, network, shown, *arguments, **options):
            super().__init__(network, weights | shown, *arguments, **options)

        @property
        def weights(self):
            held = self.engine.weights
            return Parameters({name: held[name] for name in kept})

    assert_training_is_one(backend, Parameters(kept), batches)


def test_weights_where_nothing_is_are_refused():
    plain = Network.layered(30, 20, 5)
    network, weights = thinned(plain, weights_of(plain), {"hidden_hidden": 0.3})
    mask = weights["hidden_hidden.mask"]
    for changes, said in (
        ({"hidden_hidden": weights["hidden_hidden"] + 1}, "weights of hidden_hidden are of syn"),
        ({"hidden_hidden.mask": 2 * mask}, "hidden_hidden.mask holds 2"),
        ({"hidden_hidden.mask": 0 * mask}, "hidden_hidden.mask has 0 synapses, the network"),
    ):
        with pytest.raises(InputError, match=said):
            eventprop.gradients(network, weights | changes, spikes_of(network))


@pytest.mark.usefixtures("by_lists")
def test_other_weights_and_synapses_can_be_set():
    """An engine takes up all of a network that it is given, as after an evaluation of another."""
    network, weights = two_layers()
    network, weights = thinned(network, weights, {"hidden2_hidden2": 0.1})
    mirrored = {n: weights[n].T for n in ("hidden2_hidden2", "hidden2_hidden2.mask")}
    other, spikes, loss = weights | mirrored, spikes_of(network, 5), loss_of("sum_exp")
    learning, fresh = (native.Backend(network, w, loss) for w in (other, weights))
    learning.train([spikes], [1e-3])
    learning.weights = weights
    assert_same_bytes(learning.weights, weights)
    np.testing.assert_array_equal(learning.evaluate(spikes).losses, fresh.evaluate(spikes).losses)
    for backend in (learning, fresh):
        backend.differentiate(spikes)
    assert_same_bytes(learning.engine.gradient, fresh.engine.gradient)


def test_lists_are_taken_where_few_lines_hold_synapses():
    """Of what the outputs get, none are."""
    plain = Network.layered(30, 64, 5)
    for probability, expected in ((0.01, {"input_hidden", "hidden_hidden"}), (0.3, set())):
        network, weights = thinned(plain, weights_of(plain), everywhere(plain, probability))
        engine = native.Backend(network, weights, loss_of("sum_exp")).engine
        assert set(engine.patterns) == expected
        late = tuple(replace(c, longest_delay=9, learned_delays=True) for c in network.connections)
        network = replace(network, connections=late)
        weights |= {c.delay: np.zeros(network[c.source].n) for c in late}
        engine = native.Backend(network, weights, loss_of("sum_exp")).engine
        assert set(engine.patterns) == expected


def test_lines_of_a_pattern():
    mask = np.zeros((3, 40), bool)
    mask[[0, 0, 2, 2], [3, 15, 0, 39]] = True
    pattern = listed.Pattern(mask, padded(40))
    assert pattern.share == pytest.approx(3 / 9)
    lists = pattern.lists
    np.testing.assert_array_equal(lists.first, [0, 1, 1, 3])
    np.testing.assert_array_equal(lists.targets, [0, 0, 32])
    np.testing.assert_array_equal(lists.line_first[:5], [0, 2, 2, 3, 3])
    np.testing.assert_array_equal(lists.line_sources, [0, 2, 2])
    np.testing.assert_array_equal(pattern.cells, [0, 2 * padded(40), 2 * padded(40) + 32])
    np.testing.assert_array_equal(pattern.sums, pattern.cells)
    late = listed.Pattern(mask, padded(40), late=True)
    np.testing.assert_array_equal(late.sums, [0, 2 * 16, (2 * 3 + 2) * 16])
    np.testing.assert_array_equal(pattern.mask.reshape(3, -1)[:, :40], mask)
