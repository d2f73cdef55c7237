"""Networks that others trained: read exactly, or refused by name."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nir as graphs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikespeech import eventprop, network, netx, nir
from spikespeech.errors import InputError
from spikespeech.importing import formats, mlgenn_checkpoint, netx_network, source
from spikespeech.loihi import netx_file
from spikespeech.loihi.quantise import WORD_LENGTHS
from spikespeech.network import LI, LIF, Connection, Network, Parameters
from spikespeech.network.neurons import decays, gain
from spikespeech.spikes import SpikeTrains

SCRIPT = Path(__file__).parents[2] / "scripts/training/import_network.py"
GRAPHS = Path(__file__).parents[1] / "fixtures/nir"
NEURON = {"tau_mem": 20.0, "tau_syn": 5.0, "threshold": 1.0}


@st.composite
def networks(draw, *, delays=False):
    """Small networks of one or two layers, with weights of any sign and size.

    `delays` : of the sources of any connection, learned ones too; else of the inputs alone
    """
    tau = st.floats(1.5, 200)
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=2))
    neuron = LIF(draw(tau), draw(tau), draw(st.floats(0.1, 10)))
    net = Network.layered(
        draw(st.integers(1, 6)),
        sizes,
        draw(st.integers(1, 4)),
        recurrent=draw(st.booleans()),
        neuron=neuron,
        output=draw(st.sampled_from([LI(draw(tau), draw(tau)), neuron])),
        dt_ms=draw(st.sampled_from([0.5, 1.0, 2.0])),
        longest_delay=draw(st.sampled_from([0, 9])),
    )
    if delays:
        late = st.sampled_from([(0, "source", False), (9, "source", False), (9, "source", True)])
        drawn = (Connection(c.source, c.target, *draw(late)) for c in net.connections)
        net = replace(net, connections=tuple(drawn))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size, shift = draw(st.sampled_from([1e-4, 1.0, 50.0])), draw(st.sampled_from([-4, 0, 0, 4]))
    made = {name: size * rng.normal(shift, 1, shape) for name, shape in net.shapes().items()}
    for c in net.connections:
        if c.longest_delay:
            own = rng.uniform(0, 9, made[c.delay].shape)
            made[c.delay] = own if c.learned_delays else np.rint(own)
    return net, Parameters(made)


# --- NIR


@given(networks(delays=True), st.sampled_from([None, nir.SNNTORCH_DT]))
@settings(deadline=None, max_examples=40)
def test_nir_graphs_come_back_in_every_bit(tmp_path_factory, made, dt):
    net, weights = made
    path = tmp_path_factory.mktemp("nir") / "a.nir"
    nir.export(net, weights, path, dt=dt)
    loaded, parameters = nir.load(path)
    assert loaded == net
    for name, array in weights.items():
        np.testing.assert_array_equal(parameters[name].view(np.int32), array.view(np.int32))


def test_values_of_each_neuron_come_back_too(tmp_path):
    rng = np.random.default_rng(3)
    neuron = LIF(rng.uniform(5, 50, 6), rng.uniform(2, 9, 6), rng.uniform(0.5, 2, 6))
    net = Network.layered(4, 6, 3, neuron=neuron)
    weights = Parameters({name: rng.normal(0, 1, shape) for name, shape in net.shapes().items()})
    nir.export(net, weights, tmp_path / "a.nir")
    loaded, parameters = nir.load(tmp_path / "a.nir")
    for name, value in vars(neuron).items():
        np.testing.assert_array_equal(getattr(loaded.hidden[0].neuron, name), value)
    for name, array in weights.items():
        np.testing.assert_array_equal(parameters[name], array)


def test_what_another_program_changed_in_our_file_counts(tmp_path):
    net, weights = Network.layered(4, 3, 2), Parameters.zeros(Network.layered(4, 3, 2))
    nir.export(net, weights, tmp_path / "a.nir")
    graph = graphs.read(tmp_path / "a.nir")
    lif = graph.nodes["hidden"].nodes["lif"]
    for array in (lif.tau_mem, lif.r):  # half the decay
        array *= 2
    graph.nodes["w_in"].weight += 0.25
    graphs.write(tmp_path / "b.nir", graph)
    loaded, parameters = nir.load(tmp_path / "b.nir")
    left, _ = decays(loaded.hidden[0].neuron, 1.0)
    assert 1 - left == pytest.approx((1 - np.exp(-1 / 20)) / 2, rel=1e-6)
    added = parameters["input_hidden"] * gain(loaded.hidden[0].neuron, 1.0)
    np.testing.assert_allclose(added, 0.25, rtol=1e-6)


FOREIGN = {
    "norse": 1e-6,  # its time constants are times the step
    "snntorch_leaky": 1e-4,
    "snntorch_rsynaptic": 1e-4,
    "spikingjelly_lif": 1e-4,
    "spikingjelly_cuba": 1e-4,
}


def stepped(graph, dense, dt):
    """Step snnTorch's flat graph of a recurrent layer by Euler's method, as NIR describes it."""
    into, lif, within, out, read = (graph.nodes[n] for n in ("0", "1.lif", "1.w_rec", "2", "3"))
    states, spikes, fired, voltages = {"1": (0.0, 0.0), "3": (0.0, 0.0)}, np.zeros(6), [], []

    def step(name, node, x):
        current, v = states[name]
        current = current + dt / node.tau_syn * (node.w_in * x - current)
        v = v + dt / node.tau_mem * (node.r * current - v)
        states[name] = current, np.where(v >= node.v_threshold, node.v_reset, v)
        return (v >= node.v_threshold).astype(float)

    for x in dense:
        spikes = step("1", lif, into.weight @ x + within.weight @ spikes)
        step("3", read, out.weight @ spikes)
        fired.append(spikes > 0)
        voltages.append(states["3"][1])
    return np.array(fired), np.array(voltages)


@pytest.mark.parametrize("case", FOREIGN)
def test_graphs_of_other_simulators_do_here_what_they_do_there(case):
    loaded, parameters = nir.load(GRAPHS / f"{case}.nir", dt=FOREIGN[case], dt_ms=1.0)
    assert [(p.name, p.n) for p in loaded.populations] == [
        ("input", 8),
        ("hidden", 6),
        ("output", 3),
    ]
    assert isinstance(loaded.output.neuron, LI)
    if case == "snntorch_rsynaptic":
        dense = np.random.default_rng(0).random((60, 8)) < 0.1
        fired, voltages = stepped(graphs.read(GRAPHS / f"{case}.nir"), dense, FOREIGN[case])
    else:
        recorded = np.load(GRAPHS / f"{case}.npz")
        dense, fired, voltages = (
            recorded[name] for name in ("spikes", "hidden_spikes", "output_v")
        )
    steps, units = np.nonzero(dense)
    spikes = SpikeTrains.from_arrays(
        [steps + 0.5], [units], [0], n_units=8, n_steps=len(dense), classes=list("abc")
    )
    here = eventprop.simulate(loaded, parameters, spikes)
    hidden = np.zeros(fired.shape, bool)
    hidden[here.hidden_spikes.example(0)] = True
    assert fired.sum() > 20
    np.testing.assert_array_equal(hidden[1:], fired[:-1])
    np.testing.assert_allclose(here.output_v[0][2:], voltages[:-2], rtol=1e-5, atol=1e-5)


def chain(*nodes):
    """Return a graph of these nodes one after the other, between 4 inputs and 2 outputs."""
    ends = graphs.Input({"input": np.array([4])}), graphs.Output({"output": np.array([2])})
    return graphs.NIRGraph.from_list(ends[0], *nodes, ends[1], type_check=False)


def lif(n, threshold=1.0, tau=5e-3, **changes):
    arrays = {"tau": tau, "r": 1.0, "v_leak": 0.0, "v_threshold": threshold} | changes
    return graphs.LIF(**{name: np.full(n, float(value)) for name, value in arrays.items()})


def rows(n, m):
    return graphs.Linear(np.arange(n * m).reshape(n, m) / 10.0)


def load(graph, **options):
    from spikespeech.importing import nir_graph

    return nir_graph.load(graph, **{"dt": 1e-3, "dt_ms": 1.0} | options)


def test_a_graph_that_ends_in_weights_is_read_by_integrators():
    graph = chain(rows(3, 4), lif(3), rows(2, 3))
    with pytest.raises(InputError, match=r"ends in the weights .*readout: "):
        load(graph)
    net, weights = load(graph, readout={"tau_mem": 30.0, "tau_syn": 4.0})
    assert net.output.neuron == LI(30.0, 4.0)
    np.testing.assert_allclose(weights["lif_output"], rows(2, 3).weight.T, rtol=1e-6)


def test_the_membrane_of_the_last_neurons_may_be_read():
    graph = chain(rows(3, 4), lif(3), rows(2, 3), lif(2))
    spiking, own = load(graph)
    silent, same = load(graph, readout="membrane")
    assert isinstance(spiking.output.neuron, LIF) and isinstance(silent.output.neuron, LI)
    np.testing.assert_array_equal(own["lif_output"], same["lif_output"])


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ((rows(3, 4), graphs.IF(*np.ones((3, 3))), rows(2, 3), lif(2)), "is a IF"),
        ((graphs.Flatten(None, 0), rows(3, 4), lif(3), rows(2, 3), lif(2)), "is a Flatten"),
        ((rows(3, 4), lif(3, v_leak=0.5), rows(2, 3), lif(2)), "v_leak is not 0"),
        ((rows(3, 4), lif(3, tau=1e-4), rows(2, 3), lif(2)), "which steps of 0.001 s cannot"),
        ((rows(3, 4), lif(2), rows(2, 3), lif(2)), "has 2 values for 3 neurons"),
        ((rows(3, 5), lif(3), rows(2, 3), lif(2)), r"from 4 to 3 neurons"),
        ((rows(3, 4), rows(3, 3), lif(3), rows(2, 3), lif(2)), "neither input nor neurons"),
        ((lif(4), rows(2, 4), lif(2)), "is fed without weights, by input"),
    ],
)
def test_graphs_that_our_networks_cannot_be_are_refused(nodes, said):
    with pytest.raises(InputError, match=said):
        load(chain(*nodes))


# --- NetX


@given(networks(), st.sampled_from(WORD_LENGTHS))
@settings(deadline=None, max_examples=60)
def test_netx_files_come_back_in_every_integer(tmp_path_factory, made, bits):
    folder = tmp_path_factory.mktemp("netx")
    try:
        netx.export(*made, folder / "a.net", bits=bits)
    except InputError:  # a threshold that 17 bits do not hold
        return
    layers = netx_file.read(folder / "a.net")
    net, weights, lsb = netx_network.load(
        layers, dt_ms=made[0].dt_ms, spiking=made[0].spiking_output
    )
    netx.export(net, weights, folder / "b.net", lsb=lsb)
    for own, again in zip(layers, netx_file.read(folder / "b.net"), strict=True):
        for name in netx_file.Layer.__dataclass_fields__:
            one, other = getattr(own, name), getattr(again, name)
            if name == "host_delay" and one is not None and not one.any():
                continue  # delays that are all 0 are none
            np.testing.assert_array_equal(one, other, name)


def layer(weight, **changes):
    made = netx_file.Layer(np.array(weight), None, 700, 200, 128)
    return replace(made, **changes)


LAYERS = [layer([[3, -100], [5, 90], [7, 2]]), layer([[1, -2, 3], [4, 5, 127]], threshold=1 << 16)]


def test_nine_even_bits_are_eight_of_twice_the_unit(tmp_path):
    layers = [layer([[250, -200], [2, 4], [6, 8]]), LAYERS[1]]
    net, weights, lsb = netx_network.load(layers, dt_ms=1.0)
    assert lsb == [2 / 128, netx_network.OUTPUT_LSB]
    netx.export(net, weights, tmp_path / "a.net", lsb=lsb)
    first, last = netx_file.read(tmp_path / "a.net")
    np.testing.assert_array_equal(2 * first.weight, layers[0].weight)
    assert 2 * first.threshold == layers[0].threshold
    np.testing.assert_array_equal(last.weight, layers[1].weight)


@pytest.mark.parametrize(
    ("place", "changes", "said"),
    [
        (0, {"bias": np.array([0, 5, 0])}, "layer/1 has biases up to 5"),
        (0, {"voltage_decay": 0}, "layer/1/neuron/vDecay is 0"),
        (0, {"threshold": 0}, "layer/1/neuron/vThMant is 0"),
        (1, {"weight": np.array([[1, -2, 201], [4, 5, 6]])}, "layer/2 has weights from -2 to 201"),
        (1, {"weight": np.array([[1, -2, 300], [4, 5, 6]])}, "layer/2: Lava does not use"),
        (1, {"weight_rec": np.eye(2, dtype=int)}, "output_output"),
    ],
)
def test_files_that_our_networks_cannot_be_are_refused(place, changes, said):
    layers = list(LAYERS)
    layers[place] = replace(layers[place], **changes)
    with pytest.raises(InputError, match=said):
        netx_network.load(layers, dt_ms=1.0)


def test_delays_of_sources_and_currents_without_memory_are_taken():
    first = replace(LAYERS[0], delay=np.tile([4, 0], (3, 1)), current_decay=4096)
    net, weights, _ = netx_network.load([first, LAYERS[1]], dt_ms=1.0)
    assert weights["input_hidden.delay"].tolist() == [4, 0]
    assert decays(net.hidden[0].neuron, 1.0)[1] < 1e-11


# --- mlGeNN


def checkpoint(folder, *, epochs=("3", "12"), recurrent=True, names=("Input", "Hidden", "Output")):
    """Write checkpoints as mlGeNN's Numpy serialiser names them; return the last one's weights."""
    folder.mkdir()
    shapes = Network.layered(7, 5, 3, recurrent=recurrent).shapes()
    called = dict(zip(("input", "hidden", "output"), names, strict=True))
    for epoch in epochs:
        rng = np.random.default_rng(len(epoch))
        weights = {n: rng.normal(0, 1, shape).astype(np.float32) for n, shape in shapes.items()}
        for name, array in weights.items():
            source, target = (called[end] for end in name.split("_"))
            stem = f"{epoch}-" * bool(epoch) + f"Conn_{source}_{target}-g"
            np.save(folder / f"{stem}.npy", array.ravel())
    return weights


def read(folder, **options):
    given = {"dt_ms": 1.0, "n_inputs": 7, "neuron": NEURON} | options
    return mlgenn_checkpoint.load(folder, **given)


@pytest.mark.parametrize("recurrent", [True, False])
def test_the_last_checkpoint_is_read_or_the_one_that_is_named(recurrent, tmp_path):
    expected = checkpoint(tmp_path / "a", recurrent=recurrent)
    net, weights, epoch = read(tmp_path / "a")
    assert epoch == "12"  # as text it would come before 3
    assert net == Network.layered(7, 5, 3, recurrent=recurrent)
    for name, array in expected.items():
        np.testing.assert_array_equal(weights[name], array)
    _, earlier, epoch = read(tmp_path / "a", epoch=3)
    assert epoch == "3" and not np.array_equal(earlier["input_hidden"], weights["input_hidden"])
    with pytest.raises(InputError, match=r"no checkpoint '7' \(it has 12, 3\)"):
        read(tmp_path / "a", epoch=7)


def test_learned_delays_of_a_checkpoint_are_taken(tmp_path):
    """mlGeNN names a file d where delays were learned; all 0 they are none."""
    path = tmp_path / "a"
    checkpoint(path)
    section = {"path": str(path), "neuron": NEURON}
    assert not formats.delays_synapses(section)
    delays = np.random.default_rng(1).uniform(0, 8.4, (7, 5)).astype(np.float32)
    np.save(path / "12-Conn_Input_Hidden-d.npy", delays.ravel())
    np.save(path / "12-Conn_Hidden_Hidden-d.npy", np.zeros(25, np.float32))
    net, weights, _ = read(path)
    longest = int(np.ceil(delays.max()))
    assert net.connections[0] == Connection("input", "hidden", longest, "synapse", True)
    assert not any(c.longest_delay for c in net.connections[1:])
    np.testing.assert_array_equal(weights["input_hidden.delay"], delays)
    assert formats.delays_synapses(section)


def test_files_of_chips_say_whether_nir_holds_their_delays(tmp_path):
    net = Network.layered(4, 3, 2, recurrent=False)
    late = (Connection("input", "hidden", 9, "synapse"), *net.connections[1:])
    delayed = replace(net, connections=late)
    for name, made in (("a", net), ("b", delayed)):
        weights = Parameters({n: np.ones(shape) for n, shape in made.shapes().items()})
        netx.export(made, weights, tmp_path / f"{name}.net")
        section = {"path": str(tmp_path / f"{name}.net")}
        assert formats.delays_synapses(section) == (name == "b")
    (tmp_path / "c.net").write_bytes(b"x")
    assert not formats.delays_synapses({"path": str(tmp_path / "c.net")})
    assert not formats.delays_synapses({"path": str(tmp_path / "absent")})


def test_outputs_spike_where_the_loss_reads_spikes(tmp_path):
    checkpoint(tmp_path / "a", epochs=("",))
    assert read(tmp_path / "a", spiking=True)[0].output.neuron == LIF(20, 5, 1)


def test_names_with_underscores_need_the_populations(tmp_path):
    names = ("my_input", "hidden_1", "out")
    expected = checkpoint(tmp_path / "a", names=names)
    with pytest.raises(InputError, match=r"does not tell its two populations .*populations: "):
        read(tmp_path / "a")
    _, weights, _ = read(tmp_path / "a", populations=list(names))
    np.testing.assert_array_equal(weights["hidden_output"], expected["hidden_output"])


def spoil(folder, name, array):
    np.save(folder / name, array, allow_pickle=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: spoil(f, "12-Hidden-Bias.npy", np.ones(5)), "Bias of Hidden"),
        (lambda f: spoil(f, "12-Conn_Input_Hidden-d.npy", np.ones(34)), "34 delays of 35 weights"),
        (lambda f: spoil(f, "12-Conn_Input_Output-d.npy", np.ones(21)), "21 delays of 0 weights"),
        (lambda f: spoil(f, "12-Conn_Input_Hidden-d.npy", -np.ones(35)), "holds the delay -1"),
        (lambda f: spoil(f, "12-Conn_Input_Hidden-g.npy", np.ones(36)), "36 weights from 7"),
        (lambda f: spoil(f, "12-Conn_Hidden_Hidden-g.npy", np.ones(24)), "24 rec.*sparse conn"),
        (lambda f: spoil(f, "12-Conn_Hidden_Output-g.npy", np.full(15, np.nan)), "not finite"),
        (lambda f: spoil(f, "12-Conn_Hidden_Output-g.npy", np.array([{}])), "allow_pickle=False"),
        (lambda f: spoil(f, "12-Conn_Output_Hidden-g.npy", np.ones(15)), "in a loop"),
        (lambda f: (f / "12-Conn_Input_Hidden-g.npy").unlink(), "leads? from one population"),
        (lambda f: spoil(f, "best-Conn_Input_Hidden-g.npy", np.ones(35)), "name one: epoch"),
    ],
)
def test_checkpoints_that_our_networks_cannot_be_are_refused(change, said, tmp_path):
    checkpoint(tmp_path / "a")
    change(tmp_path / "a")
    with pytest.raises(InputError, match=said):
        read(tmp_path / "a")


# --- all of them, as the configuration names them


def test_formats_are_known_by_their_paths():
    kinds = [formats.kind({"path": path}) for path in ("a/b", "a/b.nir", "x.net")]
    assert kinds == ["mlgenn", "nir", "netx"]
    assert formats.kind({"path": "graph.h5", "format": "nir"}) == "nir"
    with pytest.raises(InputError, match="'epoch' is not of the format nir"):
        formats.check({"path": "a.nir", "epoch": 3})
    with pytest.raises(InputError, match="'neuron' is missing"):
        formats.check({"path": "a"})


@pytest.fixture
def binned(tmp_path):
    """Two examples of 7 channels and 3 classes."""
    spikes = SpikeTrains.from_arrays(
        [[1.0, 2.0], [3.0]], [[0, 6], [2]], [0, 1], n_units=7, n_steps=20, classes=list("abc")
    )
    spikes.save(tmp_path / "train.h5")
    return tmp_path / "train.h5"


def test_the_script_writes_what_a_training_does(binned, tmp_path):
    expected = checkpoint(tmp_path / "ck")
    section = {"path": str(tmp_path / "ck"), "dataset": "mine", "loss": "sum", "neuron": NEURON}
    command = [
        *(sys.executable, SCRIPT, "--name", "theirs", "--data", binned),
        *("--settings", json.dumps({"network": section, "loss": {"name": "sum"}})),
        *("--weights", tmp_path / "weights.h5"),
    ]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "theirs: 7 → 5 → 3, recurrent, 75 weights" in finished.stdout
    _, weights = network.load(tmp_path / "weights.h5")
    np.testing.assert_array_equal(weights["hidden_hidden"], expected["hidden_hidden"])
    about = network.about(tmp_path / "weights.h5")
    assert {axis: about[axis] for axis in ("dataset", "hidden", "topology", "seed")} == {
        **{"dataset": "mine", "hidden": 5, "topology": "recurrent", "seed": "theirs"}
    }
    assert about["imported"]["epoch"] == "12" and len(about["imported"]["digest"]) == 64
    assert about["data"] == {"classes": ["a", "b", "c"], "steps": 20, "window": None}


@pytest.mark.parametrize(
    ("made", "loss", "said"),
    [
        (Network.layered(8, 5, 3), "sum", "has 8 inputs, the data set mine 7"),
        (Network.layered(7, 5, 4), "sum", "has 4 outputs, the data set mine 3"),
        (Network.layered(7, 5, 3), "first_spike", "do not spike, but the loss 'first_spike'"),
        (Network.layered(7, 5, 3, output=LIF()), "max", "spike, but the loss 'max' reads voltages"),
    ],
)
def test_a_network_of_other_data_is_refused(made, loss, said, binned, tmp_path):
    path = tmp_path / "a.nir"
    nir.export(made, Parameters.zeros(made), path)
    section = {"path": str(path), "dataset": "mine", "loss": loss}
    with pytest.raises(InputError, match=rf"a\.nir: .*{said}"):
        source.load(section, SpikeTrains.open(binned))
