"""eSpeak NG: library and voices come with the package `espeakng-loader`."""

import ctypes
import math
import os
import sys
from pathlib import Path

from spikespeech.sound import synthesiser

RATE = 22_050  # Hz
NORMAL_PITCH, OCTAVE = 50, 50  # of the setting 0..99

# Numbers of speak_lib.h.
_SYNCHRONOUS, _UTF8, _RATE, _PITCH = 2, 1, 1, 3


def speak(utterances):
    """Return what eSpeak NG says, in order: float32 arrays in -1..1 at RATE.

    Parameters
    ----------
    utterances : dictionaries of `voice` (language+variant, as "de+f2"), `text`, `rate` (words
        per minute), `pitch` (0..99, see `pitch`) and `seed`
    """
    return synthesiser.spoken(
        __name__,
        utterances,
        "see its message above; its library wants glibc 2.29. Without it, take recordings: "
        "config/fsdd.yaml",
    )


def pitch(ratio):
    """Return eSpeak NG's pitch setting for a voice's own pitch times `ratio`."""
    return round(NORMAL_PITCH + OCTAVE * math.log2(ratio))


class _Event(ctypes.Structure):
    """Only ever seen by reference; its size does not matter."""


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def _main():
    import espeakng_loader

    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        sys.exit(f"eSpeak NG's library does not load: {error}")
    library.espeak_Synth.argtypes = (
        [ctypes.c_char_p, ctypes.c_size_t] + 4 * [ctypes.c_uint] + 2 * [ctypes.c_void_p]
    )
    library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
    # A relative path: eSpeak NG cuts paths at 160 characters.
    os.chdir(Path(espeakng_loader.get_data_path()).parent)
    if library.espeak_Initialize(_SYNCHRONOUS, 0, b".", 0) != RATE:
        sys.exit("eSpeak NG does not start")
    chunks = []

    @_Callback
    def collect(samples, count, _event):
        if samples:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    def say(utterance):
        voice, text = utterance["voice"].encode(), utterance["text"].encode()
        if library.espeak_SetVoiceByName(voice):
            sys.exit(f"eSpeak NG has no voice {utterance['voice']}")
        library.espeak_ng_SetRandSeed(utterance["seed"])
        library.espeak_SetParameter(_RATE, utterance["rate"], 0)
        library.espeak_SetParameter(_PITCH, utterance["pitch"], 0)
        chunks.clear()
        library.espeak_Synth(text, len(text) + 1, 0, 0, 0, _UTF8, None, None)
        return b"".join(chunks)

    library.espeak_SetSynthCallback(collect)
    synthesiser.answer(say)


if __name__ == "__main__":
    _main()
