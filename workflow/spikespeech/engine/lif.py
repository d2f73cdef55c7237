"""Leaky integrate-and-fire neurons: constants of a layer, its dynamics, its adjoint.

With the membrane's α = exp(-dt/τ_mem), the synapse's β = exp(-dt/τ_syn):

    forward    Isyn = c x,  V ← α V + (1 - α) Isyn,  x ← β x
    backward   λ_I ← β λ_I + γ λ_V,  λ_V ← α λ_V

where c = τ_syn/dt (1 - β) makes a step's mean current that of the exponential synapse, and
γ = τ_mem / (τ_mem - τ_syn) (α - β). These are mlGeNN's (`LeakyIntegrateFire`, `Exponential` with
scale_i; EventPropCompiler), and single precision like its own. Leaky integrators are those without
a threshold.
"""

from typing import NamedTuple

import numpy as np

from spikespeech.engine import adaptive, listed, own_delays, values
from spikespeech.engine.delays import NONE, SYNAPSES, fed_back, fed_back_listed, send
from spikespeech.engine.kernel import inner
from spikespeech.engine.synapses import receive
from spikespeech.engine.tape import last_step, tape_spikes
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import (
    LANES,
    ahead,
    at_least,
    fma,
    load,
    select,
    splat,
    store,
    total,
    value,
)


class Constants(NamedTuple):
    """Constants of a layer: float32 numbers, or arrays of n neurons and their padding.

    Kernels `load` either; a number stays in a register, where an array is read in every step.

    Attributes
    ----------
    alpha, one_minus_alpha, beta : decay factors of a step
    scale : c above
    gamma : γ above
    tau_mem, tau_syn : time constants in ms
    threshold : spike threshold of V
    """

    alpha: np.ndarray
    one_minus_alpha: np.ndarray
    beta: np.ndarray
    scale: np.ndarray
    gamma: np.ndarray
    tau_mem: np.ndarray
    tau_syn: np.ndarray
    threshold: np.ndarray

    @property
    def alike(self):
        """Whether all neurons have the same constants."""
        return np.ndim(self.alpha) == 0


def constants(populations, dt_ms, apart=False):
    """Return the Constants of each of several populations of LIF or LI neurons.

    They are numbers where the neurons of all are alike within each, unless they are to be `apart`;
    else arrays, whose padding repeats the last neuron: without weights it never spikes.
    """
    together = not apart and values.alike(populations)
    return tuple(_constants(p, dt_ms, together) for p in populations)


def _constants(population, dt_ms, together):
    neuron = population.neuron
    mem, syn, threshold = (
        values.each(constant, population.n)
        for constant in (neuron.tau_mem, neuron.tau_syn, getattr(neuron, "threshold", np.inf))
    )
    alpha, beta = np.exp(-dt_ms / mem), np.exp(-dt_ms / syn)
    equal = np.isclose(mem, syn, rtol=1e-6)
    ratio = (alpha - beta) / np.where(equal, 1, mem - syn)
    gamma = mem * np.where(equal, dt_ms / (mem * syn) * alpha, ratio)
    one_minus_alpha = np.float32(1) - alpha.astype(np.float32)
    scale = syn / dt_ms * (1 - beta)
    fields = (alpha, one_minus_alpha, beta, scale, gamma, mem, syn, threshold)
    return Constants(*values.held(fields, together))


@part
def spent(x, y, k):
    """Return whether no neuron below threshold can reach it any more without further spikes.

    V moves towards c (x + y), whose size only decays. Half the threshold leaves room for rounding.
    """
    half = splat(np.float32(0.5))
    able = np.uint64(0)
    for column in range(0, len(x), LANES):
        current = load(k.scale, column) * (load(x, column) + load(y, column))
        able |= at_least(current, half * load(k.threshold, column))
    return able == 0


@inner
def run_forward(sources, first_source, weights, recurrent_weights, k, adaptation, arriving, own,
                lists, own_lists, ring, series, state, tape, voltage):  # fmt: skip
    """Simulate a layer in one example; return its number of spikes.

    In each step

        V ← α V + (1 - α) (c x + c y)
        spike where V ≥ threshold; then V ← 0
        x ← β x + Σ W_source,   y ← β y + Σ W_recurrent

    over the spikes that sources and the layer itself emit in this step: they arrive in the next.
    What comes later by delays is added up before (`delays.arrive`), or in the ring. Without delays,
    `arriving` and `own` are None, without lists of synapses they are, and the kernel is compiled
    without what they need. All state
    starts at 0, and the example ends early where no more spikes can come and V is not recorded.
    Every operation is mlGeNN's in its order, rounded as its own: the spikes are the same spikes,
    bit for bit. Leaky integrators have an infinite threshold; adaptive ones one that moves, see
    `adaptive`, which is likewise left out of the kernel where `adaptation` is None.

    Parameters
    ----------
    sources : (n_spikes,) uint16, sources of the incoming spikes, in order of step, then source
    first_source : (n_steps + 1,) uint32, see `tape.index_steps`
    weights, recurrent_weights : flat (n_sources * width,) float32; recurrent_weights is empty
        where there are none
    k : Constants of the layer
    adaptation : adaptive.Adaptation of the layer, or None
    arriving : Arrivals of the incoming connection, or None
    own : Delays of the recurrent connection, or None
    lists, own_lists : listed.Lists of the two connections, or None
    ring, series : see `delays.send` and `own_delays.advance`; empty without such delays
    state : (4, width) float32, scratch; (5, width) with an adaptation
    tape : Tape, written
    voltage : flat (n_steps * width,) float32, V of each step before a reset, or empty
    """
    v, x, y, slopes = state[0], state[1], state[2], state[3]
    width = len(v)
    recurrent, recording = len(recurrent_weights) > 0, len(voltage) > 0
    threshold, zero = ahead(k.threshold), splat(np.float32(0))
    spiking = np.zeros(width // LANES, np.uint64)
    n_spiking = len(spiking) if value(k.threshold, 0) < np.inf else 0
    v[:] = 0
    x[:] = 0
    y[:] = 0
    ring[:] = 0
    if own is not None:
        series[: width * own.stride] = 0
    if adaptation is not None:
        state[4] = 0
    until = 0 if arriving is None else arriving.until
    mask = len(ring) // width - 1
    count, n_sources = np.uint64(0), first_source[len(first_source) - 1]
    tape.first[0] = 0
    for t in range(len(tape.first) - 1):
        for column in range(0, width, LANES):
            a, b, scale = load(x, column), load(y, column), load(k.scale, column)
            current = scale * a + scale * b
            potential = load(k.alpha, column) * load(v, column)
            potential = potential + load(k.one_minus_alpha, column) * current
            store(slopes, column, a + b - potential)
            if recording:
                store(voltage, t * width + column, potential)
            if adaptation is None:
                spikes = at_least(potential, load(threshold, column))
            else:
                a = adaptive.decayed(state[4], column, spiking[column // LANES], adaptation)
                store(state[4], column, a)
                now = adaptive.raised(threshold, column, a, adaptation)
                spikes = at_least(potential, now)
            spiking[column // LANES] = spikes
            store(v, column, select(spikes, zero, potential))
        # Add input rows first: their loads overlap with the search for spikes, whose branches no
        # CPU predicts.
        if arriving is not None and arriving.until > 0:
            take(x, k.beta, arriving.series, t, len(tape.first) - 1)
        elif lists is not None and len(lists.first) > 0:
            listed.receive(x, k.beta, sources, first_source[t], first_source[t + 1], weights, lists)
        else:
            receive(x, k.beta, sources, first_source[t], first_source[t + 1], weights)
        for n in range(n_spiking):
            count = tape_spikes(spiking[n], n * LANES, t, slopes, tape, count)
        if adaptation is not None:
            for e in range(tape.first[t], count):
                tape.adaptation[e] = state[4, tape.ids[e]]
        tape.first[t + 1] = count
        if own is not None and own.kind != NONE:
            if own.kind == SYNAPSES:
                if t & (own.stretch - 1) == 0:
                    own_delays.advance(t, tape, own, own_lists, width, mask, series, ring)
                own_delays.send_near(tape.ids, tape.first[t], count, t, own, mask, ring)
            else:
                send(
                    tape.ids, tape.first[t], count, t, recurrent_weights, own, own_lists, width,
                    mask, ring,
                )  # fmt: skip
            take(y, k.beta, ring, t & mask, mask + 1)
            clear(ring, t & mask, mask + 1, width)
            if count > tape.first[t]:
                until = max(until, t + 1 + own.longest)
        elif own_lists is not None and len(own_lists.first) > 0:
            listed.receive(y, k.beta, tape.ids, tape.first[t], count, recurrent_weights, own_lists)
        elif recurrent:
            receive(y, k.beta, tape.ids, tape.first[t], count, recurrent_weights)
        # A word may end long before its example: steps in which nothing can spike are passed over.
        waiting = first_source[t + 1] < n_sources or count > tape.first[t] or t < until
        if not (waiting or recording) and spent(x, y, k):
            if adaptation is not None and not adaptive.below(v, k):
                continue
            tape.first[t + 2 :] = count
            break
    return count


@part
def take(x, beta, series, t, n_steps):
    """Let a step pass in the synapses: x ← β x + what the series has for step t of n_steps."""
    for column in range(0, len(x), LANES):
        later = load(series, column * n_steps + t * LANES)
        store(x, column, load(x, column) * load(beta, column) + later)


@part
def clear(ring, t, n_steps, width):
    """Empty a ring's step t."""
    for column in range(0, width, LANES):
        store(ring, column * n_steps + t * LANES, splat(np.float32(0)))


@inner
def run_backward(
    tape, feedback, recurrent_weights, own, own_lists, k, adaptation, penalty, slope_min, lambda_v,
    mu, differences, stride, ring, series, own_sums, trace,
):  # fmt: skip
    """Run a hidden layer's adjoint through one example; return how often a slope was guarded.

    Backward from the last spike, where λ_V = λ_I = 0, each step (Wunderlich & Pehle 2021, Eq 4-6,
    on mlGeNN's grid)

        λ_I ← β λ_I + γ λ_V,   λ_V ← α λ_V

    and at each spike of neuron i, with q = I - V of the tape

        λ_V,i ← λ_V,i + 1/q (threshold λ_V,i + Σ_j W_ij (λ_V,j - λ_I,j)) - penalty_i

    where the sum over the targets j, in this layer and the next, is of the step after the spike, or
    later by its delay. What an adaptation adds stands in `adaptive`.

    Parameters
    ----------
    tape : Tape of the layer
    feedback : (n_spikes,) float32, the next layer's part of the sum at each spike
    recurrent_weights : flat (width * width,) float32; empty for a feed-forward network
    own, own_lists, ring, series : as of `run_forward`; the ring and the series hold λ_V - λ_I
    own_sums : float32, scratch, see `own_delays.retreat`
    k, adaptation : as of `run_forward`
    penalty : (n_hidden,) float32, the regulariser's jump at each spike
    slope_min : a smaller q counts as this
    lambda_v, mu : (width,) float32, scratch
    differences : flat float32, written at stride * step: λ_V - λ_I as a spike of the step meets
        them, as far as `tape.last_step`
    stride : width, or 0 where each step may overwrite the one after it
    trace : flat (width * n_steps,) float32, written: for each block of columns, step by step,
        λ_I as a spike of that step meets it, so that dL/dW_ij = -τ_syn,j Σ λ_I,j(step); as far
        as `tape.last_step`
    """
    first, ids = tape.first, tape.ids
    width, last = len(lambda_v), last_step(tape)
    plane = (len(first) - 1) * LANES
    recurrent = len(recurrent_weights) > 0
    guarded = 0
    lambda_v[:] = 0
    if adaptation is not None:
        mu[:] = 0
    ring[:] = 0
    if own is not None:
        series[: width * own.stride] = 0
    mask = len(ring) // width - 1
    for column in range(0, width, LANES):
        store(trace, (column // LANES) * plane + max(last, 0) * LANES, splat(np.float32(0)))
    for s in range(last - 1, -1, -1):
        after = (s + 1) * stride
        if own is not None and own.kind == SYNAPSES and own_delays.ends(s + 1, last, own):
            own_delays.retreat(
                s + 1, last, tape, own, own_lists, width, mask, series, ring, own_sums
            )
        for column in range(0, width, LANES):
            cell = (column // LANES) * plane + s * LANES
            old_v, old_i = load(lambda_v, column), load(trace, cell + LANES)
            store(differences, after + column, old_v - old_i)
            if own is not None and own.kind != NONE:
                row = (s + 1) & mask
                store(ring, column * (mask + 1) + row * LANES, old_v - old_i)
            store(trace, cell, fma(load(k.gamma, column), old_v, load(k.beta, column) * old_i))
            store(lambda_v, column, load(k.alpha, column) * old_v)
            if adaptation is not None:
                store(mu, column, load(adaptation.rho, column) * load(mu, column))
        # Spikes of step s + 1 meet the adjoints as they were, and make λ_V jump once it decayed.
        for e in range(first[s + 1], first[s + 2]):
            i, q, fed = np.int64(ids[e]), tape.slope[e], feedback[e]
            if adaptation is not None:
                rise = value(adaptation.strength, i) * tape.adaptation[e]
                fall = rise * value(adaptation.ratio, i)
                q += fall
                fed -= mu[i]
            if q < slope_min:
                q = slope_min
                guarded += 1
            if own is not None and own.kind != NONE:
                if own.kind == SYNAPSES:
                    fed += own_delays.fed_back(e, s + 1, tape, own, mask, ring, own_sums)
                elif own_lists is not None and len(own_lists.first) > 0:
                    fed += fed_back_listed(
                        i, s + 1, recurrent_weights, own, own_lists, width, mask, ring
                    )
                else:
                    fed += fed_back(i, s + 1, recurrent_weights, own, width, mask, ring)
            elif own_lists is not None and len(own_lists.first) > 0:
                fed += listed.fed_back(i, recurrent_weights, width, own_lists, differences, after)
            elif recurrent:
                products = splat(np.float32(0))
                for column in range(0, width, LANES):
                    row = load(recurrent_weights, i * width + column)
                    products = fma(row, load(differences, after + column), products)
                fed += total(products)
            threshold = value(k.threshold, i)
            if adaptation is not None:
                threshold += rise - fall
            lambda_v[i] += (threshold * lambda_v[i] + fed) / q - penalty[i]
            if adaptation is not None:
                mu[i] -= value(adaptation.jump, i) * lambda_v[i]
    if stride > 0:
        for column in range(0, width, LANES):
            met = load(trace, (column // LANES) * plane)
            store(differences, column, load(lambda_v, column) - met)
    return guarded
