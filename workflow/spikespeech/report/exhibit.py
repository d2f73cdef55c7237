"""What the script of a figure or table writes: the numbers, the drawing, and what they say."""

import pandas as pd

from spikespeech import command, files
from spikespeech.reading import read_csv


def parser(description, *, figure=True):
    """Return a parser with the outputs of an exhibit: --table, --finding and perhaps --figure."""
    arguments = command.parser(description)
    arguments.add_argument("--table", required=True, help="numbers to write, tidy CSV")
    arguments.add_argument("--finding", required=True, help="text to write: what the numbers say")
    if figure:
        arguments.add_argument("--figure", required=True, help="SVG to write; a PNG beside it")
    return arguments


def write(arguments, table, finding, figure=None):
    """Write the outputs that `parser` asked for.

    `finding` is a list of lines, each of a sentence or a few that belong together; the report's
    summary quotes the first line alone.
    """
    files.write_csv(arguments.table, table)
    if figure is not None:
        # Not for tables: Matplotlib takes as long as the rest.
        from spikespeech.report import fonts, plots

        finding = [*finding, *fonts.advice(plots.save(figure, arguments.figure))]
    files.write_text(arguments.finding, "\n".join(finding) + "\n")


def join(paths, settings, **reading):
    """Return the networks' own tables below each other, with their axes and data set's label.

    `settings` has the axes of each file (`networks`) and the labels of the data sets (`labels`);
    `reading` are options of `reading.read_csv`.
    """
    return pd.concat(
        (
            read_csv(path, **reading).assign(
                **network, label=settings["labels"][network["dataset"]]
            )
            for path, network in zip(paths, settings["networks"], strict=True)
        ),
        ignore_index=True,
    )
