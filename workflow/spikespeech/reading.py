"""Files that others wrote: whatever is wrong with one becomes one line that names it."""

import contextlib
import errno
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from spikespeech import forms
from spikespeech.errors import InputError

HINT = "delete it and run again"
"""How to replace a damaged file that the workflow made."""


@contextlib.contextmanager
def guard(path, hint):
    """Raise InputError, naming `path`, for all that goes wrong while the file is read.

    An InputError that names no file is of this one. Put nothing but reading into the block: over
    a damaged file h5py, numpy and Python raise almost any error, so every error is the file's.
    Out of reach is damage over which the HDF5 library itself crashes or never returns.
    """
    if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
        raise InputError("is no regular file", file=path)  # a pipe would be waited for
    try:
        with np.errstate(all="ignore"):  # a warning would be a second line
            yield
    except InputError as error:
        if error.file is not None:
            raise
        raise InputError(
            error.problem, file=path, example=error.example, hint=error.hint or hint
        ) from error
    except FileNotFoundError as error:
        raise InputError("does not exist", file=path) from error
    except UnicodeDecodeError as error:
        raise InputError("is not text in UTF-8", file=path, hint=hint) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            locks = error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EAGAIN, 524)
            raise InputError(
                f"cannot be read: {os.strerror(error.errno)}",
                file=path,
                hint="set HDF5_USE_FILE_LOCKING=FALSE" if locks else None,
            ) from error
        # A KeyError would quote its own message.
        reason = " ".join(str(error.args[0] if error.args else error).split())
        raise InputError(
            f"cannot be read: {reason or type(error).__name__}", file=path, hint=hint
        ) from error


def read_json(path, *, keys=()):
    """Return the object in a file of `files.write_json`, a dictionary that has `keys`.

    `keys` are names, or {name: form}, see `forms`. Raises InputError, naming the file, where it is
    damaged or another.
    """
    with guard(path, HINT):
        text = Path(path).read_text(encoding="utf-8")
        found = json.loads(text, parse_constant=_refuse_constant)
        if not isinstance(found, dict):
            raise InputError("holds no JSON object")
        _has(found, keys, "key")
        if isinstance(keys, Mapping):
            forms.check(found, keys)
        return found


def _refuse_constant(name):
    raise InputError(f"holds {name}, which is no JSON")


def read_csv(path, *, columns=(), text=(), **options):
    """Return the table in a file of `files.write_csv`, which has `columns`.

    `columns` are names, or {name: form}, see `forms.column`; None for one that may hold anything.

    Words are as written: pandas would read a class "null" or "NA" as a missing value. Columns
    `text` hold names, so that a class "00" is no number there; in the others an empty cell is a
    missing value. `options` are those of pandas.read_csv. Raises InputError, naming the file,
    where it is damaged or another; a table that is cut short between two lines is not found out.
    """
    import pandas as pd  # here, as not every peer's environment has it

    with guard(path, HINT):
        content = Path(path).read_bytes()
        if content and not content.endswith(b"\n"):
            raise InputError("its last line is cut short")
        if "keep_default_na" not in options:
            header = pd.read_csv(io.BytesIO(content), nrows=0).columns
            options |= {
                "keep_default_na": False,
                "na_values": {name: [""] for name in header if name not in text},
                "dtype": dict.fromkeys(text, str) | options.get("dtype", {}),
            }
        table = pd.read_csv(io.BytesIO(content), **options)
        _has(table, columns, "column")
        if isinstance(columns, Mapping):
            known = {name: form for name, form in columns.items() if form}
            table = table.assign(
                **{name: forms.column(table[name], form, name) for name, form in known.items()}
            )
        return table


def dataset(group, name, holds, *, dimensions=1):
    """Return the HDF5 data set `name`; raise InputError for none, or one of another kind.

    Parameters
    ----------
    holds : kind of its values as `kind` calls it; "numbers" may be integers
    dimensions : how many it has, or None for any
    """
    found = group.get(name)
    where = _where(group, name)
    if not isinstance(found, h5py.Dataset):
        raise InputError(f"has no {where}")
    return _expect(found, found.dtype, found.shape, where, holds, dimensions)


def array(group, name, holds, *, dimensions=1):
    """Return the values of the HDF5 data set `name`; see `dataset`."""
    return dataset(group, name, holds, dimensions=dimensions)[()]


def attribute(group, name, holds, *, dimensions=0):
    """Return the value of the HDF5 attribute `name`; raises as `dataset` does."""
    where = _where(group, name)
    if name not in group.attrs:
        raise InputError(f"has no attribute {where}")
    described = group.attrs.get_id(name)
    value = group.attrs[name]
    shape = None if isinstance(value, h5py.Empty) else described.shape
    return _expect(value, described.dtype, shape, where, holds, dimensions)


def kind(dtype):
    """Return what values of an HDF5 type are: integers, text, rows of numbers, or the type."""
    if h5py.check_string_dtype(dtype) is not None:
        return "text"
    row = h5py.check_vlen_dtype(dtype)
    if row is not None:
        return f"rows of {kind(row)}"
    names = {"i": "integers", "u": "integers", "f": "numbers", "b": "truth values"}
    return names.get(dtype.kind, str(dtype))


def finite(values, where):
    """Return numbers; raise InputError where one is NaN or infinite."""
    if not np.isfinite(values).all():
        raise InputError(f"{where} holds NaN or infinity")
    return values


def _has(found, names, what):
    for name in names:
        if name not in found:
            raise InputError(f"has no {what} {name!r}")


def _where(group, name):
    return f"{group.name}/{name}".lstrip("/")


def _expect(found, dtype, shape, where, holds, dimensions):
    if shape is None:
        raise InputError(f"{where} is empty")
    held = kind(dtype)
    if held != holds and held.replace("integers", "numbers") != holds:
        raise InputError(f"{where} holds {held} instead of {holds}")
    if dimensions is not None and len(shape) != dimensions:
        raise InputError(f"{where} has {len(shape)} dimensions instead of {dimensions}")
    return found
