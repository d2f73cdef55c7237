"""The illustrations' models against known values, closed forms and each other."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts.exhibits.illustrations import plot_eventprop, tabulate_adjoint, tabulate_chain_rule
from scripts.exhibits.losses import (
    plot_gedanken,
    plot_information,
    plot_loss_study,
    plot_loss_windows,
)
from threadpoolctl import threadpool_limits

from spikespeech import eventprop, losses
from spikespeech.illustrations import adjoint, descent, neurons
from spikespeech.illustrations.neurons import Pulse
from spikespeech.spikes import SpikeTrains


@pytest.fixture(scope="module")
def hodgkin_huxley_spikes():
    t = np.arange(0, 120, 0.02)
    return {
        duration: neurons.upward_crossings(t, neurons.hodgkin_huxley(Pulse(10, 40, duration), t))
        for duration in (5, 10, 15, 20)
    }


def test_hodgkin_huxley_only_the_20_ms_step_gives_two_spikes(hodgkin_huxley_spikes):
    counts = {duration: len(spikes) for duration, spikes in hodgkin_huxley_spikes.items()}
    assert counts == {5: 1, 10: 1, 15: 1, 20: 2}


def test_hodgkin_huxley_first_spike_does_not_know_the_step_s_end(hodgkin_huxley_spikes):
    first = [spikes[0] for spikes in hodgkin_huxley_spikes.values()]
    assert np.ptp(first) < 1e-9


def test_hodgkin_huxley_fires_at_its_known_rate():
    """10 µA/cm² held on gives 68.3 Hz with the standard constants."""
    t = np.arange(0, 400, 0.02)
    spikes = neurons.upward_crossings(t, neurons.hodgkin_huxley(Pulse(10, 0, 400), t))
    assert 1e3 / np.diff(spikes)[-1] == pytest.approx(68.3, abs=0.2)


def test_hodgkin_huxley_rests_where_its_constants_say():
    assert neurons.resting_gates(-65.0) == pytest.approx([0.0529, 0.5961, 0.3177], abs=1e-4)
    t = np.arange(0, 200, 1.0)
    assert neurons.hodgkin_huxley(Pulse(0, 0, 0), t)[-1] == pytest.approx(-65.0, abs=0.05)


@pytest.mark.parametrize("V", [-40.0, -55.0])
def test_gate_rates_are_smooth_where_the_formula_is_zero_over_zero(V):
    rates = np.array([neurons.gate_rates(V + dV) for dV in (-1e-6, 0.0, 1e-6)])
    assert np.isfinite(rates).all()
    assert rates[1] == pytest.approx((rates[0] + rates[2]) / 2, rel=1e-9)


@given(tau=st.floats(2, 50), current=st.floats(0.01, 0.99), reset=st.floats(-1, 0))
def test_lif_below_threshold_follows_its_geometric_series(tau, current, reset):
    H, S, V = neurons.leaky_integrate_and_fire(np.full(60, current), tau, reset=reset)
    t = np.arange(1, 61)
    # Eq 6 leaks towards V_reset, so the reset shifts the whole solution.
    expected = reset + current * (1 - (1 - 1 / tau) ** t)
    assert not S.any()
    np.testing.assert_allclose(V, expected, atol=1e-12)
    np.testing.assert_array_equal(H, V)


def test_lif_fires_at_equality_and_resets():
    H, S, V = neurons.leaky_integrate_and_fire(np.array([0, 10.0, 0]), tau=10, reset=-0.25)
    assert H[1] == pytest.approx(-0.25 + 1.0)
    _, S, V = neurons.leaky_integrate_and_fire(np.array([10.0, 0]), tau=10)
    assert S.tolist() == [True, False] and V.tolist() == [0, 0]


def test_nernst_at_body_temperature_is_61_mv_a_decade():
    assert neurons.nernst(10, 1, 1, celsius=37) == pytest.approx(61.5, abs=0.05)
    assert neurons.nernst(10, 1, -1, celsius=37) == pytest.approx(-61.5, abs=0.05)


@given(X=st.lists(st.floats(0, 8), min_size=1, max_size=40).map(np.array), tau=st.floats(1.5, 50))
def test_paralif_is_the_neuron_until_its_first_spike(X, tau):
    H, S, _ = neurons.leaky_integrate_and_fire(X, tau)
    parallel, spikes = neurons.parallel_leaky_integrate_and_fire(X, tau)
    end = int(np.argmax(S)) + 1 if S.any() else len(X)
    np.testing.assert_allclose(parallel[:end], H[:end], atol=1e-12)
    assert (parallel >= H - 1e-12).all() and (parallel[: end - 1] < 1 + 1e-12).all()
    np.testing.assert_array_equal(spikes, parallel >= 1)


def izhikevich_by_euler(pulse, a, b, c, d, stop, dt=1e-3):
    v, u, spikes = -65.0, -65.0 * b, []
    for step in range(round(stop / dt)):
        current = float(pulse(step * dt))
        v, u = v + dt * (0.04 * v * v + 5 * v + 140 - u + current), u + dt * a * (b * v - u)
        if v >= 30:
            spikes.append(step * dt)
            v, u = c, u + d
    return np.array(spikes)


@pytest.mark.parametrize("cell", ["regular spiking", "chattering"])
def test_izhikevich_agrees_with_small_euler_steps(cell):
    pulse, parameters = Pulse(10, 10, 60), neurons.IZHIKEVICH[cell]
    t, v, _, spikes = neurons.izhikevich(pulse, *parameters, stop=80)
    np.testing.assert_allclose(spikes, izhikevich_by_euler(pulse, *parameters, 80), atol=0.1)
    assert np.all(np.diff(t) >= 0) and v.max() <= 30 + 1e-6


def test_izhikevich_as_printed_never_fires():
    for parameters in neurons.IZHIKEVICH.values():
        *_, spikes = neurons.izhikevich(Pulse(10, 0, 100), *parameters, stop=100, as_printed=True)
        assert len(spikes) == 0


def test_stdp_window():
    change = neurons.stdp_window([-20, 0, 20], potentiation=0.8, depression=0.45, tau=20)
    assert change == pytest.approx([0.8 / np.e, 0, -0.45 / np.e])


def random_network(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in ((1, 3), (3, 6), (6, 3), (1, 3))]


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_chain_rule_with_its_transposes_equals_autodiff(seed):
    x, W_xh, W_hy, label = random_network(seed)
    by_xh, by_hy = descent.chain_rule(x, W_xh, W_hy, label)
    autodiff_xh = descent.derivative(lambda W: descent.linear_network_loss(x, W, W_hy, label), W_xh)
    autodiff_hy = descent.derivative(lambda W: descent.linear_network_loss(x, W_xh, W, label), W_hy)
    np.testing.assert_allclose(by_xh, autodiff_xh, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(by_hy, autodiff_hy, rtol=1e-10, atol=1e-12)


def test_autodiff_equals_central_differences():
    x, W_xh, W_hy, label = random_network(0)
    exact = descent.derivative(lambda W: descent.linear_network_loss(x, W_xh, W, label), W_hy)
    for entry in [(0, 0), (5, 2)]:
        step = np.zeros_like(W_hy)
        step[entry] = 1e-6
        up, down = (descent.linear_network_loss(x, W_xh, W_hy + s, label) for s in (step, -step))
        assert exact[entry] == pytest.approx((up - down) / 2e-6, rel=1e-6)


@pytest.fixture
def two_units():
    return descent.EXAMPLE


@given(st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_gradient_of_two_units(theta):
    units = descent.EXAMPLE
    theta = np.array(theta)
    shifts = 1e-5 * np.eye(2)
    numeric = (units.loss(theta + shifts) - units.loss(theta - shifts)) / 2e-5
    np.testing.assert_allclose(units.gradient(theta), numeric, atol=1e-8)


def test_descent_is_stable_exactly_below_two_over_the_curvature(two_units):
    limit = 2 / np.linalg.eigvalsh(two_units.curvature(two_units.teacher)).max()
    start = two_units.teacher + 1e-3
    for factor, converges in ((0.98, True), (1.02, False)):
        path = descent.descend(two_units.gradient, start, factor * limit, 400)
        distance = np.linalg.norm(path[-1] - two_units.teacher)
        assert (distance < 1e-3) == converges


def test_exchanged_units_are_a_local_minimum(two_units):
    path = descent.descend(two_units.gradient, two_units.teacher[::-1], 1.0, 500)
    assert np.linalg.norm(two_units.gradient(path[-1])) < 1e-6
    assert np.linalg.eigvalsh(two_units.curvature(path[-1])).min() > 0
    assert two_units.loss(path[-1]) > 1e-3


def psp(lag, tau_mem=20.0, tau_syn=5.0):
    """Output voltage `lag` steps after a spike of weight 1, from mlGeNN's discrete equations."""
    alpha, beta = np.exp(-1 / tau_mem), np.exp(-1 / tau_syn)
    current = tau_syn * (1 - beta)
    series = alpha ** np.arange(400)[:, None] * beta ** np.arange(400)[None, :]
    n = np.arange(400)
    kernel = np.array([series[n[:k], n[:k][::-1]].sum() for k in range(1, 400)])
    kernel = np.r_[0, (1 - alpha) * current * kernel]
    return np.where((lag >= 0) & (lag < 400), kernel[np.clip(lag, 0, 399)], 0)


@pytest.mark.parametrize("name", ["sum", "sum_exp", "gaussian"])
def test_moving_a_spike_changes_the_read_out_as_the_window_says(name):
    times, trials = plot_gedanken.one_spike_each(300, 1.0)
    loss = losses.make(name, n_steps=300, normalise=True)
    table = plot_gedanken.move(loss, times, trials)
    t = np.arange(300)
    Y = np.array([(loss.window * psp(t - s)).mean() for s in times])
    expected = np.log1p(np.exp(-Y))
    np.testing.assert_allclose(table["value"], expected[:-1], atol=2e-6)
    change = table["change_percent_per_ms"].to_numpy()
    whole = np.log(2) - expected[np.searchsorted(times, 150)]
    np.testing.assert_allclose(change, 100 * np.diff(expected) / whole, atol=0.05)


def test_only_the_end_of_the_trial_tells_spikes_apart_under_sum():
    times, trials = plot_gedanken.one_spike_each(600, 1.0)
    change = plot_gedanken.move(losses.make("sum", n_steps=600), times, trials).set_index(
        "spike_ms"
    )["change_percent_per_ms"]
    assert change[change.index < 400].abs().max() < 1e-3
    assert change[change.index > 580].max() > 1


def test_probes_read_the_adjoint_and_disturb_nothing():
    loss = losses.make("sum_exp", n_steps=plot_eventprop.N_STEPS)
    own = eventprop.gradients(
        plot_eventprop.NETWORK, plot_eventprop.weights(), plot_eventprop.trial(), loss=loss
    )
    lambda_i, _, probed = plot_eventprop.adjoints(loss)
    n = plot_eventprop.N_INPUTS
    assert probed.losses == own.losses
    np.testing.assert_array_equal(probed.gradients["hidden_output"], own.gradients["hidden_output"])
    steps, units = plot_eventprop.trial().example(0)
    total = np.zeros_like(own.gradients["input_hidden"])
    np.add.at(total, np.asarray(units, int), -5.0 * lambda_i[np.asarray(steps, int)])
    np.testing.assert_allclose(total, own.gradients["input_hidden"], rtol=1e-4, atol=1e-9)
    assert n == len(total)


def test_error_signals_of_the_last_hidden_spikes_vanish_and_earlier_ones_do_not():
    table = plot_eventprop.events(losses.make("sum_exp", n_steps=plot_eventprop.N_STEPS))
    hidden = table[table["layer"] == "hidden"]
    assert hidden["error_signal"].abs().median() > 0
    lambda_i, _, _ = plot_eventprop.adjoints(losses.make("sum", n_steps=plot_eventprop.N_STEPS))
    # After its last spike nothing that a neuron does can change the loss.
    last = hidden.groupby("neuron")["step"].max()
    for neuron, step in last.items():
        assert np.all(lambda_i[step:, neuron] == 0)


def test_what_methods_store_is_counted_as_the_benchmark_counts_it():
    """A spike is two numbers, its slope or a voltage one more each."""
    loss = losses.make("sum_exp", n_steps=plot_eventprop.N_STEPS)
    table = plot_eventprop.events(loss)
    spikes = int((table["layer"] == "hidden").sum())
    said = plot_eventprop.findings(table, loss)[0]
    dense = plot_eventprop.N_STEPS * plot_eventprop.N_HIDDEN + 2 * spikes
    assert f"{3 * spikes} numbers" in said and f"{dense:,} numbers" in said


def test_windows_of_equal_gain_have_mean_one():
    table = plot_loss_windows.windows({"sum": {}, "gaussian": {"mu": 0.3, "sigma": 0.2}}, 200)
    means = table.groupby("window")["w_at_equal_gain"].mean()
    np.testing.assert_allclose(means, 1, rtol=1e-12)
    _, relative = plot_loss_windows.gains(
        plot_loss_windows.windows({"sum_exp": {}, "sum": {}}, 2000)
    )
    assert relative["sum"] == pytest.approx(1 / (1 - np.exp(-1)), rel=1e-3)


@pytest.fixture
def spoken():
    """Two sides of trials in which only the second half of the spikes knows the class."""

    def side(speakers, seed):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 4, 40 * len(speakers))
        times, units = [], []
        for label in labels:
            early, late = rng.integers(0, 100, 40), 100 + rng.integers(0, 100, 40)
            times.append(np.sort(np.r_[early, late]).astype(float))
            units.append(np.r_[rng.integers(0, 140, 40), 35 * label + rng.integers(0, 35, 40)])
        return SpikeTrains.from_arrays(
            times, units, labels, np.repeat(speakers, 40), n_units=140, n_steps=200
        )

    return side([0, 1, 2], 0), side([3], 1)


def test_information_is_found_where_it_is_and_nowhere_else(spoken):
    with threadpool_limits(1):
        table = np.mean(plot_information.of_inputs(spoken), axis=1)
    assert table[:10].max() < 0.1
    assert table[10:].min() > 0.3
    assert table.max() <= 2.0 + 1e-9


def test_decoders_never_see_the_speaker_they_are_scored_on(spoken, monkeypatch):
    seen = []

    def spy(fit, labels, score, score_labels):
        seen.append((set(fit[:, 0]), set(score[:, 0])))
        return np.zeros(len(score))

    monkeypatch.setattr(plot_information, "bits", spy)
    speakers = np.repeat(np.arange(8), 5)
    plot_information.over_speakers(speakers[:, None], speakers % 2, speakers)
    assert seen and all(not (fit & score) for fit, score in seen)


def test_every_step_of_the_derivation_of_eventprop_holds():
    errors = tabulate_adjoint.check()["largest_relative_error"]
    assert len(errors) == 5 and errors.max() < 1e-6


def test_without_the_jumps_the_gradients_are_others():
    """The check of the derivation's last step can fail."""
    weights, inputs = tabulate_adjoint.network()
    spikes = adjoint.simulate(weights, inputs)
    g = adjoint.loss(adjoint.readouts(weights, spikes), tabulate_adjoint.LABEL)[1]
    exact = adjoint.gradients(weights, inputs, spikes, g)
    steep = [s._replace(slope=1e9) for s in spikes]
    assert (
        descent.relative_error(adjoint.gradients(weights, inputs, steep, g).w_in, exact.w_in) > 0.5
    )


def test_the_printed_chain_rule_does_not_multiply():
    table = tabulate_chain_rule.check()
    assert list(table["shape_as_printed"]) == ["undefined", "undefined"]
    assert list(table["shape_with_transposes"]) == list(table["shape"])
    assert table["largest_relative_error"].max() < 1e-12


def histories_of(tau, seeds=(1, 2, 3, 4, 5), sizes=(64, 128), jitter=0.05):
    """Return histories of losses that learn with time constants `tau`, seeds sharing their luck."""
    rows, epoch = [], np.arange(1, 41)
    for seed in seeds:
        luck = np.random.default_rng(seed).normal(0, 3)
        for loss, hidden in itertools.product(tau, sizes):
            rng = np.random.default_rng([seed, hidden, *loss.encode()])
            speed = tau[loss] + luck + rng.normal(0, jitter)
            rows.append(
                pd.DataFrame(
                    {
                        "epoch": epoch,
                        "validation_accuracy": 0.9 * (1 - np.exp(-epoch / speed)),
                        "train_accuracy": 0.95 * (1 - np.exp(-epoch / speed)),
                        "dataset": "made_up",
                        "label": "made up",
                        "fold": "main",
                        "loss": loss,
                        "hidden": hidden,
                        "topology": "recurrent",
                        "seed": seed,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def test_loss_study_finds_a_difference_that_only_pairs_can_see():
    table = plot_loss_study.compare(
        plot_loss_study.measure(histories_of({"sum_exp": 12.0, "gaussian": 11.0}))
    )
    speed = table[(table["measure"] == "learning") & (table["loss"] == "gaussian")].iloc[0]
    assert speed["difference_low"] > 0 and speed["p"] < 0.001
    assert "Holm" not in " ".join(plot_loss_study.findings(table, True))  # of one comparison
    # Without pairs the luck of the seeds hides it: the losses' own intervals overlap.
    own = table[table["measure"] == "learning"].set_index("loss")
    assert own.loc["gaussian", "low"] < own.loc["sum_exp", "high"]
    assert speed["pairs"] == 5
    assert plot_loss_study.verdict(speed) == "yes"


def test_loss_study_leaves_equal_losses_undecided():
    table = plot_loss_study.compare(
        plot_loss_study.measure(histories_of({"sum_exp": 12.0, "gaussian": 12.0}, jitter=1))
    )
    speed = table[(table["measure"] == "learning") & (table["loss"] == "gaussian")].iloc[0]
    assert plot_loss_study.verdict(speed) == "undecided"
    assert "Undecided" in " ".join(plot_loss_study.findings(table, True))


def test_a_loss_that_did_not_train_is_not_called_slower():
    histories = histories_of({"sum_exp": 12.0, "gaussian": 12.0, "max": 12.0})
    failed = histories["loss"].isin(["gaussian", "max"])
    histories.loc[failed, ["validation_accuracy", "train_accuracy"]] *= 0.4
    table = plot_loss_study.compare(plot_loss_study.measure(histories))
    speed = table[table["measure"] == "learning"].set_index("loss")
    assert speed.loc["max", "difference_high"] < 0 and speed.loc["max", "p_holm"] < 0.05
    said = " ".join(plot_loss_study.findings(table, True))
    assert "faster than sum_exp? It did not train" in said
    assert "gaussian (recurrent, 36 %) and max (recurrent, 36 %)" in said
    assert "more slowly" not in said


def test_a_time_to_reach_is_told_with_its_interval():
    assert plot_loss_study.epochs((0.33, -1.1, 1.77)) == (
        "0.3 epochs later (95 % interval -1.1 to +1.8, undecided)"
    )
    assert plot_loss_study.epochs((-2.0, -3.0, -1.0)) == (
        "2.0 epochs earlier (95 % interval -3.0 to -1.0)"
    )
    assert "(no interval)" in plot_loss_study.epochs((1.0, np.nan, np.nan))


def test_loss_study_counts_a_level_that_is_never_reached_as_one_more_epoch():
    histories = histories_of({"sum_exp": 5.0}, seeds=(1,), sizes=(64,))
    histories["validation_accuracy"] = np.linspace(0, 0.6, len(histories))
    row = plot_loss_study.measure(histories).iloc[0]
    assert row["epochs_to_75%"] == 41 and not row["reached_75%"]
    assert row["epochs_to_50%"] == 1 + np.argmax(histories["validation_accuracy"] >= 0.5)
    assert row["learning"] == pytest.approx(0.3)


def test_loss_study_without_the_reference_says_so():
    histories = histories_of({"sum": 10.0})
    table = plot_loss_study.compare(plot_loss_study.measure(histories))
    assert "no answer" in plot_loss_study.findings(table, True)[0]
    plot_loss_study.draw(table, plot_loss_study.curves(histories), "words")


def test_loss_study_of_one_seed_has_no_interval_and_no_verdict():
    table = plot_loss_study.compare(
        plot_loss_study.measure(histories_of({"sum_exp": 12.0, "gaussian": 5.0}, seeds=(1,)))
    )
    assert (
        plot_loss_study.verdict(table.set_index(["measure", "loss"]).loc["learning", "gaussian"])
        == "undecided"
    )
    plot_loss_study.findings(table, False)
