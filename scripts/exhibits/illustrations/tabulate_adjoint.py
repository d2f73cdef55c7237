"""The derivation of EventProp for a windowed loss, step by step, each checked by numbers."""

import itertools
from functools import partial

import numpy as np
import pandas as pd
from scipy.integrate import quad

from spikespeech import command
from spikespeech.illustrations import adjoint
from spikespeech.illustrations.descent import relative_error
from spikespeech.report import exhibit, prose

SEED, CHANNELS, HIDDEN, OUTPUTS, EVENTS, LABEL = 1, 5, 4, 3, 20, 1
STEP = 1e-6
"""Of the central differences, of weights."""


def network():
    """Return the Weights and the input spikes, (time in ms, channel), of a recurrent network."""
    rng = np.random.default_rng(SEED)
    weights = adjoint.Weights(
        rng.normal(1.2, 0.5, (CHANNELS, HIDDEN)),
        rng.normal(0, 0.6, (HIDDEN, HIDDEN)),
        rng.normal(0, 1, (HIDDEN, OUTPUTS)),
    )
    times, channels = rng.uniform(0, 60, EVENTS), rng.integers(0, CHANNELS, EVENTS)
    return weights, [(float(t), int(c)) for t, c in sorted(zip(times, channels, strict=True))]


def difference(function, array):
    """Return the central differences of function(array) by each entry of it."""
    slopes = []
    for place in np.ndindex(array.shape):
        more, less = array.copy(), array.copy()
        more[place] += STEP
        less[place] -= STEP
        slopes.append((function(more) - function(less)) / (2 * STEP))
    return np.reshape(slopes, (*array.shape, *np.shape(slopes[0])))


def loss_of(weights, inputs):
    """Return the loss of the network on its inputs."""
    return adjoint.loss(adjoint.readouts(weights, adjoint.simulate(weights, inputs)), LABEL)[0]


def output_voltage(t, output, weights, spikes):
    """Return V of an output at t, from the spikes before it."""
    before = [s for s in spikes if s.time < t]
    return sum(adjoint.advance(0.0, weights.w_out[s.neuron, output], t - s.time)[0] for s in before)


def integrated(weights, spikes):
    """Return the read-outs, with the window's integral over each output's voltage by quadrature."""
    ends = [0.0, *(s.time for s in spikes), adjoint.DURATION]
    total = np.zeros(OUTPUTS)
    for k in range(OUTPUTS):
        voltage = partial(output_voltage, output=k, weights=weights, spikes=spikes)
        for start, end in itertools.pairwise(ends):
            total[k] += quad(
                lambda t: np.exp(-t / adjoint.DURATION) * voltage(t),  # noqa: B023
                *(start, end),
                epsabs=1e-13,
            )[0]
    return total / adjoint.DURATION


def first_time(weights, inputs):
    """Return the error of the first spike's slope by its input weights, against differences."""
    spike = adjoint.simulate(weights, inputs)[0]
    grown = np.zeros(CHANNELS)
    for time, channel in inputs:
        if time < spike.time:
            grown[channel] += adjoint.advance(0.0, 1.0, spike.time - time)[0]

    def when(row):
        w_in = weights.w_in.copy()
        w_in[:, spike.neuron] = row
        return adjoint.simulate(weights._replace(w_in=w_in), inputs)[0].time

    exact = difference(when, weights.w_in[:, spike.neuron])
    return relative_error(-grown * adjoint.TAU_M / spike.slope, exact)


def kicked(weights, inputs, spikes, g):
    """Return the error of -τ_s λ_I against the loss of currents given to neurons at some times."""
    times = np.linspace(5, 55, 11)
    computed = -adjoint.TAU_S * adjoint.adjoint(weights, spikes, g, times)
    exact = [
        difference(lambda kick: loss_of(weights, [*inputs, (t, kick)]), np.zeros(HIDDEN))  # noqa: B023
        for t in times
    ]
    return relative_error(computed, exact)


def check():
    """Return one row a step of the derivation."""
    weights, inputs = network()
    spikes = adjoint.simulate(weights, inputs)
    y = adjoint.readouts(weights, spikes)
    g = adjoint.loss(y, LABEL)[1]
    of_weights = adjoint.gradients(weights, inputs, spikes, g)
    gradient_errors = [
        relative_error(
            computed,
            difference(lambda w: loss_of(weights._replace(**{name: w}), inputs), given),  # noqa: B023
        )
        for name, given, computed in zip(weights._fields, weights, of_weights, strict=True)
    ]
    rows = [
        (
            "Read-out: each hidden spike adds its weight times the window's integral over its "
            "course of voltage",
            "y_k = 1/T ∫ w V_k dt = Σ_spikes W_jk r(t)",
            "quadrature of the window over the voltages",
            relative_error(y, integrated(weights, spikes)),
        ),
        (
            "Loss: its slope by a read-out is the softmax less the label",
            "∂ℓ/∂y_k = softmax(y)_k - [k = label]",
            "differences of the read-outs",
            relative_error(g, difference(lambda read: adjoint.loss(read, LABEL)[0], y)),
        ),
        (
            "Spike time: a weight moves it so that V stays at the threshold",
            "∂t/∂w = -(∂V/∂w) / V'",
            "differences of the first spike's time",
            first_time(weights, inputs),
        ),
        (
            "Adjoint: Lagrange multipliers of the two equations, chosen so that no derivative of V "
            "or I is left; they run back in time and jump where a spike's time moves the loss",
            "τ_m λ_V' = -λ_V - ∂ℓ/∂V, τ_s λ_I' = -λ_I + λ_V; "
            "λ_V += (θ λ_V + Σ w (λ_V - λ_I)) / (τ_m V')",
            "-τ_s λ_I against differences of currents given to each neuron at 11 times",
            kicked(weights, inputs, spikes, g),
        ),
        (
            "Gradient: what is left of the Lagrangian is a sum over spikes of the source",
            "dL/dw = -τ_s Σ λ_I",
            "differences of all weights",
            max(gradient_errors),
        ),
    ]
    columns = ["step", "equation", "checked_against", "largest_relative_error"]
    return pd.DataFrame(rows, columns=columns)


def findings(table):
    """Return how exact the steps are, and what was simulated."""
    worst = prose.small(table["largest_relative_error"].max(), 1)
    return [
        f"All {len(table)} steps hold, to a relative error of {worst} at most: that of the "
        "differences.",
        f"One recurrent network of {HIDDEN} neurons in continuous time, with {EVENTS} input spikes "
        f"and the window exp(-t/T).",
    ]


def main(arguments):
    table = check()
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__, figure=False).parse_args())
