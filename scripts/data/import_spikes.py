"""Check a user's own spike file, which must be in SHD's layout, and copy it.

Its labels become the numbers that the classes have in all parts of the data set, by name.
"""

from pathlib import Path

from spikespeech import command
from spikespeech.data import parts


def main(arguments):
    """Copy the file once every example has passed the checks."""
    files = arguments.parts or [arguments.file]
    classes = parts.joined_classes(files, n_units=arguments.channels)
    examples, spikes, missing = parts.copy(
        arguments.file, arguments.out, classes, n_units=arguments.channels
    )
    print(f"{examples} examples of {len(classes) - len(missing)} classes, {spikes} spikes")
    if missing:
        print(f"{arguments.file}: no example of {', '.join(map(repr, missing))}")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("file", type=Path, help="HDF5 file in SHD's layout")
    parser.add_argument(
        "--parts",
        type=Path,
        nargs="+",
        help="all files of the data set, if others have classes too: the first numbers them",
    )
    parser.add_argument("--channels", type=int, default=700, help="units count from 0 to below it")
    parser.add_argument("--out", type=Path, required=True, help="part to write (HDF5)")
    command.run(main, parser.parse_args())
