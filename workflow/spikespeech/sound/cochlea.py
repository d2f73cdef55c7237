"""From sound to spikes: the cochlea model that made SHD and SSC (Cramer et al. 2022).

The equations are those of `lauscher` 1.0.1 (github.com/electronicvisions/lauscher):

1. the hydrodynamic basilar membrane of Sieroka, Dosch and Rupp (2006), a linear filter for each
   of n_channels places c in 0..3.5 cm; channel 0 answers to about 22.5 kHz, the last to 110 Hz;
2. the transmitter pools of the inner hair cell of Meddis (1986, 1988), which give the
   probability that an auditory nerve fibre fires in a sample of 1/24000 s;
3. a bushy cell for each channel, a leaky integrate-and-fire neuron on which 40 such fibres
   with a dead time of 1 ms converge.

`lauscher` spends minutes and gigabytes on half a second of sound. `encode` gives the same
distribution of spikes in less than a fifth of a second: the membrane filters blocks of 0.4 s by
overlap-save, so that its transfer function is evaluated once; hair and bushy cells are
compiled; and the 40 fibres, which only their sum tells apart, are one binomial draw of those
not in their dead time.

The filter's phases are those of exp(-iωt), as in `lauscher`: its answer leads the sound, by
23 ms in the lowest channel, instead of following it; what leads the beginning ends the clip.
"""

import functools
import threading

import numpy as np
import scipy.fft
import scipy.special
import soxr

from spikespeech.errors import InputError
from spikespeech.kernels.bits import lowest, packed
from spikespeech.kernels.compiling import compiler, kernel

SOUND_RATE = 48_000  # Hz; the model's spike counts depend on it, so all sound is resampled
RATE = SOUND_RATE // 2  # Hz; the membrane keeps the lower half of the spectrum
LEVEL = 0.3  # root mean square that every recording is scaled to
N_FIBRES = 40
DEAD_SAMPLES = 24  # 1 ms, of a fibre and of the bushy cell
RATES = 1_000, 1_000_000  # Hz, of recordings
LARGEST = 1e100  # sample of a recording; of larger ones, and of 1 over it, squares leave float64
SHORTEST, LONGEST = 0.03, 60  # seconds, of recordings: a ramp; a minute takes some 400 MB
WINDOWS = {"ramps": 0.030, "hann": None}  # seconds at either end; None: half the recording

# Overlap-save: output needs the sound from TAIL before it to LEAD after it, samples at 24 kHz. They
# hold 99.99 % of the energy of the impulse response of every channel that speech reaches.
BLOCK = 12_000
LEAD, TAIL = 2_400, 160
HOP = BLOCK - LEAD - TAIL
TILE = 64  # channels that are worked on together, so that the processor's cache holds them

_dividing = compiler(error_model="numpy")  # without exceptions, which keep loops from vectors


def encode(samples, rate, rng, *, window="ramps", n_channels=700):
    """Turn one recording into spikes.

    Parameters
    ----------
    samples : (n,) sound, any scale
    rate : its sampling rate in Hz
    rng : numpy Generator; its stream decides every spike
    window : "ramps" (30 ms at either end) or "hann" (the whole recording, lauscher's default)
    n_channels : places along the membrane

    Returns
    -------
    times : (n_spikes,) float64, seconds, ascending
    units : (n_spikes,) int64, channels, ascending within a sample

    Raises InputError where the recording is empty, silent, not finite or not mono.
    """
    sound = prepare(samples, rate, window)
    n_samples = len(sound) // 2 + 1
    spectra = [_block_spectra(sound, start) for start in range(0, n_samples, HOP)]
    times, units = [], []
    for first, tile in zip(range(0, n_channels, TILE), _filters(n_channels), strict=True):
        velocity = np.empty((n_samples, len(tile[0])), np.float32)
        for start, both in zip(range(0, n_samples, HOP), spectra, strict=True):
            block = velocity[start : start + HOP]
            block[:] = _membrane(*both, tile)[:, : len(block)].T
        state = rng.integers(0, 2**32, (4, velocity.shape[1]), np.uint32)
        steps, channels = _cells(velocity, tuple(state))
        times.append(steps)
        units.append(channels + first)
    times, units = np.concatenate(times), np.concatenate(units)
    order = np.lexsort((units, times))
    return times[order] / RATE, units[order]


def prepare(samples, rate, window):
    """Return (n,) float64 sound at 48 kHz, scaled to LEVEL and then windowed, as lauscher does.

    A constant offset, as cheap sound cards add, is no sound: it is taken away first, or it would
    take its share of LEVEL from the voice.
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
    ramp = WINDOWS[window]
    n = len(samples) // 2 if ramp is None else min(round(ramp * SOUND_RATE), len(samples) // 2)
    samples = samples * (LEVEL / np.sqrt(np.mean(samples**2)))
    if n:
        rise = np.hanning(2 * n)[:n]
        samples[:n] *= rise
        samples[-n:] *= rise[::-1]
    return samples


# Basilar membrane

A, ALPHA, RHO, LENGTH, C0, DAMPING, DEPTH, MASS = 3500, 3.0, 1.0, 3.5, 10e8, 0.15, 0.1, 0.05
RESISTANCE = DAMPING * np.sqrt(C0 * MASS)


def transfer_function(omega, place, entrance):
    """Return the membrane's velocity per sound pressure, equations of Sieroka et al. (2006).

    Parameters
    ----------
    omega : (n,) angular frequencies in rad/s
    place : distance from the stapes in cm
    entrance : `entrance(omega)`, which is the same for all places

    Returns
    -------
    (n,) complex128
    """
    impedance, pressure = entrance
    return 2.0 * omega / _xi(omega, place) * _pressure(omega, place) * impedance / pressure


def entrance(omega):
    """Return impedance and pressure at the stapes, (n,) complex128 each."""
    return _impedance(omega), _pressure(omega, 0.0)


def _xi(omega, c):
    stiffness = C0 * np.exp(-ALPHA * c) - A
    resistance = RESISTANCE * np.exp(-ALPHA * c / 2.0)
    return stiffness - MASS * omega**2 - 1j * omega * resistance


def _wave_number(omega, c):
    return omega * np.sqrt(RHO / (DEPTH * _xi(omega, c)))


def _pressure(omega, c):
    """Pressure difference across the membrane at c (WKB approximation)."""
    inertia = np.sqrt(A + MASS * omega**2)

    def phase(decay):
        stiffness = -A + C0 * decay**2 - MASS * omega**2 - 1j * decay * omega * RESISTANCE
        loss = 2.0 * A + omega * (2.0 * MASS * omega + 1j * decay * RESISTANCE)
        return np.sqrt(stiffness), loss / inertia

    root_0, loss_0 = phase(1.0)
    root_c, loss_c = phase(np.exp(-ALPHA * c / 2.0))
    ratio = (-ALPHA * root_0 + 1j * ALPHA * loss_0 / 2.0) / (
        0.5 * ALPHA * np.exp(ALPHA * c / 2.0) * (-2.0 * root_c + 1j * loss_c)
    )
    g = 2.0 * _wave_number(omega, 0.0) / ALPHA - (
        2.0j * np.sqrt(2.0) * omega * np.log(ratio) / (ALPHA * np.sqrt(DEPTH * 2.0) * inertia)
    )
    return np.sqrt(g / _wave_number(omega, c)) * scipy.special.hankel1(0, g)


def _impedance(omega):
    x = 2.0 * omega / ALPHA * np.sqrt(2.0 / (DEPTH * C0))
    j0, y0, j1, y1 = (getattr(scipy.special, name)(x) for name in ("j0", "y0", "j1", "y1"))
    return np.sqrt(2.0 * C0 / DEPTH) * (1j * j0 + y0) / (j1 - 1j * y1)


def _places(n_channels):
    return np.linspace(0, LENGTH, n_channels)


def _frequencies(n_bins):
    return 2 * np.pi * np.linspace(1, RATE, n_bins)


_once = threading.Lock()


def _filters(n_channels):
    with _once:  # or every thread would evaluate them
        return _evaluate_filters(n_channels)


@functools.lru_cache(maxsize=2)
def _evaluate_filters(n_channels):
    """Return what `_membrane` multiplies a block's spectrum by, for each tile of channels.

    lauscher keeps the real part of the inverse transform of the BLOCK bins below 24 kHz:
    v = Re ifft(V S). As Re z = (z + z*) / 2, v is also the inverse *real* transform of
    (V[k] S[k] + (V[-k] S[-k])*) / 2, at half the work.

    A place hardly moves above its resonance: at four times that frequency V is below 1e-7 of
    its maximum, single precision, and taken for 0.

    Returns
    -------
    list of (direct, mirrored, reach):
    direct, mirrored : (<= TILE, BLOCK // 2 + 1) complex64, V[k] / 2 and V[-k]* / 2
    reach : (<= TILE,) int64, V[k] is 0 from this bin on
    """
    omega, half = _frequencies(BLOCK), BLOCK // 2 + 1
    at_stapes = np.array(entrance(omega))
    tiles = []
    for first in range(0, n_channels, TILE):
        places = _places(n_channels)[first : first + TILE]
        resonance = np.sqrt(C0 / MASS) * np.exp(-ALPHA * places / 2)
        reach = np.searchsorted(omega, 4 * resonance)
        v = np.zeros((len(places), BLOCK), np.complex64)
        for i, (place, end) in enumerate(zip(places, reach, strict=True)):
            v[i, :end] = transfer_function(omega[:end], place, at_stapes[:, :end]) / 2
        tiles.append((v[:, :half].copy(), _mirrored(v)[:, :half].conj(), reach))
    return tiles


def _mirrored(bins):
    """Return `bins` (..., BLOCK) with k and -k exchanged."""
    return np.roll(bins[..., ::-1], 1, axis=-1)


def _block_spectra(sound, start):
    """Return the bins S[k] below 24 kHz of the block for the samples from `start`, and S[-k]*.

    (BLOCK,) complex64 each.
    """
    # The sound repeats, as in the circular convolution of lauscher.
    block = np.take(sound, np.arange(2 * BLOCK) + 2 * (start - TAIL), mode="wrap")
    spectrum = scipy.fft.fft(block)[:BLOCK].astype(np.complex64)
    return spectrum, _mirrored(spectrum).conj()


def _membrane(spectrum, mirrored_spectrum, tile):
    """Return (<= TILE, HOP) float32 velocities at 24 kHz."""
    product = _filter(spectrum, mirrored_spectrum, *tile)
    return scipy.fft.irfft(product, BLOCK, overwrite_x=True)[:, TAIL : TAIL + HOP]


@kernel
def _filter(spectrum, mirrored_spectrum, direct, mirrored, reach):
    product = np.zeros_like(direct)
    n_channels, half = direct.shape
    for i in range(n_channels):
        for k in range(min(reach[i], half)):
            product[i, k] = direct[i, k] * spectrum[k]
        product[i, 0] += mirrored[i, 0] * mirrored_spectrum[0]
        for k in range(BLOCK - reach[i] + 1, half):
            product[i, k] += mirrored[i, k] * mirrored_spectrum[k]
    return product


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
