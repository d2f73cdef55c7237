"""Deployed networks on test data: predictions in integers, and how they differ from float's."""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from spikespeech import fixed_point, statistics
from spikespeech.backends import native
from spikespeech.errors import InputError
from spikespeech.fixed_point import GradedSpikes
from spikespeech.spikes.stored import CHUNK

RUN = 2304  # examples that run back to back: all of SHD's test part, and what memory holds
NEVER = np.finfo(np.float32).min  # read-out of an output that does not spike, as in eventprop


@dataclass(frozen=True)
class FixedPointOutcome:
    """What a fixed-point evaluation saw.

    Attributes
    ----------
    readouts : (n, n_outputs) float64, V weighted as by the loss; the prediction is the largest
    input_spikes : (n,) events that were sent to the network
    late_spikes : (n,) events that were not, as their delay puts them after the trial's end
    largest_count : (n,) the most of them at one input in one step
    hidden_spikes : (n, n_hidden) counts, layer after layer
    output_spikes : (n,) counts; 0 for outputs that only integrate
    wrapped, saturated : (n, n_layers) steps in which a current of the layer wrapped around, a
        voltage was clipped
    """

    readouts: np.ndarray
    input_spikes: np.ndarray
    late_spikes: np.ndarray
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
    """Run a NetX network's layers; return the FixedPointOutcome.

    Parameters
    ----------
    inputs : GradedSpikes as they occur, or an iterable of them, as `binary` and `bin_events`
        yield; they are delayed here where the host does so (`netx_file.Layer.host_delay`)
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
    joined = (
        np.concatenate([getattr(p, f) for p in parts])
        for f in FixedPointOutcome.__dataclass_fields__
    )
    return FixedPointOutcome(*joined)


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
    pieces = (piece.delayed(layers[0].host_delay)[0] for piece in _pieces(inputs))
    predictions = []
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


def float_outcome(network, weights, loss, spikes, threads=1):
    """Return the native backend's Outcome of the float network."""
    return native.Backend(network, weights, loss, threads=threads).evaluate(spikes)


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
    sent, late = inputs.delayed(layers[0].host_delay)
    record = {"max": ("v",), "first_spike": ("spikes",)}.get(loss.kind, ())
    states = fixed_point.simulate(
        layers,
        sent,
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
    counts = np.split(sent.counts, sent.offsets)[1:-1]
    return FixedPointOutcome(
        readouts,
        np.diff(sent.offsets),
        late,
        np.array([count.max(initial=0) for count in counts]),
        np.hstack(states.spike_counts[:-1]).astype(np.int32),
        states.spike_counts[-1].sum(axis=1),
        states.wrapped,
        states.saturated,
    )


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
