"""Files from the internet: checked before they are kept, taken up where they broke off."""

import contextlib
import errno
import fcntl
import os
import socket
import time
from pathlib import Path

import pooch
import requests

from spikespeech.errors import InputError

ATTEMPTS = 5
FIRST_PAUSE = 1.0  # seconds before the second attempt; each later pause is twice as long
TIMEOUT = 30.0  # seconds without a byte
PIECE = 2**14  # bytes; where a connection breaks, less than that is lost
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, 524)  # 524: ENOTSUPP, of some drivers
WAIT = 0.5  # seconds between two looks at a file that another process downloads


def cache():
    """Return the folder of downloads, which all studies share; SPIKESPEECH_CACHE sets it."""
    chosen = os.environ.get("SPIKESPEECH_CACHE")
    return Path(chosen).expanduser() if chosen else Path(pooch.os_cache("spikespeech"))


def fetch(file, *, mirror=None, folder=None, progress=None, pause=FIRST_PAUSE, check=None):
    """Return the local path of a `datasets.File`, which is downloaded unless it is there.

    Processes that want the same file at once download it once: the others wait for it.

    Parameters
    ----------
    mirror : an address that replaces all but the file's name, or a local folder (or the file
        itself) for machines without internet; see `find_local`
    folder : of downloads, by default `cache()`
    progress : called with (bytes so far, bytes in all or None)
    check : called with the path of a file that has no checksum before it is kept; raises InputError

    Raises InputError where the file cannot be had or is not the one that was asked for.
    """
    urls = [file.url, *file.others]
    if mirror and "://" in str(mirror):
        urls = [f"{str(mirror).rstrip('/')}/{file.name}"]
    elif mirror:
        local = find_local(file, Path(mirror).expanduser())
        if local.suffix == Path(file.name).suffix:
            _check(local, file.checksum, f"copy it again from {file.url}")
        return local
    path = Path(folder or cache()) / file.name
    if _fits(path, file.checksum, check):
        return path
    with _claimed(path.with_name(f"{path.name}.part")) as partial:
        if not _fits(path, file.checksum, check):  # by another process meanwhile
            url = _resume_any(urls, partial, progress, pause)
            try:
                _verify(partial, url, file.checksum, check)
            except InputError:
                partial.unlink()
                raise
            partial.replace(path)
    return path


@contextlib.contextmanager
def _claimed(partial):
    """Yield the path of a part that no other process writes: `partial`, once it is free.

    The claim is a lock of the part itself, which ends with its process. File systems without locks
    give each process a part of its own. An empty part goes when the block ends.
    """
    with contextlib.ExitStack() as stack:
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_locked(partial))
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise InputError(
                    f"cannot be written: {error.strerror}",
                    file=partial.parent,
                    hint="set SPIKESPEECH_CACHE to a folder for downloads",
                ) from error
            _drop_empty(partial)
            unique = f"{partial.stem}.{socket.gethostname()}.{os.getpid()}.part"
            partial = partial.with_name(unique)
        try:
            yield partial
        finally:
            _drop_empty(partial)


def _drop_empty(path):
    with contextlib.suppress(FileNotFoundError):
        if not path.stat().st_size:
            path.unlink()


def _locked(path):
    """Open `path` and lock it, after other processes, which may move or remove it meanwhile."""
    while True:
        file = path.open("ab")
        try:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(WAIT)
            if _same(file, path):
                return file
        except OSError:
            file.close()
            raise
        file.close()


def _same(file, path):
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _fits(path, checksum, check):
    """Return whether `path` is there and what it should be."""
    if not path.is_file():
        return False
    try:
        _verify(path, path, checksum, check)
    except InputError:
        return False
    return True


def _verify(path, name, checksum, check):
    """Raise InputError, which calls the file `name`, unless it is what it should be."""
    if checksum:
        if pooch.file_hash(path, alg=checksum.partition(":")[0]) != checksum.partition(":")[2]:
            raise InputError(
                f"its checksum is not {checksum}",
                file=name,
                hint="try again; if it stays so, the file was changed: use another `mirror`",
            )
    elif check:
        try:
            check(path)
        except InputError as error:
            raise InputError(
                f"what came is of no use: {error.problem}",
                file=name,
                hint="does the network ask for a sign-in? Nothing was kept: try again",
            ) from error


def _check(path, checksum, hint):
    if checksum:
        algorithm, _, expected = checksum.partition(":")
        found = pooch.file_hash(path, alg=algorithm)
        if found != expected:
            raise InputError(
                f"its {algorithm.upper()} is {found} instead of {expected}", file=path, hint=hint
            )


def find_local(file, mirror):
    """Return the path of a `datasets.File` below the folder `mirror`, or `mirror` if it is a file.

    It may be unpacked (.h5) or packed otherwise (.h5.gz), and lie in the folder that tonic makes
    for its data set. Raises InputError, naming where to get it, where there is none.
    """
    if not mirror.is_dir():
        if not mirror.is_file():
            raise InputError("does not exist", file=mirror, hint="set `mirror` of the data set")
        return mirror
    stem = file.name.removesuffix(".zip")
    found = [
        path
        for folder in (mirror, mirror / stem[:3].upper())
        for path in (folder / file.name, folder / f"{stem}.gz", folder / stem)
        if path.is_file()
    ]
    if not found:
        raise InputError(f"has no {file.name}", file=mirror, hint=f"copy it there, from {file.url}")
    return found[0]


def _resume_any(urls, partial, progress, pause):
    """Download from the first address that answers, and return it."""
    for url in urls[:-1]:
        with contextlib.suppress(InputError):
            _resume(url, partial, progress, pause)
            return url
    _resume(urls[-1], partial, progress, pause)
    return urls[-1]


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
            os.truncate(partial, 0)
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
