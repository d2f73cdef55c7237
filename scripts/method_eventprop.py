"""A network of the engine on the common task: by EventProp, or with the backend `eprop` by e-prop.

The weights are those of the best epoch by training accuracy.
"""

from dataclasses import replace

import numpy as np

from spikespeech import command, eventprop, methods, training
from spikespeech.meter import Meter
from spikespeech.settings import Settings


def fit(train, scored, settings):
    """Train and score; compilation of the kernels is not counted."""
    settings = Settings.parse(settings)
    nobody = scored.take([])
    training.train(train.take([0]), nobody, replace(settings, epochs=1))
    with Meter() as meter:
        result = training.train(train, nobody, settings)
    backend = eventprop.Backend(result.network, result.weights, settings.make_loss(scored))
    predictions = np.argmax(backend.evaluate(scored).readouts, axis=1)
    network = f"{settings.hidden} LIF{', recurrent' * settings.recurrent}"
    return methods.trained(predictions, scored, meter, "this project", network)


def main(arguments):
    methods.run(arguments, fit)


if __name__ == "__main__":
    command.run(main, methods.parser(__doc__).parse_args())
