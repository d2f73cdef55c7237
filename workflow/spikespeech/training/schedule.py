"""The learning rate of every batch, and the epoch to keep, as functions of the training so far.

The rate is that of Shoesmith et al. (2025): eased in geometrically, then halved on plateaus of the
training accuracy. Nothing is remembered between calls, so that a resumed training needs no state.
"""

import numpy as np


def full_rate(settings, accuracies):
    """Return the rate, once eased in, after epochs with these training `accuracies`.

    Two exponential averages of the accuracy, both from 0, forget by the factors `fast` < `slow`
    an epoch. The rate is halved after an epoch that ends with the fast average no higher than
    the slow, if more than `patience` epochs have passed since it last was (or since epoch 1).
    """
    rate, last = settings.learning_rate, 1
    plateau = settings.plateau
    fast = slow = 0.0
    for epoch, accuracy in enumerate(accuracies, start=1):
        fast = plateau.fast * fast + (1 - plateau.fast) * accuracy
        slow = plateau.slow * slow + (1 - plateau.slow) * accuracy
        if epoch - last > plateau.patience and fast <= slow:
            rate, last = rate / 2, epoch
    return rate


def rates(settings, accuracies, n_batches):
    """Return the rates of the `n_batches` of the epoch that follows on `accuracies`.

    Batch b, counted from 0 through all epochs, has min(start * factor^b, full rate) where the
    schedule is "plateau". Where it is "cosine", the rate rises from 0 in a line, to be
    `learning_rate` after `warm_up` batches, times (1 + cos(pi b / n)) / 2, where n is the number
    of all batches: towards 0 (Loshchilov and Hutter 2017, without restarts).
    """
    batch = len(accuracies) * n_batches + np.arange(n_batches)
    if settings.schedule.kind == "cosine":
        risen = np.minimum(1, (batch + 1) / (settings.schedule.warm_up + 1))
        cosine = np.cos(np.pi * batch / (settings.epochs * n_batches))
        return settings.learning_rate * risen * (1 + cosine) / 2
    with np.errstate(over="ignore"):
        eased = settings.ease_in.start * settings.ease_in.factor**batch
    return np.minimum(eased, full_rate(settings, accuracies))


def best_epoch(history, selection):
    """Return the epoch that is kept: the last, or that of highest accuracy.

    Of equals it is that of lowest loss, then the first.
    """
    if selection == "last":
        return len(history)
    side = "train" if selection == "training" else "validation"
    scores = [(row[f"{side}_accuracy"], -row[f"{side}_loss"]) for row in history]
    return scores.index(max(scores)) + 1


def finetuning(epochs, share):
    """Return for how many epochs a network is fine-tuned that was trained for `epochs`."""
    return max(int(epochs * share), 1)
