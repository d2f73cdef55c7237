"""An untrained layer on the common task: the study's network as it begins, with a read-out.

It is the control of the methods that train a hidden layer: here a logistic regression alone learns,
from the layer's spike counts in bins of time.
"""

from spikespeech import command, eventprop
from spikespeech.meter import Meter
from spikespeech.methods import layers, readout, task
from spikespeech.training import loop
from spikespeech.training.settings import Settings


def respond(train, scored, settings):
    """Return the layers.Response of the layer as it begins.

    `settings["input_weight"]` is the mean of the initial input weights.
    """
    own = {key: settings[key] for key in settings if key not in ("input_weight", "bins")}
    _, deviation = own["initial_weights"]["input_hidden"]
    initial = own["initial_weights"] | {"input_hidden": [settings["input_weight"], deviation]}
    # No weight of the layer learns: what says how has values that change nothing.
    rule = own["regularisation"] | {"lambda_upper": 0, "lambda_lower": 0}
    inert = {"learning_rate": 1.0, "regularisation": rule}
    parsed = Settings.parse(own | inert | {"initial_weights": initial})
    network, backend = loop.start(train, parsed)

    def answer(given):
        shown = eventprop.simulate(network, backend.weights, given, ("hidden_spikes",))
        spikes = shown.hidden_spikes
        return readout.counts(spikes, settings["bins"], 1), len(spikes.steps) / len(given)

    with Meter() as meter:
        counts, _ = answer(train)
    answers, spikes = answer(scored)
    text = f"{parsed.hidden} {parsed.neuron.model}{', recurrent' * parsed.recurrent}, untrained"
    return layers.Response(counts, answers, spikes, meter, "this project, ", text)


def main(arguments):
    task.run(arguments, layers.fitting(respond))


if __name__ == "__main__":
    command.run(main, task.parser(__doc__).parse_args())
