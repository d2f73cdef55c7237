"""Integer simulation of a NetX file, equal to Lava's fixed-point simulation in every bit.

The dynamics are those of lava-nc 0.10.0's `PyDenseModelBitAcc`, `PyDelayDenseModelBitAcc`,
`PyLifModelBitAcc` and `PyLifResetModelBitAcc`, for networks loaded by lava-dl 0.6.0's
`netx.hdf5.Network`, and for recurrent layers of several delays, which it cannot load, as these
processes run them. Layers depend on each other in one direction and with one step of delay, so
each is simulated over the whole trial before the next.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spikespeech.errors import InputError
from spikespeech.kernels.vectors import padded
from spikespeech.loihi import kernels, netx_file
from spikespeech.spikes import SpikeTrains

EXAMPLES_A_TASK = 16


@dataclass(frozen=True)
class GradedSpikes:
    """Input to a NetX network: events with a payload (the number of spikes in a time step).

    Attributes
    ----------
    offsets : (n + 1,) int64, events of example i are offsets[i] … offsets[i + 1] - 1
    steps, units : (n_events,) int32, in order of step within an example
    counts : (n_events,) int32, not 0
    n_steps, n_units : int
    """

    offsets: np.ndarray
    steps: np.ndarray
    units: np.ndarray
    counts: np.ndarray
    n_steps: int
    n_units: int

    def __len__(self):
        return len(self.offsets) - 1

    @classmethod
    def from_dense(cls, counts: np.ndarray) -> "GradedSpikes":
        """Take counts (n, n_units, n_steps), one matrix an example, as Lava's ring buffer does."""
        example, step, unit = np.nonzero(counts.transpose(0, 2, 1))
        offsets = np.searchsorted(example, np.arange(len(counts) + 1))
        payload = counts[example, unit, step].astype(np.int32)
        return cls(
            offsets,
            step.astype(np.int32),
            unit.astype(np.int32),
            payload,
            counts.shape[2],
            counts.shape[1],
        )

    @classmethod
    def from_spike_trains(cls, spikes: SpikeTrains) -> "GradedSpikes":
        """Take binary spike trains (`spikespeech.spikes.SpikeTrains`)."""
        steps = np.asarray(spikes.steps, dtype=np.int32)
        units = np.asarray(spikes.units, dtype=np.int32)
        ones = np.ones(len(steps), dtype=np.int32)
        return cls(np.asarray(spikes.offsets), steps, units, ones, spikes.n_steps, spikes.n_units)

    def delayed(self, delay):
        """Return (GradedSpikes, late): each event later by its unit's delay, as the host sends it.

        Parameters
        ----------
        delay : (n_units,) whole steps, at least 0; None for none

        `late` (n,) int64 counts the events of each example that would come after the trial's end.
        """
        if delay is None:
            return self, np.zeros(len(self), np.int64)
        span = slice(self.offsets[0], self.offsets[-1])
        example = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        units = self.units[span]
        steps = self.steps[span] + np.asarray(delay, np.int64)[units]
        order = np.flatnonzero(steps < self.n_steps)
        place = (example * self.n_steps + steps) * self.n_units + units
        order = order[np.argsort(place[order])]
        offsets = np.searchsorted(example[order], np.arange(len(self) + 1))
        sent = GradedSpikes(
            offsets,
            steps[order].astype(np.int32),
            units[order],
            self.counts[span][order],
            self.n_steps,
            self.n_units,
        )
        return sent, np.diff(self.offsets) - np.diff(offsets)


@dataclass(frozen=True)
class States:
    """What a simulation recorded, layer by layer (hidden layers first, output last).

    For a single example given as a matrix, arrays have no axis of examples.

    Attributes
    ----------
    u, v : tuple of (n, n_steps, n_units) int32, after the reset of spiking neurons; () unless
        recorded, (n, 0, 0) for layers that are not recorded
    spikes : tuple of (n, n_steps, n_units) bool, likewise
    readouts : (n, n_steps / period, n_outputs) float64, sum of window[t % period] v(t) over t of
        the last layer, v in its integer units; None without a window
    spike_counts : tuple of (n, n_units) int64
    wrapped, saturated : (n, n_layers) int64, time steps in which any u of the layer left 24 bits
        (and wrapped around), any v was clipped to 24 bits
    """

    u: tuple
    v: tuple
    spikes: tuple
    readouts: np.ndarray | None
    spike_counts: tuple
    wrapped: np.ndarray
    saturated: np.ndarray


def simulate(
    netx_path: Path | str | Sequence[netx_file.Layer],
    counts: np.ndarray | GradedSpikes | SpikeTrains,
    *,
    reset_interval: int | None = None,
    reset_offset: int = 0,
    input_message_bits: int = 0,
    record: Sequence[str] = ("u", "v", "spikes"),
    record_layers: Sequence[int] | None = None,
    window: np.ndarray | None = None,
    threads: int = 1,
) -> States:
    """Simulate a NetX file; return `States` whose integers equal Lava's.

    State at index t is that of Lava's time step t + 1. Each example starts from rest.

    Parameters
    ----------
    netx_path : a NetX file, or the layers that `netx_file.read` returned
    counts : what the network is sent: one example (n_inputs, n_steps), as the data of Lava's
        RingBuffer, a batch (n, n_inputs, n_steps), or GradedSpikes. Or SpikeTrains as they occur,
        which are delayed here as the file's `hostDelay` says; what it pushes past the end of an
        example is not sent (`GradedSpikes.delayed` counts it)
    reset_interval, reset_offset, input_message_bits : as lava-dl's `netx.hdf5.Network` takes them:
        u = v = 0 every `reset_interval` steps, layer after layer one step later; a count acts as
        a multiple of the weight where `input_message_bits` > 0 and as one spike where it is 0
    record : any of "u", "v", "spikes"
    record_layers : which layers to record, by index; by default all
    window : (period,) weights of the readout in time, or one row for each example, see
        `States.readouts`
    threads : number of threads; the result does not depend on it
    """
    layers = netx_file.read(netx_path) if not isinstance(netx_path, list) else netx_path
    single = isinstance(counts, np.ndarray) and counts.ndim == 2
    events = _events(counts, layers[0], input_message_bits)
    if unknown := set(record) - {"u", "v", "spikes"}:
        raise ValueError(f"record {sorted(unknown)}: choose from u, v, spikes")
    resets = [(0, 0)] * len(layers)
    if reset_interval is not None:
        resets = [
            (int(reset_interval), (reset_offset + 1 + i) % reset_interval)
            for i in range(len(layers))
        ]
    windows = np.atleast_2d(np.zeros(0) if window is None else np.asarray(window, np.float64))
    period = windows.shape[1]
    prepared = [_PreparedLayer(layer, reset) for layer, reset in zip(layers, resets, strict=True)]

    n, n_steps = len(events), events.n_steps
    chosen = np.arange(len(layers))[slice(None) if record_layers is None else list(record_layers)]
    shapes = [(n, n_steps, layer.n_units) for layer in layers]
    recorded = {
        name: [
            np.empty(shape if name in record and i in chosen else (n, 0, 0), dtype)
            for i, shape in enumerate(shapes)
        ]
        for name, dtype in (("u", np.int32), ("v", np.int32), ("spikes", np.bool_))
    }
    intervals = -(-n_steps // period) if period else 0
    readouts = np.zeros((n, intervals, layers[-1].n_units))
    spike_counts = [np.zeros((n, layer.n_units), np.int64) for layer in layers]
    limits = np.zeros((2, len(layers), n), np.int64)

    def run(first):
        part = slice(first, min(first + EXAMPLES_A_TASK, n))
        offsets = events.offsets[part.start : part.stop + 1]
        trains = (offsets, events.steps, events.units)
        graded = bool(np.any(events.counts[offsets[0] : offsets[-1]] != 1))
        for i, layer in enumerate(prepared):
            last = i == len(prepared) - 1
            trains = layer.run(
                *trains,
                events.counts,
                graded and i == 0,
                n_steps,
                (windows[part] if len(windows) > 1 else windows) if last else windows[:, :0],
                readouts[part],
                spike_counts[i][part],
                *limits[:, i, part],
                *(recorded[name][i][part] for name in ("u", "v", "spikes")),
            )

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(0, n, EXAMPLES_A_TASK)))

    def shown(array):
        return array[0] if single else array

    return States(
        **{
            name: tuple(shown(a) for a in arrays) if name in record else ()
            for name, arrays in recorded.items()
        },
        readouts=shown(readouts) if period else None,
        spike_counts=tuple(shown(a) for a in spike_counts),
        wrapped=shown(limits[0].T),
        saturated=shown(limits[1].T),
    )


def _events(counts, layer, input_message_bits):
    """Return the input as GradedSpikes of the right width and payload."""
    if isinstance(counts, np.ndarray):
        if counts.ndim not in (2, 3):
            raise InputError(f"input of shape {counts.shape}", hint="give (n_inputs, n_steps)")
        if counts.dtype.kind not in "iub":
            raise InputError(f"input of type {counts.dtype}", hint="counts are integers")
        events = GradedSpikes.from_dense(counts if counts.ndim == 3 else counts[None])
    elif isinstance(counts, GradedSpikes):
        events = counts
    else:
        events = GradedSpikes.from_spike_trains(counts)
    if events.n_units != layer.n_sources:
        raise InputError(
            f"input of {events.n_units} units for a network of {layer.n_sources} inputs",
            hint="counts have the shape (n_inputs, n_steps)",
        )
    if not isinstance(counts, np.ndarray | GradedSpikes):
        events, _ = events.delayed(layer.host_delay)
    if input_message_bits > 0:
        return events
    return replace(events, counts=np.ones_like(events.counts))


class _PreparedLayer:
    """A layer's arrays in the kernels' form."""

    def __init__(self, layer, reset):
        self.n = layer.n_units
        matrices = netx_file.synapses(layer)
        own = layer.delay if layer.delay_rec is None else layer.delay_rec
        self.synapses = [
            _prepared_synapse(*both) for both in zip(matrices, (layer.delay, own), strict=False)
        ]
        # A delay that a source's synapses share is its spikes' own, where no sum loses bits.
        self.late = None
        if not self.synapses[0][0][2]:
            self.late = netx_file.delay_of_sources(layer.delay)
        if self.late is not None:
            self.synapses[0] = _prepared_synapse(matrices[0], None)
        if len(matrices) == 1:
            nothing = np.zeros(0, self.synapses[0][0][0].dtype)
            self.synapses.append(((nothing, np.zeros(0, np.int64), np.int32(0)), None))
        # Steps in which spikes under way arrive, of each matrix: a power of 2 above the longest.
        self.slots = np.array(
            [1 if late is None else 1 << int(late.max()).bit_length() for _, late in self.synapses]
        )
        # Lava shifts within 32 bits: 2^25 and more wrap around, to neurons that always spike.
        shifted = np.left_shift(np.int64(layer.threshold), kernels.ACTIVATION_BITS).astype(np.int32)
        self.neuron = np.array(
            [
                (1 << kernels.DECAY_BITS) - layer.current_decay,
                (1 << kernels.DECAY_BITS) - layer.voltage_decay,
                shifted,
            ]
        )
        self.bias = np.zeros(padded(self.n), np.int32)
        if layer.bias is not None:
            self.bias[: self.n] = layer.bias << kernels.ACTIVATION_BITS
        self.reset = np.array(reset)

    def run(self, offsets, steps, units, counts, graded, n_steps, windows, *results):
        """Simulate the layer; return its spikes as (offsets, steps, units)."""
        if self.late is not None:
            counts = counts if graded else np.ones(len(steps), np.int32)
            events = GradedSpikes(offsets, steps, units, counts, n_steps, len(self.late))
            events, _ = events.delayed(self.late)
            offsets, steps = events.offsets, events.steps
            units, counts = events.units, events.counts
        return kernels.run_layer(
            offsets,
            steps,
            units,
            counts,
            graded,
            n_steps,
            *self.synapses[0],
            *self.synapses[1],
            self.slots,
            self.neuron,
            self.bias,
            self.n,
            self.reset,
            windows,
            *results,
        )


def _prepared_synapse(synapse, delay):
    """Return (flat weights of each delay (n_sources, padded n), delays (n_delays,), shift), late.

    Where every weight is a multiple of 2^shift the shift of a sum equals the sum of the shifted,
    so that it is done here, once: most weights then fit 8 bits. Several delays are then the
    synapses' own, flat `late`, of a single matrix, else None; see `kernels.receive`.
    """
    weight, shift = synapse.weight, synapse.shift
    if np.bitwise_or.reduce(weight, axis=None) % (1 << shift) == 0:
        weight, shift = weight >> shift, 0
    narrow = weight.min() >= -(1 << 7) and weight.max() < 1 << 7
    delays = np.zeros(1, np.int64) if delay is None else np.unique(delay)
    n, n_sources = weight.shape
    late = None
    if len(delays) > 1 and not shift:
        late = np.zeros((n_sources, padded(n)), np.uint16)
        late[:, :n] = delay.T
        late, delay, delays = late.ravel(), None, np.zeros(1, np.int64)
    shape = (len(delays), n_sources, padded(n))
    table = np.zeros(shape, np.int8 if narrow else np.int16)
    for k, steps in enumerate(delays):
        delayed = weight if delay is None else np.where(delay == steps, weight, 0)
        table[k, :, :n] = delayed.T
    return (table.ravel(), delays, np.int32(shift)), late
