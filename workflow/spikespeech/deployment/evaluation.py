"""Deployed networks on test data: input conventions, predictions in integers, causes of loss."""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spikespeech import command, fixed_point, network, statistics
from spikespeech.backends import native
from spikespeech.errors import InputError
from spikespeech.fixed_point import GradedSpikes
from spikespeech.loihi import quantise
from spikespeech.loihi.netx_file import LARGEST_THRESHOLD
from spikespeech.network import Weights
from spikespeech.spikes import splits
from spikespeech.spikes.stored import CHUNK, chunks
from spikespeech.training.settings import Settings

RUN = 2304  # examples that run back to back: all of SHD's test part, and what memory holds
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


def parser(description):
    """Return a parser with what a study of one network takes; see `load`."""
    arguments = command.parser(description)
    arguments.add_argument("weights", type=Path, help="weights.h5")
    arguments.add_argument("--parts", type=Path, nargs="+", required=True, help="to calibrate with")
    arguments.add_argument("--test", type=Path, required=True, help="binned test spikes")
    arguments.add_argument("--split", type=Path, required=True, help="who tests (CSV)")
    for option, text in (("settings", "of the training"), ("deployment", "of the deployment")):
        arguments.add_argument(
            f"--{option}", type=command.json_argument, required=True, help=f"JSON, {text}"
        )
    arguments.add_argument("--threads", type=int, default=1, help="results are the same for any")
    arguments.add_argument("--out", type=Path, required=True, help="table to write (CSV)")
    return arguments


def load(arguments):
    """Return (network, weights, calibration spikes, *`test_side`) of the arguments of `parser`."""
    examples = calibration(
        arguments.parts, arguments.split, arguments.deployment["calibration_examples"]
    )
    test = test_side(arguments.test, arguments.split, arguments.settings)
    return *network.load(arguments.weights), examples, *test


def binary(spikes):
    """Yield the GradedSpikes of SpikeTrains or Stored, some examples at a time."""
    return map(GradedSpikes.from_spike_trains, chunks(spikes))


def bin_events(events, examples, convention, *, n_steps, dt_ms):
    """Yield GradedSpikes, by one of `INPUTS`, of some examples of an `events.Events` file.

    `examples` (n,) ascend; those that the file holds near each other come together.
    """
    if convention not in INPUTS:
        raise InputError(f"input {convention!r}", hint=f"choose from {', '.join(INPUTS)}")
    for first, times, units, lengths in events.chunks():
        begin, end = np.searchsorted(examples, (first, first + len(lengths)))
        ends = np.cumsum(lengths)
        spans = [slice(ends[i] - lengths[i], ends[i]) for i in examples[begin:end] - first]
        binned = [
            _bin(times[span], units[span], convention, n_steps, dt_ms, events.n_units)
            for span in spans
        ]
        if binned:
            codes, counts = (np.concatenate(column) for column in zip(*binned, strict=True))
            yield GradedSpikes(
                np.concatenate([[0], np.cumsum([len(codes) for codes, _ in binned])]),
                (codes // events.n_units).astype(np.int32),
                (codes % events.n_units).astype(np.int32),
                counts.astype(np.int32),
                n_steps,
                events.n_units,
            )


def check_same(events, rows):
    """Raise InputError unless an `events.Events` file holds the examples of the split's `rows`."""
    if max(rows.example, default=-1) >= len(events) or not np.array_equal(
        events.labels[rows.example], rows.label
    ):
        raise InputError(
            "holds other examples than the split",
            file=events.path,
            hint="make the split and the binned spikes from it anew",
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
    largest_count : (n,) the most of them at one input in one step
    hidden_spikes : (n, n_hidden) counts
    output_spikes : (n,) counts; 0 for outputs that only integrate
    wrapped, saturated : (n, 2) steps in which a current of the layer wrapped around, a voltage
        was clipped
    """

    readouts: np.ndarray
    input_spikes: np.ndarray
    largest_count: np.ndarray
    hidden_spikes: np.ndarray
    output_spikes: np.ndarray
    wrapped: np.ndarray
    saturated: np.ndarray

    @property
    def predictions(self):
        """Class of each example."""
        return self.readouts.argmax(axis=1)


def evaluate(layers, inputs, loss, windows=None, *, output_lsb=1.0, threads=1):
    """Run a NetX network's layers; return the Outcome.

    Parameters
    ----------
    inputs : GradedSpikes, or an iterable of them, as `binary` and `bin_events` yield
    loss : Loss, which says how outputs are read
    windows : (1 or n, n_steps) of `loss.windows`, for losses of kind "window"
    output_lsb : V of one unit of the output's weights, see `quantise.Quantised.lsb`
    """
    parts, done = [], 0
    for some in _pieces(inputs):
        window = windows
        if windows is not None and len(windows) > 1:
            window = windows[done : done + len(some)]
        parts.append(_evaluate(layers, some, loss, window, output_lsb / 64, threads))
        done += len(some)
    joined = (np.concatenate([getattr(p, f) for p in parts]) for f in Outcome.__dataclass_fields__)
    return Outcome(*joined)


def _pieces(inputs):
    """Yield GradedSpikes of some examples, of all or of what yields them."""
    if not isinstance(inputs, GradedSpikes):
        yield from inputs
        return
    for first in range(0, len(inputs), CHUNK):
        yield replace(inputs, offsets=inputs.offsets[first : first + CHUNK + 1])


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
    counts = np.split(inputs.counts, inputs.offsets)[1:-1]
    return Outcome(
        readouts,
        np.diff(inputs.offsets),
        np.array([count.max(initial=0) for count in counts]),
        states.spike_counts[0].astype(np.int32),
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
    """Return the predictions (n,) of runs over RUN examples, with a reset between them.

    Lava's `reset_interval` clears u and v but neither the spikes under way nor, in the same step,
    the next layer: the last step's spikes reach the next example, and the output's first step
    belongs to the example before (as in the evaluation of Shoesmith et al. 2025). For windowed
    losses with one window. `inputs` as in `evaluate`.
    """
    if loss.kind not in ("window", "per_timestep") or (windows is not None and len(windows) > 1):
        raise InputError(f"loss {loss.name!r} is not read by one window")
    window = np.ones(1) if windows is None else windows[0]
    pieces, predictions = _pieces(inputs), []
    while run := list(itertools.islice(pieces, RUN // CHUNK)):
        states = fixed_point.simulate(
            layers,
            _end_to_end(run),
            reset_interval=run[0].n_steps,
            input_message_bits=8,
            record=(),
            window=np.broadcast_to(window, run[0].n_steps),
        )
        predictions.append(states.readouts[0].argmax(axis=1))
    return np.concatenate(predictions)


def _end_to_end(pieces):
    """Join all examples of GradedSpikes into a single one, one after the other in time."""
    steps, units, counts, done = [], [], [], 0
    for piece in pieces:
        span = slice(piece.offsets[0], piece.offsets[-1])
        place = np.repeat(np.arange(len(piece)), np.diff(piece.offsets)) + done
        steps.append(piece.steps[span] + (place * piece.n_steps).astype(np.int32))
        units.append(piece.units[span])
        counts.append(piece.counts[span])
        done += len(piece)
    steps, units, counts = map(np.concatenate, (steps, units, counts))
    ends = np.array([0, len(steps)])
    return GradedSpikes(ends, steps, units, counts, done * pieces[0].n_steps, pieces[0].n_units)


def float_outcome(network, weights, loss, spikes, threads=1):
    """Return eventprop's Outcome of the float network."""
    return native.Backend(network, weights, loss, threads=threads).evaluate(spikes)


def test_side(test, split, settings):
    """Return (Stored, rows of the split, Loss, its windows) of a network's test examples.

    test : path of the binned test part; split : path of the split; settings : of the training
    """
    rows = splits.read(split)
    spikes = splits.gather([test], rows, "test")
    rows = rows[rows.side == "test"]
    loss = Settings.parse(settings).make_loss(spikes)
    windows = None
    if loss.kind == "window":
        read = [None] if loss.shared else chunks(spikes)
        windows = np.concatenate([loss.windows(some)[0] for some in read])
    return spikes, rows, loss, windows


def calibration(parts, split, examples):
    """Return some SpikeTrains of validation speakers, evenly spread, or None without any."""
    spikes = splits.gather(parts, splits.read(split), "validation")
    if not examples or not len(spikes):
        return None
    chosen = np.linspace(0, len(spikes) - 1, min(examples, len(spikes))).astype(int)
    return spikes.take(chosen)
