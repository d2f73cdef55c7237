"""Tables that users write, as CSV: every cell is text, as it is written there."""

import csv
import io
from pathlib import Path

from spikespeech import reading
from spikespeech.data.names import normal
from spikespeech.errors import InputError

SEPARATORS = ",;\t"  # Excel's choice depends on its language


def read(path, *, needed, known):
    """Return the rows of a CSV table as dictionaries, in the normal form of their names.

    `line` says where in the file a row ends; columns that are `known`, but not there, are empty.
    Rows without any entry are left out.

    Parameters
    ----------
    needed : columns that must be there
    known : all columns that are looked for

    Raises InputError, naming the line, where the table is no text in UTF-8, has no rows, or lacks
    a column: then with the columns that were found.
    """
    hint = f"make it a CSV table in UTF-8 with the columns {', '.join(known)}"
    with reading.guard(path, hint):
        # A mark at the beginning, as Excel writes, is no part of the first column's name.
        lines = list(io.StringIO(Path(path).read_text(encoding="utf-8-sig")))
        header = next((line for line in lines if line.strip()), None)
        if header is None:
            raise InputError("is empty")
        split = {
            separator: [normal(cell) for cell in next(csv.reader([header], delimiter=separator))]
            for separator in SEPARATORS
        }
        separator = max(split, key=lambda separator: sum(c in known for c in split[separator]))
        columns = split[separator]
        for column in needed:
            _find(column, columns)
        if twice := sorted({c for c in columns if c in known and columns.count(c) > 1}):
            raise InputError(f"has two columns {twice[0]!r}")
        rows, reader = [], csv.reader(lines, delimiter=separator, skipinitialspace=True)
        next(cells for cells in reader if any(map(str.strip, cells)))  # the columns' names
        for cells in reader:
            cells = [normal(cell) for cell in cells]
            if not any(cells):
                continue
            if len(cells) > len(columns):
                raise InputError(
                    f"line {reader.line_num} has {len(cells)} entries under {len(columns)} columns",
                    hint=f"quote what holds a {separator!r}",
                )
            found = dict(zip(columns, cells, strict=False))
            rows.append({c: found.get(c, "") for c in known} | {"line": reader.line_num})
        if not rows:
            raise InputError("has no rows")
    return rows, columns


def need(path, column, columns):
    """Raise InputError unless the table at `path` has the `column`, which only some uses need."""
    with reading.guard(path, None):
        _find(column, columns)


def _find(column, columns):
    if column not in columns:
        raise InputError(
            f"has no column {column!r}; its columns are {', '.join(map(repr, columns))}"
        )
