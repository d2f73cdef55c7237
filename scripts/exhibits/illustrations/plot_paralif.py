"""A neuron step by step and without its reset, all steps at once: ParaLIF (thesis, Fig 12)."""

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from spikespeech import command
from spikespeech.illustrations import neurons
from spikespeech.report import exhibit, plots, prose

STEPS, TAU, SEED = 90, 20.0, 4
RATE, WEIGHT = 0.2, 8.0


def tabulate():
    """Return one row a step: input X, and H and S of both neurons."""
    X = WEIGHT * (np.random.default_rng(SEED).random(STEPS) < RATE)
    H, S, _ = neurons.leaky_integrate_and_fire(X, TAU)
    parallel, spikes = neurons.parallel_leaky_integrate_and_fire(X, TAU)
    return pd.DataFrame(
        {
            "step": np.arange(STEPS),
            "X": X,
            "H_lif": H,
            "S_lif": S.astype(int),
            "H_paralif": parallel,
            "S_paralif": spikes.astype(int),
        }
    )


def box(axes, x, y, text, color):
    """Draw a box with a text."""
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=8,
        color="black",  # on coloured boxes, in dark mode too
        bbox={"boxstyle": "round,pad=0.35", "facecolor": color, "edgecolor": plots.INK},
    )


def arrow(axes, start, end):
    """Draw an arrow between two points."""
    style = {"arrowstyle": "-|>", "color": plots.INK, "linewidth": 1, "shrinkA": 11, "shrinkB": 11}
    axes.annotate("", end, start, arrowprops=style)


def flow(axes, parallel):
    """Draw how X becomes S over three steps: each after the one before it, or all at once."""
    for t in range(3):
        x = 2.0 * t
        box(axes, x, 0, f"$X_{t + 1}$", plots.YELLOW)
        box(axes, x, 3 if parallel else 2.6, f"$S_{t + 1}$", plots.ORANGE)
        if parallel:
            arrow(axes, (x, 0), (x, 1.0))
            arrow(axes, (x, 1.0), (x, 2.0))
            arrow(axes, (x, 2.0), (x, 3.0))
        else:
            box(axes, x, 1.3, f"$H_{t + 1}$", plots.SKY)
            arrow(axes, (x, 0), (x, 1.3))
            arrow(axes, (x, 1.3), (x, 2.6))
            if t:
                arrow(axes, (x - 2.0, 1.3), (x, 1.3))
                arrow(axes, (x - 2.0, 2.6), (x, 1.3))
    if parallel:
        for y, text in ((1.0, "$H = K\\,X$"), (2.0, "$S = [H \\geq V_{th}]$")):
            edges = {"facecolor": plots.SKY, "edgecolor": plots.INK}
            axes.add_patch(Rectangle((-0.6, y - 0.24), 5.2, 0.48, zorder=3, **edges))
            axes.text(2.0, y, text, ha="center", va="center", fontsize=8, color="black", zorder=4)
    axes.set(xlim=(-0.8, 4.8), ylim=(-0.6, 3.6))
    axes.axis("off")


@plots.style()
def draw(table):
    """Return the figure: both flows above, potentials and spikes on the same input below."""
    figure = plots.plt.figure(figsize=(plots.WIDTH, 5.4))
    axes = figure.subplot_mosaic([["a", "b"], ["H", "H"], ["S", "S"]], height_ratios=[5, 5, 1.6])
    for name, title in (("a", "a  LIF: step after step"), ("b", "b  ParaLIF: all steps at once")):
        flow(axes[name], name == "b")
        axes[name].set_title(title)
    looks = {"lif": (plots.BLUE, "-", "LIF"), "paralif": (plots.VERMILLION, "--", "ParaLIF")}
    trains = []
    for name, (color, dash, label) in looks.items():
        axes["H"].plot(table["step"], table[f"H_{name}"], color=color, linestyle=dash, label=label)
        trains.append(table.loc[table[f"S_{name}"] == 1, "step"].to_numpy())
    axes["H"].axhline(1, color=plots.INK, linestyle=":", linewidth=1)
    axes["H"].text(0, 1.02, "$V_{th}$", va="bottom")
    axes["H"].set(ylabel="Potential $H$", xticklabels=[])
    axes["H"].set_title("c  The same input")
    axes["H"].legend(loc="upper left", bbox_to_anchor=(0.06, 1))
    colors = [color for color, *_ in looks.values()]
    axes["S"].eventplot(trains, colors=colors, linelengths=0.8, lineoffsets=[1, 0])
    axes["S"].set(xlabel="Time step", yticks=[1, 0], yticklabels=["LIF", "ParaLIF"])
    axes["S"].grid(False)
    for name in ("H", "S"):
        axes[name].set_xlim(-1, STEPS)
    return figure


def findings(table):
    """Return how many spikes each gives, and where they part."""
    own, other = table["S_lif"], table["S_paralif"]
    apart = table.loc[own != other, "step"]
    first = table.loc[own == 1, "step"].min()
    return [
        f"On the same {int((table['X'] > 0).sum())} input spikes the LIF neuron spikes "
        f"{prose.count(int(own.sum()), 'time')} and ParaLIF {other.sum()}: their potentials are "
        f"the same until the first spike, at step {first}, after which nothing resets ParaLIF's, "
        f"and from step {apart.min()} on their spikes differ. The thesis says that the "
        "dynamics stay as they are; without a reset they do not.",
        f"LIF's {len(table)} steps wait for each other; ParaLIF is one product with a matrix of "
        f"{len(table)} by {len(table)} and one comparison. “Up to 200 times faster” was measured "
        "by its authors on GPUs, not here.",
    ]


def main(arguments):
    table = tabulate()
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
