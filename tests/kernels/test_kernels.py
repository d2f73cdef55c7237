"""Kernels that are kept between processes: none outlives a change of what it inlines."""

import os
import subprocess
import sys

MAIN = """
from pathlib import Path
from inlined import seven
from spikespeech.kernels.compiling import compiler

@compiler(Path(__file__).parent)
def kernel():
    return seven()

print(kernel(), bool(kernel.stats.cache_hits))
"""
INLINED = """
from spikespeech.kernels.compiling import part

@part
def seven():
    return {}
"""


def test_a_kernel_is_renewed_with_what_it_inlines(tmp_path):
    (tmp_path / "main.py").write_text(MAIN)

    def run(value):
        (tmp_path / "inlined.py").write_text(INLINED.format(value))
        return subprocess.run(
            [sys.executable, "-B", tmp_path / "main.py"],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()

    assert [run(value) for value in (7, 7, 8)] == [["7", "False"], ["7", "True"], ["8", "False"]]
