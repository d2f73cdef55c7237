"""Quantisation and the export to NetX: exact where it can be, refused where it cannot."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikespeech import eventprop, fixed_point, netx
from spikespeech.errors import InputError
from spikespeech.loihi import netx_file, quantise
from spikespeech.network import LI, LIF, Network, Parameters
from spikespeech.spikes import SpikeTrains


def network_of(neuron=None, output=None, **options):
    return Network.layered(20, 24, 5, neuron=neuron, output=output, **options)


NETWORK = network_of()


def draw(network=NETWORK, seed=3, **changes):
    weights = Parameters.random(
        network,
        np.random.default_rng(seed),
        input_hidden=(0.15, 0.2),
        hidden_hidden=(0, 0.2),
        hidden_output=(0, 0.3),
    )
    return weights | {name: change(weights[name]) for name, change in changes.items()}


def spikes(n=6, n_steps=80):
    rng = np.random.default_rng(1)
    binned = []
    for _ in range(n):
        steps, units = np.nonzero(rng.random((n_steps, 20)) < 0.1)
        binned.append((steps.astype(np.uint16), units.astype(np.uint16)))
    return SpikeTrains.from_binned(binned, [0] * n, [-1] * n, n_steps, 20, 1.0, tuple("abcde"))


def test_the_papers_scale_and_constants(tmp_path):
    weights = draw()
    q = netx.export(NETWORK, weights, tmp_path / "a.net")
    k = (1 - np.exp(-1 / 20)) * 5 * (1 - np.exp(-1 / 5))
    both = np.concatenate([weights["input_hidden"].ravel(), weights["hidden_hidden"].ravel()]) * k
    largest = max(np.percentile(both[both > 0], 99), np.percentile(-both[both <= 0], 99))
    lsb = 2 ** (np.floor(np.log2(largest)) - 6)
    hidden, output = netx_file.read(tmp_path / "a.net")
    assert q.lsb[0] == lsb
    expected = np.clip(np.round(weights["input_hidden"] * k / lsb), -128, 127)
    np.testing.assert_array_equal(hidden.weight, expected.T)
    assert (hidden.current_decay, hidden.voltage_decay) == (742, 200)
    assert hidden.threshold == round(1 / lsb)
    assert output.threshold == 2**17 - 1


def test_every_data_set_of_the_file_has_a_value(tmp_path):
    netx.export(NETWORK, draw(), tmp_path / "a.net")
    with h5py.File(tmp_path / "a.net") as file:
        file.visititems(lambda _, item: isinstance(item, h5py.Group) or item[()].shape is not None)
        values = []
        file.visititems(
            lambda name, item: (
                values.append((name, item[()])) if isinstance(item, h5py.Dataset) else None
            )
        )
    assert not [name for name, value in values if isinstance(value, h5py.Empty)]
    assert dict(values)["layer/1/inFeatures"] == 20
    assert dict(values)["layer/1/type"][0] == b"dense_rec"


@pytest.mark.parametrize(
    "changes",
    [
        {"input_hidden": np.abs},
        {"input_hidden": lambda w: -np.abs(w)},
        {"hidden_hidden": lambda w: -np.abs(w) - 1},
        {"hidden_hidden": lambda w: -np.abs(w), "input_hidden": np.abs},
        {"hidden_hidden": lambda w: -np.abs(w), "input_hidden": lambda w: -np.abs(w)},
        {"hidden_hidden": np.zeros_like},
        {"hidden_output": lambda w: -np.abs(w) - 0.5},
        {"input_hidden": lambda w: np.where(np.arange(w.size).reshape(w.shape) == 7, w, 0)},
    ],
)
@pytest.mark.parametrize("bits", quantise.WORD_LENGTHS)
@pytest.mark.parametrize("scale", quantise.SCALES)
def test_one_sign_layers_are_exact_in_lava(changes, bits, scale, tmp_path):
    weights = draw(**changes)
    q = netx.export(NETWORK, weights, tmp_path / "a.net", bits=bits, scale=scale)
    for layer, lsb in zip(netx_file.read(tmp_path / "a.net"), q.lsb, strict=True):
        for integers, synapse in zip(
            [layer.weight, layer.weight_rec], netx_file.synapses(layer), strict=False
        ):
            np.testing.assert_array_equal(synapse.effective(), integers)
            assert len(np.unique(integers)) <= 2**bits
            assert np.abs(integers).max() <= 128
        assert lsb > 0


@pytest.mark.parametrize(
    ("network", "weights", "message"),
    [
        (NETWORK, draw(input_hidden=np.zeros_like, hidden_hidden=np.zeros_like), "are zero"),
        (NETWORK, draw(hidden_output=np.zeros_like), "all weights of the output layer are zero"),
        (NETWORK, draw(input_hidden=lambda w: w * 1e-6, hidden_hidden=np.zeros_like), "threshold"),
        (NETWORK, draw(input_hidden=lambda w: w * 1e6), "threshold"),
        (network_of(LIF(np.linspace(10, 20, 24))), draw(), "tau_mem of hidden has 24 different"),
        (network_of(output=LI(20, np.array([5, 5, 5, 5, 6]))), draw(), "tau_syn of output has 2"),
        (network_of(LIF(threshold=np.linspace(1, 2, 24))), draw(), "threshold of hidden has 24"),
        (network_of(LIF(20000.0)), draw(), "12 bits"),
        (NETWORK, draw(hidden_hidden=lambda w: w * np.nan), "NaN"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_no_file(network, weights, message, tmp_path):
    with pytest.raises(InputError, match=message):
        netx.export(network, weights, tmp_path / "a.net")
    assert list(tmp_path.iterdir()) == []


def test_unknown_options_are_refused(tmp_path):
    for options in ({"bits": 16}, {"bits": 5}, {"scale": "power"}):
        with pytest.raises(InputError, match="choose from"):
            netx.export(NETWORK, draw(), tmp_path / "a.net", **options)


def test_equal_values_of_all_neurons_are_one_value(tmp_path):
    network = network_of(LIF(np.full(24, 20.0)))
    netx.export(network, draw(), tmp_path / "a.net")
    netx.export(NETWORK, draw(), tmp_path / "b.net")
    a, b = netx_file.read(tmp_path / "a.net"), netx_file.read(tmp_path / "b.net")
    assert a[0].voltage_decay == b[0].voltage_decay == 200


def test_a_file_that_reads_back_otherwise_does_not_count(tmp_path, monkeypatch):
    path = tmp_path / "a.net"
    netx.export(NETWORK, draw(), path)
    before = path.read_bytes()
    read = netx_file.read
    monkeypatch.setattr(
        netx_file, "read", lambda p: [replace(layer, threshold=7) for layer in read(p)]
    )
    with pytest.raises(InputError, match="does not read back"):
        netx.export(NETWORK, draw(seed=4), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_feed_forward_networks_have_no_recurrent_weights(tmp_path):
    network = network_of(recurrent=False)
    q = netx.export(network, draw(network), tmp_path / "a.net")
    assert netx_file.read(tmp_path / "a.net")[0].weight_rec is None
    assert list(q.weights) == ["input_hidden", "hidden_output"]


def test_errors_are_reported():
    weights = draw()
    report = netx.fit(NETWORK, weights, bits=4).report
    assert [layer["name"] for layer in report["layers"]] == ["hidden", "output"]
    q = netx.fit(NETWORK, weights, bits=4).weights
    matrix = report["layers"][0]["matrices"][0]
    w = weights["input_hidden"].astype(float)
    error = np.sqrt(np.mean((q["input_hidden"] - w) ** 2) / np.mean(w**2))
    assert matrix["error"] == pytest.approx(error, rel=1e-5)
    assert matrix["error"] ** 2 == pytest.approx(
        matrix["clipping_error"] ** 2 + matrix["rounding_error"] ** 2
    )
    assert matrix["clipped"] == np.sum(
        np.abs(q["input_hidden"] - w) > report["layers"][0]["lsb"] / 2 / 0.0442 * 1.001
    )


@given(st.integers(0, 1000), st.sampled_from(quantise.WORD_LENGTHS))
@settings(max_examples=20, deadline=None)
def test_the_error_minimising_scale_errs_least(seed, bits):
    weights = draw(seed=seed)

    def error(scale):
        kept = quantise.quantise(NETWORK, weights, bits=bits, scale=scale).weights
        return np.sum((kept["input_hidden"] - weights["input_hidden"]) ** 2) + np.sum(
            (kept["hidden_hidden"] - weights["hidden_hidden"]) ** 2
        )

    assert error("error") <= error("percentile") * 1.02


@pytest.mark.parametrize("bits", quantise.WORD_LENGTHS)
def test_weights_on_a_grid_stay_as_they_are(bits):
    once = quantise.quantise(NETWORK, draw(), bits=bits, scale="error")
    again = quantise.quantise(NETWORK, once.weights, bits=bits, scale="error")
    np.testing.assert_allclose(
        again.weights["input_hidden"], once.weights["input_hidden"], rtol=1e-5
    )
    np.testing.assert_allclose(
        again.weights["hidden_output"], once.weights["hidden_output"], rtol=1e-5
    )


def test_calibration_keeps_outputs_from_firing():
    network = network_of(output=LI(500.0, 100.0))
    weights = draw(network, hidden_output=np.abs)
    long = spikes(n=3, n_steps=1000)
    free = netx.fit(network, weights)
    states = fixed_point.simulate(free.layers, long, record=())
    assert states.spike_counts[1].any()
    kept = netx.fit(network, weights, calibration=long)
    states = fixed_point.simulate(kept.layers, long, record=())
    assert not states.spike_counts[1].any()
    assert kept.report["output_lsb_doubled"] > 0
    assert kept.lsb[1] == free.lsb[1] * 2 ** kept.report["output_lsb_doubled"]


def test_eight_bits_follow_the_float_network():
    weights = draw()
    q = netx.fit(NETWORK, weights, scale="error")
    exact = eventprop.simulate(NETWORK, q.weights, spikes())
    states = fixed_point.simulate(q.layers, spikes())
    v = states.v[1] / 64 * q.lsb[1]
    early = slice(0, 12)  # before rounding errors of the states move a first spike
    np.testing.assert_allclose(v[:, early], exact.output_v[:, early], atol=0.02)
    counts = np.bincount(exact.hidden_spikes.units, minlength=24)
    assert abs(states.spike_counts[0].sum() - counts.sum()) < 0.03 * counts.sum()


def test_foreign_files_that_lava_cannot_load_are_refused(tmp_path):
    path = tmp_path / "a.net"

    def broken(change):
        netx.export(NETWORK, draw(), path)
        with h5py.File(path, "r+") as file:
            change(file)
        with pytest.raises(InputError) as caught:
            netx_file.read(path)
        return str(caught.value)

    def put(key, value):
        def change(file):
            del file[key]
            file[key] = value

        return change

    assert "one for each neuron" in broken(put("layer/1/neuron/vDecay", np.full(24, 200)))
    assert "is empty" in broken(put("layer/1/neuron/vThMant", h5py.Empty("i4")))
    assert "'conv'" in broken(put("layer/1/type", np.array([b"conv"])))
    assert "'RF_PHASE'" in broken(put("layer/1/neuron/type", np.array([b"RF_PHASE"])))
    assert "delays" in broken(lambda f: f["layer/1"].create_dataset("delay", data=np.int64(2)))
    assert "no layer/1/weight" in broken(lambda f: f["layer/1"].pop("weight"))
    assert "no layer/1" in broken(lambda f: f["layer"].pop("1"))
