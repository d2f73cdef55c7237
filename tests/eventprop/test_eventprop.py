"""The engine's properties: true gradients, no memory between examples, same bytes always."""

import os
import subprocess
import sys
from dataclasses import replace

import eventprop_reference as reference
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikespeech import eventprop, losses
from spikespeech.backends import eprop, native
from spikespeech.engine import batch
from spikespeech.errors import InputError
from spikespeech.network import LI, LIF, Network, Parameters
from spikespeech.spikes import SpikeTrains

STEPS = 120
WINDOWS = ("sum", "sum_exp", "linear", "sigmoid", "gaussian", "input")
NAMES = (*WINDOWS, "max", "per_timestep", "first_spike")


def network_of(loss="sum", n_hidden=20, **settings):
    output = LIF() if loss == "first_spike" else LI()
    return Network.layered(30, n_hidden, 5, **{"output": output} | settings)


def weights_of(network, seed=0):
    output = (0.6, 0.3) if network.spiking_output else (0.0, 0.3)
    return Parameters.random(
        network,
        np.random.default_rng(seed),
        input_hidden=(0.12, 0.1),
        hidden_hidden=(0, 0.1),
        hidden_output=output,
    )


def spikes_of(network, n=6, seed=0, rate=0.06, n_steps=STEPS, n_spiking=None):
    rng = np.random.default_rng(seed)
    size = n_spiking or n_steps, network.n_inputs
    binned = [np.nonzero(rng.random(size) < rate) for _ in range(n)]
    return SpikeTrains.from_binned(
        binned,
        rng.integers(0, network.n_outputs, n),
        np.zeros(n),
        n_steps,
        network.n_inputs,
        network.dt_ms,
        tuple("abcde"[: network.n_outputs]),
    )


def loss_of(name, n_steps=STEPS, dt_ms=1.0):
    return losses.make(name, n_steps=n_steps, dt_ms=dt_ms)


def assert_same_bytes(a, b):
    a, b = (x.values() if isinstance(x, Parameters) else x for x in (a, b))
    for x, y in zip(a, b, strict=True):
        assert x.tobytes() == y.tobytes()


def assert_training_is_one(backend, weights, batches):
    """`backend(weights, threads)` learns to the same bytes with two threads, and after resuming."""
    rates = [1e-3] * len(batches)
    one, two = (backend(weights.copy(), threads) for threads in (1, 2))
    for learning in (one, two):
        learning.train(batches, rates)
    assert_same_bytes(one.weights, two.weights)
    assert_same_bytes(one.state().values(), two.state().values())
    middle = len(batches) // 2
    half = backend(weights.copy(), 1)
    half.train(batches[:middle], rates[:middle])
    resumed = backend(half.weights, 1)
    resumed.restore(half.state())
    resumed.train(batches[middle:], rates[middle:])
    assert_same_bytes(one.weights, resumed.weights)
    for name, array in weights.items():
        assert np.abs(one.weights[name] - array).max() > 1e-4


@pytest.mark.parametrize("heard", [STEPS, 2 * STEPS // 3], ids=["all", "two thirds"])
@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_every_loss_is_the_references(name, recurrent, heard):
    """Whether inputs spike all through the trial or fall silent long before its end."""
    network = network_of(name, recurrent=recurrent)
    weights, loss = weights_of(network), loss_of(name)
    spikes = spikes_of(network, n_spiking=heard)
    regulariser = eventprop.Regulariser(2e-6, 3e-6, 4)
    result = eventprop.gradients(network, weights, spikes, None, loss, regulariser)
    windows, drives = loss.windows(spikes)
    expected = {name: np.zeros(w.shape) for name, w in weights.items()}
    for i in range(len(spikes)):
        r = reference.forward(network, weights, reference.by_step(*spikes.example(i), STEPS))
        window, drive = (w[min(i, len(w) - 1)] for w in (windows, drives))
        y, value, *driven = reference.read(network, r, loss, spikes.labels[i], window, drive)
        np.testing.assert_allclose(result.readouts[i], y, atol=1e-5 * np.abs(y).max())
        assert result.losses[i] == pytest.approx(value, rel=1e-5)
        np.testing.assert_array_equal(
            result.hidden_spikes[i],
            np.bincount(np.concatenate(r.spikes["hidden"]).astype(int), minlength=network.n_hidden),
        )
        for name, g in reference.backward(network, weights, r, *driven, regulariser).items():
            expected[name] += g / len(spikes)
    assert result.hidden_spikes.sum() > 100
    for name, theirs in expected.items():
        ours = result.gradients[name]
        assert np.abs(ours - theirs).max() <= 2e-5 * np.abs(theirs).max()


def test_time_constants_of_each_neuron():
    """Each neuron has its own; the read-out is simulated where outputs differ."""
    rng = np.random.default_rng(3)
    network = network_of(
        neuron=LIF(rng.uniform(8, 30, 20), rng.uniform(2, 7, 20)),
        output=LI(rng.uniform(10, 30, 5), rng.uniform(2, 8, 5)),
    )
    weights, spikes, loss = weights_of(network), spikes_of(network, 1), loss_of("gaussian")
    result = eventprop.gradients(network, weights, spikes, None, loss)
    r = reference.forward(network, weights, reference.by_step(*spikes.example(0), STEPS))
    y, value, *driven = reference.read(
        network, r, loss, spikes.labels[0], loss.window, loss.adjoint_window
    )
    np.testing.assert_allclose(result.readouts[0], y, rtol=1e-5)
    assert result.losses[0] == pytest.approx(value, rel=1e-5)
    for name, theirs in reference.backward(network, weights, r, *driven).items():
        ours = result.gradients[name]
        assert np.abs(ours - theirs).max() <= 2e-5 * np.abs(theirs).max()
    alike = network_of(neuron=LIF(np.full(20, 20.0)), output=LI(tau_syn=np.full(5, 5.0)))
    a, b = (eventprop.gradients(n, weights, spikes, None, loss) for n in (alike, network_of()))
    assert_same_bytes(a.gradients, b.gradients)


def test_arrays_of_equal_time_constants():
    """Constants are read from arrays where one neuron, here a silent one, is not as the others."""
    taus = np.full(20, 20.0)
    taus[-1] = 30
    network, weights, loss = network_of(), weights_of(network_of()), loss_of("gaussian")
    weights["input_hidden"][:, -1] = weights["hidden_hidden"][:, -1] = 0
    spikes = spikes_of(network)
    arrays = network_of(neuron=LIF(taus))
    a, b = (eventprop.gradients(n, weights, spikes, None, loss) for n in (network, arrays))
    assert np.abs(a.gradients["hidden_hidden"][:, :-1]).max() > 0
    assert_same_bytes(
        (a.gradients["input_hidden"][:, :-1], a.gradients["hidden_hidden"][:, :-1], a.readouts),
        (b.gradients["input_hidden"][:, :-1], b.gradients["hidden_hidden"][:, :-1], b.readouts),
    )


@pytest.mark.parametrize("name", ["sum_exp", "max", "per_timestep", "first_spike"])
def test_smoothed_labels_are_a_mixture_of_labels(name):
    """Loss and gradients are linear in the target, up to the pull of first spikes on their own."""
    smoothing, network = 0.3, network_of(name)
    weights, spikes, plain = weights_of(network), spikes_of(network), loss_of(name)
    if name == "first_spike":
        plain = losses.make(name, n_steps=STEPS, alpha=1e-9)
    smooth = eventprop.gradients(network, weights, spikes, loss=replace(plain, smoothing=smoothing))
    n, own = network.n_outputs, eventprop.gradients(network, weights, spikes, loss=plain)
    others = [
        eventprop.gradients(
            network, weights, replace(spikes, labels=np.full(len(spikes), k)), loss=plain
        )
        for k in range(n)
    ]

    def mixed(read):
        return (1 - smoothing) * read(own) + smoothing / n * sum(map(read, others))

    np.testing.assert_allclose(smooth.losses, mixed(lambda r: r.losses), rtol=1e-6)
    for key, found in smooth.gradients.items():
        expected = mixed(lambda r, key=key: np.asarray(r.gradients[key], float))
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["sum", "sum_exp", "gaussian", "max", "per_timestep"])
def test_output_weights_by_finite_differences(name):
    """At dt = 1 ms: mlGeNN's adjoint is the derivative but for the grid, a few per cent."""
    network = network_of()
    weights, spikes, loss = weights_of(network), spikes_of(network), loss_of(name)
    result = eventprop.gradients(network, weights, spikes, None, loss)
    differences = np.zeros_like(weights["hidden_output"])
    for cell in np.ndindex(differences.shape):
        values = []
        for step in (0.02, -0.02):
            moved = weights.copy()
            moved["hidden_output"][cell] += step
            values.append(eventprop.gradients(network, moved, spikes, None, loss).losses.mean())
        differences[cell] = (values[0] - values[1]) / 0.04
    ours = result.gradients["hidden_output"]
    cosine = (ours * differences).sum() / np.linalg.norm(ours) / np.linalg.norm(differences)
    assert cosine > 0.99
    assert np.linalg.norm(ours) / np.linalg.norm(differences) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", ["sum_exp", "gaussian", "first_spike"])
def test_all_gradients_by_finite_differences_at_small_dt(name):
    """At dt = 0.01 ms spike times are nearly continuous: EventProp's gradient is the loss's own.

    Differences are along each array's gradient, over many examples, so that the grid averages out.
    """
    dt, n_steps = 0.01, 4000
    network = network_of(name, 8, dt_ms=dt)
    weights = weights_of(network, 5)
    weights["input_hidden"][:] *= 3
    smooth = {"temperature": 10.0} if name == "first_spike" else {}
    loss = losses.make(name, n_steps=n_steps, dt_ms=dt, **smooth)
    spikes = spikes_of(network, 16, 2, 0.07 * dt, n_steps)
    result = eventprop.gradients(network, weights, spikes, None, loss)
    assert result.hidden_spikes.mean() > 3
    for which, gradient in result.gradients.items():
        gradient = gradient.astype(float)
        direction = gradient / np.linalg.norm(gradient)
        step = 0.003 if name == "first_spike" else 0.03
        values = []
        for sign in (1, -1):
            moved = weights.copy()
            moved[which][:] += (sign * step * direction).astype(np.float32)
            values.append(eventprop.gradients(network, moved, spikes, None, loss).losses.mean())
        slope = (values[0] - values[1]) / (2 * step)
        # Losses of first spikes bend sharply: the order of spikes changes within a small step.
        near = 0.25 if name == "first_spike" else 0.05
        assert slope == pytest.approx(np.linalg.norm(gradient), rel=near), which


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)), st.integers(0, 2**32 - 1))
def test_examples_know_nothing_of_each_other(order, seed):
    """No state leaks: an example's loss does not depend on its batch, and gradients are means."""
    network = network_of()
    weights, spikes = weights_of(network), spikes_of(network, 5, seed)
    whole = eventprop.gradients(network, weights, spikes, None, "sum_exp")
    shuffled = eventprop.gradients(network, weights, spikes.take(order), None, "sum_exp")
    alone = [
        eventprop.gradients(network, weights, spikes.take([i]), None, "sum_exp") for i in range(5)
    ]
    assert_same_bytes([whole.losses[order]], [shuffled.losses])
    assert_same_bytes([whole.readouts], [np.concatenate([a.readouts for a in alone])])
    for name, ours in whole.gradients.items():
        mean = np.mean([a.gradients[name] for a in alone], axis=0)
        np.testing.assert_allclose(ours, mean, atol=1e-6 * np.abs(mean).max())


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 29), min_size=1), st.sampled_from((*WINDOWS[:5], "max")))
def test_a_spike_in_the_last_step_is_nothing(units, name):
    """Neither for the loss nor, as in mlGeNN, against the gradient of the unit that spiked."""
    network = network_of()
    weights, spikes = weights_of(network), spikes_of(network, 1)
    steps, channels = spikes.example(0)
    kept = steps < STEPS - 1
    added = np.array(sorted(units), np.uint16)
    variants = [
        spikes.with_spikes(np.array([0, len(s)]), s, u)
        for s, u in (
            (steps[kept], channels[kept]),
            (
                np.append(steps[kept], np.full(len(added), STEPS - 1, np.uint16)),
                np.append(channels[kept], added),
            ),
        )
    ]
    a, b = (eventprop.gradients(network, weights, v, None, loss_of(name)) for v in variants)
    assert_same_bytes([a.losses, *a.gradients.values()], [b.losses, *b.gradients.values()])


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(WINDOWS), st.integers(0, 2**32 - 1))
def test_closed_form_reads_what_simulation_reads(name, seed):
    network = network_of()
    weights, spikes, loss = weights_of(network, seed), spikes_of(network, 3, seed), loss_of(name)
    result = eventprop.gradients(network, weights, spikes, None, loss)
    voltage = eventprop.simulate(network, weights, spikes).output_v.astype(float)
    read = (loss.windows(spikes)[0][..., None] * voltage).mean(axis=1)
    np.testing.assert_allclose(result.readouts, read, atol=1e-5 * np.abs(read).max())


def outcome_bytes(threads, n=11, epochs=2, loss="sum_exp"):
    """Train for a few batches; return all that came of it."""
    network = network_of(loss, 70)
    backend = native.Backend(
        network,
        weights_of(network),
        loss_of(loss),
        eventprop.Regulariser(1e-7, 1e-7, 3),
        threads=threads,
    )
    batches = [spikes_of(network, n, seed) for seed in range(2)]
    outcomes = [backend.train(batches, [1e-3, 1e-3]) for _ in range(epochs)]
    outcomes.append(backend.evaluate(spikes_of(network, 7, 9)))
    arrays = [*backend.weights.values(), *backend.state().values()]
    for o in outcomes:
        arrays += [o.losses, o.readouts, o.hidden_spikes]
    return b"".join(a.tobytes() for a in arrays)


@pytest.mark.parametrize("loss", ["sum_exp", "first_spike"])
def test_same_bytes_for_any_number_of_threads(loss):
    alone = outcome_bytes(1, loss=loss)
    assert all(outcome_bytes(threads, loss=loss) == alone for threads in (2, 4, 8))


def test_same_bytes_with_a_cold_and_a_warm_cache(tmp_path):
    script = (
        "import hashlib, test_eventprop as t;print(hashlib.sha256(t.outcome_bytes(2)).hexdigest())"
    )
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": os.path.dirname(__file__),  # noqa: PTH120
    }
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    assert "compiling" in runs[0].stderr
    assert "compiling" not in runs[1].stderr
    assert runs[0].stdout == runs[1].stdout


def test_training_resumes_in_the_same_bytes():
    network = network_of()
    batches = [spikes_of(network, 4, seed) for seed in range(6)]

    def backend(weights):
        return native.Backend(network, weights, loss_of("sum_exp"))

    whole = backend(weights_of(network))
    whole.train(batches, [1e-3] * 6)
    first = backend(weights_of(network))
    first.train(batches[:3], [1e-3] * 3)
    second = backend(first.weights)
    second.restore(first.state())
    second.train(batches[3:], [1e-3] * 3)
    assert_same_bytes(whole.weights, second.weights)
    assert_same_bytes(whole.state().values(), second.state().values())


def test_training_learns_and_its_first_step_is_the_learning_rate():
    network = network_of()
    start, spikes = weights_of(network), spikes_of(network, 8)
    backend = native.Backend(network, start, loss_of("sum_exp"))
    before = backend.train([spikes], [1e-3])
    gradient = eventprop.gradients(network, start, spikes, None, "sum_exp").gradients[
        "hidden_output"
    ]
    moved = backend.weights["hidden_output"] - start["hidden_output"]
    clear = np.abs(gradient) > 1e-4
    np.testing.assert_allclose(moved[clear], -1e-3 * np.sign(gradient[clear]), rtol=0.01)
    for _ in range(100):
        after = backend.train([spikes], [3e-3])
    assert after.losses.mean() < 0.8 * before.losses.mean()
    evaluated = backend.evaluate(spikes)
    np.testing.assert_array_equal(evaluated.labels, spikes.labels)
    assert evaluated.losses.mean() < after.losses.mean()


def test_silent_and_runaway_networks_show_in_the_counts():
    network = network_of()
    spikes = spikes_of(network)
    silent = eventprop.gradients(network, Parameters.zeros(network), spikes)
    assert not silent.hidden_spikes.any()
    assert all(not g.any() for g in silent.gradients.values())
    np.testing.assert_allclose(silent.losses, np.log(5))
    weights = weights_of(network)
    weights["input_hidden"][:] = 100
    weights["hidden_hidden"][:] = 100
    runaway = eventprop.gradients(network, weights, spikes)
    assert runaway.hidden_spikes.min() > 0.9 * STEPS


def test_bad_weights_are_refused_and_bad_gradients_counted():
    network = network_of()
    weights = weights_of(network)
    weights["hidden_hidden"][3, 4] = np.nan
    with pytest.raises(InputError, match="1 of 400 hidden_hidden weights are not finite"):
        eventprop.gradients(network, weights, spikes_of(network))
    weights = weights_of(network)
    weights["hidden_output"][:] = np.copysign(3e38, weights["hidden_output"])
    backend = native.Backend(network, weights, loss_of("sum"))
    outcome = backend.train([spikes_of(network)], [1e-3])
    assert sum(outcome.nonfinite.values()) > 0
    assert_same_bytes(backend.weights, weights)


def test_the_guard_counts(monkeypatch):
    network = network_of()
    weights, spikes = weights_of(network), spikes_of(network)
    assert eventprop.gradients(network, weights, spikes).guarded == 0
    monkeypatch.setattr(batch, "SLOPE_MIN", 1e6)
    result = eventprop.gradients(network, weights, spikes)
    hidden = eventprop.simulate(network, weights, spikes).hidden_spikes
    assert result.guarded == (hidden.steps < STEPS - 1).sum() > 0


def test_weights_and_losses_in_any_form():
    network = network_of()
    weights, spikes = weights_of(network), spikes_of(network)
    expected = eventprop.gradients(network, weights, spikes, spikes.labels, loss_of("sum"))
    for form in (dict(weights), {name: w.astype(float) for name, w in weights.items()}):
        assert_same_bytes(
            eventprop.gradients(network, form, spikes, None, "sum").gradients, expected.gradients
        )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda n, w, s: (n, w, replace(s, labels=s.labels + 5)), "label"),
        (lambda n, w, s: (n, w, replace(s, dt_ms=2.0)), "steps of 2 ms"),
        (lambda n, w, s: (n, w, replace(s, units=s.units + np.uint16(30))), "example 0: .* unit"),
        (lambda n, w, s: (n, w, replace(s, steps=s.steps + np.uint16(STEPS))), "0: has a .* step"),
        (lambda n, w, s: (n, w, replace(s, steps=s.steps[::-1].copy())), "example 0: .* order"),
        (lambda n, w, s: (n, {k: x[:3] for k, x in w.items()}, s), "shape"),
        (lambda n, w, s: (n, {k: w[k] for k in list(w)[1:]}, s), "input_hidden is missing"),
        (lambda n, w, s: (n, w | {"input_output": w["input_hidden"]}, s), "no input_output"),
        (lambda n, w, s: (network_of("first_spike"), w, s), "spike"),
    ],
)
def test_what_does_not_fit_is_named(change, said):
    network = network_of()
    with pytest.raises(InputError, match=said):
        eventprop.gradients(*change(network, weights_of(network), spikes_of(network)))


def test_the_example_with_a_bad_spike_is_named():
    network = network_of()
    spikes = spikes_of(network)
    units = spikes.units.copy()
    units[spikes.offsets[2]] = 999
    spikes = replace(spikes, units=units)
    weights = weights_of(network)
    plain = losses.make("sum", n_steps=STEPS)
    for call in (
        lambda: eventprop.gradients(network, weights, spikes, threads=2),
        lambda: eventprop.simulate(network, weights, spikes),
        lambda: eprop.Backend(network, weights, plain).train([spikes], [0.1]),
    ):
        with pytest.raises(InputError, match="example 2: has a spike of unit 999"):
            call()


def test_record_is_checked():
    network = network_of()
    with pytest.raises(InputError, match="hidden_q"):
        eventprop.simulate(network, weights_of(network), spikes_of(network), record=("hidden_q",))
    none = eventprop.simulate(network, weights_of(network), spikes_of(network), record=())
    assert none.hidden_spikes is none.output_v is none.output_spikes is None
