"""Recordings of single words, and their way through the cochlea in parallel."""

import collections
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from spikespeech import cochlea
from spikespeech.errors import InputError


@dataclass(frozen=True)
class Recording:
    """One word, spoken once.

    Attributes
    ----------
    key : integers that are this recording's alone; its spikes are drawn from (seed, key)
    name : what error messages call it
    label, speaker : int; speaker -1 where unknown
    sound : called without arguments, returns (samples (n,), sampling rate in Hz)
    """

    key: tuple
    name: str
    label: int
    speaker: int
    sound: Callable


def encode_all(recordings, *, seed, window="ramps", n_channels=700, threads=1):
    """Yield each recording's (times in s, units), in order.

    The spikes do not depend on the number of threads nor on which other recordings are encoded.
    """

    def encode(recording):
        stream = np.random.SeedSequence(seed, spawn_key=(*recording.key, COCHLEA))
        try:
            samples, rate = recording.sound()
            rng = np.random.Generator(np.random.SFC64(stream))
            return cochlea.encode(samples, rate, rng, window=window, n_channels=n_channels)
        except InputError as error:
            raise InputError(error.problem, file=recording.name, mend=error.mend) from error

    with ThreadPoolExecutor(threads) as pool:
        waiting = collections.deque()
        try:
            for recording in recordings:
                waiting.append(pool.submit(encode, recording))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


# The last number of a stream's spawn key: what it is drawn for.
VOICE, COCHLEA = 0, 1
