"""Recordings of single words, and their way through the cochlea in parallel."""

import collections
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from spikespeech.data.events import write_events
from spikespeech.errors import InputError
from spikespeech.sound import cochlea

# Ends of the spawn keys of random streams: what is drawn from them.
VOICE, COCHLEA, PARTS = 0, 1, 2

PART_NAMES = ("train", "valid", "test")
LONG = 3.0  # seconds; a word that lasts longer is worth a look, as trials are cut off


@dataclass(frozen=True)
class Recording:
    """One word, spoken once.

    Attributes
    ----------
    key : integers that are this recording's alone; its spikes are drawn from (seed, key)
    name : what error messages call it
    label, speaker : int; speaker -1 where unknown
    sound : called without arguments, returns (samples (n,), sampling rate in Hz)
    part : "train", "valid" or "test" where that is settled, else None
    """

    key: tuple
    name: str
    label: int
    speaker: int
    sound: Callable
    part: str | None = None


def encode_all(recordings, *, seed, threads=1, **how):
    """Yield each recording's (times in s, units), in order; `how` goes to `cochlea.encode`.

    The spikes do not depend on the number of threads nor on which other recordings are encoded.
    """

    def encode(recording):
        stream = np.random.SeedSequence(seed, spawn_key=(*recording.key, COCHLEA))
        try:
            samples, rate = recording.sound()
            rng = np.random.Generator(np.random.SFC64(stream))
            spikes = cochlea.encode(samples, rate, rng, **how)
            if not len(spikes[0]):
                raise InputError("gives no spikes", hint="remove the recording")
            return spikes
        except InputError as error:
            raise InputError(error.problem, file=recording.name, hint=error.hint) from error

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


def parts(recordings, *, seed, test_speakers, test_share):
    """Return {"train": [...], "test": [...]}, the recordings in their order.

    As in SHD, the test part holds all recordings of the test-only speakers and, of every other
    speaker, a share drawn by seed. Recordings whose part is settled are in that: then a part
    "valid" may be among them. Raises InputError where a part would be empty.
    """
    if any(recording.part for recording in recordings):
        if test_speakers or test_share:
            raise InputError(
                "the recordings name their parts themselves",
                hint="leave `test_speakers` and `test_share` of the data set out",
            )
        named = {recording.part for recording in recordings}
        return {
            part: [r for r in recordings if r.part == part] for part in PART_NAMES if part in named
        }
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PARTS,)))
    speakers = np.array([recording.speaker for recording in recordings])
    tested = np.isin(speakers, list(test_speakers))
    for speaker in np.unique(speakers[~tested]):
        own = np.flatnonzero(speakers == speaker)
        tested[rng.choice(own, round(test_share * len(own)), replace=False)] = True
    divided = {
        "train": [r for r, test in zip(recordings, tested, strict=True) if not test],
        "test": [r for r, test in zip(recordings, tested, strict=True) if test],
    }
    for part, chosen in divided.items():
        if not chosen:
            raise InputError(
                f"the {part} part would be empty",
                hint="set `test_speakers` or `test_share` of the data set",
            )
    return divided


def write(path, recordings, classes, *, attributes, progress, speakers=None, **how):
    """Encode recordings and write them in SHD's layout; return {name: seconds} of the long ones.

    `progress` wraps the iterator over examples; `how` goes to `encode_all`. `speakers` are the
    speakers' names, in the order of their numbers.
    """
    long = {}

    def spikes():
        encoded = progress(encode_all(recordings, **how))
        for recording, (times, units) in zip(recordings, encoded, strict=True):
            if times[-1] > LONG:
                long[recording.name] = times[-1]
            yield times, units

    write_events(
        path,
        spikes(),
        [recording.label for recording in recordings],
        [recording.speaker for recording in recordings],
        classes,
        attributes=attributes,
        speaker_names=speakers,
        examples=None if speakers is None else [recording.name for recording in recordings],
    )
    return long
