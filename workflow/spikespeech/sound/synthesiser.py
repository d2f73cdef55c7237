"""Speech synthesisers, each in a process of its own.

Such a library keeps state from one utterance to the next, and may be under the GPL; so a child
process says all utterances in the order given, and nothing else runs in there. The same list
gives the same samples.
"""

import json
import subprocess
import sys

import numpy as np

from spikespeech.errors import InputError

FULL_SCALE = 32_768


def spoken(module, utterances, hint):
    """Return what a synthesiser says, in order: float32 arrays in -1..1.

    Parameters
    ----------
    module : name of the module that, run as a program, calls `answer`
    utterances : dictionaries that the module understands
    hint : what to do if it fails
    """
    if not utterances:
        return []
    child = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(utterances).encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    if child.returncode:
        raise InputError(f"{module} ended with status {child.returncode}", hint=hint)
    lengths = np.frombuffer(child.stdout, np.int64, len(utterances))
    samples = np.frombuffer(child.stdout, np.int16, offset=lengths.nbytes)
    clips = np.split(samples, np.cumsum(lengths)[:-1])
    return [clip.astype(np.float32) / FULL_SCALE for clip in clips]


def answer(say):
    """Be the child: pass each utterance to `say`, which returns bytes of 16-bit samples."""
    clips = [say(utterance) for utterance in json.load(sys.stdin)]
    sys.stdout.buffer.write(np.array([len(c) // 2 for c in clips], np.int64).tobytes())
    sys.stdout.buffer.write(b"".join(clips))
