"""A linear read-out of spike counts: multinomial logistic regression, regularised.

It tells how much of a task counts alone give away: on input spikes it is the control of every
network, on the spikes of a layer it reads what that layer made of them.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from spikespeech.kernels.compiling import kernel
from spikespeech.spikes.stored import chunks


def counts(spikes, bins, group):
    """Return (n, n_features) float32 spike counts of SpikeTrains, which may be on disk.

    bins : of time, over the trial
    group : so many neighbouring channels are counted together
    """
    n_groups = -(-spikes.n_units // group)
    of_step = np.arange(spikes.n_steps) * bins // spikes.n_steps * n_groups
    of_unit = np.arange(spikes.n_units) // group
    parts = [np.zeros((0, bins * n_groups), np.float32)]
    for some in chunks(spikes):
        total = np.zeros((len(some), bins * n_groups), np.float32)
        _count(some.offsets, some.steps, some.units, of_step, of_unit, total)
        parts.append(total)
    return np.concatenate(parts)


@kernel
def _count(offsets, steps, units, of_step, of_unit, total):  # pragma: no cover - compiled
    """Add 1 to total[example, of_step[step] + of_unit[unit]] for each spike."""
    for i in range(len(total)):
        for s in range(offsets[i], offsets[i + 1]):
            total[i, of_step[steps[s]] + of_unit[units[s]]] += 1


def fit(features, labels, inverse_penalty):
    """Return a scikit-learn classifier of counts (n, n_features) >= 0, trained.

    Roots of counts, whose noise does not grow with them, are standardised; the squared weights are
    penalised with the strength 1 / `inverse_penalty`.
    """
    read = LogisticRegression(C=inverse_penalty, max_iter=300)
    classifier = make_pipeline(FunctionTransformer(np.sqrt), StandardScaler(), read)
    with warnings.catch_warnings():
        # Weakly penalised ones fit the examples perfectly, and go on to grow.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(features, labels)
