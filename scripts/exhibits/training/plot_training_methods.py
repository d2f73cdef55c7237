"""Training methods side by side: accuracy on test speakers, CPU time and memory.

Each result is that of one method and seed, `<method>/seed-<seed>.json`.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullFormatter

from spikespeech import command, statistics
from spikespeech.methods.registry import TRAINING_METHODS
from spikespeech.reading import read_json
from spikespeech.report import exhibit, plots, prose

COLUMNS = [
    *("method", "status", "reason", "seeds", "examples", "accuracy", "low", "high"),
    *("cpu_s", "wall_s", "peak_mb", "growth_mb", "chosen", "library", "network"),
]


def tabulate(results):
    """Return one row a method, in the order of `TRAINING_METHODS`.

    Parameters
    ----------
    results : {method: [result of each seed]}, as the methods' scripts write them

    Accuracies are means over seeds with a 95 % interval, times are means, memory is the largest.
    A method counts as not run if any of its seeds did not run.
    """
    rows = []
    for name in (name for name in TRAINING_METHODS if name in results):
        runs = pd.DataFrame(results[name])
        missing = runs[runs["status"] != "trained"]
        row = {"method": name, "status": "trained", "reason": "", "seeds": len(runs)}
        if len(missing):
            row |= {"status": "not run", "reason": missing["reason"].iloc[0], "seeds": 0}
        else:
            interval = statistics.mean(runs["accuracy"])
            row |= dict(zip(("accuracy", "low", "high"), interval, strict=True))
            row |= runs[["cpu_s", "wall_s"]].mean().to_dict()
            row |= runs[["peak_mb", "growth_mb"]].max().to_dict()
            row |= runs[["examples", "library", "network"]].iloc[0].to_dict()
            chosen = runs["chosen"].iloc[0]
            row["chosen"] = prose.listed(f"{key} {value:g}" for key, value in chosen.items())
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"examples": "Int64"})
    return table.round({"cpu_s": 3, "wall_s": 3, "peak_mb": 1, "growth_mb": 1})


@plots.style()
def draw(table):
    """Return the figure: one row a method; those not run say so."""
    measures = (
        ("accuracy", "Accuracy (%)", 100),
        ("cpu_s", "CPU time (s)", 1),
        ("growth_mb", "Memory (MB)", 1),
    )
    figure, axes = plots.subplots(1, 3, height=0.9 + 0.42 * len(table), sharey=True)
    places = np.arange(len(table))[::-1]
    ran = (table["status"] == "trained").to_numpy()
    for axis, (column, title, unit) in zip(axes, measures, strict=True):
        values = unit * table[column].to_numpy(float)
        axis.grid(axis="y", visible=False)
        axis.set(xlabel=title)
        if column == "accuracy":
            axis.errorbar(
                values[ran],
                places[ran],
                xerr=np.clip(
                    np.nan_to_num(
                        [
                            values[ran] - 100 * table["low"][ran],
                            100 * table["high"][ran] - values[ran],
                        ]
                    ),
                    0,
                    None,
                ),
                linestyle="none",
                marker="o",
                color=plots.BLUE,
                elinewidth=1.1,
                capsize=2.5,
            )
            axis.set_xlim(0, 100)
        else:
            axis.plot(values[ran], places[ran], linestyle="none", marker="o", color=plots.BLUE)
            axis.set_xscale("log")
            if ran.any():
                low, high = min(values[ran]) / 2, max(values[ran]) * 2
                axis.set_xlim(low, high)
                # Matplotlib labels every digit of less than two decades, one over another.
                axis.xaxis.set_major_locator(LogLocator(subs=(1,) if high > 100 * low else (1, 3)))
                axis.xaxis.set(major_formatter="{x:g}", minor_formatter=NullFormatter())
        for place in places[~ran]:
            axis.annotate(
                "not run",
                (0.5, place),
                xycoords=("axes fraction", "data"),
                ha="center",
                va="center",
                fontsize=7.5,
                color=plots.FAINT,
            )
    labels = [
        TRAINING_METHODS[name].label.replace(" with ", "\nwith ").replace(" conv", "\nconv")
        for name in table["method"]
    ]
    axes[0].set(yticks=places, yticklabels=labels, ylim=(-0.6, len(table) - 0.4))
    return figure


def findings(table, settings):
    """Return sentences: the accuracies and times of those that ran, and who did not."""
    ran, missing = (table[table["status"] == status] for status in ("trained", "not run"))
    sentences = []
    if len(ran):
        parts = [
            f"{TRAINING_METHODS[row.method].label} {100 * row.accuracy:.1f} % "
            f"in {row.cpu_s:.3g} CPU s"
            for row in ran.sort_values("accuracy", ascending=False).itertuples()
        ]
        n, seeds = ran["examples"].iloc[0], ran["seeds"].iloc[0]
        sentences.append(
            f"{settings['label']}, {prose.count(settings['epochs'], 'epoch')}, means of "
            f"{prose.count(seeds, 'seed')}, {prose.count(n, 'example')} of the test: "
            f"{prose.listed(parts)}. Each method's setting is the best of "
            f"{prose.count(settings['trials'], 'trial')} on validation speakers."
        )
    for reason, rows in missing.groupby("reason", sort=False):
        who = prose.listed(TRAINING_METHODS[name].label for name in rows["method"])
        sentences.append(f"Not run: {who} ({reason}).")
    return sentences


def main(arguments):
    """Read the results, write the exhibit."""
    results = {}
    for path in arguments.results:
        result = read_json(path, keys=["status", "reason"])
        results.setdefault(path.parent.name, []).append(result)
    table = tabulate(results)
    exhibit.write(arguments, table, findings(table, arguments.settings), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="<method>/seed-<seed>.json")
    parser.add_argument(
        "--settings", type=command.json_argument, required=True, help="JSON: label, epochs, trials"
    )
    command.run(main, parser.parse_args())
