"""Count what an inference of a deployed network costs, and measure its simulation on this CPU.

Every row says what kind of number it is: counted, estimate, measured or not measured.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from spikespeech import command, files, fixed_point, network
from spikespeech.deployment import cost, evaluation, examples, inputs
from spikespeech.fixed_point import GradedSpikes
from spikespeech.forms import COUNT
from spikespeech.loihi import netx_file
from spikespeech.network import axes
from spikespeech.reading import read_json
from spikespeech.spikes.stored import chunks

MEASURED = 512  # test examples that are timed
SIMULATION = "integer simulation, one core of this machine"


def main(arguments):
    """Write one row for each quantity."""
    net, _ = network.load(arguments.weights)
    own, settings = axes.of_weights(arguments.weights)
    spikes, _, loss, windows = examples.test_side(arguments.test, arguments.split, settings)
    layers = netx_file.read(arguments.netx)
    bits = read_json(arguments.report, keys={"bits": COUNT})["bits"]
    outcome = evaluation.evaluate(layers, inputs.binary(spikes), loss, windows)
    sent = spikes_by_population(net, outcome)
    last = last_step_spikes(net, layers, spikes)
    counts = cost.operations(net, sent, last, n_steps=spikes.n_steps)
    parts = cost.by_layer(net, sent, n_steps=spikes.n_steps)
    counts |= {f"{name}.{layer}": n for layer, part in parts.items() for name, n in part.items()}
    rows = [(name, value, "an example", "counted", "") for name, value in counts.items()]
    rows += [
        (name, value, "bytes" if name != "parameters" else "", "counted", "")
        for name, value in cost.footprint(net, bits).items()
    ]
    rows.append(("connection_sparsity", cost.connection_sparsity(layers), "", "counted", ""))
    low, high = cost.energy_estimate(counts)
    for name, joules in (("energy_low", low), ("energy_high", high)):
        rows.append((name, joules * 1e6, "µJ an example", "estimate", cost.DAVIES_2018))
    some = GradedSpikes.from_spike_trains(spikes.take(np.arange(min(len(spikes), MEASURED))))
    taken = cost.measure(lambda: evaluation.evaluate(layers, some, loss, windows))
    for name in ("cpu_s", "wall_s"):
        value = taken[name] / len(some) * 1e3
        rows.append((name.replace("_s", "_ms"), value, "ms an example", "measured", SIMULATION))
    energy = taken["energy_j"]
    if energy is None:
        rows.append(("cpu_energy", np.nan, "µJ an example", "not measured", "no RAPL counter"))
    else:
        value = energy / len(some) * 1e6
        rows.append(("cpu_energy", value, "µJ an example", "measured", "RAPL, whole package"))
    table = pd.DataFrame(rows, columns=["quantity", "value", "unit", "kind", "source"])
    files.write_csv(arguments.out, axes.mark(table, own))


def spikes_by_population(net, outcome):
    """Return {population: (n,) spikes of each example} of inputs and hidden layers."""
    ends = np.cumsum([population.n for population in net.hidden])
    hidden = np.split(outcome.hidden_spikes, ends[:-1], axis=1)
    return {
        net.input.name: outcome.input_spikes,
        **{p.name: part.sum(axis=1) for p, part in zip(net.hidden, hidden, strict=True)},
    }


def last_step_spikes(net, layers, spikes):
    """Return {hidden layer: (n,) spikes in the last step of each example}."""
    counts = {population.name: [] for population in net.hidden}
    for chunk in chunks(spikes):
        states = fixed_point.simulate(layers[:-1], chunk, record=("spikes",))
        for found, recorded in zip(counts.values(), states.spikes, strict=True):
            found.append(recorded[:, -1].sum(axis=1))
    return {name: np.concatenate(found) for name, found in counts.items()}


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("weights", type=Path, help="weights.h5")
    parser.add_argument("--netx", type=Path, required=True, help="NetX file")
    parser.add_argument("--report", type=Path, required=True, help="conversion.json beside it")
    parser.add_argument("--test", type=Path, required=True, help="binned test spikes")
    parser.add_argument("--split", type=Path, required=True, help="who tests (CSV)")
    parser.add_argument("--out", type=Path, required=True, help="table to write (CSV)")
    command.run(main, parser.parse_args())
