"""Loss windows w(t), their gain and the way they push spikes (thesis, section 3.6 and Eq 19)."""

import numpy as np
import pandas as pd

from spikespeech import command, losses
from spikespeech.report import exhibit, plots, prose

BELL = "bell (published code)"
"""The window that the thesis's author trained with: his public code has
w = 2 (a + b u exp(-u² / (2 c²))), u = t/T, with these constants."""
BELL_CONSTANTS = {"a": 0.3, "b": 2.3, "c": 0.37}


def bell(u, a, b, c):
    return 2 * (a + b * u * np.exp(-(u**2) / (2 * c**2)))


ROWS = 200
"""Rows of a window in the table."""


def windows(parameters, n_steps):
    """Return one row a window and step: w as it is, and scaled to mean 1.

    `parameters` are those of each loss by name; losses without a window are left out.
    """
    made = {
        name: losses.make(name, n_steps=n_steps, **(own or {}))
        for name, own in parameters.items()
        if name in losses.WINDOWS
    }
    u, thin = np.arange(n_steps) / n_steps, slice(None, None, max(1, n_steps // ROWS))
    made[BELL] = losses.make("table", n_steps=n_steps, values=bell(u, **BELL_CONSTANTS))
    return pd.concat(
        pd.DataFrame(
            {
                "window": name,
                "fraction_of_trial": u[thin],
                "w": loss.window[thin],
                "w_at_equal_gain": loss.window[thin] / loss.gain,
                "gain": loss.gain,
            }
        )
        for name, loss in made.items()
    )


def gains(table):
    """Return the gain of each window relative to that of sum_exp."""
    gain = table.groupby("window", sort=False)["gain"].first()
    return gain, gain / gain["sum_exp"]


@plots.style()
def draw(table):
    """Return the figure: windows as they are, at equal gain, and their slope."""
    figure, axes = plots.subplots(1, 2, height=3.5, sharex=True)
    for name, rows in table.groupby("window", sort=False):
        line = plots.loss_line("table" if name == BELL else name) | {"marker": ""}
        axes[0].plot(rows["fraction_of_trial"], rows["w"], label=name, **line)
        axes[1].plot(rows["fraction_of_trial"], rows["w_at_equal_gain"], **line)
    axes[0].set(title="a  As they are", ylabel="w", ylim=(0, None))
    axes[1].set(title="b  At equal gain", ylabel="w / mean(w)", ylim=(0, None))
    for panel in axes:
        panel.set(xlabel="t / T", xlim=(0, 1))
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def findings(table):
    """Return sentences about the gain and about where each window pushes spikes."""
    gain, relative = gains(table)
    sentences = [
        "Gains (mean of w) are "
        + prose.listed(f"{value:.3f} for {name}" for name, value in gain.items())
        + "."
    ]
    sentences.append(
        f"As published, the bell multiplies gradients by {relative[BELL]:.2f} on average relative "
        "to sum_exp: a comparison of the two changes gain and shape at once. Whether gain alone "
        "speeds learning is not shown here, and with Adam, which divides by the gradient's size, "
        "it need not; windows are compared at equal gain."
    )
    pushed = []
    for name, rows in table.groupby("window", sort=False):
        rising = (np.diff(rows["w"]) > 1e-12).mean()
        pushed.append(f"{rising:.0%} for {name}")
    sentences.append(
        f"A window rises, and so draws the spikes that help the right class later, during "
        f"{prose.listed(pushed)} of the trial."
    )
    return sentences


def main(arguments):
    table = windows(arguments.settings["losses"], arguments.settings["steps"])
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: losses (name to parameters) and steps of a trial",
    )
    command.run(main, parser.parse_args())
