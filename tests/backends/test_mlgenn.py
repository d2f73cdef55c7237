"""mlGeNN's backend: what it refuses, and that it agrees with the native engine.

Tests that need mlGeNN run where it can be imported. Elsewhere they run in the interpreter that
SPIKESPEECH_MLGENN_PYTHON names (with pytest installed), or are skipped with the reason.
"""

import importlib.util
import os
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml

from spikespeech import eventprop, losses
from spikespeech.backends import mlgenn, native
from spikespeech.backends.mlgenn import backend, limits
from spikespeech.engine.rewiring import Rewiring
from spikespeech.errors import InputError
from spikespeech.eventprop import Regulariser
from spikespeech.network import LI, LIF, Connection, Network, Parameters, sparse
from spikespeech.spikes import SpikeTrains
from spikespeech.training import loop
from spikespeech.training.settings import Settings

ROOT = Path(__file__).parents[2]
PYTHON = "SPIKESPEECH_MLGENN_PYTHON"
HERE = importlib.util.find_spec("ml_genn") is not None
needs_mlgenn = pytest.mark.skipif(not HERE, reason="mlGeNN is not installed here: envs/mlgenn.txt")


def network_of(n_inputs=60, hidden=20, n_outputs=5, **options):
    return Network.layered(n_inputs, hidden, n_outputs, **options)


def with_delays(network, delays):
    """Return the network with delays of connections: longest, shape, learned."""
    late = (Connection(c.source, c.target, *delays.get(c.name, ())) for c in network.connections)
    return replace(network, connections=tuple(late))


NETWORK = network_of()
STEPS = 200


def examples(n=4, n_steps=STEPS, network=NETWORK, rate=0.06, seed=0):
    """Poisson spike trains up to the very last step."""
    rng = np.random.default_rng(seed)
    trains = [np.nonzero(rng.random((n_steps, network.n_inputs)) < rate) for _ in range(n)]
    labels = np.arange(n) % network.n_outputs
    classes = tuple(map(str, range(network.n_outputs)))
    return SpikeTrains.from_binned(
        trains, labels, np.zeros(n), n_steps, network.n_inputs, network.dt_ms, classes
    )


def weights(network=NETWORK, output_mean=0.0):
    return Parameters.random(
        network,
        np.random.default_rng(3),
        input_hidden=(0.08, 0.05),
        hidden_hidden=(0, 0.05),
        hidden_output=(output_mean, 0.1),
    )


def delayed_weights(network, output_mean=0.0):
    """Return weights, and delays: learned ones of any value, a half among them."""
    rng, drawn, shapes = np.random.default_rng(4), weights(network, output_mean), network.shapes()
    for c in network.connections:
        if c.longest_delay:
            delays = rng.uniform(0, c.longest_delay, shapes[c.delay])
            delays.flat[:3] = c.longest_delay, 2.5, 0.5
            drawn |= {c.delay: delays if c.learned_delays else np.rint(delays)}
        if c.synapses:
            # As many as there are, in no order: rows of none, one and many.
            mask = np.zeros(shapes[c.mask])
            mask.flat[rng.permutation(mask.size)[: c.synapses]] = 1
            drawn |= {c.mask: mask, c.name: drawn[c.name] * (mask.size / mask.sum())}
    return drawn | sparse.masked(network, drawn)


def deviation(ours, reference):
    """Largest absolute difference, relative to the reference's largest magnitude."""
    return np.abs(ours - reference).max() / np.abs(reference).max()


# What needs no mlGeNN


def test_without_mlgenn_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_genn", None)
    with pytest.raises(InputError, match=r"needs mlGeNN and PyGeNN.*envs/mlgenn\.txt") as error:
        mlgenn.Backend(NETWORK, weights(), losses.make("sum", n_steps=STEPS))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "loss", "regulariser", "problem"),
    [
        ({}, "per_timestep", {}, "'per_timestep' cannot be expressed"),
        ({}, "first_spike", {}, "'first_spike' and spiking_output: False"),
        ({"output": LIF()}, "max", {}, "'max' and spiking_output: True"),
        ({"output": LI(np.full(5, 20.0))}, "sum", {}, "tau_mem of output has a value for each"),
        ({"neuron": LIF(20.0, np.full(20, 5.0))}, "sum", {}, "tau_syn of hidden has a value for"),
        ({"output": LI(20.0, np.full(5, 5.0))}, "sum", {}, "tau_syn of output has a value for"),
        ({"neuron": LIF(5.0)}, "sum", {}, "tau_mem and tau_syn of hidden are equal"),
        ({"n_outputs": 257}, "sum", {}, "257 classes"),
        ({}, "sum", {"spikes": 2.5}, "regularisation.spikes: 2.5"),
    ],
)
def test_refuses_by_name_what_mlgenn_cannot_express(changes, loss, regulariser, problem):
    with pytest.raises(InputError, match=problem):
        mlgenn.Backend(
            network_of(**changes),
            weights(),
            losses.make(loss, n_steps=STEPS),
            Regulariser(**regulariser),
        )


@pytest.mark.parametrize("shape", ["source", "block"])
def test_refuses_delays_that_it_does_not_learn(shape):
    network = with_delays(network_of(), {"hidden_hidden": (9, shape, True)})
    with pytest.raises(InputError, match=f"learned delays of hidden_hidden, a {shape}.*shape: syn"):
        mlgenn.Backend(network, delayed_weights(network), losses.make("sum", n_steps=STEPS))


def test_refuses_to_shorten_gradients():
    with pytest.raises(InputError, match=r"cannot shorten gradients.*gradient_clip: 0"):
        mlgenn.Backend(network_of(), weights(), losses.make("sum", n_steps=STEPS), gradient_clip=5)


def test_refuses_to_rewire():
    own = {"rewiring": Rewiring({"hidden_hidden": np.ones(2, np.float32)}, 1)}
    with pytest.raises(InputError, match=r"hidden_hidden: mlGeNN 2\.4 rewires by other signs"):
        mlgenn.Backend(network_of(), weights(), losses.make("sum", n_steps=STEPS), **own)


def test_refuses_smoothed_labels():
    loss = replace(losses.make("sum", n_steps=STEPS), smoothing=0.1)
    with pytest.raises(InputError, match=r"cannot smooth labels.*label_smoothing: 0"):
        mlgenn.Backend(network_of(), weights(), loss)


@pytest.fixture
def installed(monkeypatch):
    """Stand-ins for an mlGeNN whose PyGeNN has the GeNN backends that the test names."""

    def install(*backends):
        cuda = SimpleNamespace(DeviceSelect=SimpleNamespace(MANUAL="manual"))
        module = ModuleType("pygenn.genn_model")
        module.backend_modules = {name: cuda for name in backends}
        monkeypatch.setitem(sys.modules, "ml_genn", ModuleType("ml_genn"))
        monkeypatch.setitem(sys.modules, "pygenn", ModuleType("pygenn"))
        monkeypatch.setitem(sys.modules, "pygenn.genn_model", module)

    return install


def test_a_cpu_is_for_checking_one_example_at_a_time(installed, caplog):
    installed("single_threaded_cpu")
    with pytest.raises(InputError, match=r"batch of 16 examples.*batch_size: 1"):
        limits.genn_options("auto", 16)
    assert limits.genn_options("auto", 1) == {"backend": "single_threaded_cpu"}
    assert "to check, not to train" in caplog.text


def test_devices(installed):
    installed("cuda", "single_threaded_cpu")
    assert limits.genn_options("auto", 32) == {"backend": "cuda"}
    chosen = limits.genn_options("cuda:1", 32)
    assert (chosen["device_select_method"], chosen["manual_device_id"]) == ("manual", 1)
    assert limits.genn_options("cpu", 1) == {"backend": "single_threaded_cpu"}
    for unknown in ("gpu", "cuda:", "cuda:x", "cpu:0", "auto:1"):
        with pytest.raises(InputError, match=f"device '{unknown}'"):
            limits.genn_options(unknown, 1)
    installed("single_threaded_cpu")
    with pytest.raises(InputError, match="built without CUDA"):
        limits.genn_options("cuda", 32)


@pytest.mark.parametrize(("n_steps", "dt_ms"), [(1002, 1.0), (10002, 0.1), (5002, 0.02)])
def test_time_steps_at_which_mlgenn_finds_its_spikes_again(n_steps, dt_ms):
    limits.check_times(n_steps, dt_ms)


def test_a_time_step_at_which_mlgenn_loses_spikes_is_refused():
    with pytest.raises(InputError, match=r"20002 steps of 0\.005 ms"):
        limits.check_times(20002, 0.005)


@pytest.mark.parametrize("code", ["scalar drive = g * scale;", "drive = g / a; drive = g / b;"])
def test_another_version_of_mlgenn_fails_loudly(code):
    model = {"sim_code": code}
    with pytest.raises(InputError, match=r"'drive = g /' [02] times.*not mlGeNN 2\.4"):
        limits.rewrite(model, "sim_code", [("drive = g /", "drive = (g * w) /")])
    assert model == {"sim_code": code}


@pytest.mark.parametrize("name", ["gaussian", "max", "first_spike"])
def test_losses_are_those_of_the_native_engine(name):
    network = SPIKING if name == "first_spike" else NETWORK
    spikes, loss = examples(), losses.make(name, n_steps=STEPS)
    native = eventprop.gradients(network, weights(network, 0.3), spikes, loss=loss)
    ours = backend.cross_entropies(loss, native.readouts, spikes.labels)
    np.testing.assert_allclose(ours, native.losses, rtol=1e-12)


def test_the_batch_that_ends_an_epoch_is_silent():
    silent = backend.silence(examples())
    assert (len(silent), len(silent.steps), silent.n_steps) == (1, 0, STEPS)


def test_the_agreement_table_counts_what_differs():
    agreement = runpy.run_path(str(ROOT / "scripts/peers/agreement.py"))
    found = agreement["difference"](np.array([1.0, 2.5, 0.0]), np.array([1.0, 2.0, -4.0]))
    assert found == {
        "values": 3,
        "nonzero": 3,
        "differing": 2,
        "largest": 4.0,
        "deviation": 4.0,
        "relative": 1.0,
    }
    spikes = examples(3)
    assert agreement["grid"](spikes).sum() == len(spikes.steps)


def test_the_source_of_a_package_has_a_digest(tmp_path, monkeypatch):
    agreement = runpy.run_path(str(ROOT / "scripts/peers/agreement.py"))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "twice").mkdir()
    digests = []
    for text in ("", "a = 1", "a = 2", "a = 1"):
        (tmp_path / "twice/__init__.py").write_text(text)
        digests.append(agreement["source_digest"]("twice"))
    assert len(set(digests)) == 3 and digests[1] == digests[3]


def test_the_agreement_figure_says_how_far_backends_are_apart():
    plot = runpy.run_path(str(ROOT / "scripts/exhibits/training/plot_agreement.py"))
    quantities = ("hidden spikes", "output voltages", "gradient of hidden_output")
    table = pd.DataFrame({"quantity": quantities, "nonzero": 500, "differing": [2, 0, 7]}).assign(
        loss="sum", deviation=0.25, relative=0.125, pygenn="5", ml_genn="2", genn_backend="cuda"
    )
    histories = pd.DataFrame(
        [
            {"backend": backend, "seed": seed, "epoch": epoch, "validation_accuracy": accuracy}
            for epoch in (1, 2)
            for backend, low in (("native", 0.5), ("mlgenn", 0.6))
            for seed, accuracy in ((1, low * epoch / 2), (2, 0.25))
        ]
    )
    finding = " ".join(plot["findings"](table, histories))
    assert "2 of 500 hidden spikes differ" in finding
    assert "at most 0.1 of the largest (gradient of hidden_output, sum)" in finding
    assert "After 2 epochs mlGeNN has a validation accuracy of 42.5 %" in finding
    assert "mlGeNN is +0.0 to +10.0 points from it" in finding
    left, right = plot["draw"](table, histories).axes
    assert len(right.lines) == 2 and len(left.lines) == 1


@pytest.mark.skipif(HERE, reason="mlGeNN's tests run in this interpreter")
@pytest.mark.slow
def test_in_the_interpreter_that_has_mlgenn():
    if not (python := os.environ.get(PYTHON)):
        pytest.skip(f"mlGeNN is not installed here, and {PYTHON} names no interpreter that has it")
    run = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


# What needs it

UNEQUAL = network_of(neuron=LIF(15.0, 5.0, 0.9), output=LI(35.0, 9.0))
SPIKING = network_of(output=LIF())
TWO = network_of(hidden=(20, 12))
DELAYED = network_of(hidden=(20, 12), longest_delay=60)
LEARNED = with_delays(
    replace(TWO, dt_ms=0.5),
    {
        "input_hidden1": (60, "synapse", True),
        "hidden1_hidden1": (20, "synapse", True),
        "hidden2_output": (9, "synapse", True),
    },
)
FIXED = with_delays(
    TWO,
    {
        "input_hidden1": (60, "block"),
        "hidden1_hidden2": (20, "source"),
        "hidden2_hidden2": (9, "synapse"),
        "hidden2_output": (9, "source"),
    },
)


def lacking(network):
    """Return a network of whose synapses a half is missing."""
    connections = [replace(c, synapses=network.n_synapses(c) // 2) for c in network.connections]
    return replace(network, connections=tuple(connections))


class Case(NamedTuple):
    loss: dict
    network: Network = NETWORK
    regulariser: Regulariser | None = None
    output_mean: float = 0.0


CASES = {
    "sum": Case({"name": "sum"}),
    "sum_exp": Case({"name": "sum_exp"}),
    "max": Case({"name": "max"}),
    "gaussian": Case({"name": "gaussian"}),
    "input": Case({"name": "input"}),
    "table": Case({"name": "table", "values": np.linspace(-1, 2, STEPS)}),
    "normalised, other constants": Case({"name": "gaussian", "normalise": True}, UNEQUAL),
    "feed-forward": Case({"name": "sum_exp"}, network_of(recurrent=False)),
    "half steps": Case({"name": "gaussian"}, network_of(dt_ms=0.5)),
    "regularised": Case({"name": "gaussian"}, NETWORK, Regulariser(1e-4, 1e-5, 4)),
    "two layers": Case({"name": "gaussian"}, TWO, Regulariser(1e-4, 1e-5, 4)),
    "two layers, delays": Case({"name": "sum_exp"}, DELAYED),
    "learned delays": Case({"name": "sum_exp"}, LEARNED, Regulariser(1e-4, 1e-5, 4)),
    "fixed delays": Case({"name": "gaussian"}, FIXED),
    "sparse": Case({"name": "sum_exp"}, lacking(NETWORK), Regulariser(1e-4, 1e-5, 4)),
    "sparse, learned delays": Case({"name": "gaussian"}, lacking(LEARNED)),
    "sparse, fixed delays": Case({"name": "sum_exp"}, lacking(FIXED)),
    "many time constants": Case({"name": "sum"}, network_of(neuron=LIF(np.linspace(9, 30, 20)))),
    "first_spike": Case({"name": "first_spike"}, SPIKING, None, 0.5),
    "first_spike, warm, some silent": Case(
        {"name": "first_spike", "temperature": 5.0, "alpha": 2.0},
        network_of(output=LIF(30.0)),
        Regulariser(1e-4, 1e-5, 4),
        0.2,
    ),
}


@needs_mlgenn
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_native_engine(case):
    parameters, network, regulariser, output_mean = CASES[case]
    spikes, initial = examples(network=network), delayed_weights(network, output_mean)
    loss = losses.make(n_steps=STEPS, dt_ms=network.dt_ms, **parameters)
    reference = eventprop.simulate(network, initial, spikes)
    native = eventprop.gradients(network, initial, spikes, loss=loss, regulariser=regulariser)
    compared = mlgenn.Backend(network, initial, loss, regulariser)
    simulated, ours = compared.simulate(spikes), compared.gradients(spikes)
    # The case would be too easy if no hidden neuron spiked in the last step.
    assert reference.hidden_spikes.steps.max() == STEPS - 1
    np.testing.assert_array_equal(simulated.hidden_spikes.steps, reference.hidden_spikes.steps)
    np.testing.assert_array_equal(simulated.hidden_spikes.units, reference.hidden_spikes.units)
    np.testing.assert_array_equal(simulated.output_v, reference.output_v)
    np.testing.assert_array_equal(ours.hidden_spikes, native.hidden_spikes)
    assert deviation(ours.readouts, native.readouts) < 1e-6
    assert deviation(ours.losses, native.losses) < 1e-6
    for layer, gradient in native.gradients.items():
        assert deviation(ours.gradients[layer], gradient) < 1e-5, layer


@needs_mlgenn
@pytest.mark.parametrize(
    "network", [NETWORK, LEARNED, lacking(LEARNED)], ids=["plain", "learned delays", "sparse"]
)
def test_updates_are_those_of_the_native_engine_where_no_batch_overtakes_them(network):
    spikes = examples(6, network=network)
    regulariser = Regulariser(1e-6, 1e-6, 4)
    loss = losses.make("gaussian", n_steps=STEPS, dt_ms=network.dt_ms, normalise=True)
    both = [
        kind.Backend(network, delayed_weights(network), loss, regulariser, delay_rate=50.0)
        for kind in (mlgenn, native)
    ]
    # One batch an epoch; then an epoch whose last batch alone changes the weights.
    epochs = [([i], [1e-3 * (i + 1)]) for i in range(6)] + [(range(6), [0, 0, 0, 0, 0, 4e-3])]
    for chosen, rates in epochs:
        before = both[0].weights
        outcomes = [b.train([spikes.take([i]) for i in chosen], rates) for b in both]
        np.testing.assert_allclose(outcomes[0].losses, outcomes[1].losses, rtol=1e-6)
        np.testing.assert_array_equal(outcomes[0].labels, outcomes[1].labels)
        for layer, ours in both[0].weights.items():
            assert (np.abs(ours - before[layer]).max() > 0) != layer.endswith(".mask")
            rate = 50 if layer.endswith(".delay") else 1
            np.testing.assert_allclose(ours, both[1].weights[layer], atol=2e-5 * rate)


@needs_mlgenn
@pytest.mark.parametrize("network", [NETWORK, lacking(NETWORK)], ids=["plain", "sparse"])
def test_a_resumed_training_gives_the_same_bytes(network):
    spikes, loss = examples(6), losses.make("gaussian", n_steps=STEPS)
    regulariser = Regulariser(1e-6, 1e-6, 4)

    def epoch(learning, shift):
        order = np.roll(np.arange(6), shift)
        return learning.train([spikes.take([i]) for i in order], [2e-3] * 6)

    first = delayed_weights(network)
    whole = mlgenn.Backend(network, first, loss, regulariser)
    epoch(whole, 0)
    state, halfway = whole.state(), whole.weights
    whole.evaluate(spikes)
    expected = epoch(whole, 1)
    resumed = mlgenn.Backend(network, first, loss, regulariser)
    resumed.weights = halfway
    resumed.restore(state)
    np.testing.assert_array_equal(epoch(resumed, 1).losses, expected.losses)
    for layer, theirs in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[layer], theirs)


@needs_mlgenn
@pytest.mark.parametrize(("rate", "moves"), [(1e-12, False), (1e-3, True)])
def test_fine_tuning_goes_on_from_the_weights_it_is_given(rate, moves):
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["training"]
    chosen = {"loss": {"name": "gaussian"}, "hidden": NETWORK.n_hidden, "recurrent": True}
    changed = {"backend": "mlgenn", "batch_size": 1, "epochs": 8, "learning_rate": rate, "seed": 1}
    changed |= {
        "finetune": 0.25,
        "average": 1,
        "delays": {"input": None},
        "label_smoothing": 0,
        "gradient_clip": 0,
    }
    changed["schedule"] = values["schedule"] | {"kind": "plateau"}
    still = {
        "augmentation": {key: 0 for key in values["augmentation"]} | {"blend": False},
        "ease_in": {"start": 1, "factor": 2},
    }
    settings = Settings.parse(values | chosen | changed | still)
    tuned = loop.finetune(examples(6), weights(), settings)
    apart = [np.abs(tuned[layer] - begun).max() for layer, begun in weights().items()]
    assert all(1e-4 < a < 1e-1 for a in apart) if moves else max(apart) < 1e-6


@needs_mlgenn
def test_nothing_leaks_from_one_example_to_the_next():
    spikes = examples(4)
    evaluated = mlgenn.Backend(NETWORK, weights(), losses.make("sum", n_steps=STEPS))
    forward = evaluated.evaluate(spikes)
    backward = evaluated.evaluate(spikes.take([3, 2, 1, 0]))
    np.testing.assert_array_equal(forward.readouts, backward.readouts[::-1])
    np.testing.assert_array_equal(forward.hidden_spikes, backward.hidden_spikes[::-1])


@needs_mlgenn
def test_kernels_are_timed():
    timed = mlgenn.Backend(NETWORK, weights(), losses.make("sum", n_steps=STEPS))
    timed.train([examples(1)], [1e-3])
    times = timed.kernel_times
    assert times["neurons"] > 0 and times["spikes"] > 0 and times["GradientLearn"] > 0


def slopes(evaluated, spikes, layer, entries, h):
    """Finite differences of the mean loss at `entries` (rows, columns) of a weight array."""
    initial, found = evaluated.weights, []
    for row, column in zip(*entries, strict=True):
        ends = []
        for sign in (1, -1):
            moved = initial.copy()
            moved[layer][row, column] += sign * h
            evaluated.weights = moved
            ends.append(evaluated.evaluate(spikes).losses.mean())
        found.append((ends[0] - ends[1]) / (2 * h))
    evaluated.weights = initial
    return np.array(found)


def largest(gradient, n):
    return np.unravel_index(np.argsort(-np.abs(gradient), axis=None)[:n], gradient.shape)


@needs_mlgenn
def test_gaussian_gradient_is_the_slope_of_its_loss():
    """Output weights move no spike, so that differences are exact at any time step."""
    spikes = examples(3)
    evaluated = mlgenn.Backend(NETWORK, weights(), losses.make("gaussian", n_steps=STEPS))
    gradient = evaluated.gradients(spikes).gradients["hidden_output"]
    entries = largest(gradient, 8)
    differences = slopes(evaluated, spikes, "hidden_output", entries, 0.02)
    np.testing.assert_allclose(gradient[entries], differences, rtol=2e-2)


@needs_mlgenn
@pytest.mark.parametrize("layer", ["input_hidden", "hidden_hidden"])
def test_gaussian_gradient_of_hidden_weights_at_small_time_steps(layer):
    """These weights move spikes, which sit on the grid of time steps: hence a fine grid."""
    network, n_steps = network_of(20, 10, dt_ms=0.02), 3000
    spikes = examples(1, n_steps, network, rate=0.004)
    initial = Parameters.random(
        network,
        np.random.default_rng(5),
        input_hidden=(0.5, 0.2),
        hidden_hidden=(0, 0.1),
        hidden_output=(0, 0.5),
    )
    loss = losses.make("gaussian", n_steps=n_steps, dt_ms=network.dt_ms)
    evaluated = mlgenn.Backend(network, initial, loss)
    gradient = evaluated.gradients(spikes).gradients[layer]
    entries = largest(gradient, 12)
    differences = slopes(evaluated, spikes, layer, entries, 0.05)
    exact = gradient[entries]
    cosine = exact @ differences / np.linalg.norm(exact) / np.linalg.norm(differences)
    assert cosine > 0.995
    assert np.linalg.norm(exact) / np.linalg.norm(differences) == pytest.approx(1, abs=0.1)
