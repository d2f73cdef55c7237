"""Import an event data set of tonic's, by name, into SHD's layout."""

from pathlib import Path

from spikespeech import command
from spikespeech.data import datasets, tonic_sets
from spikespeech.data.events import write_events


def main(arguments):
    """Write each part in SHD's layout."""
    settings = arguments.settings
    found = tonic_sets.read(
        settings["dataset"],
        parts=[part for part in datasets.PARTS if getattr(arguments, part)],
        folder=settings["folder"],
        options=settings.get("options", {}),
        n_channels=settings["channels"],
    )
    about = datasets.provenance(arguments.name, settings)
    for part, examples in found.parts.items():
        write_events(
            getattr(arguments, part),
            examples.events,
            examples.labels,
            examples.speakers,
            found.classes,
            speaker_names=found.speakers,
            attributes=about,
        )
        print(f"{part}: {len(examples.labels)} examples of {len(found.classes)} classes")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--name", required=True, help="what the study calls the data set")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: the section of the data set in the configuration",
    )
    for part in datasets.PARTS:
        parser.add_argument(f"--{part}", type=Path, help=f"part {part} to write (HDF5)")
    command.run(main, parser.parse_args())
