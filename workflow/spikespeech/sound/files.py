"""Files of sound: read whole or not at all, and as one channel."""

import io
import re
import struct

import soundfile

from spikespeech.errors import InputError
from spikespeech.sound.cochlea import LONGEST

HEAD = 2**16  # bytes in which a header ends

# Sizes that stand in a WAV header where its writer did not know: a pipe cannot go back.
UNKNOWN_SIZES = range(0x7FFFFF00, 0x80000000), range(0xFFFFFF00, 0x100000000), range(1)


def read(file):
    """Return the sound (n,) float64 in a file and its sampling rate in Hz.

    Of several channels it is the mean. What soundfile (libsndfile) can read is read.

    Parameters
    ----------
    file : path, or a file object at any place

    Raises InputError where it is no sound, longer than a word can be, or ends before its header
    says.
    """
    try:
        if isinstance(file, io.IOBase):
            file.seek(0)
        with soundfile.SoundFile(file) as sound:
            if sound.frames > LONGEST * sound.samplerate:
                raise InputError(
                    f"lasts {sound.frames / sound.samplerate:.0f} s at {sound.samplerate} Hz",
                    hint=f"a recording holds one word, of at most {LONGEST} s: cut or remove it",
                )
            samples, rate, width = sound.read(always_2d=True), sound.samplerate, sound.channels
    except (soundfile.LibsndfileError, TypeError) as error:  # of raw samples without a header
        reason = getattr(error, "error_string", "it has no header")
        raise InputError(f"not readable as sound: {reason}", hint="replace or remove it") from error
    _refuse_cut(file, len(samples))
    return (samples[:, 0] if width == 1 else samples.mean(axis=1)), rate


def _refuse_cut(file, frames):
    """Raise InputError where a header promises more frames than the file holds.

    libsndfile reads what is there of a WAV or NIST file without a word; it refuses the others.
    """
    if isinstance(file, io.IOBase):
        promised = _promised(file)
    else:
        with file.open("rb") as opened:
            promised = _promised(opened)
    if promised is not None and frames < promised:
        raise InputError(
            f"holds {frames} of the {promised} samples that its header promises",
            hint="it was cut short: fetch it again or remove it",
        )


def _promised(file):
    """Return how many frames the header of a WAV or NIST file promises, or None."""
    file.seek(0)
    head = file.read(HEAD)
    if head.startswith(b"NIST_1A"):
        count = re.search(rb"^sample_count -i (\d+)", head, re.MULTILINE)
        return int(count[1]) if count else None
    if head[:4] not in (b"RIFF", b"RIFX") or head[8:12] != b"WAVE":
        return None
    order, at, frame = "<>"[head[3:4] == b"X"], 12, None
    while at + 8 <= len(head):
        name, size = head[at : at + 4], struct.unpack(f"{order}I", head[at + 4 : at + 8])[0]
        if name == b"fmt " and at + 22 <= len(head):
            frame = struct.unpack(f"{order}H", head[at + 20 : at + 22])[0]  # bytes of a frame
            plain = struct.unpack(f"{order}H", head[at + 8 : at + 10])[0] in (1, 3, 6, 7, 0xFFFE)
            frame = frame if plain else None  # of compressed sound, bytes tell no frames
        if name == b"data":
            known = not any(size in sizes for sizes in UNKNOWN_SIZES)
            return size // frame if frame and known else None
        at += 8 + size + size % 2
    return None
