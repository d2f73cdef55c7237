"""ANN-to-SNN conversion on the common task: scikit-learn trains, integrate-and-fire neurons run.

A network with one rectified layer learns the spike counts in bins of time; what is scored is the
spiking network made of its weights. See `spikespeech.methods.conversion`. It learns augmented
presentations as the others do; the counts are taken without delays, which bins would blur.
"""

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from spikespeech import command
from spikespeech.meter import Meter
from spikespeech.methods import conversion, readout, task


def learn(train, unit, settings):
    """Return a multilayer perceptron after its epochs of presentations, counts over `unit`."""
    perceptron = MLPClassifier(
        (settings["hidden"],),
        learning_rate_init=settings["learning_rate"],
        alpha=settings["penalty"],
        random_state=settings["seed"],
        batch_size=min(settings["batch_size"], len(train)),
        shuffle=False,
    )
    shown, classes = task.presentations(train, settings), np.unique(train.labels)
    for epoch in range(1, settings["epochs"] + 1):
        # In the order of the epoch, of which scikit-learn makes the batches.
        (spikes,) = shown.batches(epoch, len(shown))
        features = readout.counts(spikes, settings["bins"], settings["bins"]) / unit
        perceptron.partial_fit(features, spikes.labels, classes=classes)
    return perceptron


def fit(train, scored, settings):
    """Train, convert and score; the accuracy before conversion stands in the result, too.

    `settings["penalty"]` is the strength of the L2 penalty of all weights.
    """
    settings = settings | {"delays": {"input": None}}
    bins = settings["bins"]
    with threadpool_limits(1), Meter() as meter:
        seen = readout.counts(train, bins, bins)
        unit = seen.max()
        perceptron = learn(train, unit, settings)
        parts = perceptron.coefs_, perceptron.intercepts_
        scale = conversion.scales(seen / unit, *parts)
    features = readout.counts(scored, bins, bins) / unit
    spikes, outputs = conversion.spiking(features, *parts, scale, settings["steps"])
    result = task.trained(
        perceptron.classes_[outputs.argmax(axis=1)],
        spikes.sum() / len(scored),
        meter,
        f"scikit-learn {sklearn.__version__}",
        f"{settings['hidden']} IF, {settings['steps']} steps",
    )
    before = float(perceptron.score(features, scored.labels))
    return result | {"accuracy_before_conversion": before}


def main(arguments):
    task.run(arguments, fit)


if __name__ == "__main__":
    command.run(main, task.parser(__doc__).parse_args())
