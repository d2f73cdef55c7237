"""The Gedanken experiment: what moving one spike does to each loss (thesis, section 3.6)."""

import numpy as np
import pandas as pd

from spikespeech import command, eventprop, losses
from spikespeech.network import Network, Parameters
from spikespeech.report import exhibit, plots, prose
from spikespeech.spikes import SpikeTrains

SHOWN = ("sum", "sum_exp", "gaussian", "max", "per_timestep")
"""Losses that read voltages; `first_spike` reads output spikes, which have no tail to cut."""

PLACES = {"early": 0.05, "middle": 0.5, "end": 0.985}
"""Where the three spikes stand whose voltage is drawn, as fractions of the trial."""

ENOUGH_FOR_ONE_SPIKE = 8.0


def one_spike_network(dt_ms):
    """Return (network, weights): one input spike makes one hidden spike, seen by output 0 of 2."""
    network = Network.layered(1, 1, 2, recurrent=False, dt_ms=dt_ms)
    weights = Parameters.zeros(network)
    weights["input_hidden"][:] = ENOUGH_FOR_ONE_SPIKE
    weights["hidden_output"][0, 0] = 1
    return network, weights


def one_spike_each(n_steps, dt_ms):
    """Return (times (n,), spikes): trials with one hidden spike, at each possible time in steps.

    The last trial has its input spike too late for any hidden spike.
    """
    network, weights = one_spike_network(dt_ms)
    trials = SpikeTrains.from_binned(
        [([step], [0]) for step in range(n_steps)],
        np.zeros(n_steps),
        np.full(n_steps, -1),
        n_steps,
        1,
        dt_ms,
        ("right", "wrong"),
    )
    hidden = eventprop.simulate(network, weights, trials).hidden_spikes
    n_spikes = np.diff(hidden.offsets)
    assert n_spikes.max() == 1 and n_spikes[-1] == 0
    fired = np.flatnonzero(n_spikes)
    return np.asarray(hidden.steps, dtype=int), trials.take([*fired, n_steps - 1])


def move(loss, times, trials):
    """Return one row a spike time: the loss, and its change when the spike comes 1 step later.

    The change is in percent of the spike's whole effect: what the loss would lose without it,
    at the middle of the trial.
    """
    network, weights = one_spike_network(trials.dt_ms)
    values = eventprop.gradients(network, weights, trials, loss=loss).losses
    value, without = values[:-1], values[-1]
    whole = without - value[np.searchsorted(times, trials.n_steps // 2)]
    return pd.DataFrame(
        {
            "loss": loss.name,
            "spike_ms": times[:-1] * trials.dt_ms,
            "value": value[:-1],
            "change_percent_per_ms": 100 * np.diff(value) / whole / trials.dt_ms,
        }
    )


def voltages(n_steps, dt_ms):
    """Return {place: (spike time, times, voltage of output 0)}, times in ms."""
    network, weights = one_spike_network(dt_ms)
    times, trials = one_spike_each(n_steps, dt_ms)
    chosen = {p: np.searchsorted(times, round(f * n_steps)) for p, f in PLACES.items()}
    v = eventprop.simulate(network, weights, trials.take(list(chosen.values()))).output_v
    return {
        place: (times[i] * dt_ms, np.arange(n_steps) * dt_ms, v[k, :, 0])
        for k, (place, i) in enumerate(chosen.items())
    }


@plots.style()
def draw(table, traces, duration):
    """Return the figure: three voltages above; the change of each loss below."""
    figure = plots.plt.figure(figsize=(plots.WIDTH, 5.0))
    axes = figure.subplot_mosaic(
        [["early"] * 2 + ["middle"] * 2 + ["end"] * 2, ["all"] * 3 + ["last"] * 3],
        height_ratios=[2, 3],
    )
    for place, (spike, t, v) in traces.items():
        panel = axes[place]
        near = (t >= spike - 20) & (t < spike + 110)
        panel.fill_between(t[near], v[near], color=plots.BLUE, alpha=0.2, linewidth=0)
        panel.plot(t[near], v[near], color=plots.BLUE)
        panel.axvline(spike, color=plots.VERMILLION, linewidth=1)
        if spike + 110 > duration:
            panel.axvspan(duration, spike + 110, color=plots.FAINT, alpha=0.3, linewidth=0)
            panel.text(spike + 106, 0.155, "cut off", ha="right", va="top", fontsize=8)
        panel.set(title=place.capitalize(), xlim=(spike - 20, spike + 110), ylim=(0, 0.17))
        panel.set_xlabel("Time (ms)")
    for place in ("middle", "end"):
        axes[place].set_yticklabels([])
    axes["early"].set_ylabel("Output V")
    for name, rows in table.groupby("loss", sort=False):
        line = plots.loss_line(name) | {"marker": ""}
        if name == "sum":
            line["linewidth"] = 3.5  # seen behind per_timestep, which does the same
        for panel in ("all", "last"):
            axes[panel].plot(rows["spike_ms"], rows["change_percent_per_ms"], **line)
        axes["all"].plot([], [], label=name, **line)
    axes["all"].set(
        title="Whole trial", xlim=(0, duration), ylim=(-0.8, 0.8), ylabel="Change of loss (% / ms)"
    )
    axes["last"].set(title="Its last 100 ms", xlim=(duration - 100, duration), ylim=(-0.5, 5))
    for panel in ("all", "last"):
        axes[panel].axhline(0, color=plots.INK, linewidth=0.6)
        axes[panel].set_xlabel("Spike time (ms)")
    figure.legend(*axes["all"].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def findings(table):
    """Return sentences that compare the middle of the trial with its end."""
    duration = table["spike_ms"].max()
    middle, end = [], []
    for name, rows in table.groupby("loss", sort=False):
        change = rows["change_percent_per_ms"].abs()
        central = change[(rows["spike_ms"] - duration / 2).abs() < duration / 20].mean()
        middle.append(f"{central:.2f} % under {name}")
        end.append(f"{change[rows['spike_ms'] > duration - 20].max():.2f} %")
    sentences = [
        "Moving the spike by 1 ms changes the loss, relative to what the spike contributes, by "
        f"{prose.listed(middle)} at mid-trial, and by up to {prose.listed(end)} in the last 20 ms."
    ]
    changes = table.pivot(index="spike_ms", columns="loss", values="change_percent_per_ms")
    matters = changes.index[changes["sum"].abs() > 0.1]
    early = changes.loc[changes.index < duration / 10].mean()
    sentences.append(
        f"Under sum only spikes after {matters.min():.0f} ms matter in time, because the end of "
        f"the trial cuts their tail. In the first tenth sum_exp draws a helpful spike earlier "
        f"(moving it later costs {early['sum_exp']:+.2f} % / ms), the Gaussian draws it later "
        f"({early['gaussian']:+.2f} % / ms), towards the middle of its window."
    )
    return sentences


def main(arguments):
    n_steps, dt_ms = arguments.settings["steps"], arguments.settings["dt_ms"]
    times, trials = one_spike_each(n_steps, dt_ms)
    table = pd.concat(
        move(
            losses.make(
                name,
                n_steps=n_steps,
                dt_ms=dt_ms,
                normalise=True,
                **arguments.settings["losses"][name],
            ),
            times,
            trials,
        )
        for name in SHOWN
    )
    figure = draw(table, voltages(n_steps, dt_ms), n_steps * dt_ms)
    exhibit.write(arguments, table, findings(table), figure)


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: losses (name to parameters), steps and dt_ms of a trial",
    )
    command.run(main, parser.parse_args())
