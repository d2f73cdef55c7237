"""The recordings of a user's folder: which files they are, and the word, speaker and part of each.

All three come either from the files' names or from a table; lists, as those of Speech Commands,
name the recordings of a part. Links are followed. What begins with a dot, and what other systems
leave beside their files, is passed over; so are folders whose name begins with an underscore, as
Speech Commands' background noise, and sound of other kinds, but for a remark. Names are compared
in their normal form, so that a copy from another system is the same data.
"""

import collections
import functools
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spikespeech import reading
from spikespeech.data import names, patterns, tables
from spikespeech.data.patterns import FIELDS
from spikespeech.errors import InputError, nearest

READ = (".wav", ".flac")
"""Kinds of files that are recordings, besides the one that a pattern ends in."""

OTHER_SOUND = re.compile(
    r"\.(aac|aif[cf]?|amr|ape|au|caf|m4a|mp[34]|nist|og[ag]|opus|raw|rf64|shn|snd|sph|w64|webm|wm[av])"
)
LEFT_BY_SYSTEMS = ("@eadir", "__macosx", "#recycle", "$recycle.bin", "system volume information")
PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Row:
    """One recording.

    Attributes
    ----------
    file : its path, as the system spells it
    name : its path in the folder, in the normal form, with slashes
    label, speaker, part : text; speaker and part may be empty
    where : how to call it in an error: its name, or a table's line
    """

    file: Path
    name: str
    label: str
    speaker: str
    part: str
    where: str


@dataclass(frozen=True)
class Found:
    """The recordings of a folder.

    Attributes
    ----------
    rows : list of Row, whose labels all are in `classes`
    classes, speakers : tuples of names, in the order of their numbers
    remarks : sentences on what was passed over
    """

    rows: list
    classes: tuple
    speakers: tuple
    remarks: list


def find(folder, *, table=None, pattern=None, classes=None, lists=None):
    """Return the recordings of a `folder` as Found. See `spikespeech.sound.audio.folder`."""
    folder, remarks = Path(folder), []
    if not folder.is_dir():
        raise InputError("is no folder", file=folder, hint="set `folder` of the data set")
    rows = _from_table(folder, table) if table else _from_names(folder, pattern, remarks)
    rows = _listed(folder, rows, lists or {})
    _refuse_clashes(rows)
    if classes:
        classes = names.distinct(classes, "class", file="`classes`")
        rows = _chosen(folder, rows, classes, remarks)
    if not lists and (folder / "testing_list.txt").exists():
        remarks.append(f"{folder}: testing_list.txt is not used; `lists` of the data set would")
    speakers = _distinct(folder, rows, "speaker")
    classes = classes or _distinct(folder, rows, "label")
    _check_parts(folder, rows)
    return Found(rows, classes, speakers, remarks)


@functools.lru_cache(maxsize=8)
def _planned(section):
    section = json.loads(section)
    how = {key: section.get(key) for key in ("table", "pattern", "classes", "lists")}
    return find(section["folder"], **how)


def planned(section):
    """Return `find` for a section of the configuration, looked up once while jobs are planned."""
    return _planned(json.dumps(section, sort_keys=True))


def walk(folder, remarks=()):
    """Yield the files below `folder` in order of their names, through links.

    A folder that links lead back into is not entered again.
    """

    def below(path, above):
        try:
            status = path.stat()
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", file=path) from error
        if (status.st_dev, status.st_ino) in above:
            return
        above = above | {(status.st_dev, status.st_ino)}
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in LEFT_BY_SYSTEMS:
                continue
            inner = path / entry.name
            if not entry.is_dir():
                yield inner
            elif entry.name.startswith("_"):
                remarks.append(f"{inner} is left out, as its name begins with _")
            else:
                yield from below(inner, above)

    remarks = remarks if isinstance(remarks, list) else []
    yield from below(Path(folder), frozenset())


def inputs(section):
    """Return the files that the data set of a section of the configuration is made from."""
    lists = [str(Path(section["folder"]) / name) for name in section.get("lists", {}).values()]
    table = [section["table"]] if "table" in section else []
    return table + lists + sorted(str(row.file) for row in planned(section).rows)


def _name(folder, file):
    """Return a file's path in the folder, in the normal form."""
    inside = file.relative_to(folder).as_posix()
    try:
        inside.encode()
    except UnicodeEncodeError:
        raise InputError(
            "its name is not UTF-8", file=file, hint="rename it, for example with convmv"
        ) from None
    return names.composed(inside)


def _require(file):
    """Raise InputError unless `file` is there and can be read as a file."""
    try:
        mode = file.stat().st_mode
    except OSError as error:
        if file.is_symlink():
            raise InputError(
                f"is a link to a file that is not there, {file.readlink()}",
                file=file,
                hint="fetch it (git annex get, git lfs pull), or remove the link",
            ) from error
        raise InputError("does not exist", file=file) from error
    if not stat.S_ISREG(mode):
        raise InputError("is no regular file", file=file, hint="remove it")


# Names


def _from_names(folder, pattern, remarks):
    read, suffix = patterns.reader(pattern)
    kinds = {*READ, *filter(None, [suffix])}
    rows, others = [], collections.Counter()
    for file in walk(folder, remarks):
        kind = file.suffix.lower()
        if kind not in kinds:
            others[kind] += bool(OTHER_SOUND.fullmatch(kind))
            continue
        name = _name(folder, file)
        _require(file)
        fields = {key: names.normal(value) for key, value in read(file, name).items()}
        row = {key: fields.get(key, "") for key in FIELDS}
        rows.append(Row(file, name, **row, where=str(file)))
    if others := {kind: n for kind, n in sorted(others.items()) if n}:
        counted = ", ".join(f"{n} {kind}" for kind, n in others.items())
        remarks.append(
            f"{folder}: {counted} left out, as the pattern reads {', '.join(sorted(kinds))}"
        )
    if not rows:
        raise InputError(
            f"has no files {', '.join(sorted(kinds))}" + "".join(f"; {r}" for r in remarks),
            file=folder,
            hint="set `folder`, or let `pattern` end in the kind that is there",
        )
    return rows


# Tables and lists


def _from_table(folder, table):
    table = Path(table)
    listed, columns = tables.read(table, needed=("file", "label"), known=("file", *FIELDS))
    if "speaker" not in columns:
        close = [c for c in columns if c.casefold().startswith("speaker")]
        if close:
            tables.need(table, "speaker", columns)
    spelt = None
    rows = []
    for row in listed:
        where = f"{table}: line {row['line']}"
        if not row["label"]:
            raise InputError("has no label", file=table, example=f"in line {row['line']}")
        file = folder / _inside(folder, row["file"], table, row["line"])
        if not os.path.lexists(file):
            # The system may spell the name otherwise, or it was written on Windows.
            spelt = spelt or {_name(folder, other): other for other in walk(folder)}
            file = spelt.get(row["file"].replace("\\", "/"))
            if file is None:
                raise InputError(
                    f"{row['file']} does not exist in the folder {folder}",
                    file=table,
                    example=f"in line {row['line']}",
                    hint="names are relative to `folder`",
                )
        _require(file)
        fields = {key: row[key] for key in FIELDS}
        rows.append(Row(file, _name(folder, file), **fields, where=where))
    return rows


def _inside(folder, name, table, line):
    """Return the path in the folder that a table names, relative to it or absolute."""
    path = Path(name)
    if path.is_absolute():
        for base in (folder.absolute(), folder.resolve()):
            if path.is_relative_to(base):
                path = path.relative_to(base)
    if path.is_absolute() or ".." in path.parts or not name:
        raise InputError(
            f"{name or 'nothing'} is outside {folder}",
            file=table,
            example=f"in line {line}",
            hint="name the files relative to `folder`",
        )
    return path


def _listed(folder, rows, lists):
    """Return the rows with the parts that the `lists` {part: file in the folder} say."""
    parts = {}
    for part, file in lists.items():
        with reading.guard(folder / file, "name one recording of the folder in each line"):
            lines = (folder / file).read_text(encoding="utf-8-sig").splitlines()
        for name in map(names.normal, lines):
            if name and parts.setdefault(name, part) != part:
                raise InputError(f"{name} is in two lists", file=folder / file)
    if unknown := sorted(parts.keys() - {row.name for row in rows}):
        raise InputError(
            f"names {unknown[0]}, which is no recording that was found",
            file=folder / lists[parts[unknown[0]]],
            hint="name the files relative to `folder`",
        )
    if not lists:
        return rows
    return [Row(**vars(row) | {"part": parts.get(row.name, "train")}) for row in rows]


# What the names say together


def _refuse_clashes(rows):
    seen = {}
    for row in rows:
        identity = PurePosixPath(row.name).with_suffix("").as_posix().casefold()
        if identity in seen:
            raise InputError(
                f"clashes with {seen[identity]}",
                file=row.file,
                hint="keep one of the two, or give them different names",
            )
        seen[identity] = row.name


def _chosen(folder, rows, classes, remarks):
    """Return the rows of the `classes`, with remarks on the others and on empty classes."""
    counts = collections.Counter(row.label for row in rows)
    for name in classes:
        if not counts[name]:
            remarks.append(f"{folder}: no recording of {name!r}{nearest(name, counts)}")
    if left := {label: n for label, n in sorted(counts.items()) if label not in classes}:
        few = ", ".join(list(left)[:5]) + (", …" if len(left) > 5 else "")
        remarks.append(
            f"{folder}: {sum(left.values())} recordings of other words than `classes` names are "
            f"left out: {few}"
        )
    rows = [row for row in rows if row.label in classes]
    if not rows:
        raise InputError(
            f"no recording is of {', '.join(classes)}; there are {', '.join(sorted(left))}",
            file=folder,
            hint="set `classes`",
        )
    return rows


def _distinct(folder, rows, column):
    """Return the distinct non-empty values of a column in alphabetical order."""
    found = {}
    for row in rows:
        found.setdefault(getattr(row, column), row)
    folded = {}
    for name in sorted(found.keys() - {""}):
        names.text(name, column, file=found[name].where)
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(
                f"{column} {name!r} clashes with {other!r}", file=folder, hint="spell them alike"
            )
    return tuple(folded.values())


def _check_parts(folder, rows):
    """Raise InputError unless all rows name their part, or none does."""
    for row in rows:
        if row.part and row.part not in PARTS:
            raise InputError(f"part {row.part!r} is not one of {', '.join(PARTS)}", file=row.where)
    without = [row for row in rows if not row.part]
    if without and len(without) < len(rows):
        raise InputError(
            "has no part, though others have one", file=without[0].where, hint="name it for each"
        )
    missing = {"train", "test"} - {row.part for row in rows}
    if not without and missing:
        raise InputError(f"no recording is of the part {min(missing)!r}", file=folder)
