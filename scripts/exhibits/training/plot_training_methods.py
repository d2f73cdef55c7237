"""Training methods side by side: accuracy on test speakers, hidden spikes and CPU time.

Each result is that of one method and all its seeds, `<method>.json`. Methods that see spikes in
time and those that see counts stand apart: no difference is taken between the two.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullFormatter

from spikespeech import command, statistics
from spikespeech.forms import COUNT, SHARE, Number
from spikespeech.methods.registry import TRAINING_METHODS
from spikespeech.reading import read_json
from spikespeech.report import exhibit, plots, prose

RESULT = {"status": str, "reason": str}
RUN = {"seed": COUNT, "accuracy": SHARE, "examples": COUNT, "hidden_spikes": (None, Number(0))}
RUN |= {"train_accuracy": (None, SHARE)}
RUN |= {"cpu_s": Number(0), "wall_s": Number(0), "failed": str}
TRAINED = RESULT | {"chosen": dict, "edges": [str], "runs": [RUN]}
COLUMNS = [
    *("method", "sees", "status", "reason", "seeds", "failed", "examples"),
    *("accuracy", "low", "high", "train_accuracy"),
    *("unseen", "against", "difference", "difference_low", "difference_high", "hidden_spikes"),
    *("cpu_s", "wall_s", "chosen", "edges", "library", "network"),
]


def tabulate(results):
    """Return one row a method, in the order of `TRAINING_METHODS`.

    Parameters
    ----------
    results : {method: result}, as the methods' scripts write them

    Accuracies, spikes and times are means over seeds, of which some may have `failed`;
    `train_accuracy` is that of the last epoch's presentations, while learning. `difference` is the
    accuracy less that of the first method of those that see the same, `against`, seed by
    seed; intervals are at 95 %.
    """
    rows, first = [], {}
    for name, method in TRAINING_METHODS.items():
        if name not in results:
            continue
        result = results[name]
        row = {key: result[key] for key in ("status", "reason")}
        row |= {"method": name, "sees": method.sees}
        if row["status"] != "trained":
            rows.append(row | {"seeds": 0})
            continue
        runs = pd.DataFrame(result["runs"]).set_index("seed")
        interval = statistics.mean_accuracy(runs["accuracy"], runs["examples"].iloc[0])
        row |= dict(zip(("accuracy", "low", "high"), interval, strict=True))
        means = ["unseen", "train_accuracy", "hidden_spikes", "cpu_s", "wall_s"]
        row |= runs.reindex(columns=means).astype(float).mean().to_dict()
        row |= runs[["examples", "library", "network"]].iloc[0].to_dict()
        row |= {"seeds": len(runs), "failed": int((runs["failed"] != "").sum())}
        row["edges"] = prose.listed(result["edges"])
        chosen = result["chosen"].items()
        row["chosen"] = prose.listed(f"{key.replace('_', ' ')} {value:g}" for key, value in chosen)
        if method.sees not in first:
            first[method.sees] = name, runs["accuracy"]
        elif set(first[method.sees][1].index) == set(runs.index):
            row["against"], other = first[method.sees]
            gap = statistics.paired_difference(runs["accuracy"], other[runs.index])
            names = ("difference", "difference_low", "difference_high")
            row |= dict(zip(names, gap[:3], strict=True))
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"examples": "Int64", "failed": "Int64"})
    return table.round({"cpu_s": 3, "wall_s": 3, "hidden_spikes": 1})


@plots.style()
def draw(table):
    """Return the figure: one row a method, in groups by what it sees; those not run say so."""
    figure, axes = plots.subplots(1, 3, height=1.1 + 0.44 * len(table), sharey=True)
    # A row is left free between the groups.
    group = (table["sees"] != table["sees"].shift()).cumsum() - 1
    places = -(np.arange(len(table)) + group.to_numpy() * 0.9)
    ran = (table["status"] == "trained").to_numpy()
    own = table[ran]
    axes[0].errorbar(
        100 * own["accuracy"],
        places[ran],
        xerr=100 * np.clip([own["accuracy"] - own["low"], own["high"] - own["accuracy"]], 0, None),
        **{"linestyle": "none", "marker": "o", "color": plots.BLUE},
        **{"elinewidth": 1.1, "capsize": 2.5},
    )
    axes[0].set(xlim=(0, 100), xlabel="Accuracy (%)")
    for axis, column, title in (
        (axes[1], "hidden_spikes", "Hidden spikes\nan example"),
        (axes[2], "cpu_s", "CPU time of a\ntraining (s)"),
    ):
        values = own[column].to_numpy(float)
        axis.plot(values, places[ran], linestyle="none", marker="o", color=plots.BLUE)
        axis.set(xscale="log", xlabel=title)
        drawn = values[values > 0]
        if len(drawn):
            low, high = drawn.min() / 2, drawn.max() * 2
            axis.set_xlim(low, high)
            # Matplotlib labels every digit of less than two decades, one over another.
            axis.xaxis.set_major_locator(LogLocator(subs=(1,) if high > 100 * low else (1, 3)))
            axis.xaxis.set(major_formatter="{x:g}", minor_formatter=NullFormatter())
        _note(axis, places[ran][~(values > 0)], "none")
    for axis in axes:
        axis.grid(axis="y", visible=False)
        _note(axis, places[~ran], "not run")
    for number, rows in table.groupby(group):
        top = places[rows.index[0]]
        axes[0].annotate(
            f"sees {rows['sees'].iloc[0]}",
            (0.02, top + 0.5),
            xycoords=("axes fraction", "data"),
            **{"va": "bottom", "fontsize": 7, "color": plots.FAINT},
        )
        if number:
            for axis in axes:
                axis.axhline(top + 0.95, color=plots.FAINT, linewidth=0.6)
    labels = [TRAINING_METHODS[name].label.replace(" with ", "\nwith ") for name in table["method"]]
    labels = [name.replace(" conv", "\nconv").replace(", no", ",\nno") for name in labels]
    axes[0].set(yticks=places, yticklabels=labels, ylim=(places[-1] - 0.6, 1.1))
    return figure


def _note(axis, places, text):
    """Write `text` in the middle of some rows."""
    for place in places:
        axis.annotate(
            text,
            (0.5, place),
            xycoords=("axes fraction", "data"),
            **{"ha": "center", "va": "center", "fontsize": 7.5, "color": plots.FAINT},
        )


def findings(table, settings):
    """Return sentences: each group's accuracies and differences, edges, and who did not run."""
    ran, missing = (table[table["status"] == status] for status in ("trained", "not run"))
    sentences = []
    if len(ran):
        n, seeds = ran["examples"].iloc[0], ran["seeds"].iloc[0]
        sentences.append(
            f"{settings['label']}, {prose.count(settings['epochs'], 'epoch')}, means of "
            f"{prose.count(seeds, 'seed')}, {prose.count(n, 'example')} of the test."
        )
    for sees, rows in ran.groupby("sees", sort=False):
        parts = [
            f"{TRAINING_METHODS[row.method].label} {100 * row.accuracy:.1f} %{_spikes(row)}"
            for row in rows.itertuples()
        ]
        sentences.append(f"Of those that see {sees}: {prose.listed(parts)}.")
        gaps = rows[rows["difference"].notna()]
        parts = [
            f"{TRAINING_METHODS[row.method].label} "
            + prose.points((row.difference, row.difference_low, row.difference_high))
            for row in gaps.itertuples()
        ]
        if parts:
            against = TRAINING_METHODS[gaps["against"].iloc[0]].label
            sentences.append(f"Against {against}, seed by seed: {prose.listed(parts)}.")
        learned = rows[rows["train_accuracy"].notna()]
        parts = [
            f"{TRAINING_METHODS[row.method].label} {100 * row.train_accuracy:.1f} %"
            for row in learned.itertuples()
        ]
        if parts:
            sentences.append(
                "Right in the last epoch of their own training, augmented as it is: "
                f"{prose.listed(parts)}. A method far from 100 % might learn "
                "more in more epochs."
            )
    if ran["sees"].nunique() > 1:
        sentences.append(
            "Counts of the whole word are another task than spikes as they come: between the two "
            "groups nothing is ranked."
        )
    if len(ran):
        sentences.append(
            f"Each method's setting is the best of {prose.count(settings['trials'], 'trial')} of "
            f"{prose.count(settings['trial_epochs'], 'epoch')} on validation speakers, by the mean "
            f"of {prose.count(settings['trial_seeds'], 'seed')}" + _edges(ran)
        )
    for row in ran[ran["failed"] > 0].itertuples():
        who = TRAINING_METHODS[row.method].label
        sentences.append(
            f"{row.failed} of {prose.count(row.seeds, 'training')} by {who} broke off: wrong "
            "throughout."
        )
    for reason, rows in missing.groupby("reason", sort=False):
        who = prose.listed(TRAINING_METHODS[name].label for name in rows["method"])
        sentences.append(f"Not run: {who} ({reason}).")
    return sentences


def _spikes(row):
    spikes = row.hidden_spikes
    return "" if np.isnan(spikes) else f" with {spikes:,.0f} hidden spikes an example"


def _edges(ran):
    """Return the end of a sentence: whose best setting lies at an edge of what was tried."""
    parts = [
        f"{TRAINING_METHODS[row.method].label} ({row.chosen})"
        for row in ran.itertuples()
        if row.edges
    ]
    if not parts:
        return ", none at an edge of what was tried."
    return f"; at an edge of what was tried is that of {prose.listed(parts)}."


def main(arguments):
    """Read the results, write the exhibit."""
    results = {}
    for path in arguments.results:
        result = read_json(path, keys=RESULT)
        if result["status"] == "trained":
            result = read_json(path, keys=TRAINED)
        results[path.stem] = result
    table = tabulate(results)
    said, figure = findings(table, arguments.settings), draw(table)
    exhibit.write(arguments, table.assign(label=arguments.settings["label"]), said, figure)


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="<method>.json")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: label, epochs, trials, trial_epochs, trial_seeds",
    )
    command.run(main, parser.parse_args())
