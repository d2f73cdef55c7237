"""Make the data set `digits`: digits of synthetic speakers, turned into spikes."""

from pathlib import Path

from rich.console import Console
from rich.progress import track

from spikespeech import command
from spikespeech.data import datasets
from spikespeech.sound import recordings, speech


def main(arguments):
    """Write the training and the test part in SHD's layout."""
    settings = arguments.settings
    seed, classes = settings["seed"], tuple(settings["classes"])
    planned = speech.plan(
        seed=seed,
        speakers=settings["speakers"],
        utterances=settings["utterances"],
        classes=classes,
    )
    divided = recordings.parts(
        speech.say(planned, seed=seed, classes=classes, tier=settings["tier"]),
        seed=seed,
        test_speakers=settings["test_speakers"],
        test_share=settings["test_share"],
    )
    for part, path in (("train", arguments.train), ("test", arguments.test)):
        recordings.write(
            path,
            divided[part],
            classes,
            seed=seed,
            n_channels=settings["channels"],
            threads=arguments.threads,
            attributes=datasets.provenance("digits", settings),
            progress=lambda examples, part=part: track(
                examples, f"{part} utterances", len(divided[part]), console=Console(stderr=True)
            ),
            **datasets.sound(settings),
        )


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: the section `datasets.digits` of config/config.yaml",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--train", type=Path, required=True, help="training part to write (HDF5)")
    parser.add_argument("--test", type=Path, required=True, help="test part to write (HDF5)")
    command.run(main, parser.parse_args())
