"""Constants that differ from neuron to neuron or are learned: the reference, the loss's slopes.

mlGeNN's recordings with constants of each hidden neuron are among those of test_connection_delays;
here is the one with time constants of each output, whose gradients are wrong there (7g).
"""

import eventprop_reference as reference
import numpy as np
import pytest
from test_connection_delays import FOUND, Recording, check
from test_eventprop import assert_same_bytes, loss_of, spikes_of
from test_recordings import apart

from spikespeech import eventprop, losses, netx, nir
from spikespeech.backends import bptt, eprop, native
from spikespeech.backends.mlgenn import limits
from spikespeech.errors import InputError
from spikespeech.network import LI, LIF, Connection, Learned, Network, Parameters, Population
from spikespeech.network import constants as held
from spikespeech.network.file import load, save

BOUNDS = {"tau_mem": (2.0, 60.0), "tau_syn": (1.0, 30.0), "threshold": (0.2, 4.0)}


def learning(plain, each="neuron", seed=0):
    """Return a Network that learns all constants of all neurons, each with a value of its own."""
    rng, populations = np.random.default_rng(seed), [plain.input]
    for p in plain.populations[1:]:
        names = ["tau_mem", "tau_syn", *(["threshold"] if isinstance(p.neuron, LIF) else [])]
        spread = rng.uniform(0.8, 1.2, (len(names), p.n if each == "neuron" else 1))
        values = {
            name: np.float32(getattr(p.neuron, name) * factor)
            for name, factor in zip(names, spread, strict=True)
        }
        if each == "layer":
            values = {name: float(value[0]) for name, value in values.items()}
        learned = tuple(Learned(name, *BOUNDS[name], each) for name in names)
        populations.append(Population(p.name, p.n, type(p.neuron)(**values), learned))
    return Network(tuple(populations), plain.connections, plain.dt_ms)


def weights_of(network, seed=1):
    """Return weights by which all layers spike, and the constants of the neuron models."""
    rng = np.random.default_rng(seed)
    means = (0.6, 0.3) if network.spiking_output else (0.0, 0.3)
    drawn = Parameters.random(
        network, rng, input_hidden=(0.12, 0.1), hidden_hidden=(0, 0.1), hidden_output=means
    )
    for c in network.connections:
        if c.name == "hidden1_hidden2":
            drawn |= {c.name: rng.normal(0.5, 0.3, drawn[c.name].shape)}
        if c.longest_delay:
            drawn |= {c.delay: rng.uniform(0, c.longest_delay, drawn[c.delay].shape)}
    return drawn


def delayed(network, longest=20):
    """Return a network all of whose connections have learned delays of synapses."""
    return Network(
        network.populations,
        tuple(
            Connection(c.source, c.target, longest, "synapse", True) for c in network.connections
        ),
        network.dt_ms,
    )


@pytest.mark.parametrize("late", [False, True], ids=["undelayed", "delayed"])
@pytest.mark.parametrize("each", ["neuron", "layer"])
@pytest.mark.parametrize("name", ["sum_exp", "max", "first_spike"])
def test_gradients_of_all_constants_are_the_references(name, each, late):
    output = LIF() if name == "first_spike" else LI()
    network = learning(Network.layered(30, [20, 70], 5, output=output), each)
    network = delayed(network) if late else network
    check(network, weights_of(network), loss_of(name), eventprop.Regulariser(2e-6, 3e-6, 4))


def test_one_constant_of_one_layer_is_learned_alone():
    """Others are the same network's without: every byte of them."""
    plain = Network.layered(30, [20, 24], 5)
    learned = (Learned("tau_mem", 5, 50, "layer"),)
    inputs, first, second, output = plain.populations
    some = Population(second.name, second.n, second.neuron, learned)
    network = Network((inputs, first, some, output), plain.connections)
    weights, spikes, loss = weights_of(plain), spikes_of(plain), loss_of("sum_exp")
    alone = eventprop.gradients(plain, weights, spikes, None, loss)
    beside = eventprop.gradients(network, weights_of(network), spikes, None, loss)
    assert set(beside.gradients) - set(alone.gradients) == {"hidden2.tau_mem"}
    for which, gradient in alone.gradients.items():
        assert gradient.tobytes() == beside.gradients[which].tobytes()
    check(network, weights_of(network), loss)


def test_equal_constants_of_each_neuron_are_those_of_the_layer():
    plain = Network.layered(30, 70, 5)
    apart_ = learning(plain)
    equal = Network(
        tuple(
            Population(p.name, p.n, p.neuron and type(p.neuron)(), p.learned)
            for p in apart_.populations
        ),
        plain.connections,
    )
    spikes, loss = spikes_of(plain), loss_of("max")
    one = eventprop.gradients(plain, weights_of(plain), spikes, None, loss)
    each = eventprop.gradients(equal, weights_of(equal), spikes, None, loss)
    assert one.losses.tobytes() == each.losses.tobytes()
    for which, gradient in one.gradients.items():
        assert gradient.tobytes() == each.gradients[which].tobytes()


def lively(weights, seed):
    """Return weights by which two layers of 8 neurons spike often at a small time step."""
    rng = np.random.default_rng(seed)
    return weights | {
        "input_hidden1": 3 * weights["input_hidden1"],
        "hidden1_hidden2": 2.5 + 1.5 * rng.standard_normal((8, 8)),
        "hidden1_hidden1": 0.3 * rng.standard_normal((8, 8)),
        "hidden2_hidden2": 0.3 * rng.standard_normal((8, 8)),
    }


def test_gradients_of_constants_by_finite_differences_at_small_dt():
    """At dt = 0.005 ms spike times are nearly continuous: the gradient is the loss's own."""
    dt, n_steps = 0.005, 8000
    loss = losses.make("gaussian", n_steps=n_steps, dt_ms=dt)
    network = learning(Network.layered(30, [8, 8], 5, dt_ms=dt))
    weights = lively(weights_of(network, 3), 3)
    spikes = spikes_of(network, 16, 2, 0.07 * dt, n_steps)
    result = eventprop.gradients(network, weights, spikes, None, loss)
    assert result.hidden_spikes[:, 8:].mean() > 1
    for name, _, _ in held.learned(network):
        # Of the logarithms, along the gradient: all values move by factors.
        gradient = result.gradients[name].astype(float) * weights[name]
        direction = gradient / np.linalg.norm(gradient)
        values = []
        for step in (0.03, -0.03):
            moved = weights | {name: weights[name] * np.exp(step * direction)}
            values.append(eventprop.gradients(network, moved, spikes, None, loss).losses.mean())
        slope = (values[0] - values[1]) / 0.06
        assert slope == pytest.approx(np.linalg.norm(gradient), rel=0.12), name


def test_time_constants_of_each_output_have_their_own_gradients():
    """What mlGeNN accepts and gets wrong (7g): it divides the errors of each output by its own.

    Spikes and voltages are its own, its gradients those of the outputs' weights by their constants.
    """
    recording = Recording(FOUND["tau_mem_per_output"])
    network, weights = recording.network, recording.weights
    taus = np.array(network.output.neuron.tau_mem)
    recording.unit = 1
    for i in range(3):
        simulation = eventprop.simulate(network, weights, recording.spikes([i]))
        for ours, theirs in zip(
            simulation.hidden_spikes.example(0), recording.hidden(i), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        voltage = recording.data[f"ex{i}_out_v"]
        np.testing.assert_array_equal(simulation.output_v[0, :-1], voltage[:-1])
        ours = eventprop.gradients(network, weights, recording.spikes([i]), None, recording.loss)
        theirs, exact = (
            recording.gradients(i),
            reference.forward(network, weights, recording.inputs(i)),
        )
        assert apart(ours.gradients["hidden_output"], theirs["hidden_output"] * taus) < 2e-5
        _, expected = recording.refer(i, exact)
        for which, gradient in expected.items():
            assert apart(ours.gradients[which], gradient) < 2e-5, which
        wrong = theirs["input_hidden"] / np.abs(theirs["input_hidden"]).max()
        right = expected["input_hidden"] / np.abs(expected["input_hidden"]).max()
        assert apart(wrong, right) > 0.05


def trained(network, rate, steps=3, threads=1, resumed=None):
    """Return the backend after some steps, those before `resumed` by another backend."""
    loss, spikes = loss_of("sum_exp"), spikes_of(network)
    backend = native.Backend(network, weights_of(network), loss, None, threads, 1.0, rate)
    for step in range(steps):
        if step == resumed:
            later = native.Backend(network, backend.weights, loss, None, threads, 1.0, rate)
            later.restore(backend.state())
            backend = later
        backend.train([spikes], [1e-3])
    return backend


def test_training_gives_the_same_bytes_for_any_threads_and_after_resuming():
    network = learning(Network.layered(30, [20, 24], 5))
    plain = trained(network, 20.0)
    for options in ({"threads": 3}, {"resumed": 2}):
        other = trained(network, 20.0, **options)
        assert_same_bytes(other.weights, plain.weights)
        assert_same_bytes(other.state().values(), plain.state().values())


def test_constants_learn_at_their_own_rate_by_factors_and_stay_within_their_bounds():
    network = learning(Network.layered(30, 20, 5))
    first = weights_of(network)
    slowly, fast = (trained(network, rate, 1).weights for rate in (10.0, 1e6))
    unlearned = 0
    for name, _, constant in held.learned(network):
        # Adam's first step is of the rate, whatever the gradient, unless that is 0.
        change = np.log(slowly[name] / first[name])
        unlearned += np.count_nonzero(change == 0)
        np.testing.assert_allclose(np.abs(change)[change != 0], 1e-2, rtol=1e-3)
        ends = np.float32(constant.low), np.float32(constant.high)
        assert set(fast[name][change != 0].tolist()) <= {float(end) for end in ends}
        np.testing.assert_array_equal(slowly[name] > first[name], fast[name] > first[name])
    assert unlearned < 10


def test_learned_constants_are_kept_with_the_network(tmp_path):
    network = learning(Network.layered(30, [20, 24], 5))
    weights = trained(network, 20.0).weights
    save(tmp_path / "weights.h5", network, weights)
    found, read = load(tmp_path / "weights.h5")
    assert [p.learned for p in found.populations] == [p.learned for p in network.populations]
    assert_same_bytes(read, weights)
    spikes = spikes_of(network)
    ours, theirs = (
        eventprop.simulate(*given, spikes)
        for given in ((network, weights), held.settled(found, read))
    )
    assert ours.output_v.tobytes() == theirs.output_v.tobytes()


def test_nir_has_learned_constants_as_its_neurons_own(tmp_path):
    network = learning(Network.layered(30, [20, 24], 5))
    weights = trained(network, 20.0).weights
    nir.export(network, weights, tmp_path / "network.nir")
    found, read = nir.load(tmp_path / "network.nir")
    fixed, left = held.settled(network, weights)
    for ours, theirs in zip(fixed.populations[1:], found.populations[1:], strict=True):
        for name, value in vars(ours.neuron).items():
            np.testing.assert_array_equal(getattr(theirs.neuron, name), value)
    assert_same_bytes(read, Parameters(left))


def test_what_takes_no_such_constants_refuses_them_by_name(tmp_path):
    network = learning(Network.layered(30, 20, 5))
    weights, loss = weights_of(network), loss_of("sum_exp")
    with pytest.raises(InputError, match="tau_mem of hidden has 20 different values"):
        netx.export(network, weights, tmp_path / "network.net")
    for backend, name in ((eprop.Backend, "e-prop"), (bptt.Backend, "BPTT")):
        with pytest.raises(InputError, match=f"{name} does not learn hidden.tau_mem"):
            backend(network, weights, loss)
    with pytest.raises(InputError, match=r"mlGeNN 2.4 does not learn hidden.tau_mem"):
        limits.check(network, loss, eventprop.Regulariser())


def test_netx_has_constants_of_a_layer_as_they_were_learned(tmp_path):
    network = learning(Network.layered(30, 20, 5), "layer")
    weights = trained(network, 20.0).weights
    fixed, left = held.settled(network, weights)
    ours = netx.export(network, weights, tmp_path / "network.net")
    theirs = netx.export(fixed, left, tmp_path / "fixed.net")
    for a, b in zip(ours.layers, theirs.layers, strict=True):
        assert (a.current_decay, a.voltage_decay, a.threshold) == (
            b.current_decay, b.voltage_decay, b.threshold,
        )  # fmt: skip
        np.testing.assert_array_equal(a.weight, b.weight)


@pytest.mark.parametrize(
    ("learned", "said"),
    [
        ((Learned("tau", 1, 2),), "hidden learns tau"),
        ((Learned("tau_mem", 5, 50), Learned("tau_mem", 5, 50)), "hidden learns tau_mem, tau_mem"),
        ((Learned("tau_mem", 5, 50, "synapse"),), "hidden.tau_mem of each 'synapse' is learned"),
        ((Learned("tau_mem", 25, 50),), "hidden.tau_mem, from 20 to 20, is to be learned within"),
        ((Learned("tau_mem", 0, 50),), "hidden.tau_mem, from 20 to 20, is to be learned within"),
        ((Learned("tau_syn", 1, 9, "layer"),), "one hidden.tau_syn is learned, but each neuron"),
    ],
)
def test_learned_constants_are_checked(learned, said):
    inputs, _, output = Network.layered(3, 4, 2).populations
    neuron = LIF(tau_syn=np.arange(1.0, 5)) if "tau_syn" in said else LIF()
    with pytest.raises(InputError, match=said):
        Network((inputs, Population("hidden", 4, neuron, learned), output), ())


def test_values_outside_the_bounds_are_refused():
    network = learning(Network.layered(3, 4, 2))
    weights = Parameters.zeros(network)
    Parameters.checked(network, weights)
    with pytest.raises(InputError, match=r"hidden.tau_syn holds 31.*from 1 to 30"):
        Parameters.checked(network, weights | {"hidden.tau_syn": [5, 31, 5, 5]})
