"""The NIR export: its graph, its metadata, and the dynamics that other simulators make of it."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest

from spikespeech import eventprop
from spikespeech import nir as export
from spikespeech.errors import InputError
from spikespeech.network import LI, LIF, Connection, Network, Parameters
from spikespeech.spikes import SpikeTrains

RECORDER = Path(__file__).parents[1] / "scripts/peers/nir_record.py"
NETWORK = Network.layered(30, 24, 5)
TWO = Network.layered(30, [24, 16], 5)
DELAYED = Network.layered(30, 24, 5, longest_delay=40)
BOTH = Network.layered(30, [24, 16], 5, longest_delay=40)
EVERY = replace(
    TWO,
    connections=tuple(
        Connection(c.source, c.target, 9, learned_delays=not c.recurrent) for c in TWO.connections
    ),
)
IDS = ["one", "two", "delays", "both"]


def case(network=NETWORK, n_steps=120):
    """Return weights, input spikes (n_steps, n_inputs), those of each layer, output voltages."""
    rng = np.random.default_rng(0)
    weights = Parameters.random(
        network, rng, input_hidden=(0.3, 0.2), hidden_hidden=(0, 0.2), hidden_output=(0, 0.3)
    )
    for c in network.connections:
        if c.longest_delay:
            n, longest = len(weights[c.name]), c.longest_delay
            whole = not c.learned_delays
            delays = rng.integers(0, longest + 1, n) if whole else rng.uniform(0, longest, n)
            weights |= {c.delay: delays}
    dense = rng.random((n_steps, network.n_inputs)) < 0.08
    simulated = eventprop.simulate(network, weights, trains(network, dense))
    spikes = np.zeros((n_steps, network.n_hidden), bool)
    spikes[simulated.hidden_spikes.example(0)] = True
    sizes = [population.n for population in network.hidden]
    hidden = np.split(spikes, np.cumsum(sizes)[:-1], axis=1)
    assert min(layer.sum() for layer in hidden) > 30
    return weights, dense, hidden, simulated.output_v[0]


def trains(network, dense):
    steps, units = np.nonzero(dense)
    return SpikeTrains.from_arrays(
        [steps + 0.5],
        [units],
        [0],
        n_units=network.n_inputs,
        n_steps=len(dense),
        classes=list("abcde"),
    )


def run(graph, dense):
    """Step the graph by Euler's method, as NIR's simulators do: no delay between layers.

    Returns the spikes of each layer and the membrane of the last.
    """
    dt = graph.metadata["dt"]

    def neurons(node):
        state = {"i": 0.0, "v": 0.0}

        def step(x):
            state["i"] = state["i"] + dt / node.tau_syn * (-state["i"] + node.w_in * x)
            change = node.v_leak - state["v"] + node.r * state["i"]
            state["v"] = state["v"] + dt / node.tau_mem * change
            spikes = state["v"] >= node.v_threshold
            state["v"] = np.where(spikes, node.v_reset, state["v"])
            return spikes, state["v"]

        return step

    def layer(node):
        if not isinstance(node, nir.NIRGraph):
            return neurons(node)
        lif, weight = neurons(node.nodes["lif"]), node.nodes["w_rec"].weight
        wait = late(node.nodes["delay"]) if "delay" in node.nodes else lambda x: x
        last = [wait(np.zeros(len(weight)))]

        def step(x):
            spikes, v = lif(x + weight @ last[0])
            last[0] = wait(spikes.astype(float))
            return spikes, v

        return step

    def late(node):
        steps, waiting = np.rint(node.delay / dt).astype(int), []

        def step(x):
            waiting.append(x)
            ages = np.arange(len(waiting))[::-1, None]
            return (np.array(waiting) * (ages == steps)).sum(axis=0)

        return step

    def made(node):
        if isinstance(node, nir.Linear):
            return lambda x: node.weight @ x
        return late(node) if isinstance(node, nir.Delay) else layer(node)

    following, order = dict(graph.edges), ["input"]
    while order[-1] != "output":
        order.append(following[order[-1]])
    steps = {name: made(graph.nodes[name]) for name in order[1:-1]}
    spikes, voltages = [], []
    for x in dense:
        fired = []
        for step in steps.values():
            x = step(x)
            if isinstance(x, tuple):
                (x, v) = x
                fired.append(x)
        spikes.append(np.concatenate(fired[:-1]))
        voltages.append(v)
    return np.array(spikes), np.array(voltages)


def assert_same(graph, spikes, voltages, hidden, output_v):
    """Compare with the engine's, whose layers are later by what the metadata say."""
    shifts = {k[6:]: int(v) for k, v in graph.metadata.items() if k.startswith("shift_")}
    sizes = [layer.shape[1] for layer in hidden]
    found = np.split(spikes, np.cumsum(sizes)[:-1], axis=1)
    names = [name for name in shifts if name != "output"]
    for name, own, expected in zip(names, found, hidden, strict=True):
        np.testing.assert_array_equal(own[: -shifts[name]], expected[shifts[name] :], name)
    shift = shifts["output"]
    np.testing.assert_allclose(voltages[:-shift], output_v[shift:], atol=2e-4)


NETWORKS = {
    "recurrent": NETWORK,
    "feed-forward": Network.layered(30, 24, 5, recurrent=False),
    "many time constants": Network.layered(30, 24, 5, neuron=LIF(np.linspace(10, 40, 24), 4, 0.9)),
    "two layers": TWO,
    "delays": DELAYED,
    "two layers, delays": BOTH,
    "delays everywhere": EVERY,
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("dt", [None, export.SNNTORCH_DT])
def test_the_file_has_the_networks_dynamics(network, dt, tmp_path):
    weights, dense, hidden, output_v = case(network)
    export.export(network, weights, tmp_path / "a.nir", dt=dt)
    graph = nir.read(tmp_path / "a.nir")
    assert graph.metadata["dt"] == (dt or 1e-3)
    assert_same(graph, *run(graph, dense), hidden, output_v)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_what_was_exported_loads(network, tmp_path):
    weights, dense, hidden, output_v = case(network)
    export.export(network, weights, tmp_path / "a.nir")
    loaded, parameters = export.load(tmp_path / "a.nir")
    assert [(p.name, p.n) for p in loaded.populations] == [
        (p.name, p.n) for p in network.populations
    ]
    assert loaded.connections == network.connections
    for own, other in zip(loaded.populations[1:], network.populations[1:], strict=True):
        assert type(own.neuron) is type(other.neuron)
        for name, value in vars(other.neuron).items():
            np.testing.assert_array_equal(getattr(own.neuron, name), value)
    assert parameters.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(parameters[name].view(np.int32), array.view(np.int32))
    again = eventprop.simulate(loaded, parameters, trains(network, dense))
    spikes = np.zeros((len(dense), network.n_hidden), bool)
    spikes[again.hidden_spikes.example(0)] = True
    np.testing.assert_array_equal(spikes, np.hstack(hidden))
    np.testing.assert_array_equal(again.output_v[0], output_v)


def test_spiking_outputs_load_with_their_threshold(tmp_path):
    network = Network.layered(30, 24, 5, output=LIF(15, 3, 0.7))
    export.export(network, Parameters.zeros(network), tmp_path / "a.nir")
    assert export.load(tmp_path / "a.nir")[0].output.neuron == LIF(15, 3, 0.7)
    assert export.load(tmp_path / "a.nir")[0].hidden[0].neuron == LIF()
    assert isinstance(NETWORK.output.neuron, LI)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.metadata.clear(), "no time step dt"),
        (lambda g: g.nodes.update(w_in=nir.Affine(np.ones((24, 30)), np.ones(24))), "biases up"),
        (
            lambda g: g.nodes.update(
                w_in=nir.Conv1d(30, np.ones((24, 1, 7)), 1, 0, 1, 1, np.ones(24))
            ),
            "w_in is a Conv1d",
        ),
        (lambda g: g.nodes["delay"].delay.__iadd__(3e-4), "no whole number of steps"),
        (lambda g: g.nodes["readout"].v_reset.__iadd__(0.5), "readout: v_reset is not 0"),
        (lambda g: g.nodes["readout"].tau_mem.__imul__(0.01), "steps of 0.001 s cannot follow"),
        (lambda g: g.edges.append(("readout", "w_out")), "w_out has 2 sources"),
        (lambda g: g.edges.append(("readout", "readout")), "weights, by readout"),
        (
            lambda g: g.edges.remove(("w_out", "readout")),
            "not read behind|no weights",
        ),
        (
            lambda g: g.nodes["hidden"].edges.append(("lif", "lif")),
            "fed without weights",
        ),
    ],
)
def test_other_graphs_are_refused(change, message, tmp_path):
    graph = export.graph(DELAYED, case(DELAYED)[0], 1e-3)
    change(graph)
    nir.write(tmp_path / "a.nir", graph)
    with pytest.raises(InputError, match=rf"a\.nir: .*({message})"):
        export.load(tmp_path / "a.nir")


def test_connections_that_pass_over_a_layer_are_refused(tmp_path):
    skipping = (*TWO.connections[:-1], Connection("input", "output"), TWO.connections[-1])
    network = replace(TWO, connections=skipping)
    with pytest.raises(InputError, match="input_output passes over a layer"):
        export.export(network, Parameters.zeros(network), tmp_path / "a.nir")
    assert list(tmp_path.iterdir()) == []


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


def test_a_file_that_reads_back_otherwise_does_not_count(tmp_path, monkeypatch):
    weights, *_ = case()
    other = export.graph(NETWORK, Parameters.zeros(NETWORK), 1e-3)
    monkeypatch.setattr(nir, "read", lambda *_, **__: other)
    with pytest.raises(InputError, match="does not read back"):
        export.export(NETWORK, weights, tmp_path / "a.nir")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "network", [NETWORK, TWO, DELAYED, BOTH], ids=["one", "two", "delays", "both"]
)
@pytest.mark.parametrize("peer", ["norse", "snntorch", "spikingjelly"])
def test_other_simulators_agree(peer, network, tmp_path):
    python = os.environ.get("SPIKESPEECH_NIR_PYTHON")
    if not python:
        pytest.skip("SPIKESPEECH_NIR_PYTHON names no Python with envs/nir.txt")
    weights, dense, hidden, output_v = case(network)
    dt = export.SNNTORCH_DT if peer == "snntorch" else None
    graph = export.export(network, weights, tmp_path / "a.nir", dt=dt)
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
    assert_same(graph, recorded["hidden_spikes"], recorded["output_v"], hidden, output_v)
