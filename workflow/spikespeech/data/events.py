"""Spikes as events in the HDF5 layout of the Spiking Heidelberg Digits (Cramer et al. 2022).

Any SHD tool reads our files and ours reads any SHD file: `spikes/times` (seconds) and
`spikes/units`, one variable-length row an example, `labels`, `extra/speaker` and `extra/keys`.
"""

import contextlib

import h5py
import numpy as np

from spikespeech import reading
from spikespeech.data import names
from spikespeech.errors import InputError
from spikespeech.files import describe, read_hdf5, write_hdf5

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
    speakers : (n,) int64, -1 where the file names no speaker; see `names.number` for text
    speaker_names : {number: name} of the speakers that the file names, or {}
    classes : tuple of class names; numbers where the file names none
    named : whether the file names its classes
    recordings : names of the examples, or ()
    sound : see `sound`
    """

    CHUNK = 256  # examples read at a time: some ten megabytes

    def __init__(self, path, file, n_units):
        self.path, self.n_units = path, n_units
        self.times = _rows(file, "spikes/times", "numbers")
        self.units = _rows(file, "spikes/units", "numbers")
        self.labels = reading.array(file, "labels", "integers").astype(np.int64)
        n = len(self.labels)
        self.speakers, self.speaker_names = _speakers(file, n)
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
        self.named = "extra/keys" in file
        if self.named:
            self.classes = names.distinct(reading.array(file, "extra/keys", "text"), "class")
        else:
            check_labels(self.labels, MOST_CLASSES)
            self.classes = tuple(str(k) for k in range(int(self.labels.max()) + 1))
        check_labels(self.labels, len(self.classes))
        self.sound = sound(file)
        self.recordings = ()
        if "extra/recording" in file:
            self.recordings = reading.array(file, "extra/recording", "text")
            if len(self.recordings) != n:
                raise InputError(f"{len(self.recordings)} names of recordings for {n} labels")

    def __len__(self):
        return len(self.labels)

    def name(self, i):
        """Return what to call example `i`: its recording, where the file names it, or `i`."""
        return names.text(self.recordings[i], f"example {i}") if len(self.recordings) else i

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


def sound(file):
    """Return how recordings became the spikes of an HDF5 file, as `cochlea.encode` takes it.

    Keys: window and pre_emphasis; {} where the spikes do not say that they are of recordings.
    """
    if "window" not in file.attrs:
        return {}
    how = {"window": reading.attribute(file, "window", "text"), "pre_emphasis": 0.0}
    if "pre_emphasis" in file.attrs:
        how["pre_emphasis"] = float(reading.attribute(file, "pre_emphasis", "numbers"))
    return how


def write_events(
    path,
    events,
    labels,
    speakers,
    classes,
    *,
    attributes=None,
    speaker_names=None,
    examples=None,
):
    """Write examples in SHD's layout.

    Parameters
    ----------
    events : iterable of (times in s, units), one pair an example
    labels : (n,) integers
    speakers : (n,) integers, -1 where unknown; all -1, or none: then the file names no speakers
    classes : names of the classes, in the order of the labels
    attributes : provenance, which `files.describe` stores
    speaker_names : names of the speakers, in the order of their numbers, if they have any
    examples : names of the examples, such as their recordings', if they have any
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
        speakers = np.asarray(speakers, dtype=np.int64)
        if np.any(speakers >= 0):
            narrow = np.all((speakers >= 0) & (speakers < 2**16))
            file["extra/speaker"] = speakers.astype(np.uint16 if narrow else np.int64)
        for name, values in (("speaker_names", speaker_names), ("recording", examples)):
            if values:
                file[f"extra/{name}"] = np.array(values, dtype=h5py.string_dtype())
        file["extra/keys"] = np.array(classes, dtype=h5py.string_dtype())
        describe(file, attributes or {})


def _rows(file, name, holds):
    """Return a data set of one row an example: of any length, or all of one length (n, k)."""
    found = file.get(name)
    if isinstance(found, h5py.Dataset) and found.ndim == 2:
        return reading.dataset(file, name, holds, dimensions=2)
    return reading.dataset(file, name, f"rows of {holds}")


def _speakers(file, n):
    """Return the speakers' numbers (n,) int64 and {number: name} of those who have one."""
    if "extra/speaker" not in file:
        return np.full(n, -1), {}
    found = file["extra/speaker"]
    if isinstance(found, h5py.Dataset) and reading.kind(found.dtype) == "text":
        called = [names.composed(_decoded(name)).strip() for name in found[()]]
        numbers = {names.number(name): name for name in called if name}
        if len(numbers) < len({*called} - {""}):
            raise InputError("two names of speakers have one number", hint="rename one of them")
        return np.array([names.number(c) if c else -1 for c in called], np.int64), numbers
    speakers = reading.array(file, "extra/speaker", "integers").astype(np.int64)
    listed = ()
    if "extra/speaker_names" in file:
        listed = names.distinct(reading.array(file, "extra/speaker_names", "text"), "speaker")
    return np.maximum(speakers, -1), dict(enumerate(listed))


def _decoded(name):
    return names.text(name, "a speaker") if name else ""


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
