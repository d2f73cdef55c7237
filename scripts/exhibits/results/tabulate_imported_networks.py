"""Networks that others trained: where each comes from, what it is, what an inference costs."""

from pathlib import Path

import numpy as np
import pandas as pd

from spikespeech import command, network
from spikespeech.network import axes
from spikespeech.reading import read_csv
from spikespeech.report import exhibit, prose

QUANTITIES = {
    "hidden_spikes": "hidden_spikes",
    "synaptic_operations": "synaptic_operations",
    "energy_low": "energy_low_uj",
    "energy_high": "energy_high_uj",
    "integer_weights": "integer_weights_bytes",
}
"""Rows of cost.csv that are shown, and what their columns are called."""


def tabulate(weights, costs, labels):
    """Return one row for each network.

    Columns: network, label, source, file, digest (of its files, SHA-256), layers, topology, loss,
    weights, and those of QUANTITIES, an example, NaN where the network is not deployed.
    """
    found = {}
    for path in costs:
        table = read_csv(path, columns=["quantity", "value"])
        found[axes.of_table(table, path)["seed"]] = table.set_index("quantity")["value"]
    rows = []
    for path in weights:
        own, _ = axes.of_weights(path)
        net, _ = network.load(path)
        known = network.about(path)["imported"]
        cost = found.get(own["seed"], {})
        rows.append(
            {
                "network": own["seed"],
                "label": labels[own["dataset"]],
                "source": known["format"],
                "file": Path(known["path"]).name,
                "digest": known["digest"][:12],
                "layers": "-".join(str(p.n) for p in net.populations),
                "topology": own["topology"],
                "loss": own["loss"],
                "weights": net.n_weights,
                **{name: cost.get(key, np.nan) for key, name in QUANTITIES.items()},
            }
        )
    return pd.DataFrame(rows)


def findings(table):
    """Return what they are and what they cost."""
    lines = [f"{prose.count(len(table), 'network')} of other programs: {', '.join(table.network)}."]
    if table["energy_low_uj"].notna().all():
        low, high = table["energy_low_uj"].min(), table["energy_high_uj"].max()
        lines.append(
            f"An inference is estimated to take {low:.3g} to {high:.3g} µJ on Loihi, by the "
            "energies of one operation on Loihi 1; none was measured."
        )
    return lines


def main(arguments):
    table = tabulate(arguments.weights, arguments.costs, arguments.labels)
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__, figure=False)
    parser.add_argument("--weights", nargs="+", required=True, help="weights.h5 of each network")
    parser.add_argument("--costs", nargs="*", default=[], help="cost.csv of each")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
