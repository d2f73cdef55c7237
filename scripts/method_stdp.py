"""An STDP read-out baseline on the common task: a layer that learns unlabelled, then a read-out.

A winner-take-all layer with spike-timing-dependent plasticity sees the training spikes; a logistic
regression then learns the labels from its spike counts in bins of time. See `spikespeech.stdp`.
"""

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from spikespeech import command, files, methods
from spikespeech.meter import Meter
from spikespeech.stdp import Layer

PENALTY = 0.01
"""Inverse strength of the read-out's L2 penalty, on counts of unit variance."""


def main(arguments):
    """Train, score and write the result; compilation is not counted."""
    settings = arguments.settings
    train, validation = methods.sides(arguments)
    layer = Layer.random(train.n_units, settings["hidden"], settings["seed"], **settings["neuron"])
    layer.copy().learn(train, [0])
    rng = np.random.default_rng(settings["seed"])
    readout = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=500))
    with threadpool_limits(1), Meter() as meter:
        for _ in range(settings["epochs"]):
            layer.learn(train, rng.permutation(len(train)))
        readout.fit(layer.respond(train, settings["bins"]), train.labels)
    predictions = readout.predict(layer.respond(validation, settings["bins"]))
    library = f"NumPy, Numba, scikit-learn {sklearn.__version__}"
    network = f"{settings['hidden']} LIF, winner-take-all"
    files.write_json(
        arguments.out, methods.trained(predictions, validation, meter, library, network)
    )


if __name__ == "__main__":
    command.run(main, methods.parser(__doc__).parse_args())
