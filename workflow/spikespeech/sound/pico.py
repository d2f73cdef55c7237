"""SVOX Pico, which the optional package `py-nanotts` brings with its voices."""

from spikespeech.sound import synthesiser

RATE = 16_000  # Hz


def speak(utterances):
    """Return what Pico says, in order: float32 arrays in -1..1 at RATE.

    Parameters
    ----------
    utterances : dictionaries of `voice` ("de-DE", "en-GB" or "en-US"), `text`, and `rate` and
        `pitch` as multiples of the voice's own
    """
    return synthesiser.spoken(__name__, utterances, "pip install py-nanotts")


def _main():
    from py_nanotts import NanoTTS

    engine = NanoTTS()
    synthesiser.answer(
        lambda utterance: engine.speak(
            utterance["text"],
            voice=utterance["voice"],
            speed=utterance["rate"],
            pitch=utterance["pitch"],
        )
    )


if __name__ == "__main__":
    _main()
