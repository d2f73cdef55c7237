"""A network of the engine on the common task: by EventProp, or with the backend `eprop` by e-prop.

The weights are those of the best epoch by training accuracy.
"""

from dataclasses import replace

import numpy as np

from spikespeech import command
from spikespeech.backends import native
from spikespeech.meter import Meter
from spikespeech.methods import task
from spikespeech.training import loop
from spikespeech.training.settings import Settings


def fit(train, scored, settings):
    """Train and score; compilation of the kernels is not counted."""
    settings = Settings.parse(settings)
    nobody = scored.take([])
    loop.train(train.take([0]), nobody, replace(settings, epochs=1))
    with Meter() as meter:
        result = loop.train(train, nobody, settings)
    backend = native.Backend(result.network, result.weights, settings.make_loss(scored))
    predictions = np.argmax(backend.evaluate(scored).readouts, axis=1)
    network = f"{settings.hidden} LIF{', recurrent' * settings.recurrent}"
    return task.trained(predictions, scored, meter, "this project", network)


def main(arguments):
    task.run(arguments, fit)


if __name__ == "__main__":
    command.run(main, task.parser(__doc__).parse_args())
