"""Compiled integer kernels of the fixed-point simulator: one layer, many examples.

A block of LANES neurons is one value: LLVM vectors of 16 or 32 bit integers that stay in registers
while the weight rows of a step's spikes are added, and through the update of the neurons. Arrays
over neurons are padded with zeros to whole blocks (`padded`). All arithmetic wraps around.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, register_model

LANES = 64
STATE_LIMIT = 1 << 23  # u and v are 24-bit signed numbers
DECAY_BITS = 12
ACTIVATION_BITS = 6  # synaptic input and threshold are aligned 6 bits to the left
SUMMANDS = 127  # weights of magnitude up to 256 that a 16-bit sum holds

_I1, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 16, 32, 64))
_BITS, _V16, _V32 = (ir.VectorType(kind, LANES) for kind in (_I1, _I16, _I32))


class _BlockType(types.Type):
    """Numba's type of LANES integers of some bits."""

    def __init__(self, bits):
        super().__init__(name=f"IntBlock{bits}x{LANES}")
        self.bits = bits


@register_model(_BlockType)
class _BlockModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, _V16 if fe_type.bits == 16 else _V32)


_block16, _block32 = _BlockType(16), _BlockType(32)


def padded(n):
    """Return the multiple of LANES that holds n neurons."""
    return -(-n // LANES) * LANES


def _pointer(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    vector = ir.VectorType(data.type.pointee, LANES)
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


def _load(context, builder, array_type, array, index):
    size = array_type.dtype.bitwidth // 8
    return builder.load(_pointer(context, builder, array_type, array, index), align=size)


def _splat(builder, value):
    undefined = ir.Constant(_V32, ir.Undefined)
    one = builder.insert_element(undefined, value, _I32(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(_V32, None))


def _constant(value):
    return ir.Constant(_V32, [value] * LANES)


@intrinsic
def zero16(typingctx):
    """Return a block of 16-bit zeros."""
    return _block16(), lambda context, builder, sig, args: ir.Constant(_V16, None)


@intrinsic
def zero32(typingctx):
    """Return a block of 32-bit zeros."""
    return _block32(), lambda context, builder, sig, args: ir.Constant(_V32, None)


@intrinsic
def add_row(typingctx, block, array, index):
    """Return the 16-bit block plus array[index : index + LANES], of 8 or 16 bits."""

    def codegen(context, builder, sig, args):
        row = _load(context, builder, sig.args[1], *args[1:])
        wide = row if row.type == _V16 else builder.sext(row, _V16)
        return builder.add(args[0], wide)

    return _block16(_block16, array, types.intp), codegen


@intrinsic
def add_scaled(typingctx, block, array, index, factor):
    """Return the 32-bit block plus factor (int32) times array[index : index + LANES]."""

    def codegen(context, builder, sig, args):
        row = builder.sext(_load(context, builder, sig.args[1], *args[1:3]), _V32)
        return builder.add(args[0], builder.mul(row, _splat(builder, args[3])))

    return _block32(_block32, array, types.intp, types.int32), codegen


@intrinsic
def widened(typingctx, block):
    """Return a 16-bit block as 32 bits."""
    return _block32(_block16), lambda context, builder, sig, args: builder.sext(args[0], _V32)


@intrinsic
def add(typingctx, a, b):
    """Return the sum of two 32-bit blocks."""
    return _block32(_block32, _block32), lambda context, builder, sig, args: builder.add(*args)


@intrinsic
def shifted(typingctx, block, bits):
    """Return the 32-bit block shifted right by `bits` (int32), rounding down."""

    def codegen(context, builder, sig, args):
        return builder.ashr(args[0], _splat(builder, args[1]))

    return _block32(_block32, types.int32), codegen


@intrinsic
def lowest(typingctx, bits):
    """Return the number of the lowest set bit of a uint64."""

    def codegen(context, builder, sig, args):
        return builder.cttz(args[0], _I1(1))

    return types.int64(types.uint64), codegen


@intrinsic
def update(typingctx, activation, u, v, bias, index, keep_u, keep_v, threshold):
    """Advance CUBA neurons index … index + LANES - 1 by one step.

    u <- wrap(D(u) + a 2^6), v <- clip(D(v) + u + bias), a spike where v > threshold, which resets
    v to 0. D(z) = sign(z) ((|z| keep) >> 12) rounds towards zero. With z = 2^12 h + l it is
    h keep + ((l keep + r) >> 12), r = 2^12 - 1 for negative z and 0 otherwise: all in 32 bits.

    activation : 32-bit block a; u, v, bias : (padded n,) int32; the others int32.
    Returns (spikes, wrapped, clipped), the lanes as bits of a uint64 each.
    """

    def codegen(context, builder, sig, args):
        a, *arrays, at, keep_u, keep_v, threshold = args
        pointers = [
            _pointer(context, builder, kind, array, at)
            for kind, array in zip(sig.args[1:4], arrays, strict=True)
        ]
        u, v, bias = (builder.load(pointer, align=4) for pointer in pointers)

        def decayed(z, keep):
            keep = _splat(builder, keep)
            low_bits = _constant((1 << DECAY_BITS) - 1)
            high = builder.mul(builder.ashr(z, _constant(DECAY_BITS)), keep)
            rounding = builder.and_(builder.ashr(z, _constant(31)), low_bits)
            low = builder.add(builder.mul(builder.and_(z, low_bits), keep), rounding)
            return builder.add(high, builder.lshr(low, _constant(DECAY_BITS)))

        def moved(lanes, value, by):
            return builder.select(lanes, builder.add(value, _constant(by)), value)

        free = builder.add(decayed(u, keep_u), builder.shl(a, _constant(ACTIVATION_BITS)))
        above = builder.icmp_signed(">", free, _constant(STATE_LIMIT))
        below = builder.icmp_signed("<=", free, _constant(-STATE_LIMIT))
        current = moved(below, moved(above, free, -2 * STATE_LIMIT), 2 * STATE_LIMIT)
        builder.store(current, pointers[0], align=4)

        free = builder.add(builder.add(decayed(v, keep_v), current), bias)
        most, least = _constant(STATE_LIMIT - 1), _constant(1 - STATE_LIMIT)
        high = builder.icmp_signed(">", free, most)
        low = builder.icmp_signed("<", free, least)
        clipped = builder.select(low, least, builder.select(high, most, free))
        spikes = builder.icmp_signed(">", clipped, _splat(builder, threshold))
        builder.store(
            builder.select(spikes, ir.Constant(_V32, None), clipped), pointers[1], align=4
        )
        lanes = [spikes, builder.or_(above, below), builder.or_(high, low)]
        return context.make_tuple(
            builder, sig.return_type, [builder.bitcast(bits, _I64) for bits in lanes]
        )

    result = types.UniTuple(types.uint64, 3)
    int32s = (types.int32,) * 3
    return result(_block32, u, v, bias, types.intp, *int32s), codegen


@njit(nogil=True, cache=True, forceinline=True)
def arriving(
    weights, n_sources, width, column, delays, shift, units, counts, graded, pointers, step
):
    """Return the 32-bit block of what reaches neurons `column` … in `step` through one matrix.

    A spike in step t arrives in step t + 1 + delay. Lava shifts the sum of each delay right by
    `shift` (floor).

    weights : flat (n_delays * n_sources * width,) int8 or int16, a matrix for each of `delays`
    units, counts : of the events; counts matter where `graded`
    pointers : (n_steps + 1,), events of step t are pointers[t] … pointers[t + 1] - 1
    """
    total = zero32()
    for k in range(delays.shape[0]):
        source = step - 1 - delays[k]
        if source < 0:
            continue
        first, last = pointers[source], pointers[source + 1]
        if first == last:
            continue
        rows = k * n_sources
        part = zero32()
        event = first
        while event < last:
            end = min(event + SUMMANDS, last)
            short = zero16()
            for e in range(event, end):
                short = add_row(short, weights, (rows + units[e]) * width + column)
            part = add(part, widened(short))
            event = end
        if graded:
            for e in range(first, last):
                if counts[e] != 1:
                    row = (rows + units[e]) * width + column
                    part = add_scaled(part, weights, row, np.int32(counts[e] - 1))
        total = add(total, shifted(part, shift))
    return total


@njit(nogil=True, cache=True)
def run_layer(
    offsets,
    steps,
    units,
    counts,
    graded,
    n_steps,
    weights,
    delays,
    shift,
    weights_rec,
    delays_rec,
    shift_rec,
    neuron,
    bias,
    n,
    reset,
    windows,
    readouts,
    spike_counts,
    wrapped,
    clipped,
    record_u,
    record_v,
    record_spikes,
):
    """Simulate one layer for a run of examples; return its spikes as (offsets, steps, units).

    Parameters
    ----------
    offsets, steps, units, counts : input events, in order of step within an example
    weights, delays, shift : see `arriving`; `delays_rec` is empty without recurrence
    neuron : (keep_u, keep_v, threshold) with keep = 4096 - decay
    bias : (padded n,) int32
    reset : (interval, phase); u = v = 0 at the start of step t where (t + 1) % interval == phase;
        interval 0 is no reset
    windows : (1 or n_examples, period) float64; readouts[i, t // period] gains
        windows[i, t % period] v(t); period 0 is no readout
    spike_counts : (n_examples, n) gains the number of spikes
    wrapped, clipped : (n_examples,) gain the number of steps in which any u wrapped around, any v
        was clipped
    record_* : (n_examples, n_steps, n), or (n_examples, 0, 0) to record nothing
    """
    keep_u, keep_v, threshold = np.int32(neuron[0]), np.int32(neuron[1]), np.int32(neuron[2])
    width = bias.shape[0]
    n_sources = weights.shape[0] // (width * delays.shape[0])
    u, v = np.empty(width, np.int32), np.empty(width, np.int32)
    n_examples = offsets.shape[0] - 1
    pointers = np.empty(n_steps + 1, np.int64)
    out_pointers = np.empty(n_steps + 1, np.int64)
    out_offsets = np.zeros(n_examples + 1, np.int64)
    out_units = np.empty(max(n, 1 << 16), np.int32)
    out_steps = np.empty(out_units.shape[0], np.int32)
    recording_u, recording_v = record_u.size > 0, record_v.size > 0
    recording_spikes = record_spikes.size > 0
    filled = 0
    for example in range(n_examples):
        event = offsets[example]
        for step in range(n_steps):
            pointers[step] = event
            while event < offsets[example + 1] and steps[event] == step:
                event += 1
        pointers[n_steps] = event
        u[:], v[:] = 0, 0
        phase, interval = 0, 0
        row = example if windows.shape[0] > 1 else 0
        for step in range(n_steps):
            out_pointers[step] = filled
            if reset[0] > 0 and (step + 1) % reset[0] == reset[1]:
                u[:], v[:] = 0, 0
            if filled + n > out_units.shape[0]:
                more_units = np.empty(2 * out_units.shape[0], np.int32)
                more_steps = np.empty(2 * out_units.shape[0], np.int32)
                more_units[:filled], more_steps[:filled] = out_units[:filled], out_steps[:filled]
                out_units, out_steps = more_units, more_steps
            any_wrapped, any_clipped = np.uint64(0), np.uint64(0)
            for column in range(0, width, LANES):
                total = add(
                    arriving(
                        weights,
                        n_sources,
                        width,
                        column,
                        delays,
                        shift,
                        units,
                        counts,
                        graded,
                        pointers,
                        step,
                    ),
                    arriving(
                        weights_rec,
                        n,
                        width,
                        column,
                        delays_rec,
                        shift_rec,
                        out_units,
                        counts,
                        False,
                        out_pointers,
                        step,
                    ),
                )
                spikes, over, beyond = update(total, u, v, bias, column, keep_u, keep_v, threshold)
                any_wrapped |= over
                any_clipped |= beyond
                while spikes != 0:
                    unit = column + lowest(spikes)
                    spikes &= spikes - np.uint64(1)
                    if unit < n:
                        out_units[filled], out_steps[filled] = unit, step
                        filled += 1
            wrapped[example] += any_wrapped != 0
            clipped[example] += any_clipped != 0
            if windows.shape[1] > 0:
                if phase == windows.shape[1]:
                    phase, interval = 0, interval + 1
                for j in range(n):
                    readouts[example, interval, j] += windows[row, phase] * v[j]
                phase += 1
            if recording_u:
                record_u[example, step] = u[:n]
            if recording_v:
                record_v[example, step] = v[:n]
            if recording_spikes:
                record_spikes[example, step] = False
                for e in range(out_pointers[step], filled):
                    record_spikes[example, step, out_units[e]] = True
        out_pointers[n_steps] = filled
        out_offsets[example + 1] = filled
        for e in range(out_offsets[example], filled):
            spike_counts[example, out_units[e]] += 1
    return out_offsets, out_steps[:filled].copy(), out_units[:filled].copy()
