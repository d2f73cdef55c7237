"""Backpropagation through time with surrogate gradients, on the engine's own forward pass.

With the voltage V before a reset, S = [V ≥ threshold], v = (1 - S) V after it and the current I,

    V(t) = α v(t-1) + (1 - α) c I(t-1),   I(t) = β I(t-1) + Σ W S(t)

and p = dL/dV, y = dL/dI, the chain rule from the last step back is

    y(t) = β y(t+1) + (1 - α) c p(t+1)
    dL/dS_i(t) = ρ(t) Σ_k W_ik g_k + penalty_i + Σ_j W_ij y_j(t) - V_i(t) α p_i(t+1)
    p(t) = (1 - S(t)) α p(t+1) + ψ(V(t)) dL/dS(t)
    dL/dW_ij = Σ_(spikes of i at t) y_j(t)

where ψ stands for dS/dV; nothing else is approximated, nor cut off: the reset has its derivative,
too. Neurons that adapt (`engine.adaptive`), S = [V ≥ threshold + b a], have r = dL/da besides,

    dL/dS(t) = … + ρ_a r(t+1),   r(t) = ρ_a r(t+1) - b ψ(t) dL/dS(t).

 ρ and g are those of the read-out in closed form, `engine.readout`. As ψ is nowhere 0, every
neuron passes on something in every step: the sum over j is a product with the whole recurrent
matrix, where EventProp's is one row of it a spike. PARALLEL examples share each reading of it.
"""

import numpy as np

from spikespeech.backends import surrogate
from spikespeech.engine import example
from spikespeech.engine.kernel import kernel
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import LANES, aligned, at_least, fma, load, select, splat, store

PARALLEL = 4
"""So many examples run backward at a time."""


class Backend(surrogate.Backend):
    """A network that learns by BPTT with surrogate gradients; see `surrogate.Backend`."""

    name = "BPTT"

    def make_scratch(self):
        """Make the arrays in which an example is run; see `surrogate.Backend`."""
        size, adapts = self.engine.loss.n_steps * self.engine.widths[0], self.engine.adaptations[0]
        self.voltages, self.traces = (aligned((PARALLEL, size)) for _ in range(2))
        self.thresholds = aligned((PARALLEL, size if adapts else 0))
        self.voltages[:] = 0

    def add_gradients(self, batch, out):
        """Add up the gradients of a batch; see `surrogate.Backend`."""
        e, width = self.engine, self.engine.widths[0]
        columns = np.zeros((width, width), np.float32)
        rows = e.model.layers[0].recurrent_weights.reshape(-1, width)
        columns[:, : len(rows)] = rows.T
        planes = columns.reshape(width, -1, LANES).transpose(1, 0, 2).ravel()
        state = np.zeros((6, PARALLEL, width), np.float32)
        _learn(
            *(batch, e.model, e.readout, e.rule, self.slope, planes),
            *(self.voltages, self.thresholds, self.traces, state, e.scratch[0], out, e.gradients),
        )


@kernel
def _learn(
    spikes, model, loss, rule, slope, planes, voltages, thresholds, traces, state, w, out, gradients
):
    """Run a batch's examples forward and back, PARALLEL at a time; add up their gradients.

    planes : flat (width * width,) float32, recurrent weights from i to j at
        [i // LANES, j, i % LANES]
    voltages, thresholds, traces : (PARALLEL, n_steps * width) float32, scratch; see
        `surrogate.move`
    state : (6, PARALLEL, width) float32, scratch
    """
    n, width = len(out.losses), state.shape[2]
    k, adaptation = model.layers[0].k, model.layers[0].adaptation
    recurrent = len(model.layers[0].recurrent_weights) > 0
    signal, penalty = state[3], state[4]
    for begin in range(0, n, PARALLEL):
        end = min(begin + PARALLEL, n)
        # Those that are missing from the last ones go back without a loss: they add nothing.
        signal[:] = 0
        penalty[:] = 0
        for i in range(begin, end):
            m = i - begin
            tape = w.tapes[m]
            if not example.run_first(i, tape, spikes, model, voltages[m], w, out):
                return
            surrogate.read_out(
                i, tape, spikes, model, loss, rule, w, out, signal[m], penalty[m], gradients[1]
            )
            surrogate.move(voltages[m], width, k, adaptation, thresholds[m])
        _run_backward(
            k, adaptation, recurrent, loss.rho[0], slope, planes, voltages, thresholds, state,
            traces,
        )  # fmt: skip
        for i in range(begin, end):
            m = i - begin
            surrogate.gather(i, w.tapes[m], spikes, model, traces[m], w, out, gradients[0])


@kernel
def _run_backward(
    k, adaptation, recurrent, rho, slope, planes, voltages, thresholds, state, traces
):
    """Write dL/dI of PARALLEL examples to their traces, as far as the last step but one.

    k, adaptation : of the layer, Constants, and Adaptation or None
    rho : (n_steps,) of `readout.response`
    """
    n_steps = len(rho)
    p, y, fed, signal, penalty = state[0], state[1], state[2], state[3], state[4]
    by_threshold = state[5]
    width = p.shape[1]
    steep, zero = splat(slope), splat(np.float32(0))
    p[:] = 0
    y[:] = 0
    fed[:] = 0
    by_threshold[:] = 0
    for t in range(n_steps - 2, -1, -1):
        for column in range(0, width, LANES):
            injected = load(k.one_minus_alpha, column) * load(k.scale, column)
            cell = column * n_steps + t * LANES
            for m in range(PARALLEL):
                met = load(k.beta, column) * load(y[m], column) + injected * load(p[m], column)
                store(y[m], column, met)
                store(traces[m], cell, met)
        if recurrent:
            for column in range(0, width, LANES):
                _feed_back(planes, column, y, fed)
        share = splat(rho[t])
        for column in range(0, width, LANES):
            threshold = load(k.threshold, column)
            steepness = steep / threshold
            for m in range(PARALLEL):
                potential = load(voltages[m], t * width + column)
                after = load(k.alpha, column) * load(p[m], column)
                by_spike = share * load(signal[m], column) + load(penalty[m], column)
                by_spike = by_spike + load(fed[m], column) - potential * after
                if adaptation is None:
                    now = threshold
                else:
                    now = load(thresholds[m], t * width + column)
                    r = load(adaptation.rho, column) * load(by_threshold[m], column)
                    by_spike = by_spike + r
                kept = select(at_least(potential, now), zero, after)
                psi = surrogate.derivative(potential, now, steepness)
                store(p[m], column, fma(psi, by_spike, kept))
                if adaptation is not None:
                    fell = load(adaptation.strength, column) * psi * by_spike
                    store(by_threshold[m], column, r - fell)


@part
def _feed_back(planes, column, y, fed):
    """Write Σ_j W_ij y_j for LANES neurons i from `column` on, of each of PARALLEL examples.

    So many rows as the first level of the cache holds are read for each example in turn.
    """
    width = y.shape[1]
    for first in range(0, width, LANES):
        for m in range(PARALLEL):
            added = load(fed[m], column) if first > 0 else splat(np.float32(0))
            for j in range(first, first + LANES):
                added = fma(splat(y[m, j]), load(planes, column * width + j * LANES), added)
            store(fed[m], column, added)
