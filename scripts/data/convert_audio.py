"""Turn recordings of words into spikes: FSDD, or a user's own folder of WAV and FLAC files."""

from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from spikespeech import command
from spikespeech.data import archives, datasets, download
from spikespeech.errors import InputError, nearest
from spikespeech.sound import audio, recordings


def main(arguments):
    """Write the training and the test part in SHD's layout."""
    settings = datasets.OWN_AUDIO | arguments.settings
    words, classes, speakers = gather(arguments.dataset, settings, arguments.archive)
    divided = recordings.parts(
        words,
        seed=settings["seed"],
        test_speakers=[number(name, speakers) for name in settings["test_speakers"]],
        test_share=settings["test_share"],
    )
    about = datasets.provenance(arguments.dataset, settings) | {"speakers": speakers}
    for part, path in (("train", arguments.train), ("test", arguments.test)):
        recordings.write(
            path,
            divided[part],
            classes,
            seed=settings["seed"],
            window=settings["window"],
            n_channels=settings["channels"],
            threads=arguments.threads,
            attributes=about,
            progress=lambda examples, part=part: track(
                examples, f"{part} recordings", len(divided[part]), console=Console(stderr=True)
            ),
        )


def gather(dataset, settings, archive):
    """Return the recordings, the classes and the names of the speakers."""
    if dataset == "fsdd":
        archive = archive or download.fetch(
            datasets.REGISTRY["fsdd"].files["all"],
            mirror=settings["archive"],
            check=partial(archives.read_tar, suffix=".wav"),
        )
        return audio.fsdd(archive, utterances=settings["utterances"])
    return audio.folder(
        settings["folder"],
        table=settings.get("table"),
        pattern=settings.get("pattern"),
        classes=settings.get("classes"),
    )


def number(name, speakers):
    """Return the number of the speaker `name`."""
    if str(name) not in speakers:
        raise InputError(
            f"there is no speaker {name!r}{nearest(str(name), speakers)}",
            hint=f"`test_speakers` of the data set may name {', '.join(speakers)}",
        )
    return speakers.index(str(name))


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
    parser.add_argument("--test", type=Path, required=True, help="test part to write (HDF5)")
    command.run(main, parser.parse_args())
