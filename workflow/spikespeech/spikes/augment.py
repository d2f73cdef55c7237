"""What a network is shown in an epoch: the training examples, shuffled, moved and blended.

Shift and blend are those of Nowotny et al. (2025) and Shoesmith et al. (2025). Everything random
in an epoch comes from (seed, epoch) alone, so that it is the same for any batch size, any number
of threads and any interruption.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from spikespeech.kernels import bits, codes
from spikespeech.kernels.compiling import compiler
from spikespeech.spikes import SpikeTrains, moving
from spikespeech.spikes.stored import StoredSpikes

kernel = compiler(Path(__file__).parent)

BLOCK = 64
"""So many spikes go at a time through the kernels, a bit of a word each."""


class Presentations:
    """Training examples as each epoch presents them.

    Everything is drawn for each presentation anew, in this order: blend, shift, warp, stretch,
    silent bands, dropped spikes, jitter, delay, noise. Spikes that leave channels or trial are
    dropped. What is 0 is left out.

    Parameters
    ----------
    spikes : SpikeTrains in memory, or StoredSpikes, of which each batch's are read
    shift : int, every presentation is moved by a whole number of units drawn uniformly from
        -shift..shift
    blend : bool, append as many blends as there are examples. A blend mixes two random examples
        of one class: each moves half-way towards the other's centre of mass, in unit and in
        time, then each of its spikes is kept with probability 1/2
    warp : units move away from the middle one, or towards it, by a factor exp(U(-warp, warp)):
        another length of the vocal tract (Jaitly and Hinton 2013)
    stretch : steps are multiplied by exp(U(-stretch, stretch)): another speed of speech (Ko et al.
        2015)
    band, mask : int, so many neighbouring units, or steps, are silent at most: a uniform number
        from 0 at a uniform place (SpecAugment: Park et al. 2019)
    drop : probability with which a spike is dropped (EventDrop: Gu et al. 2021)
    jitter : standard deviation in steps of what is added to each spike's step, by a sum of four
        uniform numbers
    noise : spikes that are added, uniform over units and steps, as a share of the example's own
    delays : (n_units,) steps by which the spikes of each unit are late, see `delays.draw`; None
    seed : int

    Attributes
    ----------
    late : int, spikes of the epoch so far that their delay pushed past the trial's end
    """

    def __init__(
        self,
        spikes,
        *,
        shift=0,
        blend=False,
        warp=0.0,
        stretch=0.0,
        band=0,
        mask=0,
        drop=0.0,
        jitter=0.0,
        noise=0.0,
        delays=None,
        seed=0,
    ):
        self.spikes, self.shift, self.blend, self.seed = spikes, shift, blend, seed
        self.warp, self.stretch, self.band, self.mask = warp, stretch, band, mask
        self.per_spike = float(drop), float(jitter), float(noise)
        self.moved = any((warp, stretch, band, mask, *self.per_spike)) or delays is not None
        self.delays = np.zeros(spikes.n_units, np.int64) if delays is None else delays
        # Sorted once, where no batch brings spikes of its own.
        in_memory = self.moved and not blend and not isinstance(spikes, StoredSpikes)
        self.by_unit = moving.by_unit(spikes) if in_memory else None
        self.late = 0
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
        n, self.late = len(self), 0
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(n)
        shifts = rng.integers(-self.shift, self.shift, n, endpoint=True)
        first, second = np.arange(n), np.full(n, -1)
        if self.blend:
            of = len(self.spikes)
            first[of:] = rng.integers(0, of, of)
            second[of:] = self._partners(first[of:], rng)
        keys = rng.integers(0, 2**64, n, dtype=np.uint64)
        drawn = [first, second, shifts, keys]
        if self.moved:
            drawn += [np.exp(rng.uniform(-most, most, n)) for most in (self.warp, self.stretch)]
            for most, size in ((self.band, self.spikes.n_units), (self.mask, self.spikes.n_steps)):
                width = rng.integers(0, min(most, size), n, endpoint=True)
                begin = rng.integers(0, size - width, endpoint=True)
                drawn.append(np.column_stack([begin, begin + width]))
        for begin in range(0, n, batch_size):
            chosen = order[begin : begin + batch_size]
            yield self._present(*(column[chosen] for column in drawn))

    def _partners(self, examples, rng):
        """Draw another example of the same class for each; itself where it is the only one."""
        labels = self.spikes.labels[examples]
        begin, size = self.class_begin[labels], np.diff(self.class_begin)[labels]
        place = np.empty(len(self.spikes), dtype=np.int64)
        place[self.by_class] = np.arange(len(self.spikes))
        step = rng.integers(1, np.maximum(size, 2))
        return self.by_class[begin + (place[examples] - begin + step) % size]

    def _present(self, first, second, shifts, keys, *moves):
        n, blended, spikes = len(first), second >= 0, self.spikes
        labels, speakers = spikes.labels[first], spikes.speakers[first]
        drawn = np.concatenate([first, second[blended]])
        if isinstance(spikes, StoredSpikes):
            spikes, drawn = spikes.take(drawn), np.arange(len(drawn))
            first, second[blended] = drawn[:n], drawn[n:]
        if not moves:
            columns = _blends(spikes, first, second, shifts, keys)
        elif self.blend:
            whole = spikes.with_spikes(*_blends(spikes, first, second, shifts * 0, keys))
            columns = self._moved(moving.by_unit(whole), np.arange(n), shifts, *moves, keys)
        else:
            by_unit = self.by_unit or moving.by_unit(spikes)
            columns = self._moved(by_unit, first, shifts, *moves, keys)
        return SpikeTrains(
            *columns,
            labels,
            speakers,
            spikes.n_steps,
            spikes.n_units,
            spikes.dt_ms,
            spikes.classes,
        )

    def _moved(self, spikes, examples, *moves):
        *moves, keys = moves
        given = *moves, *self.per_spike, self.delays, keys
        offsets, steps, units, late = moving.moved(spikes, examples, *given)
        self.late += late
        return offsets, steps, units


def _blends(spikes, first, second, shifts, keys):
    """Return offsets, steps and units of examples `first`, blended with `second` if not -1."""
    drawn = np.concatenate([first, second[second >= 0]])
    most = np.sum(spikes.offsets[drawn + 1] - spikes.offsets[drawn])
    offsets = np.zeros(len(first) + 1, dtype=np.int64)
    steps, units = np.empty((2, most + BLOCK), np.uint16)
    arrays = (spikes.offsets, spikes.steps, spikes.units)
    size = (spikes.n_steps, spikes.n_units)
    _present(*arrays, *size, first, second, shifts, keys, offsets, steps, units)
    end = offsets[-1]
    return offsets, steps[:end], units[:end]


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
            at = moving.write_distinct(both, total, out_steps, out_units, at)
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
        key, word = moving.random(key)
        wanted = word & bits.packed(inside[first - begin :])
        at = _keep_block(steps, units, first, wanted, move, kept, at)
    wanted = moving.random(key)[1] & bits.packed(inside[rest - begin :])
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
