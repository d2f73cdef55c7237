"""STDP with a read-out on the common task: a layer that learns unlabelled, then a read-out.

A winner-take-all layer with spike-timing-dependent plasticity sees the training spikes; a logistic
regression then learns the labels from its spike counts in bins of time. See
`spikespeech.methods.stdp`.
"""

import functools

import sklearn
from threadpoolctl import threadpool_limits

from spikespeech import command, configuration
from spikespeech.meter import Meter
from spikespeech.methods import readout, task
from spikespeech.methods.stdp import StdpLayer


def fit(train, scored, settings, layers):
    """Train and score; compilation is not counted.

    `settings["inverse_penalty"]` is that of `readout.fit`. `layers` keeps the layers that have
    learned, as the read-out has no part in them, with the Meter of their learning.
    """
    own = {key: settings[key] for key in settings if key != "inverse_penalty"}
    key = configuration.text(own)
    if key not in layers:
        layers[key] = learn(train, own)
    layer, seen, learning = layers[key]
    with threadpool_limits(1), Meter() as meter:
        classifier = readout.fit(seen, train.labels, settings["inverse_penalty"])
    meter.cpu_s, meter.wall_s = meter.cpu_s + learning.cpu_s, meter.wall_s + learning.wall_s
    counts = layer.respond(task.delayed(scored, settings), settings["bins"])
    library = f"this project, scikit-learn {sklearn.__version__}"
    network = f"{settings['hidden']} LIF, winner-take-all"
    spikes = counts.sum() / len(scored)
    return task.trained(classifier.predict(counts), spikes, meter, library, network)


def learn(train, settings):
    """Return (StdpLayer, its response to the training examples, Meter of both)."""
    layer = StdpLayer.random(
        train.n_units, settings["hidden"], settings["seed"], **settings["neuron"]
    )
    layer.copy().learn(train, [0])
    shown = task.presentations(train, settings)
    with Meter() as meter:
        for epoch in range(1, settings["epochs"] + 1):
            for batch in shown.batches(epoch, settings["batch_size"]):
                layer.learn(batch, range(len(batch)))
        seen = layer.respond(task.delayed(train, settings), settings["bins"])
    return layer, seen, meter


def main(arguments):
    task.run(arguments, functools.partial(fit, layers={}))


if __name__ == "__main__":
    command.run(main, task.parser(__doc__).parse_args())
