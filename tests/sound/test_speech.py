"""Synthetic speakers: what they say, reproducibly."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spikespeech.data.datasets import DIGITS, REGISTRY
from spikespeech.data.events import read_events
from spikespeech.errors import InputError
from spikespeech.sound import espeak, pico, speech

SCRIPTS = Path(__file__).parents[2] / "scripts"
SETTINGS = {
    "tier": "standard",
    "speakers": 4,
    "utterances": 2,
    "classes": ["three", "null", "fünf"],
    "test_speakers": [3],
    "test_share": 0.2,
    "window": "ramps",
    "pre_emphasis": 0,
    "channels": 140,
    "seed": 7,
}


def run(script, *arguments):
    """Run a script; return its exit status and what it printed."""
    finished = subprocess.run(
        [sys.executable, SCRIPTS / script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout


def synthesise(folder, *, threads=1, **changes):
    paths = folder / "train.h5", folder / "test.h5"
    status, output = run(
        "data/synthesise.py",
        *("--settings", json.dumps(SETTINGS | changes), "--threads", threads),
        *("--train", paths[0], "--test", paths[1]),
    )
    return status, output, paths


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    status, output, paths = synthesise(tmp_path_factory.mktemp("digits"))
    assert status == 0, output
    return paths


def test_classes_are_those_of_shd():
    assert DIGITS[0] == "zero" and DIGITS[10] == "null" and len(DIGITS) == 20
    assert REGISTRY["digits"].synthetic and "synthetic" in REGISTRY["digits"].label
    for voices in speech.TIERS.values():
        assert len(voices) == len(set(voices)) == REGISTRY["digits"].n_speakers


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_threads(digits, tmp_path):
    _, _, again = synthesise(tmp_path / "again", threads=3)
    _, _, other = synthesise(tmp_path / "other", seed=8)
    for path, same, different in zip(digits, again, other, strict=True):
        assert path.read_bytes() == same.read_bytes()
        assert path.read_bytes() != different.read_bytes()


def test_parts_hold_their_speakers(digits):
    with read_events(digits[0], n_units=140) as train, read_events(digits[1], n_units=140) as test:
        assert train.classes == ("three", "null", "fünf")
        assert set(train.speakers) == {0, 1, 2}
        assert sorted(test.speakers) == [0, 1, 2] + 6 * [3]
        assert len(train) + len(test) == 4 * 3 * 2
        for times, _ in train:
            assert 0.3 < times[-1] < 1.5


def test_binning_and_importing_by_script(digits, tmp_path):
    settings = json.dumps({"channels": 140, "steps": 900, "dt_ms": 1.0})
    status, output = run(
        "data/bin_spikes.py", digits[0], "--settings", settings, "--out", tmp_path / "binned.h5"
    )
    assert status == 0, output
    own = tmp_path / "own.h5"
    assert run("data/import_spikes.py", digits[0], "--out", own)[0] == 0
    assert own.read_bytes() == digits[0].read_bytes()
    own.unlink()
    status, output = run("data/import_spikes.py", digits[0], "--channels", 100, "--out", own)
    assert status == 1
    assert output.startswith("error: ") and output.count("\n") == 1
    assert "is not one of 0..99 (set `channels` of the data set)" in output
    assert not own.exists()


def test_each_utterance_has_its_own_stream():
    few = {u.key: u for u in speech.plan(seed=1, speakers=2, utterances=1, classes=DIGITS[:3])}
    for u in speech.plan(seed=1, speakers=3, utterances=2, classes=DIGITS[:4]):
        if u.key in few:
            assert (u.rate, u.pitch, u.snr_db) == (
                few[u.key].rate,
                few[u.key].pitch,
                few[u.key].snr_db,
            )
    rates = [u.rate for u in speech.plan(seed=1)]
    assert len(rates) == len(set(rates)) == 960
    assert 0.85 <= min(rates) < 0.86 and 1.14 < max(rates) <= 1.15


def test_espeak_obeys_rate_and_pitch_and_knows_its_voices():
    order = {"voice": "de+f2", "text": "sieben", "rate": 120, "pitch": 50, "seed": 1}
    slow, fast, high = espeak.speak([order, order | {"rate": 240}, order | {"pitch": 99}])
    assert len(slow) > 1.3 * len(fast)
    assert abs(len(slow) - len(high)) < 0.1 * len(slow)
    spectrum = [np.abs(np.fft.rfft(clip, 2**16))[200:2000] for clip in (slow, high)]
    assert spectrum[1].argmax() > spectrum[0].argmax()
    np.testing.assert_array_equal(espeak.speak([order])[0], slow)
    with pytest.raises(InputError, match="espeak ended with status 1"):
        espeak.speak([order | {"voice": "xx+nobody"}])


def test_the_hard_tier_mixes_two_synthesisers():
    pytest.importorskip("py_nanotts", reason="the hard tier needs py-nanotts")
    planned = speech.plan(seed=1, speakers=4, utterances=1, classes=("two", "drei"))
    first, again = (
        [r.sound() for r in speech.say(planned, seed=1, classes=("two", "drei"), tier="hard")]
        for _ in range(2)
    )
    for (samples, rate), (same, _), utterance in zip(first, again, planned, strict=True):
        np.testing.assert_array_equal(samples, same)
        assert 0.25 < len(samples) / rate < 1.5
        voice = speech.TIERS["hard"][utterance.speaker]
        engine = pico if utterance.speaker % 2 else espeak
        assert voice.engine == engine.__name__.rpartition(".")[2]
        assert rate == pytest.approx(engine.RATE * voice.formants * utterance.formants)


def test_pink_noise_and_trimming():
    noise = speech.pink_noise(2**16, np.random.default_rng(0))
    assert np.mean(noise**2) == pytest.approx(1)
    power = np.abs(np.fft.rfft(noise)) ** 2
    octaves = [power[2**k : 2 ** (k + 1)].sum() for k in range(6, 14)]
    assert max(octaves) / min(octaves) < 1.6  # each octave holds as much
    clip = np.concatenate([np.zeros(100), np.ones(50), np.zeros(10)])
    assert speech.trim(clip, 5).tolist() == [0] * 5 + [1] * 50 + [0] * 5
