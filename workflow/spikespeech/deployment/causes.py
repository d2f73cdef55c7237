"""Causes of what a deployment loses: float networks and layers that bear one of them each."""

from dataclasses import replace

import numpy as np

from spikespeech.errors import InputError
from spikespeech.loihi import quantise
from spikespeech.loihi.netx_file import LARGEST_THRESHOLD
from spikespeech.network import Parameters

PAPER_OUTPUT_THRESHOLD = 1 << 16


def float_variants(network, weights, quantised):
    """Return {cause: (network, weights)}: float networks that bear one cause of loss each.

    decays : 12-bit decays; clipping, rounding : of the weights, each without the other;
    weights : both; decays and weights : all that is not the integer arithmetic of the states
    """
    decayed, gains = _with_integer_decays(network, quantised.layers)
    clipped, rounded = weights.copy(), weights.copy()
    for name, kept in quantised.weights.items():
        w, layer = weights[name], int(name == "hidden_output")
        step = quantised.lsb[layer] / _drive(network, layer)
        cut = np.abs(kept - w) > step / 2 * (1 + 1e-4)
        clipped[name][cut] = kept[cut]
        rounded |= {name: np.rint(w / step) * step}
    return {
        "decays": (decayed, _scaled(weights, gains)),
        "clipping": (network, clipped),
        "rounding": (network, rounded),
        "weights": (network, quantised.weights),
        "decays and weights": (decayed, _scaled(quantised.weights, gains)),
    }


def with_output_threshold(layers, threshold=PAPER_OUTPUT_THRESHOLD):
    """Return the layers with another threshold of the output; by default ml_genn_netx's 2^16.

    It is a constant there, unrelated to the layer's scale, and fires. The default of
    `netx.export` is the largest of the 17-bit field.
    """
    if not 1 <= threshold <= LARGEST_THRESHOLD:
        raise InputError(f"output threshold {threshold} is outside 1 … {LARGEST_THRESHOLD}")
    return [*layers[:-1], replace(layers[-1], threshold=threshold)]


def _drive(network, layer):
    tau = (
        (network.tau_mem, network.tau_syn)
        if layer == 0
        else (network.tau_mem_output, network.tau_syn_output)
    )
    values = [quantise.one_value("time constant", t) for t in tau]
    return quantise.drive(*values, network.dt_ms)


def _with_integer_decays(network, layers):
    """Return the network with its layers' 12-bit decays, and the gains that weights need for it.

    The time constants of the rounded decays change k of `quantise`; on Loihi k is in the weights.
    """
    taus = []
    for layer in layers:
        for d in (layer.voltage_decay, layer.current_decay):
            taus.append(-network.dt_ms / np.log(max(1 - d / quantise.DECAY_UNIT, 1e-12)))
    inputs, hidden, output = network.populations
    populations = (
        inputs,
        replace(hidden, neuron=replace(hidden.neuron, tau_mem=taus[0], tau_syn=taus[1])),
        replace(output, neuron=replace(output.neuron, tau_mem=taus[2], tau_syn=taus[3])),
    )
    decayed = replace(network, populations=populations)
    return decayed, [_drive(network, i) / _drive(decayed, i) for i in range(2)]


def _scaled(weights, gains):
    return Parameters({n: w * gains[n == "hidden_output"] for n, w in weights.items()})
