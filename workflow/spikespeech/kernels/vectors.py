"""Blocks of LANES neurons as one value of a kernel: LLVM vectors that stay in registers.

Numba's loops over several arrays are often not vectorised, and an accumulator in an array goes
through memory at every addition. A Block is a `<LANES x float>` of LLVM, which becomes four
registers with AVX-512, eight with AVX2 and sixteen with SSE or NEON; a wide Block is a
`<WIDE x float>`, half the registers there are; a narrow one is a `<NARROW x float>`, a cache line,
and a quad a `<QUAD x float>`. Blocks know `+`, `-`, `*` and `/`, each a strict
IEEE operation on every lane.
"""

import operator

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from spikespeech.kernels import llvm

LANES, NARROW, QUAD = 64, 16, 4
WIDE = 256 if binding.get_host_cpu_features().get("avx512f") else LANES


class BlockType(types.Type):
    """Numba's type of a Block."""

    def __init__(self, lanes):
        super().__init__(name=f"Block{lanes}")
        self.floats = ir.VectorType(ir.FloatType(), lanes)


block, wide_block = BlockType(LANES), BlockType(WIDE)
narrow_block, quad_block = BlockType(NARROW), BlockType(QUAD)
_FLOATS = block.floats
_BITS = ir.VectorType(ir.IntType(1), LANES)


@register_model(BlockType)
class _BlockModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, fe_type.floats)


def _operator(symbol, instruction):
    @infer_global(symbol)
    class _Template(AbstractTemplate):
        def generic(self, args, kws):
            if isinstance(args[0], BlockType) and args == (args[0], args[0]):
                return signature(args[0], *args)

    @lower_builtin(symbol, BlockType, BlockType)
    def _(context, builder, sig, args):
        return getattr(builder, instruction)(*args)


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_symbol, _instruction)


def _call(builder, name, result, parameters, args, flags=()):
    lanes = parameters[-1].count
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(result, parameters), f"{name}.v{lanes}f32"
    )
    return builder.call(function, args, fastmath=flags)


def _check(array):
    if array.ndim != 1 or array.dtype != types.float32 or array.layout != "C":
        raise TypeError("blocks live in flat float32 arrays")


def _load(context, builder, sig, args):
    floats = sig.return_type.floats
    if sig.args[0] == types.float32:
        return llvm.spread(builder, args[0], floats)
    pointer = llvm.pointer(context, builder, sig.args[0], *args, floats)
    return builder.load(pointer, align=4)


def _loaded(kind, array):
    if array == kind:
        return kind(array, types.intp), lambda context, builder, sig, args: args[0]
    if array != types.float32:
        _check(array)
    return kind(array, types.intp), _load


@intrinsic
def load(typingctx, array, index):
    """Return the Block array[index : index + LANES] of a flat float32 array.

    A float32 stands for an array of as many as are asked for, and so does a Block.
    """
    return _loaded(block, array)


@intrinsic
def ahead(typingctx, array):
    """Return what `load` is to read in a loop: the Block of a float32, or the flat array itself."""
    if array != types.float32:
        _check(array)

    def codegen(context, builder, sig, args):
        if sig.args[0] == types.float32:
            return llvm.spread(builder, args[0], _FLOATS)
        return impl_ret_borrowed(context, builder, sig.args[0], args[0])

    return (block if array == types.float32 else array)(array), codegen


@intrinsic
def value(typingctx, array, index):
    """Return array[index] of a flat float32 array; a float32 stands for one, as for `load`."""
    if array != types.float32:
        _check(array)

    def codegen(context, builder, sig, args):
        if sig.args[0] == types.float32:
            return args[0]
        pointer = llvm.pointer(context, builder, sig.args[0], *args, ir.FloatType())
        return builder.load(pointer, align=4)

    return types.float32(array, types.intp), codegen


@intrinsic
def load_wide(typingctx, array, index):
    """Return the wide Block array[index : index + WIDE]; otherwise as `load`."""
    return _loaded(wide_block, array)


@intrinsic
def load_narrow(typingctx, array, index):
    """Return the narrow Block array[index : index + NARROW]; otherwise as `load`."""
    return _loaded(narrow_block, array)


@intrinsic
def load_quad(typingctx, array, index):
    """Return the quad array[index : index + QUAD]; otherwise as `load`."""
    return _loaded(quad_block, array)


@intrinsic
def quad(typingctx, a, b, c, d):
    """Return the quad of four float32."""

    def codegen(context, builder, sig, args):
        made, index = ir.Constant(quad_block.floats, ir.Undefined), ir.IntType(32)
        for n, number in enumerate(args):
            made = builder.insert_element(made, number, index(n))
        return made

    return quad_block(*[types.float32] * QUAD), codegen


@intrinsic
def store(typingctx, array, index, value):
    """Write a Block, wide or not, to `array` from `index` on."""
    _check(array)

    def codegen(context, builder, sig, args):
        pointer = llvm.pointer(context, builder, sig.args[0], *args[:2], sig.args[2].floats)
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, value), codegen


@intrinsic
def splat(typingctx, value):
    """Return a Block with `value` in each lane."""

    def codegen(context, builder, sig, args):
        return llvm.spread(builder, args[0], _FLOATS)

    return block(types.float32), codegen


@intrinsic
def fma(typingctx, a, b, c):
    """Return a b + c, rounded once where the CPU can."""

    def codegen(context, builder, sig, args):
        floats = sig.return_type.floats
        return _call(builder, "llvm.fmuladd", floats, [floats] * 3, args)

    return a(a, b, c), codegen


@intrinsic
def sqrt(typingctx, a):
    """Return the square root of each lane."""

    def codegen(context, builder, sig, args):
        floats = sig.return_type.floats
        return _call(builder, "llvm.sqrt", floats, [floats], args)

    return a(a), codegen


@intrinsic
def total(typingctx, a):
    """Return the sum of the lanes of a Block or a narrow one, added as a tree."""

    def codegen(context, builder, sig, args):
        f32, floats = ir.FloatType(), sig.args[0].floats
        operands = (f32(-0.0), args[0])
        return _call(builder, "llvm.vector.reduce.fadd", f32, [f32, floats], operands, ("reassoc",))

    return types.float32(a), codegen


@intrinsic
def lane(typingctx, a, index):
    """Return a lane of a Block of any size."""

    def codegen(context, builder, sig, args):
        return builder.extract_element(args[0], args[1])

    return types.float32(a, types.intp), codegen


def _across(index):
    def codegen(context, builder, sig, args):
        pairs = (
            builder.shuffle_vector(args[n], args[n + 1], llvm.lanes([index, QUAD + index]))
            for n in (0, 2)
        )
        return builder.shuffle_vector(*pairs, llvm.lanes([*range(QUAD)]))

    return codegen


@intrinsic
def firsts(typingctx, a, b, c, d):
    """Return the quad of the first lanes of four quads."""
    return a(a, a, a, a), _across(0)


@intrinsic
def seconds(typingctx, a, b, c, d):
    """Return the quad of the second lanes of four quads."""
    return a(a, a, a, a), _across(1)


@intrinsic
def transpose(typingctx, source, index, stride, target, at, step):
    """Write a square of NARROW rows of NARROW numbers from one flat float32 array to another.

    target[at + j * step + i] = source[index + i * stride + j]
    """
    _check(source)
    _check(target)
    floats = narrow_block.floats

    def codegen(context, builder, sig, args):
        def place(first, stride, row):
            return builder.add(first, builder.mul(stride, first.type(row)))

        def address(which, first, stride, row):
            index = place(args[first], args[stride], row)
            return llvm.pointer(context, builder, sig.args[which], args[which], index, floats)

        rows = [builder.load(address(0, 1, 2, i), align=4) for i in range(NARROW)]
        apart = 1
        while apart < NARROW:
            # Of each pair of rows, squares of `apart` change places: i and j differ in one bit.
            for i in range(NARROW):
                if not i & apart:
                    low = [j if not j & apart else NARROW + j - apart for j in range(NARROW)]
                    high = [j + apart if not j & apart else NARROW + j for j in range(NARROW)]
                    pair = rows[i], rows[i + apart]
                    rows[i], rows[i + apart] = (
                        builder.shuffle_vector(*pair, llvm.lanes(taken)) for taken in (low, high)
                    )
            apart *= 2
        for i, row in enumerate(rows):
            builder.store(row, address(3, 4, 5, i), align=4)
        return context.get_dummy_value()

    given = types.intp
    return types.none(source, given, given, target, given, given), codegen


@intrinsic
def prefetch(typingctx, array, index):
    """Bring array[index] of a flat float32 array, and the line that it lies in, into the caches."""
    _check(array)

    def codegen(context, builder, sig, args):
        number, text = ir.IntType(32), ir.IntType(8).as_pointer()
        pointer = llvm.pointer(context, builder, sig.args[0], *args, ir.IntType(8))
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [text, number, number, number]),
            "llvm.prefetch.p0",
        )
        reading, nearest, data = number(0), number(3), number(1)
        builder.call(function, (pointer, reading, nearest, data))
        return context.get_dummy_value()

    return types.none(array, types.intp), codegen


def _compare(predicate):
    def codegen(context, builder, sig, args):
        bits = (
            builder.fcmp_unordered(predicate, *args)
            if predicate == "!="
            else (builder.fcmp_ordered(predicate, *args))
        )
        whole = builder.bitcast(bits, ir.IntType(LANES))
        return whole if LANES == 64 else builder.zext(whole, ir.IntType(64))

    return codegen


@intrinsic
def at_least(typingctx, a, b):
    """Return the lanes where a >= b, as the bits of a uint64."""
    return types.uint64(block, block), _compare(">=")


@intrinsic
def differ(typingctx, a, b):
    """Return the lanes where a != b or either is nan, as the bits of a uint64."""
    return types.uint64(block, block), _compare("!=")


@intrinsic
def select(typingctx, bits, a, b):
    """Return `a` in the lanes of `bits`, `b` in the others."""

    def codegen(context, builder, sig, args):
        whole = args[0] if LANES == 64 else builder.trunc(args[0], ir.IntType(LANES))
        return builder.select(builder.bitcast(whole, _BITS), *args[1:])

    return block(types.uint64, block, block), codegen


@intrinsic
def opaque(typingctx, p):
    """Return a uint64, of which LLVM then knows nothing: a loop over it stays as it is written.

    LLVM unrolls loops whose length it can compute. Of short ones of any length the CPU foresees
    few ends, and each unrolled one has two.
    """

    def codegen(context, builder, sig, args):
        number = ir.IntType(64)
        same = ir.InlineAsm(ir.FunctionType(number, [number]), "", "=r,0")
        return builder.call(same, args)

    return types.uint64(types.uint64), codegen


def padded(n):
    """Return the multiple of LANES that holds n neurons."""
    return -(-n // LANES) * LANES


def aligned(shape, dtype=np.float32):
    """Return an uninitialised array that starts at a cache line, so that no Block straddles two."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)
