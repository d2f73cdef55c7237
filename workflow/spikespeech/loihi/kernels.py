"""Compiled integer kernels of the fixed-point simulator: one layer, many examples.

A block of neurons is one value: LLVM vectors of 16 or 32 bit integers that stay in registers while
the weight rows of a step's spikes are added (WIDE neurons at a time where there are so many), and
through the update of LANES neurons. Arrays over neurons are padded with zeros to whole blocks
(`vectors.padded`). All arithmetic wraps around.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from spikespeech.kernels import llvm
from spikespeech.kernels.bits import lowest
from spikespeech.kernels.compiling import compiler, kernel
from spikespeech.kernels.vectors import LANES

WIDE = 256  # 8 registers of AVX-512, so that a step's list of spikes is walked once
STATE_LIMIT = 1 << 23  # u and v are 24-bit signed numbers
DECAY_BITS = 12
ACTIVATION_BITS = 6  # synaptic input and threshold are aligned 6 bits to the left
SUMMANDS = 127  # weights of magnitude up to 256 that a 16-bit sum holds

_inlined = compiler(forceinline=True)
_I32, _I64 = (ir.IntType(bits) for bits in (32, 64))
_V32 = ir.VectorType(_I32, LANES)


class _BlockType(types.Type):
    """Numba's type of some integers of some bits."""

    def __init__(self, bits, lanes):
        super().__init__(name=f"IntBlock{bits}x{lanes}")
        self.bits, self.lanes = bits, lanes
        self.vector = ir.VectorType(ir.IntType(bits), lanes)


@register_model(_BlockType)
class _BlockModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, fe_type.vector)


def _load(context, builder, array_type, array, index, lanes):
    bits = array_type.dtype.bitwidth
    kind = ir.VectorType(ir.IntType(bits), lanes)
    pointer = llvm.pointer(context, builder, array_type, array, index, kind)
    return builder.load(pointer, align=bits // 8)


def _constant(value):
    return ir.Constant(_V32, [value] * LANES)


def _zero(bits, lanes):
    kind = _BlockType(bits, lanes)
    return kind, lambda context, builder, sig, args: ir.Constant(kind.vector, None)


@intrinsic
def lanes_zero(typingctx):
    """Return LANES zeros of 16 bits."""
    kind, codegen = _zero(16, LANES)
    return kind(), codegen


@intrinsic
def wide_zero(typingctx):
    """Return WIDE zeros of 16 bits."""
    kind, codegen = _zero(16, WIDE)
    return kind(), codegen


@intrinsic
def add_row(typingctx, block, array, index):
    """Return the 16-bit block plus the integers of array (8 or 16 bits) from `index` on."""

    def codegen(context, builder, sig, args):
        row = _load(context, builder, sig.args[1], *args[1:], block.lanes)
        wide = row if row.type == block.vector else builder.sext(row, block.vector)
        return builder.add(args[0], wide)

    return block(block, array, types.intp), codegen


@intrinsic
def add_scaled(typingctx, block, array, index, factor):
    """Return the 32-bit block plus factor (int32) times the integers of array from `index` on."""

    def codegen(context, builder, sig, args):
        row = _load(context, builder, sig.args[1], *args[1:3], block.lanes)
        factors = llvm.spread(builder, args[3], block.vector)
        return builder.add(args[0], builder.mul(builder.sext(row, block.vector), factors))

    return block(block, array, types.intp, types.int32), codegen


@intrinsic
def widened(typingctx, block):
    """Return a 16-bit block as 32 bits."""
    kind = _BlockType(32, block.lanes)
    return kind(block), lambda context, builder, sig, args: builder.sext(args[0], kind.vector)


@intrinsic
def add(typingctx, a, b):
    """Return the sum of two blocks."""
    return a(a, a), lambda context, builder, sig, args: builder.add(*args)


@intrinsic
def shifted(typingctx, block, bits):
    """Return the 32-bit block shifted right by `bits` (int32), rounding down."""

    def codegen(context, builder, sig, args):
        return builder.ashr(args[0], llvm.spread(builder, args[1], block.vector))

    return block(block, types.int32), codegen


@intrinsic
def add_to(typingctx, array, index, block):
    """Add the 32-bit block to the integers of an int32 array from `index` on."""

    def codegen(context, builder, sig, args):
        pointer = llvm.pointer(context, builder, sig.args[0], *args[:2], block.vector)
        builder.store(builder.add(builder.load(pointer, align=4), args[2]), pointer, align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, block), codegen


@intrinsic
def update(typingctx, total, u, v, bias, index, keep_u, keep_v, threshold):
    """Advance CUBA neurons index … index + LANES - 1 by one step.

    u <- wrap(D(u) + a 2^6), v <- clip(D(v) + u + bias), a spike where v > threshold, which resets
    v to 0. D(z) = sign(z) ((|z| keep) >> 12) rounds towards zero. With z = 2^12 h + l it is
    h keep + ((l keep + r) >> 12), r = 2^12 - 1 for negative z and 0 otherwise: all in 32 bits.

    total (a), u, v, bias : (padded n,) int32; the others int32.
    Returns (spikes, wrapped, clipped), the lanes as bits of a uint64 each.
    """

    def codegen(context, builder, sig, args):
        *arrays, at, keep_u, keep_v, threshold = args
        pointers = [
            llvm.pointer(context, builder, kind, array, at, _V32)
            for kind, array in zip(sig.args, arrays, strict=False)
        ]
        a, u, v, bias = (builder.load(pointer, align=4) for pointer in pointers)

        def decayed(z, keep):
            keep = llvm.spread(builder, keep, _V32)
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
        builder.store(current, pointers[1], align=4)

        free = builder.add(builder.add(decayed(v, keep_v), current), bias)
        most, least = _constant(STATE_LIMIT - 1), _constant(1 - STATE_LIMIT)
        high = builder.icmp_signed(">", free, most)
        low = builder.icmp_signed("<", free, least)
        clipped = builder.select(low, least, builder.select(high, most, free))
        spikes = builder.icmp_signed(">", clipped, llvm.spread(builder, threshold, _V32))
        builder.store(
            builder.select(spikes, ir.Constant(_V32, None), clipped), pointers[2], align=4
        )
        lanes = [spikes, builder.or_(above, below), builder.or_(high, low)]
        return context.make_tuple(
            builder, sig.return_type, [builder.bitcast(bits, _I64) for bits in lanes]
        )

    result = types.UniTuple(types.uint64, 3)
    int32s = (types.int32,) * 3
    return result(total, u, v, bias, types.intp, *int32s), codegen


@_inlined
def rows_sum(zero, weights, row, width, column, units, counts, graded, first, last):
    """Return the 32-bit sum of the weights, from `column` on, of events first … last - 1.

    zero : 16-bit block of zeros, of as many lanes as the result
    weights : flat rows of `width`, of which `row` + unit is an event's
    """
    total = widened(zero)
    event = first
    while event < last:
        end = min(event + SUMMANDS, last)
        short = zero
        for e in range(event, end):
            short = add_row(short, weights, (row + units[e]) * width + column)
        total = add(total, widened(short))
        event = end
    if graded:
        for e in range(first, last):
            if counts[e] != 1:
                start = (row + units[e]) * width + column
                total = add_scaled(total, weights, start, np.int32(counts[e] - 1))
    return total


@_inlined
def receive_late(total, weights, late, slots, units, counts, graded, pointers, step):
    """As `receive`, of synapses with any delays: what a spike brings waits in its step's slot."""
    width, mask = total.shape[0], slots.shape[0] - 1
    if step > 0:
        for e in range(pointers[step - 1], pointers[step]):
            row = units[e] * width
            count = counts[e] if graded else np.int32(1)
            for j in range(width):
                slots[(step + late[row + j]) & mask, j] += count * weights[row + j]
    arriving = slots[step & mask]
    for j in range(width):
        total[j] += arriving[j]
        arriving[j] = 0


@_inlined
def receive(total, synapses, late, n_sources, slots, units, counts, graded, pointers, step):
    """Add to `total` what reaches the neurons in `step` through one matrix.

    A spike in step t arrives in step t + 1 + delay. Lava shifts the sum of each delay right by
    `shift` (floor).

    total : (padded n,) int32
    synapses : (weights, delays, shift); weights are flat (n_delays * n_sources * padded n,) int8 or
        int16, a matrix for each of `delays`
    late : None, or flat (n_sources * padded n,) uint16, delays of the synapses of a single matrix,
        whose sums are not shifted. Its type decides what is compiled: else plain layers were slower
    slots : (a power of 2 above the longest of late, padded n) int32, what waits, at first 0
    units, counts : of the events; counts matter where `graded`
    pointers : (n_steps + 1,), events of step t are pointers[t] … pointers[t + 1] - 1
    """
    weights, delays, shift = synapses
    if late is not None:
        receive_late(total, weights, late, slots, units, counts, graded, pointers, step)
        return
    width = total.shape[0]
    for k in range(delays.shape[0]):
        source = step - 1 - delays[k]
        if source < 0 or pointers[source] == pointers[source + 1]:
            continue
        first, last, row = pointers[source], pointers[source + 1], k * n_sources
        column = 0
        while column + WIDE <= width:
            wide = rows_sum(
                wide_zero(), weights, row, width, column, units, counts, graded, first, last
            )
            add_to(total, column, shifted(wide, shift))
            column += WIDE
        while column < width:
            narrow = rows_sum(
                lanes_zero(), weights, row, width, column, units, counts, graded, first, last
            )
            add_to(total, column, shifted(narrow, shift))
            column += LANES


@kernel
def run_layer(
    offsets,
    steps,
    units,
    counts,
    graded,
    n_steps,
    forward,
    late,
    recurrent,
    late_rec,
    slots,
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
    forward, late, recurrent, late_rec : see `receive`; without recurrence its delays are empty
    slots : how many each has for what is late
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
    n_sources = forward[0].shape[0] // (width * forward[1].shape[0])
    total = np.empty(width, np.int32)
    u, v = np.empty(width, np.int32), np.empty(width, np.int32)
    waiting = np.empty((slots[0], width), np.int32)
    waiting_rec = np.empty((slots[1], width), np.int32)
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
        waiting[:], waiting_rec[:] = 0, 0
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
            total[:] = 0
            receive(total, forward, late, n_sources, waiting, units, counts, graded, pointers, step)
            receive(
                total,
                recurrent,
                late_rec,
                n,
                waiting_rec,
                out_units,
                counts,
                False,
                out_pointers,
                step,
            )
            for column in range(0, width, LANES):
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
