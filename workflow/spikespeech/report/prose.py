"""Numbers as words: how findings state an accuracy, an interval, a list."""

import math
import re

SYNTHETIC = "synthetic"
"""Word by which the label of a data set says that nobody spoke it."""


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def typeset(text):
    """Return prose with true minus signs, and with numbers that keep their unit in their line."""
    minus = r"(?<![^\s(])-(?=\d)|(?<=\()-(?=\w+ ?/)|(?<=[\w)] )-(?= \w)"  # -1, (-t/T), a - b
    text = re.sub(minus, "\N{MINUS SIGN}", text)
    text = re.sub(r"(?<=\d)%", " %", text)
    return re.sub(r"(?<=\d) (?=%|m?s\b|points\b)", "\N{NO-BREAK SPACE}", text)


def percent(interval, digits=1):
    """Return "80.3 % (95 % interval 77.1 to 83.2)" of an (estimate, low, high) of fractions.

    NaN bounds are said, not hidden: one value, or several alike, have no interval.
    """
    estimate, low, high = (100 * value for value in interval[:3])
    if math.isnan(low):
        return f"{estimate:.{digits}f} % (no interval)"
    return f"{estimate:.{digits}f} % (95 % interval {low:.{digits}f} to {high:.{digits}f})"


def points(interval, digits=1):
    """Return "−1.2 points (95 % interval −2.0 to −0.4)" of a difference of fractions.

    One that may be 0 is called undecided.
    """
    estimate, low, high = (100 * value for value in interval[:3])
    return f"{estimate:+.{digits}f} points ({bounds(low, high, digits)})".replace("-", "−")


def bounds(low, high, digits=1):
    """Return "95 % interval -2.0 to -0.4" of a difference and its verdict; NaN: "no interval"."""
    if math.isnan(low):
        return "no interval"
    return f"95 % interval {low:+.{digits}f} to {high:+.{digits}f}{undecided(low, high)}"


def undecided(low, high):
    """Return ", undecided" for a difference that may be 0, by its bounds, else ""."""
    return "" if low > 0 or high < 0 else ", undecided"


def small(value, digits=2):
    """Return a number of any size: "0", "0.017", "2.8 × 10⁻¹²"."""
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(RAISED)}"


def caveat(label):
    """Return what "unseen speaker" means for a data set's label: a sentence in a list, or none."""
    if SYNTHETIC not in label:
        return []
    return [
        "All voices are one formant synthesiser's, with the same rules for every phoneme: a "
        "speaker who is unseen here differs less from the others than an unseen person does in "
        "recordings such as SHD's."
    ]


def listed(words):
    """Return "a, b and c"."""
    words = [str(word) for word in words]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def named(names, most=5):
    """Return "“a” and “b”", or "“a”, “b”, … and 4 others"."""
    names = [f"“{name}”" for name in names]
    if len(names) > most + 1:
        names = [*names[:most], f"{len(names) - most} others"]
    return listed(names)


def count(n, noun, plural=None):
    """Return "1 seed", "3 seeds", "8,156 examples"."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
