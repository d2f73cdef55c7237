"""Decide by speaker which examples train, validate and test."""

from pathlib import Path

import pandas as pd

from spikespeech import command, files
from spikespeech.data.events import read_events
from spikespeech.errors import InputError
from spikespeech.spikes import splits


def main(arguments):
    """Write the split of the data set's parts as a table, one row an example."""
    parts = [part_examples(path) for path in arguments.parts]
    rows = pd.concat([rows for rows, _ in parts], ignore_index=True)
    rows = splits.split(rows, arguments.fold, names=joined(parts), **arguments.settings)
    files.write_csv(arguments.out, rows)
    if arguments.settings.get("validation_share"):
        print("split by examples: the same speakers may train and validate")
    print(splits.summary(rows).to_string())


def part_examples(path):
    """Return the rows of one file in SHD's layout, named by its part, and its speakers' names."""
    with read_events(path) as events:
        rows = splits.examples(path.stem, events.labels, events.speakers, events.classes)
        names = [events.name(i) for i in rows.example] if len(events.recordings) else rows.example
        return rows.assign(name=names), events.speaker_names


def joined(parts):
    """Return {number: name} of the speakers of all parts, who have one name in all of them."""
    names = {}
    for _, own in parts:
        for number, name in own.items():
            if names.setdefault(number, name) != name:
                raise InputError(
                    f"speaker {number} is {names[number]!r} in one part but {name!r} in another",
                    hint="`extra/speaker_names` must be the same in all parts",
                )
    return names


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("parts", type=Path, nargs="+", help="train.h5, test.h5, perhaps valid.h5")
    parser.add_argument("--fold", required=True, help="main or speaker-<name or number>")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help='JSON: {"validation_speakers": a number or a list, "seed": a number}; of recordings '
        'without speakers, "validation_share" of each class validates',
    )
    parser.add_argument("--out", type=Path, required=True, help="the table (CSV)")
    command.run(main, parser.parse_args())
