"""Networks, their parameters and their files."""

import h5py
import numpy as np
import pytest

from spikespeech.errors import InputError
from spikespeech.network import (
    LI,
    LIF,
    Connection,
    Learned,
    Network,
    Parameters,
    Population,
    about,
    load,
    save,
)

DRAW = {"input_hidden": (0.3, 0.1), "hidden_hidden": (0, 0.2), "hidden_output": (0, 0.5)}


def drawn(network, seed=1):
    return Parameters.random(network, np.random.default_rng(seed), **DRAW)


def test_layers_and_their_names():
    one = Network.layered(7, 5, 3)
    assert [p.name for p in one.populations] == ["input", "hidden", "output"]
    assert list(one.shapes().items()) == [
        ("input_hidden", (7, 5)),
        ("hidden_hidden", (5, 5)),
        ("hidden_output", (5, 3)),
    ]
    two = Network.layered(7, [5, 4], 3, longest_delay=9)
    assert list(two.shapes().items()) == [
        ("input_hidden1", (7, 5)),
        ("hidden1_hidden1", (5, 5)),
        ("hidden1_hidden2", (5, 4)),
        ("hidden2_hidden2", (4, 4)),
        ("hidden2_output", (4, 3)),
        ("input_hidden1.delay", (7,)),
    ]
    assert (two.n_inputs, two.n_hidden, two.n_outputs) == (7, 9, 3)
    assert two.recurrent and not Network.layered(7, [5, 4], 3, recurrent=False).recurrent
    assert Network.layered(7, 5, 3, output=LIF()).spiking_output and not one.spiking_output


def chain(*populations, connections=(("a", "b"), ("b", "c"))):
    return Network(populations, tuple(Connection(*ends) for ends in connections))


def delayed(longest, shape="source", learned=False):
    """Return a network whose delays have a shape of 3 sources and 20 targets."""
    plain = Network.layered(3, 20, 2)
    first = Connection("input", "hidden", longest, shape, learned)
    return Network(plain.populations, (first, *plain.connections[1:]))


@pytest.mark.parametrize(
    ("shape", "shown"), [("source", (3,)), ("block", (3, 2)), ("synapse", (3, 20))]
)
@pytest.mark.parametrize("learned", [False, True])
def test_delays_have_their_shape(shape, shown, learned, tmp_path):
    network = delayed(9, shape, learned)
    assert network.shapes()["input_hidden.delay"] == shown
    axonal = shape == "source" and not learned
    assert network.input_delays == (network.connections[0] if axonal else None)
    weights = drawn(network) | {"input_hidden.delay": np.full(shown, 1.5 if learned else 2)}
    save(tmp_path / "weights.h5", network, weights)
    found, arrays = load(tmp_path / "weights.h5")
    assert found == network
    np.testing.assert_array_equal(arrays["input_hidden.delay"], weights["input_hidden.delay"])


def test_all_that_is_learned_is_counted():
    weights = 3 * 20 + 20 * 20 + 20 * 2
    assert Network.layered(3, 20, 2).n_learned == delayed(9).n_learned == weights
    assert delayed(9, "block", True).n_learned == weights + 3 * 2
    hidden = Population("hidden", 20, LIF(), (Learned("tau_mem", 3.0, 90.0),))
    one = Population("hidden", 20, LIF(), (Learned("threshold", 0.3, 3.0, "layer"),))
    for population, more in ((hidden, 20), (one, 1)):
        layers = [population if p.name == "hidden" else p for p in delayed(9).populations]
        assert Network(tuple(layers), delayed(9).connections).n_learned == weights + more


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((-1,), "input_hidden with delays up to -1"),
        ((65536,), "input_hidden with delays up to 65536"),
        ((5, "row"), "input_hidden with a delay each 'row'"),
        ((0, "source", True), "input_hidden learns delays up to 0"),
    ],
)
def test_delays_of_a_connection_are_checked(given, said):
    with pytest.raises(InputError, match=said):
        delayed(*given)


@pytest.mark.parametrize("synapses", [0, -1, 61])
def test_numbers_of_synapses_are_checked(synapses):
    plain = Network.layered(3, 20, 2)
    with pytest.raises(InputError, match=f"input_hidden has {synapses} synapses .connect 1 to 60"):
        first = Connection("input", "hidden", synapses=synapses)
        Network(plain.populations, (first, *plain.connections[1:]))


A, B, C = Population("a", 2), Population("b", 3, LIF()), Population("c", 4, LI())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: chain(A), "1 populations"),
        (lambda: chain(A, B, Population("b", 4, LI())), "one name"),
        (lambda: chain(A, Population("B_", 4, LIF()), C), "called 'B_'"),
        (lambda: chain(A, Population("b", 0, LIF()), C), "b has 0 neurons"),
        (lambda: Network.layered(2, 65_537, 4), r"hidden has 65,537 neurons \(give at most 65,536"),
        (lambda: chain(A, Population("b", 3, LI()), C), "b, has the neuron model LI"),
        (lambda: chain(Population("a", 3, LIF()), B, C), "a, has the neuron model LIF"),
        (lambda: chain(A, B, Population("c", 3)), "c, has the neuron model none"),
        (lambda: chain(A, B, C, connections=[("a", "d")]), "no populations for .* a_d"),
        (lambda: chain(A, B, C, connections=[("c", "b")]), "the connection c_b"),
        (lambda: chain(A, B, C, connections=[("a", "b", -1)]), "delays up to -1"),
        (lambda: chain(A, B, C, connections=[("b", "c"), ("a", "b")]), "not in order"),
        (lambda: chain(A, B, C, connections=[("a", "b"), ("a", "b")]), "not in order"),
        (lambda: Network.layered(2, 3, 4, dt_ms=0), "time step of 0.0 ms"),
        (lambda: Network.layered(2, 3, 4, neuron=LIF(np.ones(2))), r"tau_mem has shape \(2,\)"),
        (lambda: LIF(-1.0), "tau_mem is -1.0"),
        (lambda: LIF(threshold=0), "threshold is 0"),
        (lambda: LI(20, np.array([5, np.nan])), "tau_syn is "),
    ],
)
def test_what_is_no_network_is_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_random_weights_without_recurrence_are_those_with_it():
    with_it, without = (drawn(Network.layered(20, [30, 10], 5, recurrent=r)) for r in (True, False))
    assert set(without) == {"input_hidden1", "hidden1_hidden2", "hidden2_output"}
    for name, array in without.items():
        np.testing.assert_array_equal(array, with_it[name])


def test_a_network_larger_than_memory_is_refused_before_it_is_drawn():
    network = Network.layered(700, [2**16] * 400, 20)
    with pytest.raises(InputError, match=r"of 3,431,\d+,\d+,\d+ weights would take 76,\d+\.\d GiB"):
        drawn(network)


def test_sums_into_a_later_layer_deviate_by_two_thresholds():
    weights = drawn(Network.layered(10, [400, 900], 5, neuron=LIF(threshold=1.5)))
    sums = weights["hidden1_hidden2"].sum(axis=0)
    assert sums.mean() == pytest.approx(0, abs=0.3)
    assert sums.std() == pytest.approx(3, rel=0.1)
    assert weights["input_hidden1"].mean() == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"input_hidden": np.zeros((2, 3))}, r"input_hidden has shape \(2, 3\), the network"),
        ({"hidden_output": np.full((5, 3), np.inf)}, "15 of 15 hidden_output weights are not"),
        ({"hidden_elsewhere": np.zeros(3)}, "the network has no hidden_elsewhere"),
        ({"input_hidden.delay": np.full(7, 1.5)}, r"input_hidden.delay holds 1.5"),
        ({"input_hidden.delay": np.full(7, 10)}, r"input_hidden.delay holds 10"),
        ({"input_hidden.delay": np.full(7, -1)}, r"input_hidden.delay holds -1"),
    ],
)
def test_parameters_are_checked(changes, said):
    network = Network.layered(7, 5, 3, longest_delay=9)
    weights = drawn(network)
    assert list(Parameters.checked(network, weights)) == list(network.shapes())
    with pytest.raises(InputError, match=said):
        Parameters.checked(network, weights | changes)
    with pytest.raises(InputError, match="hidden_hidden is missing"):
        Parameters.checked(network, {k: v for k, v in weights.items() if k != "hidden_hidden"})


@pytest.mark.parametrize(
    "network",
    [
        Network.layered(7, 5, 3, recurrent=False, dt_ms=0.5, output=LIF(10, 4, 0.5)),
        Network.layered(7, [5, 4], 3, neuron=LIF(15.0, 6.0, 1.5), longest_delay=9),
    ],
)
def test_a_file_holds_all(tmp_path, network):
    weights = drawn(network) | {
        c.delay: np.arange(7) for c in network.connections[:1] if c.longest_delay
    }
    said = {"loss": {"name": "sum"}, "hidden": [5, 4], "seed": 3}
    save(tmp_path / "weights.h5", network, weights, about=said)
    found, arrays = load(tmp_path / "weights.h5")
    assert found == network and about(tmp_path / "weights.h5") == said
    assert list(arrays) == list(weights)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, weights[name])


def test_a_file_holds_constants_of_each_neuron(tmp_path):
    """However many there are: an HDF5 attribute would end at 64 KiB, some 3,000 numbers."""
    taus = np.random.default_rng(0).uniform(5, 30, 6000)
    network = Network.layered(7, 6000, 3, recurrent=False, neuron=LIF(taus))
    save(tmp_path / "weights.h5", network, drawn(network))
    found, _ = load(tmp_path / "weights.h5")
    np.testing.assert_array_equal(found.hidden[0].neuron.tau_mem, taus)
    assert about(tmp_path / "weights.h5") == {}


def test_a_file_that_has_the_network_as_an_attribute_loads(tmp_path):
    """As earlier versions wrote it."""
    network = Network.layered(7, 5, 3)
    weights = drawn(network)
    save(tmp_path / "weights.h5", network, weights)
    with h5py.File(tmp_path / "weights.h5", "r+") as file:
        text = file["network"][()]
        del file["network"]
        file.attrs["network"] = text
    found, arrays = load(tmp_path / "weights.h5")
    assert found == network
    np.testing.assert_array_equal(arrays["input_hidden"], weights["input_hidden"])


@pytest.mark.parametrize("recurrent", [True, False])
def test_files_of_earlier_versions_load(tmp_path, recurrent):
    """They have the constants as attributes, and zeros for recurrent weights that are not there."""
    network = Network.layered(7, 5, 3, recurrent=recurrent, neuron=LIF(30.0, 6.0, 0.5), dt_ms=2)
    weights = drawn(network)
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        for name, array in (
            {"hidden_hidden": np.zeros((5, 5), np.float32)} | dict(weights)
        ).items():
            file[name] = array
        file.attrs.update(
            n_inputs=7, n_hidden=5, n_outputs=3, recurrent=recurrent, spiking_output=False,
            tau_mem=30.0, tau_syn=6.0, tau_mem_output=20.0, tau_syn_output=5.0, threshold=0.5,
            dt_ms=2.0,
        )  # fmt: skip
    found, arrays = load(tmp_path / "weights.h5")
    assert found == network and list(arrays) == list(weights)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, weights[name])
    assert about(tmp_path / "weights.h5") == {}
