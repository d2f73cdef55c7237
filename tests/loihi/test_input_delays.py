"""Input delays on the host and on the chip: the engine, the integers and the report agree."""

import os

import h5py
import numpy as np
import pytest
from scripts.peers import lava_check

from spikespeech import eventprop, fixed_point, netx
from spikespeech.errors import InputError
from spikespeech.fixed_point import GradedSpikes
from spikespeech.loihi import netx_file
from spikespeech.network import Connection, Network, Parameters
from spikespeech.spikes import SpikeTrains

N_STEPS = 90


def network_of(hidden=(24, 16), recurrent=True, longest_delay=200):
    return Network.layered(20, hidden, 5, recurrent=recurrent, longest_delay=longest_delay)


def draw(network, high, seed=3):
    weights = Parameters.random(
        network,
        np.random.default_rng(seed),
        input_hidden=(0.7, 0.4),
        hidden_hidden=(0, 0.15),
        hidden_output=(0, 0.3),
    )
    delays = np.random.default_rng(7).integers(0, high + 1, network.n_inputs)
    return weights | {network.connections[0].delay: delays}


def spikes(n=5):
    rng = np.random.default_rng(1)
    trains = [np.nonzero(rng.random((N_STEPS, 20)) < 0.15) for _ in range(n)]
    return SpikeTrains.from_binned(trains, [0] * n, [0] * n, N_STEPS, 20, 1.0, tuple("abcde"))


def dense(trains):
    return np.stack([lava_check.dense(trains, i) for i in range(len(trains))])


def later(counts, delays):
    """Return counts (n, n_inputs, n_steps), each input's later by its delay."""
    sent = np.zeros_like(counts)
    for unit, delay in enumerate(np.asarray(delays, int)):
        sent[:, unit, delay:] = counts[:, unit, : max(N_STEPS - delay, 0)]
    return sent


def test_the_host_sends_each_spike_later_and_counts_those_that_come_too_late():
    counts = dense(spikes()) * np.random.default_rng(0).integers(1, 4, (5, 20, N_STEPS))
    delays = np.arange(20) * 5
    sent, late = GradedSpikes.from_dense(counts).delayed(delays)
    expected = GradedSpikes.from_dense(later(counts, delays))
    for name in ("offsets", "steps", "units", "counts"):
        np.testing.assert_array_equal(getattr(sent, name), getattr(expected, name))
    np.testing.assert_array_equal(
        late, (counts > 0).sum(axis=(1, 2)) - (later(counts, delays) > 0).sum(axis=(1, 2))
    )
    assert late.min() > 0


def test_delays_without_bound_are_the_hosts(tmp_path):
    network = network_of()
    weights = draw(network, high=150)
    delays = weights[network.connections[0].delay]
    quantised = netx.export(network, weights, tmp_path / "a.net", calibration=spikes())
    report = quantised.report["input_delays"]
    late = dense(spikes()).sum() - later(dense(spikes()), delays).sum()
    assert (report["by"], report["longest"]) == ("host", delays.max())
    assert (report["late_spikes"], report["spikes"]) == (late, dense(spikes()).sum())
    assert "limit of 62 steps does not bear on it" in report["note"]
    with h5py.File(tmp_path / "a.net") as file:
        np.testing.assert_array_equal(file["layer/0/hostDelay"], delays)
        assert "delay" not in file["layer/1"]
    # SpikeTrains are delayed here; what the network is sent must have been.
    occurring = fixed_point.simulate(tmp_path / "a.net", spikes())
    sent = fixed_point.simulate(tmp_path / "a.net", later(dense(spikes()), delays))
    for ours, expected in zip(occurring.v, sent.v, strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("hidden", [24, (24, 16)])
def test_engine_and_integers_see_the_same_delayed_spikes(hidden):
    network = network_of(hidden)
    weights = draw(network, high=12)
    quantised = netx.fit(network, weights, scale="error")
    exact = eventprop.simulate(network, quantised.weights, spikes())
    states = fixed_point.simulate(quantised.layers, spikes())
    early = slice(0, 25)  # before rounding errors of the states move a first spike
    v = states.v[-1] / 64 * quantised.lsb[-1]
    np.testing.assert_allclose(v[:, early], exact.output_v[:, early], atol=0.02)
    assert np.abs(exact.output_v[:, early]).max() > 0.05
    without = netx.fit(network, weights | {network.connections[0].delay: np.zeros(20)})
    assert not np.array_equal(
        fixed_point.simulate(without.layers, spikes()).spikes[0], states.spikes[0]
    )


@pytest.mark.parametrize("recurrent", [True, False])
def test_the_chip_delays_as_the_host_does(recurrent, tmp_path):
    network = network_of(recurrent=recurrent)
    weights = draw(network, high=62)
    on_chip = netx.export(network, weights, tmp_path / "a.net", delays="chip")
    on_host = netx.export(network, weights, tmp_path / "b.net")
    assert on_chip.report["input_delays"]["by"] == "chip"
    assert on_chip.layers[0].host_delay is None and on_host.layers[0].delay is None
    chip = fixed_point.simulate(tmp_path / "a.net", spikes())
    host = fixed_point.simulate(tmp_path / "b.net", spikes())
    for name in ("u", "v", "spikes"):
        for a, b in zip(getattr(chip, name), getattr(host, name), strict=True):
            np.testing.assert_array_equal(a, b)
    assert chip.spike_counts[1].any()


@pytest.mark.parametrize("recurrent", [True, False])
def test_the_chip_is_not_given_what_it_cannot_delay(recurrent, tmp_path):
    network = network_of(recurrent=recurrent)
    with pytest.raises(InputError, match="Loihi's synapses have 62"):
        netx.export(network, draw(network, 150), tmp_path / "a.net", delays="chip")
    assert list(tmp_path.iterdir()) == []


def test_delays_between_layers_are_the_chips(tmp_path):
    network = network_of(recurrent=False, longest_delay=0)
    late = [
        Connection(c.source, c.target, 30 * (c.name == "hidden1_hidden2"))
        for c in network.connections
    ]
    network = Network(network.populations, tuple(late))
    delays = np.random.default_rng(2).integers(0, 31, 24)
    weights = Parameters.zeros(network) | {
        "input_hidden1": np.full((20, 24), 0.4),
        "hidden1_hidden2": np.full((24, 16), 0.4),
        "hidden2_output": np.full((16, 5), 0.1),
        "hidden1_hidden2.delay": delays,
    }
    netx.export(network, weights, tmp_path / "a.net")
    _, second, _ = netx_file.read(tmp_path / "a.net")
    np.testing.assert_array_equal(second.delay, np.tile(delays, (16, 1)))


def test_files_of_wrong_host_delays_are_refused(tmp_path):
    network = network_of()
    for wrong in (np.zeros(3, int), -np.ones(20, int)):
        netx.export(network, draw(network, 10), tmp_path / "a.net")
        with h5py.File(tmp_path / "a.net", "r+") as file:
            del file["layer/0/hostDelay"]
            file["layer/0/hostDelay"] = wrong
        with pytest.raises(InputError, match=r"layer/0/hostDelay"):
            netx_file.read(tmp_path / "a.net")


@pytest.mark.parametrize("by", ["host", "chip"])
def test_real_lava_agrees(by, tmp_path):
    python = os.environ.get("SPIKESPEECH_LAVA_PYTHON")
    if not python:
        pytest.skip("SPIKESPEECH_LAVA_PYTHON names no Python with Lava (.ci/lava.sh makes one)")
    network = network_of(recurrent=by == "host")
    weights = draw(network, high=150 if by == "host" else 62)
    netx.export(network, weights, tmp_path / "a.net", delays=by)
    delays = weights[network.connections[0].delay] if by == "host" else np.zeros(20)
    [sent] = later(dense(spikes(1)), delays)
    recorded = lava_check.run_lava(python, tmp_path / "a.net", sent)
    states = fixed_point.simulate(tmp_path / "a.net", spikes(1))
    assert states.spike_counts[1].any()
    for i in range(3):
        np.testing.assert_array_equal(recorded[f"v_{i}"], states.v[i][0])
        np.testing.assert_array_equal(recorded[f"s_{i}"], states.spikes[i][0])
