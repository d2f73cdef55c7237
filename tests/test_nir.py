"""The NIR export: its graph, its metadata, and the dynamics that other simulators make of it."""

import os
import subprocess
from pathlib import Path

import nir
import numpy as np
import pytest

from spikespeech import eventprop
from spikespeech import nir as export
from spikespeech.errors import InputError
from spikespeech.network import LIF, Network, Parameters
from spikespeech.spikes import SpikeTrains

RECORDER = Path(__file__).parents[1] / "scripts/peers/nir_record.py"
NETWORK = Network.layered(30, 24, 5)


def case(network=NETWORK, n_steps=120):
    rng = np.random.default_rng(0)
    weights = Parameters.random(
        network, rng, input_hidden=(0.15, 0.2), hidden_hidden=(0, 0.2), hidden_output=(0, 0.3)
    )
    dense = rng.random((n_steps, network.n_inputs)) < 0.08
    steps, units = np.nonzero(dense)
    spikes = SpikeTrains.from_arrays(
        [steps + 0.5],
        [units],
        [0],
        n_units=network.n_inputs,
        n_steps=n_steps,
        classes=list("abcde"),
    )
    simulated = eventprop.simulate(network, weights, spikes)
    hidden = np.zeros((n_steps, network.n_hidden), bool)
    hidden[simulated.hidden_spikes.example(0)] = True
    assert hidden.sum() > 50
    return weights, dense, hidden, simulated.output_v[0]


def run(graph, dense):
    """Step the graph by Euler's method, as NIR's simulators do: no delay between layers."""

    def neurons(node):
        dt = graph.metadata["dt"]
        state = {"i": 0.0, "v": 0.0}

        def step(x):
            state["i"] = state["i"] + dt / node.tau_syn * (-state["i"] + node.w_in * x)
            change = node.v_leak - state["v"] + node.r * state["i"]
            state["v"] = state["v"] + dt / node.tau_mem * change
            spikes = state["v"] >= node.v_threshold
            membrane = np.where(spikes, node.v_reset, state["v"])
            state["v"] = membrane
            return spikes, membrane

        return step

    hidden = graph.nodes["hidden"]
    recurrent = isinstance(hidden, nir.NIRGraph)
    lif = neurons(hidden.nodes["lif"] if recurrent else hidden)
    readout = neurons(graph.nodes["readout"])
    weight_rec = hidden.nodes["w_rec"].weight if recurrent else np.zeros((24, 24))
    spikes, trains, voltages = np.zeros(24), [], []
    for x in dense:
        spikes, _ = lif(graph.nodes["w_in"].weight @ x + weight_rec @ spikes)
        trains.append(spikes)
        voltages.append(readout(graph.nodes["w_out"].weight @ spikes)[1])
    return np.array(trains), np.array(voltages)


def assert_same(trains, voltages, hidden, output_v):
    shift = export.SHIFT_HIDDEN
    np.testing.assert_array_equal(trains[:-shift], hidden[shift:])
    shift = export.SHIFT_OUTPUT
    np.testing.assert_allclose(voltages[:-shift], output_v[shift:], atol=2e-4)


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("dt", [None, export.SNNTORCH_DT])
def test_the_file_has_the_networks_dynamics(recurrent, dt, tmp_path):
    network = Network.layered(30, 24, 5, recurrent=recurrent)
    weights, dense, hidden, output_v = case(network)
    export.export(network, weights, tmp_path / "a.nir", dt=dt)
    graph = nir.read(tmp_path / "a.nir")
    assert graph.metadata["dt"] == (dt or 1e-3)
    assert_same(*run(graph, dense), hidden, output_v)


def test_the_graph_is_valid_nir(tmp_path):
    weights, *_ = case()
    export.export(NETWORK, weights, tmp_path / "a.nir")
    graph = nir.read(tmp_path / "a.nir")
    assert graph.check_types() is not False
    lif = graph.nodes["hidden"].nodes["lif"]
    shapes = {key: value.shape for key, value in vars(lif).items() if isinstance(value, np.ndarray)}
    assert set(shapes.values()) == {(24,)}
    # spikingjelly takes no other convention
    np.testing.assert_allclose(lif.r, lif.tau_mem / graph.metadata["dt"], rtol=1e-6)
    np.testing.assert_allclose(lif.w_in, lif.tau_syn / graph.metadata["dt"], rtol=1e-6)


def test_neurons_of_many_time_constants(tmp_path):
    network = Network.layered(30, 24, 5, neuron=LIF(np.linspace(10, 40, 24)))
    weights, dense, hidden, output_v = case(network)
    graph = export.export(network, weights, tmp_path / "a.nir")
    assert_same(*run(graph, dense), hidden, output_v)


def test_a_file_that_reads_back_otherwise_does_not_count(tmp_path, monkeypatch):
    weights, *_ = case()
    other = export.graph(NETWORK, Parameters.zeros(NETWORK), 1e-3)
    monkeypatch.setattr(nir, "read", lambda _: other)
    with pytest.raises(InputError, match="does not read back"):
        export.export(NETWORK, weights, tmp_path / "a.nir")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("peer", ["norse", "snntorch", "spikingjelly"])
def test_other_simulators_agree(peer, tmp_path):
    python = os.environ.get("SPIKESPEECH_NIR_PYTHON")
    if not python:
        pytest.skip("SPIKESPEECH_NIR_PYTHON names no Python with envs/nir.txt")
    weights, dense, hidden, output_v = case()
    dt = export.SNNTORCH_DT if peer == "snntorch" else None
    export.export(NETWORK, weights, tmp_path / "a.nir", dt=dt)
    np.savez(tmp_path / "in.npz", spikes=dense)
    subprocess.run(
        [
            *(python, RECORDER, "--peer", peer, "--nir", tmp_path / "a.nir"),
            *("--input", tmp_path / "in.npz", "--out", tmp_path / "out.npz"),
        ],
        check=True,
        timeout=300,
    )
    recorded = np.load(tmp_path / "out.npz")
    assert_same(recorded["hidden_spikes"], recorded["output_v"], hidden, output_v)
