"""A layer that learns unsupervised: spike-timing-dependent plasticity and winner-take-all.

Leaky integrate-and-fire neurons of the engine's kind, of which at most one spikes in a step and
then resets all others; pairs of spikes change weights by the window of Song et al. (2000) with
soft bounds; thresholds rise with use and inputs are normalised (Diehl and Cook 2015).
"""

from dataclasses import dataclass, replace

import numpy as np

from spikespeech.kernels.compiling import kernel

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
        _normalise(layer.weights)
        return layer

    def copy(self):
        """Return an independent copy."""
        return replace(self, weights=self.weights.copy(), thresholds=self.thresholds.copy())

    def learn(self, spikes, order):
        """Present examples of SpikeTrains in an order; weights and thresholds change in place."""
        for i in order:
            self.present(spikes, i, POTENTIATION, DEPRESSION, RISE)
            _normalise(self.weights)
            rest = self.threshold
            self.thresholds[:] = rest + (self.thresholds - rest) * FORGET

    def respond(self, spikes, bins):
        """Return (n, bins * n_hidden) spike counts of each example in bins of time."""
        answers = np.zeros((len(spikes), bins, len(self.thresholds)))
        for i in range(len(spikes)):
            steps, winners = self.present(spikes, i, 0.0, 0.0, 0.0)
            np.add.at(answers[i], (steps * bins // spikes.n_steps, winners), 1)
        return answers.reshape(len(spikes), -1)

    def present(self, spikes, i, potentiation, depression, rise):
        """Present example i, learning at these rates; return (steps, winners) of the spikes."""
        steps, units = spikes.example(i)
        decays = np.exp(-spikes.dt_ms / np.array([self.tau_mem, self.tau_syn, TAU])).astype(
            np.float32
        )
        return _present(
            *(steps, units, spikes.n_steps, self.weights, self.thresholds),
            *(decays, *map(np.float32, (potentiation, depression, rise))),
        )


@kernel
def _normalise(weights):  # pragma: no cover - compiled
    """Scale weights to the mean MEAN_WEIGHT of each neuron, none above 1."""
    factor = np.zeros(weights.shape[1], np.float32)
    for row in weights:
        factor += row
    factor = np.float32(MEAN_WEIGHT * len(weights)) / factor
    for row in weights:
        for j in range(len(row)):
            row[j] = min(row[j] * factor[j], np.float32(1))


@kernel
def _present(
    steps, units, n_steps, weights, thresholds, decays, potentiation, depression, rise
):  # pragma: no cover - compiled
    """Present one example; return (steps, winners) of the layer's spikes.

    `decays` are those of membrane, synapse and plasticity's traces in a step. `weights` and
    `thresholds` change in place: a presynaptic spike lowers its weights by the neurons' traces of
    their own spikes, a neuron's spike raises its weights by the inputs' traces. Within a step
    inputs come first and count for the neuron's spike in the next steps only, as coincidence
    changes nothing.
    """
    n_inputs, n_hidden = weights.shape
    V, current = np.zeros(n_hidden, np.float32), np.zeros(n_hidden, np.float32)
    after = np.zeros(n_hidden, np.float32)
    # An input's trace, as it was at its last spike.
    before, last = np.zeros(n_inputs, np.float32), np.zeros(n_inputs, np.int64)
    when, winners = [0 for _ in range(0)], [0 for _ in range(0)]
    membrane, synapse, trace = decays
    powers = np.array([trace**t for t in range(n_steps + 1)], np.float32)
    gain, one, s = np.float32(GAIN), np.float32(1), 0
    for t in range(n_steps):
        reached = 0
        for j in range(n_hidden):
            V[j] = V[j] * membrane + current[j] * (one - membrane)
            current[j] *= synapse
            after[j] *= trace
            reached += V[j] >= thresholds[j]
        first = s
        while s < len(steps) and steps[s] == t:
            row = weights[units[s]]
            for j in range(n_hidden):
                current[j] += gain * row[j]
            if depression > 0:
                for j in range(n_hidden):
                    row[j] -= depression * after[j] * row[j]
            s += 1
        if reached:
            winner = (V - thresholds).argmax()
            when.append(t)
            winners.append(winner)
            V[:] = 0
            thresholds[winner] += rise
            if potentiation > 0:
                for i in range(n_inputs):
                    weight = weights[i, winner]
                    pull = potentiation * before[i] * powers[t - last[i]]
                    weights[i, winner] += pull * (one - weight)
            after[winner] += 1
        for unit in units[first:s]:
            before[unit] = before[unit] * powers[t - last[unit]] + 1
            last[unit] = t
    return np.array(when), np.array(winners)
