"""One example through the network: hidden layer, outputs, loss, and back."""

from spikespeech.engine import (
    constants,
    delay_gradients,
    delays,
    lif,
    listed,
    outputs,
    readout,
    synapses,
)
from spikespeech.engine.arrays import CLOSED, GROUP, MAXIMUM, PER_TIMESTEP, WINDOWED
from spikespeech.engine.kernel import inner, kernel
from spikespeech.engine.tape import index_steps, last_step, spikes_of
from spikespeech.kernels.compiling import take


@kernel
def run_outputs(hidden, model, w):
    """Simulate the outputs on the tape of the last layer; write their voltages and their tape."""
    steps, ids = spikes_of(hidden)
    state, late, nothing = w.output_state, model.output_delays, w.no_voltage
    arriving = delays.arrive(
        steps, ids, hidden.first, late, None, len(w.g), state.shape[1], w.window, w.series
    )
    lif.run_forward(
        ids, hidden.first, model.output_weights, nothing, model.output, None, arriving, None, None,
        None, nothing, nothing, state, w.output_tape, w.voltage,
    )  # fmt: skip


@inner
def read_simulated(hidden, label, row, model, loss, w, out):
    """Simulate the outputs; write their read-out and their adjoint's drive; return the loss."""
    run_outputs(hidden, model, w)
    g, dt, out_tape = w.g, model.dt_ms, w.output_tape
    if loss.kind == MAXIMUM:
        highest, when = w.output_state[0], w.output_state[1]
        return outputs.maximum(w.voltage, label, loss.smoothing, dt, out, g, highest, when, w.drive)
    shape = (len(hidden.first) - 1, len(w.voltage) // (len(hidden.first) - 1))
    voltage, drive = w.voltage.reshape(shape), w.drive.reshape(shape)
    if loss.kind == WINDOWED:
        windows = loss.windows[row], loss.drives[row]
        return outputs.windowed(voltage, label, loss.smoothing, *windows, dt, out, g, drive)
    if loss.kind == PER_TIMESTEP:
        return outputs.per_timestep(voltage, label, loss.smoothing, dt, out, g, drive)
    settings = loss.smoothing, dt, loss.temperature, loss.alpha
    return outputs.first_spike(out_tape, label, *settings, out, g, w.jump, w.phantom)


@inner
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


@inner
def of_example(spikes, i):
    """Return the steps and units of example i."""
    start, end = spikes.offsets[i], spikes.offsets[i + 1]
    return spikes.steps[start:end], spikes.units[start:end]


@inner
def of_layer(out, i, layer):
    """Return the counts of example i's spikes in a layer."""
    return out.hidden_spikes[i, layer.first : layer.first + layer.n]


@inner
def count_spikes(tape, counts):
    """Add the spikes of a layer to its neurons' counts."""
    for e in range(tape.first[len(tape.first) - 1]):
        counts[tape.ids[e]] += 1


@kernel
def run_first(i, tape, spikes, model, voltage, w, out):
    """Run the first layer on example i; write its tape. Return whether its spikes are sound.

    voltage : as of `lif.run_forward`
    """
    layer = model.layers[0]
    steps, units = of_example(spikes, i)
    n_inputs = len(layer.weights) // w.states[0].shape[1]
    out.sound[i] = index_steps(steps, units, n_inputs, w.first_input)
    if not out.sound[i]:
        return False
    run_layer(steps, units, w.first_input, tape, layer, 0, voltage, w)
    count_spikes(tape, of_layer(out, i, layer))
    return True


@kernel
def run_next(i, below, tape, at, model, voltage, w, out):
    """Run layer number `at` on the tape of the one below; write its own.

    voltage : as of `lif.run_forward`
    """
    steps, ids = spikes_of(below)
    layer = model.layers[at]
    run_layer(steps, ids, below.first, tape, layer, at, voltage, w)
    count_spikes(tape, of_layer(out, i, layer))


@inner
def run_layer(steps, ids, first, tape, layer, at, voltage, w):
    """Run layer number `at` on spikes, of which those of step t begin at first[t]; write a tape."""
    width = w.states[at].shape[1]
    late = layer.delays, layer.lists
    arriving = delays.arrive(steps, ids, first, *late, layer.n, width, w.window, w.series)
    lif.run_forward(
        ids, first, layer.weights, layer.recurrent_weights, layer.k, layer.adaptation, arriving,
        layer.own_delays, layer.lists, layer.own_lists, w.rings[at], w.own_series, w.states[at],
        tape, voltage,
    )  # fmt: skip


@inner
def read_out(i, tape, spikes, model, loss, w, out):
    """Write the read-out and the loss of example i, and what `run_backward` needs of them.

    tape : of the last layer
    """
    label, row, y = spikes.labels[i], min(i, len(loss.rho) - 1), out.readouts[i]
    if loss.kind == CLOSED:
        rho, kappa, n = loss.rho[row], loss.kappa[row], w.sums.shape[1]
        readout.read(tape, model.output_weights, n, rho, kappa, w.sums, w.output_state[0], y)
        out.losses[i] = readout.cross_entropy(y, label, loss.smoothing, w.g)
    else:
        out.losses[i] = read_simulated(tape, label, row, model, loss, w, y)


@inner
def run_outputs_backward(i, tape, model, loss, share, w, gradients, earlier, sums):
    """Run the outputs' adjoint of example i; return how often a slope was guarded.

    Writes the feedback to the last layer, whose tape it is; adds to the output weights' gradient,
    and to the sums of constants that are learned.

    share, gradients, earlier, sums : see `run`
    """
    k, weights, gradient = model.output, model.output_weights, gradients[-1][share]
    if loss.kind == CLOSED:
        delta, errors, n = loss.delta[min(i, len(loss.rho) - 1)], w.output_state[0], w.sums.shape[1]
        readout.adjoint(tape, weights, n, delta, w.g, w.sums, errors, w.feedback, gradient)
        return 0
    guarded = outputs.adjoint(
        w.drive, w.jump, w.phantom, k, model.slope_min, w.output_tape, w.lambda_v, w.lambda_i
    )
    if sums is not None and len(sums[-1][share]) > 0:
        width = w.output_state.shape[1]
        adjoints = w.lambda_v, w.lambda_i
        constants.differentiate_outputs(w.voltage, k, *adjoints, width, sums[-1][share])
    feed_back_outputs(tape, weights, model.output_delays, k, w, gradient, earlier[-1][share])
    return guarded


@inner
def feed_back_outputs(tape, weights, late, k, w, gradient, earlier):
    """Write the outputs' feedback to each spike of the last layer; add to gradients.

    late : Delays or None
    """
    if late is None or late.kind == delays.NONE:
        outputs.feed_back(tape, weights, k, w.lambda_v, w.lambda_i, w.feedback, gradient)
    else:
        delay_gradients.feed_back_outputs(
            tape, weights, late, len(w.g), k, w.lambda_v, w.lambda_i, w.output_state, w.feedback,
            gradient, earlier,
        )  # fmt: skip


@inner
def gather(steps, ids, counts, tape, layer, at, w, adding, gradient, earlier):
    """Write the gradients of what leads into layer number `at`, or add them where `adding`.

    steps, ids : of the spikes of the inputs or the layer below
    gradient, earlier : see `delays.gather`; of all sources of the layer, its own last
    """
    first_source, end, width = w.first_sources[at], last_step(tape), w.states[at].shape[1]
    split, own = len(layer.weights) // width, len(layer.recurrent_weights) // width
    synapses.sort_by_source(steps, ids, tape, end, counts[:own], first_source, w.steps)
    gather_both(
        split, tape, end, layer, layer.delays, layer.own_delays, layer.lists, layer.own_lists, at,
        w, adding, gradient, earlier,
    )  # fmt: skip


@inner
def gather_both(
    split, tape, end, layer, late, own, lists, own_lists, at, w, adding, gradient, earlier
):
    """Do what `gather` says, once the spikes are sorted; `split` sources come from elsewhere.

    late, own : Delays of the layer's two connections, or None
    lists, own_lists : listed.Lists of them, or None
    """
    n_sources = len(w.first_sources[at]) - 1
    if late is None and own is None and lists is None and own_lists is None:
        gather_rows(0, n_sources, tape, end, layer, None, None, at, w, adding, gradient, earlier)
    else:
        gather_rows(0, split, tape, end, layer, late, lists, at, w, adding, gradient, earlier)
        gather_rows(
            split, n_sources, tape, end, layer, own, own_lists, at, w, adding, gradient, earlier
        )


@inner
def gather_rows(start, stop, tape, end, layer, late, lists, at, w, adding, gradient, earlier):
    """Do what `gather` says for the sources from `start` to `stop`, of their Delays and Lists."""
    n_steps, width = len(tape.first) - 1, w.states[at].shape[1]
    first, rows = w.first_sources[at][start : stop + 1], slice(start * width, stop * width)
    if late is not None and late.kind != delays.NONE:
        delay_gradients.gather(
            first, w.steps, n_steps, end, w.trace, layer.k, w.states[at][0], late, lists, width,
            w.window, adding, gradient[rows], earlier[rows],
        )  # fmt: skip
    elif lists is not None and len(lists.first) > 0:
        listed.gather(first, w.steps, n_steps, w.trace, width, lists, adding, gradient[rows])
    else:
        synapses.gather(first, w.steps, n_steps, w.trace, width, adding, gradient[rows])


@inner
def run_backward(i, n, spikes, model, loss, rule, adding, share, w, out, gradients, earlier, sums):
    """Run the adjoints of example i back; write its gradients, or add them where `adding`.

    Those of the outputs and of constants are always added.

    n : which of the share's GROUP examples it is
    share, gradients, earlier, sums : see `run`
    """
    n_layers = len(model.layers)
    top = n * n_layers + n_layers - 1
    guarded = run_outputs_backward(i, w.tapes[top], model, loss, share, w, gradients, earlier, sums)
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
            layer.own_delays,
            layer.own_lists,
            layer.k,
            layer.adaptation,
            w.penalty,
            model.slope_min,
            state[0],
            state[2],
            differences,
            stride,
            w.rings[at],
            w.own_series,
            w.own_sums,
            w.trace,
        )
        if sums is not None and len(sums[at][share]) > 0:
            voltage = w.voltages[top - below]
            constants.differentiate(
                tape, voltage, layer.k, layer.adaptation, w.trace, state[0], sums[at][share]
            )
        if at > 0:
            source = w.tapes[top - below - 1]
            steps, ids = spikes_of(source)
        else:
            steps, ids = of_example(spikes, i)
        gradient, change = gradients[at][share], earlier[at][share]
        gather(steps, ids, counts, tape, layer, at, w, adding, gradient, change)
        if at > 0:
            feed_back(source, layer, layer.delays, layer.lists, last_step(tape), at, w)
    out.guarded[i] = guarded


@inner
def feed_back(source, layer, late, lists, end, at, w):
    """Write the feedback of layer number `at` to each spike of the one below, of the tape `source`.

    Its spikes are sorted by `gather`.

    late, lists : Delays and listed.Lists of the connection between them, or None
    end : see `synapses.feed_back`
    """
    weights, width = layer.weights, w.states[at].shape[1]
    if late is not None and late.kind != delays.NONE:
        n_sources = len(weights) // width
        delay_gradients.feed_back(
            source, w.first_sources[at][: n_sources + 1], w.steps, weights, late, lists, layer.n,
            w.differences, width, end, w.window, w.trace, w.feedback,
        )  # fmt: skip
    elif lists is not None and len(lists.first) > 0:
        listed.feed_back(source, weights, lists, w.differences, width, end, w.feedback)
    else:
        synapses.feed_back(source, weights, w.differences, width, end, w.feedback)


@kernel
def run(queue, order, first, spikes, model, loss, rule, learn, w, out, gradients, earlier, sums):
    """Run a thread's part of a batch: share after share, until none is left in the queue.

    The examples of a share run forward, `GROUP` at a time, through a layer after the other; then
    each is read out and, if `learn`, run back.

    queue : (1,) int64, the number of shares that threads have taken
    order, first : share s has the examples order[first[s] : first[s + 1]]
    learn : whether the sums of each share's gradients are left in `gradients`
    gradients : tuple of (n_shares, size) float32, for the weights into each layer and the outputs:
        a row for each share's flat gradients
    earlier : likewise what gradients of delays are made of, see `delays.gather`; without size where
        none are learned
    sums : likewise those of `constants.differentiate`; None where no layer learns any
    """
    n_layers = len(model.layers)
    while True:
        share = take(queue)
        if share >= len(first) - 1:
            return
        begin, end = first[share], first[share + 1]
        if learn:
            gradients[n_layers][share][:] = 0
            earlier[n_layers][share][:] = 0
            if sums is not None:
                for at in range(n_layers + 1):
                    sums[at][share][:] = 0
        for group in range(begin, end, GROUP):
            members = order[group : min(group + GROUP, end)]
            for n in range(len(members)):
                tape, voltage = w.tapes[n * n_layers], w.voltages[n * n_layers]
                if not run_first(members[n], tape, spikes, model, voltage, w, out):
                    return
            for at in range(1, n_layers):
                for n in range(len(members)):
                    own = n * n_layers + at
                    below, tape, voltage = w.tapes[own - 1], w.tapes[own], w.voltages[own]
                    run_next(members[n], below, tape, at, model, voltage, w, out)
            for n in range(len(members)):
                i, top = members[n], w.tapes[n * n_layers + n_layers - 1]
                read_out(i, top, spikes, model, loss, w, out)
                if learn:
                    adding = group + n > begin
                    run_backward(
                        i, n, spikes, model, loss, rule, adding, share, w, out, gradients, earlier,
                        sums,
                    )  # fmt: skip
