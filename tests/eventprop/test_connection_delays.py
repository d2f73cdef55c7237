"""Delays of connections, fixed and learned: mlGeNN's recordings, the reference, the loss's slopes.

Recordings are of three examples that mlGeNN ran one after another, as in test_recordings. What is
absent here is each defect of its delays: what one example leaks into the next (a), what the last
step does not see (b), gradients that a spike in the last step erases (c), delays rounded again
after an update (d), several roundings of one value (e), and an ε that swallows delays (f).
"""

import json

import eventprop_reference as reference
import numpy as np
import pytest
import test_layers
from test_eventprop import assert_training_is_one, loss_of, spikes_of
from test_layers import KEPT, PLACES, SHARED, numbered
from test_recordings import LOSSES, apart, flat

from spikespeech import eventprop, losses, nir
from spikespeech.backends import bptt, eprop, native
from spikespeech.backends.mlgenn import limits
from spikespeech.engine import adam
from spikespeech.errors import InputError
from spikespeech.kernels.vectors import padded
from spikespeech.network import LI, LIF, Connection, Network, Parameters, Population
from spikespeech.network.parameters import delay_steps
from spikespeech.spikes import SpikeTrains

FOUND = {
    path.stem: path for folder in (SHARED, KEPT) if folder.is_dir() for path in folder.glob("*.npz")
}
# A regulariser of each layer, and connections that pass over one are not the engine's; gradients
# with several time constants of outputs are not mlGeNN's, see test_constants.
OTHERS = ("train", "head", "tau_mem_per_output", "two_rec_skip")
FILES = {name: path for name, path in FOUND.items() if not name.startswith(OTHERS)}
TRAININGS = {name: path for name, path in FOUND.items() if name.startswith("train")}


class Recording(test_layers.Recording):
    """A recording, as the engine's arguments and as recorded arrays."""

    def __init__(self, path):
        self.data = np.load(path)
        self.about = about = json.loads(path.with_suffix(".json").read_text())
        self.names, self.n_steps, self.dt = {}, about["T"], about["dt"]
        populations, connections, self.weights = [], [], {}
        for place, (short, n) in enumerate(about["pops"]):
            taus = about.get("taus", {}).get(short, (about["tau_mem"], about["tau_syn"]))
            neuron = LI(*taus) if short == "out" else LIF(*taus, about["v_thresh"])
            populations.append(Population(PLACES[short], n, neuron if place else None))
        order = {p.name: i for i, p in enumerate(populations)}
        found = {(PLACES[c["src"]], PLACES[c["dst"]]): c for c in about["conns"]}
        for source, target in sorted(found, key=lambda ends: [order[e] for e in ends[::-1]]):
            c = found[source, target]
            delayed = self._delays(c)
            longest = c.get("max_delay") or int(np.max(delayed, initial=0))
            learned = bool(c.get("learn"))
            given = (longest, "synapse", learned) if longest else (0, "source", False)
            mask = self.data.get(f"mask_{c['name']}")
            synapses = None if mask is None else int(mask.sum())
            connection = Connection(source, target, *given, synapses)
            connections.append(connection)
            self.names[c["name"]] = connection.name
            self.weights[connection.name] = self.data[f"w_{c['name']}"]
            if mask is not None:
                self.weights[connection.mask] = np.float32(mask)
            if longest:
                shape = self.weights[connection.name].shape
                self.weights[connection.delay] = np.broadcast_to(delayed, shape).clip(0, longest)
        self.network = Network(tuple(populations), tuple(connections), self.dt)
        self.loss = losses.make(LOSSES[about["readout"]], n_steps=self.n_steps, dt_ms=self.dt)
        # mlGeNN's drive of max_var lacks the trial's length.
        lacking = self.n_steps * self.dt if about["readout"] == "max_var" else 1
        self.unit = self.network.output.neuron.tau_mem * lacking
        self.regulariser = eventprop.Regulariser(
            about["reg_lambda_upper"] * lacking,
            about["reg_lambda_lower"] * lacking,
            about["reg_nu_upper"],
        )

    def _delays(self, connection):
        """Return the delays that mlGeNN uses of a recorded connection: learned ones not rounded."""
        given = self.data.get(f"d_{connection['name']}", np.zeros(()))
        if connection.get("learn"):
            return given
        # A fixed number is truncated, those of an array rounded with halves to even.
        return np.rint(given) if given.ndim else np.trunc(given)

    def inputs(self, i):
        return reference.by_step(*self.spikes().example(i), self.n_steps)

    def gradients(self, i):
        """Return the recorded gradients of example i: dL/dw, and dL/dd a step."""
        found = {}
        for short, long in self.names.items():
            for key, name, unit in (("grad", long, 1), ("dgrad", f"{long}.delay", self.dt)):
                if f"ex{i}_{key}_{short}" in self.data:
                    theirs = self.data[f"ex{i}_{key}_{short}"].astype(float)
                    found[name] = theirs * self.unit * unit
        return found

    def assert_near(self, i, found, expected):
        """Gradients of example i agree but for what single precision costs the reference itself."""
        away = {which: apart(found[which], theirs) for which, theirs in expected.items()}
        if max(away.values()) < 2e-5:
            return
        single, double = (
            self.refer(
                i,
                reference.forward(self.network, self.weights, self.inputs(i), dtype=dtype),
                dtype=dtype,
            )[1]
            for dtype in (np.float32, np.float64)
        )
        for which, far in away.items():
            assert far < max(2e-5, 3 * apart(single[which], double[which])), which


@pytest.mark.parametrize("name", sorted(FILES))
def test_recordings_are_mlgenns_where_its_defects_do_not_bear(name):
    """Spikes and voltages but for the last step, bit for bit; gradients as rounded."""
    recording = Recording(FILES[name])
    network, weights = recording.network, recording.weights
    simulation = eventprop.simulate(network, weights, recording.spikes())
    for i in sorted({0, 1, 2} - set(recording.about["defects_bear_on_examples"])):
        for ours, theirs in zip(
            simulation.hidden_spikes.example(i), recording.hidden(i), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        voltage = recording.data[f"ex{i}_out_v"]
        np.testing.assert_array_equal(simulation.output_v[i, :-1], voltage[:-1])
        result = eventprop.gradients(
            network, weights, recording.spikes([i]), None, recording.loss, recording.regulariser
        )
        theirs = recording.gradients(i)
        assert result.guarded == 0 and set(result.gradients) == set(theirs)
        recording.assert_near(i, result.gradients, theirs)


@pytest.mark.parametrize("name", sorted(FILES))
def test_recordings_are_the_references_with_and_without_defects(name):
    """With them it is mlGeNN, in all examples (a, b, c); without them the engine."""
    recording = Recording(FILES[name])
    network, weights, carry = recording.network, recording.weights, None
    simulation = eventprop.simulate(network, weights, recording.spikes())
    for i in range(3):
        single = {"dtype": np.float32, "defects": True}
        r = reference.forward(network, weights, recording.inputs(i), carry=carry, **single)
        carry = r.carry
        for ours, theirs in zip(numbered(network, r), recording.hidden(i), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(r.v["output"], recording.data[f"ex{i}_out_v"])
        recording.assert_near(i, recording.refer(i, r, **single)[1], recording.gradients(i))
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
        recording.assert_near(i, result.gradients, gradients)


def chained(shape, learned, longest=30, hidden=(20, 70), **options):
    """Return a Network of hidden layers all of whose connections have such delays."""
    plain = Network.layered(30, hidden, 5, **options)
    return Network(
        plain.populations,
        tuple(Connection(c.source, c.target, longest, shape, learned) for c in plain.connections),
        plain.dt_ms,
    )


def weights_of(network, seed=1):
    """Return weights by which all layers spike, and delays with some on the edges and in halves."""
    rng = np.random.default_rng(seed)
    drawn = Parameters.random(
        network,
        rng,
        input_hidden=(0.12, 0.1),
        hidden_hidden=(0, 0.1),
        hidden_output=(0.6, 0.3) if network.spiking_output else (0.0, 0.3),
    )
    for c in network.connections:
        if c.source != c.target and {c.source, c.target} <= {p.name for p in network.hidden}:
            drawn |= {c.name: rng.normal(0.5, 0.3, drawn[c.name].shape)}
        if c.longest_delay:
            delays = rng.uniform(-2, c.longest_delay + 2, drawn[c.delay].shape)
            delays = np.clip(np.rint(2 * delays) / 2, 0, c.longest_delay)
            drawn |= {c.delay: delays if c.learned_delays else np.floor(delays)}
    return drawn


def summed(connection, gradient):
    """Return the gradient of a connection's delays of that of a delay each synapse."""
    if connection.delay_shape == "source":
        return gradient.sum(axis=1)
    if connection.delay_shape == "block":
        return np.add.reduceat(gradient, np.arange(0, gradient.shape[1], 16), axis=1)
    return gradient


@pytest.mark.parametrize("name", ["sum_exp", "max", "first_spike"])
@pytest.mark.parametrize("learned", [False, True], ids=["fixed", "learned"])
@pytest.mark.parametrize("shape", ["source", "block", "synapse"])
def test_every_shape_is_the_references(shape, learned, name):
    """In one step of several layers: spikes, read-outs, gradients of weights and of delays."""
    network = chained(shape, learned, output=LIF() if name == "first_spike" else LI())
    check(network, weights_of(network), loss_of(name), eventprop.Regulariser(2e-6, 3e-6, 4))


def check(network, weights, loss, regulariser=None, spikes=None):
    spikes = spikes_of(network) if spikes is None else spikes
    result = eventprop.gradients(network, weights, spikes, None, loss, regulariser, threads=2)
    arriving = spikes
    if first := network.input_delays:
        arriving = delayed_by(spikes, weights[first.delay])
    expected = dict.fromkeys(result.gradients, 0.0)
    windows, drives = loss.windows(spikes)
    for i in range(len(spikes)):
        inputs = reference.by_step(*arriving.example(i), spikes.n_steps)
        r = reference.forward(network, weights, inputs)
        y, value, *driven = reference.read(
            network, r, loss, spikes.labels[i], windows[0], drives[0]
        )
        np.testing.assert_allclose(result.readouts[i], y, atol=1e-5 * np.abs(y).max())
        assert result.losses[i] == pytest.approx(value, rel=1e-5)
        counts = [np.bincount(flat(r.spikes[p.name])[1], minlength=p.n) for p in network.hidden]
        np.testing.assert_array_equal(result.hidden_spikes[i], np.concatenate(counts))
        gradients = reference.backward(network, weights, r, *driven, regulariser)
        for population in network.populations:
            for constant in population.learned:
                name = population.called(constant)
                ours = gradients[name] if constant.each == "neuron" else gradients[name].sum()
                expected[name] = expected[name] + ours / len(spikes)
        for c in network.connections:
            expected[c.name] = expected[c.name] + gradients[c.name] / len(spikes)
            if c.learned_delays:
                ours = summed(c, gradients[c.delay]) / len(spikes)
                expected[c.delay] = expected[c.delay] + ours
    assert result.hidden_spikes.sum() > 100
    for which, theirs in expected.items():
        assert np.abs(theirs).max() > 0
        assert apart(result.gradients[which], theirs) < 2e-5, which


@pytest.mark.parametrize("longest", [3, 40, 250])
def test_recurrent_synapses_with_the_delays_of_blocks_are_theirs(longest):
    """Delays of blocks are kept step by step, those of synapses a stretch of steps at a time."""
    plain, results = Network.layered(30, 70, 5), []
    spikes, loss = spikes_of(plain, 3, n_steps=300), loss_of("sum_exp", 300)
    rule = eventprop.Regulariser(2e-6, 3e-6, 4)
    blocks = np.random.default_rng(2).integers(0, longest + 1, (70, 5))
    for shape, delays in (("block", blocks), ("synapse", blocks.repeat(16, axis=1)[:, :70])):
        own = Connection("hidden", "hidden", longest, shape)
        connections = [own if c.recurrent else c for c in plain.connections]
        network = Network(plain.populations, tuple(connections))
        weights = weights_of(plain) | {own.delay: delays}
        results.append(eventprop.gradients(network, weights, spikes, None, loss, rule))
    block, synapse = results
    assert block.hidden_spikes.sum() > 1000
    np.testing.assert_array_equal(synapse.hidden_spikes, block.hidden_spikes)
    np.testing.assert_array_equal(synapse.readouts, block.readouts)
    for name, gradient in block.gradients.items():
        assert apart(synapse.gradients[name], gradient) < 2e-5


def delayed_by(spikes, delays):
    late = []
    for i in range(len(spikes)):
        steps, units = (a.astype(int) for a in spikes.example(i))
        steps = steps + delays[units].astype(int)
        kept = np.lexsort((units, steps))
        kept = kept[steps[kept] < spikes.n_steps]
        late.append((steps[kept], units[kept]))
    return SpikeTrains.from_binned(
        late, spikes.labels, spikes.speakers, spikes.n_steps, spikes.n_units, spikes.dt_ms,
        spikes.classes,
    )  # fmt: skip


@pytest.mark.parametrize("shape", ["block", "synapse"])
def test_delays_beside_undelayed_connections_and_constants_of_each_neuron(shape):
    """Each connection for itself has delays, up to more than the trial's steps."""
    rng = np.random.default_rng(3)
    plain = Network.layered(30, [20, 24], 5)
    inputs, first, second, output = plain.populations
    neuron = LIF(rng.uniform(8, 30, 24), rng.uniform(2, 7, 24), 0.8)
    second = Population(second.name, second.n, neuron)
    for at, longest in ((0, 3), (1, 200), (2, 30), (3, 30), (4, 65535)):
        connections = list(plain.connections)
        c = connections[at]
        connections[at] = Connection(c.source, c.target, longest, shape, True)
        network = Network((inputs, first, second, output), tuple(connections))
        weights = weights_of(network)
        if longest > 120:  # so that most arrive nonetheless
            weights |= {connections[at].delay: weights[connections[at].delay] % 90}
        check(network, weights, loss_of("sum_exp"))


def test_delays_of_all_channels_alike_are_those_of_their_sources():
    """The same delays in every shape; without any, the same network."""
    kinds = {"block": (30, 2), "synapse": (30, 20)}
    rng = np.random.default_rng(2)
    by_source = np.array([0, *rng.integers(0, 41, 28), 40])
    loss, spikes = loss_of("sum_exp"), spikes_of(Network.layered(30, 20, 5))
    for delays in (by_source, 0 * by_source):
        results = []
        for shape in ("source", *kinds):
            plain = Network.layered(30, 20, 5, longest_delay=40)
            first = Connection("input", "hidden", 40, shape)
            network = Network(plain.populations, (first, *plain.connections[1:]))
            given = delays if shape == "source" else np.repeat(
                delays[:, None], kinds[shape][1], axis=1
            )  # fmt: skip
            weights = weights_of(plain) | {first.delay: given}
            results.append(eventprop.gradients(network, weights, spikes, None, loss))
        for other in results[1:]:
            np.testing.assert_array_equal(other.hidden_spikes, results[0].hidden_spikes)
            for name, gradient in results[0].gradients.items():
                assert apart(other.gradients[name], gradient) < 1e-5


@pytest.mark.parametrize(("shape", "recurrent"), [("source", 1.0), ("synapse", 0.3)])
def test_delay_gradients_by_finite_differences_at_small_dt(shape, recurrent):
    """At dt = 0.01 ms spike times are nearly continuous: the gradient is the loss's own.

    Recurrent weights are such that few spikes come or go on the way.
    """
    dt, n_steps = 0.01, 4000
    loss = losses.make("gaussian", n_steps=n_steps, dt_ms=dt)
    network = chained(shape, True, 600, hidden=[8, 8], dt_ms=dt)
    rng, weights = np.random.default_rng(3), weights_of(network, 3)
    weights |= {
        "input_hidden1": 3 * weights["input_hidden1"],
        "hidden1_hidden2": 2.5 + 1.5 * rng.standard_normal((8, 8)),
        "hidden1_hidden1": recurrent * rng.standard_normal((8, 8)),
        "hidden2_hidden2": recurrent * rng.standard_normal((8, 8)),
    }
    delays = {c.delay: rng.uniform(200, 400, weights[c.delay].shape) for c in network.connections}
    weights |= delays
    spikes = spikes_of(network, 16, 2, 0.07 * dt, n_steps)
    result = eventprop.gradients(network, weights, spikes, None, loss)
    assert result.hidden_spikes[:, 8:].mean() > 1
    for name in delays:
        gradient = result.gradients[name].astype(float)
        # Delays are rounded: those of the largest slopes move by many steps.
        direction = np.sign(gradient) * (np.abs(gradient) > 0.3 * np.abs(gradient).max())
        values = []
        for step in (20, -20):
            moved = weights | {name: weights[name] + step * direction}
            values.append(eventprop.gradients(network, moved, spikes, None, loss).losses.mean())
        slope = (values[0] - values[1]) / 40
        assert slope == pytest.approx((gradient * direction).sum(), rel=0.12), name


@pytest.mark.parametrize("name", sorted(TRAININGS))
def test_training_follows_mlgenns_trajectory(name):
    """Weights and delays after every batch, by mlGeNN's scheme and our Adam.

    The scheme is the reference's, as in test_recordings: delays are rounded again by each update
    before the backward pass (d). Its ε of 1e-8 is here that of the delays, too (f). Each batch
    begins with the recorded ones, as the last bit of a weight may decide on a spike, and that on
    all that follows.
    """
    recording = Recording(TRAININGS[name])
    network, about, data = recording.network, recording.about, recording.data
    learned = {c.delay: c.longest_delay for c in network.connections if c.learned_delays}
    held = {n: padded_copy(w) for n, w in recording.weights.items()}
    moments = {n: (np.zeros_like(w), np.zeros_like(w)) for n, w in held.items()}
    single = {"dtype": np.float32, "defects": True}
    epsilon, carry = np.float32(1e-8 * network.output.neuron.tau_mem), None
    stale, n_batches = 0, about["n_ex"]

    def current():
        return {n: held[n][: w.size].reshape(w.shape).copy() for n, w in recording.weights.items()}

    for epoch in range(about["epochs"]):
        before = None
        for batch in range(n_batches):
            weights = current()
            inputs = reference.by_step(*recording.spikes([batch]).example(0), recording.n_steps)
            r = reference.forward(network, weights, inputs, carry=carry, **single)
            carry = r.carry
            assert len(numbered(network, r)[0]) == sum(
                len(data[f"epoch{epoch}_batch{batch}_{'hid' if p == 'h' else p}_ids"])
                for p, _ in about["pops"][1:-1]
            )
            _, _, *driven = reference.read(
                network, r, recording.loss, data["labels"][batch],
                *(w[0] for w in recording.loss.windows(None)),
            )  # fmt: skip
            if before is not None:
                stale += any(
                    np.any(delay_steps(weights[n]) != delay_steps(before[0][n])) for n in learned
                )
                gradients = reference.backward(
                    network, weights, *before[1:], recording.regulariser, **single
                )
                n = n_batches * epoch + batch + 1
                unbias = np.float32(1 / (1 - adam.BETA2**n))
                for which in (*recording.names.values(), *learned):
                    g = gradients[which]
                    rate = about["delay_alpha" if which in learned else "adam_alpha"]
                    rate = np.float32(rate / (1 - adam.BETA1**n))
                    adam.step(
                        held[which], padded_copy(g), *moments[which], rate, unbias, epsilon, 0,
                        held[which].size,
                    )  # fmt: skip
                    if which in learned:
                        np.clip(held[which], 0, learned[which], out=held[which])
            before = (weights, r, *driven)
            for short, long in recording.names.items():
                for key, which, rate in (
                    ("w", long, about["adam_alpha"]),
                    ("d", f"{long}.delay", about["delay_alpha"]),
                ):
                    recorded = data.get(f"epoch{epoch}_batch{batch}_{key}_{short}")
                    if recorded is not None:
                        away = np.abs(current()[which] - recorded)
                        # Adam magnifies rounding where a gradient is next to zero.
                        assert np.median(away) < 1e-4 * rate
                        assert away.max() < 0.02 * rate
                        held[which][: recorded.size] = recorded.ravel()
    assert stale > 0


def padded_copy(array):
    flat_array = np.zeros(padded(array.size), np.float32)
    flat_array[: array.size] = np.ravel(array)
    return flat_array


@pytest.mark.parametrize("shape", ["block", "synapse"])
def test_training_gives_the_same_bytes_for_any_threads_and_after_resuming(shape):
    network = chained(shape, True, hidden=[70, 40])
    rule = eventprop.Regulariser(1e-7, 1e-7, 3)

    def backend(weights, threads):
        loss = loss_of("sum_exp")
        return native.Backend(network, weights, loss, rule, threads=threads, delay_rate=200)

    batches = [spikes_of(network, 11, seed) for seed in range(4)]
    assert_training_is_one(backend, weights_of(network), batches)


def test_delays_learn_at_their_own_rate_and_stay_within_their_longest():
    """A first step of Adam is as long as the rate, however small the gradient is (f)."""
    network = chained("synapse", True, 30, hidden=20)
    weights, spikes = weights_of(network), spikes_of(network, 8)
    backend = native.Backend(network, weights, loss_of("sum_exp"), delay_rate=500)
    gradients = eventprop.gradients(network, weights, spikes, None, loss_of("sum_exp")).gradients
    backend.train([spikes], [1e-3])
    for c in network.connections:
        moved = backend.weights[c.delay] - weights[c.delay]
        wanted = -0.5 * np.sign(gradients[c.delay])
        free = weights[c.delay] + wanted
        inside = (free >= 0) & (free <= 30) & (gradients[c.delay] != 0)
        assert inside.sum() > 50
        np.testing.assert_allclose(moved[inside], wanted[inside], rtol=1e-2)
        assert (moved[~inside & (wanted != 0)] == 0).all()
        assert ((backend.weights[c.delay] >= 0) & (backend.weights[c.delay] <= 30)).all()
        assert np.median(np.abs(gradients[c.delay])) < 1e-3
    plain = native.Backend(network, weights, loss_of("sum_exp"))
    assert all(plain.evaluate(spikes).losses == eventprop.gradients(
        network, weights, spikes, None, loss_of("sum_exp")
    ).losses)  # fmt: skip


def test_delays_have_one_rounding():
    """Halves go up, as where mlGeNN learns them, wherever steps are wanted (e)."""
    given = np.float32([0, 0.49999997, 0.5, 1.49, 1.5, 2.5, 61.5, 62])
    np.testing.assert_array_equal(delay_steps(given), [0, 0, 1, 1, 2, 3, 62, 62])
    plain = Network.layered(8, 20, 5)
    fixed, learned = (
        Network(
            plain.populations,
            (Connection("input", "hidden", 62, "synapse", learns), *plain.connections[1:]),
        )
        for learns in (False, True)
    )
    rng = np.random.default_rng(0)
    halves = rng.integers(0, 125, (8, 20)) / 2
    weights = weights_of(plain) | {"input_hidden": rng.uniform(0.2, 0.6, (8, 20))}
    spikes = spikes_of(plain)
    a, b = (
        eventprop.simulate(network, weights | {"input_hidden.delay": delays}, spikes)
        for network, delays in ((learned, halves), (fixed, np.floor(halves + 0.5)))
    )
    assert len(a.hidden_spikes.steps) > 100
    np.testing.assert_array_equal(a.output_v, b.output_v)
    with pytest.raises(InputError, match=r"input_hidden.delay holds .*\.5"):
        eventprop.simulate(fixed, weights | {"input_hidden.delay": halves}, spikes)


@pytest.mark.parametrize(
    "connection",
    [
        Connection("input", "hidden", 9, "synapse"),
        Connection("input", "hidden", 9, "source", True),
        Connection("hidden", "hidden", 9, "block"),
        Connection("hidden", "hidden", 9),
    ],
)
def test_what_knows_no_such_delays_refuses_them_by_name(connection, tmp_path):
    plain = Network.layered(30, 20, 5)
    connections = {c.name: c for c in plain.connections} | {connection.name: connection}
    network = Network(plain.populations, tuple(connections.values()))
    weights, loss = weights_of(network), loss_of("sum_exp")
    rule = eventprop.Regulariser()
    calls = {
        "e-prop": lambda: eprop.Backend(network, weights, loss),
        "BPTT": lambda: bptt.Backend(network, weights, loss),
    }
    if connection.learned_delays:
        calls["mlGeNN"] = lambda: limits.check(network, loss, rule)
    if connection.delay_shape != "source":
        calls["NIR"] = lambda: nir.export(network, weights, tmp_path / "a.nir")
    for call in calls.values():
        with pytest.raises(InputError, match=f"delays.* of {connection.name}"):
            call()
    assert list(tmp_path.iterdir()) == []
