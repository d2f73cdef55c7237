"""Neuron and synapse models that the report illustrates; training uses none of them.

Nernst's potential, Hodgkin and Huxley (1952), the leaky integrate-and-fire neuron in the discrete
form of Yarga and Wood (2025) and their ParaLIF, Izhikevich (2003) and pair-based
spike-timing-dependent plasticity. Voltages are in mV and times in ms unless a docstring says
otherwise.
"""

import itertools
from typing import NamedTuple

import numpy as np
from scipy import constants
from scipy.integrate import solve_ivp
from scipy.linalg import toeplitz
from scipy.special import exprel

# Concentrations outside and inside the squid's giant axon in mM, after Hodgkin (1964), and charge.
IONS = {"Na+": (440.0, 50.0, 1), "K+": (20.0, 400.0, 1), "Cl-": (560.0, 52.0, -1)}

# Relative to rest at -65 mV, after Gerstner, Kistler, Naud and Paninski (2014), section 2.2:
# conductances in mS/cm², reversal potentials in mV, capacitance in µF/cm².
SODIUM, POTASSIUM, LEAK = (120.0, 50.0), (36.0, -77.0), (0.3, -54.4)
CAPACITANCE = 1.0
TOLERANCE = {"rtol": 1e-8, "atol": 1e-8}


class Pulse(NamedTuple):
    """A step of current: `amplitude` from `onset` for `duration` ms, nothing elsewhere."""

    amplitude: float
    onset: float
    duration: float

    def __call__(self, t):
        """Return the current at times t (ms)."""
        t = np.asarray(t)
        return self.amplitude * ((t >= self.onset) & (t < self.onset + self.duration))


def nernst(outside, inside, charge, celsius=6.3):
    """Return the voltage in mV at which diffusion and electric force on an ion balance.

    E = R T / (z F) ln(outside / inside); the temperature is that of Hodgkin and Huxley (1952).
    """
    thermal = 1e3 * constants.R * (constants.zero_Celsius + celsius)
    return thermal / (charge * constants.value("Faraday constant")) * np.log(outside / inside)


def gate_rates(V):
    """Return opening and closing rates (alpha, beta), each (3, ...) in 1/ms, of m, h and n."""
    alpha = [
        1 / exprel(-(V + 40) / 10),
        0.07 * np.exp(-(V + 65) / 20),
        0.1 / exprel(-(V + 55) / 10),
    ]
    beta = [
        4 * np.exp(-(V + 65) / 18),
        1 / (1 + np.exp(-(V + 35) / 10)),
        0.125 * np.exp(-(V + 65) / 80),
    ]
    return np.array(alpha), np.array(beta)


def resting_gates(V):
    """Return m, h and n at equilibrium with the voltage V."""
    alpha, beta = gate_rates(V)
    return alpha / (alpha + beta)


def hodgkin_huxley(pulse, t, rest=-65.0):
    """Integrate the Hodgkin-Huxley equations, Eq 1-5 of the thesis, under a pulse of current.

    Parameters
    ----------
    pulse : Pulse, amplitude in µA/cm²
    t : (n,) increasing times in ms at which the voltage is wanted; the neuron rests at t[0]
    rest : initial voltage, with gates at their equilibrium

    Returns
    -------
    V : (n,) membrane voltage in mV
    """

    def derivative(current):
        def right_hand_side(_, state):
            V, (m, h, n) = state[0], state[1:]
            ionic = (
                SODIUM[0] * m**3 * h * (V - SODIUM[1])
                + POTASSIUM[0] * n**4 * (V - POTASSIUM[1])
                + LEAK[0] * (V - LEAK[1])
            )
            alpha, beta = gate_rates(V)
            gates = alpha * (1 - state[1:]) - beta * state[1:]
            return np.concatenate([[(current - ionic) / CAPACITANCE], gates])

        return right_hand_side

    # The integrator never steps across an edge of the pulse: it would lose its order there.
    edges = np.clip([t[0], pulse.onset, pulse.onset + pulse.duration, t[-1]], t[0], t[-1])
    state = np.concatenate([[rest], resting_gates(rest)])
    V = np.full(len(t), rest)
    for start, stop in itertools.pairwise(edges):
        if stop == start:
            continue
        solution = solve_ivp(
            derivative(float(pulse(start))),
            (start, stop),
            state,
            method="LSODA",
            dense_output=True,
            **TOLERANCE,
        )
        inside = (t >= start) & (t <= stop)
        V[inside] = solution.sol(t[inside])[0]
        state = solution.y[:, -1]
    return V


def upward_crossings(t, V, level=0.0):
    """Return the times at which V, given at times `t`, comes to `level` from below: its action
    potentials. Between two times V is taken as a straight line."""
    t, V = np.asarray(t), np.asarray(V)
    at = np.flatnonzero((V[:-1] < level) & (V[1:] >= level))
    return t[at] + (level - V[at]) / (V[at + 1] - V[at]) * (t[at + 1] - t[at])


def leaky_integrate_and_fire(X, tau, threshold=1.0, reset=0.0):
    """Step the neuron of Eq 6-8 of the thesis (Yarga and Wood 2025), dimensionless.

    H[t] = V[t-1] + (X[t] - (V[t-1] - V_reset)) / tau,  S[t] = [H[t] >= V_th],
    V[t] = H[t] (1 - S[t]) + V_reset S[t].

    Parameters
    ----------
    X : (n,) input current at each step
    tau : membrane time constant in steps

    Returns
    -------
    H, S, V : (n,) potential before the reset, spikes (bool) and potential after it
    """
    H, S, V = np.zeros(len(X)), np.zeros(len(X), bool), np.zeros(len(X))
    previous = reset
    for t, current in enumerate(X):
        H[t] = previous + (current - (previous - reset)) / tau
        S[t] = H[t] >= threshold
        V[t] = previous = reset if S[t] else H[t]
    return H, S, V


def parallel_leaky_integrate_and_fire(X, tau, threshold=1.0):
    """Run the neuron of Eq 6 and 7 without its reset, all steps at once (ParaLIF).

    H = K X with K[t, s] = (1 - 1/tau)^(t - s) / tau for s <= t, S = [H >= V_th] (Yarga and Wood
    2023, with the threshold as spiking function).

    Parameters
    ----------
    X : (n,) input current at each step
    tau : membrane time constant in steps

    Returns
    -------
    H, S : (n,) potential and spikes (bool)
    """
    kernel = (1 - 1 / tau) ** np.arange(len(X)) / tau
    H = toeplitz(kernel, np.zeros(len(X))) @ X
    return H, np.greater_equal(H, threshold)


# Cell types of Izhikevich (2003), Fig 2: a, b, c (mV), d.
IZHIKEVICH = {
    "regular spiking": (0.02, 0.2, -65.0, 8.0),
    "intrinsically bursting": (0.02, 0.2, -55.0, 4.0),
    "chattering": (0.02, 0.2, -50.0, 2.0),
    "fast spiking": (0.1, 0.2, -65.0, 2.0),
    "low-threshold spiking": (0.02, 0.25, -65.0, 2.0),
}


def izhikevich(pulse, a, b, c, d, *, stop, as_printed=False):
    """Integrate Izhikevich's neuron, Eq 9-11 of the thesis, from v = -65, u = b v at t = 0.

    dv/dt = 0.04 v² + 5 v + 140 - u + I,  du/dt = a (b v - u);  at v = 30: v <- c, u <- u + d.

    Parameters
    ----------
    pulse : Pulse of the input current I
    a, b, c, d : the four parameters of the cell type
    stop : end of the simulation in ms
    as_printed : use Eq 9 as the thesis prints it, with `+ 140 u` in place of `+ 140 - u`

    Returns
    -------
    t, v, u : (n,) the integrator's own steps; a spike has one entry at 30 and the next at c
    spikes : (n_spikes,) times of the spikes
    """

    def derivative(current):
        def right_hand_side(_, state):
            v, u = state
            recovery = 140 * u if as_printed else 140 - u
            return [0.04 * v**2 + 5 * v + recovery + current, a * (b * v - u)]

        return right_hand_side

    def peak(_, state):
        return state[0] - 30

    peak.terminal, peak.direction = True, 1

    now, state = 0.0, np.array([-65.0, -65.0 * b])
    pieces, spikes = [np.array([[now], state[:1], state[1:]])], []
    for edge in (pulse.onset, pulse.onset + pulse.duration, stop):
        edge = min(edge, stop)
        while now < edge:
            solution = solve_ivp(
                derivative(float(pulse(now))),
                (now, edge),
                state,
                events=peak,
                max_step=1.0,
                **TOLERANCE,
            )
            pieces.append(np.vstack([solution.t, solution.y]))
            now, state = solution.t[-1], solution.y[:, -1]
            if solution.status == 1:
                spikes.append(now)
                state = np.array([c, state[1] + d])
                pieces.append(np.array([[now], state[:1], state[1:]]))
    t, v, u = np.hstack(pieces)
    return t, v, u, np.array(spikes)


def stdp_window(pre_minus_post, potentiation, depression, tau):
    """Return the change of a weight by one pair of spikes (Bi and Poo 1998; Song et al. 2000).

    The presynaptic spike first (pre_minus_post < 0) strengthens: A+ exp(-|Δt| / tau); the
    postsynaptic spike first weakens: -A- exp(-|Δt| / tau). Coincidence changes nothing.

    Parameters
    ----------
    pre_minus_post : array, t_pre - t_post in ms
    potentiation, depression : A+ and A-, both positive
    tau : time constant of both sides in ms
    """
    pre_minus_post = np.asarray(pre_minus_post, dtype=float)
    size = np.where(pre_minus_post < 0, potentiation, -depression)
    return np.where(pre_minus_post == 0, 0.0, size * np.exp(-np.abs(pre_minus_post) / tau))
