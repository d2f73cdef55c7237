"""Check a user's own spike file, which must be in SHD's layout, and copy it."""

import shutil
from pathlib import Path

from spikespeech import command, files
from spikespeech.data.events import read_events


def main(arguments):
    """Copy the file once every example has passed the checks."""
    with read_events(arguments.file, n_units=arguments.channels) as events:
        n_spikes = sum(int(lengths.sum()) for _, _, _, lengths in events.chunks())
        print(f"{len(events)} examples of {len(events.classes)} classes, {n_spikes} spikes")
    with files.atomic(arguments.out) as partial:
        shutil.copyfile(arguments.file, partial)


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("file", type=Path, help="HDF5 file in SHD's layout")
    parser.add_argument("--channels", type=int, default=700, help="units count from 0 to below it")
    parser.add_argument("--out", type=Path, required=True, help="part to write (HDF5)")
    command.run(main, parser.parse_args())
