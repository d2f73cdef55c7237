"""Decide by speaker which examples train, validate and test."""

from pathlib import Path

import pandas as pd

from spikespeech import command, files
from spikespeech.data.events import read_events
from spikespeech.spikes import splits


def main(arguments):
    """Write the split of the data set's parts as a table, one row an example."""
    rows = pd.concat([part_examples(path) for path in arguments.parts], ignore_index=True)
    rows = splits.split(rows, arguments.fold, **arguments.settings)
    files.write_csv(arguments.out, rows)
    print(splits.summary(rows).to_string())


def part_examples(path):
    """Return the rows of one file in SHD's layout, whose name is that of its part."""
    with read_events(path) as events:
        return splits.examples(path.stem, events.labels, events.speakers, events.classes)


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("parts", type=Path, nargs="+", help="train.h5, test.h5, perhaps valid.h5")
    parser.add_argument("--fold", required=True, help="main or speaker-<number>")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help='JSON: {"validation_speakers": a number or a list, "seed": a number}',
    )
    parser.add_argument("--out", type=Path, required=True, help="the table (CSV)")
    command.run(main, parser.parse_args())
