"""Download one part of SHD or SSC, check it and unpack it."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from spikespeech import command
from spikespeech.data import archives, datasets, download
from spikespeech.data.events import read_events


def main(arguments):
    """Write the part as it is: these files have SHD's layout."""
    file = datasets.REGISTRY[arguments.dataset].files[arguments.part]
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(file.name, total=None)
        archive = download.fetch(
            file,
            mirror=arguments.settings["mirror"],
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    archives.unpack_hdf5(archive, arguments.out)
    with read_events(arguments.out) as events:
        print(f"{len(events)} examples of {len(events.classes)} classes")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--dataset", choices=("shd", "ssc"), required=True)
    parser.add_argument("--part", choices=("train", "valid", "test"), required=True)
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        default={"mirror": None},
        help='JSON: {"mirror": an address or a folder that replaces zenkelab.org, or null}',
    )
    parser.add_argument("--out", type=Path, required=True, help="part to write (HDF5)")
    command.run(main, parser.parse_args())
