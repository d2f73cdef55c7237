"""Event data sets of the package tonic (Lenz et al., doi:10.5281/zenodo.5079802), by name.

tonic calls an event (t in microseconds, x, y, polarity); here it is a spike of one unit, whose
number counts x first, then y, then polarity.
"""

import inspect
from dataclasses import dataclass

import numpy as np

from spikespeech.data import names
from spikespeech.errors import InputError, nearest


@dataclass(frozen=True)
class Part:
    """Examples: events, a list of (times in s, units); labels and speakers (n,), -1 if unknown."""

    events: list
    labels: list
    speakers: list


@dataclass(frozen=True)
class TonicSet:
    """parts, {name: Part}; names of the classes, and of the speakers where they have any."""

    parts: dict
    classes: tuple
    speakers: tuple


def read(dataset, *, parts, folder, options, n_channels):
    """Return the `parts` of the data set that `tonic.datasets` calls `dataset`, as TonicSet.

    tonic downloads what is not in the `folder`.

    Parameters
    ----------
    parts : of train, valid and test
    options : keywords of tonic's class, such as single_digits of NTIDIGITS18
    n_channels : how many units its events have

    Raises InputError for a name, part, option or number of channels that it has not.
    """
    import tonic.datasets

    known = {n: c for n, c in vars(tonic.datasets).items() if inspect.isclass(c)}
    if dataset not in known:
        raise InputError(f"tonic has no data set {dataset!r}{nearest(dataset, known)}")
    opened = {part: _open(dataset, known[dataset], part, folder, options) for part in parts}
    shape = _sensor(dataset, known[dataset])
    if np.prod(shape) != n_channels:
        raise InputError(
            f"tonic's {dataset} has {np.prod(shape)} units",
            hint=f"set `channels: {np.prod(shape)}`",
        )
    samples = {part: [source[i] for i in range(len(source))] for part, source in opened.items()}
    targets = {part: [target for _, target in own] for part, own in samples.items()}
    classes = _classes(opened[parts[0]], [target for own in targets.values() for target in own])
    called = {part: _speakers(source) for part, source in opened.items()}
    listed = sorted({s for own in called.values() for s in own if isinstance(s, str)})
    numbers = {name: k for k, name in enumerate(listed)}
    places = {name: k for k, name in enumerate(classes)}
    return TonicSet(
        {
            part: Part(
                [_spikes(events, shape) for events, _ in own],
                [places[_class(target, classes)] for target in targets[part]],
                [numbers.get(s, s) for s in called[part]] or [-1] * len(own),
            )
            for part, own in samples.items()
        },
        classes,
        tuple(listed),
    )


def _open(name, source, part, folder, options):
    takes = inspect.signature(source).parameters
    for option in options:
        if option not in takes:
            raise InputError(f"tonic's {name} has no option {option!r}{nearest(option, takes)}")
    if "split" in takes:
        options = {**options, "split": part}
    elif "train" in takes and part != "valid":
        options = {**options, "train": part == "train"}
    else:
        raise InputError(f"tonic's {name} has no part {part!r} of its own")
    try:
        return source(save_to=str(folder), **options)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"tonic cannot get {name}: {reason}",
            hint=f"put its files, which tonic downloads, into {folder}/{name}",
        ) from error


def _sensor(name, source):
    shape = getattr(source, "sensor_size", None)
    if not isinstance(shape, tuple):
        raise InputError(f"tonic's {name} has no fixed number of units")
    return shape


def _spikes(events, shape):
    """Return the (times in s, units) of a structured array of events, in order of time."""
    width, height, _ = shape
    unit = events["x"].astype(np.int64)
    if height > 1:
        unit += width * events["y"].astype(np.int64)
    if shape[2] > 1:
        unit += width * height * events["p"].astype(np.int64)
    order = np.argsort(events["t"], kind="stable")
    return events["t"][order] * 1e-6, unit[order]


def _classes(source, targets):
    """Return the names of the classes: the data set's own, or those of its targets."""
    if any(isinstance(target, str) for target in targets):
        return names.distinct(sorted(set(targets)), "class")
    own = getattr(source, "class_map", None) or getattr(source, "classes", None)
    if isinstance(own, dict):
        own = sorted(own, key=own.get)
    most = max(map(int, targets)) + 1
    if own is None or len(own) < most:
        own = list(map(str, range(most)))
    return names.distinct(list(own), "class")


def _class(target, classes):
    return names.normal(target) if isinstance(target, str) else classes[int(target)]


def _speakers(source):
    """Return each example's speaker, a name or number, or [] where tonic does not say."""
    if hasattr(source, "speaker"):
        return [int(s) for s in source.speaker]
    if type(source).__name__ == "NTIDIGITS18":  # it names its examples speaker-take-digits
        return ["-".join(sample.split("-")[:-2]) or sample for sample in source._samples]
    return []
