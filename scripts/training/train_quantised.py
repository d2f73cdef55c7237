"""Train a trained network on with weights of a few bits, so that it loses less on Loihi.

With 32 bits it is trained on without a grid: the control.
"""

import sys
from pathlib import Path

from spikespeech import command, files, network
from spikespeech.network import Parameters, axes, constants
from spikespeech.spikes import splits
from spikespeech.training import quantised
from spikespeech.training.settings import Settings


def main(arguments):
    """Write the weights on their grid, and the history of accuracies with them."""
    net, weights = constants.settled(*network.load(arguments.weights))
    rows = splits.read(arguments.split)
    own, given = axes.of_weights(arguments.weights)
    settings = Settings.parse(given)
    sides = ["train"], ["validation"]
    if settings.finetune:
        # The network has been trained on the validation speakers, who cannot choose any more.
        sides = ["train", "validation"], []
    result = quantised.train(
        net,
        Parameters(weights),
        *(splits.gather(arguments.parts, rows, *names) for names in sides),
        settings,
        **arguments.quantised_training,
        progress=show,
        threads=arguments.threads,
    )
    about = {**network.about(arguments.weights), "quantised_training": arguments.quantised_training}
    network.save(arguments.out, net, result.weights, about=about)
    files.write_csv(arguments.history, axes.mark(result.history, own))


def show(row):
    """Print one epoch."""
    print(
        f"epoch {row['epoch']}: train {row['train_accuracy']:.1%}, "
        f"validation {row['validation_accuracy']:.1%}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("weights", type=Path, help="weights.h5 of the trained network")
    parser.add_argument("--parts", type=Path, nargs="+", required=True, help="binned spikes")
    parser.add_argument("--split", type=Path, required=True, help="who trains, validates (CSV)")
    parser.add_argument(
        "--quantised-training",
        type=command.json_argument,
        required=True,
        help="JSON: bits, epochs, learning_rate, scale",
    )
    parser.add_argument("--threads", type=int, default=1, help="results are the same for any")
    parser.add_argument("--out", type=Path, required=True, help="weights.h5 to write")
    parser.add_argument("--history", type=Path, required=True, help="history.csv to write")
    command.run(main, parser.parse_args())
