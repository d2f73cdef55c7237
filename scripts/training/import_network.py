"""Import a network that another program trained: mlGeNN's checkpoint, NIR graph or NetX file.

It is read, checked against the data set that it belongs to, and written as `train.py` writes a
trained one, with what is known of where it comes from.
"""

from pathlib import Path

from spikespeech import command, network
from spikespeech.importing import source
from spikespeech.network import axes
from spikespeech.spikes import SpikeTrains, trains


def main(arguments):
    """Write the weights."""
    section = arguments.settings["network"]
    spikes = SpikeTrains.open(arguments.data)
    net, parameters, known = source.load(section, spikes)
    sizes = [population.n for population in net.hidden]
    about = {
        "dataset": section["dataset"],
        "fold": "main",
        "loss": section["loss"],
        "hidden": axes.hidden_label(sizes),
        "topology": "recurrent" if net.recurrent else "feedforward",
        # As a seed tells trained networks of one configuration apart, its name tells this one.
        "seed": arguments.name,
        "settings": {"loss": arguments.settings["loss"], "selection": "imported"},
        "imported": known,
        "data": trains.about(arguments.data),
    }
    network.save(arguments.weights, net, parameters, about=about)
    layers = " → ".join(str(population.n) for population in net.populations)
    print(f"{arguments.name}: {layers}, {about['topology']}, {net.n_weights} weights")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--name", required=True, help="of the network in the configuration")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: network, its section of networks.import; loss, its name and parameters",
    )
    parser.add_argument("--data", type=Path, required=True, help="binned spikes of its data set")
    parser.add_argument("--weights", type=Path, required=True, help="weights.h5 to write")
    command.run(main, parser.parse_args())
