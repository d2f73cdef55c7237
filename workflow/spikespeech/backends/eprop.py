"""E-prop (Bellec et al. 2020): gradients forward in time, from eligibility traces.

The network is the engine's. A synapse from source i to hidden neuron j has the eligibility trace
ψ_j(t) P_i(t), where P_i is the voltage that the spikes of i alone would cause at weight 1,

    X_i ← X_i + S_i,   P_i ← α P_i + (1 - α) c X_i,   X_i ← β X_i,

and ψ_j = 1 / (1 + k |V_j - threshold|)² (Zenke and Ganguli 2018) stands for dS_j/dV_j. A hidden
spike at step t adds ρ(t) W_jk to the windowed read-out Y_k. So, with g = softmax(Y) - 1[label],

    dL/dW_ij ≈ e_ij Σ_k W_jk g_k,   e_ij = Σ_t ρ(t) ψ_j(t) P_i(t)

which leaves out what a spike does to later spikes through the recurrent synapses and the reset.
dL/dW_jk is exact. As P_i is a sum over the spikes of i, e_ij is one over them, too:

    e_ij = Σ_(spikes of i at t) y_j(t + 1),   with u = ρ ψ_j,
    q(t) = u(t) + α q(t + 1),   y(t) = (1 - α) c q(t) + β y(t + 1).

So the engine gathers it as EventProp's gradient, from this trace instead of the adjoint's.
"""

import numpy as np

from spikespeech.backends import native
from spikespeech.engine import backward, example, forward
from spikespeech.engine.batch import check_sound, checked_spikes
from spikespeech.engine.kernel import kernel
from spikespeech.errors import InputError
from spikespeech.kernels.vectors import LANES, at_least, load, select, splat, store

SLOPE = 10.0
"""k of ψ above, in units of 1 / threshold."""


class Backend(native.Backend):
    """A network that learns from batches by e-prop and Adam; see `training.Backend`.

    Parameters
    ----------
    network : Network, whose outputs all have the same time constants
    weights : Weights, the initial ones; copied
    loss : Loss with a window that all examples share
    regulariser : Regulariser without strength, or None
    threads : of evaluations; learning has one thread

    Raises InputError for another network or loss, or a regulariser that has an effect.
    """

    def __init__(self, network, weights, loss, regulariser=None, threads=1):
        if loss.kind != "window" or not loss.shared:
            raise InputError(f"loss '{loss.name}' is not for e-prop", hint="one with a window")
        if regulariser and (regulariser.lambda_upper or regulariser.lambda_lower):
            raise InputError("e-prop has no regularisation", hint="set its strengths to 0")
        super().__init__(network, weights, loss, None, threads)
        if not self.engine.output.alike:
            raise InputError(
                "e-prop's outputs have several time constants", hint="give one of each"
            )

    def differentiate(self, spikes):
        """Leave the mean gradient of a batch in the engine, as EventProp does."""
        engine, n = self.engine, len(spikes)
        batch = checked_spikes(engine.network, spikes, spikes.labels, engine.loss.n_steps)
        out = example.results(n, engine.network.n_hidden, engine.network.n_outputs)
        signal = np.zeros(engine.width, np.float32)
        for gradient in engine.gradients:
            gradient[:] = 0
        _learn(
            batch, engine.model, engine.reading, engine.scratch[0], signal, out, engine.gradients
        )
        check_sound(out.sound, batch, engine.network, engine.loss.n_steps)
        for gradient in engine.gradients:
            gradient /= np.float32(n)
        return out, np.array([np.count_nonzero(~np.isfinite(g)) for g in engine.gradient])


@kernel
def _learn(spikes, model, reading, w, signal, out, gradients):
    """Run a batch's examples forward and add up their gradients.

    signal : (width,) float32, scratch
    """
    tape, width = w.tapes[0], len(w.output_state[0])
    for i in range(len(out.losses)):
        if not _forth(i, tape, spikes, model, reading.rho[0], w, out):
            return
        example.read_out(i, tape, spikes, model, reading, w, out)
        for j in range(out.hidden_spikes.shape[1]):
            told = 0.0
            for k in range(len(w.g)):
                told += model.output_weights[j * width + k] * w.g[k]
                gradients[1][j * width + k] += w.sums[0, j] * w.g[k]
            signal[j] = told
        _back(i, tape, spikes, model, w, signal, out, gradients[0])


@kernel
def _forth(i, tape, spikes, model, rho, w, out):
    """Run the hidden layer on example i; write its tape, the spikes' counts, and u as the trace.

    rho : (n_steps,) of `readout.response`

    Returns whether the example's spikes are sound.
    """
    steps, units = example.of_example(spikes, i)
    n_inputs = len(model.input_weights) // w.state.shape[1]
    out.sound[i] = forward.index_steps(steps, units, n_inputs, w.first_input)
    if not out.sound[i]:
        return False
    k, first, recurrent = model.hidden, w.first_input, len(model.recurrent_weights) > 0
    v, x, y, slopes = w.state[0], w.state[1], w.state[2], w.state[3]
    width, plane = len(v), len(rho) * LANES
    threshold, steepness = splat(k.threshold), splat(np.float32(SLOPE) / k.threshold)
    zero, one = splat(np.float32(0)), splat(np.float32(1))
    spiking = np.zeros(width // LANES, np.uint64)
    v[:] = 0
    x[:] = 0
    y[:] = 0
    count = np.uint64(0)
    tape.first[0] = 0
    for t in range(len(rho)):
        share = splat(rho[t])
        for column in range(0, width, LANES):
            a, b, scale = load(x, column), load(y, column), load(k.scale, column)
            potential = load(k.alpha, column) * load(v, column)
            potential = potential + load(k.one_minus_alpha, column) * (scale * a + scale * b)
            reached, above = at_least(potential, threshold), potential - threshold
            near = one + steepness * select(reached, above, zero - above)
            store(w.trace, (column // LANES) * plane + t * LANES, share / (near * near))
            store(v, column, select(reached, zero, potential))
            spiking[column // LANES] = reached
        forward.receive(x, k.beta, units, first[t], first[t + 1], model.input_weights)
        for n in range(len(spiking)):
            count = forward.tape_spikes(spiking[n], n * LANES, t, slopes, tape, count)
        for e in range(tape.first[t], count):
            out.hidden_spikes[i, tape.ids[e]] += 1
        tape.first[t + 1] = count
        if recurrent:
            forward.receive(y, k.beta, tape.ids, tape.first[t], count, model.recurrent_weights)
    return True


@kernel
def _back(i, tape, spikes, model, w, signal, out, gradient):
    """Turn the trace from u into y, and add example i's part to the gradient of the rows.

    signal : (width,) float32, Σ_k W_jk g_k
    """
    steps, units = example.of_example(spikes, i)
    k, n_steps, width = model.hidden, len(tape.first) - 1, len(signal)
    counts = out.hidden_spikes[i][: len(model.recurrent_weights) // width]
    for column in range(0, width, LANES):
        plane = column * n_steps
        alpha, beta, told = load(k.alpha, column), load(k.beta, column), load(signal, column)
        injected = load(k.one_minus_alpha, column) * load(k.scale, column)
        q = y = splat(np.float32(0))
        for t in range(n_steps - 1, -1, -1):
            q = load(w.trace, plane + t * LANES) + alpha * q
            y = injected * q + beta * y
            store(w.trace, plane + t * LANES, told * y)
    # A spike arrives in the step after its own; one of the last step arrives no more.
    backward.sort_by_source(steps, units, tape, n_steps - 1, counts, w.first_source, w.steps)
    backward.gather(w.first_source, w.steps, n_steps, w.trace[LANES:], width, True, gradient)
