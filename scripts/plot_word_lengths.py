"""Accuracy against the word length of the weights: two scales, and training on the grid."""

import pandas as pd

from spikespeech import command, exhibit, plots, prose, statistics

SERIES = {
    "percentile": ("99th percentile, power of two (Shoesmith et al.)", plots.ORANGE, "--", "s"),
    "error": ("least squared error", plots.BLUE, "-", "o"),
    "trained": ("trained on at that word length", plots.GREEN, "-.", "D"),
}
WORDS = {
    "percentile": "with the paper's scale",
    "error": "with the least-error scale",
    "trained": "after training on the grid",
}


def summarise(table):
    """Return the mean difference from float over networks, with its interval."""
    rows = []
    axes = ["label", "scale", "bits"]
    for key, group in table[table["scale"] != "float"].groupby(axes, sort=False):
        mean = statistics.mean(group["difference"])
        rows.append({**dict(zip(axes, key, strict=True)), **mean._asdict(), "n": len(group)})
    return pd.DataFrame(rows)


@plots.style()
def draw(summary):
    """Return the figure: a panel for each data set, difference from float against bits."""
    panels = list(summary.groupby("label", sort=False))
    figure, grid = plots.subplots(len(panels), height=0.9 + 2.2 * len(panels), squeeze=False)
    lengths = sorted(set(summary["bits"]), reverse=True)
    for axes, (label, rows) in zip(grid[:, 0], panels, strict=True):
        axes.axhline(0, color=plots.INK, linewidth=0.8)
        for place, (scale, (text, colour, dash, marker)) in enumerate(SERIES.items()):
            part = rows[rows["scale"] == scale].sort_values("bits", ascending=False)
            if part.empty:
                continue
            x = [lengths.index(bits) + 0.06 * (place - 1) for bits in part["bits"]]
            plots.interval(
                axes,
                x,
                100 * part["estimate"],
                100 * part["low"],
                100 * part["high"],
                label=text,
                color=colour,
                linestyle=dash,
                marker=marker,
            )
        axes.set_xticks(range(len(lengths)), [str(bits) for bits in lengths])
        axes.set(title=label, ylabel="Fixed point minus\nfloat (points)")
    grid[-1, 0].set_xlabel("Bits a weight")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=1)
    return figure


def findings(summary):
    """Return what 8 and 4 bits cost, by scale."""
    sentences = []
    for label, rows in summary.groupby("label", sort=False):
        for bits in (8, 4):
            some = rows[rows["bits"] == bits]
            parts = [
                f"{prose.points((row.estimate, row.low, row.high))} {WORDS[row.scale]}"
                for row in some.itertuples()
            ]
            if parts:
                n = prose.count(int(some["n"].max()), "network")
                sentences.append(
                    f"On {label}, {bits} bits change accuracy by {prose.listed(parts)} ({n})."
                )
    return sentences


def main(arguments):
    table = exhibit.join(arguments.results, arguments.settings)
    summary = summarise(table)
    exhibit.write(arguments, table, findings(summary), draw(summary))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--results", nargs="+", required=True, help="word_lengths.csv of each")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: networks (axes of each file), labels of the data sets",
    )
    command.run(main, parser.parse_args())
