"""Hodgkin-Huxley responses to steps of current (thesis, Fig 3-5)."""

import numpy as np
import pandas as pd
from scipy.optimize import bisect

from spikespeech import command
from spikespeech.illustrations import neurons
from spikespeech.illustrations.neurons import Pulse
from spikespeech.report import exhibit, plots

DURATIONS = (5, 10, 15, 20)
AMPLITUDE, ONSET = 10.0, 20.0
T = np.arange(0, 80, 0.01)
THIN = slice(None, None, 5)
"""What is drawn and tabulated of T."""


def respond(duration):
    """Return the voltage at times T under a step of `duration` ms."""
    return neurons.hodgkin_huxley(Pulse(AMPLITUDE, ONSET, duration), T)


def responses():
    """Return one row a duration and time: the voltage (mV) and the current (µA/cm²)."""
    return pd.concat(
        pd.DataFrame(
            {
                "step_ms": duration,
                "time_ms": T[THIN].round(2),
                "voltage_mv": respond(duration)[THIN].round(4),
                "current_ua_per_cm2": Pulse(AMPLITUDE, ONSET, duration)(T[THIN]),
            }
        )
        for duration in DURATIONS
    )


def spikes(duration):
    """Return the times of the action potentials after the step's onset."""
    return neurons.upward_crossings(T, respond(duration)) - ONSET


def shortest_for_two():
    """Return the shortest step (ms) that evokes a second action potential."""
    return bisect(lambda duration: len(spikes(duration)) - 1.5, 1, 40, xtol=0.01)


@plots.style()
def draw(table):
    """Return the figure: one column a duration, voltage above current."""
    figure, axes = plots.subplots(
        4, 2, height=4.6, sharex=True, sharey="row", height_ratios=[4, 1, 4, 1]
    )
    for panel, (duration, rows) in enumerate(table.groupby("step_ms")):
        row, column = 2 * (panel // 2), panel % 2
        voltage, current = axes[row, column], axes[row + 1, column]
        voltage.plot(rows["time_ms"], rows["voltage_mv"], color=plots.BLUE)
        current.plot(rows["time_ms"], rows["current_ua_per_cm2"], color=plots.VERMILLION)
        voltage.set(title=f"{duration} ms step", ylim=(-85, 50), yticks=[-80, -40, 0, 40])
        current.set(ylim=(-2, 14), yticks=[0, AMPLITUDE])
        if column == 0:
            voltage.set_ylabel("V (mV)")
            current.set_ylabel("I (µA/cm²)")
    for bottom in axes[3]:
        bottom.set_xlabel("Time (ms)")
    figure.align_ylabels()
    return figure


def findings():
    """Return sentences that count the action potentials."""
    counts = [len(spikes(duration)) for duration in DURATIONS]
    latency = spikes(DURATIONS[-1])
    return [
        f"Steps of {AMPLITUDE:g} µA/cm² for {', '.join(map(str, DURATIONS))} ms evoke "
        f"{', '.join(map(str, counts))} action potentials.",
        f"During the longest they come {' and '.join(f'{t:.2f}' for t in latency)} ms after its "
        f"onset, and the shortest step that evokes two lasts {shortest_for_two():.1f} ms.",
        f"The shorter steps cannot be told apart by their number of spikes, only by the voltage "
        f"after it. The peak is {respond(DURATIONS[-1]).max():.1f} mV.",
    ]


def main(arguments):
    table = responses()
    exhibit.write(arguments, table, findings(), draw(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__).parse_args())
