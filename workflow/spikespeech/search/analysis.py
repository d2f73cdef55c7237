"""What the trials of a search say: incumbents, regret, and whether a proposer beats its control.

Trials are tables with one row a trial and the columns search, proposer, seed, order (from 1
within a chain; the shared initial design counts in every chain), objective (maximised) and
cpu_seconds. A chain is one proposer with one optimiser seed.
"""

import numpy as np
import pandas as pd

from spikespeech import command, statistics
from spikespeech.forms import COUNT, Number
from spikespeech.reading import read_csv
from spikespeech.report import exhibit

CHAIN = ["search", "proposer", "seed"]


TRIALS = dict.fromkeys((*CHAIN, "initial", "status"))
TRIALS |= dict.fromkeys(("seed", "order", "round", "trial"), COUNT)
TRIALS |= {"objective": Number(), "cpu_seconds": Number(0)}
TRIALS |= dict.fromkeys(("accuracy", "spikes", "parameters"), Number(gaps=True))


def parser(description):
    """Return a parser of a figure of trials: that of `exhibit`, --trials and --settings."""
    arguments = exhibit.parser(description)
    arguments.add_argument(
        "--trials", nargs="+", required=True, help="tables of the chains' trials"
    )
    arguments.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON by search: label, and its space or `initial` (number of trials)",
    )
    return arguments


def read(paths):
    """Return the trials of chains' tables, as `scripts/search/best.py` writes them.

    Settings stay the text of their cells (`space.cell`), empty where a search has other ones.
    """
    trials = pd.concat(
        [read_csv(path, columns=TRIALS, dtype=str, keep_default_na=False) for path in paths],
        ignore_index=True,
    )
    settings = trials.columns.difference(list(TRIALS))
    return trials.assign(**{column: trials[column].fillna("") for column in settings})


def distinct(trials):
    """Return each trial once: those that chains share, with the proposer "initial"."""
    shared = trials["initial"] == "True"
    trials = trials.assign(proposer=trials["proposer"].mask(shared, "initial"))
    return trials.drop_duplicates(["search", "proposer", "seed", "order"], ignore_index=True)


def records(trials, dimensions):
    """Return the trials of one search as records, {"point", "objective"} each."""
    return [
        {
            "point": {d.key: d.read(row[d.key]) for d in dimensions},
            "objective": row["objective"],
        }
        for row in trials.to_dict("records")
    ]


def incumbents(trials):
    """Return `trials` in order of their chain, with the columns incumbent and cpu_total.

    incumbent is the best objective so far and cpu_total the CPU seconds spent so far, proposals
    included, both within the chain.
    """
    trials = trials.sort_values([*CHAIN, "order"], ignore_index=True)
    chains = trials.groupby(CHAIN, sort=False)
    return trials.assign(
        incumbent=chains["objective"].cummax(), cpu_total=chains["cpu_seconds"].cumsum()
    )


def curves(trials, confidence=0.95):
    """Return the incumbent's mean over optimiser seeds, one row a search, proposer and order.

    Columns: search, proposer, order, seeds, incumbent, low, high (Student's t over seeds, within
    0..1 where the objective is an accuracy),
    regret (simple regret of that mean), cpu_total (mean).
    """
    searches = trials.groupby("search")
    best = searches["objective"].max()
    bounded = {search: is_accuracy(own) for search, own in searches}
    rows = []
    for (search, proposer, order), group in incumbents(trials).groupby(
        ["search", "proposer", "order"]
    ):
        interval = _mean(group["incumbent"], bounded[search], confidence)
        rows.append(
            {
                "search": search,
                "proposer": proposer,
                "order": order,
                "seeds": len(group),
                "incumbent": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "regret": best[search] - interval.estimate,
                "cpu_total": group["cpu_total"].mean(),
            }
        )
    return pd.DataFrame(rows)


def is_accuracy(trials):
    """Return whether a search's objective is an accuracy, and no cost was taken from it."""
    failed = trials["accuracy"].isna()
    return bool((failed | (trials["objective"] == trials["accuracy"])).all())


def _mean(values, bounded, confidence=0.95):
    """Return the Interval of the mean of objectives, within 0..1 where they are accuracies."""
    mean = statistics.mean_accuracy if bounded else statistics.mean
    return mean(values, confidence=confidence)


def trials_to_reach(trials, levels):
    """Return the first order at which each chain's incumbent reaches `levels[seed]`.

    A Series by seed for the chains of one proposer; NaN where a chain never does.
    """
    reached = incumbents(trials)
    reached = reached[reached["incumbent"] >= reached["seed"].map(levels)]
    return reached.groupby("seed")["order"].min().reindex(levels.index)


def rank_test(differences):
    """Return the two-sided p-value of Wilcoxon's signed-rank test, exact whatever the ties.

    `differences` (n,) are pairs' differences, one an optimiser seed: chains of one seed share
    their initial design. With n pairs no p-value is below 2 / 2^n (`smallest_p`).
    """
    # Rounded, as accuracies that differ alike must tie.
    differences = np.round(np.asarray(differences, dtype=np.float64), 12)
    if len(differences) == 1 or not differences.any():
        return 1.0
    from scipy import stats  # takes a second, and few need it

    exact = stats.PermutationMethod(n_resamples=9999, rng=np.random.default_rng(0))
    return float(stats.wilcoxon(differences, zero_method="zsplit", method=exact).pvalue)


def smallest_p(n):
    """Return the smallest two-sided p-value that a signed-rank test of n pairs can have."""
    return 2.0 ** (1 - n)


def compare(trials, control="random"):
    """Return one row for each proposer of each search, set against `control` on equal trials.

    The budget is the number of trials that all chains of a search have. A control that went on
    for longer has a second row, with its whole budget.

    Columns: search, proposer, trials, seeds, incumbent, low, high (mean over seeds), regret
    (against the best objective that any chain of the search found), cpu_seconds (mean of a
    chain); and against the control of the same seed with equal trials: difference,
    difference_low, difference_high (paired t), p_rank, smallest_p, reached (seeds whose incumbent
    reached the control's best), trials_to_reach (median over those seeds). NaN for the control
    itself, except trials_to_reach, and for all where the control did not run.
    """
    rows = []
    for search, own in trials.groupby("search", sort=False):
        lengths = own.groupby(CHAIN)["order"].max()
        budget = lengths.min()
        known, bounded = own["objective"].max(), is_accuracy(own)
        equal = own[own["order"] <= budget]
        final = equal.groupby(["proposer", "seed"])["objective"].max()
        levels = final[control] if control in final.index else None
        for proposer in own["proposer"].drop_duplicates():
            chains = equal[equal["proposer"] == proposer]
            row = _row(search, proposer, chains, known, bounded)
            if levels is not None:
                reached = trials_to_reach(chains, levels)
                row["reached"] = int(reached.notna().sum())
                row["trials_to_reach"] = reached.median()
                if proposer != control:
                    row |= _against(final[proposer], levels)
            rows.append(row)
            if proposer == control and lengths[search, proposer].max() > budget:
                more = own[own["proposer"] == proposer]
                rows.append(_row(search, proposer, more, known, bounded))
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    "search",
    "proposer",
    "trials",
    "seeds",
    "incumbent",
    "low",
    "high",
    "regret",
    "cpu_seconds",
    "difference",
    "difference_low",
    "difference_high",
    "p_rank",
    "smallest_p",
    "reached",
    "trials_to_reach",
]


def _row(search, proposer, chains, known, bounded):
    final = chains.groupby("seed")["objective"].max()
    interval = _mean(final, bounded)
    return {
        "search": search,
        "proposer": proposer,
        "trials": int(chains["order"].max()),
        "seeds": len(final),
        "incumbent": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "regret": known - interval.estimate,
        "cpu_seconds": chains.groupby("seed")["cpu_seconds"].sum().mean(),
    }


def _against(own, control):
    own = own.reindex(control.index)
    difference = statistics.paired_difference(own, control)
    return {
        "difference": difference.estimate,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "p_rank": rank_test(own - control),
        "smallest_p": smallest_p(len(own)),
    }
