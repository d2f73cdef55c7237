"""One batch of examples: read-outs, losses and the gradient."""

from typing import NamedTuple

import numpy as np

from spikespeech.eventprop import backward, forward, readout
from spikespeech.eventprop.constants import constants

SLOPE_MIN = np.float32(1e-3)


class Batch(NamedTuple):
    losses: np.ndarray
    readouts: np.ndarray
    hidden_spikes: np.ndarray
    guarded: int


def empty_tape(n_steps, n):
    return (
        np.zeros(n_steps + 1, np.int32),
        np.empty(n_steps * n, np.uint16),
        np.empty(n_steps * n, np.float32),
    )


def softmax(y):
    e = np.exp(y - y.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def output_drive(loss, window, drive_window, voltage, out_tape, label, network):
    """Return (readout, loss, drive, jump, phantom)."""
    n_steps, n = voltage.shape
    drive = np.zeros((n_steps, n), np.float32)
    first, ids, _slope = out_tape
    n_out = first[-1]
    jump = np.zeros(n_out, np.float32)
    phantom = np.zeros(n, np.float32)
    hot = np.arange(n) == label
    duration = n_steps * network.dt_ms
    if loss.kind == "window":
        y = (window[:, None] * voltage).sum(axis=0, dtype=np.float64) / n_steps
    elif loss.kind == "max":
        when = np.argmax(voltage, axis=0)
        y = np.maximum(voltage[when, np.arange(n)], 0).astype(np.float64)
    elif loss.kind == "per_timestep":
        y = voltage.mean(axis=0, dtype=np.float64)
    else:
        y = np.full(n, np.float64(np.finfo(np.float32).min))
        times = np.repeat(np.arange(n_steps), np.diff(first))
        for e in range(n_out - 1, -1, -1):
            y[ids[e]] = -times[e] * network.dt_ms
    if loss.kind == "first_spike":
        temperature, alpha = loss.parameters["temperature"], loss.parameters["alpha"]
        p = softmax(y)
        latest = np.maximum(y, -duration)
        value = -np.log(softmax(latest / temperature)[label]) + alpha / (
            1.01 * duration + latest[label]
        )
        tau = np.broadcast_to(network.tau_mem_output, (n,))
        seen = set()
        for e in range(n_out):
            k = ids[e]
            if k not in seen:
                seen.add(k)
                slope_t = (hot[k] - p[k]) / temperature
                if hot[k]:
                    slope_t += alpha / (1.01 * duration + y[k]) ** 2
                jump[e] = tau[k] * slope_t
        if label not in seen:
            phantom[label] = tau[label] * alpha / (1e-4 * duration**2)
        return y, value, drive, jump, phantom
    p = softmax(y)
    value = -np.log(p[label])
    if loss.kind == "window":
        drive[:] = drive_window[:, None] * (hot - p) / duration
    elif loss.kind == "max":
        drive[when, np.arange(n)] = np.where(y > 0, (hot - p) / network.dt_ms, 0)
    else:
        p = softmax(voltage.astype(np.float64))
        value = -np.log(p[:, label]).mean()
        drive[:] = (hot - p) / duration
    return y, value, drive, jump, phantom


def run(network, weights, spikes, loss, labels, regulariser=None, gradient=None):
    n, n_steps = len(spikes), spikes.n_steps
    hidden = constants(network.tau_mem, network.tau_syn, network.dt_ms, network.n_hidden)
    output = constants(
        network.tau_mem_output, network.tau_syn_output, network.dt_ms, network.n_outputs
    )
    threshold = np.float32(network.threshold)
    tape = empty_tape(n_steps, network.n_hidden)
    out_tape = empty_tape(n_steps, network.n_outputs)
    voltage = np.empty((n_steps, network.n_outputs), np.float32)
    trace = np.empty((n_steps, network.n_hidden), np.float32)
    windows, drive_windows = loss.windows(spikes) if loss.kind == "window" else (None, None)
    losses, readouts = np.zeros(n), np.zeros((n, network.n_outputs))
    counts = np.zeros((n, network.n_hidden), np.int64)
    guarded = 0
    scale = np.float64(np.mean(network.tau_mem_output))
    for i in range(n):
        steps, units = spikes.example(i)
        n_spikes = forward.hidden_layer(
            steps,
            units,
            weights.input_hidden,
            weights.hidden_hidden,
            network.recurrent,
            hidden,
            threshold,
            n_steps,
            tape,
        )
        counts[i] = np.bincount(tape[1][:n_spikes], minlength=network.n_hidden)
        readout.simulate(
            tape,
            weights.hidden_output,
            output,
            threshold,
            network.spiking_output,
            voltage,
            out_tape,
        )
        w = None if windows is None else windows[i % len(windows)]
        dw = None if windows is None else drive_windows[i % len(windows)]
        readouts[i], losses[i], drive, jump, phantom = output_drive(
            loss, w, dw, voltage, out_tape, labels[i], network
        )
        if gradient is None:
            continue
        lv, li = np.empty_like(voltage), np.empty_like(voltage)
        guarded += readout.adjoint(
            drive, jump, phantom, output, threshold, SLOPE_MIN, out_tape, lv, li
        )
        times = np.repeat(np.arange(n_steps), np.diff(tape[0]))
        ids = tape[1][:n_spikes]
        feedback = np.einsum("ek,ek->e", weights.hidden_output[ids], (lv - li)[times])
        penalty = np.zeros(network.n_hidden, np.float32)
        if regulariser is not None:
            penalty[:] = scale * regulariser.penalty(
                np.bincount(ids[times < n_steps - 1], minlength=network.n_hidden)
            )
        guarded += backward.hidden_layer(
            tape,
            feedback,
            weights.hidden_hidden,
            network.recurrent,
            hidden,
            threshold,
            penalty,
            SLOPE_MIN,
            trace,
        )
        factor = -hidden.tau_syn / np.float32(n)
        backward.gather(steps, units, trace, factor, gradient.input_hidden)
        if network.recurrent:
            backward.gather(times, ids, trace, factor, gradient.hidden_hidden)
        backward.gather(times, ids, li, -output.tau_syn / np.float32(n), gradient.hidden_output)
    return Batch(losses, readouts, counts, guarded)
