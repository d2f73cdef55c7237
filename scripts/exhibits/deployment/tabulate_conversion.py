"""What quantising did to each network's weights, and what its files weigh."""

from pathlib import Path

import numpy as np
import pandas as pd

from spikespeech import command
from spikespeech.forms import COUNT, SHARE, Number
from spikespeech.loihi.netx_file import LARGEST_DELAY
from spikespeech.report import exhibit, prose

ERRORS = {"clipped": COUNT, "clipped_fraction": SHARE}
ERRORS |= dict.fromkeys(("largest_cut", "clipping_error", "rounding_error", "error"), Number(0))
DELAYS = {"longest": COUNT, "longest_kept": COUNT, "clipped_fraction": SHARE}
REPORT = {
    **{"bits": COUNT, "scale": str, "output_lsb_doubled": COUNT},
    "delays": [{"name": str, **DELAYS}],
    "layers": [{"lsb": Number(0), "threshold": COUNT, "matrices": [{"name": str, **ERRORS}]}],
}


def rows(axes, report, label):
    """Return one row for each weight matrix of a network."""
    delays = {entry["name"]: entry for entry in report["delays"]}
    for layer in report["layers"]:
        for matrix in layer["matrices"]:
            yield {
                **axes,
                "label": label,
                "bits": report["bits"],
                "scale": report["scale"],
                "matrix": matrix["name"],
                "lsb": layer["lsb"],
                "threshold": layer["threshold"],
                "output_lsb_doubled": report["output_lsb_doubled"],
                **{key: matrix[key] for key in ERRORS},
                **delays_of(delays.get(matrix["name"])),
            }


def size(path):
    """Return the bytes of a file; NaN where there is none, as of graphs that NIR cannot hold."""
    return path.stat().st_size if path.exists() else np.nan


def delays_of(entry):
    """Return the columns of what the chip delays of a matrix, of which others have none."""
    return {f"delays_{key}": entry[key] for key in DELAYS} if entry else {}


def findings(table, reports, sizes):
    """Return the range of errors, the size of the files, and how many outputs needed room.

    `reports` are the networks' conversion.json, `sizes` the bytes of their NetX files.
    """
    worst = table.loc[table["error"].idxmax()]
    doubled = sum(report["output_lsb_doubled"] > 0 for report in reports)
    same = table[table["matrix"] == worst["matrix"]]
    clipped = 100 * same["clipped_fraction"]
    sentences = [
        f"At {table['bits'].iloc[0]} bits the weights' root-mean-square errors are "
        f"{100 * table['error'].min():.1f} to {100 * worst['error']:.1f} % of the weights "
        f"themselves; most in {worst['matrix']}, of which {clipped.min():.2f} to "
        f"{clipped.max():.2f} % are clipped, by a factor of {same['largest_cut'].max():.1f} at "
        "most.",
        f"{prose.count(len(sizes), 'NetX file')} of {_span(sizes)} bytes read back as written; "
        f"calibration made the output's LSB coarser in {doubled or 'none'}.",
    ]
    delays = [report["input_delays"] for report in reports if "input_delays" in report]
    host = [entry["longest"] for entry in delays if entry["by"] == "host"]
    if host:
        sentences.append(
            f"Input delays, of up to {_span(host)} steps, are left to the host, which sends each "
            f"spike so much later: the {LARGEST_DELAY} steps of the chip's synapses do not bear on "
            "them."
        )
    if "delays_longest" in table:
        delayed = table[table["delays_longest"].notna()]
        sentences.append(
            f"The chip delays the spikes of {prose.count(len(delayed), 'matrix', 'matrices')}, by "
            f"{delayed['delays_longest'].max():.0f} steps at most in training; of its "
            f"{LARGEST_DELAY} steps {100 * delayed['delays_clipped_fraction'].mean():.1f} % of the "
            "synapses would need more and were clipped."
        )
    return sentences


def _span(values):
    """Return "1,000" or "1,000 to 2,000"."""
    return " to ".join(f"{value:,}" for value in sorted({min(values), max(values)}))


def main(arguments):
    reports = exhibit.records(arguments.reports, REPORT)
    netx, nir = (
        [size(Path(path).with_name(name)) for path in arguments.reports]
        for name in ("network.net", "network.nir")
    )
    table = pd.DataFrame(
        {**row, "netx_bytes": file, "nir_bytes": graph}
        for (axes, report), file, graph in zip(reports, netx, nir, strict=True)
        for row in rows(axes, report, arguments.labels[axes["dataset"]])
    )
    exhibit.write(arguments, table, findings(table, [report for _, report in reports], netx))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__, figure=False)
    parser.add_argument(
        "--reports",
        nargs="+",
        required=True,
        help="conversion.json of each network; beside it network.net and, if NIR can hold the "
        "network, network.nir",
    )
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
