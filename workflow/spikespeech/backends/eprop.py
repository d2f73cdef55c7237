"""E-prop (Bellec et al. 2020): gradients of local eligibility traces, times a learning signal.

The network is the engine's. A synapse from source i to hidden neuron j has the eligibility trace
ψ_j(t) P_i(t), where P_i is the voltage that the spikes of i alone would cause at weight 1,

    X_i ← X_i + S_i,   P_i ← α P_i + (1 - α) c X_i,   X_i ← β X_i,

and ψ_j stands for dS_j/dV_j, see `surrogate`. A hidden spike at step t adds ρ(t) W_jk to the
windowed read-out Y_k. So, with g = softmax(Y) - 1[label],

    dL/dW_ij ≈ Σ_t (ρ(t) Σ_k W_jk g_k + penalty_j) ψ_j(t) P_i(t)

which leaves out what a spike does to later spikes through the recurrent synapses and the reset.
dL/dW_jk is exact. As P_i is a sum over the spikes of i, the sum over t is one over them, too:

    Σ_(spikes of i at t) y_j(t + 1),   with u = ψ_j (ρ Σ_k W_jk g_k + penalty_j),
    q(t) = u(t) + α q(t + 1),   y(t) = (1 - α) c q(t) + β y(t + 1).

So the engine gathers it as EventProp's gradient, from this trace instead of the adjoint's.

Neurons that adapt (`engine.adaptive`) have a slow eligibility ε_ij of a_j as well. With ψ at the
threshold of the step, ρ_a = exp(-dt/τ_adapt) and β = ρ_a b, that of Bellec et al. is

    ε_ij(t+1) = ψ_j P_i + (ρ_a - ψ_j β) ε_ij(t)

and ψ_j (P_i - β ε_ij) in place of the eligibility trace. (What a spike adds to their a has not
decayed when the next step is compared, here it has: a is ρ_a times theirs.) Backward

    u = ψ_j (ρ Σ_k W_jk g_k + penalty_j + ρ_a r(t + 1)),   r(t) = ρ_a r(t + 1) - b u.

The loss is of the whole trial, and g known at its end: the sums are those that traces which run
forward with the trial would have come to, but they are computed backward, offline.
"""

import numpy as np

from spikespeech.backends import surrogate
from spikespeech.engine import example
from spikespeech.engine.kernel import kernel
from spikespeech.kernels.vectors import LANES, aligned, load, splat, store


class Backend(surrogate.Backend):
    """A network that learns from batches by e-prop; see `surrogate.Backend`."""

    name = "e-prop"

    def make_scratch(self):
        """Make the arrays in which an example is run; see `surrogate.Backend`."""
        size, adapts = self.engine.loss.n_steps * self.engine.widths[0], self.engine.adaptations[0]
        self.voltage, self.thresholds = aligned(size), aligned(size if adapts else 0)

    def add_gradients(self, batch, out):
        """Add up the gradients of a batch; see `surrogate.Backend`."""
        e = self.engine
        signals = np.zeros((2, e.widths[0]), np.float32)
        _learn(
            *(batch, e.model, e.readout, e.rule, self.slope, self.voltage, self.thresholds),
            *(signals, e.scratch[0], out, e.gradients),
        )


@kernel
def _learn(spikes, model, loss, rule, slope, voltage, thresholds, signals, w, out, gradients):
    """Run a batch's examples forward and add up their gradients.

    voltage, thresholds : (n_steps * width,) float32, scratch; see `surrogate.move`
    signals : (2, width) float32, scratch
    """
    tape, signal, penalty = w.tapes[0], signals[0], signals[1]
    for i in range(len(out.losses)):
        if not example.run_first(i, tape, spikes, model, voltage, w, out):
            return
        surrogate.read_out(
            i, tape, spikes, model, loss, rule, w, out, signal, penalty, gradients[1]
        )
        k, adaptation = model.layers[0].k, model.layers[0].adaptation
        surrogate.move(voltage, len(signal), k, adaptation, thresholds)
        _run_backward(
            k, adaptation, loss.rho[0], slope, voltage, thresholds, signal, penalty, w.trace
        )
        surrogate.gather(i, tape, spikes, model, w.trace, w, out, gradients[0])


@kernel
def _run_backward(k, adaptation, rho, slope, voltage, thresholds, signal, penalty, trace):
    """Write y of the step after each to the trace, as far as the last step but one.

    k, adaptation : of the layer, Constants, and Adaptation or None
    rho : (n_steps,) of `readout.response`
    signal, penalty : (width,) float32, of `surrogate.read_out`
    """
    n_steps, width = len(rho), len(signal)
    for column in range(0, width, LANES):
        alpha, beta = load(k.alpha, column), load(k.beta, column)
        threshold = load(k.threshold, column)
        steepness = splat(slope) / threshold
        injected = load(k.one_minus_alpha, column) * load(k.scale, column)
        by_readout, by_rule = load(signal, column), load(penalty, column)
        q = y = r = splat(np.float32(0))
        for t in range(n_steps - 2, -1, -1):
            store(trace, column * n_steps + t * LANES, y)
            potential = load(voltage, t * width + column)
            if adaptation is None:
                psi = surrogate.derivative(potential, threshold, steepness)
                q = psi * (splat(rho[t]) * by_readout + by_rule) + alpha * q
            else:
                r = load(adaptation.rho, column) * r
                now = load(thresholds, t * width + column)
                psi = surrogate.derivative(potential, now, steepness)
                u = psi * (splat(rho[t]) * by_readout + by_rule + r)
                r = r - load(adaptation.strength, column) * u
                q = u + alpha * q
            y = injected * q + beta * y
