"""Input conventions against tonic's, predictions, ablations, costs, quantised training."""

from dataclasses import replace
from types import SimpleNamespace

import made_up
import numpy as np
import pandas as pd
import pytest
import tonic.transforms
from scripts.deployment import word_lengths
from scripts.exhibits.deployment import plot_word_lengths, tabulate_conversion

from spikespeech import eventprop, losses, netx
from spikespeech.backends import native
from spikespeech.data.events import read_events, write_events
from spikespeech.deployment import causes, cost, evaluation, examples, inputs
from spikespeech.errors import InputError
from spikespeech.files import write_json
from spikespeech.fixed_point import GradedSpikes
from spikespeech.network import LI, LIF, AdaptiveLIF, Connection, Network, Parameters, save
from spikespeech.network.neurons import gain
from spikespeech.reading import read_csv
from spikespeech.spikes import SpikeTrains, splits
from spikespeech.training import quantised

N_STEPS, N_UNITS = 80, 20
NETWORK = Network.layered(N_UNITS, 24, 5)


def events(n=6, seed=0):
    """Example spike times (s) and units; bins of several events, a first event after t = 0."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        size = rng.integers(100, 200)
        times = np.sort(rng.uniform(3.7e-3, 70e-3, size)).astype(np.float32)
        made.append((times, rng.integers(0, N_UNITS, size)))
    return made


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "test.h5"
    write_events(path, events(), np.arange(6) % 5, np.zeros(6), tuple("abcde"))
    return path


def bins(file, convention, examples=range(6)):
    with read_events(file, n_units=N_UNITS) as opened:
        [graded] = inputs.bin_events(
            opened, np.array(examples), convention, n_steps=N_STEPS, dt_ms=1.0
        )
        return graded


def dense(graded, i):
    counts = np.zeros((graded.n_steps, graded.n_units), int)
    span = slice(graded.offsets[i], graded.offsets[i + 1])
    counts[graded.steps[span], graded.units[span]] = graded.counts[span]
    return counts


def draw():
    return Parameters.random(
        NETWORK,
        np.random.default_rng(3),
        input_hidden=(0.15, 0.2),
        hidden_hidden=(0, 0.2),
        hidden_output=(0, 0.3),
    )


def test_binary_input_is_that_of_training(file):
    spikes = SpikeTrains.load(file, n_units=N_UNITS, n_steps=N_STEPS)
    expected = GradedSpikes.from_spike_trains(spikes)
    for name in ("offsets", "steps", "units", "counts"):
        np.testing.assert_array_equal(getattr(bins(file, "binary"), name), getattr(expected, name))


def test_graded_input_is_tonics(file):
    graded = bins(file, "graded")
    assert graded.counts.max() > 1
    to_frame = tonic.transforms.ToFrame(sensor_size=(N_UNITS, 1, 1), time_window=1000.0)
    for i, (times, units) in enumerate(events()):
        raw = np.zeros(len(times), dtype=[("t", int), ("x", int), ("p", int)])
        raw["t"], raw["x"], raw["p"] = times.astype(float) * 1e6, units, 1
        frames = to_frame(raw).reshape(-1, N_UNITS)
        ours = dense(graded, i)
        np.testing.assert_array_equal(ours[: len(frames)], frames)
        assert not ours[len(frames) :].any()


def test_events_of_other_examples_are_refused(file):
    rows = splits.examples("test", np.arange(6) % 5, np.zeros(6), tuple("abcde"))
    with read_events(file, n_units=N_UNITS) as opened:
        inputs.check_same(opened, rows)
        with pytest.raises(InputError, match="other examples than the split"):
            inputs.check_same(opened, rows.assign(label=rows.label[::-1].to_numpy()))
        with pytest.raises(InputError, match="other examples"):
            inputs.check_same(opened, rows.assign(example=rows.example + 1))


def test_conventions_differ_in_one_thing_each(file):
    binary, counts, aligned = (bins(file, name) for name in ("binary", "counts", "aligned"))
    for i in range(6):
        np.testing.assert_array_equal(dense(counts, i) > 0, dense(binary, i) > 0)
        assert dense(aligned, i)[0].any()
    assert binary.counts.max() == aligned.counts.max() == 1
    chosen = bins(file, "counts", [1, 4])
    np.testing.assert_array_equal(dense(chosen, 0), dense(counts, 1))
    np.testing.assert_array_equal(dense(chosen, 1), dense(counts, 4))
    with pytest.raises(InputError, match="choose from binary"):
        bins(file, "frames")


@pytest.mark.parametrize(
    "name", ["sum", "sum_exp", "gaussian", "input", "max", "per_timestep", "first_spike"]
)
def test_read_outs_are_the_losses_own(name, file):
    """In integers, with a fine scale, every read-out comes near the float engine's."""
    spiking = name == "first_spike"
    network = Network.layered(N_UNITS, 24, 5, output=LIF() if spiking else LI())
    weights = draw()
    if spiking:
        weights |= {"hidden_output": np.abs(weights["hidden_output"])}
    spikes = SpikeTrains.load(file, n_units=N_UNITS, n_steps=N_STEPS)
    loss = losses.make(name, n_steps=N_STEPS)
    fitted = netx.fit(network, weights, scale="error")
    expected = evaluation.float_outcome(network, fitted.weights, loss, spikes).readouts
    windows = loss.windows(spikes)[0] if loss.kind == "window" else None
    outcome = evaluation.evaluate(
        fitted.layers,
        GradedSpikes.from_spike_trains(spikes),
        loss,
        windows,
        output_lsb=fitted.lsb[1],
    )
    if spiking:
        assert np.median(np.abs(outcome.readouts - expected)) <= 2
        assert np.isfinite(outcome.readouts).all()
    else:
        assert np.corrcoef(outcome.readouts.ravel(), expected.ravel())[0, 1] > 0.98
        scale = np.abs(expected).max()
        np.testing.assert_allclose(outcome.readouts, expected, atol=0.3 * scale)
    assert outcome.hidden_spikes.sum() > 100
    np.testing.assert_array_equal(outcome.input_spikes, np.diff(spikes.offsets))


def test_comparison_is_paired():
    labels = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
    reference = np.where(np.arange(10) < 6, labels, 9)
    predictions = np.where((np.arange(10) < 4) | (np.arange(10) == 9), labels, 8)
    result = evaluation.compare(labels, reference, predictions)
    assert (result["correct"], result["only_float"], result["only_this"]) == (5, 2, 1)
    assert result["difference"] == pytest.approx(-0.1)
    assert result["difference_low"] < -0.1 < result["difference_high"]
    assert result["p_value"] == 1
    assert result["agreement"] == pytest.approx(0.4)


def test_float_variants_bear_one_cause_each(file):
    weights = draw()
    fitted = netx.fit(NETWORK, weights, bits=4)
    variants = causes.float_variants(NETWORK, weights, fitted)
    clipped, rounded = variants["clipping"][1], variants["rounding"][1]
    w, kept = weights["input_hidden"], fitted.weights["input_hidden"]
    changed = clipped["input_hidden"] != w
    report = fitted.report["layers"][0]["matrices"][0]
    assert changed.sum() == report["clipped"] > 0
    np.testing.assert_array_equal(clipped["input_hidden"][changed], kept[changed])
    np.testing.assert_allclose(rounded["input_hidden"][~changed], kept[~changed], rtol=1e-6)
    network, scaled = variants["decays"]
    assert network.hidden[0].neuron.tau_mem == pytest.approx(-1 / np.log(1 - 200 / 4096))
    # One input spike adds the same charge on its way to V with either time constants' k.
    ratio = gain(network.hidden[0].neuron, 1.0) / gain(NETWORK.hidden[0].neuron, 1.0)
    np.testing.assert_allclose(scaled["input_hidden"] * ratio, w, rtol=1e-6)


def test_back_to_back_leaks_only_across_resets(file):
    fitted = netx.fit(NETWORK, draw())
    spikes = SpikeTrains.load(file, n_units=N_UNITS, n_steps=N_STEPS)
    inputs = GradedSpikes.from_spike_trains(spikes)
    loss = losses.make("sum_exp", n_steps=N_STEPS)
    windows = loss.windows(spikes)[0]
    apart = evaluation.evaluate(fitted.layers, inputs, loss, windows).predictions
    carried = evaluation.back_to_back(fitted.layers, inputs, loss, windows)
    assert carried.shape == apart.shape
    assert np.mean(carried == apart) >= 0.5
    with pytest.raises(InputError, match="one window"):
        evaluation.back_to_back(fitted.layers, inputs, losses.make("max", n_steps=N_STEPS), None)


def test_output_threshold_of_ml_genn_netx():
    layers = netx.fit(NETWORK, draw()).layers
    assert causes.with_output_threshold(layers)[-1].threshold == 65536
    with pytest.raises(InputError, match="outside"):
        causes.with_output_threshold(layers, 1 << 17)


def test_operations_agree_with_an_event_by_event_count():
    rng = np.random.default_rng(0)
    trains = rng.random((3, N_STEPS, N_UNITS)) < 0.1
    hidden = rng.random((3, N_STEPS, 24)) < 0.05
    operations = 0
    for i in range(3):
        for t in range(N_STEPS):
            operations += 24 * trains[i, t].sum() + (24 + 5) * hidden[i, t].sum()
    last = hidden[:, -1].sum(axis=1)
    spikes = {"input": trains.sum(axis=(1, 2)), "hidden": hidden.sum(axis=(1, 2))}
    counts = cost.operations(NETWORK, spikes, {"hidden": last}, n_steps=N_STEPS)
    assert counts["synaptic_operations"] == pytest.approx(operations / 3)
    assert counts["effective_acs"] == pytest.approx((operations - 24 * last.sum()) / 3)
    assert counts["activation_sparsity"] == pytest.approx(1 - hidden.mean())
    assert counts["dense_macs"] == (20 * 24 + 24 * 24 + 24 * 5) * N_STEPS
    assert counts["neuron_updates"] == 29 * N_STEPS


def test_operations_and_memory_of_several_layers_and_delays():
    network = Network.layered(20, [24, 16], 5, longest_delay=300)
    spikes = {"input": np.array([10, 20]), "hidden1": np.array([3, 5]), "hidden2": np.array([2, 2])}
    layers = cost.by_layer(network, spikes, n_steps=N_STEPS)
    assert layers["hidden1"]["synaptic_operations"] == 15 * 24 + 4 * 24
    assert layers["hidden2"]["synaptic_operations"] == 4 * 16 + 2 * 16
    assert layers["output"]["synaptic_operations"] == 2 * 5
    assert layers["output"]["neuron_updates"] == 5 * N_STEPS
    last = {"hidden1": np.array([0, 1]), "hidden2": np.array([1, 1])}
    counts = cost.operations(network, spikes, last, n_steps=N_STEPS)
    total = sum(layer["synaptic_operations"] for layer in layers.values())
    assert counts["synaptic_operations"] == total
    assert counts["effective_acs"] == total - 0.5 * 24 - 16
    weights = 20 * 24 + 24 * 24 + 24 * 16 + 16 * 16 + 16 * 5
    sizes = cost.footprint(network, 8)
    assert counts["dense_macs"] == weights * N_STEPS and sizes["parameters"] == weights
    assert sizes["states"] == 6 * (24 + 16 + 5)
    # 16 bits a delay; a bit for each input and step that may wait.
    assert (sizes["input_delays"], sizes["delay_buffer"]) == (40, -(-20 * 301 // 8))


def test_delays_of_connections_cost_bits_buffers_and_operations():
    plain = Network.layered(20, 24, 5, longest_delay=300)
    late = {
        "hidden_hidden": Connection("hidden", "hidden", 300, "block", True),
        "hidden_output": Connection("hidden", "output", 9),
    }
    connections = {c.name: c for c in plain.connections} | late
    network = replace(plain, connections=tuple(connections.values()))
    sizes, before = cost.footprint(network, 8), cost.footprint(plain, 8)
    assert {name: sizes[name] for name in before} == before
    assert sizes["float_delays"] == 4 * (24 * 2 + 24)
    # 6 bits for each synapse; 16 bits for each target and step up to 62, and the step itself.
    assert sizes["synapse_delays"] == (24 * 24 + 24 * 5) * 6 / 8
    assert sizes["synapse_buffers"] == 2 * (24 * 63 + 5 * 10)
    spikes = {"input": np.array([10, 20]), "hidden": np.array([3, 5])}
    counts = cost.operations(network, spikes, n_steps=N_STEPS)
    assert counts["synaptic_operations"] == 15 * 24 + 4 * 29
    assert counts["delayed_operations"] == 4 * 29
    assert counts["buffer_updates"] == 29 * N_STEPS
    assert "buffer_updates" not in cost.operations(plain, spikes, n_steps=N_STEPS)


def test_only_synapses_that_there_are_cost_anything():
    plain = Network.layered(20, 24, 5)
    late = Connection("hidden", "hidden", 9, "synapse", synapses=60)
    network = replace(plain, connections=(replace(plain.connections[0], synapses=96), late,
                                          plain.connections[2]))  # fmt: skip
    spikes = {"input": np.array([10, 20]), "hidden": np.array([3, 5])}
    counts = cost.operations(network, spikes, {"hidden": np.array([1, 1])}, n_steps=N_STEPS)
    assert counts["synaptic_operations"] == pytest.approx(15 * 96 / 20 + 4 * (60 / 24 + 5))
    assert counts["effective_acs"] == pytest.approx(counts["synaptic_operations"] - 60 / 24)
    assert counts["delayed_operations"] == pytest.approx(4 * 60 / 24)
    weights = 96 + 60 + 24 * 5
    assert counts["dense_macs"] == weights * N_STEPS
    sizes = cost.footprint(network, 4)
    assert (sizes["float_weights"], sizes["integer_weights"]) == (4 * weights, weights / 2)
    assert sizes["float_delays"] == 4 * 60 and sizes["synapse_delays"] == 60 * 6 / 8


def test_thresholds_that_adapt_cost_a_state_and_an_update():
    plain = Network.layered(20, (24, 10), 5)
    inputs, first, second, output = plain.populations
    adaptive = replace(first, neuron=AdaptiveLIF())
    network = replace(plain, populations=(inputs, adaptive, second, output))
    sizes, before = cost.footprint(network, 8), cost.footprint(plain, 8)
    assert sizes == before | {"states": before["states"] + 24 * 24 // 8}
    spikes = {"input": np.array([10]), "hidden1": np.array([3]), "hidden2": np.array([4])}
    counts, lif = (cost.operations(n, spikes, n_steps=N_STEPS) for n in (network, plain))
    assert counts == lif | {"threshold_updates": 24.0 * N_STEPS}


def test_delays_reach_the_evaluation_and_late_spikes_are_counted(file):
    network = Network.layered(N_UNITS, (24, 16), 5, longest_delay=60)
    weights = Parameters.random(
        network,
        np.random.default_rng(3),
        input_hidden=(0.7, 0.4),
        hidden_hidden=(0, 0.1),
        hidden_output=(0, 0.3),
    ) | {"input_hidden1.delay": np.arange(N_UNITS) * 3}
    spikes = SpikeTrains.load(file, n_units=N_UNITS, n_steps=N_STEPS)
    loss = losses.make("sum_exp", n_steps=N_STEPS)
    fitted = netx.fit(network, weights, scale="error", calibration=spikes)
    outcome = evaluation.evaluate(
        fitted.layers,
        inputs.binary(spikes),
        loss,
        loss.windows(spikes)[0],
        output_lsb=fitted.lsb[-1],
    )
    late = spikes.steps + 3 * spikes.units.astype(int) >= N_STEPS
    assert outcome.late_spikes.sum() == late.sum() == fitted.report["input_delays"]["late_spikes"]
    np.testing.assert_array_equal(
        outcome.input_spikes + outcome.late_spikes, np.diff(spikes.offsets)
    )
    assert outcome.hidden_spikes.shape == (6, 40) and outcome.hidden_spikes[:, 24:].any()
    expected = evaluation.float_outcome(network, fitted.weights, loss, spikes).readouts
    assert np.corrcoef(outcome.readouts.ravel(), expected.ravel())[0, 1] > 0.9
    variants = causes.float_variants(network, weights, fitted)
    assert len(variants["decays"][0].hidden) == 2
    np.testing.assert_array_equal(
        variants["decays and weights"][1]["input_hidden1.delay"], weights["input_hidden1.delay"]
    )


def test_energy_of_the_published_network():
    """The published operation count of SHD-256 gives the estimate of the reference."""
    counts = {"synaptic_operations": 7154159044 / 2264, "neuron_updates": 276_000}
    low, high = cost.energy_estimate(counts)
    assert low == pytest.approx((74.58 + 14.35) * 1e-6, rel=1e-3)
    assert high == pytest.approx((74.58 + 22.36) * 1e-6, rel=1e-3)


def test_footprint_is_neurobenchs_for_shd_256():
    sizes = cost.footprint(Network.layered(700, 256, 20), 8)
    assert sizes["float_weights"] + 12 * 4 == 999472
    assert sizes["integer_weights"] == sizes["parameters"] == 249856
    assert cost.footprint(Network.layered(700, 256, 20, recurrent=False), 4)["integer_weights"] == (
        (700 * 256 + 256 * 20) // 2
    )


def test_unreadable_energy_counter_is_not_a_measurement(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "RAPL", tmp_path / "absent")
    taken = cost.measure(lambda: sum(range(1000)))
    assert taken["energy_j"] is None
    assert taken["cpu_s"] >= 0
    monkeypatch.setattr(cost, "RAPL", tmp_path / "counter")
    (tmp_path / "counter").write_text("5000000")
    taken = cost.measure(lambda: (tmp_path / "counter").write_text("7000000"), repeats=1)
    assert taken["energy_j"] == pytest.approx(2)


def test_quantised_training_learns_on_the_grid(file):
    spikes = SpikeTrains.load(file, n_units=N_UNITS, n_steps=N_STEPS)
    loss = losses.make("sum", n_steps=N_STEPS)
    backend = quantised.QuantisedBackend(NETWORK, draw(), loss, bits=3, scale="error")

    def levels(weights):
        return len(np.unique(np.concatenate([w.ravel() for w in list(weights.values())[:2]])))

    assert levels(backend.weights) <= 8
    assert levels(backend.masters) > 500
    before = backend.masters.copy()
    grid = backend.lsb
    first = backend.evaluate(spikes).losses.mean()
    for _ in range(40):
        backend.train([spikes], [5e-3])
    assert levels(backend.weights) <= 8
    assert backend.lsb == grid
    assert not np.array_equal(backend.masters["input_hidden"], before["input_hidden"])
    assert backend.evaluate(spikes).losses.mean() < first - 0.2


def test_quantised_step_is_the_gradient_at_the_quantised_weights(file):
    """Straight through: Adam's first step is along the sign of the gradient on the grid."""
    spikes = SpikeTrains.load(file, n_units=N_UNITS, n_steps=N_STEPS)
    loss = losses.make("sum", n_steps=N_STEPS)
    backend = quantised.QuantisedBackend(NETWORK, draw(), loss, bits=4, scale="error")
    gradient = eventprop.gradients(NETWORK, backend.weights, spikes, loss=loss).gradients
    before = backend.masters.copy()
    backend.train([spikes], [1e-3])
    step = backend.masters["hidden_output"] - before["hidden_output"]
    large = np.abs(gradient["hidden_output"]) > 1e-4
    assert large.sum() > 20
    np.testing.assert_array_equal(np.sign(step[large]), -np.sign(gradient["hidden_output"][large]))
    np.testing.assert_allclose(np.abs(step[large]), 1e-3, rtol=0.05)


def test_the_control_of_quantised_training_is_plain_training(file):
    spikes = SpikeTrains.load(file, n_units=N_UNITS, n_steps=N_STEPS)
    loss = losses.make("sum", n_steps=N_STEPS)
    bits = quantised.FLOAT
    control = quantised.QuantisedBackend(NETWORK, draw(), loss, bits=bits, scale="error")
    plain = native.Backend(NETWORK, draw(), loss)
    for backend in (control, plain):
        for _ in range(3):
            backend.train([spikes], [5e-3])
    control.rescale()
    for name, other in plain.weights.items():
        np.testing.assert_array_equal(control.weights[name], other)


def test_word_lengths_compare_training_on_the_grid_with_its_control():
    rows = []
    for seed, (grid, control) in enumerate([(-0.02, 0.01), (-0.01, 0.04)]):
        base = {"label": "digits", "dataset": "digits", "fold": "main", "loss": "sum"}
        base |= {"hidden": 8, "topology": "recurrent", "seed": seed}
        for scale, bits, difference in (
            ("float", 32, 0.0),
            ("error", 4, -0.2),
            ("trained", 4, grid),
            ("trained", 32, control),
        ):
            rows.append(base | {"scale": scale, "bits": bits, "difference": difference})
    summary = plot_word_lengths.summarise(pd.DataFrame(rows)).set_index(["scale", "bits"])
    assert summary.loc[("control", 32), "estimate"] == pytest.approx(0.025)
    assert summary.loc[("trained", 4), "estimate"] == pytest.approx(-0.015)
    beyond = summary.loc[("beyond_control", 4)]
    assert beyond["estimate"] == pytest.approx(-0.04)
    assert beyond["low"] < -0.04 < beyond["high"] and beyond["n"] == 2
    found = plot_word_lengths.findings(summary.reset_index())
    assert "−4.0 points" in found[-1] and "as long" in found[-1]
    plot_word_lengths.draw(summary.reset_index())


def test_word_lengths_go_on_where_training_on_the_grid_silenced_a_network(
    file, tmp_path, monkeypatch, capsys
):
    spikes = SpikeTrains.load(file, n_units=N_UNITS, n_steps=N_STEPS)
    loss, rows = losses.make("sum", n_steps=N_STEPS), pd.DataFrame({"label": spikes.labels})
    loaded = {}, NETWORK, draw(), spikes, spikes, rows, loss, loss.windows(spikes)[0]
    monkeypatch.setattr(examples, "load", lambda _: loaded)
    silent = draw() | {"input_hidden": -np.abs(draw()["input_hidden"])}
    silent |= {"hidden_hidden": -np.abs(draw()["hidden_hidden"])}
    for bits, weights in ((4, silent), (8, draw())):
        about = {"quantised_training": {"bits": bits}}
        save(tmp_path / f"{bits}.h5", NETWORK, Parameters(weights), about=about)
    given = {"word_lengths": [8], "long_delays": "refuse"}
    trained = [tmp_path / "4.h5", tmp_path / "8.h5"]
    word_lengths.main(
        SimpleNamespace(deployment=given, threads=1, trained=trained, out=tmp_path / "out.csv")
    )
    table = read_csv(tmp_path / "out.csv")
    assert table["scale"].tolist() == ["float", "percentile", "error", "trained"]
    assert table["bits"].tolist() == [32, 8, 8, 8]
    assert "4 bits, scale error: no source of the output layer spikes" in capsys.readouterr().out


def test_the_table_of_conversions_names_the_matrices_of_several_layers(tmp_path):
    drawn = {"input_hidden": (0.3, 0.1), "hidden_hidden": (0, 0.1), "hidden_output": (0, 0.3)}
    for hidden, name in ((8, "8"), ([8, 6], "8x6")):
        net = Network.layered(20, hidden, 4)
        if name == "8":
            late = [replace(c, longest_delay=90 * c.recurrent) for c in net.connections]
            net = replace(net, connections=tuple(late))
        weights = Parameters.random(net, np.random.default_rng(0), **drawn)
        if name == "8":
            weights |= {"hidden_hidden.delay": np.arange(8) * 12}
        folder = tmp_path / name
        folder.mkdir()
        quantised = netx.export(net, weights, folder / "network.net", long_delays="clip")
        (folder / "network.nir").write_bytes(b"x")
        own = {"dataset": "own", "fold": "main", "loss": "sum_exp", "hidden": name}
        own |= {"topology": "recurrent", "seed": 1}
        write_json(folder / "conversion.json", {"network": own, **quantised.report})
    made_up.run(
        "exhibits/deployment/tabulate_conversion.py",
        *("--reports", *tmp_path.glob("*/conversion.json"), "--labels", '{"own": "own"}'),
        *("--table", tmp_path / "out.csv", "--finding", tmp_path / "out.txt"),
    )
    table = read_csv(tmp_path / "out.csv", text=("hidden",))
    assert table.loc[table["hidden"] == "8", "matrix"].tolist() == [
        *("input_hidden", "hidden_hidden", "hidden_output"),
    ]
    assert table.loc[table["hidden"] == "8x6", "matrix"].tolist() == [
        *("input_hidden1", "hidden1_hidden1", "hidden1_hidden2", "hidden2_hidden2"),
        "hidden2_output",
    ]
    delayed = table[table["delays_longest"].notna()].set_index("matrix")
    assert delayed.index.tolist() == ["hidden_hidden"]
    columns = [f"delays_{name}" for name in ("longest", "longest_kept", "clipped_fraction")]
    assert delayed.loc["hidden_hidden", columns].tolist() == [84, 62, 2 / 8]
    assert "25.0 % of the synapses" in (tmp_path / "out.txt").read_text(encoding="utf-8")


def test_the_finding_on_weights_speaks_of_all_networks_of_the_worst_matrix():
    rows = [
        {"matrix": "a", "bits": 8, "error": 0.02, "clipped_fraction": 0.5, "largest_cut": 9.0},
        {"matrix": "b", "bits": 8, "error": 0.2, "clipped_fraction": 0.01, "largest_cut": 2.0},
        {"matrix": "b", "bits": 8, "error": 0.1, "clipped_fraction": 0.02, "largest_cut": 3.0},
    ]
    late = {"input_delays": {"by": "host", "longest": 300}}
    on_chip = {"input_delays": {"by": "chip", "longest": 62}}
    reports = [report | {"output_lsb_doubled": 0} for report in (late, on_chip, {})]
    weights, files, host = tabulate_conversion.findings(pd.DataFrame(rows), reports, [1000, 1000])
    assert "2.0 to 20.0 %" in weights and "most in b, of which 1.00 to 2.00 % are" in weights
    assert "by a factor of 3.0 at most" in weights
    assert "2 NetX files of 1,000 bytes" in files and "coarser in none" in files
    assert "of up to 300 steps, are left to the host" in host
