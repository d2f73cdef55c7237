"""What an inference of the deployed networks costs: counted, estimated and measured apart."""

from spikespeech import command
from spikespeech.forms import Number
from spikespeech.report import exhibit, prose

COLUMNS = {**dict.fromkeys(("quantity", "unit", "kind", "source")), "value": Number(0, gaps=True)}


def summarise(table):
    """Return means, smallest and largest over folds and seeds, one row a quantity."""
    axes = ["label", "topology", "hidden", "loss", "quantity", "unit", "kind", "source"]
    groups = table.groupby(axes, sort=False, dropna=False)["value"]
    summary = groups.agg(["mean", "min", "max"]).reset_index()
    return summary.assign(networks=groups.size().to_numpy())


def findings(summary):
    """Return operations and the energy estimate of each size and loss, and what was measured.

    A loss that did not learn has other spikes, so that losses are not averaged.
    """
    sentences = []
    for (label, topology, hidden), sized in summary.groupby(
        ["label", "topology", "hidden"], sort=False
    ):
        parts, shares, first = [], [], int(str(hidden).partition("x")[0])
        for loss, rows in sized.groupby("loss", sort=False):
            mean = rows.set_index("quantity")["mean"]
            operations = mean["synaptic_operations"]
            shares.append(100 * first * mean["input_spikes"] / operations)
            parts.append(
                f"{operations:,.0f} with {loss} (estimated {mean['energy_low']:.0f} to "
                f"{mean['energy_high']:.0f} µJ)"
            )
        sentences.append(
            f"{label}, {hidden} {topology} neurons: synaptic operations of an example are "
            f"{prose.listed(parts)}, of which input spikes times hidden neurons are "
            f"{min(shares):.0f} to {max(shares):.0f} %. Energies are operations times constants "
            "published for Loihi 1."
        )
        sizes = sized.groupby("quantity")["mean"].mean()
        if "synapse_delays" in sizes:
            sentences.append(
                f"Delays of its synapses take {sizes['synapse_delays']:,.0f} bytes beside "
                f"{sizes['integer_weights']:,.0f} of weights, their buffers "
                f"{sizes['synapse_buffers']:,.0f}; {sizes['delayed_operations']:,.0f} of the "
                "operations of an example wait in them."
            )
    measured = set(summary[summary["quantity"] == "cpu_energy"]["kind"])
    if measured == {"not measured"}:
        sentences.append("This machine's energy was not measured: it has no readable counter.")
    return sentences


def main(arguments):
    table = exhibit.join(arguments.costs, arguments.labels, columns=COLUMNS)
    summary = summarise(table)
    exhibit.write(arguments, summary, findings(summary))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__, figure=False)
    parser.add_argument("--costs", nargs="+", required=True, help="cost.csv of each network")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
