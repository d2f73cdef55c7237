"""What an inference of the deployed networks costs: counted, estimated and measured apart."""

from spikespeech import command
from spikespeech.report import exhibit

COLUMNS = ["quantity", "value", "unit", "kind", "source"]


def summarise(table):
    """Return means, smallest and largest over losses, folds and seeds, one row a quantity."""
    axes = ["label", "topology", "hidden", "quantity", "unit", "kind", "source"]
    groups = table.groupby(axes, sort=False, dropna=False)["value"]
    summary = groups.agg(["mean", "min", "max"]).reset_index()
    return summary.assign(networks=groups.size().to_numpy())


def findings(summary):
    """Return operations and the energy estimate of each size, and whether energy was measured."""
    sentences = []
    for (label, topology, hidden), rows in summary.groupby(
        ["label", "topology", "hidden"], sort=False
    ):
        mean = rows.set_index("quantity")["mean"]
        sentences.append(
            f"{label}, {hidden} {topology} neurons: {mean['synaptic_operations']:,.0f} synaptic "
            f"operations an example, {100 * mean['activation_sparsity']:.1f} % activation "
            f"sparsity; by Loihi 1's published constants an estimated {mean['energy_low']:.0f} to "
            f"{mean['energy_high']:.0f} µJ."
        )
    measured = set(summary[summary["quantity"] == "cpu_energy"]["kind"])
    if measured == {"not measured"}:
        sentences.append("This machine's energy was not measured: it has no readable counter.")
    return sentences


def main(arguments):
    table = exhibit.join(arguments.costs, arguments.settings, columns=COLUMNS)
    summary = summarise(table)
    exhibit.write(arguments, summary, findings(summary))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__, figure=False)
    parser.add_argument("--costs", nargs="+", required=True, help="cost.csv of each network")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: networks (axes of each file), labels of the data sets",
    )
    command.run(main, parser.parse_args())
