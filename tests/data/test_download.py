"""Downloads from a server that lies, breaks off and falls over; archives that misbehave."""

import contextlib
import errno
import functools
import hashlib
import io
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import tonic.datasets

from spikespeech.data import archives, datasets, download
from spikespeech.data.datasets import File
from spikespeech.errors import InputError

CONTENT = np.random.default_rng(0).bytes(300_000)
CHECKSUM = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@contextlib.contextmanager
def server(behaviours, content=CONTENT):
    """Serve `content`; each request takes the next behaviour. Yields the address and a log."""
    requests, behaviours = [], list(behaviours)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            behaviour = behaviours.pop(0) if behaviours else "whole"
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
            requests.append((behaviour, start))
            if behaviour == "error":
                self.send_error(503)
                return
            if behaviour == "missing":
                self.send_error(404)
                return
            if start and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            rest = content if behaviour == "no resume" else content[start:]
            self.send_response(206 if start and behaviour != "no resume" else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: len(rest) // 2] if behaviour == "cut" else rest)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/data.zip", requests
        running.shutdown()


def fetch(url, folder, checksum=CHECKSUM, **options):
    return download.fetch(File(url, checksum), folder=folder, pause=0.01, **options)


def test_a_download_goes_on_where_it_broke_off(tmp_path):
    seen = []
    with server(["cut", "error", "cut", "whole"]) as (url, requests):
        path = fetch(url, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    starts = [start for _, start in requests]
    assert starts[0] == 0 < 130_000 < starts[1] == starts[2] < starts[3] - 50_000
    assert seen[-1] == (300_000, 300_000)
    assert list(tmp_path.iterdir()) == [path]


def test_a_later_run_goes_on_as_well_and_a_third_downloads_nothing(tmp_path):
    with server(["cut", *["error"] * 4]) as (url, _):
        with pytest.raises(InputError, match="cannot be downloaded: 503") as caught:
            fetch(url, tmp_path)
        assert "\n" not in str(caught.value)
    (partial,) = tmp_path.iterdir()
    got = partial.stat().st_size
    assert got > 130_000
    assert partial.read_bytes() == CONTENT[:got]
    with server([]) as (url, requests):
        path = fetch(url, tmp_path)
        assert fetch(url, tmp_path) == path
    assert requests == [("whole", got)]
    assert path.read_bytes() == CONTENT


def test_a_server_that_cannot_resume_starts_again(tmp_path):
    with server(["cut", "no resume"]) as (url, _):
        assert fetch(url, tmp_path).read_bytes() == CONTENT


def test_a_partial_file_that_is_whole_or_too_long(tmp_path):
    for partial in (CONTENT, CONTENT + b"more"):
        (tmp_path / "data.zip.part").write_bytes(partial)
        with server([]) as (url, _):
            path = fetch(url, tmp_path)
        assert path.read_bytes() == CONTENT
        path.unlink()


def test_a_wrong_checksum_is_an_error_and_leaves_nothing(tmp_path):
    with server([]) as (url, _), pytest.raises(InputError, match="its checksum is not md5:0123"):
        fetch(url, tmp_path, checksum="md5:0123")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("checksum", [CHECKSUM, None])
@pytest.mark.parametrize("locks", [True, False])
def test_a_file_that_several_want_at_once_comes_whole_to_each(
    tmp_path, monkeypatch, checksum, locks
):
    monkeypatch.setattr(download, "WAIT", 0.01)
    if not locks:

        def refuse(*_):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(download.fcntl, "flock", refuse)
        monkeypatch.setattr(download.os, "getpid", threading.get_ident)
    with server([]) as (url, requests), ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch(url, tmp_path, checksum=checksum), range(4)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert list(tmp_path.iterdir()) == [tmp_path / "data.zip"]
    assert len(requests) == 1 or not locks


def test_what_is_of_no_use_is_not_kept_and_asked_for_again(tmp_path):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.wav"))
    check = functools.partial(archives.read_tar, suffix=".wav")
    with server([], b"<!doctype html><title>Sign in</title>") as (url, _):
        with pytest.raises(InputError, match=r"data\.zip: what came is of no use: .*sign-in"):
            fetch(url, tmp_path, checksum=None, check=check)
        assert not list(tmp_path.iterdir())
    (tmp_path / "data.zip").write_bytes(b"spoilt")
    with server([], archive.getvalue()) as (url, _):
        path = fetch(url, tmp_path, checksum=None, check=check)
    assert path.read_bytes() == archive.getvalue()


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPIKESPEECH_CACHE", str(tmp_path / "file/cache"))
    with pytest.raises(InputError, match=r"cannot be written: .*\(set SPIKESPEECH_CACHE"):
        download.fetch(File("http://127.0.0.1:9/data.zip"))


def test_no_such_file_and_no_such_server(tmp_path):
    with server(["missing"]) as (url, requests):
        with pytest.raises(InputError, match="the server says 404"):
            fetch(url, tmp_path)
        assert len(requests) == 1
    with pytest.raises(InputError, match=r"cannot be downloaded.*set `mirror`"):
        fetch("http://127.0.0.1:9/data.zip", tmp_path)


def test_mirrors(tmp_path):
    elsewhere = "http://127.0.0.1:9/data.zip"
    with server([]) as (url, _):
        path = fetch(elsewhere, tmp_path / "cache", mirror=url.removesuffix("/data.zip"))
    assert path.read_bytes() == CONTENT
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InputError, match=r"has no data.zip \(copy it there"):
        fetch(elsewhere, tmp_path, mirror=str(folder))
    (folder / "data.zip").write_bytes(CONTENT)
    assert fetch(elsewhere, tmp_path, mirror=str(folder)) == folder / "data.zip"
    (folder / "data.zip").write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=r"its MD5 is .* instead of"):
        fetch(elsewhere, tmp_path, mirror=str(folder))


def test_another_host_is_asked_where_the_first_does_not_answer(tmp_path):
    with server(["missing"]) as (first, asked), server([]) as (second, answered):
        file = File(first, CHECKSUM, (second,))
        assert download.fetch(file, folder=tmp_path, pause=0.01).read_bytes() == CONTENT
    assert len(asked) == len(answered) == 1
    with server(["missing"]) as (first, _), pytest.raises(InputError, match="cannot be downloaded"):
        download.fetch(
            File(first, "md5:0", ("http://127.0.0.1:9/data.zip",)), folder=tmp_path, pause=0.01
        )


def test_a_local_file_may_be_unpacked_or_where_tonic_puts_it(tmp_path):
    file = datasets.REGISTRY["shd"].files["train"]
    for place in ("shd_train.h5.zip", "shd_train.h5.gz", "shd_train.h5", "SHD/shd_train.h5"):
        path = tmp_path / place.replace("/", "_") / place
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        folder = tmp_path / place.replace("/", "_")
        assert download.find_local(file, folder) == download.find_local(file, path) == path
    with pytest.raises(InputError, match=r"has no shd_train.h5.zip \(copy it .* https://zenkelab"):
        download.find_local(file, tmp_path)


def test_the_registry_agrees_with_tonic():
    for name, source in (("shd", tonic.datasets.SHD), ("ssc", tonic.datasets.SSC)):
        files = datasets.REGISTRY[name].files
        assert tuple(files) == datasets.REGISTRY[name].parts
        for part, file in files.items():
            assert file.url == source.base_url + getattr(source, f"{part}_zip")
            assert file.checksum == "md5:" + getattr(source, f"{part}_md5")
