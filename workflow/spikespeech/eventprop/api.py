"""What other rooms call."""

from dataclasses import dataclass

import numpy as np

from spikespeech import losses
from spikespeech.eventprop import batch, forward, readout
from spikespeech.eventprop.adam import Adam
from spikespeech.eventprop.constants import constants
from spikespeech.network import Weights
from spikespeech.spikes import SpikeTrains


@dataclass(frozen=True)
class Regulariser:
    lambda_upper: float = 0.0
    lambda_lower: float = 0.0
    spikes: float = 14

    def penalty(self, counts):
        excess = counts - self.spikes
        return np.where(excess > 0, self.lambda_upper, self.lambda_lower) * excess


@dataclass(frozen=True)
class Simulation:
    hidden_spikes: SpikeTrains
    output_v: np.ndarray
    output_spikes: SpikeTrains = None


@dataclass(frozen=True)
class Gradients:
    losses: np.ndarray
    readouts: np.ndarray
    gradients: Weights
    hidden_spikes: np.ndarray
    guarded: int


@dataclass(frozen=True)
class Outcome:
    losses: np.ndarray
    readouts: np.ndarray
    labels: np.ndarray
    hidden_spikes: np.ndarray
    guarded: int
    nonfinite: np.ndarray


def as_weights(network, weights):
    if isinstance(weights, dict):
        weights = Weights(**weights)
    elif not isinstance(weights, Weights):
        weights = Weights(*weights)
    return Weights(*(np.ascontiguousarray(w, dtype=np.float32) for w in weights))


def as_loss(network, spikes, loss):
    return (
        loss
        if isinstance(loss, losses.Loss)
        else losses.make(loss, n_steps=spikes.n_steps, dt_ms=network.dt_ms)
    )


def simulate(network, weights, spikes, record=("hidden_spikes", "output_v")):
    weights = as_weights(network, weights)
    hidden = constants(network.tau_mem, network.tau_syn, network.dt_ms, network.n_hidden)
    output = constants(
        network.tau_mem_output, network.tau_syn_output, network.dt_ms, network.n_outputs
    )
    tape = batch.empty_tape(spikes.n_steps, network.n_hidden)
    out_tape = batch.empty_tape(spikes.n_steps, network.n_outputs)
    voltage = np.empty((len(spikes), spikes.n_steps, network.n_outputs), np.float32)
    trains, out_trains = [], []
    for i in range(len(spikes)):
        forward.hidden_layer(
            *spikes.example(i),
            weights.input_hidden,
            weights.hidden_hidden,
            network.recurrent,
            hidden,
            np.float32(network.threshold),
            spikes.n_steps,
            tape,
        )
        readout.simulate(
            tape,
            weights.hidden_output,
            output,
            np.float32(network.threshold),
            network.spiking_output,
            voltage[i],
            out_tape,
        )
        for (first, ids, _), out in ((tape, trains), (out_tape, out_trains)):
            out.append(
                (np.repeat(np.arange(spikes.n_steps), np.diff(first)), ids[: first[-1]].copy())
            )

    def pack(t, n):
        return SpikeTrains.from_binned(
            t, spikes.labels, spikes.speakers, spikes.n_steps, n, spikes.dt_ms, spikes.classes
        )

    return Simulation(pack(trains, network.n_hidden), voltage, pack(out_trains, network.n_outputs))


def gradients(network, weights, spikes, labels=None, loss="sum", regulariser=None):
    weights, loss = as_weights(network, weights), as_loss(network, spikes, loss)
    labels = spikes.labels if labels is None else np.asarray(labels)
    gradient = Weights.zeros(network)
    b = batch.run(network, weights, spikes, loss, labels, regulariser, gradient)
    return Gradients(b.losses, b.readouts, gradient, b.hidden_spikes, b.guarded)


class Backend:
    def __init__(self, network, weights, loss, regulariser=None, threads=1):
        self.network, self.loss, self.regulariser, self.threads = (
            network,
            loss,
            regulariser,
            threads,
        )
        self.weights = as_weights(network, weights).copy()
        self.optimiser = Adam(self.weights, 1e-8 * float(np.mean(network.tau_mem_output)))

    def train(self, batches, learning_rates):
        parts, labels = [], []
        bad = np.zeros(3, np.int64)
        for spikes, rate in zip(batches, learning_rates, strict=False):
            g = Weights.zeros(self.network)
            parts.append(
                batch.run(
                    self.network,
                    self.weights,
                    spikes,
                    self.loss,
                    spikes.labels,
                    self.regulariser,
                    g,
                )
            )
            labels.append(spikes.labels)
            nonfinite = [np.count_nonzero(~np.isfinite(x)) for x in g]
            bad += nonfinite
            if not any(nonfinite):
                self.optimiser.update(self.weights, g, rate)
        return self._outcome(parts, labels, bad)

    def evaluate(self, spikes):
        b = batch.run(self.network, self.weights, spikes, self.loss, spikes.labels)
        return self._outcome([b], [spikes.labels], np.zeros(3, np.int64))

    def _outcome(self, parts, labels, bad):
        join = np.concatenate
        return Outcome(
            join([p.losses for p in parts]),
            join([p.readouts for p in parts]),
            join(labels),
            join([p.hidden_spikes for p in parts]),
            sum(p.guarded for p in parts),
            bad,
        )

    def state(self):
        o = self.optimiser
        return {
            "steps": np.array(o.steps),
            **{f"mean_{n}": m.copy() for n, m in zip(Weights.names(), o.mean, strict=False)},
            **{f"square_{n}": m.copy() for n, m in zip(Weights.names(), o.square, strict=False)},
        }

    def restore(self, state):
        o = self.optimiser
        o.steps = int(state["steps"])
        o.mean = [state[f"mean_{n}"].copy() for n in Weights.names()]
        o.square = [state[f"square_{n}"].copy() for n in Weights.names()]
