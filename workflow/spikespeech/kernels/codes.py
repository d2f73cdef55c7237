"""Spikes as codes, step << 16 | unit in 32 bits, which move and compare in one go: 16 at a time.

Codes are a `<16 x i32>` of LLVM, which is one register with AVX-512, two with AVX2 and four with
SSE or NEON.
"""

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from spikespeech.kernels import llvm

LANES = 16
COMPRESSES = bool(binding.get_host_cpu_features().get("avx512f"))

_I16, _I32, _I64 = (ir.IntType(width) for width in (16, 32, 64))
_CODES, _SHORTS, _FLAGS = (ir.VectorType(kind, LANES) for kind in (_I32, _I16, ir.IntType(1)))
_HALF, _NOTHING = ir.Constant(_CODES, [16] * LANES), ir.Constant(_CODES, ir.Undefined)


class CodesType(types.Type):
    """Numba's type of 16 codes."""

    def __init__(self):
        super().__init__(name="Codes")


codes = CodesType()


@register_model(CodesType)
class _CodesModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, _CODES)


@intrinsic
def load(typingctx, array, place):
    """Return the Codes array[place : place + 16] of a flat uint32 array."""

    def codegen(context, builder, sig, args):
        return builder.load(llvm.pointer(context, builder, sig.args[0], *args, _CODES), align=4)

    return codes(array, types.int64), codegen


@intrinsic
def store(typingctx, array, place, some):
    """Write Codes to a flat uint32 array from `place` on."""

    def codegen(context, builder, sig, args):
        pointer = llvm.pointer(context, builder, sig.args[0], *args[:2], _CODES)
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return types.none(array, types.int64, codes), codegen


@intrinsic
def encode(typingctx, steps, units, place):
    """Return the Codes of 16 spikes from `place` on of two flat uint16 arrays."""

    def codegen(context, builder, sig, args):
        step, unit = (
            builder.zext(
                builder.load(
                    llvm.pointer(context, builder, sig.args[k], args[k], args[2], _SHORTS), align=2
                ),
                _CODES,
            )
            for k in (0, 1)
        )
        return builder.or_(builder.shl(step, _HALF), unit)

    return codes(steps, units, types.int64), codegen


@intrinsic
def moved(typingctx, some, by):
    """Return Codes, each plus the uint32 `by`."""

    def codegen(context, builder, sig, args):
        return builder.add(args[0], llvm.spread(builder, args[1], _CODES))

    return codes(codes, types.uint32), codegen


@intrinsic
def differing(typingctx, a, b):
    """Return as the bits of a uint64 which of the 16 codes of `a` are not those of `b`."""

    def codegen(context, builder, sig, args):
        flags = builder.icmp_unsigned("!=", *args)
        return builder.zext(builder.bitcast(flags, ir.IntType(LANES)), _I64)

    return types.uint64(codes, codes), codegen


def _keep(builder, some, bits, at, write):
    """Write the elements of `some` whose bits are set from `at` on; return where they end.

    write(elements, place) writes a vector, or a single one where the CPU cannot compress. What
    follows the last one, up to 16 from `at` on, is overwritten.
    """
    flags = builder.trunc(bits, ir.IntType(LANES))
    if COMPRESSES:
        kind = ir.FunctionType(_CODES, [_CODES, _FLAGS, _CODES])
        name = f"llvm.experimental.vector.compress.v{LANES}i32"
        compress = cgutils.get_or_insert_function(builder.module, kind, name)
        write(builder.call(compress, [some, builder.bitcast(flags, _FLAGS), _NOTHING]), at)
        return builder.add(at, builder.zext(builder.ctpop(flags), _I64))
    end = cgutils.alloca_once_value(builder, builder.add(at, _I64(LANES)))
    with builder.if_else(builder.icmp_unsigned("==", flags, flags.type(-1))) as (all_set, others):
        with all_set:
            write(some, at)
        with others:
            for lane in range(LANES):
                write(builder.extract_element(some, _I32(lane)), at)
                bit = builder.and_(builder.lshr(bits, _I64(lane)), _I64(1))
                at = builder.add(at, bit)
            builder.store(at, end)
    return builder.load(end)


@intrinsic
def keep(typingctx, some, bits, array, at):
    """Write the Codes whose bits are set to a flat uint32 array from `at` on, in order.

    Returns the place after the last. All 16 places from `at` on are overwritten.
    """

    def codegen(context, builder, sig, args):
        def write(elements, place):
            pointer = llvm.pointer(context, builder, sig.args[2], args[2], place, elements.type)
            builder.store(elements, pointer, align=4)

        return _keep(builder, args[0], args[1], args[3], write)

    return types.int64(codes, types.uint64, array, types.int64), codegen


@intrinsic
def decode(typingctx, some, bits, steps, units, at):
    """Write the spikes of the Codes whose bits are set to two flat uint16 arrays, as `keep`."""

    def codegen(context, builder, sig, args):
        def write(elements, place):
            half, kind = (_HALF, _SHORTS) if elements.type == _CODES else (_I32(16), _I16)
            for k, part in ((2, builder.lshr(elements, half)), (3, elements)):
                pointer = llvm.pointer(context, builder, sig.args[k], args[k], place, kind)
                builder.store(builder.trunc(part, kind), pointer, align=2)

        return _keep(builder, args[0], args[1], args[4], write)

    return types.int64(codes, types.uint64, steps, units, types.int64), codegen


def _exchange(builder, a, b):
    less = builder.icmp_unsigned("<", a, b)
    return builder.select(less, a, b), builder.select(less, b, a)


def _rearranged(builder, some, lanes):
    return builder.shuffle_vector(some, _NOTHING, ir.Constant(_CODES, lanes))


def _ascending(builder, some):
    """Return a bitonic sequence in order: compare-exchanges at distances of 8, 4, 2 and 1."""
    for distance in (8, 4, 2, 1):
        partner = _rearranged(builder, some, [lane ^ distance for lane in range(LANES)])
        low, high = _exchange(builder, some, partner)
        upper = ir.Constant(_FLAGS, [lane & distance > 0 for lane in range(LANES)])
        some = builder.select(upper, high, low)
    return some


def _merged(half):
    """Return the signature and the code of the lower (0) or the higher half of two Codes' merge."""

    def codegen(context, builder, sig, args):
        descending = _rearranged(builder, args[1], list(range(LANES))[::-1])
        return _ascending(builder, _exchange(builder, args[0], descending)[half])

    return codes(codes, codes), codegen


@intrinsic
def lower(typingctx, a, b):
    """Return the 16 lowest of two ascending Codes, ascending; `higher` returns the others.

    Together they are the last part of a bitonic sort (Batcher 1968).
    """
    return _merged(0)


@intrinsic
def higher(typingctx, a, b):
    """Return the 16 highest of two ascending Codes, ascending; see `lower`."""
    return _merged(1)
