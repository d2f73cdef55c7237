"""Trained weights as integers for Loihi: scales, thresholds, decays, and what they cost.

A layer's float dynamics are (mlGeNN's exponential synapses, leaky integrators)

    I(t) = bs I(t-1) + a(t),  V(t) = bm V(t-1) + k I(t)

with bs and bm of `neurons.decays` and k of `neurons.gain`. Loihi has u and v without k, so that the
weights carry it: k W = LSB q with integers q of a given word length. Then V = LSB v / 2^6.
"""

from dataclasses import dataclass, replace

import numpy as np

from spikespeech.errors import InputError
from spikespeech.loihi.netx_file import LARGEST_DELAY, LARGEST_THRESHOLD, Layer, synapses
from spikespeech.network import LI, LIF, Parameters
from spikespeech.network.chain import chain
from spikespeech.network.constants import settled
from spikespeech.network.neurons import decays, gain
from spikespeech.network.parameters import delay_steps, synapse_steps

SCALES = ("percentile", "error")
WORD_LENGTHS = (8, 6, 4, 3, 2)
DELAYS = {
    "host": "the host sends each input spike as many steps later as layer/0/hostDelay says for its "
    f"channel: Loihi's limit of {LARGEST_DELAY} steps does not bear on it, and lava-dl, which does "
    "not read it, must be given delayed spikes",
    "chip": f"Loihi's synapses delay input spikes, by {LARGEST_DELAY} steps at most: layer/1/delay",
}
"""Who delays spikes of input channels by a fixed delay each; the chip delays all others."""
LONG_DELAYS = {
    "clip": f"delays on the chip above {LARGEST_DELAY} steps become {LARGEST_DELAY}",
    "refuse": f"a network with delays on the chip above {LARGEST_DELAY} steps is refused",
}
"""What becomes of delays that Loihi's synapses do not have."""
RECURRENT_DELAYS = (
    "lava-dl 0.6 stops at recurrent layers with delays on the chip, whose block has one matrix of "
    "delays for both synapses; Lava's own processes run them"
)
THRESHOLDS = {LIF: lambda neuron: neuron.threshold, LI: lambda neuron: None}
"""Neuron models that Loihi's CUBA neurons can be, and their thresholds."""
DECAY_UNIT = 1 << 12


@dataclass(frozen=True)
class Quantised:
    """A network in integers.

    Attributes
    ----------
    layers : list of netx_file.Layer, hidden ones first, the output last
    lsb : for each of them, value of one unit of q in V
    weights : Parameters that the integers stand for, on the scale of the original
    report : dictionary fit for JSON: word length, scale and errors of each layer
    """

    layers: list
    lsb: tuple
    weights: Parameters
    report: dict


def quantise(
    network,
    weights,
    *,
    bits=8,
    scale="percentile",
    activity=None,
    coarser=0,
    lsb=None,
    delays="host",
    long_delays="refuse",
):
    """Return a `Quantised` network.

    Parameters
    ----------
    network, weights : Network whose layers form a chain, Parameters
    bits : word length of the weights, one of `WORD_LENGTHS`; q is in -2^(bits-1) … 2^(bits-1) - 1
    scale : "percentile": LSB = 2^(floor(log2 p) - bits + 2), p the larger 99th percentile of
        positive and of negative weights (Shoesmith et al. 2025, ml_genn_netx). "error": the LSB
        that minimises the squared error, threshold / LSB an integer
    activity : for "error": {population: (n,) spikes of calibration data}, by which the errors of
        a source's weights are weighed; by default all sources alike
    coarser : number of times that the output's LSB is doubled, to give its voltage more room
    lsb : given scales, one a layer, instead of those that `scale` finds
    delays : who delays input spikes, one of `DELAYS`
    long_delays : what becomes of delays that the chip has not, one of `LONG_DELAYS`; None keeps
        them, for simulations alone

    `report["delays"]` says of each connection that the chip delays how long its delays are, and
    what clipping did. Learned ones count in whole steps.

    Raises InputError for what a NetX file or Lava cannot hold: connections that pass over a layer,
    several constants within a layer, a threshold outside 17 bits, all-zero weights, longer delays
    than Loihi has, an unknown word length or scale.
    """
    for name, value, choices in (
        ("weights of {} bits", bits, WORD_LENGTHS),
        ("scale {!r}", scale, SCALES),
        ("delays by {!r}", delays, DELAYS),
        ("long delays: {!r}", long_delays, (*LONG_DELAYS, None)),
    ):
        if value not in choices:
            raise InputError(name.format(value), hint=f"choose from {', '.join(map(str, choices))}")
    for name, array in weights.items():
        if not np.all(np.isfinite(array)):
            raise InputError(f"{name} holds NaN or infinity", hint="train the network again")
    network, _ = settled(network, weights)
    host = network.input_delays if delays == "host" else None
    parts, threshold, delayed = [], None, []
    for i, layer in enumerate(chain(network)):
        constants = IntegerConstants(layer.population, network.dt_ms)
        # Scales of outputs that only integrate are fractions of the last hidden layer's threshold.
        threshold = constants.threshold or threshold or 1.0
        parts.append(
            _quantise_layer(
                layer,
                weights,
                constants,
                threshold,
                bits=bits,
                scale=scale,
                activity=activity,
                coarser=coarser if layer.population is network.output else 0,
                lsb=lsb[i] if lsb is not None else None,
            )
        )
        delayed.append(_delays(layer, weights, host, long_delays))
    report = {
        "bits": bits,
        "scale": scale,
        "layers": [part.report for part in parts],
        "delays": [entry for part in delayed for entry in part.report],
    }
    if first := network.input_delays:
        longest = int(weights[first.delay].max())
        report["input_delays"] = {"by": delays, "longest": longest, "note": DELAYS[delays]}
    if any("delay_rec" in part.fields for part in delayed):
        report["delays_note"] = RECURRENT_DELAYS
    kept = {name: array for part in (*parts, *delayed) for name, array in part.weights.items()}
    layers = [replace(part.layer, **late.fields) for part, late in zip(parts, delayed, strict=True)]
    lsb = tuple(part.lsb for part in parts)
    return Quantised(layers, lsb, Parameters(weights) | kept, report)


def one_value(name, values):
    """Return the one value of a neuron parameter; InputError where neurons differ."""
    values = np.unique(values)
    if len(values) > 1:
        raise InputError(
            f"{name} has {len(values)} different values in one layer",
            hint="lava-dl loads one value for a layer: train with the same for all neurons",
        )
    return float(values[0])


def percentile_lsb(arrays, bits):
    """Return the power of two of Shoesmith et al. 2025 for a layer's matrices together."""
    values = np.concatenate([np.ravel(a) for a in arrays])
    sides = [side for side in (values[values > 0], -values[values <= 0]) if len(side)]
    largest = max(np.percentile(side, 99) for side in sides)
    if largest <= 0:
        largest = np.abs(values).max()  # fewer than 1 in 100 weights differ from zero
    return 2.0 ** (np.floor(np.log2(largest)) - (bits - 2))


def error_lsb(arrays, bits, threshold, source_weights):
    """Return the LSB = threshold / n, n an integer, with the least squared error.

    source_weights : (n_sources,) for each of the arrays, factors of the squared errors
    """
    largest = max(float(np.abs(a).max()) for a in arrays)
    top = 2 ** (bits - 1)

    def error(n):
        lsb = threshold / n
        return sum(
            float(np.sum(f[:, None] * (np.clip(np.rint(a / lsb), -top, top - 1) * lsb - a) ** 2))
            for a, f in zip(arrays, source_weights, strict=True)
        )

    # From an LSB that clips nothing to one that clips all above a twentieth of the largest, then
    # twice around the best, so that weights which are on a grid already keep it.
    low, high = np.log(threshold * np.array([top / 2, 20 * top]) / largest)
    for points in (64, 32, 32):
        candidates = np.unique(np.rint(np.exp(np.linspace(low, high, points))))
        best = min(candidates[candidates >= 1], key=error, default=1.0)
        step = (high - low) / (points - 1)
        low, high = np.log(best) - step, np.log(best) + step
    return threshold / best


class IntegerConstants:
    """A population's constants as Loihi has them: one value each, factors of decay 1 - d / 2^12.

    Attributes
    ----------
    voltage_decay, current_decay : d of membrane and synapse
    gain : k above
    threshold : of V; None for neurons that only integrate
    """

    def __init__(self, population, dt_ms):
        model = type(population.neuron)
        if model not in THRESHOLDS:
            raise InputError(
                f"{population.name} is of {model.__name__} neurons",
                hint=f"Loihi's CUBA neurons are {' or '.join(m.__name__ for m in THRESHOLDS)}",
            )
        neuron = model(
            **{
                name: one_value(f"{name} of {population.name}", value)
                for name, value in vars(population.neuron).items()
            }
        )
        self.gain = float(gain(neuron, dt_ms))
        self.threshold = THRESHOLDS[model](neuron)
        self.voltage_decay, self.current_decay = (
            round(DECAY_UNIT * (1 - left)) for left in decays(neuron, dt_ms)
        )
        for name, d in (("tau_mem", self.voltage_decay), ("tau_syn", self.current_decay)):
            if d == 0:
                raise InputError(
                    f"{name} of {population.name}, {getattr(neuron, name):g} ms, decays by less "
                    "than 2^-13 a step",
                    hint=f"Loihi's decays have 12 bits: use longer steps or a shorter {name}",
                )


@dataclass(frozen=True)
class _QuantisedLayer:
    layer: Layer
    lsb: float
    weights: dict
    report: dict


@dataclass(frozen=True)
class _Delayed:
    """Fields of `netx_file.Layer`, parameters that they stand for, entries of the report."""

    fields: dict
    weights: dict
    report: list


def _quantise_layer(layer, weights, constants, threshold, *, bits, scale, activity, coarser, lsb):
    """Quantise a `chain.Layer`; its weights return by name."""
    name = layer.population.name
    connections = [c for c in (layer.incoming, layer.recurrent) if c]
    arrays = [np.asarray(weights[c.name], np.float64) * constants.gain for c in connections]
    masks = [slice(None) if c.synapses is None else weights[c.mask] != 0 for c in connections]

    def existing(matrices):
        return [matrix[mask] for matrix, mask in zip(matrices, masks, strict=True)]

    if not any(a.any() for a in arrays):
        raise InputError(
            f"all weights of the {name} layer are zero", hint="lava-dl cannot load such a layer"
        )
    if lsb is None and scale == "percentile":
        lsb = percentile_lsb(existing(arrays), bits)
    elif lsb is None:
        factors = [
            np.ones(len(a)) if activity is None else np.asarray(activity[c.source], float)
            for a, c in zip(arrays, connections, strict=True)
        ]
        if not any(f.any() for f in factors):
            raise InputError(
                f"no source of the {name} layer spikes in the calibration data",
                hint="calibrate with other data, or train until hidden neurons spike",
            )
        lsb = error_lsb(arrays, bits, threshold, factors)
    lsb *= 2.0**coarser
    integers = [_integers(a, lsb, bits) for a in arrays]
    if not any(q.any() for q in integers):
        raise InputError(
            f"all weights of the {name} layer round to zero at {bits} bits", hint="use more bits"
        )
    integers, factor = _loadable(integers)
    unit = lsb / factor
    spiking = constants.threshold is not None
    mantissa = round(threshold / unit) if spiking else LARGEST_THRESHOLD
    if not 1 <= mantissa <= LARGEST_THRESHOLD:
        raise InputError(
            f"threshold of the {name} layer is {threshold / unit:.4g} units of its weights, "
            f"outside 1 … {LARGEST_THRESHOLD}",
            hint="train again with weights nearer the threshold, or choose another word length",
        )
    integer_layer = Layer(
        integers[0].T,
        integers[1].T if len(integers) > 1 else None,
        constants.current_decay,
        constants.voltage_decay,
        mantissa,
    )
    report = {
        **{"name": name, "lsb": unit, "factor": factor, "threshold": mantissa},
        "threshold_error": mantissa * unit / threshold - 1 if spiking else None,
        "current_decay": constants.current_decay,
        "voltage_decay": constants.voltage_decay,
        "largest_voltage": LARGEST_THRESHOLD * unit,
        "matrices": [
            {"name": c.name, **_errors(a, q // factor, lsb)}
            for c, a, q in zip(connections, existing(arrays), existing(integers), strict=True)
        ],
    }
    if lacking := {c.name: c.synapses for c in connections if c.synapses is not None}:
        report["synapses"] = lacking  # in NetX files the others are zeros
    kept = [(q * unit / constants.gain).astype(np.float32) for q in integers]
    by_name = {c.name: k for c, k in zip(connections, kept, strict=True)}
    return _QuantisedLayer(integer_layer, unit, by_name, report)


def _delays(layer, weights, host, long_delays):
    """Return the `_Delayed` of a `chain.Layer`; `host`: the connection that the host delays."""
    n, found = layer.population.n, _Delayed({}, {}, [])
    matrices = []
    for c in filter(None, (layer.incoming, layer.recurrent)):
        matrices.append(np.zeros((n, len(weights[c.name])), np.int64))
        if c == host:
            found.fields["host_delay"] = delay_steps(weights[c.delay])
        elif c.longest_delay:
            given = np.asarray(weights[c.delay], np.float32)
            long = synapse_steps(c, given, n) > LARGEST_DELAY
            if long.any() and long_delays == "refuse":
                raise InputError(
                    f"{c.delay} of {given.max():g} steps, Loihi's synapses have {LARGEST_DELAY}",
                    hint="clip them, delay input channels on the host, or train with shorter ones",
                )
            kept = np.minimum(given, LARGEST_DELAY) if long_delays == "clip" else given
            found.weights[c.delay] = kept
            matrices[-1] = synapse_steps(c, kept, n).T
            found.report.append(
                {
                    "name": c.name,
                    "shape": c.delay_shape,
                    "learned": c.learned_delays,
                    "longest": int(delay_steps(given).max()),
                    "longest_kept": int(matrices[-1].max()),
                    "clipped_fraction": float(long.mean()) if long_delays else 0.0,
                }
            )
    if found.report:
        found.fields.update(zip(("delay", "delay_rec"), matrices, strict=False))
    return found


def _integers(array, lsb, bits):
    top = 2 ** (bits - 1)
    return np.clip(np.rint(array / lsb), -top, top - 1).astype(np.int64)


def _loadable(integers):
    """Return (integers times factor, factor) that Lava loads without a change.

    In a matrix without positive entries Lava's synapse holds 8 bits of magnitude and no sign: a
    smallest weight of -2^n is shifted to -256 and cut to -255. Three times the weights (and the
    threshold) avoids that where they are short; else the smallest weights give way by one unit.
    """
    factor = 1
    while not _exact(integers, factor):
        if factor == 1 and max(np.abs(q).max() for q in integers) * 3 < 128:
            factor = 3
            continue
        lowest = min(q.min() for q in integers)
        integers = [np.where(q == lowest, lowest + 1, q) if q.max() <= 0 else q for q in integers]
    return [factor * q for q in integers], factor


def _exact(integers, factor):
    matrices = [factor * q.T for q in integers]
    layer = Layer(matrices[0], matrices[1] if len(matrices) > 1 else None, 0, 0, 1)
    loaded = (synapse.effective() for synapse in synapses(layer))
    return all(np.array_equal(a, b) for a, b in zip(loaded, matrices, strict=True))


def _errors(array, integers, lsb):
    """Return what clipping and rounding did to a matrix, relative to its root mean square."""
    error = integers * lsb - array
    clipped = np.abs(error) > lsb / 2 * (1 + 1e-9)
    size = np.sqrt(np.mean(array**2)) or 1.0

    def relative(mask):
        return float(np.sqrt(np.sum(error[mask] ** 2) / array.size) / size)

    cut = np.abs(array[clipped]) / np.maximum(np.abs(integers[clipped]) * lsb, lsb)
    return {
        "clipped": int(clipped.sum()),
        "clipped_fraction": float(clipped.mean()),
        "largest_cut": float(cut.max(initial=1.0)),
        "clipping_error": relative(clipped),
        "rounding_error": relative(~clipped),
        "error": relative(np.ones_like(clipped)),
        "zeros": float(np.mean(integers == 0)),
        "levels": len(np.unique(integers)),
    }
