"""The space of a search: settings by dotted key, each with its range and scale.

A *point* is a dictionary from dotted keys of the training settings to values, as JSON stores it.
A *position* is the same point in the unit cube, (n_dimensions,), in the order of the space.
"""

import copy
import json
import math
from dataclasses import dataclass

import numpy as np

from spikespeech.errors import InputError

TIE = "="
"""Between the settings of a key that gives all of them one value."""

DIGITS = 4
"""Significant digits of a real value: readable, and finer than any training can tell."""


@dataclass(frozen=True)
class Real:
    """A real setting, low <= value <= high; `log` spreads trials evenly over its magnitudes."""

    key: str
    low: float
    high: float
    log: bool = False

    def value(self, position):
        """Return the value at a position in [0, 1]."""
        if self.log:
            value = math.exp(_between(math.log(self.low), math.log(self.high), position))
        else:
            value = _between(self.low, self.high, position)
        return self.rounded(value)

    def holds(self, value):
        """Return whether a value is one of the setting's."""
        return _number(value) and self.low <= value <= self.high

    def rounded(self, value):
        """Return a value to `DIGITS` significant digits, within the bounds."""
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def position(self, value):
        """Return where in [0, 1] a value lies."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def read(self, text):
        """Return the value of a table's cell."""
        return float(text)

    def levels(self, n):
        """Return n values from low to high, evenly on the setting's scale."""
        return [self.value(p) for p in np.linspace(0, 1, n)]


@dataclass(frozen=True)
class Integer:
    """An integer setting, low <= value <= high, evenly or over its magnitudes (`log`)."""

    key: str
    low: int
    high: int
    log: bool = False

    def value(self, position):
        """Return the value at a position in [0, 1]; each integer owns an equal share of it."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high + 1)
            value = math.floor(math.exp(_between(low, high, position)) + 1e-9)
        else:
            value = math.floor(_between(self.low, self.high + 1, position))
        return min(max(value, self.low), self.high)

    def holds(self, value):
        """Return whether a value is one of the setting's."""
        return _number(value) and self.low <= value <= self.high and value == int(value)

    def position(self, value):
        """Return where in [0, 1] the middle of a value's share lies."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high + 1)
            return (math.log(value + 0.5) - low) / (high - low)
        return (value + 0.5 - self.low) / (self.high + 1 - self.low)

    def read(self, text):
        """Return the value of a table's cell."""
        return int(text)

    def levels(self, n):
        """Return up to n distinct values from low to high, evenly on the setting's scale."""
        exact = Real(self.key, float(self.low), float(self.high), self.log)
        return sorted({round(v) for v in exact.levels(n)})


@dataclass(frozen=True)
class Categorical:
    """A setting that takes one of `values`; any JSON value, whole sections included."""

    key: str
    values: tuple

    def value(self, position):
        """Return the value at a position in [0, 1]; each owns an equal share of it."""
        return copy.deepcopy(self.values[min(int(position * len(self.values)), self.size - 1)])

    def holds(self, value):
        """Return whether a value is one of the setting's."""
        return value in self.values

    def position(self, value):
        """Return where in [0, 1] the middle of a value's share lies."""
        return (self.values.index(value) + 0.5) / len(self.values)

    def read(self, text):
        """Return the value of a table's cell."""
        return next(value for value in self.values if cell(value) == text)

    def levels(self, n):
        """Return all values, whatever n is."""
        return [copy.deepcopy(value) for value in self.values]

    @property
    def size(self):
        """Number of values."""
        return len(self.values)


def cell(value):
    """Return a value as the text of a table's cell: JSON, but names without quotes."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def ticks(dimension):
    """Return (positions, labels) for an axis in the unit interval."""
    values = dimension.levels(3)
    labels = [cell(v) if isinstance(dimension, Categorical) else f"{v:.3g}" for v in values]
    return [dimension.position(v) for v in values], labels


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _between(low, high, position):
    return low + position * (high - low)


def parse(section, where="space"):
    """Return the dimensions of a config section `{key: {type, ...}}`, in sorted order of keys.

    Raises InputError that names the key, `where` in front, for a range that is none.
    """
    if not section:
        raise InputError(f"{where}: has no setting to search", hint="name at least one")
    return [_dimension(key, section[key], f"{where}.{key}") for key in sorted(section)]


def _dimension(key, entry, where):
    if entry["type"] == "categorical":
        if len(entry["values"]) < 2:
            raise InputError(f"{where}.values: needs at least two")
        return Categorical(key, tuple(entry["values"]))
    low, high, log = entry["low"], entry["high"], entry.get("scale", "linear") == "log"
    if entry["type"] == "integer":
        for side in ("low", "high"):
            if int(entry[side]) != entry[side]:
                raise InputError(f"{where}.{side}: {entry[side]} is not an integer")
        dimension = Integer(key, int(low), int(high), log)
    else:
        dimension = Real(key, float(low), float(high), log)
    if not low < high:
        raise InputError(f"{where}: low {low} is not below high {high}")
    if log and low <= 0:
        raise InputError(
            f"{where}.low: a log scale cannot reach {low}", hint="start above 0, or scale: linear"
        )
    return dimension


def check(dimensions, base, where="space"):
    """Raise InputError, naming the key, unless each dimension is a setting of `base`.

    A number is searched in numbers and anything else among `values`, and no setting lies within
    another that is searched. The seed belongs to the objective.
    """
    for dimension in dimensions:
        key = dimension.key
        if key == "seed":
            raise InputError(f"{where}.seed: is no hyper-parameter", hint="see objective.seeds")
        for one in key.split(TIE):
            current = lookup(base, one, where)
            number = isinstance(current, int | float) and not isinstance(current, bool)
            if not number and not isinstance(dimension, Categorical):
                raise InputError(
                    f"{where}.{key}: {current!r} is not a number", hint="use type: categorical"
                )
            for other in (o for d in dimensions if d is not dimension for o in d.key.split(TIE)):
                if f"{one}.".startswith(f"{other}."):
                    raise InputError(f"{where}.{one}: lies within {other}, which is searched too")


def lookup(settings, key, where="space"):
    """Return the setting of a dotted key; numbers in it are positions in a list.

    Raises InputError that names the unknown part and the settings that there are.
    """
    value, seen = settings, []
    for part in key.split("."):
        known = range(len(value)) if isinstance(value, list) else value
        part = int(part) if isinstance(value, list) and part.isdigit() else part
        if not isinstance(value, dict | list) or part not in known:
            there = ", ".join(str(k) for k in known) if isinstance(value, dict | list) else "none"
            raise InputError(
                f"{where}.{key}: no setting {part!r}"
                + (f" in {'.'.join(seen)}" if seen else "")
                + f"; known: {there}"
            )
        value = value[part]
        seen.append(str(part))
    return value


def apply(settings, point):
    """Return a copy of `settings` with the values of `point` set by their dotted keys."""
    changed = copy.deepcopy(settings)
    for keys, value in point.items():
        for key in keys.split(TIE):
            _set(changed, key, value)
    return changed


def _set(changed, key, value):
    *path, last = key.split(".")
    owner = lookup(changed, ".".join(path)) if path else changed
    owner[int(last) if isinstance(owner, list) else last] = copy.deepcopy(value)


def point(dimensions, positions):
    """Return the point at `positions` (n_dimensions,) of the unit cube."""
    return {d.key: d.value(float(p)) for d, p in zip(dimensions, positions, strict=True)}


def check_point(dimensions, point):
    """Raise InputError, naming the setting, for a point that is not of the space."""
    for d in dimensions:
        if d.key not in point:
            raise InputError(f"its point has no {d.key}")
        if not d.holds(point[d.key]):
            raise InputError(f"{d.key} is {cell(point[d.key]):.40}, which the search does not try")
    if more := set(point) - {d.key for d in dimensions}:
        raise InputError(f"its point has {min(more)}, which the search does not try")


def positions(dimensions, points):
    """Return the positions (n_points, n_dimensions) of points in the unit cube."""
    rows = [[d.position(p[d.key]) for d in dimensions] for p in points]
    return np.array(rows, dtype=np.float64).reshape(len(points), len(dimensions))
