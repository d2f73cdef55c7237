"""What a network is shown in an epoch: the training examples, shuffled, shifted and blended.

Both augmentations are those of Nowotny et al. (2025) and Shoesmith et al. (2025). Everything
random in an epoch comes from (seed, epoch) alone, so that it is the same for any batch size,
any number of threads and any interruption.
"""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from spikespeech import bits
from spikespeech.spikes import SpikeTrains


class Presentations:
    """Training examples as each epoch presents them.

    Parameters
    ----------
    spikes : SpikeTrains, the training side; those on disk are read a batch at a time
    shift : int, every presentation is moved by a whole number of units drawn uniformly from
        -shift..shift; spikes that leave the channels are dropped
    blend : bool, append as many blends as there are examples. A blend mixes two random examples
        of one class: each moves half-way towards the other's centre of mass, in unit and in
        time, then each of its spikes is kept with probability 1/2
    seed : int
    """

    def __init__(self, spikes, *, shift=0, blend=False, seed=0):
        self.spikes, self.shift, self.blend, self.seed = spikes, shift, blend, seed
        self.by_class = np.argsort(spikes.labels, kind="stable")
        self.class_begin = np.searchsorted(
            spikes.labels, np.arange(spikes.labels.max(initial=-1) + 2), sorter=self.by_class
        )

    def __len__(self):
        """Number of presentations in an epoch."""
        return len(self.spikes) * (2 if self.blend else 1)

    def batches(self, epoch, batch_size):
        """Yield the epoch's presentations in shuffled batches of SpikeTrains.

        `epoch` counts from 1. The last batch holds what remains.
        """
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self))
        shifts = rng.integers(-self.shift, self.shift, len(self), endpoint=True)
        first, second = np.arange(len(self)), np.full(len(self), -1)
        if self.blend:
            n = len(self.spikes)
            first[n:] = rng.integers(0, n, n)
            second[n:] = self._partners(first[n:], rng)
        keys = rng.integers(0, 2**64, len(self), dtype=np.uint64)
        for begin in range(0, len(order), batch_size):
            chosen = order[begin : begin + batch_size]
            yield self._present(first[chosen], second[chosen], shifts[chosen], keys[chosen])

    def _partners(self, examples, rng):
        """Draw another example of the same class for each; itself where it is the only one."""
        labels = self.spikes.labels[examples]
        begin, size = self.class_begin[labels], np.diff(self.class_begin)[labels]
        place = np.empty(len(self.spikes), dtype=np.int64)
        place[self.by_class] = np.arange(len(self.spikes))
        step = rng.integers(1, np.maximum(size, 2))
        return self.by_class[begin + (place[examples] - begin + step) % size]

    def _present(self, first, second, shifts, keys):
        blended = second >= 0
        offsets = np.zeros(len(first) + 1, dtype=np.int64)
        if blended.any():
            needed, place = np.unique(np.concatenate([first, second[blended]]), return_inverse=True)
            spikes = self.spikes.take(needed)
            first, partners = place[: len(first)], place[len(first) :]
            second = np.full(len(first), -1)
            second[blended] = partners
            lengths = np.diff(spikes.offsets)
            capacity = int(lengths[first].sum() + lengths[partners].sum())
            steps, units = np.empty(capacity, np.uint16), np.empty(capacity, np.uint16)
        else:
            # A shifted example is no longer than the example: it is written over it.
            spikes = self.spikes.take(first)
            first, steps, units = np.arange(len(first)), spikes.steps, spikes.units
        arrays = (spikes.offsets, spikes.steps, spikes.units)
        size = (spikes.n_steps, spikes.n_units)
        _present(*arrays, *size, first, second, shifts, keys, offsets, steps, units)
        end = offsets[-1]
        return SpikeTrains(
            offsets,
            steps[:end],
            units[:end],
            spikes.labels[first],
            spikes.speakers[first],
            spikes.n_steps,
            spikes.n_units,
            spikes.dt_ms,
            spikes.classes,
        )


def ahead(batches):
    """Yield `batches`, each of which is made by a thread while the one before is worked on."""
    batches = iter(batches)
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = maker.submit(next, batches, None)
            yield batch


# The kernels


@numba.njit(cache=True, nogil=True)
def _present(
    offsets,
    steps,
    units,
    n_steps,
    n_units,
    first,
    second,
    shifts,
    keys,
    out_offsets,
    out_steps,
    out_units,
):
    """Write presentations one after the other: example `first`, or its blend with `second`.

    Spikes to be blended are codes, step << 16 | unit, so that they move and compare in one go.
    """
    longest = np.diff(offsets).max()
    one, other = np.empty(longest + 1, np.uint32), np.empty(longest + 1, np.uint32)
    both = np.empty(2 * longest, np.uint32)
    end = 0
    for i in range(len(first)):
        a, b, up = first[i], second[i], shifts[i]
        begin, stop = offsets[a], offsets[a + 1]
        low, high = max(0, -up), min(n_units, n_units - up)
        if b < 0:
            end += _shift(steps, units, begin, stop, up, low, high, end, out_steps, out_units)
        else:
            begin_b, stop_b = offsets[b], offsets[b + 1]
            step_a, unit_a = _centre(steps, units, begin, stop)
            step_b, unit_b = _centre(steps, units, begin_b, stop_b)
            later, higher = int((step_b - step_a) / 2), int((unit_b - unit_a) / 2)
            move = (later << 16) + higher
            begin, stop = _inside(steps, begin, stop, later, n_steps)
            reach = low - higher, high - higher
            n = _keep_half(steps, units, begin, stop, move + up, *reach, keys[i], one)
            begin_b, stop_b = _inside(steps, begin_b, stop_b, -later, n_steps)
            reach = low + higher, high + higher
            m = _keep_half(steps, units, begin_b, stop_b, up - move, *reach, ~keys[i], other)
            end += _merge(one, n, other, m, both, end, out_steps, out_units)
        out_offsets[i + 1] = end


@numba.njit(cache=True, nogil=True)
def _centre(steps, units, begin, end):
    """Return the mean (step, unit) of the spikes begin..end."""
    step = unit = np.uint64(0)
    for block in range(begin, end, 2**16):  # of so many 16-bit integers, 32 bits hold the sum
        part_step = part_unit = np.uint32(0)
        for s in range(np.uint64(block), np.uint64(min(block + 2**16, end))):
            part_step = np.uint32(part_step + steps[s])
            part_unit = np.uint32(part_unit + units[s])
        step += part_step
        unit += part_unit
    return step / max(end - begin, 1), unit / max(end - begin, 1)


@numba.njit(cache=True, nogil=True)
def _inside(steps, begin, end, later, n_steps):
    """Return the range of an example's spikes that stay within the trial when moved in time."""
    example = steps[begin:end]
    return (
        begin + np.searchsorted(example, max(0, -later)),
        begin + np.searchsorted(example, min(n_steps, n_steps - later)),
    )


@numba.njit(cache=True, nogil=True)
def _shift(steps, units, begin, end, up, low, high, place, out_steps, out_units):
    """Write the spikes begin..end with low <= unit < high, moved `up`, from `place` on.

    Returns how many they are. Those that are dropped are written too, and overwritten by the next.
    The spikes may be written over those that are read, no later ones.
    """
    at = first = np.uint64(place)
    lowest, span = np.uint64(low), np.uint64(max(high - low, 0))
    for s in range(np.uint64(begin), np.uint64(end)):
        unit = np.uint64(units[s])
        out_steps[at], out_units[at] = steps[s], np.int64(unit) + up
        at += np.uint64(unit - lowest < span)
    return np.int64(at - first)


@numba.njit(cache=True, nogil=True)
def _keep_half(steps, units, begin, end, move, low, high, key, codes):
    """Write the codes, moved, of a random half of the spikes begin..end with low <= unit < high.

    Returns how many they are. Bits of SplitMix64 (Steele et al. 2014), counted up from `key`,
    choose which.
    """
    kept = np.uint64(0)
    lowest, span = np.uint64(low), np.uint64(max(high - low, 0))
    for block in range(begin, end, 64):
        key += np.uint64(0x9E3779B97F4A7C15)
        word = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        word ^= word >> np.uint64(31)
        if end - block < 64:
            word &= (np.uint64(1) << np.uint64(end - block)) - np.uint64(1)
        while word:
            s = np.uint64(block) + np.uint64(bits.lowest(word))
            word &= word - np.uint64(1)
            codes[kept] = ((np.int64(steps[s]) << 16) | np.int64(units[s])) + move
            kept += np.uint64(np.uint64(units[s]) - lowest < span)
    return np.int64(kept)


@numba.njit(cache=True, nogil=True)
def _merge(one, n, other, m, both, place, out_steps, out_units):
    """Merge two ascending lists of n and m codes, and write their spikes from `place` on.

    What stands in both is written once. Each step of a merge waits for the one before: so four
    parts of the lists are merged into `both` side by side, with gaps where duplicates were.
    Returns how many are written.
    """
    one[n] = other[m] = np.iinfo(np.uint32).max
    a = (np.uint64(0), np.uint64(0), np.uint64(0))
    b = start_b = _cut(one, n, other, m, (n + m) // 4)
    c = start_c = _cut(one, n, other, m, (n + m) // 2)
    d = start_d = _cut(one, n, other, m, (n + m) * 3 // 4)
    end = np.uint64(n + m)
    while (
        a[0] + a[1] < start_b[2]
        and b[0] + b[1] < start_c[2]
        and c[0] + c[1] < start_d[2]
        and d[0] + d[1] < end
    ):
        a = _take_lower(one, other, both, a)
        b = _take_lower(one, other, both, b)
        c = _take_lower(one, other, both, c)
        d = _take_lower(one, other, both, d)
    at = np.uint64(place)
    for part, start, stop in (
        (a, np.uint64(0), start_b[2]),
        (b, start_b[2], start_c[2]),
        (c, start_c[2], start_d[2]),
        (d, start_d[2], end),
    ):
        while part[0] + part[1] < stop:
            part = _take_lower(one, other, both, part)
        for k in range(start, part[2]):
            out_steps[at] = both[k] >> np.uint32(16)
            out_units[at] = both[k] & np.uint32(0xFFFF)
            at += np.uint64(1)
    return np.int64(at) - place


@numba.njit(cache=True, nogil=True)
def _take_lower(one, other, both, place):
    """Write the lower of two codes, or the one that both are; return where to go on."""
    i, j, k = place
    a, b = one[i], other[j]
    both[k] = min(a, b)
    return i + np.uint64(a <= b), j + np.uint64(b <= a), k + np.uint64(1)


@numba.njit(cache=True, nogil=True)
def _cut(one, n, other, m, total):
    """Return (i, j, i + j): one[:i] and other[:j] are the lowest codes, some `total` of them.

    A code that stands in both lists is on the same side in both.
    """
    low, high = max(0, total - m), min(n, total)
    while low < high:
        middle = (low + high) // 2
        if one[middle] < other[total - middle - 1]:
            low = middle + 1
        else:
            high = middle
    i, j = low, total - low
    if i > 0 and j < m and one[i - 1] == other[j]:
        j += 1
    elif j > 0 and i < n and other[j - 1] == one[i]:
        i += 1
    return np.uint64(i), np.uint64(j), np.uint64(i + j)
