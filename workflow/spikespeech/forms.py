"""What the values of a file are: numbers in a range, text, lists and groups of these.

A form is a `Number`; a type, such as str; [form], a list of such values; {key: form}, a dictionary
that has at least these keys; None, which is null; or a tuple of forms, one of which fits.
"""

import contextlib
import math
from typing import NamedTuple

from spikespeech.errors import InputError

NAMES = {str: "text", dict: "a group", list: "a list", bool: "true or false", type(None): "null"}


class Number(NamedTuple):
    """A finite number from `low` to `high`, perhaps a `whole` one; a column may have gaps."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    gaps: bool = False

    def __str__(self):
        kind = "a whole number" if self.whole else "a number"
        if self.high < LARGEST:
            return f"{kind} from {self.low:g} to {self.high:g}"
        return kind if self.low == -math.inf else f"{kind} from {self.low:g} on"

    def holds(self, value):
        """Return whether a value, or each of an array, is such a number; NaN is none."""
        low, high = max(self.low, -LARGEST) - ROUNDING, min(self.high, LARGEST) + ROUNDING
        return (value >= low) & (value <= high) & (not self.whole or value == value // 1)


LARGEST, ROUNDING = 1e15, 1e-9
"""No value of a study comes near the one; an interval's bound may exceed its range by the other."""
LONGEST = 40
"""Characters of a value that an error shows."""
COUNT = Number(0, whole=True)
SHARE = Number(0, 1)
INDEX = Number(-1, whole=True)
"""A number of a speaker; -1 where there is none."""


def check(value, form, where=""):
    """Raise InputError that names the key unless a value of a JSON file has a form."""
    if isinstance(form, dict) and isinstance(value, dict):
        for key, inner in form.items():
            if key not in value:
                raise InputError(f"has no key {_joined(where, key)!r}")
            check(value[key], inner, _joined(where, key))
    elif isinstance(form, list) and isinstance(value, list):
        for i, inner in enumerate(value):
            check(inner, form[0], _joined(where, i))
    elif isinstance(form, Number):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and form.holds(value)):
            raise _misfit(value, form, where)
    elif isinstance(form, tuple):
        for one in form[:-1]:
            with contextlib.suppress(InputError):
                return check(value, one, where)
        check(value, form[-1], where)
    elif not isinstance(value, _kind(form)):
        raise _misfit(value, NAMES[_kind(form)], where)


def column(values, form, name):
    """Return a column (n,) of a CSV file; raise InputError where a cell does not fit.

    `form` is a Number, of which it then holds some, or the set of words that it may hold.
    """
    import pandas as pd  # here, as not every peer's environment has it

    if isinstance(form, frozenset):
        for row, value in enumerate(values, start=1):
            if value not in form:
                listed = ", ".join(sorted(form))
                raise _misfit(value, f"one of {listed}", f"row {row}: {name}")
        return values
    numbers = pd.to_numeric(values, errors="coerce")
    fits = form.holds(numbers)
    if form.gaps:
        fits |= values.isna() | (values.astype(str) == "")
    if not fits.all():
        row = int(fits.to_numpy().argmin())
        raise _misfit(values.iloc[row], form, f"row {row + 1}: {name}")
    return numbers.astype("int64") if form.whole and not form.gaps else numbers


def _kind(form):
    """Return the type of values that have a form."""
    if form is None or isinstance(form, list | dict):
        return type(form)
    return form


def _misfit(value, form, where):
    shown = repr(value)
    shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
    return InputError(f"{where} is {shown} instead of {form}")


def _joined(where, key):
    return f"{where}.{key}" if where else str(key)
