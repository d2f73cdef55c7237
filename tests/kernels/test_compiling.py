"""What is compiled is kept; a cache that is damaged, full or missing only costs time."""

import errno
import importlib.util
import itertools

import numba
import numba.core.caching
import pytest

from spikespeech.kernels import compiling

SOURCE = """from spikespeech.kernels.compiling import kernel


@kernel
def double(x):
    return 2 * x
"""
count = itertools.count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Import the module of SOURCE anew, as another process does; its cache is tmp_path/cache."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    compiling._say_unkept.cache_clear()
    path = tmp_path / "kernels.py"
    path.write_text(SOURCE)

    def load():
        spec = importlib.util.spec_from_file_location(f"kernels{next(count)}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.double(21) == 42
        return sum(module.double.stats.cache_hits.values())

    return load


def kept(tmp_path, suffix):
    return list((tmp_path / "cache").rglob(f"*{suffix}"))


def test_a_kernel_is_compiled_once(load, tmp_path):
    assert (load(), load()) == (0, 1)
    assert kept(tmp_path, ".nbi") and kept(tmp_path, ".nbc")


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: bytes(len(b))]
)
def test_what_is_damaged_is_compiled_again_and_kept(load, tmp_path, suffix, damage):
    load()
    for file in kept(tmp_path, suffix):
        file.write_bytes(damage(file.read_bytes()))
    assert (load(), load()) == (0, 1)


def test_a_full_disk_is_said_once(load, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(numba.core.caching.IndexDataCacheFile, "save", full)
    assert (load(), load()) == (0, 0)
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in line and "NUMBA_CACHE_DIR" in line


def test_no_folder_at_all_is_said_once(load, monkeypatch, capsys):
    def nowhere(*_):
        raise RuntimeError("no locator available")

    monkeypatch.setattr(numba.core.caching.CacheImpl, "__init__", nowhere)
    assert (load(), load()) == (0, 0)
    (line,) = capsys.readouterr().err.splitlines()
    assert "NUMBA_CACHE_DIR" in line


@compiling.compiler(inner=True)
def _twice(x):
    return 2 * x


@compiling.kernel
def _four_times(x):
    return _twice(_twice(x))


def test_what_kernels_alone_call_cannot_be_called_from_python():
    assert _four_times(3) == 12
    with pytest.raises(TypeError, match="_twice is for kernels to call"):
        _twice(3)
