"""Causes of what a deployment loses: float networks and layers that bear one of them each."""

from dataclasses import replace

import numpy as np

from spikespeech.errors import InputError
from spikespeech.loihi import quantise
from spikespeech.loihi.netx_file import LARGEST_DELAY, LARGEST_THRESHOLD
from spikespeech.network import Parameters
from spikespeech.network.chain import chain
from spikespeech.network.neurons import gain
from spikespeech.network.parameters import delay_steps

PAPER_OUTPUT_THRESHOLD = 1 << 16


def float_variants(network, weights, quantised):
    """Return {cause: (network, weights)}: float networks that bear one cause of loss each.

    decays : 12-bit decays; clipping, rounding : of the weights, each without the other;
    weights : both; decays and weights : all that is neither clipping of delays nor the integer
    arithmetic of the states
    """
    integers = quantised.weights | _delays(network, weights)
    decayed = _with_integer_decays(network, quantised.layers)
    clipped, rounded = {}, {}
    for layer, lsb in zip(chain(network), quantised.lsb, strict=True):
        for connection in filter(None, (layer.incoming, layer.recurrent)):
            w, kept = weights[connection.name], quantised.weights[connection.name]
            step = lsb / gain(layer.population.neuron, network.dt_ms)
            cut = np.abs(kept - w) > step / 2 * (1 + 1e-4)
            clipped[connection.name] = np.where(cut, kept, w)
            rounded[connection.name] = np.rint(w / step) * step
    return {
        "decays": (decayed, _with_gains_of(network, decayed, weights)),
        "clipping": (network, weights | clipped),
        "rounding": (network, weights | rounded),
        "weights": (network, integers),
        "decays and weights": (decayed, _with_gains_of(network, decayed, integers)),
    }


def with_short_delays(network, weights):
    """Return weights whose delays are at most `LARGEST_DELAY` steps; None where all are."""
    delays = _delays(network, weights)
    if all(delay_steps(steps).max() <= LARGEST_DELAY for steps in delays.values()):
        return None
    short = {name: np.minimum(steps, LARGEST_DELAY) for name, steps in delays.items()}
    return Parameters(weights) | short


def with_output_threshold(layers, threshold=PAPER_OUTPUT_THRESHOLD):
    """Return the layers with another threshold of the output; by default ml_genn_netx's 2^16.

    It is a constant there, unrelated to the layer's scale, and fires. The default of
    `netx.export` is the largest of the 17-bit field.
    """
    if not 1 <= threshold <= LARGEST_THRESHOLD:
        raise InputError(f"output threshold {threshold} is outside 1 … {LARGEST_THRESHOLD}")
    return [*layers[:-1], replace(layers[-1], threshold=threshold)]


def _delays(network, weights):
    return {c.delay: weights[c.delay] for c in network.connections if c.longest_delay}


def _with_integer_decays(network, layers):
    """Return the network with the time constants of its layers' 12-bit decays."""

    def tau(decay):
        return -network.dt_ms / np.log(max(1 - decay / quantise.DECAY_UNIT, 1e-12))

    populations = [network.input]
    for population, layer in zip(network.populations[1:], layers, strict=True):
        taus = {"tau_mem": tau(layer.voltage_decay), "tau_syn": tau(layer.current_decay)}
        populations.append(replace(population, neuron=replace(population.neuron, **taus)))
    return replace(network, populations=tuple(populations))


def _with_gains_of(network, decayed, weights):
    """Return weights that have the same effect on V in `decayed` as `weights` have in `network`.

    The time constants of rounded decays change the gain; on Loihi it is in the weights.
    """
    scaled = {}
    for connection in network.connections:
        gains = (gain(n[connection.target].neuron, n.dt_ms) for n in (network, decayed))
        before, after = gains
        scaled[connection.name] = weights[connection.name] * (before / after)
    return Parameters(weights) | scaled
