"""Methods in which a linear read-out alone learns the labels, from the counts of a layer."""

from typing import NamedTuple

import numpy as np
import sklearn
from threadpoolctl import threadpool_limits

from spikespeech import configuration
from spikespeech.meter import Meter
from spikespeech.methods import readout, task

PENALTY = "inverse_penalty"
"""The setting of the read-out, of which the layer knows nothing."""


class Response(NamedTuple):
    """What a layer makes of the examples.

    Attributes
    ----------
    train, scored : (n, n_features) counts of the examples that the read-out learns, is scored on
    spikes : the layer's an example, of the scored ones; None where it is the inputs
    meter : Meter of all that made `train`
    library, network : text, see `task.trained`
    """

    train: np.ndarray
    scored: np.ndarray
    spikes: float | None
    meter: Meter
    library: str
    network: str


def fitting(respond):
    """Return a `fit` for `task.run` of what makes a layer and returns its Response.

    `respond` is called with (train, scored, settings) without the read-out's penalty: once for all
    penalties, as the layer and its counts are the same.
    """
    known = {}

    def fit(train, scored, settings):
        own = {key: settings[key] for key in settings if key != PENALTY}
        key = id(scored), configuration.text(own)
        if key not in known:
            known[key] = respond(train, scored, own)
        response = known[key]
        with threadpool_limits(1), Meter() as meter:
            classifier = readout.fit(response.train, train.labels, settings[PENALTY])
        meter.cpu_s += response.meter.cpu_s
        meter.wall_s += response.meter.wall_s
        return task.trained(
            classifier.predict(response.scored),
            response.spikes,
            meter,
            f"{response.library}scikit-learn {sklearn.__version__}",
            response.network,
        )

    return fit
