"""A layer that learns unsupervised: spike-timing-dependent plasticity and winner-take-all.

Leaky integrate-and-fire neurons of the engine's kind, of which at most one spikes in a step and
then resets all others; pairs of spikes change weights by the window of Song et al. (2000) with
soft bounds; thresholds rise with use and inputs are normalised (Diehl and Cook 2015).
"""

from dataclasses import dataclass, replace

import numpy as np

from spikespeech.kernels.compiling import kernel
from spikespeech.kernels.vectors import LANES, at_least, load, splat, store

POTENTIATION, DEPRESSION, TAU = 0.02, 0.01, 20.0
"""A+ and A- of a pair, relative to a weight's distance from its bound; time constant in ms."""

MEAN_WEIGHT, GAIN = 0.1, 0.3
"""Mean of a neuron's weights, which lie in 0 to 1; synaptic current of a spike at weight 1."""

RISE, FORGET = 0.02, 0.98
"""A neuron's threshold rises by RISE a spike; the excess is kept by this factor an example."""


@dataclass
class StdpLayer:
    """Weights (n_inputs, n_hidden) in 0 to 1, and thresholds (n_hidden,) that rest at threshold."""

    weights: np.ndarray
    thresholds: np.ndarray
    tau_mem: float = 20.0
    tau_syn: float = 5.0
    threshold: float = 1.0

    @classmethod
    def random(cls, n_inputs, n_hidden, seed, **constants):
        """Draw a layer with uniform weights of mean MEAN_WEIGHT."""
        drawn = np.random.default_rng(seed).uniform(0, 1, (n_inputs, n_hidden))
        layer = cls(drawn.astype(np.float32), np.empty(n_hidden, np.float32), **constants)
        layer.thresholds[:] = layer.threshold
        _normalise(layer.weights, n_hidden)
        return layer

    def copy(self):
        """Return an independent copy."""
        return replace(self, weights=self.weights.copy(), thresholds=self.thresholds.copy())

    def learn(self, spikes, order):
        """Present examples of SpikeTrains in an order; weights and thresholds change in place."""
        rows, thresholds, rest = self._rows(), self.thresholds, self.threshold
        for i in order:
            self._present(spikes, i, rows, POTENTIATION, DEPRESSION, RISE)
            _normalise(rows, len(thresholds))
            thresholds[:] = rest + (thresholds - rest) * FORGET
        self.weights[:] = rows[:, : len(thresholds)]

    def respond(self, spikes, bins):
        """Return (n, bins * n_hidden) spike counts of each example in bins of time."""
        answers, rows = np.zeros((len(spikes), bins, len(self.thresholds))), self._rows()
        for i in range(len(spikes)):
            steps, winners = self._present(spikes, i, rows, 0.0, 0.0, 0.0)
            np.add.at(answers[i], (steps * bins // spikes.n_steps, winners), 1)
        return answers.reshape(len(spikes), -1)

    def present(self, spikes, i, potentiation, depression, rise):
        """Present example i, learning at these rates; return (steps, winners) of the spikes."""
        rows = self._rows()
        found = self._present(spikes, i, rows, potentiation, depression, rise)
        self.weights[:] = rows[:, : len(self.thresholds)]
        return found

    def _rows(self):
        """Return a copy of the weights, (n_inputs, width): whole Blocks, of zeros at the end."""
        n_hidden = len(self.thresholds)
        return np.pad(self.weights, ((0, 0), (0, -n_hidden % LANES)))

    def _present(self, spikes, i, rows, *rates):
        steps, units = spikes.example(i)
        decays = np.exp(-spikes.dt_ms / np.array([self.tau_mem, self.tau_syn, TAU]))
        return _present(
            *(steps, units, spikes.n_steps, rows.reshape(-1), self.thresholds),
            *(decays.astype(np.float32), *map(np.float32, rates)),
        )


@kernel
def _normalise(rows, n_hidden):  # pragma: no cover - compiled
    """Scale weights to the mean MEAN_WEIGHT of each of n_hidden neurons, none above 1."""
    factor = np.zeros(rows.shape[1], np.float32)
    for i in range(len(rows)):
        for j in range(len(factor)):
            factor[j] += rows[i, j]
    factor[:n_hidden] = np.float32(MEAN_WEIGHT * len(rows)) / factor[:n_hidden]
    for i in range(len(rows)):
        for j in range(len(factor)):
            rows[i, j] = min(rows[i, j] * factor[j], np.float32(1))


@kernel
def _present(
    steps, units, n_steps, weights, thresholds, decays, potentiation, depression, rise
):  # pragma: no cover - compiled
    """Present one example; return (steps, winners) of the layer's spikes.

    `weights` is flat, of the rows of each input. `decays` are those of membrane, synapse and
    plasticity's traces in a step. `weights` and
    `thresholds` change in place: a presynaptic spike lowers its weights by the neurons' traces of
    their own spikes, a neuron's spike raises its weights by the inputs' traces. Within a step
    inputs come first and count for the neuron's spike in the next steps only, as coincidence
    changes nothing.
    """
    n_hidden = len(thresholds)
    width = (n_hidden + LANES - 1) // LANES * LANES
    n_inputs = len(weights) // width
    V, current = np.zeros(width, np.float32), np.zeros(width, np.float32)
    after, highest = np.zeros(width, np.float32), np.full(width, np.inf, np.float32)
    highest[:n_hidden] = thresholds
    # An input's trace, as it was at its last spike.
    before, last = np.zeros(n_inputs, np.float32), np.zeros(n_inputs, np.int64)
    seen, n_seen = np.empty(n_inputs, np.uint64), 0
    when, winners = [0 for _ in range(0)], [0 for _ in range(0)]
    membrane, synapse, trace = decays
    powers = np.array([trace**t for t in range(n_steps + 1)], np.float32)
    one, first = np.float32(1), 0
    for t in range(n_steps):
        end = first
        while end < len(steps) and steps[end] == t:
            end += 1
        reached = False
        for column in range(0, width, LANES):
            potential = splat(membrane) * load(V, column)
            potential = potential + load(current, column) * splat(one - membrane)
            reached |= at_least(potential, load(highest, column)) > 0
            store(V, column, potential)
            traces = load(after, column) * splat(trace)
            store(after, column, traces)
            total = load(current, column) * splat(synapse)
            for k in range(first, end):
                at = np.int64(units[k]) * width + column
                row = load(weights, at)
                total = total + splat(np.float32(GAIN)) * row
                if depression > 0:
                    store(weights, at, row - splat(depression) * traces * row)
            store(current, column, total)
        if reached:
            winner = (V[:n_hidden] - thresholds).argmax()
            when.append(t)
            winners.append(winner)
            V[:] = 0
            thresholds[winner] += rise
            highest[winner] = thresholds[winner]
            if potentiation > 0:
                for k in range(n_seen):
                    i = seen[k]
                    at = i * np.uint64(width) + np.uint64(winner)
                    pull = potentiation * before[i] * powers[np.uint64(t - last[i])]
                    weights[at] += pull * (one - weights[at])
            after[winner] += 1
        for k in range(first, end):
            unit = np.uint64(units[k])
            if before[unit] == 0:
                seen[n_seen] = unit
                n_seen += 1
            before[unit] = before[unit] * powers[np.uint64(t - last[unit])] + one
            last[unit] = t
        first = end
    return np.array(when), np.array(winners)
