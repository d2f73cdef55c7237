"""Accuracy of a network against the word length of its weights, and of those trained for it."""

from pathlib import Path

import pandas as pd

from spikespeech import command, files, network, netx
from spikespeech.deployment import evaluation, examples, inputs
from spikespeech.errors import InputError
from spikespeech.loihi.quantise import SCALES
from spikespeech.network import axes
from spikespeech.training.quantised import FLOAT


def main(arguments):
    """Write one row for each word length and scale, beside the float network's accuracy."""
    settings = arguments.deployment
    own, net, weights, calibration, spikes, rows, loss, windows = examples.load(arguments)
    labels = rows.label.to_numpy()
    given = {"calibration": calibration, "long_delays": settings["long_delays"]}

    def fitted(parts, bits, scale):
        """Return the Quantised of a network; None where there is none, and say why."""
        try:
            return netx.fit(*parts, bits=bits, scale=scale, **given)
        except InputError as error:
            print(f"{bits} bits, scale {scale}: {error}")
            return None

    def evaluate(quantised):
        trains, threads = inputs.binary(spikes), arguments.threads
        return evaluation.evaluate(quantised.layers, trains, loss, windows, threads=threads)

    outcome = evaluation.float_outcome(net, weights, loss, spikes, arguments.threads)
    reference = outcome.readouts.argmax(axis=1)
    table = [
        {"bits": 32, "scale": "float", **evaluation.compare(labels, reference, reference)},
    ]
    for scale in SCALES:
        for bits in settings["word_lengths"]:
            if (quantised := fitted((net, weights), bits, scale)) is None:
                continue
            outcome = evaluate(quantised)
            matrices = [m for layer in quantised.report["layers"] for m in layer["matrices"]]
            table.append(
                {
                    "bits": bits,
                    "scale": scale,
                    **evaluation.compare(labels, reference, outcome.predictions),
                    "largest_error": max(m["error"] for m in matrices),
                    "clipped": sum(m["clipped"] for m in matrices),
                }
            )
    for path in arguments.trained:
        trained = network.load(path)
        bits = network.about(path)["quantised_training"]["bits"]
        if bits == FLOAT:
            outcome = evaluation.float_outcome(*trained, loss, spikes, arguments.threads)
            predictions = outcome.readouts.argmax(axis=1)
        else:
            # The weights lie on their grid already: the least-error scale finds it, unless no
            # neuron of a layer spikes any more.
            if (quantised := fitted(trained, bits, "error")) is None:
                continue
            predictions = evaluate(quantised).predictions
        result = evaluation.compare(labels, reference, predictions)
        table.append({"bits": bits, "scale": "trained", **result})
    files.write_csv(arguments.out, axes.mark(pd.DataFrame(table), own))


if __name__ == "__main__":
    parser = examples.parser(__doc__)
    parser.add_argument(
        "--trained", type=Path, nargs="*", default=[], help="weights that were trained on a grid"
    )
    command.run(main, parser.parse_args())
