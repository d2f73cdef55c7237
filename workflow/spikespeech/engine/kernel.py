"""Compilation of kernels that inline parts of the engine."""

from pathlib import Path

from spikespeech.kernels.compiling import compiler

kernel = compiler(Path(__file__).parent)
inner = compiler(Path(__file__).parent, inner=True)
"""A kernel that only kernels call."""
