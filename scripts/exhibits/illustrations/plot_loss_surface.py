"""The loss of two parameters as a surface, with a start P and the way down (thesis, Fig 8, 11)."""

import numpy as np
import pandas as pd

from spikespeech import command
from spikespeech.illustrations.descent import EXAMPLE, descend
from spikespeech.report import exhibit, plots, prose

GRID = np.linspace(-4, 4, 81)
START, LEARNING_RATE, STEPS = (1.2, 3.4), 4.0, 60


def surface():
    """Return one row a grid point: theta_1, theta_2 and the loss."""
    first, second = np.meshgrid(GRID, GRID, indexing="ij")
    theta = np.stack([first, second], axis=-1)
    return pd.DataFrame(
        {
            "theta_1": first.ravel().round(2),
            "theta_2": second.ravel().round(2),
            "loss": EXAMPLE.loss(theta).ravel().round(8),
        }
    )


def way_down():
    """Return the path (STEPS + 1, 2) of gradient descent from P."""
    return descend(EXAMPLE.gradient, START, LEARNING_RATE, STEPS)


@plots.style()
def draw(table, path):
    """Return the figure: the surface, the start and the path on it."""
    figure, axes = plots.subplots(height=4.2, subplot_kw={"projection": "3d"})
    first, second, loss = (
        table[name].to_numpy().reshape(len(GRID), len(GRID))
        for name in ("theta_1", "theta_2", "loss")
    )
    axes.plot_surface(
        first, second, loss, cmap="viridis", rcount=81, ccount=81, alpha=0.75, rasterized=True
    )
    # Lifted by a hair, or the surface hides the line that lies in it.
    heights = EXAMPLE.loss(path) + 0.004
    axes.plot(*path.T, heights, ".-", color=plots.VERMILLION, zorder=10)
    axes.text(*path[0], heights[0] + 0.02, "P ", fontweight="bold", ha="right", zorder=11)
    axes.plot(*path[:1].T, heights[:1], "o", color=plots.INK, zorder=11)
    axes.set(xlabel="$\\theta_1$", ylabel="$\\theta_2$")
    axes.set_zlabel("Loss", labelpad=6)
    axes.view_init(elev=38, azim=-128)
    axes.set_box_aspect((1, 1, 0.6), zoom=0.88)
    axes.locator_params(nbins=5)
    return figure


def findings(table, path):
    """Return sentences about where the descent starts and ends."""
    lowest = table.loc[table["loss"].idxmin()]
    start, end = EXAMPLE.loss(path[0]), EXAMPLE.loss(path[-1])
    return [
        f"From P = ({START[0]:g}, {START[1]:g}) gradient descent with η = {LEARNING_RATE:g} "
        f"lowers the loss from {start:.4f} to {prose.small(end)} in {STEPS} steps and ends at "
        f"({path[-1, 0]:.2f}, {path[-1, 1]:.2f}).",
        f"The lowest point of the grid is ({lowest['theta_1']:g}, {lowest['theta_2']:g}), where "
        f"the loss is {prose.small(lowest['loss'])}; the surface has a second, shallower valley "
        "where the two units have changed places.",
    ]


def main(arguments):
    table, path = surface(), way_down()
    exhibit.write(arguments, table, findings(table, path), draw(table, path))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
