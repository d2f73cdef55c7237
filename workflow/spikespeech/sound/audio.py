"""Recordings of words: FSDD's archive, or a user's own folder of WAV and FLAC files."""

import functools
import hashlib
import io
import re
import zlib
from pathlib import PurePosixPath

from spikespeech.data import folders
from spikespeech.data.archives import read_tar
from spikespeech.data.datasets import ENGLISH
from spikespeech.errors import InputError
from spikespeech.sound import files
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
            sound=functools.partial(files.read, io.BytesIO(members[name])),
        )
        for name, match in taken.items()
        if int(match["take"]) < utterances
    ]
    return recordings, ENGLISH, speakers


def folder(path, *, table=None, pattern=None, classes=None, lists=None):
    """Return the recordings of a folder, the names of the classes and of the speakers.

    Labels and speakers come either from a table or from the files' names.

    Parameters
    ----------
    path : the folder
    table : CSV file with columns file (relative to the folder), label and, if known, speaker and
        part (train, valid or test)
    pattern : of the files' paths in the folder, such as "{label}/{speaker}_{take}.wav"; a field
        matches anything but a slash; `label` is needed, `speaker` and `part` are not
    classes : the labels that are taken, in this order; all of them, in alphabetical order, if not
        given
    lists : {part: file in the folder that names its recordings, one a line}; all others train

    Raises InputError for files that are missing, that stand for the same recording, whose name
    can be read in two ways, or whose classes or speakers differ only in upper and lower case.
    """
    return found(folders.find(path, table=table, pattern=pattern, classes=classes, lists=lists))


def found(listing):
    """Return the recordings of a folder that `folders.find` has listed, as `folder` does."""
    classes = {name: k for k, name in enumerate(listing.classes)}
    speakers = {name: k for k, name in enumerate(listing.speakers)} | {"": -1}
    recordings = [
        Recording(
            key=_key(row.name),
            name=str(row.file),
            label=classes[row.label],
            speaker=speakers[row.speaker],
            sound=functools.partial(files.read, row.file),
            part=row.part or None,
        )
        for row in listing.rows
    ]
    return recordings, listing.classes, list(listing.speakers)


def _key(name):
    """Return a spawn key from a recording's name: other recordings do not change its spikes."""
    return (zlib.crc32(name.encode()),)
