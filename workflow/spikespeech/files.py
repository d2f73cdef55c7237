"""Files that are either whole or absent."""

import contextlib
import json
import os
from pathlib import Path


@contextlib.contextmanager
def atomic(path):
    """Yield a temporary path beside `path`; rename it into place when the block succeeds.

    A block that raises, or a process that dies, leaves `path` as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
