"""Moving, dropping and adding the spikes of examples, in order again.

An example's spikes are set as bits of a map (n_steps, n_units) and read back from it: so they come
out in order of step, then unit, and once where two met, in a time that grows with their number.
"""

import numpy as np

from spikespeech.kernels import bits
from spikespeech.kernels.compiling import kernel, part

NOWHERE = -1
"""In a table of where to: such spikes are dropped."""
WORD = 64


def moved(spikes, examples, *given):
    """Return (offsets, steps, units, late) of `examples` (n,) of SpikeTrains in memory, each moved.

    Parameters
    ----------
    spikes : SpikeTrains
    examples : (n,) int64
    given : what `_move` takes after them, from `shifts` to `keys`
    """
    noise = given[7]
    most = int(np.sum(spikes.offsets[examples + 1] - spikes.offsets[examples]) * (1 + noise))
    offsets = np.zeros(len(examples) + 1, np.int64)
    steps, units = np.empty((2, most + len(examples)), np.uint16)
    arrays = spikes.offsets, spikes.steps, spikes.units, spikes.n_steps, spikes.n_units
    late = _move(*arrays, examples, *given, offsets, steps, units)
    end = offsets[-1]
    return offsets, steps[:end], units[:end], late


@kernel
def _move(
    offsets,
    steps,
    units,
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
    out_offsets,
    out_steps,
    out_units,
):
    """Write the `examples` one after the other, each moved; return how many spikes were late.

    Parameters
    ----------
    offsets, steps, units, n_steps, n_units : as of SpikeTrains
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
    out_offsets : (n + 1,) int64; out_steps, out_units : uint16, long enough

    Late are the spikes that their delay alone brings to the trial's end or past it.
    """
    n_words = (n_units + WORD - 1) // WORD
    spikes = np.zeros((n_steps, n_words), np.uint64)
    to_step, to_unit = np.empty(n_steps, np.int64), np.empty(n_units, np.int64)
    late = at = 0
    below = np.int64(drop * 65536 + 0.5)
    # Four uniform numbers of 16 bits: their sum has the standard deviation 65536 / sqrt(3).
    spread = jitter * np.sqrt(3.0) / 65536
    for i in range(len(examples)):
        _tabulate_steps(to_step, stretches[i], masks[i])
        _tabulate_units(to_unit, shifts[i], warps[i], bands[i])
        begin, end = np.uint64(offsets[examples[i]]), np.uint64(offsets[examples[i] + 1])
        key = keys[i]
        for s in range(begin, end):
            step, unit = to_step[steps[s]], to_unit[units[s]]
            if below:
                key, word = random(key)
                if np.int64(word & np.uint64(0xFFFF)) < below:
                    continue
            if step < 0 or unit < 0:
                continue
            if jitter:
                key, word = random(key)
                step += np.int64(np.floor(_normal(word) * spread + 0.5))
                if step < 0 or step >= n_steps:
                    continue
            step += delays[unit]
            if step >= n_steps:
                late += 1
                continue
            _set(spikes, step, unit)
        if noise:
            for _ in range(np.int64(noise * (end - begin) + 0.5)):
                key, word = random(key)
                step = np.int64(
                    (word & np.uint64(0xFFFFFFFF)) * np.uint64(n_steps) >> np.uint64(32)
                )
                unit = np.int64((word >> np.uint64(32)) * np.uint64(n_units) >> np.uint64(32))
                _set(spikes, step, unit)
        at = _read(spikes, out_steps, out_units, at)
        out_offsets[i + 1] = at
    return late


@part
def _tabulate_steps(to_step, stretch, mask):
    n = len(to_step)
    for k in range(n):
        moved = np.int64(k * stretch + 0.5)
        to_step[k] = moved if moved < n else NOWHERE
    to_step[mask[0] : mask[1]] = NOWHERE


@part
def _tabulate_units(to_unit, shift, warp, band):
    n = len(to_unit)
    middle = (n - 1) / 2
    for k in range(n):
        moved = np.int64(np.floor((k + shift - middle) * warp + middle + 0.5))
        to_unit[k] = moved if 0 <= moved < n else NOWHERE
    to_unit[band[0] : band[1]] = NOWHERE


@part
def _normal(word):
    """Return the sum of the word's four 16-bit numbers less its mean."""
    total = np.int64(0)
    for lane in range(4):
        total += np.int64((word >> np.uint64(16 * lane)) & np.uint64(0xFFFF))
    return total - 131070


@part
def _set(spikes, step, unit):
    step, unit = np.uint64(step), np.uint64(unit)
    spikes[step, unit >> np.uint64(6)] |= np.uint64(1) << (unit & np.uint64(63))


@part
def _read(spikes, out_steps, out_units, at):
    """Write the spikes of the map in order and clear it; return the place after them."""
    at = np.uint64(at)
    for step in range(spikes.shape[0]):
        for k in range(spikes.shape[1]):
            word = spikes[step, k]
            if word:
                spikes[step, k] = 0
                while word:
                    out_steps[at] = step
                    out_units[at] = WORD * k + bits.lowest(word)
                    word &= word - np.uint64(1)
                    at += np.uint64(1)
    return np.int64(at)


@part
def random(key):
    """Return the next state and 64 random bits of SplitMix64 (Steele et al. 2014)."""
    key += np.uint64(0x9E3779B97F4A7C15)
    word = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key, word ^ (word >> np.uint64(31))
