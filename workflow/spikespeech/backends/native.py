"""Training with the native engine: the backend that `training` drives."""

import itertools
import math
import sys
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from spikespeech.engine import adam, rewiring, tape
from spikespeech.engine.batch import Engine, mlgenn_unit
from spikespeech.eventprop.api import as_loss, gradients
from spikespeech.kernels.vectors import aligned
from spikespeech.network import Network, Parameters
from spikespeech.spikes import SpikeTrains, delays
from spikespeech.spikes.stored import chunks

EPSILON = 1e-8
"""Adam's ε in mlGeNN's units. It is multiplied as gradients are (`engine.mlgenn_unit`), so that
Adam steps as mlGeNN's does with its default."""

DELAY_EPSILON = 1e-14
"""Likewise of gradients of delays, a ms. They carry a weight and two time constants less than those
of weights, and are mostly below mlGeNN's ε of 1e-8, which swallows them."""

CONSTANT_EPSILON = 1e-14
"""Likewise of slopes of the logarithms of constants."""

SETTLED = 100
"""Steps of Adam after which its second moments tell how long a gradient usually is."""


@dataclass(frozen=True)
class Outcome:
    """What an epoch or an evaluation saw, in the order of the examples.

    Attributes
    ----------
    losses : (n,) float64
    readouts : (n, n_outputs) float64; the prediction is the largest
    labels : (n,) int64
    hidden_spikes : (n, n_hidden) int32 counts: all 0 is a silent network
    guarded : int, how often 1 / (I - V) was guarded, see `engine.SLOPE_MIN`
    nonfinite : how many entries of the gradient of each weight array were not finite, by its name,
        over all batches
    skipped : batches with any such entry, which are not learned from: the weights stay finite
    shortened : batches whose gradients were shortened, see `Backend`
    rewired : how many times a synapse was replaced by another, see `engine.rewiring`
    """

    losses: np.ndarray
    readouts: np.ndarray
    labels: np.ndarray
    hidden_spikes: np.ndarray
    guarded: int
    nonfinite: dict[str, int]
    skipped: int = 0
    shortened: int = 0
    rewired: int = 0


class Backend:
    """A network that learns from batches by EventProp and Adam.

    Same weights, batches and rates give the same bytes for any number of threads.

    Parameters
    ----------
    network : Network
    weights : Parameters, the initial ones; copied
    loss : Loss
    regulariser : Regulariser or None
    threads : int
    delay_rate : how many times the weights' learning rate that of learned delays is, in steps
    constant_rate : likewise that of learned constants, of their logarithms
    gradient_clip : gradients of a batch that are longer than so many times their root mean square
        so far are shortened; 0 for never. Where the recurrence runs away, one word's gradient is a
        hundred times as long as all others, and Adam's second moments would long remember it
    rewiring : Rewiring of connections that lack synapses, or None; settable between epochs
    """

    def __init__(
        self,
        network,
        weights,
        loss,
        regulariser=None,
        threads=1,
        delay_rate=1.0,
        constant_rate=1.0,
        gradient_clip=0.0,
        rewiring=None,
    ):
        compile_kernels()
        loss = as_loss(network, loss, getattr(loss, "n_steps", None))
        self.engine = Engine(network, weights, loss, regulariser, threads)
        unit = mlgenn_unit(network, loss)
        self.epsilon = np.float32(EPSILON * unit)
        self.delay_rate, self.gradient_clip = delay_rate, gradient_clip
        self.rewiring = rewiring
        self.delay_epsilon = np.float32(DELAY_EPSILON * unit * network.dt_ms)
        self.steps = 0
        self.mean, self.square = (
            tuple(aligned(p.shape) for p in self.engine.parameters) for _ in range(2)
        )
        for moment in (*self.mean, *self.square):
            moment[:] = 0
        self.delay_mean, self.delay_square = (
            {name: np.zeros_like(d) for name, d in self.engine.learned_delays.items()}
            for _ in range(2)
        )
        self.constant_rate = constant_rate
        self.constant_epsilon = np.float32(CONSTANT_EPSILON * unit)
        self.constant_mean, self.constant_square = (
            self.engine.constants.moments() for _ in range(2)
        )

    @property
    def weights(self):
        """The current Parameters, as a copy; settable."""
        return self.engine.weights

    @weights.setter
    def weights(self, weights):
        self.engine.weights = weights

    def train(self, batches, learning_rates):
        """Learn from each of `batches` at its learning rate; return the Outcome.

        batches : SpikeTrains, already later by the delays of the network's inputs
        """
        parts, labels, nonfinite = [], [], Counter()
        skipped = shortened = rewired = 0
        for spikes, rate in zip(batches, learning_rates, strict=False):
            seen, bad = self.differentiate(spikes)
            parts.append(seen)
            labels.append(spikes.labels)
            nonfinite.update(bad)
            if any(bad.values()):
                skipped += 1
            else:
                shortened += self._shorten()
                self._step(rate)
                rewired += self._rewire(rate)
        outcome = self._outcome(parts, labels, nonfinite)
        return replace(outcome, skipped=skipped, shortened=shortened, rewired=rewired)

    def differentiate(self, spikes):
        """Leave the mean gradient of a batch in `engine.gradient`.

        Returns arrays.Results and, of each weight array, how many entries are not finite.
        """
        seen = self.engine.run(spikes, spikes.labels, learn=True)
        return seen, self.engine.mean_gradient(len(spikes))

    def evaluate(self, spikes):
        """Return the Outcome of `spikes` without learning; they may be on disk.

        They are delayed as they arrive; the batches of a training have been delayed already.
        """
        arriving = (
            delays.arriving(self.engine.network, self.engine.delays, s) for s in chunks(spikes)
        )
        parts = [self.engine.run(some, some.labels, learn=False) for some in arriving]
        return self._outcome(parts, [spikes.labels], {})

    def _shorten(self):
        """Shorten gradients that are too long, all by one factor; return whether they were."""
        if not self.gradient_clip or self.steps < SETTLED:
            return False
        engine, unbias = self.engine, 1 / (1 - adam.BETA2**self.steps)
        ratios = []
        for gradient, square in zip(engine.gradients, self.square, strict=True):
            squared, usual = adam.sums(gradient)[1], unbias * adam.sums(square)[0]
            ratios.append(math.sqrt(squared / usual) if usual else 0.0)
        if max(ratios) <= self.gradient_clip:
            return False
        held = engine.delay_gradients.values(), engine.constants.gradients.values()
        for gradient in (*engine.gradients, *itertools.chain(*held)):
            gradient *= np.float32(self.gradient_clip / max(ratios))
        return True

    def _rewire(self, rate):
        """Replace synapses whose weight has crossed its sign, see `rewiring`; return how many."""
        if self.rewiring is None:
            return 0
        engine, moments, masks, n = self.engine, self._moments().values(), {}, 0
        views = engine.named(engine.parameters)
        for at, c in enumerate(engine.network.connections):
            if c.name not in self.rewiring.signs:
                continue
            weights, signs = views[c.name], self.rewiring.signs[c.name]
            rewiring.shrink(weights, signs, engine.delays[c.mask], rate)
            removed = weights * signs < 0
            if not removed.any():
                continue
            stream = self.rewiring.seed, at, self.steps
            masks[c.name] = rewiring.replaced(~engine.absent[c.name], removed, c.recurrent, stream)
            n += np.count_nonzero(removed)
            # The delay of the pair stays as it is, for a synapse that it may get again.
            own = c.learned_delays and c.delay_shape == "synapse"
            held = [m[name] for m in moments for name in (c.name, c.delay)[: 1 + own]]
            for array in (weights, *held):
                array[removed] = 0
        if masks:
            engine.rewire(masks)
        return n

    def _step(self, rate):
        self.steps += 1
        unbiased_rate = np.float32(rate / (1 - adam.BETA1**self.steps))
        unbias = np.float32(1 / (1 - adam.BETA2**self.steps))
        self.engine.step(self.mean, self.square, unbiased_rate, unbias, self.epsilon)
        delay_rate = np.float32(self.delay_rate * unbiased_rate)
        moments = self.delay_mean, self.delay_square
        self.engine.step_delays(*moments, delay_rate, unbias, self.delay_epsilon)
        constant_rate = np.float32(self.constant_rate * unbiased_rate)
        moments = self.constant_mean, self.constant_square
        self.engine.step_constants(*moments, constant_rate, unbias, self.constant_epsilon)

    def _outcome(self, parts, labels, nonfinite):
        network = self.engine.network
        empty = np.zeros((0, network.n_outputs)), np.zeros((0, network.n_hidden), np.int32)
        return Outcome(
            np.concatenate([np.zeros(0), *(p.losses for p in parts)]),
            np.concatenate([empty[0], *(p.readouts for p in parts)]),
            np.concatenate([np.zeros(0, np.int64), *labels]),
            np.concatenate([empty[1], *(p.hidden_spikes for p in parts)]),
            int(sum(p.guarded.sum() for p in parts)),
            dict(nonfinite),
        )

    def state(self):
        """Return the optimiser's state as arrays: its moments and the number of steps."""
        return {"steps": np.array(self.steps)} | {
            f"{moment}_{name}": view.copy()
            for moment, arrays in self._moments().items()
            for name, view in arrays.items()
        }

    def restore(self, state):
        """Take up the state that `state` returned; the weights are set apart from it."""
        self.steps = int(state["steps"])
        for moment, arrays in self._moments().items():
            for name, view in arrays.items():
                view[:] = state[f"{moment}_{name}"]

    def _moments(self):
        """Return Adam's moments, views by name of what is learned."""
        engine = self.engine
        weights, late, constants = engine.named, engine.named_delays, engine.constants.named
        return {
            "mean": weights(self.mean) | late(self.delay_mean) | constants(self.constant_mean),
            "square": weights(self.square)
            | late(self.delay_square)
            | constants(self.constant_square),
        }


def compile_kernels():
    """Compile every kernel, or load it from numba's cache; say so on stderr if it must compile."""
    if compile_kernels.done:
        return
    compile_kernels.done = True  # the backend below asks again
    tape.index_steps(*np.zeros((2, 1), np.uint16), 1, np.zeros(2, np.uint32))
    if tape.index_steps.stats.cache_misses:
        print("compiling the EventProp kernels for this CPU (once)", file=sys.stderr, flush=True)
    network = Network.layered(2, 2, 2)
    weights = Parameters.zeros(network)
    spikes = SpikeTrains.from_arrays([[0.0]], [[0]], [0], n_units=2, n_steps=4, classes="ab")
    gradients(network, weights, spikes)
    backend = Backend(network, weights, as_loss(network, "sum", 4))
    backend.train([spikes], [0.0])
    adam.sums(backend.square[0])


compile_kernels.done = False
