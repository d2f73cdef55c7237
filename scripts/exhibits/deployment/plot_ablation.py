"""What each part of a deployment does to accuracy, one cause at a time."""

import numpy as np
import pandas as pd

from spikespeech import command, statistics
from spikespeech.forms import SHARE, Number
from spikespeech.report import exhibit, plots, prose

COLUMNS = {"variant": None, "arithmetic": None, "difference": Number(-1, 1), "agreement": SHARE}
COLOURS = {"float": plots.BLUE, "integer": plots.ORANGE}
MARKERS = {"float": "o", "integer": "s"}
FAR = 0.2  # lost: the axis ends before it, or all the others would stand at 0


def summarise(table):
    """Return means over networks: difference from float with its interval, and agreement."""
    rows = []
    axes = ["label", "variant", "arithmetic"]
    for key, group in table[table["variant"] != "float"].groupby(axes, sort=False):
        mean = statistics.mean(group["difference"])
        rows.append(
            {
                **dict(zip(axes, key, strict=True)),
                **mean._asdict(),
                "agreement": group["agreement"].mean(),
                "n": len(group),
            }
        )
    return pd.DataFrame(rows)


@plots.style()
def draw(summary):
    """Return the figure: a row for each variant, the difference from float in points."""
    panels = list(summary.groupby("label", sort=False))
    rows = max(len(part) for _, part in panels)
    figure, grid = plots.subplots(
        len(panels), height=0.8 + (0.3 + 0.24 * rows) * len(panels), squeeze=False
    )
    handles = {}
    for axes, (label, part) in zip(grid[:, 0], panels, strict=True):
        axes.axvline(0, color=plots.INK, linewidth=0.8)
        near = part[part["estimate"] > -FAR]
        edge = 115 * np.nanmin([*near["low"], *near["estimate"], -0.01])
        for place, row in enumerate(part.itertuples()):
            far = row.estimate <= -FAR and len(near) > 0
            sides = np.nan_to_num([row.estimate - row.low, row.high - row.estimate]) * (not far)
            drawn = axes.errorbar(
                edge if far else 100 * row.estimate,
                place,
                xerr=100 * sides[:, None],
                color=COLOURS[row.arithmetic],
                marker="<" if far else MARKERS[row.arithmetic],
                linestyle="none",
                elinewidth=1.1,
                capsize=2,
            )
            if far:
                lost = f"−{-100 * row.estimate:.0f}"
                axes.annotate(lost, (edge, place), (6, -3), textcoords="offset points")
            else:
                handles[f"{row.arithmetic} arithmetic"] = drawn
        axes.set_yticks(range(len(part)), part["variant"])
        axes.set(title=label, ylim=(len(part) - 0.4, -0.6))
    grid[-1, 0].set_xlabel("Minus float (percentage points)")
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=2)
    return figure


def findings(summary):
    """Return the largest loss, and the variants whose interval excludes 0."""
    sentences = []
    for label, rows in summary.groupby("label", sort=False):
        worst = rows.loc[rows["estimate"].idxmin()]
        n = prose.count(int(rows["n"].max()), "network")
        sentences.append(
            f"On {label}, over {n}, the variant that loses most is “{worst['variant']}” "
            f"({prose.points(worst[['estimate', 'low', 'high']].to_list())})."
            if worst["estimate"] < 0
            else f"On {label}, over {n}, no variant loses accuracy on average."
        )
        clear = rows[(rows["low"] > 0) | (rows["high"] < 0)]
        named = prose.listed(f"“{name}”" for name in clear["variant"])
        sentences.append(
            f"The 95 % interval, uncorrected for their number, leaves out zero for {named}."
            if len(clear)
            else "No 95 % interval leaves out zero."
        )
    return sentences


def main(arguments):
    table = exhibit.join(arguments.results, arguments.labels, columns=COLUMNS)
    summary = summarise(table)
    exhibit.write(arguments, table, findings(summary), draw(summary))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--results", nargs="+", required=True, help="ablation.csv of each")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
