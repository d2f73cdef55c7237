"""From sound to spikes: the cochlea model that made SHD and SSC (Cramer et al. 2022).

The equations are those of `lauscher` 1.0.1 (github.com/electronicvisions/lauscher):

1. the hydrodynamic basilar membrane of Sieroka, Dosch and Rupp (2006), a linear filter for each
   of n_channels places c in 0..3.5 cm; channel 0 answers to about 22.5 kHz, the last to 110 Hz;
2. the transmitter pools of the inner hair cell of Meddis (1986, 1988), which give the
   probability that an auditory nerve fibre fires in a sample of 1/24000 s;
3. a bushy cell for each channel, a leaky integrate-and-fire neuron on which 40 such fibres
   with a dead time of 1 ms converge.

`lauscher` spends minutes and gigabytes on half a second of sound. `encode` gives the same
distribution of spikes in less than a fifth of a second: the membrane (`sound.membrane`) filters
block by block; hair and bushy cells are compiled; and the 40 fibres, which only their sum tells
apart, are one binomial draw of those not in their dead time.

The filter's phases are those of exp(-iωt), as in `lauscher`: its answer leads the sound, by
23 ms in the lowest channel, instead of following it; what leads the beginning ends the clip.
"""

import numpy as np
import soxr

from spikespeech.errors import InputError
from spikespeech.kernels.bits import lowest, packed
from spikespeech.kernels.compiling import compiler, kernel
from spikespeech.sound import membrane
from spikespeech.sound.membrane import RATE, TILE

SOUND_RATE = 2 * RATE  # Hz; spike counts depend on it, so all sound is resampled
LEVEL = 0.3  # root mean square that every recording is scaled to
N_FIBRES = 40
DEAD_SAMPLES = 24  # 1 ms, of a fibre and of the bushy cell
RATES = 1_000, 1_000_000  # Hz, of recordings
LARGEST = 1e100  # sample of a recording; of larger ones, and of 1 over it, squares leave float64
SHORTEST, LONGEST = 0.03, 60  # seconds, of recordings: a ramp; a minute takes some 400 MB
WINDOWS = {"ramps": 0.030, "hann": None}  # seconds at either end; None: half the recording
EMPHASIS_RATE = 16_000  # Hz, for which coefficients of pre-emphasis are given (HTK's PREEMCOEF)

_dividing = compiler(error_model="numpy")  # without exceptions, which keep loops from vectors


def encode(samples, rate, rng, *, window="ramps", pre_emphasis=0.0, n_channels=700):
    """Turn one recording into spikes.

    Parameters
    ----------
    samples : (n,) sound, any scale
    rate : its sampling rate in Hz
    rng : numpy Generator; its stream decides every spike
    window : "ramps" (30 ms at either end) or "hann" (the whole recording, lauscher's default)
    pre_emphasis : a of the high-pass y[n] = x[n] - a x[n - 1] at 16 kHz; 0: none, as in SHD
    n_channels : places along the membrane

    Returns
    -------
    times : (n_spikes,) float64, seconds, ascending
    units : (n_spikes,) int64, channels, ascending within a sample

    Raises InputError where the recording is empty, silent, not finite or not mono.
    """
    sound = prepare(samples, rate, window, pre_emphasis)
    times, units = [], []
    for first, velocity in membrane.velocities(sound, n_channels):
        state = rng.integers(0, 2**32, (4, velocity.shape[1]), np.uint32)
        steps, channels = _cells(velocity, tuple(state))
        times.append(steps)
        units.append(channels + first)
    times, units = np.concatenate(times), np.concatenate(units)
    order = np.lexsort((units, times))
    return times[order] / RATE, units[order]


def prepare(samples, rate, window, pre_emphasis=0.0):
    """Return (n,) float64 sound at 48 kHz, scaled to LEVEL and then windowed, as lauscher does.

    A constant offset, as cheap sound cards add, is no sound: it is taken away first, or it would
    take its share of LEVEL from the voice. So would hum and the voice's own low notes, which
    microphones pass unlike: pre-emphasis weakens them, by a zero where a filter at 16 kHz has it.
    """
    samples = np.asarray(samples, dtype=np.float64)
    if samples.ndim != 1:
        raise InputError(f"{samples.ndim} dimensions", hint="give one channel of sound")
    if not len(samples):
        raise InputError("has no samples", hint="remove the recording")
    if not np.all(np.isfinite(samples)):
        raise InputError(f"sample {samples[~np.isfinite(samples)][0]}", hint="record it again")
    if not RATES[0] <= rate <= RATES[1]:
        raise InputError(
            f"its sampling rate is {rate} Hz", hint=f"{RATES[0]} to {RATES[1]} Hz are read"
        )
    if not SHORTEST <= len(samples) / rate <= LONGEST:
        raise InputError(
            f"lasts {len(samples) / rate:.3g} s",
            hint=f"a word lasts {SHORTEST} to {LONGEST} s: remove the recording",
        )
    with np.errstate(over="ignore"):
        span = np.ptp(samples)
    if span < 1 / LARGEST:
        raise InputError("is silent", hint="remove the recording")
    if span > LARGEST:
        raise InputError(f"spans values of {span:.1g}", hint="record it again")
    samples = samples - np.mean(samples)
    if rate != SOUND_RATE:
        samples = soxr.resample(samples, rate, SOUND_RATE)
    if pre_emphasis:
        samples[1:] -= pre_emphasis ** (EMPHASIS_RATE / SOUND_RATE) * samples[:-1]
    ramp = WINDOWS[window]
    n = len(samples) // 2 if ramp is None else min(round(ramp * SOUND_RATE), len(samples) // 2)
    samples = samples * (LEVEL / np.sqrt(np.mean(samples**2)))
    if n:
        rise = np.hanning(2 * n)[:n]
        samples[:n] *= rise
        samples[-n:] *= rise[::-1]
    return samples


# Hair cells and bushy cells

Y, G, L, R, X, HA, HB, H, M = 5.05, 2000.0, 2500.0, 6580.0, 66.3, 5.0, 300.0, 50000.0, 1.0
TAU_MEM, TAU_SYN, WEIGHT = 1e-3, 5e-4, 13e3 / N_FIBRES


def _resting_pools():
    """Return the hair cell's free transmitter, cleft and reprocessing store in silence."""
    kt = G * HA / (HA + HB)
    cleft = M * Y * kt / (L * kt + Y * (L + R))
    return cleft * (L + R) / kt, cleft, cleft * R / X


_REST = _resting_pools()


# One function a stage, over the channels of one sample: so each loop is vectorised.


@_dividing
def _cells(velocity, state):
    """Return the (steps, channels) of the spikes to (n_samples, n_channels) velocities.

    `state` are four (n_channels,) uint32, the states of the channels' random generators.
    """
    n_samples, n_channels = velocity.shape
    free = np.full(n_channels, _REST[0], np.float32)
    cleft = np.full(n_channels, _REST[1], np.float32)
    store = np.full(n_channels, _REST[2], np.float32)
    probability = np.empty(n_channels, np.float32)
    ready = np.full(n_channels, N_FIBRES, np.int32)  # fibres that are not in their dead time
    fired = np.zeros((DEAD_SAMPLES - 1, n_channels), np.int32)  # and when the others fired
    current, potential = np.zeros(n_channels, np.float32), np.zeros(n_channels, np.float32)
    dead = np.zeros(n_channels, np.int32)
    draws = np.empty(n_channels, np.uint32)
    firing, fires = np.zeros(TILE, np.bool_), np.zeros(TILE, np.bool_)
    most = n_channels * (n_samples // DEAD_SAMPLES + 1)
    steps, channels = np.empty(most, np.int64), np.empty(most, np.int64)
    n_spikes = 0
    for t in range(n_samples):
        _release(velocity[t], free, cleft, store, probability)
        _draw(*state, draws)
        _recover(ready, fired[t % (DEAD_SAMPLES - 1)], current, draws, probability, firing)
        bits = packed(firing)
        while bits:
            i = lowest(bits)
            bits &= bits - np.uint64(1)
            u = (draws[i] + 0.5) * 2.0**-32
            k = _binomial(u, ready[i], np.float64(probability[i]))
            fired[t % (DEAD_SAMPLES - 1), i] = k
            ready[i] -= k
            current[i] += _f(k)
        _integrate(current, potential, dead, fires)
        bits = packed(fires)
        while bits:
            # The potential reached 1 in the sample before.
            steps[n_spikes], channels[n_spikes] = t - 1, lowest(bits)
            bits &= bits - np.uint64(1)
            n_spikes += 1
    return steps[:n_spikes].copy(), channels[:n_spikes].copy()


_f, _u = np.float32, np.uint32
_A, _B, _ZERO, _ONE = _f(HA), _f(HB), _f(0), _f(1)
_EJECT, _REPLENISH, _REPLENISHED = _f(G / RATE), _f(Y / RATE), _f(Y * M / RATE)
_REUPTAKE, _REPROCESS, _LOST = _f(R / RATE), _f(X / RATE), _f((L + R) / RATE)
_FIRING, _CHARGE, _UNIT = _f(H / RATE), _f(WEIGHT / RATE), _f(2.0**-24)
_DECAY_SYN, _DECAY_MEM = _f(np.exp(-1 / RATE / TAU_SYN)), _f(np.exp(-1 / RATE / TAU_MEM))


@_dividing
def _release(velocity, free, cleft, store, probability):
    """Hair cells: move transmitter between the pools; set each fibre's firing probability."""
    for i in range(len(free)):
        drive = max(velocity[i] + _A, _ZERO)
        eject = _EJECT * drive / (drive + _B) * free[i]
        replenish = max(_REPLENISHED - _REPLENISH * free[i], _ZERO)
        reuptake, reprocess = _REUPTAKE * cleft[i], _REPROCESS * store[i]
        free[i] = max(free[i] + replenish - eject + reprocess, _ZERO)
        cleft[i] = max(cleft[i] + eject - _LOST * cleft[i], _ZERO)
        store[i] = max(store[i] + reuptake - reprocess, _ZERO)
        probability[i] = cleft[i] * _FIRING


@kernel
def _draw(a, b, c, counter, draws):
    """Draw a uniform uint32 for each channel: sfc32 of PractRand (Doty-Humphrey 2018)."""
    for i in range(len(draws)):
        # Each operation's result is uint64 to Numba: cut to 32 bits, the loop is vectorised.
        drawn = _u(_u(a[i] + b[i]) + counter[i])
        counter[i] = _u(counter[i] + _u(1))
        a[i] = _u(b[i] ^ _u(b[i] >> _u(9)))
        b[i] = _u(c[i] + _u(c[i] << _u(3)))
        c[i] = _u(_u(_u(c[i] << _u(21)) | _u(c[i] >> _u(11))) + drawn)
        draws[i] = drawn


@kernel
def _recover(ready, fired, current, draws, probability, firing):
    """Fibres: those that fired a dead time ago are ready again, and the current decays.

    Flag where any may fire now: nearly nowhere, as P(one or more) <= n p.
    """
    for i in range(len(ready)):
        ready[i] += fired[i]
        fired[i] = 0
        current[i] *= _DECAY_SYN
        below = _f(np.int32(draws[i] >> _u(8))) * _UNIT
        firing[i] = below < _f(ready[i]) * probability[i]


@_dividing
def _binomial(u, n, p):
    """Return how many of n fibres fire, each with probability p: u in (0, 1) is the upper tail."""
    if p >= 1.0:
        return n
    # Nearly always one: P(two or more) <= pairs, P(one or more) >= mean - pairs, without a power.
    mean = n * p
    pairs = mean * (mean - p) / 2
    if pairs <= u < mean - pairs:
        return 1
    mass = (1.0 - p) ** n
    tail = 1.0 - mass
    k = 0
    while u < tail and k < n:
        k += 1
        mass *= (n - k + 1) / k * p / (1.0 - p)
        tail -= mass
    return k


@_dividing
def _integrate(current, potential, dead, fires):
    """Bushy cells: fire where the potential had reached 1, then integrate."""
    for i in range(len(current)):
        fire = (dead[i] <= 0) & (potential[i] >= _ONE)
        rest = DEAD_SAMPLES if fire else dead[i]
        v = _ZERO if fire else potential[i] * _DECAY_MEM
        v = v + current[i] * _CHARGE if rest <= 0 else _ZERO
        potential[i] = min(v, _ONE)
        dead[i] = rest - 1
        fires[i] = fire
