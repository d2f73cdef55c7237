"""The basilar membrane: from sound to the velocity of each of its places.

The equations are those of Sieroka, Dosch and Rupp (2006) as `lauscher` 1.0.1 has them: a linear
filter for each of n_channels places c in 0..3.5 cm. It is applied to blocks of 0.4 s by
overlap-save, so that its transfer function is evaluated once.
"""

import functools
import threading

import numpy as np
import scipy.fft
import scipy.special

from spikespeech.kernels.compiling import kernel

RATE = 24_000  # Hz, of velocities; sound has twice as many, of which the lower half is kept

# Overlap-save: output needs the sound from TAIL before it to LEAD after it, samples at 24 kHz. They
# hold 99.99 % of the energy of the impulse response of every channel that speech reaches.
BLOCK = 12_000
LEAD, TAIL = 2_400, 160
HOP = BLOCK - LEAD - TAIL
TILE = 64  # channels that are worked on together, so that the processor's cache holds them

A, ALPHA, RHO, LENGTH, C0, DAMPING, DEPTH, MASS = 3500, 3.0, 1.0, 3.5, 10e8, 0.15, 0.1, 0.05
RESISTANCE = DAMPING * np.sqrt(C0 * MASS)


def velocities(sound, n_channels):
    """Yield (first channel, (n_samples, n) float32 velocities at RATE) of TILE channels at a time.

    `sound` is (2 * n_samples - 1 or - 2,) float64, at twice RATE.
    """
    n_samples = len(sound) // 2 + 1
    starts = range(0, n_samples, HOP)
    spectra = [_block_spectra(sound, start) for start in starts]
    for first, tile in zip(range(0, n_channels, TILE), _filters(n_channels), strict=True):
        velocity = np.empty((n_samples, len(tile[0])), np.float32)
        for start, both in zip(starts, spectra, strict=True):
            block = velocity[start : start + HOP]
            block[:] = _answer(*both, tile)[:, : len(block)].T
        yield first, velocity


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
    """Return what `_answer` multiplies a block's spectrum by, for each tile of channels.

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


def _answer(spectrum, mirrored_spectrum, tile):
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
