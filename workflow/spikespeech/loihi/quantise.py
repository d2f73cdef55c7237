"""Trained weights as integers for Loihi: scales, thresholds, decays, and what they cost.

A layer's float dynamics are (mlGeNN's exponential synapses, leaky integrators)

    I(t) = bs I(t-1) + a(t),  V(t) = bm V(t-1) + k I(t),  k = (1 - bm) (tau_syn / dt) (1 - bs)

with bs = exp(-dt/tau_syn), bm = exp(-dt/tau_mem). Loihi has u and v without k, so that the weights
carry it: k W = LSB q with integers q of a given word length. Then V = LSB v / 2^6.
"""

from dataclasses import dataclass

import numpy as np

from spikespeech.errors import InputError
from spikespeech.loihi.netx_file import LARGEST_THRESHOLD, Layer, synapses
from spikespeech.network import Parameters

SCALES = ("percentile", "error")
WORD_LENGTHS = (8, 6, 4, 3, 2)
DECAY_UNIT = 1 << 12


@dataclass(frozen=True)
class Quantised:
    """A network in integers.

    Attributes
    ----------
    layers : list of netx_file.Layer, hidden and output
    lsb : (hidden, output), value of one unit of q in V
    weights : Parameters that the integers stand for, float32, on the scale of the original
    report : dictionary fit for JSON: word length, scale and errors of each layer
    """

    layers: list
    lsb: tuple
    weights: Parameters
    report: dict


def quantise(
    network, weights, *, bits=8, scale="percentile", activity=None, coarser=0, lsb=(None, None)
):
    """Return a `Quantised` network.

    Parameters
    ----------
    network, weights : Network, Parameters
    bits : word length of the weights, one of `WORD_LENGTHS`; q is in -2^(bits-1) … 2^(bits-1) - 1
    scale : "percentile": LSB = 2^(floor(log2 p) - bits + 2), p the larger 99th percentile of
        positive and of negative weights (Shoesmith et al. 2025, ml_genn_netx). "error": the LSB
        that minimises the squared error, threshold / LSB an integer
    activity : for "error": (n_inputs,) and (n_hidden,) spikes of calibration data, by which the
        errors of a source's weights are weighed; by default all sources alike
    coarser : number of times that the output's LSB is doubled, to give its voltage more room
    lsb : (hidden, output), given scales instead of those that `scale` finds

    Raises InputError for what a NetX file or Lava cannot hold: several time constants within a
    layer, a threshold outside 17 bits, all-zero weights, an unknown word length or scale.
    """
    if bits not in WORD_LENGTHS:
        raise InputError(
            f"weights of {bits} bits", hint=f"choose from {', '.join(map(str, WORD_LENGTHS))}"
        )
    if scale not in SCALES:
        raise InputError(f"scale {scale!r}", hint=f"choose from {', '.join(SCALES)}")
    for name, array in weights.items():
        if not np.all(np.isfinite(array)):
            raise InputError(f"{name} holds NaN or infinity", hint="train the network again")
    input_activity, hidden_activity = activity if activity is not None else (None, None)
    recurrent = [(weights["hidden_hidden"], hidden_activity)] if network.recurrent else []
    threshold = one_value("threshold", network.threshold)
    hidden = IntegerConstants(network.tau_mem, network.tau_syn, network.dt_ms, "tau_mem", "tau_syn")
    output = IntegerConstants(
        network.tau_mem_output,
        network.tau_syn_output,
        network.dt_ms,
        "tau_mem_output",
        "tau_syn_output",
    )
    hidden_part = _quantise_layer(
        "hidden",
        [(weights["input_hidden"], input_activity), *recurrent],
        hidden,
        threshold,
        True,
        bits,
        scale,
        0,
        lsb[0],
    )
    output_part = _quantise_layer(
        "output",
        [(weights["hidden_output"], hidden_activity)],
        output,
        threshold,
        network.spiking_output,
        bits,
        scale,
        coarser,
        lsb[1],
    )
    arrays = *hidden_part.arrays, *output_part.arrays
    return Quantised(
        [hidden_part.layer, output_part.layer],
        (hidden_part.lsb, output_part.lsb),
        Parameters({c.name: a for c, a in zip(network.connections, arrays, strict=True)}),
        {"bits": bits, "scale": scale, "layers": [hidden_part.report, output_part.report]},
    )


def one_value(name, values):
    """Return the one value of a neuron parameter; InputError where neurons differ."""
    values = np.unique(values)
    if len(values) > 1:
        raise InputError(
            f"{name} has {len(values)} different values in one layer",
            hint="lava-dl loads one value for a layer: train with the same for all neurons",
        )
    return float(values[0])


def decay(tau, dt_ms):
    """Return exp decay over dt as Loihi's integer d: factor 1 - d / 2^12."""
    return round(DECAY_UNIT * (1 - np.exp(-dt_ms / tau)))


def drive(tau_mem, tau_syn, dt_ms):
    """Return k above: what the weights carry of the membrane's and the synapse's scale."""
    return (1 - np.exp(-dt_ms / tau_mem)) * (tau_syn / dt_ms) * (1 - np.exp(-dt_ms / tau_syn))


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
    """A layer's time constants, one value each, and their integer decays."""

    def __init__(self, tau_mem, tau_syn, dt_ms, mem_name, syn_name):
        tau_mem, tau_syn = one_value(mem_name, tau_mem), one_value(syn_name, tau_syn)
        self.voltage_decay, self.current_decay = decay(tau_mem, dt_ms), decay(tau_syn, dt_ms)
        self.drive = drive(tau_mem, tau_syn, dt_ms)
        for name, tau, d in (
            (mem_name, tau_mem, self.voltage_decay),
            (syn_name, tau_syn, self.current_decay),
        ):
            if d == 0:
                raise InputError(
                    f"{name} of {tau:g} ms decays by less than 2^-13 a step",
                    hint=f"Loihi's decays have 12 bits: use longer steps or a shorter {name}",
                )


@dataclass(frozen=True)
class _QuantisedLayer:
    layer: Layer
    lsb: float
    arrays: list
    report: dict


def _quantise_layer(name, matrices, constants, threshold, spiking, bits, scale, coarser, lsb):
    """Quantise the matrices [(weights (source, target), activity or None), …] of one layer."""
    arrays = [np.asarray(w, np.float64) * constants.drive for w, _ in matrices]
    if not any(a.any() for a in arrays):
        raise InputError(
            f"all weights of the {name} layer are zero", hint="lava-dl cannot load such a layer"
        )
    if lsb is None and scale == "percentile":
        lsb = percentile_lsb(arrays, bits)
    elif lsb is None:
        factors = [np.ones(len(w)) if f is None else np.asarray(f, float) for w, f in matrices]
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
    mantissa = round(threshold / unit) if spiking else LARGEST_THRESHOLD
    if not 1 <= mantissa <= LARGEST_THRESHOLD:
        raise InputError(
            f"threshold of the {name} layer is {threshold / unit:.4g} units of its weights, "
            f"outside 1 … {LARGEST_THRESHOLD}",
            hint="train again with weights nearer the threshold, or choose another word length",
        )
    layer = Layer(
        integers[0].T,
        integers[1].T if len(integers) > 1 else None,
        constants.current_decay,
        constants.voltage_decay,
        mantissa,
    )
    report = {
        "name": name,
        "lsb": unit,
        "factor": factor,
        "threshold": mantissa,
        "threshold_error": mantissa * unit / threshold - 1 if spiking else None,
        "current_decay": constants.current_decay,
        "voltage_decay": constants.voltage_decay,
        "largest_voltage": LARGEST_THRESHOLD * unit,
        "matrices": [_errors(a, q // factor, lsb) for a, q in zip(arrays, integers, strict=True)],
    }
    kept = [(q * unit / constants.drive).astype(np.float32) for q in integers]
    return _QuantisedLayer(layer, unit, kept, report)


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
