"""Learned constants of neurons: their values, gradients, and steps of Adam.

With the adjoints of `lif`, the currents x and the voltages v after each step (Wunderlich & Pehle
2021, whose smooth parts depend on the time constants, and whose jumps on the threshold):

    time constants    dL/dlog τ_mem = Σ_t dt λ_V (x - v),   dL/dlog τ_syn = -Σ_t dt λ_I x
    threshold         dL/dθ = τ_mem Σ_spikes λ_V, after the spike's jump, backward in time
    adaptation        see `adaptive`

A layer that learns any keeps the voltages of each step, of which those of the next step have the
currents, x(t) = (V(t + 1) - α v(t)) / ((1 - α) c), and the trace of λ_I has λ_V, as `delays` says.

What is positive moves by factors: Adam steps the logarithm of each constant.
"""

from collections.abc import Mapping

import numpy as np

from spikespeech.engine import adam, adaptive, lif
from spikespeech.engine.kernel import inner
from spikespeech.engine.tape import last_step
from spikespeech.kernels.vectors import (
    LANES,
    aligned,
    at_least,
    fma,
    load,
    padded,
    select,
    splat,
    store,
)
from spikespeech.network import constants

SUMS = ("tau_mem", "tau_syn", "threshold", "strength", "tau_adapt")
"""Constants that can be learned, in the order of the rows that the kernels sum up."""

MOST = np.float32(50)
"""A logarithm changes by at most so much at a time, which single precision holds."""


@inner
def differentiate(tape, voltage, k, adaptation, trace, lambda_v, sums):
    """Add Σ λ_V (x - v), Σ λ_I x and Σ_spikes λ_V of one example and hidden layer.

    With an adaptation also Σ_spikes a λ_V and Σ_spikes λ_V τ_adapt/dt da/dlog τ_adapt.

    tape : Tape of the layer
    voltage : flat (n_steps * width,) float32, V of each step before a reset
    k, adaptation : Constants, and Adaptation or None
    trace, lambda_v : of `lif.run_backward`, λ_I of each step and λ_V of step 0
    sums : flat (len(SUMS) * width,) float32
    """
    width, end = len(lambda_v), last_step(tape)
    zero, one = splat(np.float32(0)), splat(np.float32(1))
    for column in range(0, width, LANES):
        start = column * (len(tape.first) - 1)
        alpha, beta, gamma = load(k.alpha, column), load(k.beta, column), load(k.gamma, column)
        threshold = load(k.threshold, column)
        inverse = one / (load(k.one_minus_alpha, column) * load(k.scale, column))
        by_mem, by_syn = load(sums, column), load(sums, width + column)
        by_threshold = load(sums, 2 * width + column)
        if adaptation is not None:
            a = grown = zero
            spikes = np.uint64(0)
            by_strength = load(sums, 3 * width + column)
            by_adapt = load(sums, 4 * width + column)
        v, met_v, met_i = zero, load(lambda_v, column), load(trace, start)
        for t in range(end):
            later, later_i = load(voltage, (t + 1) * width + column), load(trace, start + LANES)
            x = (later - alpha * v) * inverse
            by_mem = fma(met_v, x - v, by_mem)
            by_syn = fma(met_i, x, by_syn)
            if adaptation is None:
                spikes = at_least(later, threshold)
            else:
                a = adaptive.decayed(a, column, spikes, adaptation)
                grown = fma(load(adaptation.rho, column), grown, a)
                spikes = at_least(later, adaptive.raised(threshold, column, a, adaptation))
                by_strength = fma(select(spikes, met_v, zero), a, by_strength)
                by_adapt = fma(select(spikes, met_v, zero), grown, by_adapt)
            by_threshold = by_threshold + select(spikes, met_v, zero)
            v = select(spikes, zero, later)
            met_v = (met_i - beta * later_i) / gamma
            met_i = later_i
            start += LANES
        store(sums, column, by_mem)
        store(sums, width + column, by_syn)
        store(sums, 2 * width + column, by_threshold)
        if adaptation is not None:
            store(sums, 3 * width + column, by_strength)
            store(sums, 4 * width + column, by_adapt)


@inner
def differentiate_outputs(voltage, k, lambda_v, lambda_i, width, sums):
    """Add the same of simulated outputs, whose adjoints `outputs.adjoint` wrote for each step.

    voltage, lambda_v, lambda_i : flat (n_steps * width,) float32
    """
    zero, one = splat(np.float32(0)), splat(np.float32(1))
    for column in range(0, width, LANES):
        alpha, threshold = load(k.alpha, column), load(k.threshold, column)
        inverse = one / (load(k.one_minus_alpha, column) * load(k.scale, column))
        by_mem, by_syn = load(sums, column), load(sums, width + column)
        by_threshold, v = load(sums, 2 * width + column), zero
        for cell in range(column, len(voltage) - width, width):
            later, met_v = load(voltage, cell + width), load(lambda_v, cell)
            x = (later - alpha * v) * inverse
            by_mem = fma(met_v, x - v, by_mem)
            by_syn = fma(load(lambda_i, cell), x, by_syn)
            spikes = at_least(later, threshold)
            by_threshold = by_threshold + select(spikes, met_v, zero)
            v = select(spikes, zero, later)
        store(sums, column, by_mem)
        store(sums, width + column, by_syn)
        store(sums, 2 * width + column, by_threshold)


class Held:
    """The learned constants of a network, and what is summed up for their gradients.

    Attributes
    ----------
    values, gradients : dictionaries by name of flat float32 arrays, padded as Adam wants them
    shares : tuple of (n_shares, size) float32, of the layers after the inputs: the sums of each
        share's examples, without size where a layer learns none; None where none does
    """

    def __init__(self, network, n_shares):
        self.network = network
        self.shapes = {name: network.shapes()[name] for name, _, _ in constants.learned(network)}
        self.values, self.gradients = self.moments(), self.moments()
        self.layers = network.populations[1:]
        sizes = [len(SUMS) * padded(p.n) if p.learned else 0 for p in self.layers]
        self.shares = tuple(aligned((n_shares, size)) for size in sizes) if any(sizes) else None

    def moments(self):
        """Return zeros like `values`."""
        return {n: np.zeros(padded(shape[0]), np.float32) for n, shape in self.shapes.items()}

    def named(self, arrays: Mapping[str, np.ndarray]):
        """Return views of arrays like `values`, without padding."""
        return {name: arrays[name][: shape[0]] for name, shape in self.shapes.items()}

    def of_layers(self):
        """Return the lif.Constants of each hidden layer, their Adaptation, and the outputs' own."""
        network, _ = constants.settled(self.network, self.named(self.values))
        *apart, output_apart = [any(c.each == "neuron" for c in p.learned) for p in self.layers]
        (output,) = lif.constants([network.output], network.dt_ms, output_apart)
        # Arrays of the outputs alone would be one more form of all kernels.
        given = network.hidden, network.dt_ms, any(apart) or not output.alike
        return lif.constants(*given), adaptive.constants(*given), output

    def mean_gradient(self, n, n_shares, layers, adaptations):
        """Leave the mean over n examples in `gradients`; return how many of each are not finite.

        n_shares : how many shares were used
        layers : the lif.Constants with which, of the layers after the inputs
        adaptations : of the hidden ones, the Adaptation or None
        """
        found = {}
        given = zip(self.layers, layers, (*adaptations, None), self.shares or (), strict=False)
        for population, k, adaptation, sums in given:
            if not population.learned:
                continue
            rows = sums[:n_shares].sum(axis=0, dtype=np.float64).reshape(len(SUMS), -1)
            dt = self.network.dt_ms
            factors = [dt / np.float64(k.tau_mem), -dt / np.float64(k.tau_syn)]
            factors += [np.float64(k.tau_mem)] * 2
            if adaptation is not None:
                factors.append(np.float64(adaptation.jump) * dt / np.float64(adaptation.tau_adapt))
            for constant in population.learned:
                at = SUMS.index(constant.constant)
                slopes = (rows[at] * factors[at] / n)[: population.n]
                name = population.called(constant)
                self.gradients[name][: self.shapes[name][0]] = (
                    slopes if constant.each == "neuron" else slopes.sum()
                )
                found[name] = int(np.count_nonzero(~np.isfinite(self.gradients[name])))
        return found

    def step(self, mean, square, rate, unbias, epsilon):
        """Take a step of Adam with the logarithms, see `adam.step`; keep within the bounds.

        mean, square : dictionaries like `values`
        rate : of the logarithm
        """
        for name, _, constant in constants.learned(self.network):
            held = self.values[name]
            change, slope = np.zeros_like(held), held * self.gradients[name]
            moments = mean[name], square[name]
            adam.step(change, slope, *moments, rate, unbias, epsilon, 0, len(held))
            low, high = np.float32(constant.low), np.float32(constant.high)
            factor = np.exp(np.clip(change, -MOST, MOST))
            np.clip(held * factor, low, high, out=held)
