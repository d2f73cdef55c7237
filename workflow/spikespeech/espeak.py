"""eSpeak NG, in a process of its own.

The library keeps state from one utterance to the next and is under the GPL; so `speak` starts
a child process that says all utterances in the order given, and nothing else runs in there.
The same list gives the same samples. The package `espeakng-loader` carries library and voices.
"""

import ctypes
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from spikespeech.errors import InputError

RATE = 22_050  # Hz
FULL_SCALE = 32_768
NORMAL_PITCH, OCTAVE = 50, 50  # of the setting 0..99

# Numbers of speak_lib.h.
_SYNCHRONOUS, _UTF8, _RATE, _PITCH = 2, 1, 1, 3


def speak(utterances):
    """Return what eSpeak NG says, in order: float32 arrays in -1..1 at RATE.

    Parameters
    ----------
    utterances : dicts of `voice` (language+variant, as "de+f2"), `text`, `rate` (words per
        minute), `pitch` (0..99, see `pitch`) and `seed`
    """
    child = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(utterances).encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    if child.returncode:
        raise InputError(
            f"eSpeak NG ended with status {child.returncode}",
            mend="see its message above; `pip install --force-reinstall espeakng-loader` may help",
        )
    lengths = np.frombuffer(child.stdout, np.int64, len(utterances))
    samples = np.frombuffer(child.stdout, np.int16, offset=lengths.nbytes)
    clips = np.split(samples, np.cumsum(lengths)[:-1])
    return [clip.astype(np.float32) / FULL_SCALE for clip in clips]


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

    utterances = json.load(sys.stdin)
    library = ctypes.CDLL(espeakng_loader.get_library_path())
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

    library.espeak_SetSynthCallback(collect)
    clips = []
    for utterance in utterances:
        voice, text = utterance["voice"].encode(), utterance["text"].encode()
        if library.espeak_SetVoiceByName(voice):
            sys.exit(f"eSpeak NG has no voice {utterance['voice']}")
        library.espeak_ng_SetRandSeed(utterance["seed"])
        library.espeak_SetParameter(_RATE, utterance["rate"], 0)
        library.espeak_SetParameter(_PITCH, utterance["pitch"], 0)
        chunks.clear()
        library.espeak_Synth(text, len(text) + 1, 0, 0, 0, _UTF8, None, None)
        clips.append(b"".join(chunks))
    sys.stdout.buffer.write(np.array([len(c) // 2 for c in clips], np.int64).tobytes())
    sys.stdout.buffer.write(b"".join(clips))


if __name__ == "__main__":
    _main()
