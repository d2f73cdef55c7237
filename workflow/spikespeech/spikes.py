"""Sets of spike trains: the one form in which data reaches training and evaluation.

Files keep the HDF5 layout of the Spiking Heidelberg Digits (Cramer et al. 2022), so that any
SHD tool reads ours and ours reads any SHD file: `spikes/times` (seconds) and `spikes/units`,
one variable-length row an example, `labels`, `extra/speaker` and `extra/keys`.
"""

import contextlib
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from spikespeech.errors import InputError
from spikespeech.files import write_hdf5
from spikespeech.stored import Column


@dataclass(frozen=True)
class SpikeTrains:
    """Examples of binary spike trains on a grid of time steps, as flat arrays.

    Spike s of example i has offsets[i] <= s < offsets[i + 1]. Within an example spikes are in
    order of step, then unit, and a unit spikes at most once in a step (the binarised bins of
    Shoesmith et al. 2025, `histogram_thresh=1`).

    Attributes
    ----------
    offsets : (n + 1,) int64
    steps : (n_spikes,) uint16, time step of each spike, 0 <= step < n_steps
    units : (n_spikes,) uint16, input channel of each spike, 0 <= unit < n_units
    labels : (n,) int64
    speakers : (n,) int64, -1 where unknown
    n_steps, n_units : int
    dt_ms : float, length of a time step in ms
    classes : names of the classes, in the order of the labels

    `steps` and `units` may be a file's columns instead of arrays (see `open`): `take` reads just
    the examples that it is asked for.
    """

    offsets: np.ndarray
    steps: np.ndarray
    units: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray
    n_steps: int
    n_units: int
    dt_ms: float = 1.0
    classes: tuple = ()

    def __len__(self):
        return len(self.labels)

    @property
    def n_classes(self):
        """Number of classes."""
        return len(self.classes)

    @classmethod
    def from_arrays(
        cls,
        times_ms,
        units,
        labels,
        speakers=None,
        *,
        n_units=700,
        n_steps=1000,
        dt_ms=1.0,
        classes=None,
    ):
        """Bin ragged lists of spike times (ms) and units, one pair of arrays an example.

        Spikes at or after n_steps * dt_ms are cut off. Raises InputError for data that are not
        spike trains: see `check_events`.
        """
        labels = np.asarray(labels, dtype=np.int64)
        speakers = np.full(len(labels), -1) if speakers is None else np.asarray(speakers)
        if classes is None:
            classes = tuple(str(k) for k in range(int(labels.max(initial=-1)) + 1))
        if not len(times_ms) == len(units) == len(labels) == len(speakers):
            raise InputError(
                f"{len(times_ms)} examples of times, {len(units)} of units, {len(labels)} labels "
                f"and {len(speakers)} speakers",
                mend="give one of each for every example",
            )
        check_labels(labels, len(classes))
        times, units, lengths = check_events(times_ms, units, n_units)
        return cls(
            *_bin(times, units, lengths, n_units, n_steps, dt_ms),
            labels,
            speakers.astype(np.int64),
            int(n_steps),
            int(n_units),
            float(dt_ms),
            tuple(classes),
        )

    @classmethod
    def from_binned(cls, binned, labels, speakers, n_steps, n_units, dt_ms, classes):
        """Join (steps, units) pairs, one an example, that are already sorted and unique."""
        empty = [np.zeros(0, dtype=np.uint16)]
        return cls(
            _offsets([len(s) for s, _ in binned]),
            np.concatenate([s for s, _ in binned] or empty).astype(np.uint16),
            np.concatenate([u for _, u in binned] or empty).astype(np.uint16),
            np.asarray(labels, dtype=np.int64),
            np.asarray(speakers, dtype=np.int64),
            int(n_steps),
            int(n_units),
            float(dt_ms),
            tuple(classes),
        )

    @classmethod
    def load(cls, path, *, n_units=700, n_steps=1000, dt_ms=1.0):
        """Read a file in SHD's layout and bin it. Raises InputError for a bad file."""
        with read_events(path, n_units=n_units) as events:
            chunks = list(_binned(events, n_steps, dt_ms))
            return cls(
                _offsets(np.concatenate([np.diff(offsets) for offsets, _, _ in chunks])),
                np.concatenate([steps for _, steps, _ in chunks]),
                np.concatenate([units for _, _, units in chunks]),
                events.labels,
                events.speakers,
                int(n_steps),
                int(n_units),
                float(dt_ms),
                events.classes,
            )

    @classmethod
    def open(cls, path):
        """Open a file of binned spikes; they stay on disk until `take` asks for them."""
        with _open(path) as file:
            missing = [name for name in _ARRAYS if name not in file]
            missing += [name for name in _ATTRIBUTES if name not in file.attrs]
            if missing:
                raise InputError(
                    f"has no {missing[0]}", file=path, mend="bin it with scripts/bin_spikes.py"
                )
            return cls(
                file["offsets"][:],
                Column(file["steps"]),
                Column(file["units"]),
                file["labels"][:],
                file["speakers"][:],
                int(file.attrs["n_steps"]),
                int(file.attrs["n_units"]),
                float(file.attrs["dt_ms"]),
                tuple(file.attrs["classes"]),
            )

    def save(self, path):
        """Write the binned spikes for `open` (flat data sets; the pipeline's own form)."""
        with write_hdf5(path) as file:
            for name in _ARRAYS:
                file[name] = getattr(self, name)
            _describe(file, self.n_steps, self.n_units, self.dt_ms, self.classes)

    def take(self, indices):
        """Return the examples `indices`, in that order, with their spikes in memory."""
        indices = np.asarray(indices, dtype=np.int64)
        offsets = _offsets(self.offsets[indices + 1] - self.offsets[indices])
        columns = np.empty(offsets[-1], np.uint16), np.empty(offsets[-1], np.uint16)
        # Neighbours in the file are read at once.
        runs = np.flatnonzero(np.diff(indices, prepend=-2, append=-2) != 1)
        for first, end in pairwise(runs):
            span = slice(self.offsets[indices[first]], self.offsets[indices[end - 1] + 1])
            for column, source in zip(columns, (self.steps, self.units), strict=True):
                column[offsets[first] : offsets[end]] = source[span]
        return replace(
            self.with_spikes(offsets, *columns),
            labels=self.labels[indices],
            speakers=self.speakers[indices],
        )

    def example(self, i):
        """Return (steps, units) of example i."""
        span = slice(self.offsets[i], self.offsets[i + 1])
        return self.steps[span], self.units[span]

    def with_spikes(self, offsets, steps, units):
        """Return these examples with other spikes, as augmentation makes them."""
        return replace(self, offsets=offsets, steps=steps, units=units)


# Binning

_ARRAYS = ("offsets", "steps", "units", "labels", "speakers")
_ATTRIBUTES = ("n_steps", "n_units", "dt_ms", "classes")


def _describe(file, n_steps, n_units, dt_ms, classes):
    classes = np.array(classes, dtype=h5py.string_dtype())
    file.attrs.update(n_steps=n_steps, n_units=n_units, dt_ms=dt_ms, classes=classes)


def _offsets(lengths):
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _bin(times_ms, units, lengths, n_units, n_steps, dt_ms):
    """Bin flat events, `lengths[i]` of them in example i.

    An event at time t falls into step floor(t / dt_ms); events past the last step are cut off.
    Returns offsets, steps, units; in each example sorted by step, then unit, and unique.
    """
    steps = np.floor(times_ms / dt_ms)
    inside = steps < n_steps
    examples = np.repeat(np.arange(len(lengths)), lengths)[inside]
    codes = (examples * n_steps + steps[inside].astype(np.int64)) * n_units + units[inside]
    codes.sort()
    codes = codes[np.concatenate([[True], codes[1:] != codes[:-1]])[: len(codes)]]
    rows, units = np.divmod(codes, n_units)
    examples, steps = np.divmod(rows, n_steps)
    lengths = np.bincount(examples, minlength=len(lengths))
    return _offsets(lengths), steps.astype(np.uint16), units.astype(np.uint16)


def _binned(events, n_steps, dt_ms):
    """Yield (offsets, steps, units) of some examples at a time; none may be left empty."""
    for first, times, units, lengths in events.chunks():
        binned = _bin(times * 1e3, units, lengths, events.n_units, n_steps, dt_ms)
        silent = np.flatnonzero(np.diff(binned[0]) == 0)
        if len(silent):
            raise InputError(
                f"has no spike in the first {n_steps * dt_ms:g} ms",
                file=events.path,
                example=first + int(silent[0]),
                mend="times are in seconds; `time` sets the length of a trial",
            )
        yield binned


def bin_file(source, target, *, n_units=700, n_steps=1000, dt_ms=1.0, progress=None):
    """Bin a file in SHD's layout into one that `SpikeTrains.open` reads.

    Some hundred examples are in memory at a time. `progress(done, total)` is called after each.
    """
    with (
        read_events(source, n_units=n_units) as events,
        write_hdf5(target) as file,
    ):
        steps, units = (
            # Of no known length before the end; `stored.Column` reads across chunks.
            file.create_dataset(name, (0,), np.uint16, maxshape=(None,), chunks=(2**16,))
            for name in ("steps", "units")
        )
        offsets = np.zeros(1, np.int64)
        for part, *columns in _binned(events, n_steps, dt_ms):
            start = offsets[-1]
            offsets = np.concatenate([offsets, start + part[1:]])
            for dataset, column in zip((steps, units), columns, strict=True):
                dataset.resize((offsets[-1],))
                dataset[start:] = column
            if progress:
                progress(len(offsets) - 1, len(events))
        file["offsets"], file["labels"], file["speakers"] = offsets, events.labels, events.speakers
        _describe(file, n_steps, n_units, dt_ms, events.classes)


# Files in SHD's layout


def check_labels(labels, n_classes, *, file=None):
    """Raise InputError, naming the first bad one, unless labels are 0 <= label < n_classes."""
    bad = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if len(bad):
        raise InputError(
            f"label {labels[bad[0]]} is outside 0..{n_classes - 1}",
            file=file,
            example=int(bad[0]),
            mend="give every class a name in `extra/keys`",
        )


def check_events(times, units, n_units, *, file=None, first=0):
    """Join ragged rows of events; raise InputError for the first that are no spike train.

    Each row needs at least one spike, times that are finite, not negative and in order (ties
    are in order), and units 0 <= unit < n_units.

    Parameters
    ----------
    times, units : one array an example
    first : number of the first example in `file`, for the error

    Returns
    -------
    times : (n_spikes,) float64
    units : (n_spikes,) int64
    lengths : (n,) number of spikes of each example
    """
    lengths = np.array([len(row) for row in times], dtype=np.int64)
    for i, row in enumerate(units):
        if len(row) != lengths[i]:
            raise InputError(
                f"{lengths[i]} spike times but {len(row)} units",
                file=file,
                example=first + i,
                mend="both rows must have one entry a spike",
            )
        if not lengths[i]:
            raise InputError(
                "has no spikes", file=file, example=first + i, mend="remove the example"
            )
    times = np.concatenate([*times, []]).astype(np.float64)
    units = np.concatenate([*units, np.zeros(0, np.int64)])
    starts = np.zeros(len(times), np.bool_)
    starts[_offsets(lengths)[:-1]] = True
    backwards = np.concatenate([[False], times[1:] < times[:-1]])[: len(times)] & ~starts
    for bad, problem, mend in (
        (~np.isfinite(times), "spike time {t:g}", "write finite times"),
        (times < 0, "spike time {t:g} is negative", "times count from the example's start"),
        (backwards, "spike times are not in order at {t:g}", "sort each example by time"),
        (
            (units < 0) | (units >= n_units) | (units % 1 != 0),
            f"unit {{u}} is not one of 0..{n_units - 1}",
            "set `channels` of the data set",
        ),
    ):
        if bad.any():
            spike = int(np.argmax(bad))
            raise InputError(
                problem.format(t=times[spike], u=units[spike]),
                file=file,
                example=first + int(np.searchsorted(_offsets(lengths), spike, "right")) - 1,
                mend=mend,
            )
    return times, units.astype(np.int64), lengths


def _open(path):
    if not Path(path).exists():
        raise InputError("does not exist", file=path)
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            "not a readable HDF5 file", file=path, mend="it may be cut short: fetch it again"
        ) from error


@contextlib.contextmanager
def read_events(path, *, n_units=700):
    """Open a file in SHD's layout as `Events`. Raises InputError where it is not one."""
    with _open(path) as file:
        for name in ("spikes/times", "spikes/units", "labels"):
            if not isinstance(file.get(name), h5py.Dataset):
                raise InputError(f"has no {name}", file=path, mend="write it in SHD's layout")
        yield Events(path, file, n_units)


class Events:
    """A file in SHD's layout. Iteration yields each example's checked (times in s, units).

    Attributes
    ----------
    path, n_units
    labels : (n,) int64
    speakers : (n,) int64, -1 where the file names no speaker
    classes : tuple of class names; numbers where the file names none
    """

    CHUNK = 256  # examples read at a time: some ten megabytes

    def __init__(self, path, file, n_units):
        self.path, self.n_units = path, n_units
        self.times, self.units = file["spikes/times"], file["spikes/units"]
        for name, rows in (("spikes/times", self.times), ("spikes/units", self.units)):
            if h5py.check_vlen_dtype(rows.dtype) is None:
                raise InputError(
                    f"{name} holds {rows.dtype} instead of rows of any length",
                    file=path,
                    mend="write it in SHD's layout",
                )
        self.labels = file["labels"][:].astype(np.int64)
        n = len(self.labels)
        if "extra/speaker" in file:
            self.speakers = np.maximum(file["extra/speaker"][:].astype(np.int64), -1)
        else:
            self.speakers = np.full(n, -1)
        if "extra/keys" in file:
            names = (k if isinstance(k, bytes) else str(k).encode() for k in file["extra/keys"][:])
            self.classes = tuple(name.decode(errors="replace") for name in names)
        else:
            self.classes = tuple(str(k) for k in range(int(self.labels.max(initial=-1)) + 1))
        for name, rows in (
            ("spikes/times", self.times),
            ("spikes/units", self.units),
            ("extra/speaker", self.speakers),
        ):
            if len(rows) != n:
                raise InputError(
                    f"{name} has {len(rows)} rows but labels has {n}",
                    file=path,
                    mend="give one row for every example",
                )
        if not n:
            raise InputError("has no examples", file=path, mend="fetch or make it again")
        check_labels(self.labels, len(self.classes), file=path)

    def __len__(self):
        return len(self.labels)

    def chunks(self):
        """Yield (first example, times in s, units, lengths) of CHUNK examples, flat, checked."""
        for first in range(0, len(self), self.CHUNK):
            span = slice(first, first + self.CHUNK)
            try:
                times, units = self.times[span], self.units[span]
            except OSError as error:
                raise InputError(
                    f"examples from {first} on cannot be read",
                    file=self.path,
                    mend="it is damaged: fetch or make it again",
                ) from error
            yield first, *check_events(times, units, self.n_units, file=self.path, first=first)

    def __iter__(self):
        for _, times, units, lengths in self.chunks():
            ends = np.cumsum(lengths)[:-1]
            yield from zip(np.split(times, ends), np.split(units, ends), strict=True)


def write_events(path, events, labels, speakers, classes, *, attributes=None):
    """Write examples in SHD's layout.

    Parameters
    ----------
    events : iterable of (times in s, units), one pair an example
    labels : (n,) integers
    speakers : (n,) integers; all -1, or none: then the file names no speakers
    classes : names of the classes, in the order of the labels
    attributes : provenance, stored as attributes of the file
    """
    check_labels(np.asarray(labels), len(classes), file=path)
    with write_hdf5(path) as file:
        n = len(labels)
        times = file.create_dataset("spikes/times", n, h5py.vlen_dtype(np.float32))
        units = file.create_dataset("spikes/units", n, h5py.vlen_dtype(np.uint16))
        for i, (t, u) in zip(range(n), events, strict=True):
            if not len(t):
                raise InputError("has no spikes", file=path, example=i, mend="remove it")
            times[i], units[i] = np.asarray(t, np.float32), np.asarray(u, np.uint16)
        file["labels"] = np.asarray(labels, dtype=np.uint16)
        if np.all(np.asarray(speakers) >= 0):
            file["extra/speaker"] = np.asarray(speakers, dtype=np.uint16)
        file["extra/keys"] = np.array(classes, dtype=h5py.string_dtype())
        file.attrs.update(attributes or {})
