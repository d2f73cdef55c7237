"""The engine against recordings of mlGeNN, spike for spike.

Recordings are of three examples that mlGeNN (batch size 1) ran one after another. Where one of
its defects bears on a recording, the engine must differ from it: the reference of these tests
then stands in. It is first shown to reproduce the recording with the defects, and then agrees
with the engine without them.
"""

import json
from pathlib import Path

import eventprop_reference as reference
import numpy as np
import pytest

from spikespeech import eventprop, losses
from spikespeech.engine import adam
from spikespeech.kernels.vectors import aligned, padded
from spikespeech.network import LI, LIF, Network, Parameters
from spikespeech.spikes import SpikeTrains

KEPT = Path(__file__).parents[1] / "fixtures" / "mlgenn"
SHARED = Path(__file__).parents[3] / "shared" / "fixtures" / "mlgenn"
FILES = {p.stem: p for folder in (SHARED, KEPT) if folder.is_dir() for p in folder.glob("*.npz")}
CASES = sorted(name for name in FILES if not name.startswith("train_"))
LOSSES = {
    "avg_var": "sum",
    "avg_var_exp_weight": "sum_exp",
    "max_var": "max",
    "first_spike_time": "first_spike",
    "sum_var": "table",
}


class Recording:
    """A recording, as the engine's arguments and as recorded arrays."""

    def __init__(self, name):
        self.data, self.about = (
            np.load(FILES[name]),
            json.loads(FILES[name].with_suffix(".json").read_text()),
        )
        size = self.about["size"]
        self.n_steps = size["T"]
        self.network = Network.layered(
            size["n_in"],
            size["n_hid"],
            size["n_out"],
            output=LIF() if self.about["out_lif"] else LI(),
        )
        self.weights = Parameters(self.arrays("w_{}"))
        self.readout = self.about["readout"]
        # mlGeNN's drives of sum_var and max_var lack the trial's length.
        lacking = self.n_steps if self.readout in ("sum_var", "max_var") else 1
        # Gradients of first spikes are dL/dw, others dL/dw / τ_mem.
        self.unit = 1 if self.about["out_lif"] else self.network.output.neuron.tau_mem * lacking
        parameters = (
            {"values": np.full(self.n_steps, self.n_steps)} if self.readout == "sum_var" else {}
        )
        name = LOSSES.get(self.readout)
        self.loss = losses.make(name, n_steps=self.n_steps, **parameters) if name else None
        self.regulariser = eventprop.Regulariser(
            self.about.get("reg_lambda_upper", 0) * lacking,
            self.about.get("reg_lambda_lower", 0) * lacking,
            self.about.get("reg_nu_upper", 14),
        )

    def arrays(self, key):
        """Return recorded arrays of weights, whose name has {}, by name of the weights."""
        short = {"input_hidden": "ih", "hidden_hidden": "hh", "hidden_output": "ho"}
        return {name: self.data[key.format(k)] for name, k in short.items()}

    def spikes(self, examples=range(3)):
        key = "ex{}_in_{}"
        return SpikeTrains.from_arrays(
            [self.data[key.format(i, "times")] for i in examples],
            [self.data[key.format(i, "ids")] for i in examples],
            self.data["labels"][list(examples)],
            n_units=self.network.n_inputs,
            n_steps=self.n_steps,
            classes=[str(k) for k in range(self.network.n_outputs)],
        )

    def hidden(self, i):
        """Return (steps, neurons) of the recorded hidden spikes of an example."""
        steps, ids = self.data[f"ex{i}_hid_times"], self.data[f"ex{i}_hid_ids"]
        order = np.lexsort((ids, steps))
        return steps[order].astype(int), ids[order].astype(int)

    def gradients(self, i):
        """Return the recorded gradients of example i, as dL/dw."""
        recorded = self.arrays(f"ex{i}_grad_{{}}")
        return {name: g.astype(float) * self.unit for name, g in recorded.items()}

    def windows(self):
        return (w[0] for w in self.loss.windows(None))

    def refer(self, i, r, **options):
        """Return the reference's (readout, loss, gradients) of example i run forward as r."""
        window, drive_window = self.windows()
        weights = options.pop("weights", self.weights)
        y, loss, *driven = reference.read(
            self.network, r, self.loss, self.data["labels"][i], window, drive_window
        )
        return (
            y,
            loss,
            reference.backward(self.network, weights, r, *driven, self.regulariser, **options),
        )


def inputs(recording, i):
    steps, units = recording.spikes().example(i)
    return reference.by_step(steps, units, recording.n_steps)


def apart(a, b):
    """Return the largest difference, as a part of b's largest entry."""
    return np.abs(np.asarray(a, dtype=float) - b).max() / max(np.abs(b).max(), 1e-300)


def flat(spikes):
    """Return (steps, ids) of spikes listed by step."""
    counts = [len(s) for s in spikes]
    return np.repeat(np.arange(len(spikes)), counts), np.concatenate(spikes).astype(int)


@pytest.mark.parametrize("name", CASES)
def test_first_example_is_mlgenns(name):
    """The first example, where no leak reaches it, as recorded.

    mlGeNN's last step sees only the spikes of the step before it, so that it is left out of
    spikes and voltages, and read-outs are compared where inputs end early. Inputs that spike in
    the last step lose their gradient in mlGeNN.
    """
    recording = Recording(name)
    simulation = eventprop.simulate(recording.network, recording.weights, recording.spikes([0]))
    steps, ids = simulation.hidden_spikes.example(0)
    recorded_steps, recorded_ids = recording.hidden(0)
    before, recorded_before = (s < recording.n_steps - 1 for s in (steps, recorded_steps))
    np.testing.assert_array_equal(steps[before], recorded_steps[recorded_before])
    np.testing.assert_array_equal(ids[before], recorded_ids[recorded_before])
    voltage = recording.data["ex0_out_v"]
    np.testing.assert_array_equal(simulation.output_v[0, :-1], voltage[:-1])
    if recording.loss is None or "overflow" in name:
        return  # a loss that is not here; a ring buffer that lost spikes
    result = eventprop.gradients(
        recording.network,
        recording.weights,
        recording.spikes([0]),
        None,
        recording.loss,
        recording.regulariser,
    )
    if "quietend" in name or recording.readout in ("max_var", "first_spike_time"):
        assert apart(result.readouts[0], recording.data["ex0_readout"]) < 1e-5
    kept = np.ones(recording.network.n_inputs, bool)
    kept[inputs(recording, 0)[-1]] = False
    assert recording.n_steps - 1 not in recorded_steps
    for name, theirs in recording.gradients(0).items():
        ours, rows = result.gradients[name], kept if name == "input_hidden" else slice(None)
        # sum_var's softmax is of sums: the last step alone moves it.
        assert apart(ours[rows], theirs[rows]) < (2e-3 if recording.readout == "sum_var" else 1e-5)
    assert result.guarded == 0


@pytest.mark.parametrize("name", CASES)
def test_reference_with_defects_is_mlgenn(name):
    """All three examples: spikes, voltages and gradients as recorded, leaks and losses included."""
    recording = Recording(name)
    data, carry, network = recording.data, None, recording.network
    for i in range(3):
        key = "batch1_w_after_{}" if i == 2 else "w_{}"
        if key.format("ih") not in data:
            break  # the weights of this example were not recorded
        weights = recording.arrays(key)
        single = {"dtype": np.float32, "defects": True}
        r = reference.forward(network, weights, inputs(recording, i), carry=carry, **single)
        carry = r.carry
        for ours, theirs in zip(flat(r.spikes["hidden"]), recording.hidden(i), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_allclose(r.v["output"], data[f"ex{i}_out_v"], rtol=0, atol=1e-6)
        later = f"batch{i}_w_after_{{}}"
        recorded = not i or later.format("ih") in data
        if recording.loss is None or "overflow" in name or i == 2 or not recorded:
            continue
        # Example i runs backward while example i + 1 runs forward: after the update between.
        back = recording.arrays(later) if i else weights
        _, _, gradients = recording.refer(i, r, weights=back, **single)
        for which, theirs in recording.gradients(i).items():
            assert apart(gradients[which], theirs) < 2e-5


@pytest.mark.parametrize("name", [n for n in CASES if "mse" not in n and "overflow" not in n])
def test_every_example_is_the_references(name):
    """All three examples without mlGeNN's defects, in full.

    Gradients are within 1e-5 of the float64 reference's largest entry, or within the spread that
    single precision leaves in the reference itself, where the case is ill-conditioned.
    """
    recording = Recording(name)
    network, weights = recording.network, recording.weights
    simulation = eventprop.simulate(network, weights, recording.spikes())
    for i in range(3):
        result = eventprop.gradients(
            network, weights, recording.spikes([i]), None, recording.loss, recording.regulariser
        )
        single = reference.forward(network, weights, inputs(recording, i), dtype=np.float32)
        double = reference.forward(network, weights, inputs(recording, i))
        for ours, theirs in zip(
            simulation.hidden_spikes.example(i), flat(single.spikes["hidden"]), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(simulation.output_v[i], single.v["output"])
        for s, d in zip(single.spikes["hidden"], double.spikes["hidden"], strict=True):
            np.testing.assert_array_equal(s, d)
        y, loss, exact = recording.refer(i, double)
        _, _, rounded = recording.refer(i, single, dtype=np.float32)
        assert apart(result.readouts[0], y) < 1e-5
        assert result.losses[0] == pytest.approx(loss, rel=1e-5)
        for which, theirs in exact.items():
            spread = apart(rounded[which], theirs)
            assert apart(result.gradients[which], theirs) < max(1e-5, 2 * spread)


def test_training_follows_mlgenns_trajectory():
    """Three epochs of 64 examples end in mlGeNN's weights, with its batch scheme and our Adam.

    The scheme is the reference's: example n is learned from during example n + 1, the first batch
    of an epoch updates nothing but counts as a step, and the last is not learned from. The
    optimiser is the engine's, on gradients dL/dw, that is mlGeNN's times τ_mem, with its ε.
    """
    recording = Recording("train_small_avg_var_exp_weight")
    data, network = recording.data, recording.network
    sizes = [w.size for w in recording.weights.values()]
    flat_size = padded(sum(sizes))
    w, g, m, v = (aligned(flat_size) for _ in range(4))
    for a in (w, g, m, v):
        a[:] = 0
    w[: sum(sizes)] = np.concatenate([x.ravel() for x in recording.weights.values()])

    def current():
        parts = np.split(w[: sum(sizes)], np.cumsum(sizes)[:-1])
        return {
            name: part.reshape(x.shape).copy()
            for part, (name, x) in zip(parts, recording.weights.items(), strict=True)
        }

    single = {"dtype": np.float32, "defects": True}
    epsilon, carry = np.float32(1e-8 * network.output.neuron.tau_mem), None
    offsets, labels = data["ex_offsets"], data["labels"]
    window, drive_window = recording.windows()
    for epoch in range(3):
        before = None
        for batch, example in enumerate(data["order"][epoch]):
            span = slice(offsets[example], offsets[example + 1])
            steps, units = data["in_times"][span].astype(int), data["in_ids"][span]
            listed = reference.by_step(steps, units, recording.n_steps)
            weights = current()
            r = reference.forward(network, weights, listed, carry=carry, **single)
            carry = r.carry
            driven = reference.read(
                network, r, recording.loss, labels[example], window, drive_window
            )
            if before is not None:
                gradients = reference.backward(network, weights, *before, **single)
                g[: sum(sizes)] = np.concatenate([x.ravel() for x in gradients.values()])
                n = 64 * epoch + batch + 1
                rate = np.float32(recording.about["adam_alpha"] / (1 - adam.BETA1**n))
                unbias = np.float32(1 / (1 - adam.BETA2**n))
                adam.step(w, g, m, v, rate, unbias, epsilon, 0, flat_size)
            before = (r, *driven[2:])
        recorded = recording.arrays(f"epoch{epoch}_w_{{}}")
        for name, ours in current().items():
            # Adam magnifies rounding where a gradient is next to zero: up to a fifth of a step.
            away = np.abs(ours - recorded[name])
            assert np.median(away) < 1e-6
            assert away.max() < 0.2 * recording.about["adam_alpha"]
