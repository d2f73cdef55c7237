"""Delays of connections in integers: as the engine has them, up to the 62 steps of the chip."""

import os

import h5py
import numpy as np
import pytest
from scripts.peers import lava_check

from spikespeech import eventprop, fixed_point, netx
from spikespeech.deployment import causes
from spikespeech.errors import InputError
from spikespeech.importing import netx_network
from spikespeech.loihi import netx_file
from spikespeech.loihi.quantise import LONG_DELAYS
from spikespeech.network import Connection, Network, Parameters
from spikespeech.network.model import SHAPES
from spikespeech.network.parameters import delay_steps
from spikespeech.spikes import SpikeTrains

N_STEPS = 90
EVERYWHERE = {
    "input_hidden1": (9, "synapse", True),
    "hidden1_hidden1": (7, "block", True),
    "hidden1_hidden2": (8, "source", True),
    "hidden2_output": (5, "synapse", False),
}


def network_of(delays, hidden=(24, 17), recurrent=True):
    plain = Network.layered(20, hidden, 5, recurrent=recurrent)
    late = (Connection(c.source, c.target, *delays.get(c.name, ())) for c in plain.connections)
    return Network(plain.populations, tuple(late))


def draw(network, seed=3):
    rng = np.random.default_rng(seed)
    weights = Parameters.random(
        network, rng, input_hidden=(0.4, 0.3), hidden_hidden=(0, 0.15), hidden_output=(0, 0.3)
    )
    shapes = network.shapes()
    for c in network.connections:
        if c.name == "hidden1_hidden2":
            weights |= {c.name: 3 * weights[c.name]}
        if c.longest_delay:
            delays = rng.uniform(0, c.longest_delay, shapes[c.delay])
            weights |= {c.delay: delays if c.learned_delays else np.rint(delays)}
    return weights


def spikes(n=3):
    rng = np.random.default_rng(1)
    trains = [np.nonzero(rng.random((N_STEPS, 20)) < 0.15) for _ in range(n)]
    return SpikeTrains.from_binned(trains, [0] * n, [0] * n, N_STEPS, 20, 1.0, tuple("abcde"))


def assert_same(states, others):
    for name in ("u", "v", "spikes"):
        for a, b in zip(getattr(states, name), getattr(others, name), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("recurrent", [True, False])
def test_engine_and_integers_see_the_same_delays(recurrent):
    network = network_of(EVERYWHERE, recurrent=recurrent)
    weights = draw(network)
    quantised = netx.fit(network, weights, scale="error")
    exact = eventprop.simulate(network, quantised.weights, spikes())
    states = fixed_point.simulate(quantised.layers, spikes())
    early = slice(0, 28)  # before rounding errors of the states move a first spike
    v = states.v[-1] / 64 * quantised.lsb[-1]
    np.testing.assert_allclose(v[:, early], exact.output_v[:, early], atol=0.02)
    assert np.abs(exact.output_v[:, early]).max() > 0.1
    for name in (name for name in weights if name.endswith(".delay")):
        other = netx.fit(network, weights | {name: np.zeros_like(weights[name])}, scale="error")
        other = fixed_point.simulate(other.layers, spikes()).v[-1] / 64 * quantised.lsb[-1]
        assert np.abs(other[:, early] - v[:, early]).max() > 0.04, name


@pytest.mark.parametrize("shape", SHAPES)
def test_delays_of_any_shape_are_those_of_their_synapses(shape):
    """Sources' delays move their spikes: with one synapse apart that has no weight they do not."""
    network = network_of({"input_hidden": (30, shape), "hidden_hidden": (20, shape)}, hidden=40)
    weights = draw(network)
    weights |= {"input_hidden": weights["input_hidden"] * (np.arange(40) > 0)}
    layers = netx.fit(network, weights).layers
    apart = layers[0].delay.copy()
    apart[0] = 0
    other = netx_file.Layer(**vars(layers[0]) | {"delay": apart})
    assert np.array_equal(layers[0].delay[1:], np.tile(layers[0].delay[1], (39, 1))) == (
        shape == "source"
    )
    states = fixed_point.simulate(layers, spikes())
    assert states.spike_counts[0].any()
    assert_same(states, fixed_point.simulate([other, layers[1]], spikes()))


def test_files_come_back_with_their_delays(tmp_path):
    network = network_of(EVERYWHERE)
    quantised = netx.export(network, draw(network), tmp_path / "a.net")
    assert quantised.report["delays_note"].startswith("lava-dl 0.6 stops")
    layers = netx_file.read(tmp_path / "a.net")
    found, weights, lsb = netx_network.load(layers, dt_ms=1.0)
    for c in network.connections:
        if c.longest_delay:
            [own] = (d for d in found.connections if d.name == c.name)
            assert own.delay_shape == ("source" if c.delay_shape == "source" else "synapse")
            steps = delay_steps(quantised.weights[c.delay])
            assert own.longest_delay == weights[own.delay].max() == steps.max()
    netx.export(found, weights, tmp_path / "b.net", lsb=lsb)
    assert_same(
        fixed_point.simulate(tmp_path / "a.net", spikes()),
        fixed_point.simulate(tmp_path / "b.net", spikes()),
    )


def test_lava_dl_stops_at_what_it_would_misread(tmp_path):
    """Its block of recurrent neurons gives both synapses one matrix of delays."""
    recurrent, plain = (tmp_path / name for name in ("a.net", "b.net"))
    network = network_of({"hidden_hidden": (9, "synapse")}, hidden=20)
    netx.export(network, draw(network), recurrent)
    network = network_of({"input_hidden": (9, "synapse")}, hidden=20, recurrent=False)
    assert "delays_note" not in netx.export(network, draw(network), plain).report
    with h5py.File(recurrent) as file:
        assert file["layer/1/delay"].shape == (20, 40) != file["layer/1/weight"].shape
    with h5py.File(plain) as file:
        assert file["layer/1/delay"].shape == file["layer/1/weight"].shape


def test_long_delays_are_refused_clipped_or_kept_for_a_simulation(tmp_path):
    network = network_of({"input_hidden": (200, "synapse", True)}, hidden=24)
    weights = draw(network)
    with pytest.raises(InputError, match=r"input_hidden\.delay of 19.* steps, Loihi's .* have 62"):
        netx.export(network, weights, tmp_path / "a.net")
    assert list(tmp_path.iterdir()) == []
    clipped = netx.export(network, weights, tmp_path / "a.net", long_delays="clip")
    [entry] = clipped.report["delays"]
    long = delay_steps(weights["input_hidden.delay"]) > 62
    assert (entry["longest_kept"], entry["clipped_fraction"]) == (62, long.mean())
    assert entry["longest"] == delay_steps(weights["input_hidden.delay"]).max() > 190
    [layer, _] = netx_file.read(tmp_path / "a.net")
    np.testing.assert_array_equal(
        layer.delay.T, np.minimum(delay_steps(weights["input_hidden.delay"]), 62)
    )
    short = causes.with_short_delays(network, weights)
    np.testing.assert_array_equal(
        short["input_hidden.delay"], clipped.weights["input_hidden.delay"]
    )
    assert causes.with_short_delays(network, short) is None
    kept = netx.fit(network, weights, long_delays=None)
    assert kept.report["delays"][0]["clipped_fraction"] == 0
    assert kept.layers[0].delay.max() == entry["longest"]
    assert not np.array_equal(
        fixed_point.simulate(kept.layers, spikes()).v[0],
        fixed_point.simulate(clipped.layers, spikes()).v[0],
    )
    with pytest.raises(InputError, match="does not read back"):
        netx.export(network, weights, tmp_path / "b.net", long_delays=None)
    with pytest.raises(InputError, match=", ".join(LONG_DELAYS)):
        netx.fit(network, weights, long_delays="shorten")


def test_real_lava_agrees(tmp_path):
    python = os.environ.get("SPIKESPEECH_LAVA_PYTHON")
    if not python:
        pytest.skip("SPIKESPEECH_LAVA_PYTHON names no Python with Lava (.ci/lava.sh makes one)")
    network = network_of(EVERYWHERE)
    netx.export(network, draw(network), tmp_path / "a.net")
    counts = lava_check.dense(spikes(1), 0)
    recorded = lava_check.run_lava(python, tmp_path / "a.net", counts)
    states = fixed_point.simulate(tmp_path / "a.net", counts)
    assert states.spike_counts[1].any()
    assert lava_check.differences(recorded, states) == []
