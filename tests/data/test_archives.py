"""Archives: what is good is read, what is damaged or hostile is one error within seconds."""

import gzip
import io
import lzma
import os
import tarfile
import zipfile

import numpy as np
import pytest

from spikespeech.data import archives
from spikespeech.errors import InputError

CONTENT = np.random.default_rng(0).bytes(300_000)


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_unzip(tmp_path):
    archive = zipped(tmp_path / "a.zip", **{"shd_train.h5": b"data", "readme.txt": b""})
    archives.unzip_one(archive, ".h5", tmp_path / "out" / "train.h5")
    assert (tmp_path / "out" / "train.h5").read_bytes() == b"data"


@pytest.mark.parametrize(
    "members, problem",
    [
        ({"../train.h5": b"data"}, "leaves the archive's folder"),
        ({"/train.h5": b"data"}, "leaves the archive's folder"),
        ({"C:\\train.h5": b"data"}, "leaves the archive's folder"),
        ({"train.h5": bytes(2_000_000)}, "unpacks to more than 1000000 bytes"),
        ({"a.h5": b"", "b.h5": b""}, "has 2 members"),
        ({"a.txt": b""}, "has 0 members"),
    ],
)
def test_bad_zip_archives_write_nothing(tmp_path, members, problem):
    archive = zipped(tmp_path / "a.zip", **members)
    with pytest.raises(InputError, match=problem):
        archives.unzip_one(archive, ".h5", tmp_path / "out" / "train.h5", max_bytes=1_000_000)
    assert not list((tmp_path / "out").glob("*")) and not (tmp_path / "train.h5").exists()


def test_a_damaged_zip_archive(tmp_path):
    archive = zipped(tmp_path / "a.zip", **{"train.h5": CONTENT})
    content = bytearray(archive.read_bytes())
    content[1000] ^= 1
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read"):
        archives.unzip_one(archive, ".h5", tmp_path / "train.h5")
    archive.write_bytes(CONTENT)
    with pytest.raises(InputError, match="not a zip archive"):
        archives.unzip_one(archive, ".h5", tmp_path / "train.h5")
    assert not (tmp_path / "train.h5").exists()


def tarred(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_read_tar(tmp_path):
    good, bad, link = (tarfile.TarInfo(n) for n in ("a/b.wav", "../b.wav", "a/c.wav"))
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive = tmp_path / "a.tar.gz"
    assert archives.read_tar(tarred(archive, (good, b"x")), ".wav") == {"a/b.wav": b"x"}
    with pytest.raises(InputError, match=r"example \.\./b\.wav: leaves the archive's folder"):
        archives.read_tar(tarred(archive, (good, b"x"), (bad, b"x")), ".wav")
    with pytest.raises(InputError, match="is no regular file"):
        archives.read_tar(tarred(archive, (link, b"")), ".wav")
    with pytest.raises(InputError, match="unpacks to more than"):
        archives.read_tar(tarred(archive, (good, CONTENT)), ".wav", max_bytes=1000)
    archive.write_bytes(archive.read_bytes()[:-50_000])
    with pytest.raises(InputError, match="cannot be read"):
        archives.read_tar(archive, ".wav")


HDF5 = b"\x89HDF\r\n\x1a\n" + CONTENT


def test_an_hdf5_file_is_unpacked_from_whatever_holds_it(tmp_path):
    plain, packed = tmp_path / "a.h5", tmp_path / "a.h5.gz"
    plain.write_bytes(HDF5)
    packed.write_bytes(gzip.compress(HDF5))
    for archive in (plain, packed, zipped(tmp_path / "a.h5.zip", **{"a.h5": HDF5})):
        archives.unpack_hdf5(archive, tmp_path / "out.h5")
        assert (tmp_path / "out.h5").read_bytes() == HDF5
        (tmp_path / "out.h5").unlink()


def changed(data, at):
    """Return `data` with a byte changed in each of the places `at`."""
    data = bytearray(data)
    for place in at:
        data[place] ^= 0xFF
    return bytes(data)


def packed_zip(method, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def entry(data, offset, value):
    """Return a zip archive whose only entry has another `value` `offset` bytes from its head."""
    data = bytearray(data)
    for signature, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        start = data.index(signature) + offset + shift
        data[start : start + len(value)] = value
    return bytes(data)


STORED = packed_zip(zipfile.ZIP_STORED, **{"a.h5": b"data"})
HOSTILE = {
    "gz cut": (gzip.compress(HDF5)[:-9], "cannot be read"),
    "gz damaged": (changed(gzip.compress(HDF5), [40, 41, 42]), "cannot be read"),
    "gz of all zeros": (gzip.compress(bytes(2_000_000)), "unpacks to more than 1000000 bytes"),
    "deflate": (
        changed(packed_zip(zipfile.ZIP_DEFLATED, **{"a.h5": bytes(5000)}), range(36, 44)),
        "cannot be read",
    ),
    "lzma": (
        changed(packed_zip(zipfile.ZIP_LZMA, **{"a.h5": CONTENT}), range(44, 90)),
        "cannot be read|does not fit",
    ),
    "bzip2": (
        changed(packed_zip(zipfile.ZIP_BZIP2, **{"a.h5": CONTENT}), range(60, 90)),
        "cannot be read",
    ),
    "encrypted": (entry(STORED, 6, b"\x01\x00"), "encrypted"),
    "unknown method": (entry(STORED, 8, b"\x63\x00"), "cannot be read"),
    "name that is no text": (
        entry(packed_zip(zipfile.ZIP_STORED, **{"\u00fc.h5": b"d"}), 6, b"\x00\x08").replace(
            "\u00fc".encode(), b"\xff\xff"
        ),
        "is not text in UTF-8",
    ),
    "nothing": (b"", "not a zip archive"),
    "a page": (b"<!doctype html><title>Sign in</title>", "not a zip archive"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_in_place_of_hdf5(tmp_path, kind):
    data, problem = HOSTILE[kind]
    archive = tmp_path / "a.bin"
    archive.write_bytes(data)
    with pytest.raises(InputError, match=problem) as caught:
        archives.unpack_hdf5(archive, tmp_path / "out.h5", max_bytes=1_000_000)
    assert caught.value.file == archive and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [archive]


def pax(size):
    """Return a tar archive whose first header promises `size` bytes of extended attributes."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, size
    return info.tobuf(tarfile.PAX_FORMAT)


def large(name, size):
    """Return the head of a member of a tar archive."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def latin(name):
    info = tarfile.TarInfo(name)
    info.size = 1
    return info.tobuf(tarfile.GNU_FORMAT, "latin-1") + b"x".ljust(512, b"\0") + bytes(1024)


@pytest.mark.parametrize(
    "data, problem",
    [
        (lambda: gzip.compress(pax(2**32 - 512) + bytes(2**20)), "absurd size"),
        (lambda: gzip.compress(large("x.txt", 2**22) + bytes(2**22)), "more than 2097152 bytes"),
        (lambda: large("x.wav", 2**40), "has 1099511627776 bytes"),
        (lambda: changed(lzma.compress(pax(0) + CONTENT), range(300, 400)), "cannot be read"),
        (lambda: latin("\u00fc.wav"), "name that is not UTF-8"),
        (lambda: b"<!doctype html><title>Sign in</title>", "cannot be read"),
        (lambda: b"", "cannot be read"),
    ],
)
def test_hostile_tar_archives(tmp_path, data, problem):
    archive = tmp_path / "a.tar"
    archive.write_bytes(data())
    with pytest.raises(InputError, match=problem) as caught:
        archives.read_tar(archive, ".wav", max_bytes=2**21)
    assert caught.value.file == archive and "\n" not in str(caught.value)


def test_a_pipe_is_no_archive(tmp_path):
    os.mkfifo(tmp_path / "a.zip")
    for read in (
        lambda: archives.read_tar(tmp_path / "a.zip", ".wav"),
        lambda: archives.unpack_hdf5(tmp_path / "a.zip", tmp_path / "out.h5"),
    ):
        with pytest.raises(InputError, match="is no regular file"):
            read()
