"""Binned spikes that stay on disk: an example is read when it is asked for.

So memory does not grow with a data set, and a training of 75,000 utterances takes what one of
7,500 does.
"""

import os
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np

from spikespeech.errors import InputError

CHUNK = 256  # examples that are read at a time, where all are: some ten megabytes

FEW_BYTES = 2**28
"""Examples that take no more are read once, and stay in memory: some 8,000 utterances."""


class Column:
    """A flat HDF5 data set of plain numbers, sliced like an array; slices are read from the file.

    For pieces as short as an example, HDF5 itself takes many times as long as the system's read.

    Parameters
    ----------
    dataset : h5py data set of one dimension, contiguous or in chunks, without filters
    """

    def __init__(self, dataset):
        self.dtype, self.width, self.size = dataset.dtype, dataset.dtype.itemsize, len(dataset)
        self.path = Path(dataset.file.filename)
        self.descriptor = os.open(self.path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.descriptor)
        self.length = dataset.chunks[0] if dataset.chunks else max(self.size, 1)
        self.places = [-1] * -(-self.size // self.length)
        if dataset.chunks:
            dataset.id.chunk_iter(self._note)
        elif self.size and (place := dataset.id.get_offset()) is not None:
            self.places[0] = place
        if dataset.id.get_create_plist().get_nfilters():
            raise InputError(f"{dataset.name[1:]} is compressed or filtered")
        if -1 in self.places:
            raise InputError(f"{dataset.name[1:]} is not wholly there")

    def _note(self, chunk):
        place = chunk.chunk_offset[0] // self.length
        if place < len(self.places):
            self.places[place] = chunk.byte_offset

    def __len__(self):
        return self.size

    def __getitem__(self, span):
        begin, end, _ = span.indices(self.size)
        return self.read([(begin, end)], max(end - begin, 0))

    def read(self, spans, total):
        """Return the numbers of all (begin, end) in `spans`, one after the other, `total` in all.

        Begins and ends are Python's integers, as it reckons with NumPy's many times slower.
        """
        out = np.empty(total, self.dtype)
        octets, at, width = memoryview(out.view(np.uint8)), 0, self.width
        for begin, end in spans:
            while begin < end:
                chunk, within = divmod(begin, self.length)
                size = min(end - begin, self.length - within) * width
                place = self.places[chunk] + within * width
                if os.preadv(self.descriptor, [octets[at : at + size]], place) < size:
                    raise InputError("is cut short", file=self.path, hint="delete it and run again")
                begin, at = begin + size // width, at + size
        return out


class StoredSpikes:
    """Some examples of a file of binned spikes, where SpikeTrains in memory are not needed.

    It has their attributes but for `offsets`, `steps` and `units`; `take` returns SpikeTrains.

    Parameters
    ----------
    spikes : SpikeTrains of the whole file, see `SpikeTrains.open`, or several files' JoinedSpikes
    examples : (n,) numbers of examples in the file
    """

    def __init__(self, spikes, examples):
        self.spikes, self.examples = spikes, np.asarray(examples, dtype=np.int64)
        self.labels, self.speakers = spikes.labels[self.examples], spikes.speakers[self.examples]
        self.n_steps, self.n_units, self.dt_ms = spikes.n_steps, spikes.n_units, spikes.dt_ms
        self.classes, self.n_classes = spikes.classes, spikes.n_classes

    def __len__(self):
        return len(self.examples)

    def take(self, indices):
        """Return the examples `indices`, in that order, with their spikes in memory."""
        return self.spikes.take(self.examples[np.asarray(indices, dtype=np.int64)])

    def load(self):
        """Return all examples in memory."""
        offsets = np.concatenate([[0], np.cumsum(self._lengths())])
        columns = np.empty((2, offsets[-1]), np.uint16)
        at = 0
        for some in chunks(self):
            end = at + len(some.steps)
            columns[:, at:end] = some.steps, some.units
            at = end
        known = {"labels": self.labels, "speakers": self.speakers, "offsets": offsets}
        return replace(self.take([]), steps=columns[0], units=columns[1], **known)

    @property
    def n_bytes(self):
        """Memory that the spikes of all examples would take."""
        return int(self._lengths().sum()) * 2 * np.dtype(np.uint16).itemsize

    def _lengths(self):
        files = self.spikes.files if isinstance(self.spikes, JoinedSpikes) else [self.spikes]
        return np.concatenate([np.diff(file.offsets) for file in files])[self.examples]


class JoinedSpikes:
    """The examples of several files, one file after the other, for `StoredSpikes`.

    Parameters
    ----------
    files : list of SpikeTrains on disk. Raises InputError where they differ in more than examples
    """

    def __init__(self, files):
        self.files, first = files, files[0]
        for name in ("n_steps", "n_units", "dt_ms", "classes"):
            setattr(self, name, getattr(first, name))
            for file in files[1:]:
                if getattr(file, name) != getattr(first, name):
                    raise InputError(
                        f"has other {name} than {first.steps.path}",
                        file=file.steps.path,
                        hint="it must be the same in all parts",
                    )
        self.n_classes = first.n_classes
        self.labels = np.concatenate([file.labels for file in files])
        self.speakers = np.concatenate([file.speakers for file in files])
        self.begins = np.cumsum([0, *map(len, files[:-1])])

    def take(self, indices):
        """Return the examples `indices` (n,), in that order, with their spikes in memory."""
        holders = np.searchsorted(self.begins, indices, "right") - 1
        parts = [
            file.take(indices[holders == i] - begin)
            for i, (file, begin) in enumerate(zip(self.files, self.begins, strict=True))
        ]
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        joined = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("steps", "units", "labels", "speakers")
        }
        by_file = replace(parts[0], offsets=np.cumsum([0, *lengths]), **joined)
        return by_file.take(np.argsort(np.argsort(holders, kind="stable")))


def load_if_small(spikes):
    """Return StoredSpikes of at most FEW_BYTES in memory; more, or SpikeTrains, as they are."""
    few = isinstance(spikes, StoredSpikes) and spikes.n_bytes <= FEW_BYTES
    return spikes.load() if few else spikes


def chunks(spikes, size=CHUNK):
    """Yield the examples of SpikeTrains or StoredSpikes in order, `size` at a time, in memory."""
    for begin in range(0, len(spikes), size):
        yield spikes.take(np.arange(begin, min(begin + size, len(spikes))))
