"""scikit-optimize's model of the objective: fitted to records, asked for trials, read out.

The objective is maximised; scikit-optimize minimises, so it is told the negative.
"""

import contextlib
import warnings

import numpy as np
from skopt import Optimizer
from skopt.space import Categorical, Integer, Real
from threadpoolctl import threadpool_limits

from spikespeech.search import space

CANDIDATES = 256
"""Points among which one that was not tried is looked for."""


def fit(dimensions, records, seed, *, surrogate="GP", acquisition="EI"):
    """Return a scikit-optimize Optimizer that was told all `records`, at least one.

    Parameters
    ----------
    dimensions : the space, as `space.parse` returns it
    records : {"point": ..., "objective": float} each; their order matters to the last digit
    seed : anything that numpy.random.default_rng takes
    surrogate, acquisition : scikit-optimize's names
    """
    optimiser = Optimizer(
        [_dimension(d) for d in dimensions],
        base_estimator=surrogate,
        n_initial_points=0,
        acq_func=acquisition,
        random_state=int(np.random.default_rng(seed).integers(2**31)),
    )
    with _reproducibly():
        optimiser.tell(
            [_encode(dimensions, record["point"]) for record in records],
            [-float(record["objective"]) for record in records],
        )
    return optimiser


def ask(optimiser, dimensions, n):
    """Return the next `n` points of a fitted optimiser, as a batch (constant liar).

    The lie is the mean: the best value, scikit-optimize's own choice, lets a batch crowd around
    the incumbent or, from a poor first model, at the bounds. In a small space it may ask for what
    was tried: a point that was not, of the best that the model expects, takes its place.
    """
    with _reproducibly():
        points = [_decode(dimensions, x) for x in optimiser.ask(n_points=n, strategy="cl_mean")]
        tried = [_decode(dimensions, x) for x in optimiser.Xi]
        fresh = None
        for i, point in enumerate(points):
            if point in tried:
                fresh = _by_expectation(optimiser) if fresh is None else fresh
                others = (_decode(dimensions, x) for x in fresh)
                points[i] = next((p for p in others if p not in [*tried, *points]), point)
            tried.append(points[i])
    return points


def _by_expectation(optimiser):
    """Return random points of the space, those first whose objective the model expects best."""
    drawn = optimiser.space.rvs(CANDIDATES, random_state=optimiser.rng)
    expected = optimiser.models[-1].predict(optimiser.space.transform(drawn))
    return [drawn[i] for i in np.argsort(expected, kind="stable")]


def dependence(optimiser, dimensions, fixed, samples):
    """Return the objective's mean and standard error over `samples`, with some settings fixed.

    Parameters
    ----------
    optimiser : as `fit` returns it, with surrogate "GP"
    fixed : {key: value}, the settings whose influence is asked for
    samples : points over which the other settings are averaged (partial dependence, Friedman
        2001)

    The standard error is that of the average under the Gaussian process' posterior, without the
    noise of a single trial.
    """
    rows = [_encode(dimensions, {**sample, **fixed}) for sample in samples]
    with _reproducibly():
        mean, covariance = optimiser.models[-1].predict(
            optimiser.space.transform(rows), return_cov=True
        )
    return -float(mean.mean()), float(np.sqrt(max(covariance.mean(), 0)))


def _encode(dimensions, point):
    """Return a point as scikit-optimize takes it: categories by their index."""
    return [
        d.values.index(point[d.key]) if isinstance(d, space.Categorical) else point[d.key]
        for d in dimensions
    ]


def _decode(dimensions, x):
    """Return a point from scikit-optimize's list of numpy scalars."""
    point = {}
    for d, value in zip(dimensions, x, strict=True):
        if isinstance(d, space.Categorical):
            point[d.key] = d.values[int(value)]
        elif isinstance(d, space.Integer):
            point[d.key] = int(value)
        else:
            point[d.key] = d.rounded(float(value))
    return point


def _dimension(d):
    if isinstance(d, space.Categorical):
        return Categorical(list(range(len(d.values))), name=d.key)
    kind = Integer if isinstance(d, space.Integer) else Real
    return kind(d.low, d.high, prior="log-uniform" if d.log else "uniform", name=d.key)


@contextlib.contextmanager
def _reproducibly():
    """One BLAS thread, as the number of threads changes the last digits of a fit; no warnings.

    scikit-optimize warns when it replaces a proposal that was tried before, and scikit-learn
    when a length scale of the kernel ends at its bound: neither is the user's to fix.
    """
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
