"""The cochlea model, beside the package `lauscher` that it re-evaluates."""

import time

import cochlea_reference
import numpy as np
import pytest

from spikespeech.errors import InputError
from spikespeech.sound import cochlea


def voiced(seconds, rate=cochlea.SOUND_RATE):
    """Return a hum of 150 Hz with overtones and noise, as of a vowel."""
    t = np.arange(round(seconds * rate)) / rate
    hum = np.sin(2 * np.pi * 150 * t * (1 + 0.1 * np.sin(20 * t)))
    return np.sign(hum) * np.abs(hum) ** 0.3 + 0.05 * np.random.default_rng(0).normal(size=t.size)


def test_exact_spikes_are_those_of_lauscher():
    from lauscher.audiowaves import MonoAudioWave
    from lauscher.helpers import CommandLineArguments
    from lauscher.transformations.wave2spike import Wave2Spike

    sound = voiced(0.12)
    sound -= sound.mean()  # which lauscher would keep
    CommandLineArguments().num_concurrent_jobs = 1
    np.random.seed(5)  # noqa: NPY002 - lauscher draws from the global stream
    theirs = MonoAudioWave(sound.copy(), cochlea.SOUND_RATE).transform(Wave2Spike(28))
    times, units = cochlea_reference.encode(
        sound, cochlea.SOUND_RATE, np.random.RandomState(5), n_channels=28
    )
    assert len(times) > 50
    np.testing.assert_array_equal(times, theirs.spike_times)
    np.testing.assert_array_equal(units, theirs.spike_labels)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_pre_emphasis_has_the_zero_of_a_filter_at_16_khz_at_every_rate(rate):
    t = np.arange(rate) / rate
    sound = np.sin(2 * np.pi * 100 * t) + np.sin(2 * np.pi * 2_000 * t)
    prepared = cochlea.prepare(sound, rate, "ramps", 0.97)
    middle = prepared[4_800:43_200] * np.hanning(38_400)
    low, high = np.abs(np.fft.rfft(middle))[[80, 1_600]]  # bins of 1.25 Hz
    zero = 0.97 ** (1 / 3)  # of 1 - zero / z at 48 kHz
    gains = np.abs(1 - zero * np.exp(-2j * np.pi * np.array([100, 2_000]) / 48_000))
    assert low / high == pytest.approx(gains[0] / gains[1], rel=0.01)
    assert np.sqrt(np.mean(middle**2)) > 0.5 * cochlea.LEVEL  # scaled after, not before
    np.testing.assert_array_equal(
        cochlea.prepare(sound, rate, "ramps", 0), cochlea.prepare(sound, rate, "ramps")
    )


@pytest.mark.parametrize("window", ["hann", "ramps"])
def test_fast_spikes_have_the_same_statistics(window):
    sound, n_channels, repeats = voiced(0.3), 40, 16
    counts = {}
    for name, encode, stream in (
        ("fast", cochlea.encode, np.random.default_rng),
        ("exact", cochlea_reference.encode, np.random.RandomState),
    ):
        maps = []
        for seed in range(repeats):
            times, units = encode(
                sound, cochlea.SOUND_RATE, stream(seed), window=window, n_channels=n_channels
            )
            maps.append(
                np.histogram2d(
                    units, times, bins=(n_channels // 4, 6), range=((0, n_channels), (0, 0.3))
                )[0]
            )
        counts[name] = np.array(maps)
    fast, exact = counts["fast"], counts["exact"]
    totals = fast.sum(axis=(1, 2)), exact.sum(axis=(1, 2))
    error = np.sqrt((totals[0].var(ddof=1) + totals[1].var(ddof=1)) / repeats)
    assert abs(totals[0].mean() - totals[1].mean()) < 4 * error
    assert totals[0].mean() == pytest.approx(totals[1].mean(), rel=0.04)
    # Every patch of four channels and 50 ms: its count varies like a Poisson count at most.
    spread = np.sqrt((fast.mean(axis=0) + exact.mean(axis=0) + 1) / repeats)
    assert np.all(np.abs(fast.mean(axis=0) - exact.mean(axis=0)) < 5 * spread)
    assert fast.std(axis=0).sum() == pytest.approx(exact.std(axis=0).sum(), rel=0.2)


def test_spikes_follow_from_the_random_stream_alone():
    sound = voiced(0.2)
    first, again, other = (
        cochlea.encode(sound, cochlea.SOUND_RATE, np.random.default_rng(seed), n_channels=70)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert len(other[0]) != len(first[0]) or np.any(other[0] != first[0])
    assert np.all(np.diff(first[0]) >= 0)
    ties = np.diff(first[0]) == 0
    assert np.all(np.diff(first[1])[ties] > 0)


def test_channel_0_is_high_and_the_last_is_low():
    t = np.arange(cochlea.SOUND_RATE // 4) / cochlea.SOUND_RATE
    best = []
    for frequency in (4000, 1000, 250):
        _, units = cochlea.encode(
            np.sin(2 * np.pi * frequency * t), cochlea.SOUND_RATE, np.random.default_rng(0)
        )
        best.append(np.median(units))
    # The resonance of place c is at 22.5 kHz exp(-1.5 c).
    expected = 699 / 3.5 * np.log(22508 / np.array([4000, 1000, 250])) / 1.5
    assert np.all(np.abs(np.array(best) - expected) < 70)
    assert best == sorted(best)


def test_loudness_does_not_matter_and_sound_at_another_rate_is_resampled():
    sound = voiced(0.25, 16_000)
    spikes = [
        cochlea.encode(samples, rate, np.random.default_rng(3), n_channels=70)
        for samples, rate in ((sound, 16_000), (100 * sound, 16_000), (np.repeat(sound, 3), 48_000))
    ]
    assert len(spikes[1][0]) == pytest.approx(len(spikes[0][0]), rel=0.01)
    assert len(spikes[2][0]) == pytest.approx(len(spikes[0][0]), rel=0.1)


def test_an_utterance_costs_less_than_three_tenths_of_a_second():
    sound = voiced(0.69)
    costs = []
    for seed in range(4):
        start = time.process_time()
        cochlea.encode(sound, cochlea.SOUND_RATE, np.random.default_rng(seed))
        costs.append(time.process_time() - start)
    assert min(costs) < 0.3


@pytest.mark.parametrize("offset", [0.05, -0.3])
def test_an_offset_changes_no_spike(offset):
    sound = 0.1 * voiced(0.25, 16_000)
    times, units = cochlea.encode(sound, 16_000, np.random.default_rng(3), n_channels=70)
    moved = cochlea.encode(sound + offset, 16_000, np.random.default_rng(3), n_channels=70)
    assert len(moved[0]) == pytest.approx(len(times), rel=0.002)
    np.testing.assert_allclose(
        np.bincount(moved[1], minlength=70), np.bincount(units, minlength=70), atol=2
    )


@pytest.mark.parametrize(
    "samples, problem",
    [
        (np.zeros(4800), "is silent"),
        (np.full(4800, 0.7), "is silent"),
        (np.zeros(0), "has no samples"),
        (np.ones(1), "lasts 2.08e-05 s"),
        (np.array([0.0, np.nan]), "sample nan"),
        (np.ones((4800, 2)), "2 dimensions"),
    ],
)
def test_bad_sound(samples, problem):
    with pytest.raises(InputError, match=problem):
        cochlea.encode(samples, 48_000, np.random.default_rng(0), n_channels=7)
