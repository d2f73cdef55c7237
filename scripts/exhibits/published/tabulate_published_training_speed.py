"""How long an epoch takes, as published: frameworks, networks and machines side by side."""

from spikespeech import command
from spikespeech.report import exhibit, prose, published


def tabulate():
    """Return (one row a published time, with that of a presentation; what its flaws mean)."""
    table, meanings = published.named(published.table("training_speed"))
    each = 1e3 * table["seconds_an_epoch"] / table["presentations"]
    place = table.columns.get_loc("seconds_an_epoch") + 1
    table.insert(place, "ms_a_presentation", each.round(2))
    whole = dict.fromkeys(("steps", "batch", "presentations"), "Int64")
    return table.assign(dataset=table["dataset"].str.upper()).astype(whole), meanings


def findings(table):
    """Return the range for the network that is trained here, and which rows cannot be compared."""
    plain = table[table["network"].str.fullmatch(r"\d+ recurrent") & (table["steps"] == 1000)]
    sentences = []
    for network, rows in plain.groupby("network", sort=False):
        low, high = rows["ms_a_presentation"].min(), rows["ms_a_presentation"].max()
        if len(rows) > 1:
            sentences.append(f"{low:.1f} to {high:.1f} ms with {network} neurons")
    invalid = table["flaws"].str.contains("chance accuracy").sum()
    return [
        f"Published, not measured here: a presentation of {plain['steps'].iloc[0]} steps took "
        f"{prose.listed(sentences)} on GPUs.",
        f"{prose.count(int(invalid), 'row')} did not learn; networks, steps and batches of the "
        "others differ, so that most rows compare with none but their own source's.",
    ]


def main(arguments):
    table, meanings = tabulate()
    exhibit.write(arguments, table, [*findings(table), "Flaws:", *meanings])


if __name__ == "__main__":
    command.run(main, exhibit.parser(__doc__, figure=False).parse_args())
