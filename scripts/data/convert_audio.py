"""Turn recordings of words into spikes: FSDD, or a user's own folder of WAV and FLAC files."""

from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from spikespeech import command
from spikespeech.data import archives, datasets, download, folders, names
from spikespeech.errors import InputError, nearest
from spikespeech.sound import audio, recordings

MOST_REMARKS = 20


def main(arguments):
    """Write the training and the test part, and the validation part if any, in SHD's layout."""
    settings = datasets.OWN_AUDIO | arguments.settings
    words, classes, speakers, remarks = gather(arguments.dataset, settings, arguments.archive)
    divided = recordings.parts(
        words,
        seed=settings["seed"],
        test_speakers=[number(name, speakers) for name in settings["test_speakers"]],
        test_share=settings["test_share"],
    )
    paths = {part: getattr(arguments, part) for part in divided}
    if not all(paths.values()):
        raise InputError("the recordings have a validation part", hint="say where: --valid")
    about = datasets.provenance(arguments.dataset, settings)
    for part, chosen in divided.items():
        long = recordings.write(
            paths[part],
            chosen,
            classes,
            speakers=speakers,
            seed=settings["seed"],
            n_channels=settings["channels"],
            threads=arguments.threads,
            attributes=about,
            progress=lambda examples, part=part, chosen=chosen: track(
                examples, f"{part} recordings", len(chosen), console=Console(stderr=True)
            ),
            **datasets.sound(settings),
        )
        remarks += [f"{name} lasts {seconds:.1f} s" for name, seconds in long.items()]
    for remark in remarks[:MOST_REMARKS]:
        print(remark)
    if len(remarks) > MOST_REMARKS:
        print(f"and {len(remarks) - MOST_REMARKS} remarks more")


def gather(dataset, settings, archive):
    """Return the recordings, the classes, the names of the speakers, and remarks on the folder."""
    if dataset == "fsdd":
        archive = archive or download.fetch(
            datasets.REGISTRY["fsdd"].files["all"],
            mirror=settings["archive"],
            check=partial(archives.read_tar, suffix=".wav"),
        )
        return *audio.fsdd(archive, utterances=settings["utterances"]), []
    listing = folders.planned(settings)
    return *audio.found(listing), list(listing.remarks)


def number(name, speakers):
    """Return the number of the speaker `name`."""
    name = names.normal(str(name))
    if not speakers:
        raise InputError(
            f"there is no speaker {name!r}, as the recordings name none",
            hint="name {speaker} in `pattern`, or a column speaker in `table`",
        )
    if name not in speakers:
        raise InputError(
            f"there is no speaker {name!r}{nearest(name, speakers)}",
            hint=f"`test_speakers` of the data set may name {', '.join(speakers[:MOST_REMARKS])}",
        )
    return speakers.index(name)


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--dataset", required=True, help="fsdd, or the name of your own data")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: the section of the data set in the configuration",
    )
    parser.add_argument("--archive", help="FSDD's archive, where it is not to be downloaded")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--train", type=Path, required=True, help="training part to write (HDF5)")
    parser.add_argument("--valid", type=Path, help="validation part to write, if there is one")
    parser.add_argument("--test", type=Path, required=True, help="test part to write (HDF5)")
    command.run(main, parser.parse_args())
