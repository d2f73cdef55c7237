"""A network with its weights coloured, and its matrix form (thesis, Fig 7, 9 and 10)."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection

from spikespeech import command
from spikespeech.report import exhibit, plots

SIZES, SEED, HIGHLIGHTED = (3, 6, 3), 2, 0
NAMES = ("x", "h", "y")
INPUT = np.array([[1.0, -0.5, 0.8]])


def weights():
    """Return random W_xh (3, 6) and W_hy (6, 3)."""
    rng = np.random.default_rng(SEED)
    return [rng.uniform(-1, 1, shape).round(1) for shape in itertools.pairwise(SIZES)]


def tabulate():
    """Return one row a synapse: layers, source, target (from 1) and weight."""
    return pd.DataFrame(
        [
            {
                "from": f"{NAMES[layer]}{source + 1}",
                "to": f"{NAMES[layer + 1]}{target + 1}",
                "weight": W[source, target],
            }
            for layer, W in enumerate(weights())
            for source, target in np.ndindex(W.shape)
        ]
    )


def places(layer):
    """Return (n, 2): where the neurons of a layer stand, the first on top."""
    n = SIZES[layer]
    return np.column_stack([np.full(n, 2.2 * layer), (n - 1) / 2 - np.arange(n)])


def numbers(axes, matrix, title, highlighted):
    """Draw a matrix as coloured cells with their numbers, `highlighted` columns or cells boxed."""
    axes.imshow(matrix, cmap="coolwarm", vmin=-1.6, vmax=1.6)
    for (row, column), value in np.ndenumerate(matrix):
        bold = "bold" if column in highlighted else "normal"
        axes.text(
            column,
            row,
            f"{value:.1f}",
            ha="center",
            va="center",
            fontsize=7.5,
            fontweight=bold,
            color="black",  # on coloured cells, in dark mode too
        )
    axes.set_title(title, fontsize=9, loc="center")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)


@plots.style()
def draw():
    """Return the figure: the network above, h = x W below."""
    figure = plots.plt.figure(figsize=(plots.WIDTH, 4.6))
    axes = figure.subplot_mosaic(
        [["network"] * 3, ["x", "W", "h"]], height_ratios=[3, 1], width_ratios=[3, 6, 6]
    )
    panel = axes["network"]
    lines = None
    for layer, W in enumerate(weights()):
        source, target = places(layer), places(layer + 1)
        order = np.argsort(np.abs(W), axis=None)
        lines = LineCollection(
            [
                (source[i], target[j])
                for i, j in zip(*np.unravel_index(order, W.shape), strict=True)
            ],
            array=W.ravel()[order],
            cmap="coolwarm",
            clim=(-1, 1),
            linewidths=2,
        )
        panel.add_collection(lines)
    for layer, name in enumerate(NAMES):
        for k, (x, y) in enumerate(places(layer)):
            marked = layer == 1 and k == HIGHLIGHTED
            panel.plot(
                x,
                y,
                "o",
                markersize=21,
                color=plots.YELLOW if marked else plots.PAPER,
                markeredgecolor=plots.INK,
            )
            # Paper turns dark in dark mode, and ink light with it; the highlight stays light.
            ink = "black" if marked else plots.INK
            panel.text(x, y, f"${name}_{k + 1}$", ha="center", va="center", color=ink)
        panel.text(
            2.2 * layer, 3.25, ("Input", "Hidden", "Output")[layer], ha="center", fontweight="bold"
        )
    panel.set(xlim=(-0.4, 4.8), ylim=(-3.1, 3.7))
    panel.axis("off")
    figure.colorbar(lines, ax=panel, label="Weight", shrink=0.7)
    W_xh = weights()[0]
    numbers(axes["x"], INPUT, "$\\mathbf{x}$", range(3))
    numbers(axes["W"], W_xh, "$\\times\\ \\mathbf{W}^{xh}$", [HIGHLIGHTED])
    numbers(axes["h"], INPUT @ W_xh, "$=\\ \\mathbf{h}$", [HIGHLIGHTED])
    return figure


def findings():
    """Return a sentence that computes the highlighted neuron both ways."""
    W_xh = weights()[0]
    terms = " + ".join(
        f"({x:g})({w:g})" for x, w in zip(INPUT[0], W_xh[:, HIGHLIGHTED], strict=True)
    )
    total = sum(x * w for x, w in zip(INPUT[0], W_xh[:, HIGHLIGHTED], strict=True))
    return [
        f"The highlighted neuron is h1 = {terms} = {total:.2f} by Eq 13, the first entry of the "
        f"matrix product {(INPUT @ W_xh)[0, HIGHLIGHTED]:.2f}; the network has "
        f"{SIZES[0] * SIZES[1] + SIZES[1] * SIZES[2]} weights."
    ]


def main(arguments):
    exhibit.write(arguments, tabulate(), findings(), draw())


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
