"""Epochs: present, learn, lift silent neurons, validate, record, keep the best, checkpoint.

The loop drives any `Backend`. What it returns depends on data and settings alone: not on the
number of threads, nor on how often the training was interrupted and resumed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from spikespeech import eventprop
from spikespeech.backends import registry
from spikespeech.engine.rewiring import Rewiring
from spikespeech.errors import InputError
from spikespeech.network import Network, Parameters, constants, sparse
from spikespeech.spikes import SpikeTrains
from spikespeech.spikes.augment import Presentations, ahead
from spikespeech.spikes.stored import load_if_small
from spikespeech.training import connections, schedule
from spikespeech.training.checkpoint import Checkpoint, identity
from spikespeech.training.settings import Settings

# Spikes a hidden neuron and step, on average, above which a network has run away.
RUNAWAY = 0.5
# Epochs that lifting silent neurons is given to wake a network of which none has spiked.
AWAKENING = 10

HISTORY = {
    "epoch": int,
    "learning_rate": float,
    "train_loss": float,
    "train_accuracy": float,
    "validation_loss": float,
    "validation_accuracy": float,
    "hidden_spikes": float,
    "silent": int,
    "late": float,
    "guarded": int,
    "shortened": int,
    "skipped": int,
    "rewired": int,
}

SPREAD = ("mean", "low", "high")

ENDURED = 0.1
"""Share of an epoch's batches with gradients that are not finite which a training survives."""


def columns(network):
    """Return the columns of a network's history and their types: HISTORY, and what else it learns.

    Of learned delays and constants there are the mean, and the first and the last decile, in steps
    or in the constant's unit.
    """
    return HISTORY | {f"{name}_{what}": float for name in _beside(network) for what in SPREAD}


def _beside(network):
    """Return the names of what a network learns beside its weights."""
    delays = [c.delay for c in network.connections if c.learned_delays]
    return [*delays, *(name for name, _, _ in constants.learned(network))]


class TrainingFailed(InputError):  # noqa: N818 - it says what happened
    """A training that cannot go on: its network has died, run away or lost its numbers."""


class Backend(Protocol):
    """What computes: the native engine, or mlGeNN. `Outcome` is that of `native`."""

    weights: Parameters
    rewiring: Any

    def train(self, batches: Iterable[SpikeTrains], learning_rates: Iterable[float]) -> Any:
        """Learn from each batch of an epoch; return the Outcome of its forward passes."""

    def evaluate(self, spikes: SpikeTrains) -> Any:
        """Return the Outcome of a forward pass of all examples."""

    def state(self) -> dict[str, np.ndarray]:
        """Return all that `train` depends on besides the weights."""

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up a `state`."""


class Result(NamedTuple):
    """A trained network: the weights that were kept, and the history of all epochs."""

    network: Network
    weights: Parameters
    history: pd.DataFrame
    best_epoch: int


def train(
    spikes_train: SpikeTrains, spikes_validation: SpikeTrains, settings: Settings, **options: Any
) -> Result:
    """Train a network; return a Result with the weights that its `selection` keeps.

    Parameters
    ----------
    spikes_train : SpikeTrains in memory, or StoredSpikes
    spikes_validation : likewise; may be empty where `selection` is "training"
    settings : Settings
    options : keywords, as follows
    checkpoint : file to which each epoch's state is written, and from which an interrupted
        training of the same data, settings and `stamp` is resumed; its owner deletes it
    stamp : text that says with which code the checkpoint was made
    progress : called with each new row of the history (a dictionary)
    threads : int
    device : where mlGeNN computes, see `mlgenn.Backend`

    The history has one row an epoch: epoch (from 1), learning_rate (of its last batch),
    train_loss, train_accuracy (of the augmented presentations, while learning), validation_loss,
    validation_accuracy (NaN without validation examples; of the mean of the last epochs' weights,
    where those are kept), hidden_spikes (mean a neuron and
    presentation), silent (hidden neurons without a spike, before they are lifted), late (input
    spikes that their delay pushed past the trial's end, mean a presentation), guarded (see the
    engine's guard of 1/(I - V)), shortened and skipped (batches whose gradients were so, see
    `native.Outcome`), rewired (how many times a synapse was replaced by another: in no epoch
    whose weights are averaged); and of learned delays and constants mean and deciles (`columns`).

    Raises TrainingFailed, with epoch, layer and count, where weights or losses are no longer
    finite, the gradients of more than a tenth of the batches (of any, where none are shortened) are
    not, or the hidden layer is silent or has run away.
    """
    _check(spikes_train, spikes_validation, settings)
    averaged = settings.selection == "last"
    network, kept, history = _train(spikes_train, spikes_validation, settings, averaged, **options)
    held = columns(network)
    table = pd.DataFrame(history, columns=list(held)).astype(held)
    return Result(network, kept, table, schedule.best_epoch(history, settings.selection))


def finetune(
    spikes: SpikeTrains, weights: Parameters, settings: Settings, *, stamp: str = "", **options: Any
) -> Parameters:
    """Go on with a trained network, its validation speakers among the examples; return Parameters.

    It takes `schedule.finetuning` epochs, in which no synapse is replaced. As nobody is left to
    tell a better epoch from a worse one, they are the mean over the last `average` of them.

    Parameters
    ----------
    spikes : of the training and the validation side, SpikeTrains in memory or StoredSpikes
    weights : Parameters that a `train` kept
    settings : Settings
    stamp, options : as of `train`
    """
    from_here = hashlib.blake2b(b"".join(w.tobytes() for w in weights.values())).hexdigest()
    options |= {"stamp": f"{stamp} {from_here}", "weights": weights}
    brief = replace(settings, epochs=schedule.finetuning(settings.epochs, settings.finetune))
    _, kept, _ = _train(spikes, spikes.take([]), brief, True, **options)
    return kept


def _train(
    spikes_train,
    spikes_validation,
    settings,
    averaged,
    *,
    weights=None,
    checkpoint=None,
    stamp="",
    progress=None,
    threads=1,
    device="auto",
):
    """Train a network from `weights`, or from random ones; return (network, kept, history).

    `kept` is the mean of the weights after the last epochs where they are `averaged`, else the
    weights of the best epoch. The history is a list of rows.
    """
    spikes_train, spikes_validation = map(load_if_small, (spikes_train, spikes_validation))
    network, backend = start(spikes_train, settings, threads, device)
    if weights is not None:
        backend.weights = weights
    presentations = Presentations(
        spikes_train,
        **asdict(settings.augmentation),
        delays=settings.draw_delays(spikes_train),
        seed=settings.seed,
    )
    n_batches = -(-len(presentations) // settings.batch_size)
    digest = identity(spikes_train, spikes_validation, settings, stamp)
    saved = Checkpoint(checkpoint, digest, list(columns(network)))
    history, kept = saved.load(backend)
    first = max(settings.epochs - settings.average, 0)
    # A mean is of weights of the same synapses, and fine-tuning keeps them.
    rewired_until = 0 if weights is not None else first if averaged else settings.epochs
    for epoch in range(len(history) + 1, settings.epochs + 1):
        if epoch > rewired_until:
            backend.rewiring = None
        rates = schedule.rates(settings, [row["train_accuracy"] for row in history], n_batches)
        batches = ahead(presentations.batches(epoch, settings.batch_size))
        learnt = backend.train(batches, rates)
        silent = ~learnt.hidden_spikes.any(axis=0)
        row = {
            "epoch": epoch,
            "learning_rate": rates[-1],
            "train_loss": learnt.losses.mean(),
            "train_accuracy": accuracy(learnt),
            "validation_loss": np.nan,
            "validation_accuracy": np.nan,
            "hidden_spikes": learnt.hidden_spikes.mean(),
            "silent": silent.sum(),
            "late": presentations.late / len(presentations),
            "guarded": learnt.guarded,
            "shortened": learnt.shortened,
            "skipped": learnt.skipped,
            "rewired": learnt.rewired,
        }
        _check_finite(epoch, learnt, backend.weights, settings, n_batches)
        _check_activity(row, history, network, settings, spikes_train.n_steps)
        _lift(backend, network, silent, settings.silent_lift)
        if averaged:
            kept = _mean(kept, backend.weights, epoch - first)
        if len(spikes_validation):
            validated = _evaluate(backend, kept if averaged else None, spikes_validation)
            row["validation_loss"] = validated.losses.mean()
            row["validation_accuracy"] = accuracy(validated)
        row |= _spread(network, backend.weights)
        history.append({key: kind(row[key]) for key, kind in columns(network).items()})
        if not averaged and schedule.best_epoch(history, settings.selection) == epoch:
            kept = backend.weights.copy()
        saved.write(backend, history, kept)
        if progress:
            progress(history[-1])
    return network, kept, history


def start(
    spikes: SpikeTrains, settings: Settings, threads: int = 1, device: str = "auto"
) -> tuple[Network, Backend]:
    """Return (network, backend) with initial weights drawn from the seed."""
    network = settings.make_network(spikes)
    weights = Parameters.random(
        network, np.random.default_rng(settings.seed), **asdict(settings.initial_weights)
    )
    # Those without a synapse have a sign, too: that of the weight that is drawn for them.
    rewired = connections.rewired(network, settings.connections)
    signs = {name: np.where(weights[name] < 0, np.float32(-1), np.float32(1)) for name in rewired}
    weights |= settings.given(network, spikes)
    weights |= sparse.masked(network, weights)
    regulariser = eventprop.Regulariser(**asdict(settings.regularisation))
    parts = network, weights, settings.make_loss(spikes), regulariser
    known = {
        "threads": threads,
        "batch_size": settings.batch_size,
        "device": device,
        "slope": settings.surrogate_slope,
        "delay_rate": settings.delay_rate,
        "constant_rate": settings.constant_rate,
        "gradient_clip": settings.gradient_clip,
        "rewiring": Rewiring(signs, settings.seed) if signs else None,
    }
    options = {key: known[key] for key in registry.BACKENDS[settings.backend].options}
    return network, registry.load(settings.backend)(*parts, **options)


def accuracy(outcome):
    """Return the fraction of examples whose largest read-out is that of their label."""
    return np.mean(outcome.readouts.argmax(axis=1) == outcome.labels)


def _check(spikes_train, spikes_validation, settings):
    if not len(spikes_train):
        raise InputError("no examples to train on", hint="look at the split")
    needed = settings.selection == "validation" or settings.finetune
    if needed and not len(spikes_validation):
        raise InputError(
            "no validation examples to choose the best epoch on, or to fine-tune with",
            hint="name validation speakers, or set training.selection: last and finetune: 0",
        )
    rewired = any(own.get("rewired") for own in settings.connections.values())
    if rewired and settings.selection == "last" and settings.average >= settings.epochs:
        raise InputError(
            f"the weights of all {settings.epochs} epochs are averaged, none is left to rewire in",
            hint="set training.average below training.epochs, or rewired: false",
        )


def overflowed(outcome, settings, n_batches):
    """Return whether too many of an epoch's batches had gradients that are not finite."""
    return outcome.skipped > (ENDURED * n_batches if settings.gradient_clip else 0)


def _check_finite(epoch, outcome, weights, settings, n_batches):
    if overflowed(outcome, settings, n_batches):
        names = ", ".join(name for name, count in outcome.nonfinite.items() if count)
        raise TrainingFailed(
            f"epoch {epoch}: in {outcome.skipped} of {n_batches} batches gradients of {names} "
            "are not finite",
            hint="lower training.learning_rate",
        )
    for name, array in weights.items():
        if count := _nonfinite(array):
            raise TrainingFailed(
                f"epoch {epoch}: {count} of {array.size} weights of {name} are not finite",
                hint="lower training.learning_rate",
            )
    if count := _nonfinite(outcome.losses):
        raise TrainingFailed(
            f"epoch {epoch}: the loss of {count} of {len(outcome.losses)} examples is not finite",
            hint="lower training.learning_rate",
        )


def _nonfinite(array):
    return int(np.count_nonzero(~np.isfinite(array)))


def _spread(network, weights):
    """Return the columns of the history that learned delays and constants have."""
    row = {}
    for name in _beside(network):
        found = _held(network, weights, name).astype(float)
        values = found.mean(), *np.quantile(found, (0.1, 0.9))
        row |= {f"{name}_{what}": value for what, value in zip(SPREAD, values, strict=True)}
    return row


def _held(network, weights, name):
    """Return learned delays or constants, flat; those of synapses of such as there are."""
    for c in network.connections:
        if name == c.delay and c.delay_shape == "synapse":
            return sparse.existing(network, weights, c.name, weights[name])
    return np.ravel(weights[name])


def _check_activity(row, history, network, settings, n_steps):
    epoch, n = row["epoch"], network.n_hidden
    limit = RUNAWAY * n_steps
    if row["hidden_spikes"] > limit:
        raise TrainingFailed(
            f"epoch {epoch}: the {n} hidden neurons have run away, to {row['hidden_spikes']:.0f} "
            f"spikes a neuron and example (the limit is {limit:g})",
            hint="lower training.learning_rate or training.initial_weights",
        )
    patience = AWAKENING if settings.silent_lift else 1
    if all(r["silent"] == n for r in [*history, row][-patience:]) and epoch >= patience:
        raise TrainingFailed(
            f"epoch {epoch}: all {n} hidden neurons have been silent for {patience} epochs",
            hint="raise training.initial_weights.input_hidden or training.silent_lift",
        )


def _mean(kept, weights, n):
    """Return the mean of `weights` and `kept`, itself that of n - 1; where n <= 1, the weights."""
    if n <= 1:
        return weights.copy()
    return Parameters({name: kept[name] + (w - kept[name]) / n for name, w in weights.items()})


def _evaluate(backend, weights, spikes):
    """Return the Outcome of other `weights` than the backend's, or of its own for None."""
    if weights is None:
        return backend.evaluate(spikes)
    own, backend.weights = backend.weights.copy(), weights
    outcome = backend.evaluate(spikes)
    backend.weights = own
    return outcome


def _lift(backend, network, silent, by):
    """Add `by` to all weights into the `silent` hidden neurons, (n_hidden,), from the inputs.

    Into later layers it is as much more as they have fewer sources. A silent layer leaves all later
    ones silent: of these only the first is lifted.
    """
    if not by or not silent.any():
        return
    weights, first = backend.weights.copy(), 0
    for source, layer in zip(network.populations, network.hidden, strict=False):
        found = silent[first : first + layer.n]
        more = by * (network.n_inputs / source.n)
        weights[f"{source.name}_{layer.name}"][:, found] += np.float32(more)
        first += layer.n
        if found.all():
            break
    backend.weights = weights | sparse.masked(network, weights)
