"""The parts of a data set: one number for a class, and one for a speaker, in all of them."""

import contextlib
import shutil

import h5py
import numpy as np

from spikespeech import reading
from spikespeech.data.events import HINT, read_events
from spikespeech.errors import InputError
from spikespeech.files import atomic, describe, write_hdf5

LONGEST = 60  # seconds; times of words that last longer are no seconds


def joined_classes(files, *, n_units):
    """Return the classes of several parts: those of the first, then what others add.

    Parameters
    ----------
    files : paths in SHD's layout

    Raises InputError where one part names its classes and another does not.
    """
    classes = {}
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(read_events(file, n_units=n_units)) for file in files]
        for part in parts:
            if part.named != parts[0].named:
                nameless, other = sorted((parts[0], part), key=lambda events: events.named)
                raise InputError(
                    f"names no classes, though {other.path} does",
                    file=nameless.path,
                    hint="give it their names as `extra/keys`",
                )
            classes |= dict.fromkeys(part.classes)
    return tuple(classes)


def copy(source, target, classes, *, n_units):
    """Copy a file in SHD's layout once it is checked, with its labels as numbers of `classes`.

    Returns (examples, spikes, names of the classes that have no example).
    """
    with read_events(source, n_units=n_units) as events:
        n_spikes, seconds = 0, []
        for _, times, _, lengths in events.chunks():
            n_spikes += len(times)
            seconds.append(times[np.cumsum(lengths) - 1])
        if (half := np.median(np.concatenate(seconds))) > LONGEST:
            raise InputError(
                f"half of its examples last {half:.0f} s or more",
                file=source,
                hint="times are in seconds: divide milliseconds by 1,000",
            )
        if events.classes == classes:
            with atomic(target) as partial:
                shutil.copyfile(source, partial)
        else:
            place = {name: k for k, name in enumerate(classes)}
            labels = np.array([place[name] for name in events.classes])[events.labels]
            _renumber(events.times.file, target, labels, classes)
        said = {events.classes[k] for k in np.unique(events.labels)}
        return len(events), n_spikes, [name for name in classes if name not in said]


def _renumber(source, target, labels, classes):
    """Copy an open HDF5 file but for its labels and the classes' names."""
    with write_hdf5(target) as file:
        with reading.guard(source.filename, HINT):
            for name in source:
                source.copy(name, file)
            describe(file, source.attrs)
        for name, values in (
            ("labels", labels.astype(np.uint16)),
            ("extra/keys", np.array(classes, dtype=h5py.string_dtype())),
        ):
            if name in file:
                del file[name]
            file[name] = values
