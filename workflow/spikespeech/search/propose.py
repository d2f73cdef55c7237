"""Proposals of trials: Bayesian and evolutionary optimisation, random and grid search.

`propose` keeps no state: the optimiser is rebuilt from the records of the earlier trials, so a
search can be interrupted after any trial and continued for any number of rounds. All proposers
of one optimiser seed share their first trials, the initial design. scikit-optimize models the
objective and finds the next trials (`surrogate`); a round is a batch, found by constant liar
(Ginsbourger et al. 2010). Or cmaes moves a distribution towards the better trials (`evolution`);
a round is a generation of its evolution strategy.
"""

import itertools
import warnings

import numpy as np

from spikespeech.errors import InputError
from spikespeech.search import space

INITIAL = "initial"
PROPOSERS = ("bayesian", "evolutionary", "random", "grid")
LEARNING = ("bayesian", "evolutionary")
"""The proposers that look at the earlier trials; the others are their controls."""
SURROGATES = ("GP", "RF", "ET")
"""Models of scikit-optimize: Gaussian process, random forest, extra trees. Its gradient-boosted
trees are no regressor to scikit-learn since 1.6."""
ACQUISITIONS = ("EI", "LCB", "PI")
"""Acquisition functions of scikit-optimize: expected improvement, lower confidence bound,
probability of improvement."""
DESIGNS = ("latin_hypercube", "sobol", "random")
"""Initial designs, see `initial_design`."""
GRID_LEVELS = 4
"""Levels of a numeric setting in a grid."""


def propose(proposer, dimensions, records, *, seed, round, trials, initial, surrogate, acquisition):
    """Return the points of one round, a list of `trials` dictionaries.

    Parameters
    ----------
    proposer : "initial", "bayesian", "evolutionary", "random" or "grid"
    dimensions : the space, as `space.parse` returns it
    records : the earlier trials of the same chain, {"round", "trial", "point", "objective"} each,
        in any order; only `LEARNING` proposers look at them. The objective is maximised.
    seed : of the optimiser; chains of different seeds are independent
    round : from 1, those of the initial design included; a round's draws depend on nothing but
        `seed`, `round` and `records`
    trials : number of trials a round
    initial : {"trials", "design"} of the initial design
    surrogate, acquisition : scikit-optimize's names, for "bayesian"
    """
    here = slice((round - 1) * trials, round * trials)
    if proposer == INITIAL:
        return initial_design(dimensions, seed=seed, **initial)[here]
    if proposer == "grid":
        return ([None] * initial["trials"] + grid(dimensions, seed))[here]
    if proposer == "random":
        draws = np.random.default_rng([seed, round]).random((trials, len(dimensions)))
        return [space.point(dimensions, row) for row in draws]
    if not records:
        raise InputError("there are no earlier trials", hint="propose the initial design first")
    records = sorted(records, key=lambda record: (record["round"], record["trial"]))
    # Imported where they are needed: scikit-optimize takes seconds, and only "bayesian" asks it.
    if proposer == "evolutionary":
        from spikespeech.search.evolution import next_generation

        return next_generation(
            dimensions,
            records,
            seed=seed,
            round=round,
            initial=initial["trials"],
            population=trials,
        )
    from spikespeech.search.bayesian import ask, fit

    optimiser = fit(
        dimensions, records, [seed, round], surrogate=surrogate, acquisition=acquisition
    )
    return ask(optimiser, dimensions, trials)


def initial_design(dimensions, *, trials, design, seed):
    """Return the `trials` points every proposer starts from: latin_hypercube, sobol or random."""
    rng = np.random.default_rng([seed, 0])
    if design == "random":
        positions = rng.random((trials, len(dimensions)))
    else:
        # Imported where it is needed, as it takes a second.
        from scipy.stats import qmc

        sampler = {"latin_hypercube": qmc.LatinHypercube, "sobol": qmc.Sobol}[design]
        with warnings.catch_warnings():
            # Sobol's balance asks for a power of two; any other number is still well spread.
            warnings.simplefilter("ignore", UserWarning)
            positions = sampler(len(dimensions), rng=rng).random(trials)
    return [space.point(dimensions, row) for row in positions]


def grid(dimensions, seed):
    """Return all points of the grid of `GRID_LEVELS` levels a setting, in an order of the seed's.

    The order is random, so that any first part of the grid is a fair sample of it.
    """
    levels = [dimension.levels(GRID_LEVELS) for dimension in dimensions]
    points = list(itertools.product(*levels))
    order = np.random.default_rng([seed, 0]).permutation(len(points))
    keys = [dimension.key for dimension in dimensions]
    return [dict(zip(keys, points[i], strict=True)) for i in order]
