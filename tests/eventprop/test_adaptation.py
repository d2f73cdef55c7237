"""Adaptive thresholds: the reference, LIF at a strength of 0, the loss's own slopes.

All learn delays and constants of two layers, or nothing but the weights of one: each combination
more is another form of all kernels.
"""

import eventprop_reference as reference
import numpy as np
import pytest
from test_connection_delays import chained, check, weights_of
from test_constants import lively
from test_eventprop import assert_same_bytes, assert_training_is_one, loss_of, spikes_of

from spikespeech import eventprop, losses, netx, nir
from spikespeech.backends import native
from spikespeech.backends.mlgenn import limits
from spikespeech.errors import InputError
from spikespeech.network import LI, LIF, AdaptiveLIF, Learned, Network, Parameters, Population
from spikespeech.network import constants as held
from spikespeech.network.file import load, save
from spikespeech.spikes import SpikeTrains

BOUNDS = {
    "tau_mem": (2.0, 60.0),
    "tau_syn": (1.0, 30.0),
    "threshold": (0.2, 4.0),
    "tau_adapt": (5.0, 500.0),
    "strength": (0.01, 2.0),
}
EACH = {"hidden1": "neuron", "hidden2": "layer"}


def adaptive(plain, tau_adapt=100, strength=0.3):
    """Return a network with adaptive neurons that learn all constants.

    Each neuron of the first layer has its own.
    """
    rng, populations = np.random.default_rng(0), [plain.input]
    for p in plain.hidden:
        neuron = AdaptiveLIF(tau_adapt=tau_adapt, strength=strength)
        drawn = {
            name: np.float32(v * rng.uniform(0.8, 1.2, p.n)) for name, v in vars(neuron).items()
        }
        if EACH[p.name] == "layer":
            drawn = {name: float(values[0]) for name, values in drawn.items()}
        learned = tuple(Learned(name, *BOUNDS[name], EACH[p.name]) for name in drawn)
        populations.append(Population(p.name, p.n, AdaptiveLIF(**drawn), learned))
    return Network((*populations, plain.output), plain.connections, plain.dt_ms)


def without(network, **constants):
    """Return the network with LIF neurons, or adaptive ones of these constants, learning theirs."""
    populations = [network.input]
    for p in network.hidden:
        lif = {name: getattr(p.neuron, name) for name in ("tau_mem", "tau_syn", "threshold")}
        neuron = AdaptiveLIF(**lif, **constants) if constants else LIF(**lif)
        learned = tuple(each for each in p.learned if each.constant in lif)
        populations.append(Population(p.name, p.n, neuron, learned))
    return Network((*populations, network.output), network.connections, network.dt_ms)


@pytest.mark.parametrize("name", ["sum_exp", "first_spike"])
def test_gradients_of_weights_delays_and_all_constants_are_the_references(name):
    output = LIF() if name == "first_spike" else LI()
    network = adaptive(chained("synapse", True, output=output))
    check(network, weights_of(network), loss_of(name), eventprop.Regulariser(2e-6, 3e-6, 4))


def test_a_strength_of_0_is_lif_bit_for_bit():
    network = adaptive(chained("synapse", True))
    plain, still = without(network), without(network, strength=0.0, tau_adapt=50.0)
    spikes, loss = spikes_of(network), loss_of("sum_exp")
    expected, found = (
        eventprop.gradients(
            net, weights_of(net), spikes, None, loss, eventprop.Regulariser(1, 1, 4)
        )
        for net in (plain, still)
    )
    assert expected.hidden_spikes.sum() > 100
    assert_same_bytes(found.gradients, expected.gradients)
    for name in ("losses", "readouts", "hidden_spikes"):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes()


def test_adaptive_and_other_layers_go_together():
    """Spike for spike and to the reference's gradients, in either order."""
    network = adaptive(chained("synapse", True))
    first, second = network.hidden
    for layers in ((without(network).hidden[0], second), (first, without(network).hidden[1])):
        populations = network.input, *layers, network.output
        mixed = Network(populations, network.connections)
        check(mixed, weights_of(mixed), loss_of("sum_exp"))


def test_gradients_by_finite_differences_at_small_dt():
    """At dt = 0.005 ms spike times are nearly continuous: the gradient is the loss's own."""
    dt, n_steps = 0.005, 8000
    loss = losses.make("gaussian", n_steps=n_steps, dt_ms=dt)
    network = adaptive(chained("synapse", True, 20, (8, 8), dt_ms=dt), 15, 0.4)
    weights = lively(weights_of(network, 6), 6)
    spikes = spikes_of(network, 16, 2, 0.07 * dt, n_steps)
    result = eventprop.gradients(network, weights, spikes, None, loss)
    assert result.hidden_spikes[:, 8:].mean() > 4
    constants = [name for name, _, _ in held.learned(network)]
    # Others of the first layer change the number of spikes of the second within such steps.
    for name in ["hidden1_hidden2", "hidden2_hidden2", "hidden1.strength", *constants[-5:]]:
        # Of the logarithms of constants, along the gradient: all values move by factors.
        gradient = result.gradients[name].astype(float)
        gradient *= weights[name] if name in constants else 1
        direction = gradient / np.linalg.norm(gradient)
        values = []
        for step in (0.05, -0.05):
            change = step * direction
            moved = weights[name] * np.exp(change) if name in constants else weights[name] + change
            given = network, weights | {name: moved}, spikes, None, loss
            values.append(eventprop.gradients(*given).losses.mean())
        slope = (values[0] - values[1]) / 0.1
        assert slope == pytest.approx(np.linalg.norm(gradient), rel=0.12), name


def plainly(**constants):
    """Return a Network of one layer, all alike, that learns nothing but its weights."""
    return Network.layered(30, 70, 5, neuron=AdaptiveLIF(**constants))


def test_neurons_that_are_alike_are_the_references():
    check(plainly(), weights_of(plainly()), loss_of("sum_exp"))


def test_thresholds_that_fall_are_waited_for():
    """V stays where it is, far above the current: neurons spike long after all input."""
    network = plainly(tau_mem=1000.0, tau_syn=1.0, tau_adapt=10.0, strength=2.0)
    weights = Parameters.zeros(network)
    weights |= {"input_hidden": np.full((30, 70), 900.0), "hidden_output": np.full((70, 5), 0.1)}
    weights["hidden_output"][:, 2:] *= -1
    spikes = SpikeTrains.from_binned(
        [(np.arange(3), np.arange(3))], [0], [0], 100, 30, 1.0, tuple("abcde")
    )
    r = reference.forward(network, weights, reference.by_step(*spikes.example(0), 100))
    late = [t for t in range(100) if len(r.spikes["hidden"][t])]
    assert late == [2, 21] and r.x["hidden"][20].max() < 1e-3
    check(network, weights, losses.make("sum", n_steps=100, dt_ms=1.0), spikes=spikes)


def test_training_gives_the_same_bytes_for_any_threads_and_after_resuming():
    network, loss = plainly(), loss_of("sum_exp")
    spikes = spikes_of(network)

    def backend(weights, threads):
        return native.Backend(network, weights, loss, eventprop.Regulariser(), threads)

    assert_training_is_one(backend, weights_of(network), [spikes] * 4)


def test_they_are_kept_with_the_network(tmp_path):
    network = adaptive(Network.layered(30, [20, 24], 5))
    weights = weights_of(network) | {"hidden2.strength": [0.5]}
    save(tmp_path / "weights.h5", network, weights)
    found, read = load(tmp_path / "weights.h5")
    for ours, theirs in zip(network.hidden, found.hidden, strict=True):
        assert type(theirs.neuron) is AdaptiveLIF and theirs.learned == ours.learned
        for name, value in vars(ours.neuron).items():
            np.testing.assert_array_equal(getattr(theirs.neuron, name), value)
    assert_same_bytes(read, weights)
    assert held.settled(found, read)[0].hidden[1].neuron.strength == 0.5


def test_what_has_no_such_neurons_refuses_them_by_name(tmp_path):
    network = plainly()
    weights, said = weights_of(network), "hidden is of AdaptiveLIF neurons"
    with pytest.raises(InputError, match=said):
        netx.export(network, weights, tmp_path / "network.net")
    with pytest.raises(InputError, match=said):
        nir.export(network, weights, tmp_path / "network.nir")
    with pytest.raises(InputError, match=said):
        limits.check(network, loss_of("sum_exp"), eventprop.Regulariser())
    with pytest.raises(InputError, match="output, has the neuron model AdaptiveLIF"):
        Network.layered(3, 4, 2, output=AdaptiveLIF())
    assert not list(tmp_path.iterdir())


def test_constants_are_checked():
    assert AdaptiveLIF(strength=0).strength == 0
    for given, said in (
        ({"strength": -0.1}, r"strength is -0.1 .give numbers from 0 on"),
        ({"strength": np.array([0.1, np.nan])}, "strength is"),
        ({"tau_adapt": 0}, "tau_adapt is 0 .give positive"),
    ):
        with pytest.raises(InputError, match=said):
            AdaptiveLIF(**given)
    with pytest.raises(InputError, match=r"hidden.strength, from 0 to 0, is to be learned within"):
        Network(
            (
                Population("input", 3),
                Population("hidden", 4, AdaptiveLIF(strength=0), (Learned("strength", 0.1, 1),)),
                Population("output", 2, LI()),
            ),
            (),
        )
