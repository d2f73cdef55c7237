"""Export a trained network to NIR, for norse, snntorch, spikingjelly and others."""

from pathlib import Path

from spikespeech import command, network, nir


def main(arguments):
    """Write the graph."""
    net, weights = network.load(arguments.weights)
    nir.export(net, weights, arguments.nir, dt=arguments.dt)


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("weights", type=Path, help="weights.h5")
    parser.add_argument(
        "--dt",
        type=float,
        help="time step (s) that the constants are written for, by default the network's; "
        "snntorch reads 1e-4 alone, with the same dynamics a step",
    )
    parser.add_argument("--nir", type=Path, required=True, help="NIR file to write")
    command.run(main, parser.parse_args())
