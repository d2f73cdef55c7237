"""LLVM vectors in arrays, for the intrinsics of this package."""

from llvmlite import ir


def pointer(context, builder, array_type, array, index, kind):
    """Return the address of array[index], as that of a value of the LLVM type `kind`."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), kind.as_pointer())


def spread(builder, value, kind):
    """Return a vector of the LLVM type `kind` with `value` in each lane."""
    index, undefined = ir.IntType(32), ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(undefined, value, index(0))
    lanes = ir.Constant(ir.VectorType(index, kind.count), None)
    return builder.shuffle_vector(one, undefined, lanes)


def lanes(taken):
    """Return the mask of a shuffle that takes these lanes, numbers, of its two vectors."""
    return ir.Constant(ir.VectorType(ir.IntType(32), len(taken)), taken)
