"""The cochlea model with every draw of `lauscher` 1.0.1, in its order: the very same spikes.

The membrane is the library's, over the whole recording at once; hair and bushy cells are written
plainly, a fibre at a time, in double precision.
"""

import numba
import numpy as np

from spikespeech.sound import cochlea, membrane
from spikespeech.sound.cochlea import (
    _REST,
    DEAD_SAMPLES,
    HA,
    HB,
    N_FIBRES,
    RATE,
    TAU_MEM,
    TAU_SYN,
    WEIGHT,
    G,
    H,
    L,
    M,
    R,
    X,
    Y,
)


def encode(samples, rate, random_state, *, window="hann", n_channels=700):
    """Return what `cochlea.encode` does; `random_state` is a numpy RandomState."""
    sound = cochlea.prepare(samples, rate, window)
    n_samples = len(sound) // 2 + 1
    spectrum = np.fft.fft(sound)[:n_samples]
    omega = membrane._frequencies(n_samples)
    at_stapes = membrane.entrance(omega)
    trains = []
    for place in membrane._places(n_channels):
        velocity = np.fft.ifft(membrane.transfer_function(omega, place, at_stapes) * spectrum)
        firing = _hair_cell(np.real(velocity))
        draws = random_state.random_sample((n_samples, N_FIBRES))
        trains.append(_bushy_cell(draws < firing[:, None]))
    steps, units = np.nonzero(np.array(trains).T)
    return steps / RATE, units


@numba.njit(cache=True)
def _hair_cell(velocity):
    free, cleft, store = _REST
    firing = np.empty_like(velocity)
    for j, v in enumerate(velocity):
        kt = G / RATE * (v + HA) / (v + HA + HB) if v + HA > 0 else 0.0
        replenish = Y * M / RATE - Y / RATE * free if free < M else 0.0
        eject = kt * free
        lost, reuptake, reprocess = (L + R) / RATE * cleft, R / RATE * cleft, X / RATE * store
        free = max(free + replenish - eject + reprocess, 0.0)
        cleft = max(cleft + eject - lost, 0.0)
        store = max(store + reuptake - reprocess, 0.0)
        firing[j] = cleft * (H / RATE)
    return firing


@numba.njit(cache=True)
def _bushy_cell(fibres):
    n_samples, n_fibres = fibres.shape
    decay_mem, decay_syn = np.exp(-1 / RATE / TAU_MEM), np.exp(-1 / RATE / TAU_SYN)
    last = np.full(n_fibres, -DEAD_SAMPLES)
    current = np.zeros(n_fibres)
    spikes = np.zeros(n_samples, np.bool_)
    potential, dead = 0.0, 0
    for t in range(n_samples):
        previous, potential = potential, 0.0
        if t > 0 and dead <= 0:
            if previous < 1.0:
                potential = previous * decay_mem
            else:
                dead = DEAD_SAMPLES
                spikes[t - 1] = True
        for f in range(n_fibres):
            current[f] *= decay_syn
            if fibres[t, f] and t - last[f] >= DEAD_SAMPLES:
                last[f] = t
                current[f] += 1.0
        if dead <= 0:
            # numpy's order of summation, so that the last bit agrees too.
            lanes = current[:8].copy()
            for f in range(8, n_fibres, 8):
                lanes += current[f : f + 8]
            total = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + (
                (lanes[4] + lanes[5]) + (lanes[6] + lanes[7])
            )
            potential += total * WEIGHT * (1 / RATE)
        potential = min(potential, 1.0)
        dead -= 1
    return spikes
