"""EventProp on the common task: exact gradients by the native engine.

The weights are those of the best epoch by training accuracy.
"""

from dataclasses import replace

import numpy as np

from spikespeech import command, eventprop, files, methods, training
from spikespeech.meter import Meter
from spikespeech.settings import Settings


def main(arguments):
    """Train, score and write the result; compilation of the engine is not counted."""
    settings = Settings.parse(arguments.settings)
    train, validation = methods.sides(arguments)
    nobody = validation.take([])
    training.train(train.take([0]), nobody, replace(settings, epochs=1))
    with Meter() as meter:
        result = training.train(train, nobody, settings)
    backend = eventprop.Backend(result.network, result.weights, settings.make_loss(validation))
    predictions = np.argmax(backend.evaluate(validation).readouts, axis=1)
    network = f"{settings.hidden} LIF{', recurrent' * settings.recurrent}"
    files.write_json(
        arguments.out,
        methods.trained(predictions, validation, meter, "native engine", network),
    )


if __name__ == "__main__":
    command.run(main, methods.parser(__doc__).parse_args())
