"""Quantisation-aware training: EventProp on integer weights, Adam on their float masters.

Straight-through: an epoch's forward and backward passes run with the weights that Loihi would hold,
rounded and clipped to a grid, and the gradient is applied to the float weights behind them. The
same training without a grid is its control: what it gains, the longer training gains.
"""

from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pandas as pd

from spikespeech import eventprop
from spikespeech.backends import native
from spikespeech.errors import InputError
from spikespeech.loihi.quantise import quantise
from spikespeech.network import Parameters
from spikespeech.spikes.augment import Presentations
from spikespeech.training.loop import accuracy, overflowed

FLOAT = 32
"""Word length of the control: float weights, no grid."""


class Result(NamedTuple):
    """Parameters on the grid, of the best epoch, and the history (see `train`)."""

    weights: Parameters
    history: pd.DataFrame


class QuantisedBackend(native.Backend):
    """The native engine on quantised weights; `masters` are the float weights that Adam steps.

    Parameters
    ----------
    bits, scale : see `quantise.quantise`, or FLOAT; `rescale` finds the grid anew from the masters
    options : of `native.Backend`
    """

    def __init__(
        self, network, weights, loss, regulariser=None, threads=1, *, bits, scale, **options
    ):
        super().__init__(network, weights, loss, regulariser, threads, **options)
        self.bits, self.scale = bits, scale
        self.masters = weights.copy()
        self.rescale()

    def rescale(self):
        """Fit the grid to the masters, and put the weights on it."""
        if self.bits == FLOAT:
            return
        network = self.engine.network
        given = {"bits": self.bits, "scale": self.scale, "long_delays": None}
        self.lsb = quantise(network, self.masters, **given).lsb
        self._quantise()

    def _quantise(self):
        if self.bits == FLOAT:
            return
        quantised = quantise(
            self.engine.network, self.masters, bits=self.bits, lsb=self.lsb, long_delays=None
        )
        self.weights = quantised.weights

    def _step(self, rate):
        self.weights = self.masters
        super()._step(rate)
        self.masters = self.weights
        self._quantise()


def train(
    network,
    weights,
    spikes_train,
    spikes_validation,
    settings,
    *,
    bits,
    epochs,
    learning_rate,
    scale="error",
    progress=None,
    threads=1,
):
    """Train a trained network on, on the grid of `bits` or with FLOAT on none; return a Result.

    The learning rate falls linearly to 0. The grid is fitted to the masters before each epoch.
    The weights kept are those on the grid, of the epoch with the best validation accuracy
    (training accuracy where nobody validates, or the network was fine-tuned on these speakers).
    Epoch 0, the network before training, stands in the history alone: it is the best of many
    epochs on these very validation speakers, and the control would seldom differ from it.

    Parameters
    ----------
    network, weights : a trained network
    spikes_train, spikes_validation : SpikeTrains in memory
    settings : Settings of its training: loss, regularisation, augmentation, batch size, seed
    progress : called with each new row of the history: epoch, train_loss, train_accuracy,
        validation_loss, validation_accuracy

    Raises InputError where numbers are no longer finite.
    """
    loss = settings.make_loss(spikes_train)
    regulariser = eventprop.Regulariser(**asdict(settings.regularisation))
    chosen = ("gradient_clip", "delay_rate", "constant_rate")
    options = {"bits": bits, "scale": scale} | {name: getattr(settings, name) for name in chosen}
    backend = QuantisedBackend(network, weights, loss, regulariser, threads, **options)
    presentations = Presentations(
        spikes_train,
        **asdict(settings.augmentation),
        delays=settings.draw_delays(spikes_train),
        seed=settings.seed,
    )
    n_batches = -(-len(presentations) // settings.batch_size)
    validated = len(spikes_validation) and not settings.finetune
    history, best = [], None
    for epoch in range(epochs + 1):
        backend.rescale()
        if epoch:
            done = (epoch - 1) * n_batches + np.arange(n_batches)
            rates = learning_rate * (1 - done / (epochs * n_batches))
            learnt = backend.train(presentations.batches(epoch, settings.batch_size), rates)
        else:
            learnt = backend.evaluate(spikes_train)
        if not np.isfinite(learnt.losses).all() or overflowed(learnt, settings, n_batches):
            raise InputError(
                f"training at {bits} bits: loss or gradient of epoch {epoch} is not finite",
                hint="lower the learning rate",
            )
        row = {
            "epoch": epoch,
            "train_loss": learnt.losses.mean(),
            "train_accuracy": accuracy(learnt),
            "validation_loss": np.nan,
            "validation_accuracy": np.nan,
        }
        if len(spikes_validation):
            outcome = backend.evaluate(spikes_validation)
            row["validation_loss"] = outcome.losses.mean()
            row["validation_accuracy"] = accuracy(outcome)
        side = "validation" if validated else "train"
        merit = (row[f"{side}_accuracy"], -row[f"{side}_loss"])
        if epoch and (best is None or merit > best[0]):
            best = merit, backend.weights.copy()
        history.append(row)
        if progress:
            progress(row)
    return Result(best[1], pd.DataFrame(history))
