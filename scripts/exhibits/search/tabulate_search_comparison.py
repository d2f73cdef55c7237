"""Set every proposer of a search against random search with as many trials."""

import math

from spikespeech import command
from spikespeech.report import exhibit, prose
from spikespeech.search import analysis

CONTROL = "random"


def findings(table):
    """Return the verdict on each proposer of each search."""
    sentences = []
    for search, rows in table.groupby("search", sort=False):
        compared = rows[rows["difference"].notna()]
        if compared.empty:
            sentences.append(f"{search}: no {CONTROL} search ran, so nothing says what it gained.")
        for row in compared.itertuples():
            control = rows[(rows["proposer"] == CONTROL) & (rows["trials"] == row.trials)].iloc[0]
            sentences += [verdict(search, row), speed(row, control)]
            longer = rows[(rows["proposer"] == CONTROL) & (rows["trials"] > row.trials)]
            sentences += [
                f"Random search reaches {prose.percent((more.incumbent, more.low, more.high))} "
                f"with {more.trials} trials."
                for more in longer.itertuples()
            ]
    return sentences


def verdict(search, row):
    """Return whether a proposer beat the control: its interval and its rank test must agree."""
    won = row.difference_low > 0 and row.p_rank < 0.05
    lost = row.difference_high < 0 and row.p_rank < 0.05
    word = "beats" if won else "loses to" if lost else "is not shown to beat"
    bounds = (row.difference, row.difference_low, row.difference_high)
    test = f"signed-rank test p = {row.p_rank:.2g}"
    if row.smallest_p > 0.05:
        test += (
            f", where {prose.count(row.seeds, 'pair')} cannot give less than {row.smallest_p:.2g}"
        )
    return (
        f"{search}: {row.proposer} search {word} {CONTROL} search after {row.trials} trials: "
        f"{prose.points(bounds)} in the best validation objective; {test}."
    )


def speed(row, control):
    """Return how many trials it took to reach the control's best, and what they cost."""
    if row.reached:
        reach = (
            f"It reached the control's best in {row.reached:.0f} of "
            f"{prose.count(row.seeds, 'chain')}, after a median of {row.trials_to_reach:g} trials "
            f"(the control itself: {control.trials_to_reach:g})"
        )
    else:
        reach = "In no chain did it reach the control's best"
    ratio = row.cpu_seconds / control.cpu_seconds if control.cpu_seconds else math.nan
    return (
        f"{reach}; simple regret {100 * row.regret:.1f} against {100 * control.regret:.1f} points, "
        f"and {row.cpu_seconds:,.0f} CPU seconds a chain, {ratio:.2f} times the control's."
    )


def main(arguments):
    table = analysis.compare(analysis.read(arguments.trials), CONTROL)
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__, figure=False)
    parser.add_argument("--trials", nargs="+", required=True, help="tables of the chains' trials")
    command.run(main, parser.parse_args())
