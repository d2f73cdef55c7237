"""The integer simulator against recordings of real Lava, and against itself."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts.peers import lava_check

from spikespeech import fixed_point, netx
from spikespeech.errors import InputError
from spikespeech.loihi import netx_file
from spikespeech.network import Network, Parameters
from spikespeech.spikes import SpikeTrains

RECORDINGS = sorted(Path(__file__).parents[1].joinpath("fixtures/lava").glob("*.npz"))


def simulate(recording, path, **options):
    path.write_bytes(recording["netx"].tobytes())
    interval = int(recording["reset_interval"]) if "reset_interval" in recording else -1
    return fixed_point.simulate(
        path,
        recording["counts" if "counts" in recording else "x"],
        reset_interval=None if interval < 0 else interval,
        input_message_bits=int(recording["input_message_bits"]),
        **options,
    )


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: file.stem)
def test_equal_to_lava(file, tmp_path):
    recording = np.load(file)
    states = simulate(recording, tmp_path / "a.net")
    for i, (u, v, spikes) in enumerate(zip(states.u, states.v, states.spikes, strict=True)):
        np.testing.assert_array_equal(u, recording[f"u_{i}"])
        np.testing.assert_array_equal(v, recording[f"v_{i}"])
        np.testing.assert_array_equal(np.packbits(spikes, axis=1), recording[f"s_{i}"])


def test_equal_to_shared_recordings(shared, tmp_path):
    files = sorted((shared / "fixtures/lava").glob("*.npz"))
    assert len(files) >= 12
    for file in files:
        recording = np.load(file)
        states = simulate(recording, tmp_path / "a.net")
        for prefix, layer in (("h", 0), ("o", -1)):
            np.testing.assert_array_equal(states.u[layer], recording[f"{prefix}_u"], file.stem)
            np.testing.assert_array_equal(states.v[layer], recording[f"{prefix}_v"], file.stem)
            np.testing.assert_array_equal(
                np.packbits(states.spikes[layer], axis=1), recording[f"{prefix}_s"], file.stem
            )


def test_counts_of_wraps_and_clips(shared, tmp_path):
    recording = np.load(shared / "fixtures/lava/synth_wrap_hi.npz")
    states = simulate(recording, tmp_path / "a.net")
    before = np.vstack([np.zeros((1, 30), int), states.v[0][:-1]])
    kept = np.sign(before) * (np.abs(before) * (4096 - 200) >> 12) + states.u[0]
    assert states.saturated[0] == np.sum(np.any(np.abs(kept) >= 1 << 23, axis=1))
    assert states.wrapped[0] > 0
    assert states.wrapped[1] == 0


def layers(seed=0, n_inputs=20, n_hidden=24, n_outputs=5):
    rng = np.random.default_rng(seed)
    hidden = netx_file.Layer(
        rng.integers(-80, 128, (n_hidden, n_inputs)),
        rng.integers(-128, 100, (n_hidden, n_hidden)),
        742,
        200,
        400,
    )
    output = netx_file.Layer(rng.integers(-128, 128, (n_outputs, n_hidden)), None, 742, 200, 131071)
    return [hidden, output]


def spike_trains(seed, n, n_units=20, n_steps=60, rate=0.1):
    rng = np.random.default_rng(seed)
    binned = []
    for _ in range(n):
        steps, units = np.nonzero(rng.random((n_steps, n_units)) < rate)
        binned.append((steps.astype(np.uint16), units.astype(np.uint16)))
    return SpikeTrains.from_binned(binned, [0] * n, [-1] * n, n_steps, n_units, 1.0, ("a",))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_batches_threads_and_forms_change_nothing(seed, n, threads):
    spikes = spike_trains(seed, n)
    dense = np.zeros((n, 20, 60), int)
    for i in range(n):
        steps, units = spikes.example(i)
        dense[i, units, steps] = 1
    together = fixed_point.simulate(layers(), spikes, threads=threads)
    also = fixed_point.simulate(layers(), dense, input_message_bits=8)
    alone = fixed_point.simulate(layers(), dense[n - 1])
    for i in range(2):
        for name in ("u", "v", "spikes", "spike_counts"):
            a = getattr(together, name)[i]
            np.testing.assert_array_equal(a, getattr(also, name)[i])
            np.testing.assert_array_equal(a[n - 1], getattr(alone, name)[i])
        np.testing.assert_array_equal(
            together.spike_counts[i], together.spikes[i].sum(axis=1, dtype=int)
        )


def step_by_step(layer, x):
    """Lava's equations in numpy, for layers whose weights Lava keeps; return (u, v, spikes)."""
    u, v = np.zeros(layer.n_units, np.int64), np.zeros(layer.n_units, np.int64)
    s, arriving, states = np.zeros(layer.n_units, np.int64), 0, []
    for column in x.T:
        u = np.sign(u) * (np.abs(u) * (4096 - layer.current_decay) >> 12) + 64 * arriving
        u = np.where(u > 1 << 23, u - (1 << 24), np.where(u <= -(1 << 23), u + (1 << 24), u))
        v = np.sign(v) * (np.abs(v) * (4096 - layer.voltage_decay) >> 12) + u
        v = np.clip(v, 1 - (1 << 23), (1 << 23) - 1)
        s = (v > 64 * layer.threshold).astype(int)
        v = np.where(s, 0, v)
        arriving = layer.weight @ column + layer.weight_rec @ s
        states.append((u, v, s))
    return (np.array(array) for array in zip(*states, strict=True))


@pytest.mark.parametrize("n_hidden", [1, 63, 64, 65, 128, 256, 257, 330])
@pytest.mark.parametrize(("rate", "top"), [(0.05, 1), (1.0, 1), (0.3, 6)])
def test_any_width_and_any_number_of_spikes_a_step(n_hidden, rate, top):
    """Blocks of 256 and of 64 neurons, more rows than 16 bits hold the sum of, graded counts."""
    rng = np.random.default_rng(n_hidden)
    weight = rng.integers(-128, 128, (n_hidden, 300))
    weight[0, :2] = -128, 127
    layer = netx_file.Layer(weight, rng.integers(-128, 128, (n_hidden,) * 2), 742, 200, 3000)
    counts = (rng.random((300, 30)) < rate) * rng.integers(1, top + 1, (300, 30))
    states = fixed_point.simulate([layer], counts, input_message_bits=8)
    for ours, expected in zip(
        (states.u, states.v, states.spikes), step_by_step(layer, counts), strict=True
    ):
        np.testing.assert_array_equal(ours[0], expected)


def test_readouts_are_windowed_sums():
    spikes = spike_trains(1, 3)
    window = np.linspace(1, 0.2, 20)
    states = fixed_point.simulate(layers(), spikes, window=window)
    expected = np.einsum("t,nitk->nik", window, states.v[1].reshape(3, 3, 20, 5).astype(float))
    np.testing.assert_allclose(states.readouts, expected, rtol=1e-12)
    rows = np.random.default_rng(0).random((3, 60))
    states = fixed_point.simulate(layers(), spikes, window=rows, record_layers=(-1,))
    expected = np.einsum("nt,ntk->nk", rows, states.v[1].astype(float))
    np.testing.assert_allclose(states.readouts[:, 0], expected, rtol=1e-12)
    assert states.v[0].size == 0


def test_a_reset_between_examples_carries_the_last_spikes_over():
    dense = np.zeros((20, 120), int)
    dense[:, 59] = 1
    states = fixed_point.simulate(layers(), dense, reset_interval=60)
    assert not states.u[0][:60].any()
    assert states.u[0][60].any()


def test_bad_input_is_refused(tmp_path):
    with pytest.raises(InputError, match="units for a network of 20 inputs"):
        fixed_point.simulate(layers(), np.zeros((60, 21), int))
    with pytest.raises(InputError, match="float"):
        fixed_point.simulate(layers(), np.zeros((20, 60)))
    with pytest.raises(ValueError, match="choose from"):
        fixed_point.simulate(layers(), np.zeros((20, 60), int), record=("w",))
    path = tmp_path / "bad.net"
    path.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match="cannot be read: Unable to"):
        fixed_point.simulate(path, np.zeros((20, 60), int))


def test_speed():
    """256 hidden neurons, 1,000 steps, SHD's activity: a third of a millisecond, thrice for CI."""
    rng = np.random.default_rng(0)

    def normal(*shape, mean=0, sd=30):
        return np.clip(np.rint(rng.normal(mean, sd, shape)), -128, 127).astype(int)

    net = [
        netx_file.Layer(
            normal(256, 700, mean=7, sd=18), normal(256, 256, mean=-12, sd=25), 742, 200, 2600
        ),
        netx_file.Layer(normal(20, 256), None, 742, 200, 131071),
    ]
    spikes = spike_trains(0, 32, n_units=700, n_steps=1000, rate=0.0115)
    run = lambda: fixed_point.simulate(net, spikes, record=(), window=np.ones(1000))  # noqa: E731
    run()
    seconds = []
    for _ in range(7):
        start = time.process_time()
        run()
        seconds.append((time.process_time() - start) / 32)
    assert min(seconds) < 3 * 0.33e-3


def test_real_lava_agrees(tmp_path):
    python = os.environ.get("SPIKESPEECH_LAVA_PYTHON")
    if not python:
        pytest.skip("SPIKESPEECH_LAVA_PYTHON names no Python with Lava (.ci/lava.sh makes one)")
    network = Network.layered(20, 24, 5)
    weights = Parameters.random(
        network,
        np.random.default_rng(3),
        input_hidden=(0.15, 0.2),
        hidden_hidden=(0, 0.2),
        hidden_output=(0, 0.3),
    )
    counts = np.random.default_rng(4).poisson(0.12, (20, 100))
    for bits in (8, 4):
        path = tmp_path / f"{bits}.net"
        netx.export(network, weights, path, bits=bits)
        recorded = lava_check.run_lava(
            python, path, counts, reset_interval=50, input_message_bits=8
        )
        states = fixed_point.simulate(path, counts, reset_interval=50, input_message_bits=8)
        assert states.spike_counts[0].any()
        assert lava_check.differences(recorded, states) == []
