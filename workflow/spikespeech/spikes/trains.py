"""Sets of spike trains: the one form in which data reaches training and evaluation."""

import contextlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spikespeech import reading
from spikespeech.data import names
from spikespeech.data.events import check_events, check_labels, read_events, sound
from spikespeech.errors import InputError
from spikespeech.files import read_hdf5, write_hdf5
from spikespeech.spikes.stored import Column

HINT = "delete it and bin it again with scripts/data/bin_spikes.py"
MAX_INDEX = 2**16  # steps and units are 16-bit integers


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
    the examples that it is asked for, and checks each of them once (`checked` says which).
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
    checked: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @classmethod
    def from_arrays(
        cls,
        times_ms: Sequence[np.ndarray],
        units: Sequence[np.ndarray],
        labels: Sequence[int] | np.ndarray,
        speakers: Sequence[int] | np.ndarray | None = None,
        *,
        n_units: int = 700,
        n_steps: int = 1000,
        dt_ms: float = 1.0,
        classes: Sequence[str] | None = None,
    ) -> "SpikeTrains":
        """Bin ragged lists of spike times (ms) and units, one pair of arrays an example.

        Spikes at or after n_steps * dt_ms are cut off, with a warning. Raises InputError for data
        that are not spike trains: see `check_events`.
        """
        labels = np.asarray(labels, dtype=np.int64)
        speakers = np.full(len(labels), -1) if speakers is None else np.asarray(speakers)
        if classes is None:
            classes = tuple(str(k) for k in range(int(labels.max(initial=-1)) + 1))
        if not len(times_ms) == len(units) == len(labels) == len(speakers):
            raise InputError(
                f"{len(times_ms)} examples of times, {len(units)} of units, {len(labels)} labels "
                f"and {len(speakers)} speakers",
                hint="give one of each for every example",
            )
        check_labels(labels, len(classes))
        times, units, lengths = check_events(times_ms, units, n_units)
        _warn_cut(_cut(times, lengths, n_steps, dt_ms).sum(), len(times), n_steps * dt_ms)
        offsets, steps, binned = _bin(times, units, lengths, n_units, n_steps, dt_ms)
        return cls(
            offsets,
            steps,
            binned,
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
    def load(
        cls, path: Path | str, *, n_units: int = 700, n_steps: int = 1000, dt_ms: float = 1.0
    ) -> "SpikeTrains":
        """Read a file in SHD's layout and bin it, as `from_arrays` does."""
        with read_events(path, n_units=n_units) as events:
            chunks = list(_binned(events, n_steps, dt_ms))
            cut, total = (sum(chunk[i].sum() for chunk in chunks) for i in (3, 4))
            _warn_cut(cut, total, n_steps * dt_ms)
            return cls(
                _offsets(np.concatenate([np.diff(chunk[0]) for chunk in chunks])),
                np.concatenate([chunk[1] for chunk in chunks]),
                np.concatenate([chunk[2] for chunk in chunks]),
                events.labels,
                events.speakers,
                int(n_steps),
                int(n_units),
                float(dt_ms),
                events.classes,
            )

    @classmethod
    def open(cls, path: Path | str) -> "SpikeTrains":
        """Open a file of binned spikes; they stay on disk until `take` asks for them."""
        with reading.guard(path, HINT), read_hdf5(path) as file:
            offsets, steps, units, labels, speakers = (
                reading.dataset(file, name, "integers") for name in _ARRAYS
            )
            n_steps, n_units = (
                int(reading.attribute(file, name, "integers")) for name in ("n_steps", "n_units")
            )
            dt_ms = float(reading.attribute(file, "dt_ms", "numbers"))
            classes = reading.array(file, "classes", "text")
            on_disk: list[Any] = [Column(steps), Column(units)]
            opened = cls(
                offsets[()].astype(np.int64),
                on_disk[0],
                on_disk[1],
                labels[()].astype(np.int64),
                speakers[()].astype(np.int64),
                n_steps,
                n_units,
                dt_ms,
                names.distinct(classes, "class"),
                np.zeros(len(labels), np.bool_),
            )
            _check_opened(opened)
        return opened

    def save(self, path: Path | str) -> None:
        """Write the binned spikes for `open` (flat data sets; the pipeline's own form)."""
        with write_hdf5(path) as file:
            for name in _ARRAYS:
                file[name] = getattr(self, name)
            _describe(file, self.n_steps, self.n_units, self.dt_ms, self.classes)

    def take(self, indices: Sequence[int] | np.ndarray) -> "SpikeTrains":
        """Return the examples `indices`, in that order, with their spikes in memory."""
        indices = np.asarray(indices, dtype=np.int64)
        offsets = _offsets(self.offsets[indices + 1] - self.offsets[indices])
        # Neighbours in the file are read at once.
        runs = np.flatnonzero(np.diff(indices, prepend=-2, append=-2) != 1)
        begins = self.offsets[indices[runs[:-1]]].tolist()
        ends = self.offsets[indices[runs[1:] - 1] + 1].tolist()
        spans = list(zip(begins, ends, strict=True))
        columns: list[Any] = [self.steps, self.units]
        on_disk = isinstance(columns[0], Column)
        with reading.guard(columns[0].path, HINT) if on_disk else contextlib.nullcontext():
            if on_disk:
                steps, units = (c.read(spans, int(offsets[-1])) for c in columns)
            elif len(spans) == 1:  # a view: nothing is copied
                steps, units = (c[slice(*spans[0])] for c in columns)
            else:
                empty = np.empty(0, np.uint16)
                steps, units = (
                    np.concatenate([empty, *(c[begin:end] for begin, end in spans)])
                    for c in columns
                )
            if on_disk and self.checked is not None and not self.checked[indices].all():
                _check_grid(indices, offsets, steps, units, self.n_steps, self.n_units)
                self.checked[indices] = True
        return replace(
            self,
            offsets=offsets,
            steps=steps,
            units=units,
            labels=self.labels[indices],
            speakers=self.speakers[indices],
            checked=None,
        )

    def example(self, i):
        """Return (steps, units) of example i."""
        span = slice(self.offsets[i], self.offsets[i + 1])
        return self.steps[span], self.units[span]

    def with_spikes(self, offsets, steps, units):
        """Return these examples with other spikes."""
        return replace(self, offsets=offsets, steps=steps, units=units)


# Binning

_ARRAYS = ("offsets", "steps", "units", "labels", "speakers")


def _check_opened(spikes):
    """Raise InputError where the arrays of a file of binned spikes do not fit together."""
    for name, value in (("n_steps", spikes.n_steps), ("n_units", spikes.n_units)):
        if not 0 < value <= MAX_INDEX:
            raise InputError(f"{name} is {value}, not one of 1..{MAX_INDEX}")
    if not 0 < spikes.dt_ms < np.inf:
        raise InputError(f"dt_ms is {spikes.dt_ms}")
    n = len(spikes)
    for name, length in (("offsets", n + 1), ("speakers", n)):
        if len(getattr(spikes, name)) != length:
            raise InputError(f"{len(getattr(spikes, name))} {name} for {n} labels")
    offsets = spikes.offsets
    if offsets[0] != 0 or np.any(offsets[1:] < offsets[:-1]):
        raise InputError("offsets do not go up from 0")
    for name in ("steps", "units"):
        column = getattr(spikes, name)
        if column.dtype != np.uint16:
            raise InputError(f"{name} holds {column.dtype} instead of uint16")
        if len(column) != offsets[-1]:
            raise InputError(f"{name} has {len(column)} spikes, offsets {offsets[-1]}")
    check_labels(spikes.labels, spikes.n_classes)


def _check_grid(examples, offsets, steps, units, n_steps, n_units):
    """Raise InputError unless the spikes read of `examples` lie on the grid, in order."""
    cells = steps.astype(np.int64) * n_units + units
    disorder = np.zeros(len(cells), np.bool_)
    disorder[1:] = cells[1:] <= cells[:-1]
    disorder[offsets[:-1][offsets[:-1] < len(cells)]] = False
    for bad, problem in (
        (steps >= n_steps, f"a spike after step {n_steps - 1}"),
        (units >= n_units, f"a spike of a unit above {n_units - 1}"),
        (disorder, "spikes that are not in order"),
    ):
        if bad.any():
            at = np.searchsorted(offsets, np.argmax(bad), "right") - 1
            raise InputError(f"has {problem}", example=int(examples[at]))


def _describe(file, n_steps, n_units, dt_ms, classes):
    file.attrs.update(n_steps=n_steps, n_units=n_units, dt_ms=dt_ms)
    # An attribute holds no more than 64 KiB: some 4,000 names.
    file["classes"] = np.array(classes, dtype=h5py.string_dtype())


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


def _cut(times_ms, lengths, n_steps, dt_ms):
    """Return how many spikes of each example lie after the last step (n,)."""
    examples = np.repeat(np.arange(len(lengths)), lengths)
    late = np.floor(times_ms / dt_ms) >= n_steps
    return np.bincount(examples[late], minlength=len(lengths))


def _cut_remark(cut, total, trial_ms):
    """Return a sentence on the `cut` of `total` spikes that lie after a trial's end, or ""."""
    if not cut:
        return ""
    return f"{100 * cut / total:.3g} % of the spikes lie after {trial_ms:g} ms, a trial's end"


def _warn_cut(*cut):
    if remark := _cut_remark(*cut):
        warnings.warn(f"{remark}, and are cut off", stacklevel=3)


def _binned(events, n_steps, dt_ms):
    """Yield (offsets, steps, units, cut, lengths) of some examples at a time.

    `cut` of an example's `lengths` spikes are cut off; none may be left empty.
    """
    for first, times, units, lengths in events.chunks():
        binned = _bin(times * 1e3, units, lengths, events.n_units, n_steps, dt_ms)
        silent = np.flatnonzero(np.diff(binned[0]) == 0)
        if len(silent):
            raise InputError(
                f"has no spike in the first {n_steps * dt_ms:g} ms",
                file=events.path,
                example=events.name(first + int(silent[0])),
                hint="times are in seconds; `time` sets the length of a trial",
            )
        yield *binned, _cut(times * 1e3, lengths, n_steps, dt_ms), lengths


def about(path):
    """Return what a network must know of the binned spikes in `path` to be given others.

    Keys: classes (names, in the order of the labels), steps (of an example), and those of
    `events.sound`, window None where the spikes do not say that they are of recordings.
    """
    spikes = SpikeTrains.open(path)
    with reading.guard(path, HINT), read_hdf5(path) as file:
        how = {"window": None} | sound(file)
    return {"classes": list(spikes.classes), "steps": spikes.n_steps, **how}


def bin_file(source, target, *, n_units=700, n_steps=1000, dt_ms=1.0, progress=None):
    """Bin a file in SHD's layout into one that `SpikeTrains.open` reads.

    Some hundred examples are in memory at a time. `progress(done, total)` is called after each.

    Returns a sentence on the spikes that were cut off, with the examples that lost the most, or
    "" where none were. Raises InputError where most were.
    """
    with (
        read_events(source, n_units=n_units) as events,
        write_hdf5(target) as file,
    ):
        steps, units = (
            # Of no known length before the end. `stored.Column` reads across chunks; as each holds
            # some 30 examples, few need two reads.
            file.create_dataset(name, (0,), np.uint16, maxshape=(None,), chunks=(2**18,))
            for name in ("steps", "units")
        )
        offsets, cut, total = np.zeros(1, np.int64), [], 0
        for part, *columns, lost, lengths in _binned(events, n_steps, dt_ms):
            cut.append(lost)
            total += lengths.sum()
            start = offsets[-1]
            offsets = np.concatenate([offsets, start + part[1:]])
            for dataset, column in zip((steps, units), columns, strict=True):
                dataset.resize((offsets[-1],))
                dataset[start:] = column
            if progress:
                progress(len(offsets) - 1, len(events))
        file["offsets"], file["labels"], file["speakers"] = offsets, events.labels, events.speakers
        _describe(file, n_steps, n_units, dt_ms, events.classes)
        file.attrs.update(events.sound)
        cut = np.concatenate(cut)
        remark = _cut_remark(cut.sum(), total, n_steps * dt_ms)
        if cut.sum() > total / 2:
            raise InputError(
                remark, file=source, hint="times are in seconds; `time` sets the length of a trial"
            )
        worst = [str(events.name(i)) for i in np.argsort(-cut, kind="stable")[:3] if cut[i]]
        return remark and f"{remark}, and are cut off; most of example {', '.join(worst)}"
