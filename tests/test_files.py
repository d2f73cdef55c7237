"""Files are whole or absent, whoever dies over them; nothing that is read can run code."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from spikespeech.errors import InputError
from spikespeech.files import atomic, write_text

ROOT = Path(__file__).parents[1]
# Writes half of the file argv[1], says so, and then dies as argv[2] says, or waits to be told.
WRITER = """
import os, sys
from spikespeech.files import atomic
with atomic(sys.argv[1]) as partial:
    partial.write_text("half")
    print("half", flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), 9)
    sys.stdin.read()
    partial.write_text("whole")
"""


def writer(path, end):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, path, end],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT / "workflow")},
    )
    assert process.stdout.readline() == "half\n"
    return process


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=["a.txt", "it's (a) [b]+ .*.h5", "no suffix", "-x.csv"])
def path(request, tmp_path):
    return tmp_path / request.param


@pytest.mark.parametrize("kind", ["pipe", "folder", "/dev/null"])
def test_what_is_no_file_is_not_replaced(tmp_path, kind):
    """As root would replace /dev/null."""
    path = Path(kind) if kind.startswith("/") else tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=f"{path}: is no file that could be replaced"):
        write_text(path, "x")
    assert not path.is_file()


def test_the_next_writer_clears_what_the_killed_left(path):
    assert writer(path, "die").wait(30) == -signal.SIGKILL
    [left] = names(path.parent)
    assert left.startswith(f".{path.name}.") and not path.exists()
    write_text(path.with_name(f"other {path.name}"), "")
    write_text(path.with_name(f"{path.name}.h5"), "")
    assert left in names(path.parent)  # of another file
    write_text(path, "whole")
    assert left not in names(path.parent)
    assert path.read_text() == "whole"


def test_writers_that_live_are_left_in_peace(path):
    first = writer(path, "wait")
    second = writer(path, "wait")
    write_text(path, "third")
    assert len(names(path.parent)) == 3
    for process in (first, second):
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert path.read_text() == "whole" and names(path.parent) == [path.name]


def test_writers_on_other_machines_are_left_in_peace(path, monkeypatch):
    assert writer(path, "die").wait(30) == -signal.SIGKILL
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    write_text(path, "whole")
    assert len(names(path.parent)) == 2


def test_an_error_leaves_the_file_as_it_was(path):
    write_text(path, "before")
    with pytest.raises(ZeroDivisionError), atomic(path) as partial:
        partial.write_text("after")
        raise ZeroDivisionError
    assert path.read_text() == "before" and names(path.parent) == [path.name]


def test_nothing_that_is_read_can_run_code():
    """No pickle, which numpy, pandas and joblib also load, no YAML of objects, no eval."""
    unsafe = re.compile(
        r"\b(pickle|marshal|shelve|joblib|dill)\b(?!=False)|allow_pickle(?!=False)"
        r"|yaml\.(unsafe_|full_)?load\(|\b(eval|exec)\(|shell=True|os\.system"
    )
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for folder in ("workflow", "scripts")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".smk", ".sh")
        for match in unsafe.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found
