"""What a network is shown in an epoch: the training examples, shuffled, shifted and blended.

Both augmentations are those of Nowotny et al. (2025) and Shoesmith et al. (2025). Everything
random in an epoch comes from (seed, epoch) alone, so that it is the same for any batch size,
any number of threads and any interruption.
"""

import numba
import numpy as np

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
        needed, place = np.unique(np.concatenate([first, second[blended]]), return_inverse=True)
        spikes = self.spikes.take(needed)
        first, partners = place[: len(first)], place[len(first) :]
        second = np.full(len(first), -1)
        second[blended] = partners
        lengths = np.diff(spikes.offsets)
        capacity = int(lengths[first].sum() + lengths[partners].sum())
        offsets = np.zeros(len(first) + 1, dtype=np.int64)
        steps, units = np.empty(capacity, np.uint16), np.empty(capacity, np.uint16)
        centres = _centres(spikes.offsets, spikes.steps, spikes.units)
        arrays = (spikes.offsets, spikes.steps, spikes.units, centres)
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


@numba.njit(cache=True, nogil=True)
def _centres(offsets, steps, units):
    """Return the mean (step, unit) of each example's spikes (n, 2)."""
    centres = np.zeros((len(offsets) - 1, 2))
    for i in range(len(centres)):
        begin, end = offsets[i], offsets[i + 1]
        for s in range(begin, end):
            centres[i, 0] += steps[s]
            centres[i, 1] += units[s]
        centres[i] /= max(end - begin, 1)
    return centres


@numba.njit(cache=True, nogil=True)
def _present(
    offsets,
    steps,
    units,
    centres,
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
    """Write presentations one after the other: example `first`, or its blend with `second`."""
    longest = np.diff(offsets).max()
    one, other = np.empty(longest + 1, np.uint32), np.empty(longest + 1, np.uint32)
    both = np.empty(2 * longest, np.uint32)
    end = 0
    for i in range(len(first)):
        a, b, up = first[i], second[i], shifts[i]
        if b < 0:
            low, high = max(0, -up), min(n_units, n_units - up)
            n = _keep(
                steps, units, offsets[a], offsets[a + 1], 0, up, low, high, False, keys[i], one
            )
            codes = one
        else:
            later = int((centres[b, 0] - centres[a, 0]) / 2)
            higher = int((centres[b, 1] - centres[a, 1]) / 2)
            begin, stop = _inside(steps, offsets[a], offsets[a + 1], later, n_steps)
            low, high = max(0, -up) - higher, min(n_units, n_units - up) - higher
            n = _keep(steps, units, begin, stop, later, higher + up, low, high, True, keys[i], one)
            begin, stop = _inside(steps, offsets[b], offsets[b + 1], -later, n_steps)
            low, high = low + 2 * higher, high + 2 * higher
            m = _keep(
                steps, units, begin, stop, -later, up - higher, low, high, True, ~keys[i], other
            )
            n = _merge(one, n, other, m, both)
            codes = both
        for k in range(n):
            out_steps[end + k] = codes[k] >> 16
            out_units[end + k] = codes[k] & 0xFFFF
        end += n
        out_offsets[i + 1] = end


@numba.njit(cache=True, nogil=True)
def _inside(steps, begin, end, later, n_steps):
    """Return the range of an example's spikes that stay within the trial when moved in time."""
    example = steps[begin:end]
    return (
        begin + np.searchsorted(example, max(0, -later)),
        begin + np.searchsorted(example, min(n_steps, n_steps - later)),
    )


@numba.njit(cache=True, nogil=True)
def _keep(steps, units, begin, end, later, higher, low, high, halve, key, codes):
    """Write the spikes begin..end with low <= unit < high, moved, as codes step << 16 | unit.

    With `halve`, bits of SplitMix64 (Steele et al. 2014), counted up from `key`, choose which
    half is kept. Returns how many are.
    """
    kept, move = np.uint64(0), (later << 16) + higher
    lowest, span = np.uint64(low), np.uint64(max(high - low, 0))
    word = ~np.uint64(0)
    for block in range(begin, end, 64):
        if halve:
            key += np.uint64(0x9E3779B97F4A7C15)
            word = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            word ^= word >> np.uint64(31)
        bits = word
        for s in range(np.uint64(block), np.uint64(min(block + 64, end))):
            codes[kept] = ((np.int64(steps[s]) << 16) | np.int64(units[s])) + move
            kept += bits & np.uint64(np.uint64(units[s]) - lowest < span)
            bits >>= np.uint64(1)
    return np.int64(kept)


@numba.njit(cache=True, nogil=True)
def _merge(one, n, other, m, both):
    """Merge two ascending lists of n and m codes; what stands in both is written once."""
    one[n] = other[m] = np.iinfo(np.uint32).max
    i = j = k = 0
    while i + j < n + m:
        a, b = one[i], other[j]
        both[k] = min(a, b)
        i += a <= b
        j += b <= a
        k += 1
    return k
