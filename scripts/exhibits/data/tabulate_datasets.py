"""What each data set holds, part by part: examples, classes, speakers, spikes, duration."""

import numpy as np
import pandas as pd

from spikespeech import command
from spikespeech.report import exhibit, prose
from spikespeech.spikes import SpikeTrains
from spikespeech.spikes.stored import chunks


def describe(spikes, dataset, label, part):
    """Return the row of the table for the SpikeTrains of one part."""
    counts = np.diff(spikes.offsets)
    last = [
        steps[-1]
        for chunk in chunks(spikes)
        for steps, _ in map(chunk.example, range(len(chunk)))
        if len(steps)
    ]
    known = np.unique(spikes.speakers[spikes.speakers >= 0])
    low, median, high = np.percentile(counts, [5, 50, 95])
    return {
        "dataset": dataset,
        "label": label,
        "part": part,
        "examples": len(spikes),
        "classes": len(np.unique(spikes.labels)),
        "speakers": len(known) or np.nan,
        "channels": spikes.n_units,
        "spikes_5_percent": low,
        "spikes_median": median,
        "spikes_95_percent": high,
        "seconds_median": np.median(last) * spikes.dt_ms / 1000,
    }


def findings(table):
    """Return a sentence for each data set, about its training part."""
    return [
        f"{row.label}: {prose.count(row.examples, 'training example')} of {row.classes} classes"
        + (f" by {prose.count(int(row.speakers), 'speaker')}" if row.speakers > 0 else "")
        + f"; half of them have more than {row.spikes_median:,.0f} spikes (5 to 95 %: "
        f"{row.spikes_5_percent:,.0f} to {row.spikes_95_percent:,.0f}) and last longer than "
        f"{row.seconds_median:.2f} s."
        for row in table[table["part"] == "train"].itertuples()
    ]


def main(arguments):
    rows = []
    for path in arguments.binned:
        dataset, part = exhibit.place(path)
        rows.append(describe(SpikeTrains.open(path), dataset, arguments.labels[dataset], part))
    table = pd.DataFrame(rows)
    exhibit.write(arguments, table, findings(table))


if __name__ == "__main__":
    parser = exhibit.parser(__doc__, figure=False)
    parser.add_argument("--binned", nargs="+", required=True, help="<data set>/binned/<part>.h5")
    exhibit.add_labels(parser)
    command.run(main, parser.parse_args())
