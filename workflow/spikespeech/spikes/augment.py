"""What a network is shown in an epoch: the training examples, shuffled, shifted and blended.

Both augmentations are those of Nowotny et al. (2025) and Shoesmith et al. (2025). Everything
random in an epoch comes from (seed, epoch) alone, so that it is the same for any batch size,
any number of threads and any interruption.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from spikespeech.kernels import bits, codes
from spikespeech.kernels.compiling import kernel
from spikespeech.spikes import SpikeTrains
from spikespeech.spikes.stored import Stored

BLOCK = 64
"""So many spikes go at a time through the kernels, a bit of a word each."""


class Presentations:
    """Training examples as each epoch presents them.

    Parameters
    ----------
    spikes : SpikeTrains in memory, or Stored, of which each batch's are read
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
        n, blended, spikes = len(first), second >= 0, self.spikes
        labels, speakers = spikes.labels[first], spikes.speakers[first]
        drawn = np.concatenate([first, second[blended]])
        if isinstance(spikes, Stored):
            spikes, drawn = spikes.take(drawn), np.arange(len(drawn))
            first, second[blended] = drawn[:n], drawn[n:]
        most = np.sum(spikes.offsets[drawn + 1] - spikes.offsets[drawn])
        offsets = np.zeros(n + 1, dtype=np.int64)
        steps, units = np.empty((2, most + BLOCK), np.uint16)
        arrays = (spikes.offsets, spikes.steps, spikes.units)
        size = (spikes.n_steps, spikes.n_units)
        _present(*arrays, *size, first, second, shifts, keys, offsets, steps, units)
        end = offsets[-1]
        return SpikeTrains(
            offsets,
            steps[:end],
            units[:end],
            labels,
            speakers,
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


@kernel
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
    """Write presentations one after the other: example first[i], or its blend with second[i].

    Of each, up to BLOCK spikes too many are written, and overwritten by the next.
    """
    longest = 0
    for i in range(len(first)):
        for which in (first[i], max(second[i], 0)):
            longest = max(longest, offsets[which + 1] - offsets[which])
    inside = np.empty(2 * longest + BLOCK, np.bool_)
    tail = np.empty(BLOCK, np.uint16), np.empty(BLOCK, np.uint16)
    kept = np.empty(2 * (longest + BLOCK), np.uint32)
    both = np.empty(2 * longest + BLOCK, np.uint32)
    at = 0
    for i in range(len(first)):
        a, b, up = first[i], second[i], shifts[i]
        begin, end = offsets[a], offsets[a + 1]
        low, high = max(0, -up), min(n_units, n_units - up)
        if b < 0:
            _mark(units, begin, end, low, high, inside)
            at = _shift(steps, units, begin, end, up, inside, tail, out_steps, out_units, at)
        else:
            begin_b, end_b = offsets[b], offsets[b + 1]
            step_a, unit_a = _centre(steps, units, begin, end)
            step_b, unit_b = _centre(steps, units, begin_b, end_b)
            later, higher = int((step_b - step_a) / 2), int((unit_b - unit_a) / 2)
            move = (later << 16) + higher
            begin, end = _inside(steps, begin, end, later, n_steps)
            _mark(units, begin, end, low - higher, high - higher, inside)
            given = steps, units, begin, end, move + up
            middle = _keep_half(*given, inside, keys[i], tail, kept, 0)
            begin, end = _inside(steps, begin_b, end_b, -later, n_steps)
            _mark(units, begin, end, low + higher, high + higher, inside)
            given = steps, units, begin, end, up - move
            last = _keep_half(*given, inside, ~keys[i], tail, kept, middle)
            total = _merge(kept, middle, last, both)
            at = _write_distinct(both, total, inside, out_steps, out_units, at)
        out_offsets[i + 1] = at


@kernel
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


@kernel
def _inside(steps, begin, end, later, n_steps):
    """Return the range of an example's spikes that stay within the trial when moved in time."""
    example = steps[begin:end]
    return (
        begin + np.searchsorted(example, max(0, -later)),
        begin + np.searchsorted(example, min(n_steps, n_steps - later)),
    )


@kernel
def _mark(units, begin, end, low, high, inside):
    """Write which of the spikes begin..end have low <= unit < high, and no others to a BLOCK."""
    n = end - begin
    inside[: n + BLOCK] = False
    if low < high:
        lowest, reach = np.uint16(low), np.uint16(high - 1 - low)
        some = units[begin:end]
        for k in range(n):
            inside[k] = np.uint16(some[k] - lowest) <= reach


@kernel
def _copy_tail(steps, units, begin, end, tail):
    """Copy the last spikes of an example, too few for a BLOCK: none may follow them in memory.

    Returns the place of the first.
    """
    first = end - (end - begin) % BLOCK
    tail[0][: end - first] = steps[first:end]
    tail[1][: end - first] = units[first:end]
    return first


@kernel
def _shift(steps, units, begin, end, up, inside, tail, out_steps, out_units, at):
    """Write those spikes begin..end that are `inside`, moved `up`; return the place after them."""
    up = np.uint32(up)
    rest = _copy_tail(steps, units, begin, end, tail)
    for first in range(begin, rest, BLOCK):
        wanted = bits.packed(inside[first - begin :])
        at = _shift_block(steps, units, first, wanted, up, out_steps, out_units, at)
    wanted = bits.packed(inside[rest - begin :])
    return _shift_block(*tail, 0, wanted, up, out_steps, out_units, at)


@kernel
def _shift_block(steps, units, first, wanted, up, out_steps, out_units, at):
    for lane in range(0, BLOCK, codes.LANES):
        some = codes.moved(codes.encode(steps, units, first + lane), up)
        at = codes.decode(some, wanted >> np.uint64(lane), out_steps, out_units, at)
    return at


@kernel
def _keep_half(steps, units, begin, end, move, inside, key, tail, kept, at):
    """Write the codes, moved, of a random half of the spikes begin..end that are `inside`.

    Codes higher than any follow, as `_merge` asks for. Returns the place after those.
    """
    move = np.uint32(move)
    rest = _copy_tail(steps, units, begin, end, tail)
    for first in range(begin, rest, BLOCK):
        key, word = _random(key)
        wanted = word & bits.packed(inside[first - begin :])
        at = _keep_block(steps, units, first, wanted, move, kept, at)
    wanted = _random(key)[1] & bits.packed(inside[rest - begin :])
    at = _keep_block(*tail, 0, wanted, move, kept, at)
    kept[at : at + 2 * codes.LANES] = np.iinfo(np.uint32).max
    return at + 2 * codes.LANES


@kernel
def _keep_block(steps, units, first, wanted, move, kept, at):
    for lane in range(0, BLOCK, codes.LANES):
        some = codes.moved(codes.encode(steps, units, first + lane), move)
        at = codes.keep(some, wanted >> np.uint64(lane), kept, at)
    return at


@kernel
def _random(key):
    """Return the next state and 64 random bits of SplitMix64 (Steele et al. 2014)."""
    key += np.uint64(0x9E3779B97F4A7C15)
    word = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key, word ^ (word >> np.uint64(31))


@kernel
def _merge(kept, middle, last, both):
    """Merge the ascending codes kept[:middle] and kept[middle:last]; return how many there are.

    Both lists end in 2 LANES codes that are none, higher than all others. The lowest LANES that
    are not written yet are among those in hand and the next of the list whose next is lower.
    """
    one, other, total = codes.LANES, middle, last - 4 * codes.LANES
    hand = codes.load(kept, 0)
    for at in range(0, total, codes.LANES):
        from_one = kept[one] <= kept[other]
        some = codes.load(kept, one if from_one else other)
        codes.store(both, at, codes.lower(hand, some))
        hand = codes.higher(hand, some)
        one, other = one + codes.LANES * from_one, other + codes.LANES * (not from_one)
    return total


@kernel
def _write_distinct(both, total, distinct, out_steps, out_units, at):
    """Write the spikes of ascending codes, once where two are the same; return where they end."""
    distinct[0] = True
    for k in range(1, total):
        distinct[k] = both[k] != both[k - 1]
    distinct[total : total + BLOCK] = False
    for first in range(0, total, BLOCK):
        wanted = bits.packed(distinct[first:])
        for lane in range(0, BLOCK, codes.LANES):
            some = codes.load(both, first + lane)
            at = codes.decode(some, wanted >> np.uint64(lane), out_steps, out_units, at)
    return at
