"""Draw the test accuracy of what each search found beside that of its defaults."""

import pandas as pd

from spikespeech import command, statistics
from spikespeech.forms import COUNT, SHARE, Number
from spikespeech.reading import read_json
from spikespeech.report import exhibit, plots, prose

DEFAULTS = "defaults"
COLUMNS = {"accuracy": SHARE, "spikes": Number(0)}
COLUMNS |= dict.fromkeys(("seed", "correct", "examples", "best_epoch", "parameters"), COUNT)
RECORD = {
    **{"search": str, "candidate": str, **COLUMNS},
    "unseen": {"correct": COUNT, "examples": COUNT},
}


def tabulate(records, labels):
    """Return one row a training: its search, label, candidate, and what `trials.judge` found.

    `labels` are those of the searches' data sets.
    """
    return pd.DataFrame(
        [
            {
                "search": record["search"],
                "label": labels[record["search"]],
                "candidate": record["candidate"],
                **{column: record[column] for column in COLUMNS},
                "unseen_correct": record["unseen"]["correct"],
                "unseen_examples": record["unseen"]["examples"],
            }
            for record in records
        ]
    )


@plots.style()
def draw(table):
    """Return the figure: a panel for each search, with the seeds' accuracies of each candidate."""
    searches = list(table.groupby("search", sort=False))
    figure, grid = plots.subplots(len(searches), height=2.6 * len(searches), squeeze=False)
    for (axes,), (search, rows) in zip(grid, searches, strict=True):
        candidates = list(rows.groupby("candidate", sort=False)["accuracy"])
        n = rows["examples"].iloc[0]
        for x, (_, accuracies) in enumerate(candidates):
            mean = [100 * value for value in statistics.mean_accuracy(accuracies, n)]
            axes.plot([x + 0.12] * len(accuracies), 100 * accuracies, ".", color=plots.FAINT)
            plots.interval(axes, [x], *mean, fmt="o", color=plots.BLUE)
        axes.set_xticks(range(len(candidates)), [name for name, _ in candidates])
        axes.set(
            ylabel="Test accuracy (%)",
            ylim=(0, 104),
            title=f"{search}: {rows['label'].iloc[0]}",
            xlim=(-0.5, len(candidates) - 0.5),
        )
        axes.grid(False, axis="x")
    return figure


def findings(table):
    """Return each candidate's difference to the defaults, and the spread between seeds."""
    sentences = []
    for search, rows in table.groupby("search", sort=False):
        accuracies = {
            name: own["accuracy"].to_numpy() for name, own in rows.groupby("candidate", sort=False)
        }
        base, n = accuracies.pop(DEFAULTS), rows["examples"].iloc[0]
        sentences.append(
            f"{search}: on {n:,} test examples the defaults reach "
            f"{prose.percent(statistics.mean_accuracy(base, n))} over "
            f"{prose.count(len(base), 'fresh seed')}."
        )
        sentences += [gain(name, own, base, n) for name, own in accuracies.items()]
        if {"bayesian", "random"} <= set(accuracies):
            between = statistics.paired_difference(accuracies["bayesian"], accuracies["random"])
            sentences.append(f"Bayesian less random: {prose.points(between)}.")
        sums = rows.groupby("candidate", sort=False)[["unseen_correct", "unseen_examples"]].sum()
        if sums["unseen_examples"].all():
            shares = 100 * sums["unseen_correct"] / sums["unseen_examples"]
            each = prose.listed(f"{name} {share:.1f} %" for name, share in shares.items())
            sentences.append(f"Among them, on speakers who never trained: {each}.")
    return sentences


def gain(name, own, base, n):
    """Return what a proposer's best reaches, and whether that is more than the defaults reach."""
    difference = statistics.paired_difference(own, base)
    sentence = (
        f"What {name} search found reaches {prose.percent(statistics.mean_accuracy(own, n))}: "
        f"{prose.points(difference)} to the defaults"
    )
    if len(own) == 1:
        return f"{sentence}; one seed has no spread to compare it with."
    spread = max(values.std(ddof=1) for values in (own, base))
    verdict = ", a gain" if difference.low > 0 else ", a loss" if difference.high < 0 else ""
    return (
        f"{sentence}{verdict}; the standard deviation between seeds is {100 * spread:.1f} points."
    )


def main(arguments):
    records = [read_json(path, keys=RECORD) for path in arguments.records]
    table = tabulate(records, arguments.labels)
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--records", nargs="+", required=True, help="JSON files of confirm.py")
    parser.add_argument(
        "--labels",
        type=command.json_argument,
        required=True,
        help="JSON: search to the label of its data set",
    )
    command.run(main, parser.parse_args())
