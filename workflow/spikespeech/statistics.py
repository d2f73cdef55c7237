"""How sure a result is: intervals of accuracies, means over seeds, paired comparisons.

Accuracies are fractions, not percent. Every interval is at 95 % unless asked otherwise.

Distributions are those of `scipy.special`, imported where they are used: `scipy.stats` takes a
second to import, as long as one of the hundreds of short jobs that evaluate a network.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd

from spikespeech.errors import InputError

ALIKE = 1e-12
"""Values that differ by less are alike: equal differences of shares differ by rounding."""


class Interval(NamedTuple):
    """An estimate and its confidence bounds; NaN bounds where the values say nothing of them."""

    estimate: float
    low: float
    high: float


class Difference(NamedTuple):
    """A mean of differences, its bounds, and the p-value of "there is no difference"."""

    estimate: float
    low: float
    high: float
    p_value: float


class Disagreement(NamedTuple):
    """Examples that only one of two classifiers gets right, and McNemar's exact p-value."""

    only_first: int
    only_second: int
    p_value: float


def proportion(correct, n, confidence=0.95):
    """Return the Interval of `correct` out of `n` (Wilson 1927).

    It treats examples as independent draws. Utterances of one speaker are not, so it says how
    well these speakers' accuracy is known, and is too narrow for speakers at large: for those
    take `mean` over the speakers' accuracies.
    """
    if not 0 <= correct <= n or n == 0:
        raise InputError(f"{correct} correct of {n} examples has no accuracy")
    share, z = correct / n, NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = 0.0 if correct == 0 else float(centre - half)
    high = 1.0 if correct == n else float(centre + half)
    return Interval(share, low, high)


def accuracy(labels, predictions, confidence=0.95):
    """Return the Interval of the fraction of `predictions` (n,) that equal `labels` (n,)."""
    hits = np.asarray(labels) == np.asarray(predictions)
    return proportion(int(hits.sum()), len(hits), confidence)


def accuracy_by(groups, labels, predictions, confidence=0.95):
    """Return a table of accuracies, one row for each value of `groups` (n,), in sorted order.

    Columns: group, n, correct, accuracy, low, high. Groups are classes, speakers, parts, ...
    """
    groups = np.asarray(groups)
    hits = np.asarray(labels) == np.asarray(predictions)
    rows = []
    for group in np.unique(groups).tolist():
        inside = groups == group
        n, correct = int(inside.sum()), int(hits[inside].sum())
        rows.append((group, n, correct, *proportion(correct, n, confidence)))
    return pd.DataFrame(rows, columns=["group", "n", "correct", "accuracy", "low", "high"])


def confusion(labels, predictions, n_classes):
    """Return counts (n_classes, n_classes): [true class, predicted class]."""
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (np.asarray(labels), np.asarray(predictions)), 1)
    return counts


def mean(values, confidence=0.95):
    """Return the Interval of the mean of `values` (n,), such as one accuracy for each seed.

    Student's t with n - 1 degrees of freedom. A single value gets NaN bounds, and so do values that
    are all alike: accuracies of a few networks often tie, and do not vary by nothing for that.
    """
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        raise InputError("a mean of no values")
    centre = float(values.mean())
    if len(values) == 1 or np.ptp(values) < ALIKE:
        return Interval(centre, np.nan, np.nan)
    from scipy.special import stdtrit

    half = stdtrit(len(values) - 1, (1 + confidence) / 2) * _error(values)
    return Interval(centre, float(centre - half), float(centre + half))


def mean_accuracy(values, examples=None, confidence=0.95):
    """Return `mean` of accuracies (n,), one a network, with bounds within 0..1.

    This is the interval of an accuracy wherever several networks have it: it says how networks
    (seeds, folds) vary on the same test words, and nothing of other speakers. One network, or
    several that are right equally often, tell nothing of that: bounds are then those of
    `proportion` over the `examples` that each heard, where their number is known, and not NaN as in
    a table's rows of training and validation.
    """
    estimate, low, high = mean(values, confidence)
    if np.isnan(low) and examples is not None and np.isfinite(estimate * examples):
        return proportion(round(estimate * examples), examples, confidence)
    return Interval(estimate, *np.clip([low, high], 0, 1).tolist())


def crossed(values, confidence=0.95, draws=2000):
    """Return the Interval of the mean of `values` (networks, examples) over both.

    Percentile bootstrap, in which networks and examples are drawn anew, each with replacement
    (Owen 2007): networks that hear the same words are no independent repeats of them. Where
    every value is 0, or every value 1, redrawing cannot vary them: the bounds are those of
    `proportion` over the examples. One example has NaN bounds otherwise.
    """
    values = np.asarray(values, dtype=np.float64)
    networks, examples = values.shape
    if not values.size:
        raise InputError("a mean of no values")
    estimate = float(values.mean())
    if (values == values.flat[0]).all() and estimate in (0, 1):
        return proportion(int(estimate) * examples, examples, confidence)
    if examples == 1:
        return Interval(estimate, np.nan, np.nan)
    rng = np.random.default_rng(0)
    rows = rng.multinomial(networks, np.full(networks, 1 / networks), draws) / networks
    columns = rng.multinomial(examples, np.full(examples, 1 / examples), draws) / examples
    means = np.einsum("dn,ne,de->d", rows, values, columns, optimize=True)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate, float(low), float(high))


def of_hits(right, confidence=0.95, draws=2000):
    """Return the Interval of the accuracy of `right` (networks, examples) of 0 and 1.

    Of one network only the examples vary (`proportion`), of several both (`crossed`).
    """
    right = np.asarray(right)
    if len(right) == 1:
        return proportion(int(right.sum()), right.size, confidence)
    return crossed(right, confidence, draws)


def _error(values):
    """Return the standard error of the mean of `values` (n,)."""
    return values.std(ddof=1) / np.sqrt(len(values))


def paired_difference(first, second, confidence=0.95):
    """Return the Difference `first` - `second` of pairs (n,), such as two methods on one seed.

    Paired t-test. One pair has NaN bounds and p-value, and so have pairs that all differ alike;
    where none differs the bounds are 0 and p = 1.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        raise InputError(f"{len(first)} values cannot be paired with {len(second)}")
    differences = first - second
    interval = mean(differences, confidence)
    if len(differences) > 1 and np.abs(differences).max() < ALIKE:
        return Difference(0.0, 0.0, 0.0, 1.0)
    if np.ptp(differences) < ALIKE:
        return Difference(*interval, np.nan)
    from scipy.special import stdtr

    t = interval.estimate / _error(differences)
    return Difference(*interval, float(2 * stdtr(len(differences) - 1, -abs(t))))


def mcnemar(labels, first, second):
    """Compare two classifiers' predictions (n,) on the same examples.

    McNemar's exact test: of the examples that only one gets right, each is as likely to be the
    first one's as the second's.
    """
    from scipy.special import bdtr

    labels = np.asarray(labels)
    right, right_too = np.asarray(first) == labels, np.asarray(second) == labels
    first_alone, second_alone = int((right & ~right_too).sum()), int((right_too & ~right).sum())
    tail = bdtr(min(first_alone, second_alone), first_alone + second_alone, 0.5)
    return Disagreement(first_alone, second_alone, min(1.0, 2 * float(tail)))
