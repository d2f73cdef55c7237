"""Download one part of SHD or SSC, or FSDD's archive; check it, and unpack what are spikes."""

import shutil
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from spikespeech import command, files
from spikespeech.data import archives, datasets, download
from spikespeech.data.events import read_events
from spikespeech.errors import InputError


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
    with files.atomic(arguments.out) as unpacked:
        archives.unpack_hdf5(archive, unpacked)
        with read_events(unpacked) as events:
            if archive.suffix != Path(file.name).suffix:  # and so without its checksum
                refuse_others(events, dataset, arguments.part, archive)
            print(f"{len(events)} examples of {len(events.classes)} classes")


def refuse_others(events, dataset, part, archive):
    """Raise InputError unless the events are as many, and of as many classes, as were published."""
    wanted, classes = dataset.sizes[part], len(dataset.classes)
    if len(events) != wanted or (classes and len(events.classes) != classes):
        file = dataset.files[part]
        raise InputError(
            f"has {len(events)} examples of {len(events.classes)} classes: not {dataset.label}'s "
            f"part {part}, of {wanted} examples",
            file=archive,
            hint=f"fetch {file.name} from {file.url}, or name your own data otherwise, with "
            "`source: spike_file`",
        )


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
