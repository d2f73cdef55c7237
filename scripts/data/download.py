"""Download one part of SHD or SSC, or FSDD's archive; check it, and unpack what are spikes."""

import shutil
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from spikespeech import command, files
from spikespeech.data import archives, datasets, download
from spikespeech.data.events import read_events


def main(arguments):
    """Write the part as it is: spikes have SHD's layout, recordings stay in their archive."""
    dataset = datasets.REGISTRY[arguments.dataset]
    file = dataset.files[arguments.part]
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(file.name, total=None)
        archive = download.fetch(
            file,
            mirror=arguments.settings["mirror" if dataset.source == "download" else "archive"],
            check=partial(archives.read_tar, suffix=".wav"),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if dataset.source != "download":
        with files.atomic(arguments.out) as copied:
            shutil.copyfile(archive, copied)
        return
    archives.unpack_hdf5(archive, arguments.out)
    with read_events(arguments.out) as events:
        print(f"{len(events)} examples of {len(events.classes)} classes")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--dataset", choices=("shd", "ssc", "fsdd"), required=True)
    parser.add_argument("--part", choices=("train", "valid", "test", "all"), required=True)
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        default={"mirror": None, "archive": None},
        help='JSON: {"mirror": an address or a folder that replaces zenkelab.org, or null}; for '
        'FSDD "archive"',
    )
    parser.add_argument("--out", type=Path, required=True, help="part to write (HDF5; FSDD: tar)")
    command.run(main, parser.parse_args())
