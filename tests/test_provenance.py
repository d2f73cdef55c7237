"""A fingerprint follows what code means, through every project module that it imports."""

import shutil

import pytest

from spikespeech import provenance


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one script that imports a module that imports another."""
    library = tmp_path / "workflow" / "pkg"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("")
    (library / "outer.py").write_text("from pkg import inner\n\n\ndef f():\n    return inner.g()\n")
    (library / "inner.py").write_text('"""Doc."""\n\n\ndef g():\n    """One."""\n    return 1\n')
    (library / "stranger.py").write_text("x = 1\n")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "job.py").write_text("from pkg.outer import f\n\nprint(f())\n")
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "workflow")
    return tmp_path


def digest(project):
    for name in ("fingerprint", "parsed", "imports", "meaning"):
        getattr(provenance, name).cache_clear()
    return provenance.fingerprint(project / "scripts" / "job.py")


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("inner.py", '"""Doc."""\n\n\ndef g():\n    """One."""\n    return 2\n', True),
        ("inner.py", '"""Other."""\n\n\ndef g():\n    # why\n    return (1)\n', False),
        ("outer.py", "from pkg import inner\nf = inner.g\n", True),
        ("__init__.py", "y = 2\n", True),
        ("stranger.py", "x = 2\n", False),
    ],
)
def test_digest_follows_meaning(project, file, text, changes):
    before = digest(project)
    (project / "workflow" / "pkg" / file).write_text(text)
    assert (digest(project) != before) == changes


def test_digest_is_the_same_in_another_folder(project, tmp_path_factory, monkeypatch):
    before = digest(project)
    moved = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(project, moved)
    monkeypatch.setattr(provenance, "ROOT", moved / "workflow")
    assert digest(moved) == before


def test_relative_imports_are_followed(project):
    (project / "workflow" / "pkg" / "outer.py").write_text("from .inner import g as f\n")
    before = digest(project)
    (project / "workflow" / "pkg" / "inner.py").write_text("def g():\n    return 3\n")
    assert digest(project) != before
