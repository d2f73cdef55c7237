"""Evaluate a NetX file in integers on the test side, beside the float network's predictions."""

from pathlib import Path

from spikespeech import command, files
from spikespeech.data.events import read_events
from spikespeech.deployment import evaluation, examples, inputs
from spikespeech.errors import InputError
from spikespeech.forms import COUNT, Number
from spikespeech.loihi import netx_file
from spikespeech.network import axes
from spikespeech.reading import read_csv, read_json

CONVERSION = {"bits": COUNT, "lsb": [Number(0)], "scale": str, "settings": dict}


def main(arguments):
    """Write, for each input convention, accuracy and its paired difference to float."""
    conversion = read_json(arguments.report, keys=CONVERSION)
    own = axes.of_record(conversion, arguments.report)
    spikes, rows, loss, windows = examples.test_side(
        arguments.test, arguments.split, conversion["settings"]
    )
    reference = predictions(arguments.predictions, rows, own)
    layers = netx_file.read(arguments.netx)
    if len(conversion["lsb"]) != len(layers):
        raise InputError(
            f"is of {len(conversion['lsb'])} layers, the network of {len(layers)}",
            file=arguments.report,
            hint=axes.HINT,
        )
    results = []
    with read_events(arguments.events, n_units=spikes.n_units) as events:
        inputs.check_same(events, rows)
        for name in arguments.inputs:
            binned = inputs.bin_events(
                events, rows.example.to_numpy(), name, n_steps=spikes.n_steps, dt_ms=spikes.dt_ms
            )
            outcome = evaluation.evaluate(
                layers,
                binned,
                loss,
                windows,
                output_lsb=conversion["lsb"][-1],
                threads=arguments.threads,
            )
            result = {
                "input": name,
                **evaluation.compare(rows.label.to_numpy(), reference, outcome.predictions),
                "late_spikes": int(outcome.late_spikes.sum()),
                "hidden_spikes": float(outcome.hidden_spikes.mean()),
                "output_spikes": int(outcome.output_spikes.sum()),
                "wrapped_examples": int(outcome.wrapped.any(axis=1).sum()),
                "saturated_hidden": int(outcome.saturated[:, :-1].any(axis=1).sum()),
                "saturated_output": int(outcome.saturated[:, -1:].any(axis=1).sum()),
                "largest_count": int(outcome.largest_count.max()),
            }
            results.append(result)
            points = 100 * result["difference"]
            print(f"{name}: {result['accuracy']:.1%}, {points:+.2f} points from float")
    float_accuracy = float((reference == rows.label.to_numpy()).mean())
    files.write_json(
        arguments.out,
        {
            "network": own,
            "n": len(rows),
            "float_accuracy": float_accuracy,
            "bits": conversion["bits"],
            "scale": conversion["scale"],
            "inputs": results,
        },
    )


def predictions(path, rows, network):
    """Return the float network's predictions of the examples `rows`, (n,), from its table.

    Raises InputError where they are of other examples or of another network.
    """
    table = read_csv(path, columns={"example": COUNT, "prediction": COUNT})
    if len(table) != len(rows) or (table["example"].to_numpy() != rows["example"]).any():
        raise InputError("is not of the examples of the test side", file=path, hint=axes.HINT)
    if axes.of_table(table, path) != network:
        raise InputError("is of another network than the conversion", file=path, hint=axes.HINT)
    return table["prediction"].to_numpy()


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("netx", type=Path, help="NetX file")
    parser.add_argument("--report", type=Path, required=True, help="conversion.json beside it")
    parser.add_argument("--test", type=Path, required=True, help="binned test spikes")
    parser.add_argument("--events", type=Path, required=True, help="the same part in SHD's layout")
    parser.add_argument("--split", type=Path, required=True, help="who tests (CSV)")
    parser.add_argument("--predictions", type=Path, required=True, help="the float network's")
    parser.add_argument(
        "--inputs",
        nargs="+",
        choices=list(inputs.INPUTS),
        default=["binary", "graded"],
        help="; ".join(f"{name}: {text}" for name, text in inputs.INPUTS.items()),
    )
    parser.add_argument("--threads", type=int, default=1, help="results are the same for any")
    parser.add_argument("--out", type=Path, required=True, help="fixed_point.json to write")
    command.run(main, parser.parse_args())
