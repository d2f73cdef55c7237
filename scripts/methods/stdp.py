"""An STDP read-out baseline on the common task: a layer that learns unlabelled, then a read-out.

A winner-take-all layer with spike-timing-dependent plasticity sees the training spikes; a logistic
regression then learns the labels from its spike counts in bins of time. See
`spikespeech.methods.stdp`.
"""

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from spikespeech import command
from spikespeech.meter import Meter
from spikespeech.methods import task
from spikespeech.methods.stdp import Layer


def fit(train, scored, settings):
    """Train and score; compilation is not counted.

    `settings["penalty"]` is the inverse strength of the read-out's L2 penalty, on counts of unit
    variance.
    """
    layer = Layer.random(train.n_units, settings["hidden"], settings["seed"], **settings["neuron"])
    layer.copy().learn(train, [0])
    rng = np.random.default_rng(settings["seed"])
    read = LogisticRegression(C=settings["penalty"], max_iter=500)
    readout = make_pipeline(StandardScaler(), read)
    with threadpool_limits(1), Meter() as meter:
        for _ in range(settings["epochs"]):
            layer.learn(train, rng.permutation(len(train)))
        readout.fit(layer.respond(train, settings["bins"]), train.labels)
    predictions = readout.predict(layer.respond(scored, settings["bins"]))
    library = f"NumPy, Numba, scikit-learn {sklearn.__version__}"
    network = f"{settings['hidden']} LIF, winner-take-all"
    return task.trained(predictions, scored, meter, library, network)


def main(arguments):
    task.run(arguments, fit)


if __name__ == "__main__":
    command.run(main, task.parser(__doc__).parse_args())
