"""Files that are either whole or absent."""

import contextlib
import io
import json
import os
import re
import socket
from pathlib import Path

import h5py

from spikespeech.errors import InputError


@contextlib.contextmanager
def atomic(path):
    """Yield a temporary path beside `path`; rename it into place when the block succeeds.

    A block that raises, or a process that dies, leaves `path` as it was. What a process that was
    killed left beside it is cleared by the next that writes the same path on the same machine.
    What is no file, such as /dev/null, is refused: the user root would replace it.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise InputError("is no file that could be replaced", file=path, hint="name another")
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(path)
    partial = path.with_name(_partial(path, os.getpid()))
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _partial(path, writer):
    # Other machines that share the folder have other processes of the same number.
    return f".{path.name}.{socket.gethostname()}.{writer}.part{path.suffix}"


def _clear_leftovers(path):
    name = re.compile(r"(\d+)".join(map(re.escape, _partial(path, "\0").split("\0"))))
    for left in path.parent.iterdir():
        match = name.fullmatch(left.name)
        if match and not _runs(int(match[1])):
            left.unlink(missing_ok=True)


def _runs(process):
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def read_hdf5(path):
    """Open an HDF5 file for reading, without a lock: NFS and Lustre often have none to give."""
    return h5py.File(path, "r", locking=False)


@contextlib.contextmanager
def write_hdf5(path):
    """Yield a new HDF5 file, which becomes `path` when the block succeeds.

    Raises OSError where the system refuses to write, as on a full disk.
    """
    with atomic(path) as partial, _Forgiving(partial, "w+") as raw:
        with h5py.File(raw, "w") as file:
            yield file
        if raw.refused:
            raise OSError(raw.refused.errno, raw.refused.strerror, str(path))


def describe(file, attributes):
    """Write what an open HDF5 file says of itself, {name: value}, as its attributes.

    What is too long for one (HDF5's hold 64 KiB) becomes a data set of the group "about".
    """
    for name, value in attributes.items():
        try:
            file.attrs[name] = value
        except OSError:
            file[f"about/{name}"] = value


class _Forgiving(io.FileIO):
    """A file that keeps the error of a refused write: HDF5 crashes over data it cannot write."""

    refused = None

    def write(self, data):
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and not self.refused:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.refused = error
        return size

    def truncate(self, size=None):
        try:
            return super().truncate(size)
        except OSError as error:
            self.refused = self.refused or error
            return size


def write_text(path, text):
    """Write `text` to `path` in one step."""
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Write `value` as JSON with sorted keys; a NaN is an error, not invalid JSON."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def write_csv(path, table):
    """Write a tidy pandas table without its index."""
    with atomic(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")
