"""Spoken digits of synthetic speakers: the embedded data set `digits`.

German and English digits 0-9 in SHD's order of classes, said by voices of eSpeak NG. Each
utterance has its own rate, pitch, formants and background noise, drawn from (seed, speaker,
class, repetition).
"""

import functools
from dataclasses import dataclass

import numpy as np

from spikespeech.data.datasets import DIGITS, ENGLISH
from spikespeech.sound import espeak, pico
from spikespeech.sound.recordings import VOICE, Recording


@dataclass(frozen=True)
class Voice:
    """A synthetic speaker: an engine ("espeak" or "pico"), its voice, a shift of formants."""

    engine: str
    name: str
    formants: float = 1.0


_ESPEAK = [
    Voice("espeak", name)
    for name in (
        *("m1", "f1", "m3", "f2", "adam", "linda"),
        *("Lee", "f4", "edward", "aunty", "m8", "Annie"),
        *("m2", "f3", "Andy", "Andrea", "john", "belinda"),
        *("benjamin", "Alicia", "david", "steph", "Michael", "shelby"),
    )
]
# Pico has one German and two English voices: formants and pitch make them speakers.
_PICO = [
    Voice("pico", name, formants)
    for name, formants in zip(
        6 * ["en-GB", "en-US"],
        (1.0, 0.9, 0.86, 1.12, 0.95, 1.06, 0.92, 1.02, 1.1, 0.84, 0.89, 0.98),
        strict=True,
    )
]
TIERS = {
    "standard": tuple(_ESPEAK),
    "hard": tuple(_PICO[i // 2] if i % 2 else _ESPEAK[i] for i in range(24)),
}
"""The 24 speakers of each tier.

Those of eSpeak NG are male and female in turn and were chosen to be neither all alike nor too
odd: a linear read-out of spike counts finds about seven of eight words of a speaker that it was
not fitted to, half of those of the oddest. The hard tier puts Pico in the place of the female
ones.
"""

WORDS_PER_MINUTE = 115  # of eSpeak NG, gives words as long as SHD's, 0.7 s
PICO_RATE = 0.75  # times its own, likewise
SPREAD = 0.15  # of rate and pitch
FORMANT_SPREAD = 0.03
SIGNAL_TO_NOISE_DB = (15.0, 30.0)
SILENCE = 0.05  # seconds left before and after each word
THRESHOLD = 0.01  # of the maximum: quieter samples at either end are silence


@dataclass(frozen=True)
class Utterance:
    """One word of one speaker, before it is said; see `plan`."""

    speaker: int
    label: int
    repetition: int
    rate: float
    pitch: float
    formants: float
    snr_db: float
    noise_seed: np.random.SeedSequence

    @property
    def key(self):
        """Integers that are this utterance's alone."""
        return (self.speaker, self.label, self.repetition)


def plan(*, seed, speakers=24, utterances=2, classes=DIGITS):
    """Return the `Utterance`s of a data set, by speaker, class and repetition.

    Parameters
    ----------
    seed : of the data set
    speakers : the first so many of a tier
    utterances : of each class by each speaker
    classes : names, of DIGITS; labels count in their order
    """
    planned = []
    for speaker in range(speakers):
        for label in range(len(classes)):
            for repetition in range(utterances):
                stream = np.random.SeedSequence(seed, spawn_key=(speaker, label, repetition, VOICE))
                rng = np.random.default_rng(stream)
                planned.append(
                    Utterance(
                        speaker,
                        label,
                        repetition,
                        rate=rng.uniform(1 - SPREAD, 1 + SPREAD),
                        pitch=rng.uniform(1 - SPREAD, 1 + SPREAD),
                        formants=rng.uniform(1 - FORMANT_SPREAD, 1 + FORMANT_SPREAD),
                        snr_db=rng.uniform(*SIGNAL_TO_NOISE_DB),
                        noise_seed=stream.spawn(1)[0],
                    )
                )
    return planned


def say(planned, *, seed, classes=DIGITS, tier="standard"):
    """Return planned utterances as `Recording`s, spoken by the voices of a tier.

    Formants are moved by resampling, which moves pitch and rate as well: both are asked for
    accordingly.
    """
    clips = [None] * len(planned)
    for engine, speak, order, rate in (
        ("espeak", espeak.speak, _espeak_order, espeak.RATE),
        ("pico", pico.speak, _pico_order, pico.RATE),
    ):
        own = [i for i, u in enumerate(planned) if TIERS[tier][u.speaker].engine == engine]
        orders = []
        for i in own:
            u = planned[i]
            voice, word = TIERS[tier][u.speaker], classes[u.label]
            shift = u.formants * voice.formants
            orders.append(order(voice, word, u.rate / shift, u.pitch / shift, seed))
        for i, clip in zip(own, speak(orders), strict=True):
            shift = planned[i].formants * TIERS[tier][planned[i].speaker].formants
            clips[i] = clip, rate, rate * shift
    return [
        Recording(
            key=u.key,
            name=f"utterance {u.repetition} of {classes[u.label]!r} by speaker {u.speaker}",
            label=u.label,
            speaker=u.speaker,
            sound=functools.partial(_finish, *clip, u),
        )
        for u, clip in zip(planned, clips, strict=True)
    ]


def _espeak_order(voice, word, rate, pitch, seed):
    return {
        "voice": f"{'en' if word in ENGLISH else 'de'}+{voice.name}",
        "text": word,
        "rate": round(WORDS_PER_MINUTE * rate),
        "pitch": espeak.pitch(pitch),
        "seed": seed % 2**31,
    }


def _pico_order(voice, word, rate, pitch, _seed):
    return {
        "voice": voice.name if word in ENGLISH else "de-DE",
        "text": word,
        "rate": PICO_RATE * rate,
        "pitch": pitch,
    }


def _finish(clip, rate, shifted_rate, utterance):
    """Return an utterance's sound: the trimmed clip, its formants moved, with noise."""
    clip = trim(clip, round(SILENCE * rate))
    noise = pink_noise(len(clip), np.random.default_rng(utterance.noise_seed))
    power = np.mean(clip**2) * 10 ** (-utterance.snr_db / 10)
    return clip + np.sqrt(power) * noise, shifted_rate


def trim(clip, margin):
    """Return (n,) sound without the silence at its ends but for `margin` samples."""
    loud = np.flatnonzero(np.abs(clip) > THRESHOLD * np.abs(clip).max())
    return np.pad(clip[loud[0] : loud[-1] + 1], margin)


def pink_noise(n, rng):
    """Return (n,) noise of unit power whose power falls as 1/f."""
    spectrum = rng.standard_normal(n // 2 + 1) + 1j * rng.standard_normal(n // 2 + 1)
    spectrum[0] = 0
    spectrum[1:] /= np.sqrt(np.arange(1, n // 2 + 1))
    noise = np.fft.irfft(spectrum, n)
    return noise / np.sqrt(np.mean(noise**2))
