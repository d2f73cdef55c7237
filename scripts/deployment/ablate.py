"""Which part of a deployment costs accuracy: one cause at a time, on the test side.

Causes: 12-bit decays, clipping and rounding of the weights, delays of at most 62 steps (all in the
float engine), integer states (with all of these), the output threshold 2^16 of ml_genn_netx, the
input convention, and a run over all examples with Lava's resets. Where there are longer delays, the
integers are there with them and without.
"""

from pathlib import Path

import pandas as pd

from spikespeech import command, files, netx
from spikespeech.data.events import read_events
from spikespeech.deployment import causes, evaluation, examples, inputs
from spikespeech.loihi.netx_file import LARGEST_DELAY
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
    given = {"calibration": calibration, **examples.grid(arguments.weights, settings["bits"])}
    given |= {"scale": settings["scale"], "long_delays": settings["long_delays"]}
    quantised = netx.fit(net, weights, **given)
    for cause, changed in causes.float_variants(net, weights, quantised).items():
        note(cause, "float", in_float(*changed))

    def in_binary(layers):
        return in_integers(layers, inputs.binary(spikes))

    note("fixed point", "integer", in_binary(quantised.layers))
    other = "error" if settings["scale"] == "percentile" else "percentile"
    rescaled = netx.fit(
        net, weights, **given | {"bits": settings["bits"], "lsb": None, "scale": other}
    )
    note(f"fixed point, scale: {other}", "integer", in_binary(rescaled.layers))
    limited = causes.with_short_delays(net, weights)
    if limited is not None:
        note(f"delays up to {LARGEST_DELAY} steps", "float", in_float(net, limited))
        short = netx.fit(net, limited, **given)
        note(f"fixed point, delays up to {LARGEST_DELAY} steps", "integer", in_binary(short.layers))
    if any(entry["clipped_fraction"] for entry in quantised.report["delays"]):
        long = netx.fit(net, weights, **given | {"long_delays": None})
        note("fixed point, delays of any length", "integer", in_binary(long.layers))
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
