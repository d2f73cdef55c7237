"""Which part of a deployment costs accuracy: one cause at a time, on the test side.

Causes: 12-bit decays, clipping and rounding of the weights (all in the float engine), integer
states (with all of these), the output threshold 2^16 of ml_genn_netx, the input convention, and a
run over all examples with Lava's resets.
"""

from pathlib import Path

import pandas as pd

from spikespeech import command, files, netx
from spikespeech.data.events import read_events
from spikespeech.deployment import causes, evaluation, examples, inputs
from spikespeech.network import axes


def main(arguments):
    """Write one row for each variant."""
    settings = arguments.deployment
    own, net, weights, calibration, spikes, rows, loss, windows = examples.load(arguments)
    labels = rows.label.to_numpy()

    def in_float(net, weights):
        outcome = evaluation.float_outcome(net, weights, loss, spikes, arguments.threads)
        return outcome.readouts.argmax(axis=1)

    def in_integers(layers, trains):
        return evaluation.evaluate(
            layers, trains, loss, windows, threads=arguments.threads
        ).predictions

    reference = in_float(net, weights)
    table = []

    def note(variant, arithmetic, predictions):
        result = evaluation.compare(labels, reference, predictions)
        table.append({"variant": variant, "arithmetic": arithmetic, **result})

    note("float", "float", reference)
    quantised = netx.fit(
        net,
        weights,
        **examples.grid(arguments.weights, settings["bits"]),
        scale=settings["scale"],
        calibration=calibration,
    )
    for cause, changed in causes.float_variants(net, weights, quantised).items():
        note(cause, "float", in_float(*changed))

    def in_binary(layers):
        return in_integers(layers, inputs.binary(spikes))

    note("fixed point", "integer", in_binary(quantised.layers))
    other = "error" if settings["scale"] == "percentile" else "percentile"
    rescaled = netx.fit(net, weights, bits=settings["bits"], scale=other, calibration=calibration)
    note(f"fixed point, scale: {other}", "integer", in_binary(rescaled.layers))
    if not net.spiking_output:
        firing = causes.with_output_threshold(quantised.layers)
        note("output threshold 2^16", "integer", in_binary(firing))
    with read_events(arguments.events, n_units=spikes.n_units) as events:
        inputs.check_same(events, rows)

        def binned(convention):
            return inputs.bin_events(
                events,
                rows.example.to_numpy(),
                convention,
                n_steps=spikes.n_steps,
                dt_ms=spikes.dt_ms,
            )

        for name in ("counts", "aligned", "graded"):
            note(f"input: {name}", "integer", in_integers(quantised.layers, binned(name)))
        if loss.kind == "window" and loss.shared:
            carried = evaluation.back_to_back(quantised.layers, binned("graded"), loss, windows)
            note("input: graded, back to back", "integer", carried)
    files.write_csv(arguments.out, axes.mark(pd.DataFrame(table), own))


if __name__ == "__main__":
    parser = examples.parser(__doc__)
    parser.add_argument("--events", type=Path, required=True, help="the same part in SHD's layout")
    command.run(main, parser.parse_args())
