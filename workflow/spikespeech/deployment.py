"""Deployed networks on test data: input conventions, predictions in integers, causes of loss."""

from dataclasses import dataclass, replace

import numpy as np

from spikespeech import eventprop, fixed_point, quantise, splits, statistics
from spikespeech.errors import InputError
from spikespeech.fixed_point import GradedSpikes
from spikespeech.network import Weights
from spikespeech.netx_file import LARGEST_THRESHOLD
from spikespeech.settings import Settings

CHUNK = 256
NEVER = np.finfo(np.float32).min  # read-out of an output that does not spike, as in eventprop
PAPER_OUTPUT_THRESHOLD = 1 << 16

INPUTS = {
    "binary": "at most one spike a step, steps count from t = 0 (as in training)",
    "counts": "the number of events in each step, from t = 0",
    "aligned": "at most one spike a step, steps count from the first event",
    "graded": "the number of events in each step, from the first event, without the last, "
    "incomplete step (tonic's ToFrame, as Shoesmith et al. 2025 feed Lava)",
}
"""Conventions by which events become the input of a NetX network."""


def bin_events(events, examples, convention, *, n_steps, dt_ms):
    """Return GradedSpikes of some examples of an `spikes.Events` file by one of `INPUTS`."""
    if convention not in INPUTS:
        raise InputError(f"input {convention!r}", mend=f"choose from {', '.join(INPUTS)}")
    wanted = set(np.asarray(examples).tolist())
    binned = {
        i: _bin(times, units, convention, n_steps, dt_ms, events.n_units)
        for i, (times, units) in enumerate(events)
        if i in wanted
    }
    binned = [binned[i] for i in np.asarray(examples).tolist()]
    offsets = np.concatenate([[0], np.cumsum([len(codes) for codes, _ in binned])])
    codes = np.concatenate([codes for codes, _ in binned] or [np.zeros(0, np.int64)])
    counts = np.concatenate([counts for _, counts in binned] or [np.zeros(0, np.int64)])
    return GradedSpikes(
        offsets.astype(np.int64),
        (codes // events.n_units).astype(np.int32),
        (codes % events.n_units).astype(np.int32),
        counts.astype(np.int32),
        n_steps,
        events.n_units,
    )


def check_same(events, rows):
    """Raise InputError unless an `spikes.Events` file holds the examples of the split's `rows`."""
    if max(rows.example, default=-1) >= len(events) or not np.array_equal(
        events.labels[rows.example], rows.label
    ):
        raise InputError(
            "holds other examples than the split",
            file=events.path,
            mend="make the split and the binned spikes from it anew",
        )


def _bin(times, units, convention, n_steps, dt_ms, n_units):
    """Return (step * n_units + unit, count) of the cells with events, in order."""
    if convention in ("binary", "counts"):
        steps = np.floor(times * 1e3 / dt_ms).astype(np.int64)
        last = n_steps
    else:
        # Whole microseconds, as tonic's SHD and SSC hold them.
        times, width = (times * 1e6).astype(np.int64), round(dt_ms * 1e3)
        steps = (times - times[0]) // width
        last = min((times[-1] - times[0]) // width, n_steps) if convention == "graded" else n_steps
    inside = steps < last
    codes, counts = np.unique(
        steps[inside] * n_units + units[inside].astype(np.int64), return_counts=True
    )
    return codes, counts if convention in ("counts", "graded") else np.ones_like(counts)


@dataclass(frozen=True)
class Outcome:
    """What a fixed-point evaluation saw.

    Attributes
    ----------
    readouts : (n, n_outputs) float64, V weighted as by the loss; the prediction is the largest
    input_spikes : (n,) events that reached the network
    hidden_spikes : (n, n_hidden) counts
    output_spikes : (n,) counts; 0 for outputs that only integrate
    wrapped, saturated : (n, 2) steps in which a current of the layer wrapped around, a voltage
        was clipped
    """

    readouts: np.ndarray
    input_spikes: np.ndarray
    hidden_spikes: np.ndarray
    output_spikes: np.ndarray
    wrapped: np.ndarray
    saturated: np.ndarray

    @property
    def predictions(self):
        """Class of each example."""
        return self.readouts.argmax(axis=1)


def evaluate(layers, inputs, loss, windows=None, *, output_lsb=1.0, threads=1):
    """Run a NetX network's layers on GradedSpikes; return the Outcome.

    Parameters
    ----------
    loss : Loss, which says how outputs are read
    windows : (1 or n, n_steps) of `loss.windows`, for losses of kind "window"
    output_lsb : V of one unit of the output's weights, see `quantise.Quantised.lsb`
    """
    parts = []
    for first in range(0, len(inputs), CHUNK):
        part = slice(first, min(first + CHUNK, len(inputs)))
        some = replace(inputs, offsets=inputs.offsets[part.start : part.stop + 1])
        window = windows[part] if windows is not None and len(windows) > 1 else windows
        parts.append(_evaluate(layers, some, loss, window, output_lsb / 64, threads))
    joined = (np.concatenate([getattr(p, f) for p in parts]) for f in Outcome.__dataclass_fields__)
    return Outcome(*joined)


def _evaluate(layers, inputs, loss, windows, unit, threads):
    if loss.kind == "per_timestep":
        windows = np.ones((1, inputs.n_steps))
    record = {"max": ("v",), "first_spike": ("spikes",)}.get(loss.kind, ())
    states = fixed_point.simulate(
        layers,
        inputs,
        input_message_bits=8,
        record=record,
        record_layers=(-1,),
        window=None if record else windows,
        threads=threads,
    )
    if loss.kind == "max":
        readouts = np.maximum(states.v[-1].max(axis=1), 0) * unit
    elif loss.kind == "first_spike":
        spikes = states.spikes[-1]
        first = -spikes.argmax(axis=1) * loss.dt_ms
        readouts = np.where(spikes.any(axis=1), first, NEVER)
    else:
        readouts = states.readouts[:, 0] * unit / inputs.n_steps
    return Outcome(
        readouts,
        np.diff(inputs.offsets),
        states.spike_counts[0],
        states.spike_counts[-1].sum(axis=1),
        states.wrapped,
        states.saturated,
    )


def compare(labels, reference, predictions):
    """Return counts of right predictions (n,), and how they differ from the reference's (n,).

    The difference of accuracies is paired, example by example: mean, bounds of its 95 % interval
    (Student's t) and McNemar's exact test.
    """
    labels = np.asarray(labels)
    interval = statistics.accuracy(labels, predictions)
    right, reference_right = predictions == labels, reference == labels
    difference = statistics.paired_difference(right.astype(float), reference_right.astype(float))
    test = statistics.mcnemar(labels, reference, predictions)
    return {
        "n": len(labels),
        "correct": int(right.sum()),
        "accuracy": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "difference": difference.estimate,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "only_float": test.only_first,
        "only_this": test.only_second,
        "p_value": test.p_value,
        "agreement": float(np.mean(reference == predictions)),
    }


def float_variants(network, weights, quantised):
    """Return {cause: (network, weights)}: float networks that bear one cause of loss each.

    decays : 12-bit decays; clipping, rounding : of the weights, each without the other;
    weights : both; decays and weights : all that is not the integer arithmetic of the states
    """
    decayed, gains = _with_integer_decays(network, quantised.layers)
    clipped, rounded = weights.copy(), weights.copy()
    matrix_layers = (0, 0, 1)
    for name, layer in zip(Weights.names(), matrix_layers, strict=True):
        w, kept = getattr(weights, name), getattr(quantised.weights, name)
        step = quantised.lsb[layer] / _drive(network, layer)
        cut = np.abs(kept - w) > step / 2 * (1 + 1e-4)
        getattr(clipped, name)[cut] = kept[cut]
        setattr(rounded, name, (np.rint(w / step) * step).astype(np.float32))
    return {
        "decays": (decayed, _scaled(weights, gains)),
        "clipping": (network, clipped),
        "rounding": (network, rounded),
        "weights": (network, quantised.weights),
        "decays and weights": (decayed, _scaled(quantised.weights, gains)),
    }


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
    decayed = replace(
        network,
        tau_mem=taus[0],
        tau_syn=taus[1],
        tau_mem_output=taus[2],
        tau_syn_output=taus[3],
    )
    return decayed, [_drive(network, i) / _drive(decayed, i) for i in range(2)]


def _scaled(weights, gains):
    gains = (gains[0], gains[0], gains[1])
    return Weights(*((w * g).astype(np.float32) for w, g in zip(weights, gains, strict=True)))


def with_output_threshold(layers, threshold=PAPER_OUTPUT_THRESHOLD):
    """Return the layers with another threshold of the output; by default ml_genn_netx's 2^16.

    It is a constant there, unrelated to the layer's scale, and fires. The default of
    `netx.export` is the largest of the 17-bit field.
    """
    if not 1 <= threshold <= LARGEST_THRESHOLD:
        raise InputError(f"output threshold {threshold} is outside 1 … {LARGEST_THRESHOLD}")
    return [*layers[:-1], replace(layers[-1], threshold=threshold)]


def back_to_back(layers, inputs, loss, windows):
    """Return the predictions (n,) of one run over all examples, with a reset between them.

    Lava's `reset_interval` clears u and v but neither the spikes under way nor, in the same step,
    the next layer: the last step's spikes reach the next example, and the output's first step
    belongs to the example before (as in the evaluation of Shoesmith et al. 2025). For windowed
    losses with one window.
    """
    if loss.kind not in ("window", "per_timestep") or (windows is not None and len(windows) > 1):
        raise InputError(f"loss {loss.name!r} is not read by one window")
    n = len(inputs)
    example = np.repeat(np.arange(n), np.diff(inputs.offsets))
    span = slice(inputs.offsets[0], inputs.offsets[-1])
    stream = GradedSpikes(
        np.array([0, len(example)]),
        (inputs.steps[span] + example * inputs.n_steps).astype(np.int32),
        inputs.units[span],
        inputs.counts[span],
        n * inputs.n_steps,
        inputs.n_units,
    )
    states = fixed_point.simulate(
        layers,
        stream,
        reset_interval=inputs.n_steps,
        input_message_bits=8,
        record=(),
        window=np.ones(inputs.n_steps) if windows is None else windows[0],
    )
    return states.readouts[0].argmax(axis=1)


def float_outcome(network, weights, loss, spikes, threads=1):
    """Return eventprop's Outcome of the float network."""
    return eventprop.Backend(network, weights, loss, threads=threads).evaluate(spikes)


def test_side(test, split, settings):
    """Return (SpikeTrains, rows of the split, Loss, its windows) of a network's test examples.

    test : path of the binned test part; split : path of the split; settings : of the training
    """
    rows = splits.read(split)
    spikes = splits.gather([test], rows, "test")
    rows = rows[rows.side == "test"]
    loss = Settings.parse(settings).make_loss(spikes)
    windows = loss.windows(spikes)[0] if loss.kind == "window" else None
    return spikes, rows, loss, windows


def calibration(parts, split, examples):
    """Return some SpikeTrains of validation speakers, evenly spread, or None without any."""
    spikes = splits.gather(parts, splits.read(split), "validation")
    if not examples or not len(spikes):
        return None
    chosen = np.linspace(0, len(spikes) - 1, min(examples, len(spikes))).astype(int)
    return spikes.take(chosen)
