"""One example through the network: hidden layer, outputs, loss, and back."""

from typing import NamedTuple

import numpy as np

from spikespeech.engine import lif, outputs, readout, synapses
from spikespeech.engine.kernel import kernel
from spikespeech.engine.tape import Tape, index_steps, last_step, tape
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


class Layer(NamedTuple):
    """A hidden layer as the kernels see it; `width` is that of `vectors.padded`.

    Attributes
    ----------
    weights, recurrent_weights : flat (n_sources * width,) float32; recurrent_weights is empty for
        a feed-forward layer
    k : Constants
    first, n : its neurons are so many from this one on of all hidden neurons
    """

    weights: np.ndarray
    recurrent_weights: np.ndarray
    k: lif.Constants
    first: int
    n: int


class Model(NamedTuple):
    """A network as the kernels see it.

    Attributes
    ----------
    layers : tuple of Layer, the first fed by the inputs, each other by the one before it
    output_weights : flat (n of the last layer * width of the outputs,) float32
    output : Constants
    dt_ms : float
    slope_min : guard of 1 / (I - V)
    """

    layers: tuple
    output_weights: np.ndarray
    output: lif.Constants
    dt_ms: float
    slope_min: np.float32


class Readout(NamedTuple):
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
    """Arrays that one thread works in; see the kernels.

    `tapes` has a Tape for each of GROUP examples and each layer of it: that of example n and layer
    l is n * n_layers + l. `states` and `first_sources` have an array for each layer; others are as
    large as the largest layer needs.
    """

    first_input: np.ndarray
    tapes: tuple
    states: tuple
    sums: np.ndarray
    penalty: np.ndarray
    feedback: np.ndarray
    trace: np.ndarray
    differences: np.ndarray
    first_sources: tuple
    steps: np.ndarray
    output_tape: Tape
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


def scratch(n_steps, sizes, n_sources, n_outputs):
    """Return one thread's Scratch.

    sizes, n_sources : of each hidden layer: its neurons, and the rows of all weights into it
    """
    widths, output_width = [padded(n) for n in sizes], padded(n_outputs)
    cells = n_steps * output_width
    return Scratch(
        np.zeros(n_steps + 1, np.uint32),
        tuple(tape(n_steps, n) for _ in range(GROUP) for n in sizes),
        tuple(aligned((4, width)) for width in widths),
        np.zeros((2, sizes[-1]), np.float32),
        np.zeros(max(sizes), np.float32),
        np.empty(n_steps * max(sizes), np.float32),
        aligned(n_steps * max(widths)),
        aligned(n_steps * max(widths[1:], default=0)),
        tuple(np.zeros(n + 1, np.uint32) for n in n_sources),
        np.empty(n_steps * max(n_sources), np.uint16),
        tape(n_steps, n_outputs),
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
def read_simulated(hidden, label, row, model, loss, w, out):
    """Simulate the outputs; write their read-out and their adjoint's drive; return the loss."""
    k, g, dt, out_tape, nothing = model.output, w.g, model.dt_ms, w.output_tape, w.no_voltage
    weights, state = model.output_weights, w.output_state
    lif.run_forward(hidden.ids, hidden.first, weights, nothing, k, state, out_tape, w.voltage)
    if loss.kind == MAXIMUM:
        highest, when = w.output_state[0], w.output_state[1]
        return outputs.maximum(w.voltage, label, dt, out, g, highest, when, w.drive)
    shape = (len(hidden.first) - 1, len(w.voltage) // (len(hidden.first) - 1))
    voltage, drive = w.voltage.reshape(shape), w.drive.reshape(shape)
    if loss.kind == WINDOWED:
        window, drive_window = loss.windows[row], loss.drives[row]
        return outputs.windowed(voltage, label, window, drive_window, dt, out, g, drive)
    if loss.kind == PER_TIMESTEP:
        return outputs.per_timestep(voltage, label, dt, out, g, drive)
    temperature, alpha = loss.temperature, loss.alpha
    return outputs.first_spike(out_tape, label, dt, temperature, alpha, out, g, w.jump, w.phantom)


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
def of_layer(out, i, layer):
    """Return the counts of example i's spikes in a layer."""
    return out.hidden_spikes[i, layer.first : layer.first + layer.n]


@kernel
def count_spikes(tape, counts):
    """Add the spikes of a layer to its neurons' counts."""
    for e in range(tape.first[len(tape.first) - 1]):
        counts[tape.ids[e]] += 1


@kernel
def run_first(i, tape, spikes, model, voltage, w, out):
    """Run the first layer on example i; write its tape. Return whether its spikes are sound.

    voltage : as of `lif.run_forward`
    """
    layer, state = model.layers[0], w.states[0]
    steps, units = of_example(spikes, i)
    n_inputs = len(layer.weights) // state.shape[1]
    out.sound[i] = index_steps(steps, units, n_inputs, w.first_input)
    if not out.sound[i]:
        return False
    weights, own = layer.weights, layer.recurrent_weights
    lif.run_forward(units, w.first_input, weights, own, layer.k, state, tape, voltage)
    count_spikes(tape, of_layer(out, i, layer))
    return True


@kernel
def run_next(i, below, tape, layer, state, w, out):
    """Run a later layer on the tape of the one below; write its own."""
    weights, own = layer.weights, layer.recurrent_weights
    lif.run_forward(below.ids, below.first, weights, own, layer.k, state, tape, w.no_voltage)
    count_spikes(tape, of_layer(out, i, layer))


@kernel
def read_out(i, tape, spikes, model, loss, w, out):
    """Write the read-out and the loss of example i, and what `run_backward` needs of them.

    tape : of the last layer
    """
    label, row, y = spikes.labels[i], min(i, len(loss.rho) - 1), out.readouts[i]
    if loss.kind == CLOSED:
        rho, kappa, n = loss.rho[row], loss.kappa[row], w.sums.shape[1]
        readout.read(tape, model.output_weights, n, rho, kappa, w.sums, w.output_state[0], y)
        out.losses[i] = readout.cross_entropy(y, label, w.g)
    else:
        out.losses[i] = read_simulated(tape, label, row, model, loss, w, y)


@kernel
def run_outputs_backward(i, tape, model, loss, w, gradient):
    """Run the outputs' adjoint of example i; return how often a slope was guarded.

    Writes the feedback to the last layer, whose tape it is; adds to the output weights' gradient.
    """
    k, weights = model.output, model.output_weights
    if loss.kind == CLOSED:
        delta, errors, n = loss.delta[min(i, len(loss.rho) - 1)], w.output_state[0], w.sums.shape[1]
        readout.adjoint(tape, weights, n, delta, w.g, w.sums, errors, w.feedback, gradient)
        return 0
    guarded = outputs.adjoint(
        w.drive, w.jump, w.phantom, k, model.slope_min, w.output_tape, w.lambda_v, w.lambda_i
    )
    outputs.feed_back(tape, weights, k, w.lambda_v, w.lambda_i, w.feedback, gradient)
    return guarded


@kernel
def gather(steps, ids, counts, tape, layer, width, end, trace, first_source, w, adding, gradient):
    """Write the gradient of the weights into a layer from its trace, or add it where `adding`.

    steps, ids : of the spikes of the inputs or the layer below
    end, trace : see `synapses.sort_by_source` and `lif.run_backward`
    """
    own = counts[: len(layer.recurrent_weights) // width]
    synapses.sort_by_source(steps, ids, tape, end, own, first_source, w.steps)
    n_steps = len(tape.first) - 1
    synapses.gather(first_source, w.steps, n_steps, trace, width, adding, gradient)


@kernel
def run_backward(i, n, spikes, model, loss, rule, adding, share, w, out, gradients):
    """Run the adjoints of example i back; write its gradients, or add them where `adding`.

    Those of the output weights are always added.

    n : which of the share's GROUP examples it is
    share, gradients : see `run`
    """
    n_layers = len(model.layers)
    top = n * n_layers + n_layers - 1
    output_gradient = gradients[n_layers][share]
    guarded = run_outputs_backward(i, w.tapes[top], model, loss, w, output_gradient)
    for below in range(n_layers):
        at = n_layers - 1 - below
        layer, state, tape = model.layers[at], w.states[at], w.tapes[top - below]
        counts, width = of_layer(out, i, layer), state.shape[1]
        # Only a layer below needs the differences of every step.
        differences, stride = (w.differences, width) if at > 0 else (state[1], 0)
        penalise(tape, counts, rule, w.penalty)
        guarded += lif.run_backward(
            tape,
            w.feedback,
            layer.recurrent_weights,
            layer.k,
            w.penalty,
            model.slope_min,
            state[0],
            differences,
            stride,
            w.trace,
        )
        if at > 0:
            source = w.tapes[top - below - 1]
            n_spikes = source.first[len(source.first) - 1]
            steps, ids = source.steps[:n_spikes], source.ids[:n_spikes]
        else:
            steps, ids = of_example(spikes, i)
        end, first_source, gradient = last_step(tape), w.first_sources[at], gradients[at][share]
        gather(
            steps, ids, counts, tape, layer, width, end, w.trace, first_source, w, adding, gradient
        )
        if at > 0:
            synapses.feed_back(source, layer.weights, differences, width, end, w.feedback)
    out.guarded[i] = guarded


@kernel
def run(queue, order, first, spikes, model, loss, rule, learn, w, out, gradients):
    """Run a thread's part of a batch: share after share, until none is left in the queue.

    The examples of a share run forward, `GROUP` at a time, through a layer after the other; then
    each is read out and, if `learn`, run back.

    queue : (1,) int64, the number of shares that threads have taken
    order, first : share s has the examples order[first[s] : first[s + 1]]
    learn : whether the sums of each share's gradients are left in `gradients`
    gradients : tuple of (n_shares, size) float32, for the weights into each layer and the outputs:
        a row for each share's flat gradients
    """
    n_layers = len(model.layers)
    while True:
        share = take(queue)
        if share >= len(first) - 1:
            return
        begin, end = first[share], first[share + 1]
        if learn:
            gradients[n_layers][share][:] = 0
        for group in range(begin, end, GROUP):
            members = order[group : min(group + GROUP, end)]
            for n in range(len(members)):
                tape = w.tapes[n * n_layers]
                if not run_first(members[n], tape, spikes, model, w.no_voltage, w, out):
                    return
            for at in range(1, n_layers):
                for n in range(len(members)):
                    own = n * n_layers + at
                    run_next(
                        members[n], w.tapes[own - 1], w.tapes[own], model.layers[at], w.states[at],
                        w, out,
                    )  # fmt: skip
            for n in range(len(members)):
                i, top = members[n], w.tapes[n * n_layers + n_layers - 1]
                read_out(i, top, spikes, model, loss, w, out)
                if learn:
                    adding = group + n > begin
                    run_backward(i, n, spikes, model, loss, rule, adding, share, w, out, gradients)
