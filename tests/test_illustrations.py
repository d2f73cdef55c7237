"""The illustrations' models against known values, closed forms and each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikespeech import descent, neurons
from spikespeech.neurons import Pulse


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
    first = {spikes[0] for spikes in hodgkin_huxley_spikes.values()}
    assert len(first) == 1


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
