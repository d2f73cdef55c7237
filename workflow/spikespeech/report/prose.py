"""Numbers as words: how findings state an accuracy, an interval, a list."""

import math


def percent(interval, digits=1):
    """Return "80.3 % (95 % interval 77.1 to 83.2)" of an (estimate, low, high) of fractions.

    NaN bounds are said, not hidden: one value has no interval.
    """
    estimate, low, high = (100 * value for value in interval[:3])
    if math.isnan(low):
        return f"{estimate:.{digits}f} % (one network, no interval)"
    return f"{estimate:.{digits}f} % (95 % interval {low:.{digits}f} to {high:.{digits}f})"


def points(interval, digits=1):
    """Return "−1.2 points (95 % interval −2.0 to −0.4)" of a difference of fractions."""
    estimate, low, high = (100 * value for value in interval[:3])
    bounds = f"95 % interval {low:+.{digits}f} to {high:+.{digits}f}"
    if math.isnan(low):
        bounds = "one network, no interval"
    return f"{estimate:+.{digits}f} points ({bounds})".replace("-", "−")


def listed(words):
    """Return "a, b and c"."""
    words = [str(word) for word in words]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def count(n, noun, plural=None):
    """Return "1 seed", "3 seeds", "8,156 examples"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
