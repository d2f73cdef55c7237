"""Archives that others packed: read without trust, so that a damaged or hostile one is an error.

A member that leaves its folder, a name that is no text, contents that never end, a method that
Python has not: each is an InputError that names the archive, and nothing is left half-written.
"""

import bz2
import gzip
import io
import lzma
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.files import atomic

PIECE = 2**20  # bytes that are unpacked at a time
MAX_UNPACKED = 16 * 2**30  # bytes; SSC's training part is 3 GB
MAX_READ = 2**26  # bytes of one read within a tar archive: its headers may promise any size
MAX_MEMBERS = 100_000
HINT = "delete it and fetch it again"

_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}


def unpack_hdf5(archive, target, *, max_bytes=MAX_UNPACKED):
    """Write the HDF5 file in `archive` to the path `target`.

    `archive` is a zip archive with one member *.h5, a file packed by gzip, or an HDF5 file, which
    is copied: its first bytes say which.
    """
    with reading.guard(archive, HINT), Path(archive).open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\x1f\x8b"):
        with gzip.open(archive) as member, atomic(target) as partial:
            _write(partial, _pieces(member, archive, max_bytes))
    elif start == b"\x89HDF\r\n\x1a\n":
        with atomic(target) as partial:
            shutil.copyfile(archive, partial)
    else:
        unzip_one(archive, ".h5", target, max_bytes=max_bytes)


def unzip_one(archive, suffix, target, *, max_bytes=MAX_UNPACKED):
    """Unpack the one member of a zip archive that ends in `suffix` to the path `target`."""
    with reading.guard(archive, HINT):
        if not zipfile.is_zipfile(archive):
            raise InputError("not a zip archive")
        zipped = zipfile.ZipFile(archive)
    with zipped:
        for name in zipped.namelist():
            _refuse_escape(name, archive)
        members = [m for m in zipped.infolist() if m.filename.endswith(suffix)]
        if len(members) != 1:
            raise InputError(
                f"has {len(members)} members *{suffix} instead of one", file=archive, hint=HINT
            )
        if stat.S_ISLNK(members[0].external_attr >> 16):
            raise InputError("is a link", file=archive, example=members[0].filename)
        with reading.guard(archive, HINT):
            member = zipped.open(members[0])
        with member, atomic(target) as partial:
            _write(partial, _pieces(member, archive, max_bytes))


def read_tar(archive, suffix, *, max_bytes=2**30):
    """Return {member name: bytes} of the regular files of a tar archive that end in `suffix`.

    Nothing is written to disk. At most `max_bytes` are unpacked, whatever they hold.
    """
    contents = {}
    with reading.guard(archive, HINT), Path(archive).open("rb") as packed:
        start = packed.peek(8)
        opener = next((o for magic, o in _OPENERS.items() if start.startswith(magic)), None)
        with (
            opener(packed) if opener else packed as plain,
            tarfile.open(fileobj=_Limited(plain, max_bytes), mode="r:") as tar,
        ):
            for number, member in enumerate(tar):
                if number == MAX_MEMBERS:
                    raise InputError(f"has more than {MAX_MEMBERS} members")
                _refuse_escape(member.name, archive)
                if not member.name.endswith(suffix):
                    continue
                if not member.isfile():
                    raise InputError("is no regular file", example=member.name)
                if member.size > MAX_READ:
                    raise InputError(f"has {member.size} bytes", example=member.name)
                data = tar.extractfile(member).read()
                if len(data) < member.size:
                    raise InputError("is cut short", example=member.name)
                contents[member.name] = data
    return contents


class _Limited(io.RawIOBase):
    """A stream that is not read beyond a limit, and in no large piece."""

    def __init__(self, stream, limit):
        self.stream, self.limit = stream, limit

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.stream.tell()

    def read(self, size=-1):
        if not 0 <= size <= MAX_READ:
            raise InputError("promises a header or member of absurd size")
        if self.stream.tell() + size > self.limit + tarfile.RECORDSIZE:  # which ends in padding
            raise InputError(f"unpacks to more than {self.limit} bytes")
        return self.stream.read(size)

    def seek(self, offset, whence=io.SEEK_SET):
        if offset > self.limit + tarfile.RECORDSIZE:
            raise InputError(f"unpacks to more than {self.limit} bytes")
        return self.stream.seek(offset)


def _refuse_escape(name, archive):
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
        raise InputError(
            "leaves the archive's folder", file=archive, example=name, hint="do not use this file"
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError("has a name that is not UTF-8", file=archive, example=name) from None


def _pieces(member, archive, max_bytes):
    """Yield the bytes of a packed file, of which whatever goes wrong is the archive's fault."""
    left = max_bytes
    while True:
        with reading.guard(archive, HINT):
            piece = member.read(PIECE)
        if not piece:
            return
        left -= len(piece)
        if left < 0:
            raise InputError(
                f"unpacks to more than {max_bytes} bytes", file=archive, hint="do not use this file"
            )
        yield piece


def _write(path, pieces):
    with path.open("wb") as output:
        for piece in pieces:
            output.write(piece)
