"""Networks from NetX files: ours, ml_genn_netx's and lava-dl's.

A file holds integers without a unit. Ours have one: the threshold of spiking neurons is 1, so that
a unit of their weights is 1/vThMant; that of outputs that only integrate is a choice, on which no
prediction depends. Converted with these units (`lsb`), the network has the file's integers again.
"""

import numpy as np

from spikespeech.errors import InputError
from spikespeech.loihi.netx_file import LARGEST_THRESHOLD, delay_of_sources, synapses
from spikespeech.loihi.quantise import DECAY_UNIT
from spikespeech.network import LI, LIF, Network, Parameters
from spikespeech.network.model import Connection, Population
from spikespeech.network.neurons import NOTHING_LEFT, gain

OUTPUT_LSB = 2.0**-9
"""V of a unit of the output's weights: that of Shoesmith et al.'s files for SHD."""
LOWEST, HIGHEST = -128, 127


def load(layers, *, dt_ms, spiking=False, output_lsb=OUTPUT_LSB):
    """Return (Network, Parameters, lsb of each layer) of the layers of a file.

    Parameters
    ----------
    layers : as `netx_file.read` returns them
    dt_ms : duration of a step in ms
    spiking : whether the last layer's neurons spike; else they only integrate, whatever their
        threshold
    output_lsb : V of a unit of their weights, if they only integrate

    Raises InputError for what our networks have not, and where the integers could not come back.
    """
    names = [f"hidden{i}" for i in range(1, len(layers))] if len(layers) > 2 else ["hidden"]
    names = ["input", *names[: len(layers) - 1], "output"]
    populations = [Population("input", layers[0].n_sources)]
    connections, arrays, lsb = [], {}, []
    for place, (layer, source, name) in enumerate(zip(layers, names, names[1:], strict=False), 1):
        where = f"layer/{place}"
        _check(layer, where)
        factor = _factor(layer, where)
        last = name == "output"
        taus = [
            _tau(decay, dt_ms, f"{where}/neuron/{key}")
            for key, decay in (("vDecay", layer.voltage_decay), ("iDecay", layer.current_decay))
        ]
        if last and not spiking:
            neuron, unit = LI(*taus), output_lsb * factor
        else:
            neuron, unit = LIF(*taus, 1.0), factor / layer.threshold
        lsb.append(unit)
        populations.append(Population(name, layer.n_units, neuron))
        for start, matrix, delay in (
            (source, layer.weight, _delay(layer)),
            (name, layer.weight_rec, layer.delay_rec),
        ):
            if matrix is None:
                continue
            connection = _connection(start, name, delay)
            connections.append(connection)
            arrays[connection.name] = (matrix // factor).T * (unit / gain(neuron, dt_ms))
            if connection.longest_delay:
                arrays[connection.delay] = delay[0] if connection.axonal else delay.T
    network = Network(tuple(populations), tuple(connections), dt_ms)
    return network, Parameters.checked(network, arrays), lsb


def _check(layer, where):
    """Refuse what our networks have not."""
    if layer.bias is not None and np.any(layer.bias):
        raise InputError(
            f"{where} has biases up to {np.abs(layer.bias).max()}", hint="our neurons have none"
        )
    if layer.delay is not None and layer.weight_rec is not None and layer.delay_rec is None:
        raise InputError(
            f"{where} is recurrent and has delays", hint="lava-dl 0.6 applies them to both weights"
        )
    if not 1 <= layer.threshold <= LARGEST_THRESHOLD:
        raise InputError(
            f"{where}/neuron/vThMant is {layer.threshold}", hint=f"1 to {LARGEST_THRESHOLD}"
        )
    matrices = [m for m in (layer.weight, layer.weight_rec) if m is not None]
    for matrix, synapse in zip(matrices, synapses(layer), strict=True):
        if not np.array_equal(synapse.effective(), matrix):
            raise InputError(
                f"{where}: Lava does not use its weights as they stand",
                hint="of weights of one sign it keeps 8 bits, of others -256 to 254",
            )


def _factor(layer, where):
    """Return the unit of a layer's weights, 1, or 2 where they only so fit our 8 bits."""
    matrices = [m for m in (layer.weight, layer.weight_rec) if m is not None]
    low, high = min(m.min() for m in matrices), max(m.max() for m in matrices)
    for factor in (1, 2):
        even = all(not np.any(m % factor) for m in matrices) and not layer.threshold % factor
        if even and LOWEST * factor <= low and high <= HIGHEST * factor:
            return factor
    raise InputError(
        f"{where} has weights from {low} to {high}",
        hint=f"ours are {LOWEST} to {HIGHEST}, or twice as much where all are even",
    )


def _delay(layer):
    """Return the delays of a layer's incoming synapses (n, n_sources), or None."""
    if layer.host_delay is None:
        return layer.delay
    chip = np.zeros(layer.weight.shape, int) if layer.delay is None else layer.delay
    return chip + layer.host_delay


def _connection(source, target, delay):
    """Return a Connection with delays (n, n_sources) or None."""
    if delay is None or not delay.any():
        return Connection(source, target)
    shape = "synapse" if delay_of_sources(delay) is None else "source"
    return Connection(source, target, int(delay.max()), shape)


def _tau(decay, dt_ms, where):
    """Return the time constant in ms of a decay in units of 2^-12 a step."""
    if decay == 0:
        raise InputError(f"{where} is 0", hint="our neurons leak: their time constants are finite")
    return float(-dt_ms / np.log(max(1 - decay / DECAY_UNIT, NOTHING_LEFT)))
