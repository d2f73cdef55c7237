"""Firing patterns of Izhikevich's neuron, and what Eq 9 does as printed (thesis, Eq 9-11)."""

import numpy as np
import pandas as pd

from spikespeech import command
from spikespeech.illustrations import neurons
from spikespeech.illustrations.neurons import Pulse
from spikespeech.report import exhibit, plots

PULSE, STOP = Pulse(10.0, 20.0, 180.0), 220.0
PRINTED = "regular spiking, Eq 9 as printed"


def traces():
    """Return one row an integration step of each cell type: v (mV), u; and spikes by type."""
    rows, spikes = [], {}
    cells = {**neurons.IZHIKEVICH, PRINTED: neurons.IZHIKEVICH["regular spiking"]}
    for cell, parameters in cells.items():
        t, v, u, spikes[cell] = neurons.izhikevich(
            PULSE, *parameters, stop=STOP, as_printed=cell == PRINTED
        )
        rows.append(
            pd.DataFrame({"cell": cell, "time_ms": t.round(3), "v_mv": v.round(2), "u": u.round(2)})
        )
    return pd.concat(rows), spikes


@plots.style()
def draw(table):
    """Return the figure: one panel a cell type, the misprint last."""
    figure, axes = plots.subplots(3, 2, height=4.4, sharex=True)
    for panel, (cell, rows) in zip(axes.flat, table.groupby("cell", sort=False), strict=True):
        wrong = cell == PRINTED
        color = plots.VERMILLION if wrong else plots.BLUE
        panel.plot(rows["time_ms"], rows["v_mv"], color=color, linewidth=1)
        title = "Eq 9 as printed" if wrong else cell.capitalize()
        panel.set_title(title, color=color if wrong else plots.INK)
        if not wrong:
            panel.set(ylim=(-90, 40), yticks=[-80, -40, 0, 30])
    for panel in axes[:, 0]:
        panel.set_ylabel("v (mV)")
    for panel in axes[-1]:
        panel.set_xlabel("Time (ms)")
    return figure


def findings(table, spikes):
    """Return sentences about numbers of spikes and the misprint."""
    counts = ", ".join(f"{cell} {len(t)}" for cell, t in spikes.items() if cell != PRINTED)
    gaps = {cell: np.diff(t) for cell, t in spikes.items() if len(t) > 2}
    regular, chattering = gaps["regular spiking"], gaps["chattering"]
    lowest = table.loc[table["cell"] == PRINTED, "v_mv"].min()
    return [
        f"Under {PULSE.amplitude:g} units of current for {PULSE.duration:g} ms the cell types "
        f"fire: {counts} spikes.",
        f"The gaps of the regular cell settle at {regular[-1]:.1f} ms; those of the chattering "
        f"cell run from {chattering.min():.1f} to {chattering.max():.1f} ms, bursts and pauses.",
        f"With Eq 9 as the thesis prints it (+ 140u where Izhikevich has + 140 - u) the regular "
        f"cell fires {len(spikes[PRINTED])} times and v falls to {lowest:.0f} mV: a misprint.",
    ]


def main(arguments):
    table, spikes = traces()
    exhibit.write(arguments, table, findings(table, spikes), draw(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
