"""Losses: windows as data, and their gains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikespeech import losses
from spikespeech.errors import InputError
from spikespeech.spikes import SpikeTrains

N = 200


@pytest.mark.parametrize("name", losses.WINDOWS)
def test_normalised_windows_have_mean_one(name):
    loss = losses.make(name, n_steps=N, normalise=True)
    plain = losses.make(name, n_steps=N)
    assert loss.window.mean() == pytest.approx(1)
    np.testing.assert_allclose(loss.window * loss.gain, plain.window)
    assert plain.gain == loss.gain == pytest.approx(plain.window.mean())


def test_published_gains():
    """∫ e^(-t/T) = 1 - 1/e; the thesis' Gaussian has nearly twice the gain of that window."""
    exponential = losses.make("sum_exp", n_steps=1000)
    assert exponential.gain == pytest.approx(1 - np.exp(-1), rel=1e-3)
    u = np.arange(1000) / 1000
    bell = 2 * (0.3 + 2.3 * u * np.exp(-((u - 0.5) ** 2) / (2 * 0.37**2)))
    table = losses.make("table", n_steps=1000, values=bell)
    assert table.gain == pytest.approx(bell.mean())


def test_windows_are_the_published_functions():
    u = np.arange(N) / N
    windows = {n: losses.make(n, n_steps=N).window for n in losses.WINDOWS}
    np.testing.assert_allclose(windows["sum"], 1)
    np.testing.assert_allclose(windows["linear"], 1 - u)
    np.testing.assert_allclose(windows["sum_exp"], np.exp(-u))
    np.testing.assert_allclose(windows["sigmoid"], 1 / (1 + np.exp((u - 0.5) / 0.2)))
    gaussian = losses.make("gaussian", n_steps=N, mu=0.6, sigma=0.1).window
    assert u[gaussian.argmax()] == pytest.approx(0.6)
    assert gaussian[120 + 20] == pytest.approx(np.exp(-0.5))


def test_only_the_exponential_drive_is_mlgenns():
    """mlGeNN takes e^(-t/T) at the end of a step: a factor e^(-dt/T) on its gradient."""
    for name in losses.WINDOWS:
        loss = losses.make(name, n_steps=N)
        factor = np.exp(-1 / N) if name == "sum_exp" else 1
        np.testing.assert_allclose(loss.adjoint_window, factor * loss.window)


@given(st.lists(st.integers(0, 49), min_size=1, max_size=30))
def test_input_window_is_filtered_activity(steps):
    steps = sorted(set(steps))
    spikes = SpikeTrains.from_arrays(
        [steps, [0.0]], [[0] * len(steps), [1]], [0, 1], n_units=2, n_steps=50
    )
    loss = losses.make("input", n_steps=50, tau=20.0)
    window, drive = loss.windows(spikes)
    assert window is drive and window.shape == (2, 50)
    decay = np.exp(-1 / 20)
    expected = sum(
        np.where(np.arange(50) >= s, (1 - decay) / 2 * decay ** (np.arange(50) - s), 0)
        for s in steps
    )
    np.testing.assert_allclose(window[0], expected, atol=1e-12)
    scaled, _ = losses.make("input", n_steps=50, normalise=True).windows(spikes)
    np.testing.assert_allclose(scaled.mean(axis=1), 1)


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("sums", {}, "unknown"),
        ("gaussian", {"mean": 1}, "mean"),
        ("max", {"mu": 1}, "mu"),
        ("table", {"values": [1, 2]}, "table"),
        ("table", {"values": [np.nan] * N}, "finite"),
        ("table", {"values": [0] * N, "normalise": True}, "mean 0"),
        ("gaussian", {"sigma": 0}, "sigma"),
        ("sigmoid", {"width": -1}, "width"),
        ("input", {"tau": 0}, "tau"),
        ("first_spike", {"temperature": 0}, "temperature"),
    ],
)
def test_bad_losses_are_named(name, parameters, said):
    with pytest.raises(InputError, match=said):
        losses.make(name, n_steps=N, **parameters)
