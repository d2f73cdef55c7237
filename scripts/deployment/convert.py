"""Convert a trained network to NetX, for Lava and Loihi, and report what quantising did to it."""

from pathlib import Path

from spikespeech import command, files, network, netx
from spikespeech.deployment import examples
from spikespeech.loihi.quantise import DELAYS, LONG_DELAYS
from spikespeech.network import axes


def main(arguments):
    """Write the NetX file and the report of scales, clipping and rounding errors."""
    settings = arguments.settings
    net, weights = network.load(arguments.weights)
    calibration = examples.calibration(
        arguments.parts, arguments.split, settings["calibration_examples"]
    )
    quantised = netx.export(
        net,
        weights,
        arguments.netx,
        **examples.grid(arguments.weights, settings["bits"]),
        scale=settings["scale"],
        calibration=calibration,
        delays=arguments.delays,
        long_delays=settings["long_delays"],
    )
    own, training = axes.of_weights(arguments.weights)
    files.write_json(
        arguments.report,
        {
            "network": own,
            "settings": training,
            **quantised.report,
            "lsb": list(quantised.lsb),
        },
    )
    for layer in quantised.report["layers"]:
        worst = max(matrix["error"] for matrix in layer["matrices"])
        clipped = sum(matrix["clipped"] for matrix in layer["matrices"])
        print(f"{layer['name']}: LSB {layer['lsb']:.3g}, error {worst:.1%}, {clipped} clipped")
    if delays := quantised.report.get("input_delays"):
        print(f"inputs: delayed by up to {delays['longest']} steps; {delays['note']}")
        if calibration is not None:
            print(f"inputs: {delays['late_spikes']} of {delays['spikes']} spikes come too late")
    for entry in quantised.report["delays"]:
        print(
            f"{entry['name']}: delays up to {entry['longest']} steps, {entry['longest_kept']} on "
            f"the chip, {entry['clipped_fraction']:.1%} of its synapses' clipped"
        )
    if note := quantised.report.get("delays_note"):
        print(note)


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("weights", type=Path, help="weights.h5")
    parser.add_argument(
        "--parts", type=Path, nargs="+", required=True, help="binned spikes to calibrate with"
    )
    parser.add_argument("--split", type=Path, required=True, help="who validates (CSV)")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: bits, scale (percentile or error), calibration_examples, long_delays ("
        + "; ".join(f"{name}: {text}" for name, text in LONG_DELAYS.items())
        + ")",
    )
    parser.add_argument(
        "--delays",
        choices=list(DELAYS),
        default="host",
        help="; ".join(f"{name}: {text}" for name, text in DELAYS.items()),
    )
    parser.add_argument("--netx", type=Path, required=True, help="NetX file to write")
    parser.add_argument("--report", type=Path, required=True, help="JSON to write")
    command.run(main, parser.parse_args())
