"""The NetX file format, and what lava-dl 0.6.0 and lava-nc 0.10.0 make of a file's weights.

A NetX file is HDF5: `layer/<i>/{type, shape, weight[, weight_rec][, delay][, bias]}` and
`layer/<i>/neuron/{type, iDecay, vDecay, vThMant}`. Layer 0 is the input; its `hostDelay` is ours:
lava-dl does not read it, what it is given must have been delayed. Ours is the `delay` of a
recurrent layer, too, of both its matrices side by side: lava-dl 0.6 gives both one matrix of delays
and loses their exponent, and so stops at ours, instead of running another network.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import h5py
import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.files import read_hdf5, write_hdf5

LARGEST_THRESHOLD = (1 << 17) - 1  # vThMant is a 17-bit field
LARGEST_DELAY = 62
LARGEST = (1 << 31) - 1  # Lava counts in 32 bits
SYNAPSE_BITS = 8


@dataclass(frozen=True)
class Layer:
    """A dense layer of CUBA neurons (current-based leaky integrate-and-fire), all integers.

    Attributes
    ----------
    weight : (n, n_sources)
    weight_rec : (n, n), or None without recurrence
    current_decay, voltage_decay : `iDecay` and `vDecay`, in units of 2^-12 a step, 0 … 4096
    threshold : `vThMant`, the spike threshold in units of 2^6 of v
    delay : (n, n_sources) steps, or None
    delay_rec : (n, n) steps of the recurrent weights, beside `delay`. None with both gives both
        synapses `delay`, as lava-dl 0.6 does
    bias : (n,), added to v in every step in units of 2^6, or None
    host_delay : (n_sources,) steps by which the host sends the spikes of each source later than
        they occur, or None; of the first layer
    """

    weight: np.ndarray
    weight_rec: np.ndarray | None
    current_decay: int
    voltage_decay: int
    threshold: int
    delay: np.ndarray | None = None
    bias: np.ndarray | None = None
    host_delay: np.ndarray | None = None
    delay_rec: np.ndarray | None = None

    @property
    def n_units(self):
        """Number of neurons."""
        return len(self.weight)

    @property
    def n_sources(self):
        """Number of units of the layer before."""
        return self.weight.shape[1]


def write(path, layers):
    """Write layers as a NetX file in the layout that lava-dl reads.

    Other than ml_genn_netx, no data set is left null: `inFeatures`, `outFeatures` and
    `gradedSpike` have values. `refDelay` is 0: Lava has no refractory period.
    """
    with write_hdf5(path) as file:
        group = file.create_group("layer/0")
        group["type"] = np.array([b"input"], dtype="S10")
        group["shape"] = np.array([layers[0].n_sources])
        if layers[0].host_delay is not None:
            group["hostDelay"] = layers[0].host_delay.astype(np.int32)
        for i, layer in enumerate(layers, start=1):
            group = file.create_group(f"layer/{i}")
            group["type"] = np.array(
                [b"dense" if layer.weight_rec is None else b"dense_rec"], dtype="S10"
            )
            group["shape"] = np.array([layer.n_units])
            group["inFeatures"] = np.int32(layer.n_sources)
            group["outFeatures"] = np.int32(layer.n_units)
            group["weight"] = layer.weight.astype(np.float32)
            if layer.weight_rec is not None:
                group["weight_rec"] = layer.weight_rec.astype(np.float32)
            if layer.delay is not None:
                matrices = [m for m in (layer.delay, layer.delay_rec) if m is not None]
                group["delay"] = np.hstack(matrices).astype(np.int32)
            neuron = group.create_group("neuron")
            neuron["type"] = np.array([b"CUBA"], dtype="S10")
            neuron["iDecay"] = np.int32(layer.current_decay)
            neuron["vDecay"] = np.int32(layer.voltage_decay)
            neuron["vThMant"] = np.int32(layer.threshold)
            neuron["refDelay"] = np.int32(0)
            neuron["gradedSpike"] = np.bool_(False)


def read(path):
    """Read a NetX file as lava-dl does; return its layers without the input.

    Weights are truncated towards zero and delays above 62 become 62, as in lava-dl. Raises
    InputError for what lava-dl cannot load and for layers that are not dense CUBA layers.
    """
    with reading.guard(path, "export it again"), read_hdf5(path) as file:
        return _read(file)


def _read(file):
    if not isinstance(file.get("layer"), h5py.Group):
        raise InputError("has no group `layer`", hint="write a NetX file")
    layers, host_delay = [], None
    for i in range(len(file["layer"])):
        name = f"layer/{i}"
        if not isinstance(file.get(name), h5py.Group):
            raise InputError(f"has no {name}", hint="number layers from 0")
        kind = _text(file[name], "type")
        if kind == "input":
            if "neuron" in file[name]:
                raise InputError(f"{name} is an input with neurons", hint="feed spikes instead")
            if "hostDelay" in file[name]:
                host_delay = _integers(file[name], "hostDelay")
            continue
        if kind not in ("dense", "dense_rec"):
            raise InputError(f"{name} is of type {kind!r}", hint="use dense and dense_rec layers")
        layers.append(_read_layer(file[name], kind == "dense_rec"))
    if not layers:
        raise InputError("has no dense layer")
    for i, (before, after) in enumerate(pairwise(layers), start=2):
        if before.n_units != after.n_sources:
            raise InputError(
                f"layer/{i} takes {after.n_sources} sources from {before.n_units} units"
            )
    if host_delay is not None:
        if host_delay.shape != (layers[0].n_sources,) or host_delay.min() < 0:
            raise InputError(
                f"layer/0/hostDelay {host_delay.shape} from {host_delay.min()} on",
                hint=f"it has {layers[0].n_sources} delays from 0 on",
            )
        layers[0] = replace(layers[0], host_delay=host_delay)
    return layers


def _text(group, key):
    value = np.ravel(reading.array(group, key, "text", dimensions=None))
    if not len(value):
        raise InputError(f"{group.name[1:]}/{key} is empty")
    return value[0].decode("ascii")


def _integers(group, key):
    """Read numbers, truncated towards zero."""
    value = reading.array(group, key, "numbers", dimensions=None)
    where = f"{group.name[1:]}/{key}"
    if not np.size(value):
        raise InputError(f"{where} is empty", hint="give it a value")
    if np.max(np.abs(reading.finite(value, where))) > LARGEST:
        raise InputError(f"{where} holds more than 32 bits")
    return value.astype(int)


def _scalar(group, key):
    value = _integers(group, key)
    if np.size(value) != 1:
        raise InputError(
            f"{group.name[1:]}/{key} has {np.size(value)} values, one for each neuron",
            hint="lava-dl loads one value for a layer",
        )
    return int(np.ravel(value)[0])


def _read_layer(group, recurrent):
    name = group.name[1:]
    if not isinstance(group.get("neuron"), h5py.Group):
        raise InputError(f"{name} has no neuron")
    neuron = group["neuron"]
    kind = _text(neuron, "type")
    if kind not in ("CUBA", "LOIHI"):
        raise InputError(f"{neuron.name[1:]} is of type {kind!r}", hint="use CUBA")
    n = int(np.prod(_integers(group, "shape")))
    weight = _matrix(group, "weight", n)
    weight_rec = _matrix(group, "weight_rec", n) if recurrent else None
    if recurrent and weight_rec.shape != (n, n):
        raise InputError(f"{name} of {n} units has recurrent weights {weight_rec.shape}")
    delay, delay_rec = _delays(group, weight.shape, recurrent) if "delay" in group else (None, None)
    layer = Layer(
        weight,
        weight_rec,
        _scalar(neuron, "iDecay"),
        _scalar(neuron, "vDecay"),
        _scalar(neuron, "vThMant"),
        delay,
        _integers(group, "bias") if "bias" in group else None,
        delay_rec=delay_rec,
    )
    if layer.bias is not None and layer.bias.shape not in ((), (1,), (n,)):
        raise InputError(f"{name}/bias has shape {layer.bias.shape} for {n} units")
    for key, decay in (("iDecay", layer.current_decay), ("vDecay", layer.voltage_decay)):
        if not 0 <= decay <= 4096:
            raise InputError(f"{neuron.name[1:]}/{key} is {decay}", hint="decays are 0 … 4096")
    return layer


def _matrix(group, key, n):
    """Read weights (n, n_sources), which lava-dl also takes as one row."""
    weight = _integers(group, key)
    if weight.ndim == 1 and n > 0 and weight.size % n == 0:
        weight = weight.reshape(n, -1)
    if weight.ndim != 2 or len(weight) != n:
        raise InputError(f"{group.name[1:]} of {n} units has {key} of shape {weight.shape}")
    return weight


def _delays(group, shape, recurrent):
    """Return delays (n, n_sources), as lava-dl spreads a scalar or a vector of them, and None.

    Or, of a recurrent layer that has both side by side, (n, n_sources) and (n, n).
    """
    delay = np.minimum(_integers(group, "delay"), LARGEST_DELAY)
    if np.min(delay) < 0:
        raise InputError(f"{group.name[1:]}/delay is {np.min(delay)}")
    if recurrent and delay.shape == (shape[0], shape[1] + shape[0]):
        return delay[:, : shape[1]], delay[:, shape[1] :]
    if delay.ndim == 1:
        if len(delay) == shape[0]:
            delay = delay[:, None]
        elif len(delay) == shape[1]:
            delay = delay[None, :]
    try:
        delay = np.broadcast_to(delay, shape)
    except ValueError as error:
        raise InputError(
            f"{group.name[1:]} has delays of shape {delay.shape} for weights of shape {shape}"
        ) from error
    if recurrent and shape[0] != shape[1]:
        raise InputError(
            f"{group.name[1:]} is recurrent and has delays",
            hint="lava-dl 0.6 gives the recurrent synapse the input's delays; give those of both "
            "side by side, or leave them out",
        )
    return delay, None


def delay_of_sources(delay):
    """Return the delays (n_sources,) that all synapses of a source share, or None.

    delay : (n, n_sources) steps, or None
    """
    if delay is None or not np.array_equal(delay, np.broadcast_to(delay[:1], delay.shape)):
        return None
    return delay[0]


@dataclass(frozen=True)
class Synapse:
    """Weights as Lava's synapse holds them.

    Attributes
    ----------
    weight : (n, n_sources) int32, W << -exponent, clipped and truncated to the weight bits
    shift : the sum over spikes is shifted right by this much (floor)
    """

    weight: np.ndarray
    shift: int

    def effective(self):
        """Return the weight that one spike has, in units of the file's weights."""
        return self.weight / (1 << self.shift)


def synapses(layer):
    """Return the layer's `Synapse`s, [input] or [input, recurrent], as lava-dl and Lava make them.

    `netx.utils.optimize_weight_bits` finds one exponent for both matrices; the Dense process then
    clips and truncates each according to its own sign. A dense_rec layer whose synapses share their
    delays loses the exponent on the way (lava-dl 0.6.0), so that its weights act multiplied by
    2^-exponent.
    Raises InputError for all-zero weights, which lava-dl cannot load.
    """
    matrices = [layer.weight] + ([layer.weight_rec] if layer.weight_rec is not None else [])
    joint = np.hstack(matrices)
    joint, bits, exponent = _optimise_weight_bits(joint)
    widths = [matrix.shape[1] for matrix in matrices]
    shared = len(matrices) == 2 and layer.delay is not None and layer.delay_rec is None
    shift = 0 if shared else max(-exponent, 0)
    return [
        Synapse(_dense_weights(part, bits), shift)
        for part in np.split(joint, np.cumsum(widths)[:-1], axis=1)
    ]


def _optimise_weight_bits(weight):
    """Return (W << -e, number of weight bits, exponent e), as lava-dl computes them."""
    if weight.max() > 254 and weight.min() < 0:
        weight = np.clip(weight, -256, 254)
    if weight.min() < -256 and weight.max() > 0:
        weight = np.clip(weight, -256, 254)
    low, high = int(weight.min()), int(weight.max())
    if low == high == 0:
        raise InputError("all weights of a layer are zero", hint="lava-dl cannot load such a layer")
    signed = int(low < 0 <= high)
    if signed:
        ratio = min(127 / high if high else np.inf, -128 / low)
    else:
        ratio = 255 / high if high > 0 else -256 / low
    shift = int(np.floor(np.log2(ratio))) + signed
    used_bits = int(np.bitwise_or.reduce(weight, axis=None))
    zeros = next(n for n in range(8, -1, -1) if used_bits % (1 << n) == 0)
    bits = SYNAPSE_BITS - shift - (zeros - signed)
    return np.left_shift(weight.astype(np.int32), shift), bits, -shift


def _dense_weights(weight, bits):
    """Clip and truncate one matrix as Lava's Dense process does for the matrix's own sign.

    numpy's shifts by a negative number give 0 (or -1), as they do within Lava.
    """
    excitatory, inhibitory = weight.min() >= 0, weight.max() <= 0
    mixed = not (excitatory or inhibitory)
    sign = -1 if inhibitory and not excitatory else 1
    weight = np.clip(sign * weight, -256 if mixed else 0, 255)
    cut = SYNAPSE_BITS - bits + mixed
    return sign * np.left_shift(np.right_shift(weight, cut), cut)
