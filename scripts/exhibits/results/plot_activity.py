"""One test example inside a trained network: input, hidden spikes, output voltages."""

from pathlib import Path

import numpy as np
import pandas as pd

from spikespeech import command, eventprop, losses, network
from spikespeech.backends import native
from spikespeech.forms import COUNT
from spikespeech.network.axes import n_hidden, of_weights
from spikespeech.reading import read_csv
from spikespeech.report import exhibit, plots, prose, selection
from spikespeech.spikes import SpikeTrains

PREDICTION = {"example": COUNT, "label": COUNT, "prediction": COUNT}
N_NAMED = 3
"""So many classes besides the spoken one have a name and a colour of their own."""


def first_right(predictions):
    """Return the number of the first test example that was classified rightly, else the first."""
    right = predictions[predictions["prediction"] == predictions["label"]]
    return int((right if len(right) else predictions)["example"].iloc[0])


def tabulate(spikes, simulation):
    """Return one row a spike or voltage: layer (input, hidden, output), time_ms, unit, value.

    `spikes` and `simulation` hold one example; value is 1 for a spike, V for an output.
    """
    parts = []
    for layer, trains in (("input", spikes), ("hidden", simulation.hidden_spikes)):
        steps, units = (np.asarray(values) for values in trains.example(0))
        parts.append(
            pd.DataFrame(
                {"layer": layer, "time_ms": steps * spikes.dt_ms, "unit": units, "value": 1.0}
            )
        )
    voltage = simulation.output_v[0]
    step, unit = np.indices(voltage.shape)
    parts.append(
        pd.DataFrame(
            {
                "layer": "output",
                "time_ms": step.ravel() * spikes.dt_ms,
                "unit": unit.ravel(),
                "value": voltage.ravel(),
            }
        )
    )
    return pd.concat(parts, ignore_index=True)


@plots.style()
def draw(table, classes, label, readout, window, trained, name):
    """Return the figure: input raster, hidden raster, output voltages, one below the other.

    `readout` (n_outputs,) ranks the classes; `window` (n_steps,) is shaded, None where the loss
    has none; `trained` is the Network.
    """
    figure, (above, middle, below) = plots.subplots(
        3, height=5.6, sharex=True, height_ratios=[1.2, 1, 1.2]
    )
    for axes, layer, size, color in (
        (above, "input", trained.n_inputs, plots.GREY),
        (middle, "hidden", trained.n_hidden, plots.BLUE),
    ):
        spikes = table[table["layer"] == layer]
        plots.raster(axes, spikes["time_ms"], spikes["unit"], color=color)
        axes.set(ylim=(-1, size), ylabel="Channel" if layer == "input" else "Hidden neuron")
    voltages = table[table["layer"] == "output"].pivot(
        index="time_ms", columns="unit", values="value"
    )
    rivals = [unit for unit in np.argsort(-readout) if unit != label][:N_NAMED]
    below.plot(voltages, color=plots.FAINT, linewidth=0.6, alpha=0.6)
    colors = (plots.ORANGE, plots.GREEN, plots.PURPLE)
    for unit, color in zip(rivals, colors, strict=False):
        below.plot(voltages[unit], color=color, linestyle="--", linewidth=1.2, label=classes[unit])
    below.plot(voltages[label], color=plots.BLUE, linewidth=2, label=f"{classes[label]} (spoken)")
    below.set(xlabel="Time (ms)", ylabel="Output V", xlim=(0, voltages.index[-1]))
    below.legend(loc="lower right", bbox_to_anchor=(1.02, 0.98), ncols=4, columnspacing=1)
    if window is not None:
        shade = below.twinx()
        shade.fill_between(voltages.index, window, color=plots.YELLOW, alpha=0.25, linewidth=0)
        shade.set(ylim=(0, 1.05 * window.max()), yticks=[])
        shade.set_zorder(below.get_zorder() - 1)
    above.set_title(f"Input: “{classes[label]}”, {name}")
    middle.set_title("Hidden spikes")
    below.set_title("Output")
    return figure


def findings(table, classes, label, readout, chosen, name):
    """Return sentences on how many neurons spike, how often, and how sure the network is."""
    spikes = table[table["layer"] == "hidden"].groupby("unit").size()
    hidden = n_hidden(chosen["hidden"])
    probabilities = np.exp(readout - readout.max())
    probabilities /= probabilities.sum()
    rival = next(unit for unit in np.argsort(-readout) if unit != label)
    return [
        f"{name}, {chosen['loss']} with {hidden} {chosen['topology']} hidden neurons, seed "
        f"{chosen['seed']}: for one “{classes[label]}” of the test set "
        f"{prose.count(len(spikes), 'hidden neuron')} of {hidden} spike, "
        f"{spikes.mean():.1f} times on average and at most {spikes.max()} times.",
        f"The read-out gives the spoken word a probability of {probabilities[label]:.2f}, its "
        f"nearest rival “{classes[rival]}” {probabilities[rival]:.2f}.",
    ]


def main(arguments):
    chosen = selection.best_network(selection.read(arguments.evaluations), arguments.dataset)
    [predictions] = exhibit.belonging(arguments.predictions, **chosen)
    path = Path(predictions).with_name("weights.h5")
    trained, weights = network.load(path)
    _, settings = of_weights(path)
    test = SpikeTrains.open(arguments.binned)
    example = first_right(read_csv(predictions, columns=PREDICTION))
    spikes = test.take([example])
    label = int(spikes.labels[0])
    loss = losses.make(**settings["loss"], n_steps=spikes.n_steps, dt_ms=spikes.dt_ms)
    readout = native.Backend(trained, weights, loss).evaluate(spikes).readouts[0]
    window = loss.windows(spikes)[0][0] if loss.kind == "window" else None
    table = tabulate(spikes, eventprop.simulate(trained, weights, spikes))
    shown = {axis: chosen[axis] for axis in ("dataset", "loss", "topology", "seed")}
    table = table.assign(example=example, **shown)
    names = plots.short(spikes.classes)
    name = plots.literal(arguments.label)
    figure = draw(table, names, label, readout, window, trained, name)
    said = findings(table, spikes.classes, label, readout, chosen, arguments.label)
    exhibit.write(arguments, table, said, figure)


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--evaluations", required=True, help="evaluations.csv of all networks")
    parser.add_argument(
        "--predictions",
        nargs="+",
        required=True,
        help="predictions.csv of each network; beside it weights.h5",
    )
    parser.add_argument("--binned", required=True, help="binned test set")
    parser.add_argument("--dataset", required=True, help="whose test set it is")
    parser.add_argument("--label", required=True, help="of the data set, in captions")
    command.run(main, parser.parse_args())
