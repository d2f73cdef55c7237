"""Moving, dropping and adding the spikes of examples, in order again.

An example's spikes are sorted by unit once. As units keep their order however far they move, moved
spikes are then in order of step, then unit, when they are sorted by step: by counting, in a time
that grows with their number. Silent units are neighbours, and not looked at.
"""

from typing import NamedTuple

import numpy as np

from spikespeech.kernels import codes
from spikespeech.kernels.compiling import kernel, part

NOWHERE = -1
"""In a table of where to: such spikes are dropped."""
ROOM = 2 * codes.LANES
"""So many codes or spikes too many are read and written after the last."""
HALF, LOW = np.uint32(16), np.uint32(0xFFFF)


class ByUnit(NamedTuple):
    """Examples' spikes as codes, unit << 16 | step, each example's in order.

    Attributes
    ----------
    offsets : (n + 1,) int64, where each example's codes begin
    codes : uint32
    n_steps, n_units : int
    """

    offsets: np.ndarray
    codes: np.ndarray
    n_steps: int
    n_units: int


def by_unit(spikes):
    """Return SpikeTrains in memory as ByUnit."""
    sorted_codes = np.empty(len(spikes.steps), np.uint32)
    _sort_by_unit(spikes.offsets, spikes.steps, spikes.units, spikes.n_units, sorted_codes)
    return ByUnit(spikes.offsets, sorted_codes, spikes.n_steps, spikes.n_units)


def moved(spikes, examples, *given):
    """Return (offsets, steps, units, late) of `examples` (n,) of spikes ByUnit, each moved.

    Parameters
    ----------
    spikes : ByUnit
    examples : (n,) int64
    given : what `_move` takes after them, from `shifts` to `keys`
    """
    noise = given[7]
    sizes = spikes.offsets[examples + 1] - spikes.offsets[examples]
    most = (sizes * (1 + noise) + 1).astype(np.int64)
    offsets = np.zeros(len(examples) + 1, np.int64)
    steps, units = np.empty((2, most.sum() + ROOM), np.uint16)
    room = np.empty((2, most.max(initial=0) + ROOM), np.uint32)
    late = _move(*spikes, examples, *given, *room, offsets, steps, units)
    end = offsets[-1]
    return offsets, steps[:end], units[:end], late


@kernel
def _sort_by_unit(offsets, steps, units, n_units, out):
    """Write the codes of all examples by unit. Indices are unsigned: none counts from the end."""
    ends = np.empty(n_units, np.uint32)
    for i in range(len(offsets) - 1):
        begin, end = np.uint64(offsets[i]), np.uint64(offsets[i + 1])
        ends[:] = 0
        for s in range(begin, end):
            ends[np.uint64(units[s])] += np.uint32(1)
        _begin(ends)
        for s in range(begin, end):
            unit = np.uint64(units[s])
            at = ends[unit]
            out[begin + np.uint64(at)] = np.uint32(unit) << HALF | np.uint32(steps[s])
            ends[unit] = at + np.uint32(1)


@part
def _begin(counts):
    """Turn counts into the place where each begins, if they follow one another."""
    place = np.uint32(0)
    for k in range(len(counts)):
        count = counts[k]
        counts[k] = place
        place += count


@kernel
def _move(
    offsets,
    spikes,
    n_steps,
    n_units,
    examples,
    shifts,
    warps,
    stretches,
    bands,
    masks,
    drop,
    jitter,
    noise,
    delays,
    keys,
    some,
    sorted_codes,
    out_offsets,
    out_steps,
    out_units,
):
    """Write the `examples` one after the other, each moved; return how many spikes were late.

    Parameters
    ----------
    offsets, spikes, n_steps, n_units : of ByUnit
    examples : (n,) int64
    shifts : (n,) int64, added to the units
    warps : (n,) float64, factors of the units' distance from the middle one
    stretches : (n,) float64, factors of the steps
    bands, masks : (n, 2) int64, the first unit or step that is silent, and the one after the last
    drop : probability with which a spike is dropped
    jitter : standard deviation in steps of what is added to each spike's step
    noise : spikes added, as a share of the example's own; uniform over steps and units
    delays : (n_units,) int64 steps, by the unit where a spike arrives
    keys : (n,) uint64, of each example's random numbers
    some, sorted_codes : uint32, room for the spikes of an example
    out_offsets : (n + 1,) int64; out_steps, out_units : uint16, long enough

    Late are the spikes that their delay alone brings to the trial's end or past it.
    """
    longest = 0
    for unit in range(n_units):
        longest = max(longest, min(delays[unit], n_steps))
    to_step, to_unit = np.empty(n_steps, np.int64), np.empty(n_units, np.int64)
    # Of steps: of the trial, then where spikes are late, then what goes nowhere, late or not.
    places = np.empty(n_steps + 2 * longest + 1, np.uint32)
    one_by_one = drop > 0 or jitter > 0 or noise > 0
    drawn_steps, drawn_units = np.empty((2, len(some) if one_by_one else 0), np.uint16)
    drawn = np.zeros(2, np.int64)
    # Loops over an array of floating-point numbers become vectors, over an index they do not.
    numbers = np.arange(max(n_steps, n_units)).astype(np.float64)
    late = at = 0
    for i in range(len(examples)):
        example = spikes[offsets[examples[i]] : offsets[examples[i] + 1]]
        _tabulate_steps(to_step, stretches[i], masks[i], n_steps + longest, numbers)
        low, high = _tabulate_units(
            to_unit, shifts[i], warps[i], bands[i], delays, longest, numbers
        )
        gap = min(max(bands[i][0], low), high), min(max(bands[i][1], low), high)
        if one_by_one:
            given = drop, jitter, noise, keys[i], drawn_steps, drawn_units
            drawn[1], pushed = _draw(example, to_step, to_unit, *given)
            late += pushed
            _sort_by_unit(drawn, drawn_steps, drawn_units, n_units, some)
            example = some[: drawn[1]]
            _stay(to_step, 1 << 16)
            _stay(to_unit, 1)
            low, high, gap = 0, n_units, (n_units, n_units)
        places[:] = 0
        begin, middle = _place(example, low), _place(example, gap[0])
        beyond, end = _place(example, gap[1]), _place(example, high)
        _count(example[begin:middle], to_step, to_unit, places)
        _count(example[beyond:end], to_step, to_unit, places)
        _begin(places)
        _sort_by_step(example[begin:middle], to_step, to_unit, places, sorted_codes)
        _sort_by_step(example[beyond:end], to_step, to_unit, places, sorted_codes)
        total = np.int64(places[n_steps - 1])
        late += np.int64(places[n_steps + longest - 1]) - total
        at = write_distinct(sorted_codes, total, out_steps, out_units, at)
        out_offsets[i + 1] = at
    return late


@part
def _tabulate_steps(to_step, stretch, mask, nowhere, numbers):
    """Write where each step goes, << 16; to `nowhere` if it leaves the trial or is silent."""
    n = np.int32(len(to_step))
    for k in range(n):
        moved = np.int32(min(numbers[k] * stretch + 0.5, np.float64(n)))
        to_step[k] = (np.int64(moved) if moved < n else nowhere) << 16
    to_step[mask[0] : mask[1]] = nowhere << 16


@part
def _tabulate_units(to_unit, shift, warp, band, delays, longest, numbers):
    """Write where each unit goes and, << 16, how late; or NOWHERE.

    Returns the first that stays among the units and the one after the last.
    """
    n = len(to_unit)
    middle = (n - 1) / 2
    low = high = 0
    for k in range(n):
        place = np.floor((numbers[k] + shift - middle) * warp + middle + 0.5)
        moved = np.int32(min(max(place, np.float64(NOWHERE)), np.float64(n)))
        low += moved < 0
        high += moved < n
        to_unit[k] = moved
    for k in range(low, high):
        to_unit[k] |= min(delays[to_unit[k]], longest) << 16
    to_unit[:low] = to_unit[high:] = NOWHERE
    to_unit[band[0] : band[1]] = NOWHERE
    return low, high


@part
def _stay(to, unit):
    for k in range(len(to)):
        to[k] = k * unit


@part
def _place(example, unit):
    """Return the place of the first code of a unit, or of those after it."""
    low, high = 0, len(example)
    while low < high:
        middle = (low + high) // 2
        if np.int64(example[middle] >> HALF) < unit:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _draw(example, to_step, to_unit, drop, jitter, noise, key, out_steps, out_units):
    """Write an example's spikes, in no order, each moved, dropped or added by its own numbers.

    Returns how many there are, and how many were late.
    """
    n_steps, n_units = np.int64(len(to_step)), np.int64(len(to_unit))
    below = np.int64(drop * 65536 + 0.5)
    # Four uniform numbers of 16 bits: their sum has the standard deviation 65536 / sqrt(3).
    spread = jitter * np.sqrt(3.0) / 65536
    late = n = 0
    for s in range(np.uint64(len(example))):
        code = example[s]
        step, unit = to_step[code & LOW] >> 16, to_unit[code >> HALF]
        if below:
            key, word = random(key)
            if np.int64(word & np.uint64(0xFFFF)) < below:
                continue
        if step >= n_steps or unit == NOWHERE:
            continue
        if jitter:
            key, word = random(key)
            step += np.int64(np.floor(_normal(word) * spread + 0.5))
            if step < 0 or step >= n_steps:
                continue
        step += unit >> 16
        if step >= n_steps:
            late += 1
            continue
        out_steps[n], out_units[n] = step, unit & 0xFFFF
        n += 1
    for _ in range(np.int64(noise * len(example) + 0.5)):
        key, word = random(key)
        out_steps[n] = (word & np.uint64(0xFFFFFFFF)) * np.uint64(n_steps) >> np.uint64(32)
        out_units[n] = (word >> np.uint64(32)) * np.uint64(n_units) >> np.uint64(32)
        n += 1
    return n, late


@part
def _normal(word):
    """Return the sum of the word's four 16-bit numbers less its mean."""
    total = np.int64(0)
    for lane in range(4):
        total += np.int64((word >> np.uint64(16 * lane)) & np.uint64(0xFFFF))
    return total - 131070


@part
def random(key):
    """Return the next state and 64 random bits of SplitMix64 (Steele et al. 2014)."""
    key += np.uint64(0x9E3779B97F4A7C15)
    word = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key, word ^ (word >> np.uint64(31))


@part
def _count(example, to_step, to_unit, places):
    """Add to `places` how many spikes go to each step, late ones and those that go nowhere, too."""
    for s in range(np.uint64(len(example))):
        code = example[s]
        moved = to_step[np.uint64(code & LOW)] + to_unit[np.uint64(code >> HALF)]
        places[np.uint64(moved >> 16)] += np.uint32(1)


@part
def _sort_by_step(example, to_step, to_unit, places, out):
    """Write codes by step, step << 16 | unit, each at the place of its step, and count that on.

    Those of late spikes, which come after all others, may leave their 32 bits.
    """
    for s in range(np.uint64(len(example))):
        code = example[s]
        moved = to_step[np.uint64(code & LOW)] + to_unit[np.uint64(code >> HALF)]
        step = np.uint64(moved >> 16)
        at = places[step]
        out[np.uint64(at)] = np.uint32(moved)
        places[step] = at + np.uint32(1)


@kernel
def write_distinct(both, total, out_steps, out_units, at):
    """Write the spikes of `total` ascending codes, once where some are the same.

    Returns the place after the last. Up to ROOM codes after them are overwritten, and as many
    spikes.
    """
    if total:
        both[total] = ~both[total - 1]
    for first in range(0, total, codes.LANES):
        some = codes.load(both, first)
        wanted = codes.differing(some, codes.load(both, first + 1))
        left = total - first
        if left < codes.LANES:
            wanted &= (np.uint64(1) << np.uint64(left)) - np.uint64(1)
        at = codes.decode(some, wanted, out_steps, out_units, at)
    return at
