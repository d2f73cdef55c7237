"""Accuracy against the word length of the weights: two scales, and training on the grid.

The control of the latter is the float network trained on as long without a grid.
"""

import pandas as pd

from spikespeech import command, statistics
from spikespeech.forms import COUNT, Number
from spikespeech.report import exhibit, plots, prose
from spikespeech.training.quantised import FLOAT

NETWORK = ["label", "dataset", "fold", "loss", "hidden", "topology", "seed"]
COLUMNS = {"bits": COUNT, "scale": None, "difference": Number(-1, 1)}

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
    """Return the mean difference from float over networks, with its interval.

    Rows: label, scale, bits, estimate, low, high, n. The scale "control" is the float network
    trained on without a grid, with 32 bits, "beyond_control" what training on the grid of `bits`
    differs from it, paired by network.
    """
    rows = []
    tried = table[table["scale"] != "float"]
    control = (tried["scale"] == "trained") & (tried["bits"] == FLOAT)
    tried = tried.assign(scale=tried["scale"].mask(control, "control"))
    own = [column for column in NETWORK if column in tried]
    paired = tried[tried["scale"] == "trained"].merge(tried[control], on=own, suffixes=("", "_"))
    beyond = paired.assign(
        scale="beyond_control", difference=paired["difference"] - paired["difference_"]
    )
    axes = ["label", "scale", "bits"]
    for key, group in pd.concat([tried, beyond]).groupby(axes, sort=False):
        mean = statistics.mean(group["difference"])
        rows.append({**dict(zip(axes, key, strict=True)), **mean._asdict(), "n": len(group)})
    return pd.DataFrame(rows)


@plots.style()
def draw(summary):
    """Return the figure: a panel for each data set, difference from float against bits."""
    panels = list(summary.groupby("label", sort=False))
    figure, grid = plots.subplots(len(panels), height=0.9 + 2.2 * len(panels), squeeze=False)
    lengths = sorted(set(summary["bits"]) - {FLOAT}, reverse=True)
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
        for row in rows[rows["scale"] == "control"].itertuples():
            plots.band(
                axes,
                [-0.3, len(lengths) - 0.7],
                [100 * row.estimate] * 2,
                100 * row.low,
                100 * row.high,
                label="float, trained on as long",
                color=plots.GREY,
                linestyle=":",
            )
        axes.set_xticks(range(len(lengths)), [str(bits) for bits in lengths])
        axes.set(title=label, ylabel="Minus float before\n(points)")
    grid[-1, 0].set_xlabel("Bits a weight")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=1)
    return figure


def findings(summary):
    """Return what 8 and 4 bits cost, by scale, and training on the grid beside its control."""
    sentences = []
    for label, rows in summary.groupby("label", sort=False):
        for bits in (8, 4):
            some = rows[rows["bits"] == bits]
            parts = [
                f"{prose.points((row.estimate, row.low, row.high))} {WORDS[row.scale]}"
                for row in some.itertuples()
                if row.scale in WORDS
            ]
            if parts:
                n = prose.count(int(some["n"].max()), "network")
                sentences.append(
                    f"On {label}, {bits} bits change accuracy by {prose.listed(parts)} ({n})."
                )
        for row in rows[rows["scale"] == "control"].itertuples():
            sentences.append(
                "Training on as long without a grid changes the float networks by "
                f"{prose.points((row.estimate, row.low, row.high))}."
            )
        for row in rows[rows["scale"] == "beyond_control"].itertuples():
            sentences.append(
                f"Training on at {row.bits} bits ends "
                f"{prose.points((row.estimate, row.low, row.high))} from float weights trained on "
                "as long."
            )
    return sentences


def main(arguments):
    table = exhibit.join(arguments.results, arguments.labels, columns=COLUMNS)
    summary = summarise(table)
    exhibit.write(arguments, table, findings(summary), draw(summary))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--results", nargs="+", required=True, help="word_lengths.csv of each")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
