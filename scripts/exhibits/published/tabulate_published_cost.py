"""What an inference costs, as published: Table II of Shoesmith et al. 2025, every batch size."""

from spikespeech import command
from spikespeech.report import exhibit, published

RENAMED = {
    "hardware": "hardware",
    "hidden": "hidden",
    "batch": "batch",
    "total_mj": "total_energy_mJ",
    "dynamic_mj": "dynamic_energy_mJ",
    "latency_ms": "latency_ms",
    "edp_ujs": "energy_delay_uJs",
    "in_table": "in_table_II",
    "kind": "kind",
    "source": "source",
}


def findings(table):
    """Return the ratios behind the paper's "10x faster and 200x less energy"."""
    keyed = table.set_index(["hardware", "batch", "hidden"])
    loihi, jetson = keyed.loc[("Loihi 2", 1)], keyed.loc[("Jetson Orin Nano", 1)]
    energy = jetson["total_energy_mJ"] / loihi["total_energy_mJ"]
    latency = jetson["latency_ms"] / loihi["latency_ms"]
    best = table[table["hardware"] == "Jetson Orin Nano"].groupby("hidden")["total_energy_mJ"].min()
    batched = best / loihi["total_energy_mJ"]

    def sizes(values):
        return ", ".join(f"{value:.0f}" for value in values)

    return [
        f"Published, not measured here: with {sizes(energy.index)} hidden neurons Loihi 2 took "
        f"{sizes(energy)} times less energy for an example than the Jetson at batch 1 and was "
        f"{', '.join(f'{value:.1f}' for value in latency)} times faster.",
        f"Against the Jetson's best batch size the energy ratio is {sizes(batched)}.",
    ]


def main(arguments):
    table = published.inference()[list(RENAMED)].rename(columns=RENAMED)
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__, figure=False).parse_args())
