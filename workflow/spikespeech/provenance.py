"""Fingerprint a script together with every project module that it imports.

Snakemake watches the script named by a rule but none of the modules that the script imports.
Passing this fingerprint as a parameter closes that gap: a job reruns when the meaning of its
code changes, and is left alone when only comments, docstrings, layout or timestamps do.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@cache
def fingerprint(*paths):
    """Return a short digest of `paths`: scripts with the project modules that they reach, and data.

    Files are named by their path in the checkout, so that the digest is the same in every checkout.
    What is no Python counts byte by byte. An import through `importlib` is not followed: name such
    a module, too.
    """
    found = set().union(*(reachable(Path(path).resolve()) for path in paths))
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(ROOT.parent).as_posix(), path) for path in found):
        digest.update(f"{name}\n{meaning(path)}\n".encode())
    return digest.hexdigest()[:12]


def reachable(file):
    """Return the set of project files that `file` is and runs: itself and what it imports."""
    found, pending = set(), [file]
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending += imports(path)
    return found


@cache
def parsed(path):
    """Return the syntax tree of `path`."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path):
    """Return the project files that `path` imports, the `__init__` of packages included."""
    if path.suffix != ".py":
        return []
    names = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package(path, node.level) + ([node.module] if node.module else [])
            names |= {".".join([*base, alias.name]) for alias in node.names}
    return [file for name in sorted(names) for file in files(name)]


def package(path, level):
    """Return the dotted parts of the package that a relative import of this level starts from."""
    return list(path.relative_to(ROOT).parts[:-level]) if level else []


def files(name):
    """Yield the project files that importing the dotted `name` runs."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        stem = ROOT.joinpath(*parts[:depth])
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if file.is_file():
                yield file


@cache
def meaning(path):
    """Return the code of `path` without comments, layout and docstrings; of data, its digest."""
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    bare = parsed(path)
    for node in ast.walk(bare):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(bare)
