"""What speech costs on other hardware, as published, with protocol and flaws."""

from spikespeech import command
from spikespeech.report import exhibit, prose, published


def tabulate():
    """Return (one row a published measurement, what its flaws mean)."""
    table, meanings = published.named(published.table("hardware"))
    names = {"total_energy_mj": "total_energy_mJ", "dynamic_energy_mj": "dynamic_energy_mJ"}
    return table.rename(columns=names), meanings


def findings(table):
    """Return the energies that were measured on SHD, and how many rows are of other tasks."""
    shd = table[(table["task"] == "SHD") & table["total_energy_mJ"].notna()]
    ranges = []
    for system, rows in shd.groupby("system", sort=False):
        low, high = rows["total_energy_mJ"].min(), rows["total_energy_mJ"].max()
        # A batch of many examples takes less energy for each.
        batches = [text for text in dict.fromkeys(rows["protocol"]) if text.startswith("batch")]
        ranges.append(f"{low:.3g} to {high:.3g} mJ on {' at '.join([system, *batches])}")
    other = table["flaws"].str.contains("other task").sum()
    return [
        f"Published, not measured here: an SHD example took {prose.listed(ranges)}.",
        f"{prose.count(int(other), 'row')} of other tasks stand for orientation only.",
    ]


def main(arguments):
    table, meanings = tabulate()
    exhibit.write(arguments, table, [*findings(table), "Flaws:", *meanings])


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__, figure=False).parse_args())
