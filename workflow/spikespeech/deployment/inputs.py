"""Events as the input of a NetX network, by one of several conventions."""

import numpy as np

from spikespeech.deployment.conventions import INPUTS
from spikespeech.errors import InputError
from spikespeech.fixed_point import GradedSpikes
from spikespeech.spikes.stored import chunks


def binary(spikes):
    """Yield the GradedSpikes of SpikeTrains or StoredSpikes, some examples at a time."""
    return map(GradedSpikes.from_spike_trains, chunks(spikes))


def bin_events(events, examples, convention, *, n_steps, dt_ms):
    """Yield GradedSpikes, by one of `INPUTS`, of some examples of an `events.Events` file.

    `examples` (n,) ascend; those that the file holds near each other come together.
    """
    if convention not in INPUTS:
        raise InputError(f"input {convention!r}", hint=f"choose from {', '.join(INPUTS)}")
    for first, times, units, lengths in events.chunks():
        begin, end = np.searchsorted(examples, (first, first + len(lengths)))
        ends = np.cumsum(lengths)
        spans = [slice(ends[i] - lengths[i], ends[i]) for i in examples[begin:end] - first]
        binned = [
            _bin(times[span], units[span], convention, n_steps, dt_ms, events.n_units)
            for span in spans
        ]
        if binned:
            codes, counts = (np.concatenate(column) for column in zip(*binned, strict=True))
            yield GradedSpikes(
                np.concatenate([[0], np.cumsum([len(codes) for codes, _ in binned])]),
                (codes // events.n_units).astype(np.int32),
                (codes % events.n_units).astype(np.int32),
                counts.astype(np.int32),
                n_steps,
                events.n_units,
            )


def check_same(events, rows):
    """Raise InputError unless an `events.Events` file holds the examples of the split's `rows`."""
    if max(rows.example, default=-1) >= len(events) or not np.array_equal(
        events.labels[rows.example], rows.label
    ):
        raise InputError(
            "holds other examples than the split",
            file=events.path,
            hint="make the split and the binned spikes from it anew",
        )


def _bin(times, units, convention, n_steps, dt_ms, n_units):
    """Return (step * n_units + unit, count) of the cells with events, in order."""
    if convention in ("binary", "counts"):
        steps = np.floor(times * 1e3 / dt_ms).astype(np.int64)
        last = n_steps
    else:
        # Whole microseconds, as tonic's SHD and SSC hold them.
        times, width = (times * 1e6).astype(np.int64), round(dt_ms * 1e3)
        steps = (times - times[0]) // width
        last = min((times[-1] - times[0]) // width, n_steps) if convention == "graded" else n_steps
    inside = steps < last
    codes, counts = np.unique(
        steps[inside] * n_units + units[inside].astype(np.int64), return_counts=True
    )
    return codes, counts if convention in ("counts", "graded") else np.ones_like(counts)
