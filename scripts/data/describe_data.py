"""Count a data set's utterances and spikes by part, speaker and class."""

from pathlib import Path

import numpy as np
import pandas as pd

from spikespeech import command, files
from spikespeech.data.events import read_events


def main(arguments):
    """Write the table: one row for each part, speaker and class."""
    examples = pd.concat([describe(path, arguments.channels) for path in arguments.parts])
    by_part = examples.groupby(["part", "speaker", "class"], sort=False)
    table = by_part.agg(
        utterances=("spikes", "size"),
        mean_spikes=("spikes", "mean"),
        mean_duration_s=("duration_s", "mean"),
    )
    files.write_csv(arguments.out, table.round(4).reset_index())
    print(examples.groupby("part", sort=False)[["spikes", "duration_s"]].mean().to_string())


def describe(path, n_units):
    """Return one row an example of the file; its duration is the time of its last spike."""
    counts, durations = [], []
    with read_events(path, n_units=n_units) as events:
        for _, times, _, lengths in events.chunks():
            counts.append(lengths)
            durations.append(times[np.cumsum(lengths) - 1])
        return pd.DataFrame(
            {
                "part": path.stem,
                "speaker": events.speakers,
                "class": np.array(events.classes)[events.labels],
                "spikes": np.concatenate(counts),
                "duration_s": np.concatenate(durations),
            }
        ).sort_values(["part", "speaker", "class"], kind="stable")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("parts", type=Path, nargs="+", help="files in SHD's layout, named by part")
    parser.add_argument("--channels", type=int, default=700, help="units count from 0 to below it")
    parser.add_argument("--out", type=Path, required=True, help="table to write (CSV)")
    command.run(main, parser.parse_args())
