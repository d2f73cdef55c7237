"""Bin a file in SHD's layout: the form that training and evaluation read."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from spikespeech import command
from spikespeech.spikes import trains


def main(arguments):
    """Write the binned spikes."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("examples binned", total=None)
        remark = trains.bin_file(
            arguments.events,
            arguments.out,
            n_units=arguments.settings["channels"],
            n_steps=arguments.settings["steps"],
            dt_ms=arguments.settings["dt_ms"],
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if remark:
        print(f"{arguments.events}: {remark}")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("events", type=Path, help="HDF5 file in SHD's layout")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        default={"channels": 700, "steps": 1000, "dt_ms": 1.0},
        help='JSON: {"channels": units, "steps": length of a trial, "dt_ms": of a step}',
    )
    parser.add_argument("--out", type=Path, required=True, help="binned file to write (HDF5)")
    command.run(main, parser.parse_args())
