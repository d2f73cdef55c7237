"""List the ten best trials of each search."""

import pandas as pd

from spikespeech import command
from spikespeech.report import exhibit, prose
from spikespeech.search import analysis

BEST = 10


def best(trials):
    """Return the `BEST` trials of each search."""
    order = trials.sort_values(["objective", "order"], ascending=[False, True], kind="stable")
    tables = [
        order[order["search"] == search].head(BEST) for search in trials["search"].drop_duplicates()
    ]
    ranked = pd.concat([table.assign(rank=range(1, len(table) + 1)) for table in tables])
    settings = list(ranked.columns[ranked.columns.get_loc("cpu_seconds") + 1 : -1])
    return ranked[
        ["search", "rank", "proposer", "seed", "order", "objective", "accuracy", *settings]
    ]


def findings(table, trials):
    """Return how close the best trials of each search are, and who proposed them."""
    sentences = []
    for search, rows in table.groupby("search", sort=False):
        own = trials[trials["search"] == search]
        bad = int((own["status"] != "ok").sum())
        whose = rows["proposer"].value_counts()
        low, high = 100 * rows["objective"].min(), 100 * rows["objective"].max()
        sentences.append(
            f"{search}: the {len(rows)} best trials lie between {low:.1f} and {high:.1f} %; "
            + prose.listed(f"{n} from {proposer}" for proposer, n in whose.items())
            + f". Of all {prose.count(len(own), 'trial')} {bad or 'none'} failed or fell silent."
        )
    return sentences


def main(arguments):
    trials = analysis.distinct(analysis.read(arguments.trials))
    table = best(trials)
    exhibit.write(arguments, table, findings(table, trials))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__, figure=False)
    parser.add_argument("--trials", nargs="+", required=True, help="tables of the chains' trials")
    command.run(main, parser.parse_args())
