"""Export to NetX, the network exchange format of Lava: checked, and read back before it counts."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from spikespeech import eventprop, fixed_point
from spikespeech.errors import InputError
from spikespeech.files import atomic
from spikespeech.fixed_point import GradedSpikes
from spikespeech.loihi import netx_file
from spikespeech.loihi.quantise import Quantised, quantise
from spikespeech.network import Network
from spikespeech.spikes import SpikeTrains

MOST_DOUBLINGS = 8


def export(
    network: Network,
    weights: Mapping[str, np.ndarray],
    path: Path | str,
    *,
    bits: int = 8,
    scale: str = "percentile",
    calibration: SpikeTrains | None = None,
    delays: str = "host",
    long_delays: str = "refuse",
    lsb: Sequence[float] | None = None,
) -> Quantised:
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
    bits, scale, delays, long_delays, lsb : see `quantise.quantise`; scales that are given stay as
        they are
    calibration : SpikeTrains (never of test speakers) or None. With it the scale "error" weighs
        errors by activity, and the output's LSB is doubled until no output voltage of these
        examples reaches the limits; `report["output_lsb_doubled"]` says how often. Where the
        host delays inputs, `report["input_delays"]` says how many of their spikes it does not
        send, because they would come after the trial's end

    Raises InputError where the network does not fit, see `quantise.quantise`.
    """
    quantised = fit(
        network,
        weights,
        bits=bits,
        scale=scale,
        calibration=calibration,
        delays=delays,
        long_delays=long_delays,
        lsb=lsb,
    )
    with atomic(path) as partial:
        netx_file.write(partial, quantised.layers)
        _compare(netx_file.read(partial), quantised.layers, path)
    return quantised


def fit(
    network: Network,
    weights: Mapping[str, np.ndarray],
    *,
    bits: int = 8,
    scale: str = "percentile",
    calibration: SpikeTrains | None = None,
    delays: str = "host",
    long_delays: str | None = "refuse",
    lsb: Sequence[float] | None = None,
) -> Quantised:
    """Return the `Quantised` that `export` writes."""
    first = network.input_delays
    activity: Any = None
    occurring: Any = None
    sent: Any = None
    late: Any = None
    if calibration is not None:
        occurring = GradedSpikes.from_spike_trains(calibration)
        sent, late = occurring.delayed(weights[first.delay] if first else None)
        if scale == "error":
            activity = spike_counts(network, weights, calibration)
    for doublings in range(MOST_DOUBLINGS):
        quantised = quantise(
            network,
            weights,
            bits=bits,
            scale=scale,
            activity=activity,
            coarser=doublings,
            delays=delays,
            long_delays=long_delays,
            lsb=lsb,
        )
        report = quantised.report
        report["output_lsb_doubled"] = doublings
        report["calibration_examples"] = 0 if calibration is None else len(calibration)
        if calibration is not None and first:
            report["input_delays"]["late_spikes"] = int(late.sum())
            report["input_delays"]["spikes"] = len(calibration.steps)
        if calibration is None or network.spiking_output or lsb is not None:
            return quantised
        inputs = sent if delays == "host" else occurring
        states = fixed_point.simulate(quantised.layers, inputs, record=())
        if not states.spike_counts[-1].any() and not states.saturated[:, -1].any():
            return quantised
    raise InputError(
        f"the output voltage exceeds {quantised.report['layers'][-1]['largest_voltage']:.4g} on "
        "the calibration data, where the output fires",
        hint="regularise the output weights, or train with a loss that bounds the voltage",
    )


def spike_counts(network, weights, spikes):
    """Return {population: (n,) numbers of spikes} of inputs and hidden neurons in `spikes`.

    Those of hidden neurons are the float network's.
    """
    hidden = eventprop.simulate(network, weights, spikes, record=("hidden_spikes",)).hidden_spikes
    counts = np.bincount(hidden.units, minlength=network.n_hidden)
    sizes = [population.n for population in network.hidden]
    each = np.split(counts, np.cumsum(sizes)[:-1])
    return {
        network.input.name: np.bincount(spikes.units, minlength=network.n_inputs),
        **{population.name: n for population, n in zip(network.hidden, each, strict=True)},
    }


def _compare(read, written, path):
    for i, (a, b) in enumerate(zip(read, written, strict=True), start=1):
        for field in fields(netx_file.Layer):
            found, expected = getattr(a, field.name), getattr(b, field.name)
            if (found is None) != (expected is None) or not np.array_equal(found, expected):
                raise InputError(
                    f"{field.name} of layer/{i} does not read back as it was written",
                    file=path,
                    hint="export again",
                )
