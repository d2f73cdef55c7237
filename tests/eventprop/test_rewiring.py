"""Rewiring: which synapses go, which come, and that nothing is left of those that went."""

from dataclasses import replace

import numpy as np
import pytest
from test_eventprop import (
    assert_same_bytes,
    assert_training_is_one,
    loss_of,
    spikes_of,
    weights_of,
)
from test_sparse import PLACES, everywhere, thinned, two_layers

from spikespeech.backends import bptt, eprop, native
from spikespeech.engine import listed, rewiring
from spikespeech.engine.rewiring import Rewiring
from spikespeech.network import Network, sparse


def signed(network, weights, seed=3):
    """Return the Rewiring of all connections that lack synapses, every fifth of another sign."""
    rng, signs = np.random.default_rng(seed), {}
    for name in sparse.masks(network, weights):
        own = np.where(weights[name] < 0, -1, 1)
        signs[name] = np.float32(np.where(rng.random(own.shape) < 0.2, -own, own))
    return Rewiring(signs, seed)


def assert_rewired(network, before, backend, plain, rewired, rate):
    """What crossed its sign in a step is gone, and as many others begin; all else is as without.

    before, plain : weights before the step, and after it without rewiring
    """
    weights, state, n = backend.weights, backend.state(), 0
    for c in network.connections:
        if c.name not in rewired.signs:
            np.testing.assert_array_equal(weights[c.name], plain[c.name])
            continue
        old, new = before[c.mask] != 0, weights[c.mask] != 0
        signs = rewired.signs[c.name]
        moved = plain[c.name] - np.float32(rewiring.L1 * rate) * (signs * before[c.mask])
        crossed = old & (moved * signs < 0)
        n += crossed.sum()
        assert 0 < crossed.sum() < old.sum() and new.sum() == c.synapses
        assert not (old & ~new & ~crossed).any(), "others went"
        assert not (c.recurrent and (np.diag(new) & ~np.diag(old)).any())
        kept = old & ~crossed
        np.testing.assert_array_equal(weights[c.name], np.where(kept, moved, np.float32(0)))
        for moment in ("mean", "square"):
            assert not state[f"{moment}_{c.name}"][~kept].any()
            assert state[f"{moment}_{c.name}"][kept].any()
    return n


@pytest.mark.parametrize("kind", [native, eprop, bptt])
@pytest.mark.parametrize("share", [0, 2], ids=["rows", "lists"])
def test_what_crosses_its_sign_is_replaced(kind, share, monkeypatch):
    monkeypatch.setattr(listed, "SHARE", share)
    plain = Network.layered(30, 40, 5)
    network, first = thinned(plain, weights_of(plain), everywhere(plain, 0.3))
    rewired, loss, rate = signed(network, first), loss_of("sum_exp"), 1e-2
    learning = kind.Backend(network, first, loss, rewiring=rewired)
    for seed in range(3):
        before, spikes = learning.weights, spikes_of(network, 9, seed)
        other = kind.Backend(network, before, loss)
        other.restore(learning.state())
        other.train([spikes], [rate])
        outcome = learning.train([spikes], [rate])
        n = assert_rewired(network, before, learning, other.weights, rewired, rate)
        assert outcome.rewired == n
    # Nothing remembers former synapses.
    fresh = kind.Backend(network, learning.weights, loss)
    assert set(fresh.engine.patterns) == set(learning.engine.patterns)
    for backend in (learning, fresh):
        backend.differentiate(spikes)
    assert_same_bytes(learning.engine.gradient, fresh.engine.gradient)
    learning.rewiring, before = None, learning.weights
    assert learning.train([spikes], [rate]).rewired == 0
    for name, mask in sparse.masks(network, before).items():
        np.testing.assert_array_equal(sparse.masks(network, learning.weights)[name], mask)


def test_pairs_keep_their_delays():
    """Those of synapses that went no longer learn; their moments are gone."""
    plain = Network.layered(30, 40, 5)
    late = tuple(
        replace(c, longest_delay=9, delay_shape="synapse", learned_delays=True)
        for c in plain.connections
    )
    network, first = thinned(plain, weights_of(plain), {"hidden_hidden": 0.3})
    synapses = {c.name: c.synapses for c in network.connections}
    network = replace(
        network, connections=tuple(replace(c, synapses=synapses[c.name]) for c in late)
    )
    rng = np.random.default_rng(0)
    first |= {c.delay: rng.uniform(0, 9, first[c.name].shape) for c in late}
    rewired = signed(network, first)
    learning = native.Backend(network, first, loss_of("sum_exp"), rewiring=rewired)
    name = "hidden_hidden"
    learning.train([spikes_of(network, 9)], [1e-2])
    gone = (first[f"{name}.mask"] != 0) & (learning.weights[f"{name}.mask"] == 0)
    held, state = learning.weights[f"{name}.delay"], learning.state()
    assert (held != first[f"{name}.delay"])[gone].any()
    for moment in ("mean", "square"):
        assert not state[f"{moment}_{name}.delay"][gone].any()
        assert state[f"{moment}_{name}.delay"].any()
    learning.rewiring = None
    learning.train([spikes_of(network, 9, 1)], [1e-2])
    np.testing.assert_array_equal(learning.weights[f"{name}.delay"][gone], held[gone])


@pytest.mark.parametrize("share", [0, 2], ids=["rows", "lists"])
def test_training_gives_the_same_bytes_for_any_threads_and_after_resuming(share, monkeypatch):
    monkeypatch.setattr(listed, "SHARE", share)
    network, weights = thinned(*two_layers(), PLACES["all"])
    rewired = signed(network, weights)

    def backend(weights, threads):
        loss = loss_of("sum_exp")
        return native.Backend(network, weights, loss, threads=threads, rewiring=rewired)

    batches = [spikes_of(network, 11, seed) for seed in range(4)]
    assert_training_is_one(backend, weights, batches)


def test_others_are_drawn_from_pairs_without_a_synapse():
    mask, removed = np.eye(6, dtype=bool), np.zeros((6, 6), bool)
    mask[0], removed[0, 1:3] = True, True
    drawn = [rewiring.replaced(mask, removed, True, (1, 0, step)) for step in range(300)]
    assert all(d.sum() == mask.sum() and (d | removed)[mask].all() for d in drawn)
    # All of them alike: 300 draws of two pairs of 27.
    times = sum(np.where(mask & ~removed, 0, d) for d in drawn)
    free = ~mask | removed
    assert not times[~free].any() and free.sum() == 27
    assert times[free].min() > 8 and times[free].max() < 45
    np.testing.assert_array_equal(drawn[7], rewiring.replaced(mask, removed, True, (1, 0, 7)))
    off = ~np.eye(6, dtype=bool)
    removed = off & np.roll(np.eye(6, dtype=bool), 1, axis=1)
    np.testing.assert_array_equal(rewiring.replaced(off, removed, True, (1,)), off)
    assert np.diag(rewiring.replaced(off, removed, False, (1,))).any()
