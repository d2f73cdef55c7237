"""Compilation of kernels: for the user's own CPU, once, kept between processes."""

import functools
import hashlib
import sys
from pathlib import Path

from numba import njit, types
from numba.core.caching import FunctionCache
from numba.extending import intrinsic

from spikespeech.kernels import start  # noqa: F401 - before a kernel is loaded

_HERE = Path(__file__).parent


def compiler(*folders, inner=False, **options):
    """Return a decorator that compiles a function on its first call, without the interpreter lock.

    Arithmetic is strict IEEE single or double precision: sums keep their written order.

    Parameters
    ----------
    folders : whose files hold what the function inlines, besides this package and its own file.
        Numba renews a kernel that it kept when its own file changes; the digest of all these in
        the key does the same for the others
    inner : whether only other kernels call the function. Then what Python would call it by, which
        takes a third of the time, is not compiled, and its call an error
    options : those of numba.njit
    """
    if inner:
        options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    files = sorted(file for folder in (_HERE, *folders) for file in Path(folder).glob("*.py"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()

    def compiled(function):
        dispatcher = njit(nogil=True, **options)(function)
        try:
            dispatcher._cache = _Cache(function, digest)
        except (RuntimeError, OSError):
            _say_unkept("no folder for them can be written")
        return _inner(dispatcher) if inner else dispatcher

    return compiled


def _inner(dispatcher):
    """Let kernels alone call it: from Python, Numba would jump to the code that is not there."""

    def add_overload(compiled):
        dispatcher.overloads[tuple(compiled.signature.args)] = compiled

    def refuse(*_args, **_keywords):
        raise TypeError(f"{dispatcher.__name__} is for kernels to call, not for Python")

    dispatcher.add_overload, dispatcher._compile_for_args = add_overload, refuse
    return dispatcher


class _Cache(FunctionCache):
    """Numba's cache, which only costs time where it is damaged or cannot be read or written."""

    def __init__(self, function, digest):
        super().__init__(function)
        self._digest = digest

    def _index_key(self, sig, codegen):
        return (*super()._index_key(sig, codegen), self._digest)

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # what damaged bytes make of unpickling can be any
            return None

    def save_overload(self, sig, data):
        try:
            try:
                super().save_overload(sig, data)
            except OSError:
                raise
            except Exception:  # the index is damaged: begin another
                self.flush()
                super().save_overload(sig, data)
        except OSError as error:
            _say_unkept(f"{self.cache_path}: {error.strerror}")


@functools.cache
def _say_unkept(reason):
    print(
        f"note: compiled kernels are not kept, so that each job compiles its own: {reason} "
        "(set NUMBA_CACHE_DIR to a folder that can be written)",
        file=sys.stderr,
    )


kernel = compiler()


@intrinsic
def take(typingctx, counter):
    """Add 1 to counter[0], an int64, and return what it was: each thread gets another number."""

    def codegen(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", data, context.get_constant(types.int64, 1), "monotonic")

    return types.int64(counter), codegen


part = njit(nogil=True, inline="always")
"""A part of kernels, written once: compiled into each kernel that calls it."""
