"""Spikes as events in the HDF5 layout of the Spiking Heidelberg Digits (Cramer et al. 2022).

Any SHD tool reads our files and ours reads any SHD file: `spikes/times` (seconds) and
`spikes/units`, one variable-length row an example, `labels`, `extra/speaker` and `extra/keys`.
"""

import contextlib

import h5py
import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.files import read_hdf5, write_hdf5

HINT = "fetch or make it again, in SHD's layout"
MOST_CLASSES = 2**16  # labels are 16-bit integers


@contextlib.contextmanager
def read_events(path, *, n_units=700):
    """Open a file in SHD's layout as `Events`. Raises InputError where it is not one."""
    with reading.guard(path, HINT):
        file = read_hdf5(path)
    with file:
        with reading.guard(path, HINT):
            events = Events(path, file, n_units)
        yield events


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
        self.times = reading.dataset(file, "spikes/times", "rows of numbers")
        self.units = reading.dataset(file, "spikes/units", "rows of numbers")
        self.labels = reading.array(file, "labels", "integers").astype(np.int64)
        n = len(self.labels)
        if "extra/speaker" in file:
            speakers = reading.array(file, "extra/speaker", "integers")
            self.speakers = np.maximum(speakers.astype(np.int64), -1)
        else:
            self.speakers = np.full(n, -1)
        for name, rows in (
            ("spikes/times", self.times),
            ("spikes/units", self.units),
            ("extra/speaker", self.speakers),
        ):
            if len(rows) != n:
                raise InputError(
                    f"{name} has {len(rows)} rows but labels has {n}",
                    hint="give one row for every example",
                )
        if not n:
            raise InputError("has no examples")
        if "extra/keys" in file:
            self.classes = class_names(reading.array(file, "extra/keys", "text"))
        else:
            check_labels(self.labels, MOST_CLASSES)
            self.classes = tuple(str(k) for k in range(int(self.labels.max()) + 1))
        check_labels(self.labels, len(self.classes))

    def __len__(self):
        return len(self.labels)

    def chunks(self):
        """Yield (first example, times in s, units, lengths) of CHUNK examples, flat, checked."""
        for first in range(0, len(self), self.CHUNK):
            span = slice(first, first + self.CHUNK)
            with reading.guard(self.path, HINT):
                times, units = self.times[span], self.units[span]
                checked = check_events(times, units, self.n_units, first=first)
            yield first, *checked

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
                raise InputError("has no spikes", file=path, example=i, hint="remove it")
            times[i], units[i] = np.asarray(t, np.float32), np.asarray(u, np.uint16)
        file["labels"] = np.asarray(labels, dtype=np.uint16)
        if np.all(np.asarray(speakers) >= 0):
            file["extra/speaker"] = np.asarray(speakers, dtype=np.uint16)
        file["extra/keys"] = np.array(classes, dtype=h5py.string_dtype())
        file.attrs.update(attributes or {})


def class_names(names):
    """Return names of classes, bytes or text, as a tuple of text that can be printed."""
    decoded = tuple(k.decode(errors="replace") if isinstance(k, bytes) else str(k) for k in names)
    for k, name in enumerate(decoded):
        if not name.isprintable():
            raise InputError(f"the name of class {k} is {name!r}", hint="name it in plain text")
    return decoded


def check_labels(labels, n_classes, *, file=None):
    """Raise InputError, naming the first bad one, unless labels are 0 <= label < n_classes."""
    bad = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if len(bad):
        raise InputError(
            f"label {labels[bad[0]]} is outside 0..{n_classes - 1}",
            file=file,
            example=int(bad[0]),
            hint="give every class a name in `extra/keys`",
        )


def check_events(times, units, n_units, *, first=0):
    """Join ragged rows of events; raise InputError for the first that are no spike train.

    Each row needs at least one spike, times that are finite, not negative and in order (ties
    are in order), and units 0 <= unit < n_units.

    Parameters
    ----------
    times, units : one array an example
    first : number of the first example, for the error

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
                example=first + i,
                hint="both rows must have one entry a spike",
            )
        if not lengths[i]:
            raise InputError("has no spikes", example=first + i, hint="remove the example")
    times = np.concatenate([*times, []]).astype(np.float64)
    units = np.concatenate([*units, np.zeros(0, np.int64)])
    ends = np.cumsum(lengths)
    starts = np.zeros(len(times), np.bool_)
    starts[ends - lengths] = True
    backwards = np.concatenate([[False], times[1:] < times[:-1]])[: len(times)] & ~starts
    for bad, problem, hint in (
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
                example=first + int(np.searchsorted(ends, spike, "right")),
                hint=hint,
            )
    return times, units.astype(np.int64), lengths
