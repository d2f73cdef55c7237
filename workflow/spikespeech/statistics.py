"""How sure a result is: intervals of accuracies, means over seeds, paired comparisons.

Accuracies are fractions, not percent. Every interval is at 95 % unless asked otherwise.

The libraries of tests are imported where they are used: that takes 0.6 s, and every network's
evaluations, hundreds of short jobs, need none but Wilson's interval.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd

from spikespeech.errors import InputError


class Interval(NamedTuple):
    """An estimate and its confidence bounds; NaN bounds where one value says nothing of them."""

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

    Student's t with n - 1 degrees of freedom; a single value gets NaN bounds.
    """
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        raise InputError("a mean of no values")
    centre = float(values.mean())
    if len(values) == 1:
        return Interval(centre, np.nan, np.nan)
    from scipy import stats

    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values)
    return Interval(centre, float(centre - half), float(centre + half))


def paired_difference(first, second, confidence=0.95):
    """Return the Difference `first` - `second` of pairs (n,), such as two methods on one seed.

    Paired t-test. One pair has NaN bounds and p-value; pairs that all differ alike have p = 0,
    or p = 1 where they do not differ.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        raise InputError(f"{len(first)} values cannot be paired with {len(second)}")
    differences = first - second
    interval = mean(differences, confidence)
    if len(differences) == 1:
        return Difference(*interval, np.nan)
    if np.ptp(differences) == 0:
        return Difference(*interval, float(differences[0] == 0))
    from scipy import stats

    return Difference(*interval, float(stats.ttest_rel(first, second).pvalue))


def mcnemar(labels, first, second):
    """Compare two classifiers' predictions (n,) on the same examples (McNemar's exact test)."""
    from statsmodels.stats.contingency_tables import mcnemar as mcnemar_test

    labels = np.asarray(labels)
    right, right_too = np.asarray(first) == labels, np.asarray(second) == labels
    table = confusion(right.astype(int), right_too.astype(int), 2)
    return Disagreement(
        int(table[1, 0]), int(table[0, 1]), float(mcnemar_test(table, exact=True).pvalue)
    )
