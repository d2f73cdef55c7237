"""Recordings of words: FSDD's archive, or a user's own folder of WAV and FLAC files."""

import functools
import hashlib
import io
import re
import zlib
from pathlib import Path, PurePosixPath

import pandas as pd
import soundfile

from spikespeech import reading
from spikespeech.data.archives import read_tar
from spikespeech.data.datasets import ENGLISH, SUFFIXES
from spikespeech.errors import InputError
from spikespeech.sound.recordings import Recording

FSDD_CONTENTS = "dbd573d7cafe79c4b49f65718115e1304e24e067fa39eff18a660dc6cb9c360f"
FSDD_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[a-z]+)_(?P<take>\d+)\.wav")


def fsdd(archive, *, utterances=50, checked=True):
    """Return the recordings of FSDD, its 10 classes and its speakers' names.

    GitHub packs archives anew now and then, so it is not the archive that is checked but its
    recordings: `FSDD_CONTENTS` is the SHA-256 over the lines "name SHA-256" in order of name.

    Parameters
    ----------
    archive : tar file of the release, which has a folder `recordings`
    utterances : the first so many takes of each digit by each speaker
    checked : whether the recordings must be those of version 1.0.10
    """
    members = {
        PurePosixPath(name).name: data
        for name, data in read_tar(archive, ".wav").items()
        if PurePosixPath(name).parent.name == "recordings"
    }
    digest = hashlib.sha256()
    for name in sorted(members):
        digest.update(f"{name} {hashlib.sha256(members[name]).hexdigest()}\n".encode())
    if checked and digest.hexdigest() != FSDD_CONTENTS:
        raise InputError(
            f"its {len(members)} recordings are not those of FSDD 1.0.10",
            file=archive,
            hint="fetch version 1.0.10 again",
        )
    taken = {name: FSDD_NAME.fullmatch(name) for name in sorted(members)}
    speakers = sorted({match["speaker"] for match in taken.values()})
    recordings = [
        Recording(
            key=_key(name),
            name=f"{archive}: {name}",
            label=int(match["digit"]),
            speaker=speakers.index(match["speaker"]),
            sound=functools.partial(_read, io.BytesIO(members[name])),
        )
        for name, match in taken.items()
        if int(match["take"]) < utterances
    ]
    return recordings, ENGLISH, speakers


def folder(path, *, table=None, pattern=None, classes=None):
    """Return the recordings of a folder, the names of the classes and of the speakers.

    Labels and speakers come either from a table or from the files' names.

    Parameters
    ----------
    path : the folder
    table : CSV file with columns file (relative to the folder), label and, if known, speaker
    pattern : of the files' paths in the folder, such as "{label}/{speaker}_{take}.wav"; a field
        matches anything but a slash; `label` is needed, `speaker` is not
    classes : order of the labels; alphabetical if not given

    Raises InputError for files that are missing, that stand for the same recording, or whose
    classes or speakers differ only in upper and lower case.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError("is no folder", file=path, hint="set `folder` of the data set")
    rows = _from_table(path, Path(table)) if table else _from_names(path, pattern)
    _refuse_clashes(path, rows)
    labels, speakers = _names(path, rows, "label"), _names(path, rows, "speaker")
    classes = list(classes or labels)
    strange = [row for row in rows if row["label"] not in classes]
    if strange:
        raise InputError(
            f"label {strange[0]['label']!r} is not one of {', '.join(classes)}",
            file=path / strange[0]["file"],
            hint="add it to `classes` of the data set",
        )
    recordings = [
        Recording(
            key=_key(row["file"]),
            name=str(path / row["file"]),
            label=classes.index(row["label"]),
            speaker=speakers.index(row["speaker"]) if row["speaker"] else -1,
            sound=functools.partial(_read, path / row["file"]),
        )
        for row in rows
    ]
    return recordings, tuple(classes), speakers


def _key(name):
    """Return a spawn key from a recording's name: other recordings do not change its spikes."""
    return (zlib.crc32(name.encode()),)


def _read(file):
    if isinstance(file, io.BytesIO):
        file.seek(0)
    try:
        return soundfile.read(file)
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"not readable as sound: {error.error_string}", hint="replace or remove it"
        ) from error


def _from_table(path, table):
    hint = "make it a CSV table with the columns file, label, speaker"
    with reading.guard(table, hint):
        rows = pd.read_csv(table, dtype=str, keep_default_na=False)
        for column in ("file", "label"):
            if column not in rows:
                raise InputError(f"has no column {column!r}")
    rows = rows.reindex(columns=["file", "label", "speaker"], fill_value="").to_dict("records")
    for line, row in enumerate(rows, start=2):
        if not row["label"]:
            raise InputError("has no label", file=table, example=f"in line {line}")
        inside = PurePosixPath(row["file"])
        if inside.is_absolute() or ".." in inside.parts:
            raise InputError(f"{row['file']} is outside {path}", file=table, example=line)
        if not (path / inside).is_file():
            raise InputError(
                f"{path / inside} does not exist", file=table, example=f"in line {line}"
            )
    return rows


def _from_names(path, pattern):
    fields = re.findall(r"{(\w+)}", pattern)
    if "label" not in fields or len(set(fields)) < len(fields):
        raise InputError(
            f"pattern {pattern!r} must hold {{label}}, and each field once",
            hint='set `pattern` of the data set, for example "{label}/{speaker}_{take}.wav"',
        )
    expression = "".join(
        f"(?P<{part[1:-1]}>[^/]+?)" if part.startswith("{") else re.escape(part)
        for part in re.split(r"({\w+})", pattern)
    )
    rows = []
    for file in sorted(f for f in path.rglob("*") if f.suffix.lower() in SUFFIXES):
        name = file.relative_to(path).as_posix()
        match = re.fullmatch(expression, name)
        if not match:
            raise InputError(
                f"its name does not fit the pattern {pattern!r}",
                file=file,
                hint="rename or move it, or list the files in a `table`",
            )
        rows.append({"file": name, "speaker": "", **match.groupdict()})
    if not rows:
        raise InputError("has no WAV or FLAC files", file=path, hint="set `folder`")
    return rows


def _refuse_clashes(path, rows):
    seen = {}
    for row in rows:
        identity = PurePosixPath(row["file"]).with_suffix("").as_posix().casefold()
        if identity in seen:
            raise InputError(
                f"clashes with {seen[identity]}",
                file=path / row["file"],
                hint="keep one of the two, or give them different names",
            )
        seen[identity] = row["file"]


def _names(path, rows, column):
    """Return the distinct non-empty values of a column in alphabetical order."""
    names = sorted({row[column] for row in rows} - {""})
    folded = {}
    for name in names:
        other = folded.setdefault(name.strip().casefold(), name)
        if other != name:
            raise InputError(
                f"{column} {name!r} clashes with {other!r}", file=path, hint="spell them alike"
            )
    return names
