"""Bits of 64-bit words, for kernels that walk over the few of many that are set."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from spikespeech.kernels import llvm


@intrinsic
def lowest(typingctx, bits):
    """Return the number of the lowest set bit of a uint64, 0..63."""

    def codegen(context, builder, sig, args):
        # LLVM need not reckon with 64, so that indices stay plain.
        return builder.and_(builder.cttz(args[0], ir.IntType(1)(0)), ir.IntType(64)(63))

    return types.int64(types.uint64), codegen


@intrinsic
def ones(typingctx, bits):
    """Return how many bits of a uint64 are set."""

    def codegen(context, builder, sig, args):
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), codegen


@intrinsic
def packed(typingctx, flags):
    """Return the first 64 flags of a bool array as the bits of a uint64."""

    def codegen(context, builder, sig, args):
        block = ir.VectorType(ir.IntType(8), 64)
        first = context.get_constant(types.intp, 0)
        pointer = llvm.pointer(context, builder, sig.args[0], args[0], first, block)
        octets = builder.load(pointer, align=1)
        zeros = ir.Constant(block, None)
        return builder.bitcast(builder.icmp_unsigned("!=", octets, zeros), ir.IntType(64))

    return types.uint64(flags), codegen
