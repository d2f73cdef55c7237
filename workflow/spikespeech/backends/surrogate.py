"""What e-prop and backpropagation through time share: the engine's network and a surrogate.

The network runs forward as EventProp's does, spike for spike. In the derivatives

    ψ(V) = 1 / (1 + k |V - threshold| / threshold)²

(the fast sigmoid's, SuperSpike of Zenke and Ganguli 2018) stands for that of a spike by the
voltage, which is 0 or infinite; for neurons whose threshold moves, |V - threshold - b a| stands
in it, with a and b of the engine's `adaptive`. So V of every step and neuron is kept for the way
back, and with it such a threshold: memory grows with the steps, EventProp's with the spikes.
"""

from abc import ABC, abstractmethod

import numpy as np

from spikespeech.backends import native
from spikespeech.engine import adaptive, arrays, example, synapses
from spikespeech.engine.kernel import kernel
from spikespeech.engine.presented import check_sound, checked_spikes
from spikespeech.errors import InputError
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import LANES, at_least, load, select, splat, store, value
from spikespeech.network import constants
from spikespeech.network.chain import refuse_delays

SLOPE = 10.0
"""k of ψ where nothing else is said."""


class Backend(native.Backend, ABC):
    """A network that learns from batches by surrogate derivatives and Adam; see `training.Backend`.

    The regulariser adds to the loss of each example ½ τ_mem λ (n - spikes)² for each hidden neuron
    of n spikes, with the lambda, above or below, that EventProp's jumps of λ_V have.

    Parameters
    ----------
    network : Network of one hidden layer, whose outputs all have the same time constants
    weights : Parameters, the initial ones; copied
    loss : Loss with a window that all examples share
    regulariser : Regulariser, or None
    threads : of evaluations; learning has one thread
    slope : k of ψ
    gradient_clip, rewiring : as of `native.Backend`

    Raises InputError for another network or loss.
    """

    name: str

    def __init__(
        self,
        network,
        weights,
        loss,
        regulariser=None,
        threads=1,
        slope=SLOPE,
        gradient_clip=0.0,
        rewiring=None,
    ):
        if loss.kind != "window" or not loss.shared:
            raise InputError(f"loss '{loss.name}' is not for {self.name}", hint="one with a window")
        if len(network.hidden) != 1:
            raise InputError(f"{self.name} has no {len(network.hidden)} hidden layers", hint="one")
        refuse_delays(network, self.name)
        constants.refuse(network, self.name)
        given = loss, regulariser, threads
        super().__init__(network, weights, *given, gradient_clip=gradient_clip, rewiring=rewiring)
        self.slope = np.float32(slope)
        if not self.engine.output.alike:
            raise InputError(
                f"{self.name}'s outputs have several time constants", hint="give one of each"
            )
        self.make_scratch()

    def differentiate(self, spikes):
        """Leave the mean gradient of a batch in the engine, as EventProp does."""
        engine, n = self.engine, len(spikes)
        batch = checked_spikes(engine.network, spikes, spikes.labels, engine.loss.n_steps)
        out = arrays.results(n, engine.network.n_hidden, engine.network.n_outputs)
        for gradient in engine.gradients:
            gradient[:] = 0
        self.add_gradients(batch, out)
        check_sound(out.sound, batch, engine.network, engine.loss.n_steps)
        for gradient in engine.gradients:
            gradient /= np.float32(n)
        engine.clear_absent(engine.absent)
        return out, {n: np.count_nonzero(~np.isfinite(g)) for n, g in engine.gradient.items()}

    @abstractmethod
    def make_scratch(self):
        """Make the arrays in which examples are run, once for all batches."""

    @abstractmethod
    def add_gradients(self, batch, out):
        """Add up the gradients of a batch, arrays.Spikes, in the engine's; write the Results."""


@kernel
def move(voltage, width, k, adaptation, thresholds):
    """Write the threshold of each step of an example, of neurons that adapt.

    voltage : flat (n_steps * width,) float32, V of each step before a reset
    k, adaptation : Constants of the layer, and its Adaptation; None without any
    thresholds : like voltage, written; empty without an adaptation
    """
    if adaptation is not None:
        for column in range(0, width, LANES):
            a, spikes = splat(np.float32(0)), np.uint64(0)
            for cell in range(column, len(voltage), width):
                a = adaptive.decayed(a, column, spikes, adaptation)
                now = adaptive.raised(k.threshold, column, a, adaptation)
                spikes = at_least(load(voltage, cell), now)
                store(thresholds, cell, now)


@part
def derivative(potential, threshold, steepness):
    """Return the Block ψ of V; `steepness` is a Block of k / threshold."""
    above, one = potential - threshold, splat(np.float32(1))
    size = select(at_least(potential, threshold), above, threshold - potential)
    near = one + steepness * size
    return one / (near * near)


@kernel
def read_out(i, tape, spikes, model, loss, rule, w, out, signal, penalty, output_gradient):
    """Write the read-out of example i, and what a hidden spike adds to its loss.

    signal : (width,) float32, written: a spike at step t adds ρ(t) signal through the read-out
    penalty : (width,) float32, written: what any spike adds through the regulariser
    output_gradient : flat (n_hidden * output width,) float32; the exact gradient is added
    """
    n_hidden = out.hidden_spikes.shape[1]
    output_width = len(model.output_weights) // n_hidden
    example.read_out(i, tape, spikes, model, loss, w, out)
    example.penalise(tape, out.hidden_spikes[i], rule, w.penalty)
    for j in range(n_hidden):
        added = 0.0
        for k in range(len(w.g)):
            added += model.output_weights[j * output_width + k] * w.g[k]
            output_gradient[j * output_width + k] += w.sums[0, j] * w.g[k]
        signal[j] = added
        penalty[j] = w.penalty[j] * value(model.layers[0].k.tau_mem, j)


@kernel
def gather(i, tape, spikes, model, trace, w, out, gradient):
    """Add example i's part to the gradient of the rows, from dL/dI as its spikes meet it.

    trace : flat (width * n_steps,) float32 in blocks of columns, as of `lif.run_backward`
    """
    steps, units = example.of_example(spikes, i)
    layer, width, counts = model.layers[0], w.states[0].shape[1], out.hidden_spikes[i]
    # A spike arrives in the step after its own; one of the last step arrives no more.
    end, first_source = len(tape.first) - 2, w.first_sources[0]
    own = counts[: len(layer.recurrent_weights) // width]
    synapses.sort_by_source(steps, units, tape, end, own, first_source, w.steps)
    synapses.gather(first_source, w.steps, len(tape.first) - 1, trace, width, True, gradient)
