"""A leaky integrate-and-fire neuron under four input spikes (thesis, Fig 6 and Eq 6-8)."""

import numpy as np
import pandas as pd

from spikespeech import command
from spikespeech.illustrations import neurons
from spikespeech.report import exhibit, plots

STEPS, TAU, THRESHOLD = 90, 20.0, 1.0
INPUT_SPIKES, WEIGHT = (10, 40, 46, 51), 9.0


def trace():
    """Return one row a step: input current X, H before and V after the reset, spike S."""
    X = np.zeros(STEPS)
    X[list(INPUT_SPIKES)] = WEIGHT
    H, S, V = neurons.leaky_integrate_and_fire(X, TAU, THRESHOLD)
    return pd.DataFrame({"step": np.arange(STEPS), "X": X, "H": H, "S": S.astype(int), "V": V})


@plots.style()
def draw(table):
    """Return the figure: input spikes above the membrane potential."""
    figure, (above, axes) = plots.subplots(2, 1, height=3.0, sharex=True, height_ratios=[1, 5])
    above.eventplot(INPUT_SPIKES, color=plots.VERMILLION, linewidths=1.6)
    above.set(yticks=[], ylabel="Input")
    above.grid(False)
    # The potential climbs to H within the step, and a spike resets it from there.
    steps = np.repeat(table["step"], 2)[1:]
    potential = np.column_stack([table["V"], np.append(table["H"][1:], 0)]).ravel()[:-1]
    axes.plot(steps, potential, color=plots.BLUE)
    axes.axhline(THRESHOLD, color=plots.INK, linestyle="--", linewidth=1)
    axes.text(0, THRESHOLD, "$V_{th}$", va="bottom")
    axes.axhline(0, color=plots.FAINT, linewidth=0.8)
    axes.text(0, 0.02, "$V_{reset}$", va="bottom", color=plots.INK)
    for number, step in enumerate(INPUT_SPIKES, start=1):
        above.text(step + 1, 1, f"$t_{number}$", va="center")
    fired = table[table["S"] == 1]
    axes.plot(fired["step"], fired["H"], "o", color=plots.VERMILLION)
    for step, height in zip(fired["step"], fired["H"], strict=True):
        axes.annotate("spike", (step, height), (5, 0), textcoords="offset points", va="center")
    axes.set(xlabel="Time step", ylabel="Membrane potential", ylim=(-0.08, 1.35))
    return figure


def findings(table):
    """Return sentences about the spikes and about the decay that Eq 6 gives."""
    fired = table.loc[table["S"] == 1, "step"]
    return [
        f"Each input spike of weight {WEIGHT:g} lifts V by {WEIGHT / TAU:g}, because Eq 6 divides "
        f"the input by τ = {TAU:g}; of {len(INPUT_SPIKES)} input spikes the neuron answers "
        f"{len(fired)}, at step {', '.join(map(str, fired))}, where they fall close together.",
        f"Eq 6 keeps 1 - 1/τ = {1 - 1 / TAU:.4f} of V a step; exact integration, which training "
        f"uses, keeps exp(-1/τ) = {np.exp(-1 / TAU):.4f}.",
    ]


def main(arguments):
    table = trace()
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
