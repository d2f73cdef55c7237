"""Several hidden layers and delayed inputs: mlGeNN's recordings, the reference, the loss's slopes.

Recordings are of three examples that mlGeNN ran one after another, as in test_recordings.
"""

import json
from pathlib import Path

import eventprop_reference as reference
import numpy as np
import pytest
from test_eventprop import assert_same_bytes, assert_training_is_one, loss_of, spikes_of
from test_recordings import apart, flat

from spikespeech import eventprop, losses
from spikespeech.backends import eprop, native
from spikespeech.errors import InputError
from spikespeech.network import LI, LIF, Connection, Network, Parameters
from spikespeech.spikes import SpikeTrains

KEPT = Path(__file__).parents[1] / "fixtures" / "mlgenn-delays"
SHARED = Path(__file__).parents[3] / "shared" / "fixtures" / "mlgenn-delays"
FILES = {
    p.stem: p
    for folder in (SHARED, KEPT)
    if folder.is_dir()
    for pattern in (
        "two_ff.npz",
        "two_rec.npz",
        "two_rec_regbig.npz",
        "two_rec_late.npz",
        "fixed_const_ff.npz",
    )
    for p in folder.glob(pattern)
}
PLACES = {"in": "input", "h": "hidden", "h1": "hidden1", "h2": "hidden2", "out": "output"}


class Recording:
    """A recording, as the engine's arguments and as recorded arrays."""

    def __init__(self, name):
        self.data = np.load(FILES[name])
        self.about = json.loads(FILES[name].with_suffix(".json").read_text())
        sizes = [n for _, n in self.about["pops"]]
        conns = self.about["conns"]
        self.names = {c["name"]: f"{PLACES[c['src']]}_{PLACES[c['dst']]}" for c in conns}
        delay = next((c["delay"]["value"] for c in conns if "delay" in c), 0)
        self.network = Network.layered(
            sizes[0],
            sizes[1:-1],
            sizes[-1],
            recurrent=any(c["src"] == c["dst"] for c in conns),
            longest_delay=delay,
        )
        weights = {long: self.data[f"w_{short}"] for short, long in self.names.items()}
        if delay:
            weights["input_hidden.delay"] = np.full(sizes[0], delay)
        self.weights = Parameters(weights)
        self.delay, self.n_steps, self.dt = delay, self.about["T"], self.network.dt_ms
        self.loss = losses.make("sum_exp", n_steps=self.n_steps)
        self.regulariser = eventprop.Regulariser(
            *(self.about[f"reg_{k}"] for k in ("lambda_upper", "lambda_lower", "nu_upper"))
        )

    def spikes(self, examples=range(3)):
        return SpikeTrains.from_arrays(
            [self.data[f"ex{i}_in_times"] for i in examples],
            [self.data[f"ex{i}_in_ids"] for i in examples],
            self.data["labels"][list(examples)],
            n_units=self.network.n_inputs,
            n_steps=self.n_steps,
            dt_ms=self.dt,
            classes=[str(k) for k in range(self.network.n_outputs)],
        )

    def hidden(self, i):
        """Return the recorded hidden spikes as (steps, neurons), layer after layer, by step."""
        steps, ids, first = [], [], 0
        for short, n in self.about["pops"][1:-1]:
            key = "hid" if short == "h" else short
            steps.append(np.rint(self.data[f"ex{i}_{key}_times"] / self.dt).astype(int))
            ids.append(self.data[f"ex{i}_{key}_ids"].astype(int) + first)
            first += n
        steps, ids = np.concatenate(steps), np.concatenate(ids)
        order = np.lexsort((ids, steps))
        return steps[order], ids[order]

    def gradients(self, i):
        """Return the recorded gradients of example i, as dL/dw."""
        unit = self.network.output.neuron.tau_mem
        return {
            long: self.data[f"ex{i}_grad_{short}"].astype(float) * unit
            for short, long in self.names.items()
        }

    def inputs(self, i):
        steps, units = self.spikes().example(i)
        later = steps.astype(int) + self.delay
        return reference.by_step(later, units, self.n_steps)

    def refer(self, i, r, **options):
        """Return the reference's (readout, gradients) of example i run forward as r."""
        y, _, *driven = reference.read(
            self.network,
            r,
            self.loss,
            self.data["labels"][i],
            *(w[0] for w in self.loss.windows(None)),
        )
        weights = options.pop("weights", self.weights)
        return y, reference.backward(self.network, weights, r, *driven, self.regulariser, **options)


def numbered(network, r):
    """Return the hidden spikes of a run of the reference as (steps, neurons)."""
    steps, ids, first = [], [], 0
    for population in network.hidden:
        s, neurons = flat(r.spikes[population.name])
        steps.append(s)
        ids.append(neurons + first)
        first += population.n
    steps, ids = np.concatenate(steps), np.concatenate(ids)
    order = np.lexsort((ids, steps))
    return steps[order], ids[order]


@pytest.mark.parametrize("name", sorted(FILES))
def test_recordings_are_mlgenns_where_its_defects_do_not_bear(name):
    """Spikes and voltages but for the last step, bit for bit; gradients as rounded."""
    recording = Recording(name)
    network, weights = recording.network, recording.weights
    simulation = eventprop.simulate(network, weights, recording.spikes())
    for i in sorted({0, 1, 2} - set(recording.about["defects_bear_on_examples"])):
        steps, ids = (a.astype(int) for a in simulation.hidden_spikes.example(i))
        recorded_steps, recorded_ids = recording.hidden(i)
        before, recorded_before = (s < recording.n_steps - 1 for s in (steps, recorded_steps))
        np.testing.assert_array_equal(steps[before], recorded_steps[recorded_before])
        np.testing.assert_array_equal(ids[before], recorded_ids[recorded_before])
        voltage = recording.data[f"ex{i}_out_v"]
        np.testing.assert_array_equal(simulation.output_v[i, :-1], voltage[:-1])
        result = eventprop.gradients(
            network, weights, recording.spikes([i]), None, recording.loss, recording.regulariser
        )
        assert result.guarded == 0 and set(result.gradients) == set(recording.names.values())
        kept = np.ones(network.n_inputs, bool)
        kept[recording.inputs(i)[-1]] = False  # inputs that spike last lose their gradient there
        for which, theirs in recording.gradients(i).items():
            rows = kept if which.startswith("input") else slice(None)
            assert apart(result.gradients[which][rows], theirs[rows]) < 1e-5


@pytest.mark.parametrize("name", sorted(FILES))
def test_recordings_are_the_references_with_and_without_defects(name):
    """With them it is mlGeNN, in all examples; without them the engine."""
    recording = Recording(name)
    network, weights, carry = recording.network, recording.weights, None
    simulation = eventprop.simulate(network, weights, recording.spikes())
    for i in range(3):
        single = {"dtype": np.float32, "defects": True}
        r = reference.forward(network, weights, recording.inputs(i), carry=carry, **single)
        carry = r.carry
        for ours, theirs in zip(numbered(network, r), recording.hidden(i), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(r.v["output"], recording.data[f"ex{i}_out_v"])
        for which, theirs in recording.gradients(i).items():
            assert apart(recording.refer(i, r, **single)[1][which], theirs) < 2e-5
        plain = reference.forward(network, weights, recording.inputs(i), dtype=np.float32)
        for ours, theirs in zip(
            simulation.hidden_spikes.example(i), numbered(network, plain), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(simulation.output_v[i], plain.v["output"])
        exact = reference.forward(network, weights, recording.inputs(i))
        y, gradients = recording.refer(i, exact)
        result = eventprop.gradients(
            network, weights, recording.spikes([i]), None, recording.loss, recording.regulariser
        )
        assert apart(result.readouts[0], y) < 1e-5
        for which, theirs in gradients.items():
            assert apart(result.gradients[which], theirs) < 1e-5


STACKS = {
    "two": {"hidden": [20, 70]},
    "feed-forward": {"hidden": [70, 20], "recurrent": False},
    "three": {"hidden": [20, 16, 24]},
}


def network_of(hidden=(20, 70), **options):
    return Network.layered(30, hidden, 5, **options)


def weights_of(network, between=0.5):
    output = (0.6, 0.3) if network.spiking_output else (0.0, 0.3)
    rng = np.random.default_rng(1)
    drawn = Parameters.random(
        network,
        rng,
        input_hidden=(0.12, 0.1),
        hidden_hidden=(0, 0.1),
        hidden_output=output,
    )
    names = [f"hidden{i}_hidden{i + 1}" for i in range(1, len(network.hidden))]
    return drawn | {n: rng.normal(between, 0.6 * between, drawn[n].shape) for n in names}


@pytest.mark.parametrize("name", ["sum_exp", "max", "first_spike"])
@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_every_stack_is_the_references(stack, name):
    network = network_of(output=LIF() if name == "first_spike" else LI(), **stack)
    weights, loss, spikes = weights_of(network), loss_of(name), spikes_of(network)
    regulariser = eventprop.Regulariser(2e-6, 3e-6, 4)
    result = eventprop.gradients(network, weights, spikes, None, loss, regulariser, threads=2)
    check_against_reference(network, weights, spikes, loss, regulariser, result)
    assert (result.hidden_spikes.sum(axis=0) > 0).mean() > 0.5


def check_against_reference(network, weights, spikes, loss, regulariser, result):
    expected = {c.name: 0.0 for c in network.connections}
    windows, drives = loss.windows(spikes)
    for i in range(len(spikes)):
        r = reference.forward(network, weights, reference.by_step(*spikes.example(i), 120))
        y, value, *driven = reference.read(
            network, r, loss, spikes.labels[i], windows[0], drives[0]
        )
        np.testing.assert_allclose(result.readouts[i], y, atol=1e-5 * np.abs(y).max())
        assert result.losses[i] == pytest.approx(value, rel=1e-5)
        counts = [np.bincount(flat(r.spikes[p.name])[1], minlength=p.n) for p in network.hidden]
        np.testing.assert_array_equal(result.hidden_spikes[i], np.concatenate(counts))
        for which, g in reference.backward(network, weights, r, *driven, regulariser).items():
            expected[which] = expected[which] + g / len(spikes)
    for which, theirs in expected.items():
        assert np.abs(theirs).max() > 0
        assert apart(result.gradients[which], theirs) < 2e-5


def test_constants_of_each_neuron_in_one_layer():
    """Where neurons of one layer differ, the constants of the others are arrays, too."""
    rng = np.random.default_rng(3)
    network = network_of([20, 24])
    inputs, first, second, output = network.populations
    neuron = LIF(rng.uniform(8, 30, 24), rng.uniform(2, 7, 24), 0.8)
    second = type(second)(second.name, second.n, neuron)
    network = Network((inputs, first, second, output), network.connections)
    weights, loss, spikes = weights_of(network), loss_of("sum_exp"), spikes_of(network)
    result = eventprop.gradients(network, weights, spikes, None, loss)
    check_against_reference(network, weights, spikes, loss, None, result)


def test_all_gradients_by_finite_differences_at_small_dt():
    """At dt = 0.01 ms spike times are nearly continuous: the gradient is the loss's own."""
    dt, n_steps = 0.01, 4000
    network = network_of([8, 8], dt_ms=dt)
    weights = weights_of(network, 2.5)
    weights["input_hidden1"][:] *= 3
    loss = losses.make("gaussian", n_steps=n_steps, dt_ms=dt)
    spikes = spikes_of(network, 16, 2, 0.07 * dt, n_steps)
    result = eventprop.gradients(network, weights, spikes, None, loss)
    assert result.hidden_spikes[:, 8:].mean() > 1
    for which, gradient in result.gradients.items():
        direction = gradient.astype(float) / np.linalg.norm(gradient)
        values = []
        for step in (0.1, -0.1):
            moved = weights | {which: weights[which] + step * direction}
            values.append(eventprop.gradients(network, moved, spikes, None, loss).losses.mean())
        slope = (values[0] - values[1]) / 0.2
        assert slope == pytest.approx(np.linalg.norm(gradient), rel=0.12), which


def test_training_gives_the_same_bytes_for_any_threads_and_after_resuming():
    network = network_of([70, 40])
    rule = eventprop.Regulariser(1e-7, 1e-7, 3)

    def backend(weights, threads):
        loss = loss_of("sum_exp")
        return native.Backend(network, weights, loss, rule, threads=threads)

    batches = [spikes_of(network, 11, seed) for seed in range(4)]
    assert_training_is_one(backend, weights_of(network), batches)


def test_delayed_inputs_come_later_wherever_they_are_given():
    network, plain = (network_of(20, longest_delay=d) for d in (40, 0))
    spikes = spikes_of(network)
    delays = np.random.default_rng(0).integers(0, 41, 30)
    weights = weights_of(network) | {"input_hidden.delay": delays}
    bare = {name: w for name, w in weights.items() if name != "input_hidden.delay"}
    late = []
    for i in range(len(spikes)):
        steps, units = (a.astype(int) for a in spikes.example(i))
        steps = steps + delays[units]
        kept = np.lexsort((units, steps))
        kept = kept[steps[kept] < 120]
        late.append((steps[kept], units[kept]))
    later = SpikeTrains.from_binned(
        late, spikes.labels, spikes.speakers, 120, 30, 1.0, spikes.classes
    )
    loss = loss_of("sum_exp")
    own, expected = (
        eventprop.gradients(*given, None, loss)
        for given in ((network, weights, spikes), (plain, bare, later))
    )
    assert own.hidden_spikes.sum() > 100
    assert_same_bytes(
        [own.losses, *own.gradients.values()], [expected.losses, *expected.gradients.values()]
    )
    shown, voltages = (
        eventprop.simulate(*given).output_v
        for given in ((network, weights, spikes), (plain, bare, later))
    )
    np.testing.assert_array_equal(shown, voltages)
    backend = native.Backend(network, weights, loss)
    np.testing.assert_array_equal(backend.evaluate(spikes).losses, expected.losses)
    # What trains comes delayed: presentations are made so.
    np.testing.assert_array_equal(backend.train([later], [1e-3]).losses, expected.losses)
    np.testing.assert_array_equal(backend.weights["input_hidden.delay"], delays)


def test_what_the_engine_does_not_run_is_named():
    network = network_of([20, 16])
    skipping = sorted(
        (*network.connections, Connection("input", "hidden2")),
        key=lambda c: (c.target, c.source != "input", c.source),
    )
    loss, spikes = loss_of("sum_exp"), spikes_of(network)
    for connections, said in (
        (tuple(skipping), "input_hidden2 passes over a layer"),
        (
            network.connections[:2] + network.connections[3:],
            "nothing connects hidden1 with hidden2",
        ),
    ):
        odd = Network(network.populations, connections)
        for call in (
            lambda odd=odd: eventprop.gradients(odd, Parameters.zeros(odd), spikes, None, loss),
            lambda odd=odd: eventprop.simulate(odd, Parameters.zeros(odd), spikes),
        ):
            with pytest.raises(InputError, match=said):
                call()
    with pytest.raises(InputError, match="e-prop has no 2 hidden layers"):
        eprop.Backend(network, weights_of(network), loss)
