"""What an inference costs: published measurements, our estimates, our measurements, row by row."""

import pandas as pd

from spikespeech import command
from spikespeech.forms import Number
from spikespeech.network.axes import by_size
from spikespeech.report import exhibit, prose, published, selection

COLUMNS = ["system", "dataset", "hidden", "kind", "total_energy_mJ", "dynamic_energy_mJ"]
COLUMNS += ["latency_ms", "energy_delay_uJs", "synaptic_operations", "networks", "source"]
COST = {**dict.fromkeys(("quantity", "kind", "source")), "value": Number(0, gaps=True)}
BOUNDS = {"energy_low": "lower bound", "energy_high": "upper bound"}


def theirs():
    """Return the nine rows of Table II of Shoesmith et al., measured on SHD."""
    rows = published.inference()
    rows = rows[rows["in_table"]].rename(
        columns={
            "total_mj": "total_energy_mJ",
            "dynamic_mj": "dynamic_energy_mJ",
            "edp_ujs": "energy_delay_uJs",
        }
    )
    batch = rows["batch"].astype(str).radd(", batch ").where(rows["batch"] > 1, "")
    return rows.assign(
        system=rows["hardware"] + batch,
        dataset="SHD",
        kind="measured, published",
        networks=1,
        source=published.SOURCE + ": " + rows["source"],
    )


def ours(costs, evaluations):
    """Return our rows: two bounds of an estimate and one measurement for each hidden size.

    `costs` holds the tables of scripts/deployment/cost.py below each other, with the network's
    axes; means over the networks of the data set's best loss and topology are shown.
    """
    rows = []
    for dataset, own in costs.groupby("dataset", sort=False):
        loss, _, topology = selection.best_configuration(evaluations, dataset)
        own = own[(own["loss"] == loss) & (own["topology"] == topology)]
        for hidden, group in own.groupby("hidden"):
            means = group.groupby("quantity", sort=False)["value"].mean()
            base = {
                "dataset": group["label"].iloc[0],
                "hidden": hidden,
                "synaptic_operations": means["synaptic_operations"],
                "networks": group["seed"].nunique() * group["fold"].nunique(),
            }
            for quantity, bound in BOUNDS.items():
                of = group[group["quantity"] == quantity].iloc[0]
                rows.append(
                    base
                    | {
                        "system": f"energies of operations, {bound}",
                        "kind": of["kind"],
                        "dynamic_energy_mJ": means[quantity] / 1e3,
                        "source": of["source"],
                    }
                )
            of = group[group["quantity"] == "wall_ms"].iloc[0]
            rows.append(
                base
                | {
                    "system": of["source"],
                    "kind": f"{of['kind']} here",
                    "total_energy_mJ": means["cpu_energy"] / 1e3,
                    "latency_ms": means["wall_ms"],
                    "source": "this study",
                }
            )
    return pd.DataFrame(rows)


def findings(table):
    """Return our estimate beside the published measurement, and what keeps them apart."""
    estimates = table[table["kind"] == "estimate"]
    sentences = []
    for label, rows in estimates.groupby("dataset", sort=False):
        largest = rows[rows["hidden"] == by_size(rows["hidden"])[-1]]
        energies = 1e3 * largest["dynamic_energy_mJ"]
        sentences.append(
            f"{label}, {largest['hidden'].iloc[0]} hidden neurons: the operations of an inference "
            f"({largest['synaptic_operations'].iloc[0]:,.0f} synaptic) are estimated at "
            f"{energies.min():.1f} to {energies.max():.1f} µJ with Loihi 1's energies, mean over "
            f"{prose.count(int(largest['networks'].iloc[0]), 'network')}; an estimate leaves out "
            "static power and input and output, so it does not compare with measured energies."
        )
    return sentences


def main(arguments):
    costs = exhibit.join(arguments.cost, arguments.labels, columns=COST)
    evaluations = selection.read(arguments.evaluations)
    table = pd.concat([theirs(), ours(costs, evaluations)], ignore_index=True)[COLUMNS]
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__, figure=False)
    parser.add_argument("--evaluations", required=True, help="evaluations.csv of all networks")
    parser.add_argument("--cost", nargs="+", required=True, help="cost.csv of each network")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
