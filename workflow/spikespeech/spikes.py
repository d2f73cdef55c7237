"""Sets of spike trains: the one form in which data reaches training and evaluation.

Files keep the HDF5 layout of the Spiking Heidelberg Digits (Cramer et al. 2022), so that any
SHD tool reads ours and ours reads any SHD file: `spikes/times` (seconds) and `spikes/units`,
one variable-length row an example, `labels`, `extra/speaker` and `extra/keys`.
"""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from spikespeech.errors import InputError
from spikespeech.files import atomic


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

    `steps` and `units` may be HDF5 data sets instead of arrays (see `open`): `take` reads just
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
        binned = []
        for example, (t, u) in enumerate(zip(times_ms, units, strict=True)):
            t, u = np.asarray(t, dtype=np.float64), np.asarray(u)
            check_events(t, u, int(labels[example]), n_units, len(classes), example=example)
            binned.append(bin_events(t, u, n_units, n_steps, dt_ms))
        return cls.from_binned(binned, labels, speakers, n_steps, n_units, dt_ms, classes)

    @classmethod
    def from_binned(cls, binned, labels, speakers, n_steps, n_units, dt_ms, classes):
        """Join (steps, units) pairs, one an example, that are already sorted and unique."""
        offsets = np.zeros(len(binned) + 1, dtype=np.int64)
        np.cumsum([len(s) for s, _ in binned], out=offsets[1:])
        empty = [np.zeros(0, dtype=np.uint16)]
        return cls(
            offsets,
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
            binned = [bin_events(t * 1e3, u, n_units, n_steps, dt_ms) for t, u in events]
            return cls.from_binned(
                binned, events.labels, events.speakers, n_steps, n_units, dt_ms, events.classes
            )

    @classmethod
    def open(cls, path):
        """Open a file written by `save`; spikes stay on disk until `take` asks for them."""
        file = h5py.File(path, "r")
        return cls(
            file["offsets"][:],
            file["steps"],
            file["units"],
            file["labels"][:],
            file["speakers"][:],
            int(file.attrs["n_steps"]),
            int(file.attrs["n_units"]),
            float(file.attrs["dt_ms"]),
            tuple(file.attrs["classes"]),
        )

    def save(self, path):
        """Write the binned spikes for `open` (flat data sets; the pipeline's own form)."""
        with atomic(path) as partial, h5py.File(partial, "w") as file:
            for name in ("offsets", "steps", "units", "labels", "speakers"):
                file[name] = getattr(self, name)
            file.attrs.update(
                n_steps=self.n_steps,
                n_units=self.n_units,
                dt_ms=self.dt_ms,
                classes=np.array(self.classes, dtype=h5py.string_dtype()),
            )

    def take(self, indices):
        """Return the examples `indices`, in that order, with their spikes in memory."""
        indices = np.asarray(indices, dtype=np.int64)
        spans = [slice(self.offsets[i], self.offsets[i + 1]) for i in indices]
        binned = [(self.steps[span], self.units[span]) for span in spans]
        return self.from_binned(
            binned,
            self.labels[indices],
            self.speakers[indices],
            self.n_steps,
            self.n_units,
            self.dt_ms,
            self.classes,
        )

    def example(self, i):
        """Return (steps, units) of example i."""
        span = slice(self.offsets[i], self.offsets[i + 1])
        return self.steps[span], self.units[span]

    def with_spikes(self, offsets, steps, units):
        """Return these examples with other spikes, as augmentation makes them."""
        return replace(self, offsets=offsets, steps=steps, units=units)


def bin_events(times_ms, units, n_units, n_steps, dt_ms):
    """Return (steps, units), sorted and unique, of events in continuous time.

    An event at time t falls into step floor(t / dt_ms); events past the last step are cut off.
    """
    steps = np.floor(np.asarray(times_ms, dtype=np.float64) / dt_ms).astype(np.int64)
    inside = steps < n_steps
    codes = np.unique(steps[inside] * n_units + np.asarray(units, dtype=np.int64)[inside])
    return (codes // n_units).astype(np.uint16), (codes % n_units).astype(np.uint16)


def check_events(times, units, label, n_units, n_classes, *, file=None, example=None):
    """Raise InputError, naming the value, unless the arrays are one example's spike train."""
    where = {"file": file, "example": example}
    if len(times) != len(units):
        raise InputError(
            f"{len(times)} spike times but {len(units)} units",
            mend="both rows must have one entry a spike",
            **where,
        )
    if not len(times):
        raise InputError("has no spikes", mend="remove the example", **where)
    if not np.all(np.isfinite(times)):
        raise InputError(f"spike time {times[~np.isfinite(times)][0]}", **where)
    if times.min() < 0:
        raise InputError(
            f"spike time {times.min():g} is negative", mend="times count from 0", **where
        )
    if np.any(np.diff(times) < 0):
        raise InputError("spike times are not in order", mend="sort each example", **where)
    units = np.asarray(units)
    if units.min() < 0 or units.max() >= n_units:
        bad = units.min() if units.min() < 0 else units.max()
        raise InputError(
            f"unit {bad} is outside 0..{n_units - 1}", mend="set `channels` of the dataset", **where
        )
    if not 0 <= label < n_classes:
        raise InputError(
            f"label {label} is outside 0..{n_classes - 1}",
            mend="give every class a name in `extra/keys`",
            **where,
        )


@contextlib.contextmanager
def read_events(path, *, n_units=700):
    """Open a file in SHD's layout as `Events`. Raises InputError where it is not one."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        if not Path(path).exists():
            raise
        raise InputError(
            "not a readable HDF5 file", file=path, mend="it may be cut short: fetch it again"
        ) from error
    with file:
        missing = [k for k in ("spikes/times", "spikes/units", "labels") if k not in file]
        if missing:
            raise InputError(f"has no {missing[0]}", file=path, mend="write it in SHD's layout")
        yield Events(path, file, n_units)


class Events:
    """A file in SHD's layout. Iteration yields each example's checked (times in s, units).

    Attributes
    ----------
    labels : (n,) int64
    speakers : (n,) int64, -1 where the file names no speakers
    classes : tuple of class names; numbers where the file names none
    """

    def __init__(self, path, file, n_units):
        self.path, self.n_units = path, n_units
        self.times, self.units = file["spikes/times"], file["spikes/units"]
        self.labels = file["labels"][:].astype(np.int64)
        n = len(self.labels)
        self.speakers = (
            file["extra/speaker"][:].astype(np.int64) if "extra/speaker" in file else np.full(n, -1)
        )
        self.classes = (
            tuple(k.decode() if isinstance(k, bytes) else str(k) for k in file["extra/keys"][:])
            if "extra/keys" in file
            else tuple(str(k) for k in range(int(self.labels.max(initial=-1)) + 1))
        )
        lengths = {
            "spikes/times": len(self.times),
            "spikes/units": len(self.units),
            "extra/speaker": len(self.speakers),
        }
        for name, length in lengths.items():
            if length != n:
                raise InputError(
                    f"{name} has {length} rows but labels has {n}",
                    file=path,
                    mend="give one row for every example",
                )

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        times, units = self.times[i].astype(np.float64), self.units[i]
        check_events(
            times,
            units,
            int(self.labels[i]),
            self.n_units,
            len(self.classes),
            file=self.path,
            example=int(i),
        )
        return times, units

    def __iter__(self):
        return (self[i] for i in range(len(self)))


def write_events(path, events, labels, speakers, classes, *, attributes=None):
    """Write examples in SHD's layout.

    Parameters
    ----------
    events : iterable of (times in s, units), one pair an example
    labels, speakers : (n,) integers
    classes : names of the classes, in the order of the labels
    attributes : provenance, stored as attributes of the file
    """
    with atomic(path) as partial, h5py.File(partial, "w") as file:
        n = len(labels)
        times = file.create_dataset("spikes/times", n, h5py.vlen_dtype(np.float32))
        units = file.create_dataset("spikes/units", n, h5py.vlen_dtype(np.uint16))
        for i, (t, u) in enumerate(events):
            times[i], units[i] = np.asarray(t, np.float32), np.asarray(u, np.uint16)
        file["labels"] = np.asarray(labels, dtype=np.uint16)
        file["extra/speaker"] = np.asarray(speakers, dtype=np.uint16)
        file["extra/keys"] = np.array(classes, dtype=h5py.string_dtype())
        file.attrs.update(attributes or {})
