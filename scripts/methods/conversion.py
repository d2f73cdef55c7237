"""ANN-to-SNN conversion on the common task: scikit-learn trains, integrate-and-fire neurons run.

A network with one rectified layer learns the spike counts in bins of time; what is scored is the
spiking network made of its weights. See `spikespeech.methods.conversion`.
"""

import warnings

import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from spikespeech import command
from spikespeech.meter import Meter
from spikespeech.methods import conversion, task


def learn(features, labels, settings):
    """Return a multilayer perceptron after its epochs; it stops for no other reason."""
    perceptron = MLPClassifier(
        (settings["hidden"],),
        batch_size=min(settings["batch_size"], len(labels)),
        learning_rate_init=settings["learning_rate"],
        max_iter=settings["epochs"],
        n_iter_no_change=settings["epochs"],
        tol=0,
        random_state=settings["seed"],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return perceptron.fit(features, labels)


def fit(train, scored, settings):
    """Train, convert and score; the accuracy before conversion stands in the result, too."""
    with threadpool_limits(1), Meter() as meter:
        seen = conversion.counts(train, settings["bins"])
        unit = seen.max()
        perceptron = learn(seen / unit, train.labels, settings)
        parts = perceptron.coefs_, perceptron.intercepts_
        scale = conversion.scales(seen / unit, *parts)
    features = conversion.counts(scored, settings["bins"]) / unit
    _, outputs = conversion.spiking(features, *parts, scale, settings["steps"])
    predictions = perceptron.classes_[outputs.argmax(axis=1)]
    network = f"{settings['hidden']} IF, {settings['steps']} steps"
    library = f"scikit-learn {sklearn.__version__}"
    result = task.trained(predictions, scored, meter, library, network)
    before = float(perceptron.score(features, scored.labels))
    return result | {"accuracy_before_conversion": before}


def main(arguments):
    task.run(arguments, fit)


if __name__ == "__main__":
    command.run(main, task.parser(__doc__).parse_args())
