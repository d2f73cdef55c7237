"""What the script of a figure or table writes: the numbers, the drawing, and what they say."""

from pathlib import Path

import pandas as pd

from spikespeech import command, files
from spikespeech.network.axes import AXES, of_record, of_table
from spikespeech.reading import read_csv, read_json
from spikespeech.report import selection


def parser(description, *, figure=True):
    """Return a parser with the outputs of an exhibit: --table, --finding and perhaps --figure."""
    arguments = command.parser(description)
    arguments.add_argument("--table", required=True, help="numbers to write, tidy CSV")
    arguments.add_argument("--finding", required=True, help="text to write: what the numbers say")
    if figure:
        arguments.add_argument("--figure", required=True, help="SVG to write; a PNG beside it")
    return arguments


def add_labels(arguments):
    """Add the option --labels to a parser: the names of the data sets in captions."""
    arguments.add_argument(
        "--labels", type=command.json_argument, required=True, help="JSON: data set to its label"
    )


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


def join(paths, labels, *, columns, **reading):
    """Return the networks' own tables below each other, each row with its data set's label.

    `labels` are those of the data sets, by name; `columns` {name: form} and `reading` as of
    `reading.read_csv`.
    """
    columns = dict.fromkeys(AXES) | columns
    tables = [read_csv(path, columns=columns, **reading) for path in paths]
    table = pd.concat(tables, ignore_index=True)
    return table.assign(label=table["dataset"].map(labels))


def records(paths, keys):
    """Return (axes, record) of each network's JSON file, dictionaries; `keys` as of `read_json`."""
    read = [(read_json(path, keys=keys), path) for path in paths]
    return [(of_record(record, path), record) for record, path in read]


def place(path):
    """Return (data set, name without suffix) of a file in a study's `data/<data set>/<kind>/`."""
    path = Path(path)
    return path.absolute().parts[-3], path.stem


def belonging(paths, **chosen):
    """Return those of the networks' own tables that are of the `chosen` axes."""
    return [path for path in paths if selection.matches(_whose(path), **chosen)]


def _whose(path):
    return of_table(read_csv(path, columns=AXES, nrows=1), path)
