"""Compilation of the engine's kernels: for the user's own CPU, once, kept between processes."""

import hashlib
from pathlib import Path

from numba import njit, types
from numba.core.caching import FunctionCache
from numba.extending import intrinsic

# Numba renews a cached kernel when its own file changes, not when a kernel that it inlined from
# another file does. The digest of all sources of such parts in the key mends that: the engine's,
# and those that it shares with the augmentation.
_ENGINE = Path(__file__).parent
_SHARED = (_ENGINE.parent / name for name in ("bits.py", "codes.py"))
_SOURCES = hashlib.sha256(
    b"".join(p.read_bytes() for p in (*sorted(_ENGINE.glob("*.py")), *_SHARED))
).hexdigest()


class _Cache(FunctionCache):
    def _index_key(self, sig, codegen):
        return (*super()._index_key(sig, codegen), _SOURCES)


def kernel(function):
    """Compile `function` on its first call, without the interpreter lock, and keep the result.

    Arithmetic is strict IEEE single or double precision: sums keep their written order.
    """
    compiled = njit(nogil=True)(function)
    compiled._cache = _Cache(function)
    return compiled


@intrinsic
def take(typingctx, counter):
    """Add 1 to counter[0], an int64, and return what it was: each thread gets another number."""

    def codegen(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", data, context.get_constant(types.int64, 1), "monotonic")

    return types.int64(counter), codegen


part = njit(nogil=True, inline="always")
"""A part of kernels, written once: compiled into each kernel that calls it."""
