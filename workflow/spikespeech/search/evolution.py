"""cmaes' evolution strategy: CMA-ES (Hansen 2016, arXiv:1604.00772) with margin, run over records.

A normal distribution moves through the unit cube of `space`: a round is one generation, drawn
from it, and the better half of a generation pulls its mean and shapes its covariance. The margin
(Hamano et al. 2022, arXiv:2205.13482) keeps a share of the draws on other values of a categorical
or integer setting, on one of which the strategy would else settle within a few generations. The
objective is maximised; cmaes minimises, so it is told the negative.
"""

import numpy as np
from cmaes import CMAwM
from threadpoolctl import threadpool_limits

from spikespeech.search import space

STEP = 0.2
"""First standard deviation, in the unit cube. Hansen takes 0.3 of the range from a mean drawn at
random; ours is the best of a design, and the optimum should be within three of them."""


def next_generation(dimensions, records, *, seed, round, initial, population):
    """Return the `population` points of one round, drawn after the generations in `records`.

    Parameters
    ----------
    dimensions : the space, as `space.parse` returns it
    records : {"round", "point", "objective"} each, in order: `initial` of the initial design, then
        whole generations
    seed : of the optimiser; a generation's draws are seeded by it and the round
    round : which is asked for
    initial : number of trials of the initial design. They are no sample of the distribution, which
        starts around the best of them.
    population : number of trials of a generation, at least 2
    """
    positions = space.positions(dimensions, [record["point"] for record in records])
    losses = [-record["objective"] for record in records]
    # Of two or three trials one is selected, which leaves the rank-mu update the rate 0; cmaes
    # divides by it to bound the negative weights, and infinity is the bound that it means.
    with np.errstate(divide="ignore"):
        optimiser = CMAwM(
            mean=positions[np.argmin(losses[:initial])],
            sigma=STEP,
            bounds=np.array([[d.position(d.value(end)) for end in (0, 1)] for d in dimensions]),
            steps=np.array([_step(d) for d in dimensions]),
            population_size=population,
        )
    # One BLAS thread, as the number of threads changes the last digits of a product.
    with threadpool_limits(limits=1):
        for first in range(initial, len(records), population):
            drawn = _draw(optimiser, dimensions, [seed, records[first]["round"]])
            # What moves the distribution is the draws before they were rounded to values of the
            # settings: drawn again, as the records hold the points alone. A point that another
            # machine's last digits made another is told where it lies.
            told = [
                (raw if point == records[i]["point"] else positions[i], losses[i])
                for i, (point, raw) in enumerate(drawn, start=first)
            ]
            optimiser.tell(told)
        return [point for point, _ in _draw(optimiser, dimensions, [seed, round])]


def _draw(optimiser, dimensions, seed):
    """Return a generation, (point, its draw in the unit cube before it was rounded) each."""
    optimiser.reseed_rng(int(np.random.default_rng(seed).integers(2**31)))
    drawn = [optimiser.ask() for _ in range(optimiser.population_size)]
    return [(space.point(dimensions, position), raw) for position, raw in drawn]


def _step(d):
    """Return how far a setting's values are apart in the unit interval; 0 where that varies."""
    if isinstance(d, space.Categorical):
        return 1 / d.size
    if isinstance(d, space.Integer) and not d.log:
        return 1 / (d.high + 1 - d.low)
    return 0.0
