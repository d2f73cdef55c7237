"""A neuron of the second generation beside one of the third (thesis, Fig 1)."""

import numpy as np
import pandas as pd

from spikespeech import command
from spikespeech.illustrations import neurons
from spikespeech.report import exhibit, plots

WEIGHTS, STEPS, TAU = np.array([7.0, 9.0, -5.0]), 120, 15.0
ACTIVATIONS = {
    "ReLU": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
}


def spike_trains():
    """Return (3, STEPS) random input spikes."""
    return np.random.default_rng(3).random((3, STEPS)) < 0.09


def tabulate():
    """Return activations over the weighted sum, and the potential of the spiking neuron in time."""
    z = np.linspace(-3, 3, 61).round(2)
    H, S, _ = neurons.leaky_integrate_and_fire(WEIGHTS @ spike_trains(), TAU)
    second = [
        pd.DataFrame({"generation": 2, "quantity": name, "x": z, "y": activation(z)})
        for name, activation in ACTIVATIONS.items()
    ]
    third = [
        pd.DataFrame({"generation": 3, "quantity": name, "x": np.arange(STEPS), "y": values})
        for name, values in (("potential", H), ("spike", S.astype(float)))
    ]
    return pd.concat([*second, *third])


@plots.style()
def draw(table):
    """Return the figure: activation functions on the left, spikes and a potential on the right."""
    figure = plots.plt.figure(figsize=(plots.WIDTH, 3.2))
    axes = figure.subplot_mosaic(
        [["second", "in"], ["second", "V"], ["second", "out"]],
        height_ratios=[2, 4, 1],
        width_ratios=[4, 5],
    )
    quantities = {name: rows for name, rows in table.groupby("quantity", sort=False)}
    for name, color in zip(ACTIVATIONS, (plots.BLUE, plots.ORANGE, plots.GREEN), strict=True):
        axes["second"].plot(quantities[name]["x"], quantities[name]["y"], color=color, label=name)
    axes["second"].set(
        title="a  Second generation",
        xlabel="Weighted sum of inputs",
        ylabel="Output",
        ylim=(-1.1, 3),
    )
    axes["second"].legend()
    colors = [plots.VERMILLION if w > 0 else plots.SKY for w in WEIGHTS]
    trains = [np.flatnonzero(train) for train in spike_trains()]
    axes["in"].eventplot(trains, colors=colors, linelengths=0.8, lineoffsets=[2, 1, 0])
    axes["in"].set(title="b  Third generation", ylabel="Inputs", yticks=[])
    axes["V"].plot(quantities["potential"]["x"], quantities["potential"]["y"], color=plots.BLUE)
    axes["V"].axhline(1, color=plots.INK, linestyle="--", linewidth=1)
    axes["V"].text(0, 1.02, "$v_{th}$", va="bottom")
    axes["V"].set(ylabel="Potential", ylim=(-0.6, 1.6))
    fired = quantities["spike"].query("y > 0")["x"]
    axes["out"].eventplot([fired.to_numpy()], colors=[plots.INK], linelengths=0.8)
    axes["out"].set(ylabel="Output", yticks=[], xlabel="Time step")
    for name in ("in", "V", "out"):
        axes[name].set_xlim(0, STEPS)
        axes[name].grid(False)
        if name != "out":
            axes[name].set_xticklabels([])
    return figure


def findings(table):
    """Return a sentence that counts the spikes."""
    fired = int(table.query("quantity == 'spike'")["y"].sum())
    return [
        f"Where an activation function gives one number, the spiking neuron turns "
        f"{spike_trains().sum()} input spikes of weights "
        f"{', '.join(f'{w:+g}' for w in WEIGHTS)} into {fired} spikes of its own, whose times "
        f"carry the answer."
    ]


def main(arguments):
    table = tabulate()
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
