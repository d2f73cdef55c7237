"""Draw the test accuracy of what each search found beside that of its defaults."""

import json
from pathlib import Path

import pandas as pd

from spikespeech import command, exhibit, plots, prose, statistics

DEFAULTS = "defaults"


def tabulate(records, settings):
    """Return one row a training: its search, label, candidate, and what `trials.judge` found."""
    columns = ["seed", "accuracy", "correct", "examples", "best_epoch", "spikes", "parameters"]
    return pd.DataFrame(
        [
            {**entry, **{column: record[column] for column in columns}}
            for entry, record in zip(settings, records, strict=True)
        ]
    )


@plots.style()
def draw(table):
    """Return the figure: for each search a row of seeds' accuracies for each candidate."""
    searches = list(table.groupby("search", sort=False))
    figure, grid = plots.subplots(1, len(searches), height=2.6, sharey=True, squeeze=False)
    for axes, (search, rows) in zip(grid[0], searches, strict=True):
        candidates = list(rows.groupby("candidate", sort=False)["accuracy"])
        for x, (_, accuracies) in enumerate(candidates):
            mean = [100 * value for value in statistics.mean(accuracies)]
            axes.plot([x + 0.12] * len(accuracies), 100 * accuracies, ".", color=plots.FAINT)
            plots.interval(axes, [x], *mean, fmt="o", color=plots.BLUE)
        axes.set_xticks(range(len(candidates)), [name for name, _ in candidates])
        axes.set(title=f"{search}: {rows['label'].iloc[0]}", xlim=(-0.5, len(candidates) - 0.5))
        axes.grid(False, axis="x")
    grid[0, 0].set_ylabel("Test accuracy (%)")
    return figure


def findings(table):
    """Return each candidate's gain over the defaults, against the spread between seeds."""
    sentences = []
    for search, rows in table.groupby("search", sort=False):
        accuracies = {name: own.to_numpy() for name, own in rows.groupby("candidate")["accuracy"]}
        base = accuracies[DEFAULTS]
        examples = rows["examples"].iloc[0]
        sentences.append(
            f"{search}: on {examples:,} test examples the defaults reach "
            f"{prose.percent(statistics.mean(base))} over {prose.count(len(base), 'fresh seed')}."
        )
        for name in rows["candidate"].drop_duplicates():
            if name == DEFAULTS:
                continue
            gain = statistics.paired_difference(accuracies[name], base)
            spread = max(own.std(ddof=1) if len(own) > 1 else 0 for own in (base, accuracies[name]))
            clear = gain.low > 0 and gain.estimate > spread
            sentences.append(
                f"What {name} search found reaches "
                f"{prose.percent(statistics.mean(accuracies[name]))}: a gain of "
                f"{prose.points(gain)}, "
                + ("beyond" if clear else "not clearly beyond")
                + f" the spread between seeds (standard deviation {100 * spread:.1f} points)."
            )
    return sentences


def main(arguments):
    records = [json.loads(Path(path).read_text(encoding="utf-8")) for path in arguments.records]
    table = tabulate(records, arguments.settings)
    exhibit.write(arguments, table, findings(table), draw(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__)
    parser.add_argument("--records", nargs="+", required=True, help="JSON files of confirm.py")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON list: search, label and candidate of each file",
    )
    command.run(main, parser.parse_args())
