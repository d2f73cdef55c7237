"""One example through the network: hidden layer, outputs, loss, and back."""

from typing import NamedTuple

import numpy as np

from spikespeech.engine import backward, forward, outputs, readout
from spikespeech.engine.constants import Constants
from spikespeech.engine.kernel import kernel
from spikespeech.kernels.compiling import take
from spikespeech.kernels.vectors import aligned, padded

CLOSED, WINDOWED, MAXIMUM, PER_TIMESTEP, FIRST_SPIKE = range(5)

GROUP = 8
"""So many examples of a share run forward before the first runs back: weights stay in the cache."""


class Spikes(NamedTuple):
    """The examples of a batch, as in SpikeTrains."""

    offsets: np.ndarray
    steps: np.ndarray
    units: np.ndarray
    labels: np.ndarray


class Model(NamedTuple):
    """A network as the kernels see it; each width is that of `vectors.padded`.

    Attributes
    ----------
    input_weights, recurrent_weights : flat (n_sources * width,) float32; recurrent_weights is
        empty for a feed-forward network
    output_weights : flat (n_hidden * width of the outputs,) float32
    hidden, output : Constants
    dt_ms : float
    slope_min : guard of 1 / (I - V)
    """

    input_weights: np.ndarray
    recurrent_weights: np.ndarray
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


class Scratch(NamedTuple):
    """Arrays that one thread works in; see the kernels."""

    first_input: np.ndarray
    tapes: tuple
    state: np.ndarray
    sums: np.ndarray
    penalty: np.ndarray
    feedback: np.ndarray
    trace: np.ndarray
    first_source: np.ndarray
    steps: np.ndarray
    output_tape: forward.Tape
    output_state: np.ndarray
    g: np.ndarray
    voltage: np.ndarray
    drive: np.ndarray
    lambda_v: np.ndarray
    lambda_i: np.ndarray
    jump: np.ndarray
    phantom: np.ndarray
    no_voltage: np.ndarray


class Results(NamedTuple):
    """What is known of each example afterwards.

    losses (n,), readouts (n, n_outputs) float64; hidden_spikes (n, n_hidden) int32 counts;
    guarded (n,) int64, how often 1 / (I - V) was; sound (n,) whether the spikes given are
    (`forward.index_steps`): if any are not, nothing else holds
    """

    losses: np.ndarray
    readouts: np.ndarray
    hidden_spikes: np.ndarray
    guarded: np.ndarray
    sound: np.ndarray


def scratch(n_steps, n_sources, n_hidden, n_outputs):
    """Return one thread's Scratch."""
    width, output_width = padded(n_hidden), padded(n_outputs)
    cells = n_steps * output_width
    return Scratch(
        np.zeros(n_steps + 1, np.uint32),
        tuple(forward.tape(n_steps, n_hidden) for _ in range(GROUP)),
        aligned((4, width)),
        np.zeros((2, n_hidden), np.float32),
        np.zeros(n_hidden, np.float32),
        np.empty(n_steps * n_hidden, np.float32),
        aligned(n_steps * width),
        np.zeros(n_sources + 1, np.uint32),
        np.empty(n_steps * n_sources, np.uint16),
        forward.tape(n_steps, n_outputs),
        aligned((4, output_width)),
        np.zeros(n_outputs),
        aligned(cells),
        np.zeros(cells, np.float32),
        aligned(cells),
        aligned(cells),
        np.zeros(n_steps * n_outputs, np.float32),
        np.zeros(n_outputs, np.float32),
        np.zeros(0, np.float32),
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
def read_simulated(hidden, label, row, model, reading, w, out):
    """Simulate the outputs; write their read-out and their adjoint's drive; return the loss."""
    k, g, dt, tape, nothing = model.output, w.g, model.dt_ms, w.output_tape, w.no_voltage
    forward.layer(
        hidden.ids, hidden.first, model.output_weights, nothing, k, w.output_state, tape, w.voltage
    )
    if reading.kind == MAXIMUM:
        highest, when = w.output_state[0], w.output_state[1]
        return outputs.maximum(w.voltage, label, dt, out, g, highest, when, w.drive)
    shape = (len(hidden.first) - 1, len(w.voltage) // (len(hidden.first) - 1))
    voltage, drive = w.voltage.reshape(shape), w.drive.reshape(shape)
    if reading.kind == WINDOWED:
        window, drive_window = reading.windows[row], reading.drives[row]
        return outputs.windowed(voltage, label, window, drive_window, dt, out, g, drive)
    if reading.kind == PER_TIMESTEP:
        return outputs.per_timestep(voltage, label, dt, out, g, drive)
    temperature, alpha = reading.temperature, reading.alpha
    return outputs.first_spike(tape, label, dt, temperature, alpha, out, g, w.jump, w.phantom)


@kernel
def penalise(tape, counts, rule, penalty):
    """Write the regulariser's jump at each spike of each neuron, from its number of spikes.

    A spike in the last step reaches nothing: it does not count.
    """
    last = len(tape.first) - 2
    for j in range(len(counts)):
        penalty[j] = counts[j] - rule.spikes
    for e in range(tape.first[last], tape.first[last + 1]):
        penalty[tape.ids[e]] -= 1
    for j in range(len(counts)):
        penalty[j] *= rule.upper if penalty[j] > 0 else rule.lower


@kernel
def of_example(spikes, i):
    """Return the steps and units of example i."""
    start, end = spikes.offsets[i], spikes.offsets[i + 1]
    return spikes.steps[start:end], spikes.units[start:end]


@kernel
def forth(i, tape, spikes, model, voltage, w, out):
    """Run the hidden layer on example i; write its tape. Return whether its spikes are sound.

    voltage : as of `forward.layer`
    """
    steps, units = of_example(spikes, i)
    n_inputs = len(model.input_weights) // w.state.shape[1]
    out.sound[i] = forward.index_steps(steps, units, n_inputs, w.first_input)
    if not out.sound[i]:
        return False
    given = units, w.first_input, model.input_weights, model.recurrent_weights
    count = forward.layer(*given, model.hidden, w.state, tape, voltage)
    counts = out.hidden_spikes[i]
    for e in range(count):
        counts[tape.ids[e]] += 1
    return True


@kernel
def read_out(i, tape, spikes, model, reading, w, out):
    """Write the read-out and the loss of example i, and what `back` needs of them."""
    label, row, given = spikes.labels[i], min(i, len(reading.rho) - 1), out.readouts[i]
    if reading.kind == CLOSED:
        n_hidden, y = out.hidden_spikes.shape[1], w.output_state[0]
        rho, kappa = reading.rho[row], reading.kappa[row]
        readout.read(tape, model.output_weights, n_hidden, rho, kappa, w.sums, y, given)
        out.losses[i] = readout.cross_entropy(given, label, w.g)
    else:
        out.losses[i] = read_simulated(tape, label, row, model, reading, w, given)


@kernel
def back(i, tape, spikes, model, reading, rule, adding, w, out, gradient, output_gradient):
    """Run the adjoints of example i back; write its gradients, or add them where `adding`.

    Those of the output weights are always added.
    """
    guarded, k, n_hidden = 0, model.output, out.hidden_spikes.shape[1]
    if reading.kind == CLOSED:
        delta, errors = reading.delta[min(i, len(reading.rho) - 1)], w.output_state[0]
        given = model.output_weights, n_hidden, delta, w.g, w.sums, errors
        readout.adjoint(tape, *given, w.feedback, output_gradient)
    else:
        jumps = w.drive, w.jump, w.phantom, k, model.slope_min, w.output_tape
        guarded += outputs.adjoint(*jumps, w.lambda_v, w.lambda_i)
        adjoints = w.lambda_v, w.lambda_i, w.feedback
        outputs.hand_back(tape, model.output_weights, k, *adjoints, output_gradient)
    penalise(tape, out.hidden_spikes[i], rule, w.penalty)
    given = model.recurrent_weights, model.hidden, w.penalty, model.slope_min, w.state
    guarded += backward.hidden_layer(tape, w.feedback, *given, w.trace)
    steps, units = of_example(spikes, i)
    n_steps, width = len(tape.first) - 1, w.state.shape[1]
    counts = out.hidden_spikes[i][: len(model.recurrent_weights) // width]
    end = backward.last_step(tape)
    backward.sort_by_source(steps, units, tape, end, counts, w.first_source, w.steps)
    backward.gather(w.first_source, w.steps, n_steps, w.trace, width, adding, gradient)
    out.guarded[i] = guarded


@kernel
def run(queue, order, first, spikes, model, reading, rule, learn, w, out, gradients):
    """Run a thread's part of a batch: share after share, until none is left in the queue.

    The examples of a share run forward, `GROUP` at a time, then each is read out and, if `learn`,
    run back.

    queue : (1,) int64, the number of shares that threads have taken
    order, first : share s has the examples order[first[s] : first[s + 1]]
    learn : whether the sums of each share's gradients are left in `gradients`
    gradients : pair of (n_shares, size) float32, a row for each share's flat gradients
    """
    while True:
        share = take(queue)
        if share >= len(first) - 1:
            return
        begin, end = first[share], first[share + 1]
        gradient, output_gradient = gradients[0][share], gradients[1][share]
        if learn:
            output_gradient[:] = 0
        for group in range(begin, end, GROUP):
            members = order[group : min(group + GROUP, end)]
            for n in range(len(members)):
                if not forth(members[n], w.tapes[n], spikes, model, w.no_voltage, w, out):
                    return
            for n in range(len(members)):
                i, tape = members[n], w.tapes[n]
                read_out(i, tape, spikes, model, reading, w, out)
                if learn:
                    adding = group + n > begin
                    given = i, tape, spikes, model, reading, rule, adding, w, out
                    back(*given, gradient, output_gradient)
