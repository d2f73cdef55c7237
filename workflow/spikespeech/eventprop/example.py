"""One example through the network: hidden layer, outputs, loss, and back."""

from typing import NamedTuple

import numpy as np

from spikespeech.eventprop import backward, forward, outputs, readout
from spikespeech.eventprop.constants import Constants
from spikespeech.eventprop.kernel import kernel
from spikespeech.eventprop.vectors import aligned

CLOSED, WINDOWED, MAXIMUM, PER_TIMESTEP, FIRST_SPIKE = range(5)


class Spikes(NamedTuple):
    """The examples of a batch, as in SpikeTrains."""

    offsets: np.ndarray
    steps: np.ndarray
    units: np.ndarray
    labels: np.ndarray


class Model(NamedTuple):
    """A network as the kernels see it.

    input_weights, hidden_weights : flat (n_sources * width,) float32, width = `vectors.padded`;
        hidden_weights is empty for a feed-forward network
    output_weights : (n_hidden, n_outputs) float32
    slope_min : guard of 1 / (I - V)
    """

    input_weights: np.ndarray
    hidden_weights: np.ndarray
    output_weights: np.ndarray
    hidden: Constants
    output: Constants
    dt_ms: float
    slope_min: np.float32


class Reading(NamedTuple):
    """A loss as the kernels see it; all windows and responses are (1 or n_examples, n_steps)."""

    kind: int
    windows: np.ndarray
    drives: np.ndarray
    rho: np.ndarray
    kappa: np.ndarray
    delta: np.ndarray
    temperature: float
    alpha: float


class Penalty(NamedTuple):
    """The regulariser's jump of λ_V per spike too many or too few."""

    upper: float
    lower: float
    spikes: float


class Tapes(NamedTuple):
    """What the gradient needs of each example of a group; the first axis is the example's slot.

    first, ids, slope : of `forward.hidden_layer`
    first_source, steps : of `backward.sort_by_source`
    trace : of `backward.hidden_layer`
    output_gradient : (n_slots, n_hidden, n_outputs) float32
    """

    first: np.ndarray
    ids: np.ndarray
    slope: np.ndarray
    first_source: np.ndarray
    steps: np.ndarray
    trace: np.ndarray
    output_gradient: np.ndarray


class Scratch(NamedTuple):
    """Arrays that one thread works in."""

    first_input: np.ndarray
    state: np.ndarray
    sums: np.ndarray
    g: np.ndarray
    penalty: np.ndarray
    feedback: np.ndarray
    voltage: np.ndarray
    drive: np.ndarray
    lambda_v: np.ndarray
    lambda_i: np.ndarray
    phantom: np.ndarray
    first: np.ndarray
    ids: np.ndarray
    slope: np.ndarray
    jump: np.ndarray


class Results(NamedTuple):
    """What is known of each example afterwards.

    losses (n,), readouts (n, n_outputs) float64; hidden_spikes (n, n_hidden) int32 counts;
    guarded (n,) int64, how often 1 / (I - V) was; ordered (n,) whether its spikes are in order
    """

    losses: np.ndarray
    readouts: np.ndarray
    hidden_spikes: np.ndarray
    guarded: np.ndarray
    ordered: np.ndarray


def tapes(n_slots, n_traces, n_steps, n_sources, n_hidden, n_outputs, width):
    """Return Tapes that no example can overflow; memory is only taken where it is written."""
    return Tapes(
        np.empty((n_slots, n_steps + 1), np.int32),
        np.empty((n_slots, n_steps * n_hidden), np.uint16),
        np.empty((n_slots, n_steps * n_hidden), np.float32),
        np.empty((n_traces, n_sources + 1), np.int32),
        np.empty((n_traces, n_steps * n_sources), np.uint16),
        aligned((n_traces, n_steps * width)),
        np.empty((n_traces, n_hidden, n_outputs), np.float32),
    )


def scratch(n_steps, n_hidden, n_outputs, width):
    """Return one thread's Scratch."""
    cells = (n_steps, n_outputs)
    return Scratch(
        np.empty(n_steps + 1, np.int32),
        aligned((4, width)),
        np.empty((2, n_hidden)),
        np.empty(n_outputs),
        np.empty(n_hidden, np.float32),
        np.empty(n_steps * n_hidden, np.float32),
        *(np.zeros(cells, np.float32) for _ in range(4)),
        np.zeros(n_outputs, np.float32),
        np.zeros(n_steps + 1, np.int32),
        np.empty(n_steps * n_outputs, np.uint16),
        np.empty(n_steps * n_outputs, np.float32),
        np.zeros(n_steps * n_outputs, np.float32),
    )


def results(n, n_hidden, n_outputs):
    """Return empty Results."""
    return Results(
        np.zeros(n),
        np.zeros((n, n_outputs)),
        np.zeros((n, n_hidden), np.int32),
        np.zeros(n, np.int64),
        np.ones(n, np.bool_),
    )


@kernel
def read_simulated(hidden_tape, label, row, model, reading, w, out):
    """Simulate the outputs, and write their read-out and their adjoint's drive."""
    k = model.output
    tape = (w.first, w.ids, w.slope)
    spiking = reading.kind == FIRST_SPIKE
    outputs.simulate(hidden_tape, model.output_weights, k, spiking, w.voltage, tape)
    if reading.kind == WINDOWED:
        window, drive = reading.windows[row], reading.drives[row]
        return outputs.windowed(w.voltage, label, window, drive, model.dt_ms, out, w.g, w.drive)
    if reading.kind == MAXIMUM:
        return outputs.maximum(w.voltage, label, model.dt_ms, out, w.g, w.drive)
    if reading.kind == PER_TIMESTEP:
        return outputs.per_timestep(w.voltage, label, model.dt_ms, out, w.g, w.drive)
    return outputs.first_spike(
        tape,
        label,
        model.dt_ms,
        reading.temperature,
        reading.alpha,
        k,
        out,
        w.g,
        w.jump,
        w.phantom,
    )


@kernel
def run(i, slot, spikes, model, reading, penalty, learn, tapes, w, out):
    """Run example i forward, and if `learn` backward, writing to `slot` of the tapes."""
    start, end, label = spikes.offsets[i], spikes.offsets[i + 1], spikes.labels[i]
    units = spikes.units[start:end]
    tape = (tapes.first[slot], tapes.ids[slot], tapes.slope[slot])
    first, ids, _ = tape
    last = len(first) - 2

    out.ordered[i] = forward.index_steps(spikes.steps[start:end], w.first_input)
    forward.hidden_layer(
        units, w.first_input, model.input_weights, model.hidden_weights, model.hidden, w.state, tape
    )
    counts = out.hidden_spikes[i]
    for e in range(first[last + 1]):
        counts[ids[e]] += 1

    row = min(i, len(reading.rho) - 1)
    if reading.kind == CLOSED:
        rho, kappa, delta = reading.rho[row], reading.kappa[row], reading.delta[row]
        readout.read(tape, model.output_weights, rho, kappa, out.readouts[i], w.sums)
        out.losses[i] = readout.cross_entropy(out.readouts[i], label, w.g)
    else:
        out.losses[i] = read_simulated(tape, label, row, model, reading, w, out.readouts[i])
    if not learn:
        return

    gradient = tapes.output_gradient[slot]
    if reading.kind == CLOSED:
        readout.adjoint(tape, model.output_weights, delta, w.g, w.sums, w.feedback, gradient)
    else:
        output_tape = (w.first, w.ids, w.slope)
        out.guarded[i] += outputs.adjoint(
            w.drive,
            w.jump,
            w.phantom,
            model.output,
            model.slope_min,
            output_tape,
            w.lambda_v,
            w.lambda_i,
        )
        outputs.hand_back(
            tape, model.output_weights, model.output, w.lambda_v, w.lambda_i, w.feedback, gradient
        )

    # A spike in the last step reaches nothing: it does not count for the regulariser either.
    for j in range(len(counts)):
        w.penalty[j] = counts[j] - penalty.spikes
    for e in range(first[last], first[last + 1]):
        w.penalty[ids[e]] -= 1
    for j in range(len(counts)):
        w.penalty[j] *= penalty.upper if w.penalty[j] > 0 else penalty.lower
    out.guarded[i] += backward.hidden_layer(
        tape,
        w.feedback,
        model.hidden_weights,
        model.hidden,
        w.penalty,
        model.slope_min,
        w.state,
        tapes.trace[slot],
    )
    n_inputs = len(model.input_weights) // len(w.state[0])
    backward.sort_by_source(
        units, w.first_input, tape, n_inputs, tapes.first_source[slot], tapes.steps[slot]
    )


@kernel
def run_all(examples, slots, spikes, model, reading, penalty, learn, tapes, scratch, out):
    """Run `examples` one after another: one thread's share of a group."""
    for e in range(len(examples)):
        run(examples[e], slots[e], spikes, model, reading, penalty, learn, tapes, scratch, out)


@kernel
def gather_all(n_slots, tapes, columns, width, gradient, output_gradient):
    """Add the gradients of a group's examples, in order, to some columns of the batch's sum.

    The columns are one thread's share. Each sum is of one thread and in order of examples, so
    that the bytes are the same for any number of threads and any size of group.
    """
    n_steps = tapes.first.shape[1] - 1
    for c in range(len(columns)):
        for slot in range(n_slots):
            backward.gather(
                tapes.first_source[slot],
                tapes.steps[slot],
                n_steps,
                tapes.trace[slot],
                columns[c],
                width,
                gradient,
            )
        if columns[c] == 0:
            for slot in range(n_slots):
                output_gradient += tapes.output_gradient[slot]
