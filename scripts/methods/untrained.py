"""An untrained layer on the common task: the study's network as it begins, with a read-out.

It is the control of the methods that train a hidden layer: here a logistic regression alone learns,
from the layer's spike counts in bins of time.
"""

import sklearn
from threadpoolctl import threadpool_limits

from spikespeech import command, eventprop
from spikespeech.meter import Meter
from spikespeech.methods import readout, task
from spikespeech.training import loop
from spikespeech.training.settings import Settings


def fit(train, scored, settings):
    """Train the read-out and score.

    `settings["input_weight"]` is the mean of the initial input weights; `inverse_penalty` that of
    `readout.fit`.
    """
    own = {
        key: settings[key]
        for key in settings
        if key not in ("input_weight", "inverse_penalty", "bins")
    }
    _, deviation = own["initial_weights"]["input_hidden"]
    initial = own["initial_weights"] | {"input_hidden": [settings["input_weight"], deviation]}
    # No weight of the layer learns: what says how has values that change nothing.
    rule = own["regularisation"] | {"lambda_upper": 0, "lambda_lower": 0}
    inert = {"learning_rate": 1.0, "regularisation": rule}
    parsed = Settings.parse(own | inert | {"initial_weights": initial})
    network, backend = loop.start(train, parsed)

    def respond(spikes):
        return eventprop.simulate(
            network, backend.weights, spikes, ("hidden_spikes",)
        ).hidden_spikes

    with threadpool_limits(1), Meter() as meter:
        counts = readout.counts(respond(train), settings["bins"], 1)
        classifier = readout.fit(counts, train.labels, settings["inverse_penalty"])
    spikes = respond(scored)
    predictions = classifier.predict(readout.counts(spikes, settings["bins"], 1))
    return task.trained(
        predictions,
        len(spikes.steps) / len(scored),
        meter,
        f"this project, scikit-learn {sklearn.__version__}",
        f"{parsed.hidden} LIF{', recurrent' * parsed.recurrent}, untrained",
    )


def main(arguments):
    task.run(arguments, fit)


if __name__ == "__main__":
    command.run(main, task.parser(__doc__).parse_args())
