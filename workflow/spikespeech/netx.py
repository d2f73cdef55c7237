"""Export to NetX, the network exchange format of Lava: checked, and read back before it counts."""

import numpy as np

from spikespeech import eventprop, fixed_point
from spikespeech.errors import InputError
from spikespeech.files import atomic
from spikespeech.loihi import netx_file
from spikespeech.loihi.quantise import quantise

MOST_DOUBLINGS = 8


def export(network, weights, path, *, bits=8, scale="percentile", calibration=None):
    """Quantise a network, write it as a NetX file, and return its `Quantised`.

    The file is read back as lava-dl reads it and compared with what was to be written; the
    weights that Lava will use equal the integers exactly. Problems of ml_genn_netx that cannot
    occur here: one-sign layers have a scale, thresholds fit 17 bits, neuron parameters are
    scalars, no data set is null, and a leaky-integrator output has the largest threshold, 2^17 - 1,
    instead of the constant 2^16, at which it fires.

    Parameters
    ----------
    network, weights : Network, Parameters
    path : the file to write
    bits, scale : see `quantise.quantise`
    calibration : SpikeTrains (never of test speakers) or None. With it the scale "error" weighs
        errors by activity, and the output's LSB is doubled until no output voltage of these
        examples reaches the limits; `report["output_lsb_doubled"]` says how often

    Raises InputError where the network does not fit, see `quantise.quantise`.
    """
    quantised = fit(network, weights, bits=bits, scale=scale, calibration=calibration)
    with atomic(path) as partial:
        netx_file.write(partial, quantised.layers)
        _compare(netx_file.read(partial), quantised.layers, path)
    return quantised


def fit(network, weights, *, bits=8, scale="percentile", calibration=None):
    """Return the `Quantised` that `export` writes."""
    activity = None
    if calibration is not None and scale == "error":
        activity = spike_counts(network, weights, calibration)
    for doublings in range(MOST_DOUBLINGS):
        quantised = quantise(
            network, weights, bits=bits, scale=scale, activity=activity, coarser=doublings
        )
        quantised.report["output_lsb_doubled"] = doublings
        quantised.report["calibration_examples"] = 0 if calibration is None else len(calibration)
        if calibration is None or network.spiking_output:
            return quantised
        states = fixed_point.simulate(quantised.layers, calibration, record=())
        if not states.spike_counts[-1].any() and not states.saturated[:, -1].any():
            return quantised
    raise InputError(
        f"the output voltage exceeds {quantised.report['layers'][-1]['largest_voltage']:.4g} on "
        "the calibration data, where the output fires",
        hint="regularise the output weights, or train with a loss that bounds the voltage",
    )


def spike_counts(network, weights, spikes):
    """Return (n_inputs,) and (n_hidden,) numbers of spikes in `spikes`, by the float network."""
    hidden = eventprop.simulate(network, weights, spikes, record=("hidden_spikes",)).hidden_spikes
    return (
        np.bincount(spikes.units, minlength=network.n_inputs),
        np.bincount(hidden.units, minlength=network.n_hidden),
    )


def _compare(read, written, path):
    for i, (a, b) in enumerate(zip(read, written, strict=True), start=1):
        same = (
            np.array_equal(a.weight, b.weight)
            and (a.weight_rec is None) == (b.weight_rec is None)
            and (a.weight_rec is None or np.array_equal(a.weight_rec, b.weight_rec))
            and (a.current_decay, a.voltage_decay, a.threshold)
            == (b.current_decay, b.voltage_decay, b.threshold)
        )
        if not same:
            raise InputError(
                f"layer/{i} does not read back as it was written", file=path, hint="export again"
            )
