"""Files from the internet: checked, taken up where they broke off."""

import os
import shutil
import time
from pathlib import Path

import pooch
import requests

from spikespeech.errors import InputError

ATTEMPTS = 5
FIRST_PAUSE = 1.0  # seconds before the second attempt; each later pause is twice as long
TIMEOUT = 30.0  # seconds without a byte
PIECE = 2**14  # bytes; where a connection breaks, less than that is lost


def cache():
    """Return the folder of downloads, which all studies share; SPIKESPEECH_CACHE sets it."""
    return Path(os.environ.get("SPIKESPEECH_CACHE") or pooch.os_cache("spikespeech"))


def fetch(file, *, mirror=None, folder=None, progress=None, pause=FIRST_PAUSE):
    """Return the local path of a `datasets.File`, which is downloaded unless it is there.

    Parameters
    ----------
    mirror : an address that replaces all but the file's name, or a local folder (or the file
        itself) for machines without internet
    folder : of downloads, by default `cache()`
    progress : called with (bytes so far, bytes in all or None)

    Raises InputError where the file cannot be had or has another checksum.
    """
    url = file.url
    if mirror and "://" in str(mirror):
        url = f"{str(mirror).rstrip('/')}/{file.name}"
    elif mirror:
        local = Path(mirror) / file.name if Path(mirror).is_dir() else Path(mirror)
        if not local.is_file():
            raise InputError("does not exist", file=local, hint="set `mirror` of the data set")
        _check(local, file.checksum, "copy it again")
        return local

    def download(url, output, _pooch):
        _resume(url, Path(folder) / f"{file.name}.part", progress, pause)
        shutil.move(Path(folder) / f"{file.name}.part", output)

    folder = Path(folder or cache())
    try:
        return Path(pooch.retrieve(url, file.checksum, file.name, folder, downloader=download))
    except ValueError as error:  # pooch found another checksum and removed the file
        raise InputError(
            f"its checksum is not {file.checksum}",
            file=url,
            hint="try again; if it stays so, the file was changed: use another `mirror`",
        ) from error


def _check(path, checksum, hint):
    if checksum:
        algorithm, _, expected = checksum.partition(":")
        found = pooch.file_hash(path, alg=algorithm)
        if found != expected:
            raise InputError(
                f"its {algorithm.upper()} is {found} instead of {expected}", file=path, hint=hint
            )


def _resume(url, partial, progress, pause):
    """Download into `partial`, from where it ends, in several attempts."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            return _continue(url, partial, progress)
        except requests.HTTPError as error:
            if error.response.status_code < 500:
                raise InputError(
                    f"the server says {error.response.status_code} {error.response.reason}",
                    file=url,
                    hint="set `mirror` of the data set to another address or a local folder",
                ) from error
            last = error
        except (requests.RequestException, EOFError) as error:
            last = error
    raise InputError(
        f"cannot be downloaded: {str(last).splitlines()[0]}",
        file=url,
        hint="run it again to go on where it stopped, or set `mirror` of the data set to another "
        "address or a local folder",
    ) from last


def _continue(url, partial, progress):
    done = partial.stat().st_size if partial.exists() else 0
    # Offsets count the bytes that are stored, so no compression on the way.
    headers = {"Range": f"bytes={done}-", "Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            if answer.headers.get("Content-Range", "").rpartition("/")[2] == str(done):
                return  # it was whole already
            partial.unlink()
            raise EOFError("the part that was there does not fit")
        answer.raise_for_status()
        if answer.status_code != requests.codes.partial_content:
            done = 0  # the server sends it all again
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length else None
        with partial.open("ab" if done else "wb") as file:
            for piece in answer.iter_content(PIECE):
                file.write(piece)
                done += len(piece)
                if progress:
                    progress(done, total)
    if total is not None and done < total:
        raise EOFError(f"the connection broke after {done} of {total} bytes")
