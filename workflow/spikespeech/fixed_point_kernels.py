"""Compiled integer kernels of the fixed-point simulator: one layer, many examples.

Arrays over units are padded with zeros to a multiple of `LANES`, so that loops vectorise without a
remainder. numba widens int32 arithmetic to int64; each `np.int32(...)` below narrows it again,
which is what lets LLVM use eight or sixteen lanes.
"""

import numpy as np
from numba import njit

LANES = 16
STATE_LIMIT = 1 << 23  # u and v are 24-bit signed numbers
DECAY_BITS = 12
BYTE_INDEX = np.uint64(0x0001020304050607)  # times 2^(8 j): the highest byte is j
ACTIVATION_BITS = 6  # synaptic input and threshold are aligned 6 bits to the left


def padded(n):
    """Return the smallest multiple of LANES that is at least n."""
    return -(-n // LANES) * LANES


@njit(nogil=True, cache=True, forceinline=True)
def add_rows(total, weights, k, units, counts, graded, first, last):
    """Add the rows of `weights[k]` of events first … last - 1 to `total`, eight at a time.

    weights : (n_delays, n_sources + 1, n) int8 or int16; the last row is zero and fills
        incomplete fours. Indexing it in full spares the counting of references to views.
    """
    nothing = weights.shape[1] - 1
    event = first
    while last - event >= 8:
        a, b, c, d = units[event], units[event + 1], units[event + 2], units[event + 3]
        e, f, g, h = units[event + 4], units[event + 5], units[event + 6], units[event + 7]
        for j in range(total.shape[0]):
            ab = np.int16(weights[k, a, j] + weights[k, b, j])
            cd = np.int16(weights[k, c, j] + weights[k, d, j])
            ef = np.int16(weights[k, e, j] + weights[k, f, j])
            gh = np.int16(weights[k, g, j] + weights[k, h, j])
            eight = np.int16(np.int16(ab + cd) + np.int16(ef + gh))
            total[j] = np.int32(total[j] + np.int32(eight))
        event += 8
    while event < last:
        a = units[event]
        b = units[event + 1] if event + 1 < last else nothing
        c = units[event + 2] if event + 2 < last else nothing
        d = units[event + 3] if event + 3 < last else nothing
        for j in range(total.shape[0]):
            four = np.int16(
                np.int16(weights[k, a, j] + weights[k, b, j])
                + np.int16(weights[k, c, j] + weights[k, d, j])
            )
            total[j] = np.int32(total[j] + np.int32(four))
        event += 4
    if graded:
        for event in range(first, last):
            extra = np.int32(counts[event] - 1)
            if extra != 0:
                a = units[event]
                for j in range(total.shape[0]):
                    total[j] = np.int32(total[j] + np.int32(extra * np.int32(weights[k, a, j])))


@njit(nogil=True, cache=True, forceinline=True)
def add_delayed(total, part, weights, delays, shift, units, counts, graded, pointers, step):
    """Add to `total` what reaches the neurons in `step` through one matrix with delays.

    A spike in step t arrives in step t + 1 + delay. Lava shifts the sum of each delay right by
    `shift` (floor), so the sums are formed apart where a shift is due.

    weights : (n_delays, n_sources + 1, n), one matrix for each of `delays`
    pointers : (n_steps + 1,), events of step t are pointers[t] … pointers[t + 1] - 1
    """
    for k in range(delays.shape[0]):
        source = step - 1 - delays[k]
        if source < 0:
            continue
        first, last = pointers[source], pointers[source + 1]
        if first == last:
            continue
        if shift == 0:
            add_rows(total, weights, k, units, counts, graded, first, last)
        else:
            part[:] = 0
            add_rows(part, weights, k, units, counts, graded, first, last)
            for j in range(total.shape[0]):
                total[j] = np.int32(total[j] + np.int32(part[j] >> shift))


@njit(nogil=True, cache=True, forceinline=True)
def update_neurons(total, u, v, fired, keep_u, keep_v, threshold, bias):
    """Advance CUBA neurons by one step; return whether any u wrapped and any v saturated.

    u <- wrap(D(u) + a 2^6), v <- clip(D(v) + u + bias), a spike where v > threshold, which resets
    v to 0. D(z) = sign(z) ((|z| keep) >> 12) rounds towards zero. With z = 2^12 h + l it is
    h keep + ((l keep + r) >> 12), r = 2^12 - 1 for negative z and 0 otherwise: all in 32 bits.
    """
    limit = np.int32(STATE_LIMIT)
    low_bits = np.int32((1 << DECAY_BITS) - 1)
    wrapped = np.int32(0)
    saturated = np.int32(0)
    for j in range(total.shape[0]):
        z = u[j]
        high = np.int32(np.int32(z >> DECAY_BITS) * keep_u)
        low = np.int32(
            np.int32(np.int32(z & low_bits) * keep_u) + np.int32(np.int32(z >> 31) & low_bits)
        )
        current = np.int32(
            np.int32(high + np.int32(low >> DECAY_BITS)) + np.int32(total[j] << ACTIVATION_BITS)
        )
        inside = current
        if current > limit:
            inside = np.int32(current - 2 * limit)
        if current <= -limit:
            inside = np.int32(current + 2 * limit)
        wrapped |= np.int32(inside ^ current)
        u[j] = inside

        z = v[j]
        high = np.int32(np.int32(z >> DECAY_BITS) * keep_v)
        low = np.int32(
            np.int32(np.int32(z & low_bits) * keep_v) + np.int32(np.int32(z >> 31) & low_bits)
        )
        free = np.int32(np.int32(np.int32(high + np.int32(low >> DECAY_BITS)) + inside) + bias[j])
        voltage = min(max(free, np.int32(1 - limit)), np.int32(limit - 1))
        saturated |= np.int32(voltage ^ free)
        spike = voltage > threshold
        fired[j] = np.uint8(spike)
        v[j] = np.int32(0) if spike else voltage
    return wrapped != 0, saturated != 0


@njit(nogil=True, cache=True)
def run_layer(
    offsets,
    steps,
    units,
    counts,
    graded,
    n_steps,
    weights,
    delays,
    shift,
    weights_rec,
    delays_rec,
    shift_rec,
    neuron,
    bias,
    n,
    reset,
    windows,
    readouts,
    spike_counts,
    wrapped,
    saturated,
    record_u,
    record_v,
    record_spikes,
):
    """Simulate one layer for a run of examples; return its spikes as (offsets, steps, units).

    Parameters
    ----------
    offsets, steps, units, counts : input events, in order of step within an example
    weights, delays, shift : see `add_delayed`; `delays_rec` is empty without recurrence
    neuron : (keep_u, keep_v, threshold) with keep = 4096 - decay
    reset : (interval, phase); u = v = 0 at the start of step t where (t + 1) % interval == phase;
        interval 0 is no reset
    windows : (1 or n_examples, period) float64; readouts[i, t // period] gains
        windows[i, t % period] v(t); period 0 is no readout
    spike_counts : (n_examples, n) gains the number of spikes
    wrapped, saturated : (n_examples,) gain the number of steps in which any u wrapped, any v was
        clipped
    record_* : (n_examples, n_steps, n), or (0, 0, 0) to record nothing
    """
    keep_u, keep_v, threshold = np.int32(neuron[0]), np.int32(neuron[1]), np.int32(neuron[2])
    width = weights.shape[2]
    total, part = np.empty(width, np.int32), np.empty(width, np.int32)
    u, v = np.empty(width, np.int32), np.empty(width, np.int32)
    fired = np.zeros(width, np.uint8)
    words = fired.view(np.uint64)
    n_examples = offsets.shape[0] - 1
    pointers = np.empty(n_steps + 1, np.int64)
    out_pointers = np.empty(n_steps + 1, np.int64)
    out_offsets = np.zeros(n_examples + 1, np.int64)
    out_units = np.empty(max(n, 1 << 16), np.int32)
    out_steps = np.empty(out_units.shape[0], np.int32)
    ones = np.empty(0, np.int32)
    filled = 0
    recording_u, recording_v = record_u.size > 0, record_v.size > 0
    recording_spikes = record_spikes.size > 0
    for example in range(n_examples):
        event = offsets[example]
        for step in range(n_steps):
            pointers[step] = event
            while event < offsets[example + 1] and steps[event] == step:
                event += 1
        pointers[n_steps] = event
        u[:], v[:] = 0, 0
        phase, interval = 0, 0
        row = example if windows.shape[0] > 1 else 0
        for step in range(n_steps):
            out_pointers[step] = filled
            if reset[0] > 0 and (step + 1) % reset[0] == reset[1]:
                u[:], v[:] = 0, 0
            total[:] = 0
            add_delayed(total, part, weights, delays, shift, units, counts, graded, pointers, step)
            add_delayed(
                total,
                part,
                weights_rec,
                delays_rec,
                shift_rec,
                out_units,
                ones,
                False,
                out_pointers,
                step,
            )
            any_wrapped, any_saturated = update_neurons(
                total, u, v, fired, keep_u, keep_v, threshold, bias
            )
            wrapped[example] += any_wrapped
            saturated[example] += any_saturated
            if filled + n > out_units.shape[0]:
                more_units = np.empty(2 * out_units.shape[0], np.int32)
                more_steps = np.empty(2 * out_units.shape[0], np.int32)
                more_units[:filled], more_steps[:filled] = out_units[:filled], out_steps[:filled]
                out_units, out_steps = more_units, more_steps
            for word in range(words.shape[0]):
                flags = words[word]
                while flags != 0:
                    lowest = flags & (~flags + np.uint64(1))
                    unit = 8 * word + np.int64((lowest * BYTE_INDEX) >> np.uint64(56))
                    flags ^= lowest
                    if unit < n:
                        out_units[filled], out_steps[filled] = unit, step
                        filled += 1
            if windows.shape[1] > 0:
                if phase == windows.shape[1]:
                    phase, interval = 0, interval + 1
                for j in range(n):
                    readouts[example, interval, j] += windows[row, phase] * v[j]
                phase += 1
            if recording_u:
                record_u[example, step] = u[:n]
            if recording_v:
                record_v[example, step] = v[:n]
            if recording_spikes:
                record_spikes[example, step] = fired[:n]
        out_pointers[n_steps] = filled
        out_offsets[example + 1] = filled
        for event in range(out_offsets[example], filled):
            spike_counts[example, out_units[event]] += 1
    return out_offsets, out_steps[:filled].copy(), out_units[:filled].copy()
