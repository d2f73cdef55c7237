"""Spikes forward and error signals backward in EventProp, from the engine (thesis, Fig 14)."""

import numpy as np
import pandas as pd

from spikespeech import command, eventprop, losses
from spikespeech.network import Network, Parameters
from spikespeech.report import exhibit, plots, prose
from spikespeech.spikes import SpikeTrains

N_INPUTS, N_HIDDEN, N_OUTPUTS, N_STEPS, SEED = 12, 8, 3, 200, 4
LABEL, RATE = 0, 0.03
NETWORK = Network.layered(N_INPUTS, N_HIDDEN, N_OUTPUTS)
NEURON = NETWORK.hidden[0].neuron
LAYERS = {"input": plots.GREY, "hidden": plots.BLUE}


def weights():
    """Return random weights that make every hidden neuron fire a few times."""
    return Parameters.random(
        NETWORK,
        np.random.default_rng(SEED),
        input_hidden=(1.1, 0.8),
        hidden_hidden=(0.0, 0.6),
        hidden_output=(0.0, 1.0),
    )


def trial():
    """Return one trial of Poisson spike trains."""
    spikes = np.random.default_rng(SEED).random((N_STEPS - 40, N_INPUTS)) < RATE
    return SpikeTrains.from_binned(
        [np.nonzero(spikes)], [LABEL], [-1], N_STEPS, N_INPUTS, 1.0, tuple("abc")
    )


def probed(network, own, spikes):
    """Return (network, weights, spikes) with a silent probe input for every step.

    The gradient of a weight is -τ_syn Σ λ_I over its source's spikes. A probe of weight zero
    that spikes once, at step s, disturbs nothing, and its gradient therefore reads λ_I(s).
    """
    steps, units = spikes.example(0)
    clock = np.arange(spikes.n_steps)
    order = np.lexsort((np.r_[units, N_INPUTS + clock], np.r_[steps, clock]))
    together = SpikeTrains.from_binned(
        [(np.r_[steps, clock][order], np.r_[units, N_INPUTS + clock][order])],
        spikes.labels,
        spikes.speakers,
        spikes.n_steps,
        N_INPUTS + spikes.n_steps,
        spikes.dt_ms,
        spikes.classes,
    )
    silent = np.zeros((spikes.n_steps, network.n_hidden), np.float32)
    wider = own | {"input_hidden": np.vstack([own["input_hidden"], silent])}
    return Network.layered(N_INPUTS + spikes.n_steps, N_HIDDEN, N_OUTPUTS), wider, together


def adjoints(loss):
    """Return (lambda_I, lambda_V), each (n_steps, n_hidden), and the gradients (Gradients).

    lambda_V follows from the engine's own recursion λ_I[s] = γ λ_V[s+1] + β λ_I[s+1].
    """
    result = eventprop.gradients(*probed(NETWORK, weights(), trial()), loss=loss)
    lambda_i = -result.gradients["input_hidden"][N_INPUTS:] / NEURON.tau_syn
    alpha, beta = np.exp(-1 / NEURON.tau_mem), np.exp(-1 / NEURON.tau_syn)
    gamma = NEURON.tau_mem / (NEURON.tau_mem - NEURON.tau_syn) * (alpha - beta)
    lambda_v = np.zeros_like(lambda_i)
    lambda_v[1:] = (lambda_i[:-1] - beta * lambda_i[1:]) / gamma
    return lambda_i, lambda_v, result


def events(loss):
    """Return one row a spike: its layer, neuron and time, and the error signal that it sends back.

    Of a hidden spike the signal is the jump of its neuron's λ_V; of an input spike, its
    share -τ_syn Σ_j λ_I,j of the gradients of its neuron's weights.
    """
    lambda_i, lambda_v, _ = adjoints(loss)
    hidden = eventprop.simulate(NETWORK, weights(), trial()).hidden_spikes
    rows = []
    for layer, (steps, units) in {
        "input": trial().example(0),
        "hidden": hidden.example(0),
    }.items():
        steps, units = np.asarray(steps, int), np.asarray(units, int)
        if layer == "input":
            signal = -NEURON.tau_syn * lambda_i[steps].sum(axis=1)
        else:
            decay = np.exp(-1 / NEURON.tau_mem)
            before = np.where(steps < N_STEPS - 1, lambda_v[steps, units], 0)
            after = lambda_v[steps - 1, units]
            signal = after - decay * before
        rows.append(
            pd.DataFrame({"layer": layer, "neuron": units, "step": steps, "error_signal": signal})
        )
    return pd.concat(rows)


@plots.style()
def draw(table, loss):
    """Return the figure: spikes forward above, adjoints and error signals below."""
    figure, axes = plots.subplots(
        6, 1, height=7.2, sharex=True, height_ratios=[3, 2.2, 2.4, 2.4, 2.2, 3]
    )
    layers = {name: rows for name, rows in table.groupby("layer")}
    for panel, name in ((axes[0], "input"), (axes[1], "hidden")):
        rows = layers[name]
        panel.plot(rows["step"], rows["neuron"], "|", color=LAYERS[name], markersize=6)
    v = eventprop.simulate(NETWORK, weights(), trial()).output_v[0]
    for k in range(N_OUTPUTS):
        label = "label" if k == LABEL else ("others" if k == 1 else None)
        color = plots.GREEN if k == LABEL else plots.FAINT
        axes[2].plot(v[:, k], color=color, label=label)
    axes[2].legend(loc="upper left", ncols=2)
    lambda_i, _, _ = adjoints(loss)
    axes[3].plot(1e3 * lambda_i, color=plots.BLUE, linewidth=0.9, alpha=0.7)
    for panel, name in ((axes[4], "hidden"), (axes[5], "input")):
        rows = layers[name]
        size = rows["error_signal"].abs()
        for sign, color in ((1, plots.VERMILLION), (-1, plots.BLUE)):
            chosen = np.sign(rows["error_signal"]) == sign
            panel.scatter(
                rows["step"][chosen],
                rows["neuron"][chosen],
                s=4 + 70 * size[chosen] / size.max(),
                color=color,
                alpha=0.75,
                linewidth=0,
            )
    adjoint = "Hidden $\\lambda_I$\n($\\times 10^{-3}$)"
    labels = ("Input", "Hidden", "Output V", adjoint, "Hidden", "Input")
    for panel, label in zip(axes, labels, strict=True):
        panel.set_ylabel(label)
        panel.grid(False)
    for panel in (*axes[:2], *axes[4:]):
        panel.set_yticks([])
        panel.margins(y=0.12)
    axes[0].set_title("Forward: spikes  →")
    axes[3].set_title("←  Backward: error signals at the same spikes")
    axes[5].set(xlabel="Time (ms)", xlim=(0, N_STEPS))
    figure.align_ylabels()
    return figure


def findings(table, loss):
    """Return sentences on where errors flow, and that they add up to the gradient."""
    lambda_i, _, result = adjoints(loss)
    steps, units = trial().example(0)
    total = np.zeros((N_INPUTS, N_HIDDEN))
    np.add.at(total, np.asarray(units, int), -NEURON.tau_syn * lambda_i[np.asarray(steps, int)])
    gradient = result.gradients["input_hidden"][:N_INPUTS]
    deviation = np.abs(total - gradient).max() / np.abs(gradient).max()
    counts = table["layer"].value_counts()
    spikes = counts["hidden"]
    stored, states = 3 * spikes, N_STEPS * N_HIDDEN + 2 * spikes
    return [
        f"Errors flow back only at the {spikes} hidden and {counts['input']} input spikes. "
        f"EventProp stores step, neuron and slope of each hidden spike, {stored} numbers; "
        f"backpropagation through time stores step and neuron of each and the voltage of each "
        f"neuron at each step, {states:,} numbers, {states / stored:.1f} times as many.",
        f"The shares of the input spikes add up to the engine's gradient to "
        f"{prose.small(deviation, 1)} of its largest entry.",
    ]


def main(arguments):
    loss = losses.make("sum_exp", n_steps=N_STEPS)
    table = events(loss)
    exhibit.write(arguments, table, findings(table, loss), draw(table, loss))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
