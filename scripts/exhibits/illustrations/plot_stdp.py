"""The window of spike-timing-dependent plasticity (thesis, Fig 13)."""

import numpy as np
import pandas as pd

from spikespeech import command
from spikespeech.illustrations import neurons
from spikespeech.report import exhibit, plots

# Read from the thesis's figure.
WINDOW = {"potentiation": 0.8, "depression": 0.45, "tau": 20.0}
LAGS = np.arange(-80, 81, 1.0)


def window():
    """Return one row a lag: t_pre - t_post (ms) and the change of the weight."""
    return pd.DataFrame(
        {"pre_minus_post_ms": LAGS, "change": neurons.stdp_window(LAGS, **WINDOW).round(6)}
    )


@plots.style()
def draw(table):
    """Return the figure."""
    figure, axes = plots.subplots(height=2.8)
    for name, side, color in (
        ("long-term potentiation", table["pre_minus_post_ms"] < 0, plots.BLUE),
        ("long-term depression", table["pre_minus_post_ms"] > 0, plots.VERMILLION),
    ):
        rows = table[side]
        axes.plot(rows["pre_minus_post_ms"], rows["change"], color=color, label=name)
        axes.fill_between(rows["pre_minus_post_ms"], rows["change"], color=color, alpha=0.15)
    axes.axhline(0, color=plots.INK, linewidth=0.8)
    axes.axvline(0, color=plots.INK, linewidth=0.8)
    axes.annotate("pre before post", (-78, 0.2))
    axes.annotate("post before pre", (78, -0.22), ha="right")
    axes.set(xlabel="$t_{pre} - t_{post}$ (ms)", ylabel="Change of weight")
    axes.legend()
    return figure


def findings():
    """Return a sentence about the balance of the window."""
    gain, loss = (WINDOW[side] * WINDOW["tau"] for side in ("potentiation", "depression"))
    return [
        f"The areas of the two sides are +{gain:g} and -{loss:g} ms: uncorrelated spikes "
        f"strengthen a synapse on average (net {gain - loss:+g} ms), so these constants need a "
        f"bound on the weights."
    ]


def main(arguments):
    table = window()
    exhibit.write(arguments, table, findings(), draw(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
