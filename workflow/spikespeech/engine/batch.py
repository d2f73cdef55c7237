"""Batches over threads: what the API builds on."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from spikespeech.engine import adam, example, readout
from spikespeech.engine.constants import constants
from spikespeech.errors import InputError
from spikespeech.kernels.vectors import LANES, aligned, padded
from spikespeech.network import Parameters

SLOPE_MIN = 1e-3
"""Guard of 1 / (I - V): a smaller I - V of a spike counts as this in the backward pass.

With V below threshold before the spike, I - V > threshold (1/c - 1), where c is the synapse's
`constants.scale`: 0.10 for τ_syn = 5 ms at dt = 1 ms, where the guard cannot act, and
dt / (2 τ_syn) for small dt. `guarded` counts how often it did.
"""

SHARES = 8
"""A batch's examples go to at most so many shares, each with its own sum of gradients, whatever the
number of threads. Threads take shares from a queue, and the sums are added in order of the shares.
So the order of every sum, and every byte, is the same for any number of threads, of which up to
SHARES can work."""


class Engine:
    """A network, its weights and a loss, ready to run batches.

    Parameters
    ----------
    network : Network
    weights : Parameters
    loss : Loss
    regulariser : Regulariser or None
    threads : number of threads; results do not depend on it
    """

    def __init__(self, network, weights, loss, regulariser, threads):
        self.network, self.loss = network, loss
        self.threads = max(1, min(int(threads), SHARES))
        self.width, self.output_width = padded(network.n_hidden), padded(network.n_outputs)
        n_sources = network.n_inputs + (network.n_hidden if network.recurrent else 0)
        # Inputs' rows, then hidden neurons' rows: one source is treated as another.
        self.parameters = (
            aligned(n_sources * self.width),
            aligned(network.n_hidden * self.output_width),
        )
        self.shares = tuple(aligned((SHARES, p.size)) for p in self.parameters)
        self.gradients = tuple(aligned(p.shape) for p in self.parameters)
        self.weights = weights
        self.hidden, self.output = layers(network)
        self.rule = _penalty(regulariser, mlgenn_unit(network, loss))
        self.reading = self._read_windows(*loss.windows(None)) if loss.shared else None
        self.scratch = [
            example.scratch(loss.n_steps, n_sources, network.n_hidden, network.n_outputs)
            for _ in range(self.threads)
        ]
        self.pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None

    def _views(self, arrays):
        """Return views of flat padded arrays by connection, without the padding."""
        n, h, o = self.network.n_inputs, self.network.n_hidden, self.network.n_outputs
        rows = arrays[0].reshape(-1, self.width)[:, :h]
        views = rows[:n], rows[n:], arrays[1].reshape(h, -1)[:, :o]
        return dict(
            zip((c.name for c in self.network.connections), filter(len, views), strict=True)
        )

    @property
    def weights(self):
        """The Parameters, as a copy."""
        return Parameters(self._views(self.parameters)).copy() | self.delays

    @weights.setter
    def weights(self, weights):
        weights = Parameters.checked(self.network, weights)
        for flat in self.parameters:
            flat[:] = 0
        views = self._views(self.parameters)
        for name, view in views.items():
            view[:] = weights[name]
        self.delays = {name: weights[name].copy() for name in weights if name not in views}

    @property
    def gradient(self):
        """The gradient of the weights as Parameters."""
        return Parameters(self._views(self.gradients)).copy()

    @property
    def model(self):
        """The network as kernels see it; shares memory with the weights."""
        rows, output_rows = self.parameters
        split = self.network.n_inputs * self.width
        return example.Model(
            rows[:split],
            rows[split:],
            output_rows,
            self.hidden,
            self.output,
            float(self.network.dt_ms),
            np.float32(SLOPE_MIN),
        )

    def run(self, spikes, labels, learn):
        """Run a batch; return example.Results, and with `learn` leave the sums in the shares."""
        network, model = self.network, self.model
        batch = checked_spikes(network, spikes, labels, self.loss.n_steps)
        reading = self.reading or self._read_windows(*self.loss.windows(spikes))
        out = example.results(len(spikes), network.n_hidden, network.n_outputs)
        order, first = balanced(np.diff(batch.offsets), shares(len(spikes)))
        queue = np.zeros(1, np.int64)

        def work(thread):
            given = batch, model, reading, self.rule, learn
            example.run(queue, order, first, *given, self.scratch[thread], out, self.shares)

        self._each(work)
        check_sound(out.sound, batch, network, self.loss.n_steps)
        return out

    def mean_gradient(self, n):
        """Leave the mean over n examples in `gradients`; return how many of each are not finite.

        The counts are by name of the weights.
        """
        rows, output_rows = self.shares
        used = shares(n)
        factor = np.full(self.width, -self.hidden.tau_syn / np.float32(n), np.float32)
        mean = np.full(self.output_width, 1 / n, np.float32)
        split, total = self.network.n_inputs, rows.shape[1] // self.width
        bad = np.zeros((self.threads, 3), np.int64)

        def work(thread):
            for part, start, end in ((0, 0, split), (1, split, total)):
                a, b = _slice(start, end, thread, self.threads)
                bad[thread, part] = adam.mean_gradient(rows[:used], factor, a, b, self.gradients[0])
            if thread == 0:
                last = self.gradients[1]
                bad[0, 2] = adam.mean_gradient(
                    output_rows[:used], mean, 0, self.network.n_hidden, last
                )

        self._each(work)
        names = "input_hidden", "hidden_hidden", "hidden_output"
        counts = dict(zip(names, bad.sum(axis=0).tolist(), strict=True))
        return {c.name: counts[c.name] for c in self.network.connections}

    def step(self, mean, square, rate, unbias, epsilon):
        """Take a step of Adam, see `adam.step`; mean and square are pairs like `parameters`."""

        def work(thread):
            for w, g, m, v in zip(self.parameters, self.gradients, mean, square, strict=True):
                a, b = _slice(0, len(w) // LANES, thread, self.threads)
                adam.step(w, g, m, v, rate, unbias, epsilon, a * LANES, b * LANES)

        self._each(work)

    def _each(self, work):
        """Call work(thread) in each thread."""
        others = [self.pool.submit(work, thread) for thread in range(1, self.threads)]
        work(0)
        for other in others:
            other.result()

    def _read_windows(self, windows, drives):
        """Return the loss as the kernels see it."""
        loss, network = self.loss, self.network
        kind = {
            "window": example.CLOSED if self.output.alike else example.WINDOWED,
            "max": example.MAXIMUM,
            "per_timestep": example.PER_TIMESTEP,
            "first_spike": example.FIRST_SPIKE,
        }[loss.kind]
        windows, drives = (np.ascontiguousarray(w, dtype=np.float64) for w in (windows, drives))
        rho = kappa = delta = np.zeros(windows.shape, np.float32)
        if kind == example.CLOSED:
            rho, kappa, delta = readout.response(windows, drives, self.output, float(network.dt_ms))
        parameters = loss.parameters if loss.kind == "first_spike" else {}
        return example.Reading(
            kind,
            windows,
            drives,
            rho,
            kappa,
            delta,
            float(parameters.get("temperature", 1)),
            float(parameters.get("alpha", 0)),
        )


def layers(network):
    """Return the Constants of the hidden layer and of the outputs."""
    h, o, dt = network.n_hidden, network.n_outputs, network.dt_ms
    threshold = network.output.neuron.threshold if network.spiking_output else np.inf
    return (
        constants(network.tau_mem, network.tau_syn, network.threshold, dt, h),
        constants(network.tau_mem_output, network.tau_syn_output, threshold, dt, o),
    )


def _slice(start, end, thread, threads):
    """Return the thread's part of range(start, end)."""
    return tuple(start + (end - start) * n // threads for n in (thread, thread + 1))


def mlgenn_unit(network, loss):
    """Return what mlGeNN's gradients and adjoints are multiplied by to be those of dL/dw.

    For losses of voltages τ_mem of the outputs, in ms; for first spikes mlGeNN's are dL/dw.
    """
    return 1.0 if loss.kind == "first_spike" else float(np.mean(network.tau_mem_output))


def _penalty(regulariser, unit):
    if regulariser is None:
        return example.Penalty(0.0, 0.0, 0.0)
    upper, lower = unit * regulariser.lambda_upper, unit * regulariser.lambda_lower
    return example.Penalty(upper, lower, float(regulariser.spikes))


def shares(n):
    """Return into how many shares a batch of n goes.

    Each has its own sum, as large as the weights, to begin, to keep in the cache and to add: one of
    few examples is not worth it. So a batch of 32 keeps four threads busy, one of 64 eight.
    """
    return min(-(-n // example.GROUP), SHARES)


def balanced(load, n_shares):
    """Deal examples to shares of about equal load: the heaviest first, there and back again.

    Returns (order, first): share s has the examples order[first[s] : first[s + 1]].
    """
    turn = np.arange(len(load)) % (2 * n_shares)
    share = np.minimum(turn, 2 * n_shares - 1 - turn)
    by_share = np.argsort(share, kind="stable")
    order = np.argsort(-load, kind="stable")[by_share]
    return order, np.searchsorted(share[by_share], np.arange(n_shares + 1))


def checked_spikes(network, spikes, labels, n_steps):
    """Return the arrays of a batch for the kernels; raise InputError where they do not fit.

    Spikes are looked at by the kernels, see `check_sound`: here NumPy would give up the interpreter
    lock, and wait until the thread that makes the next batch gives it back.
    """
    labels = np.require(labels, np.int64, "CW")
    steps, units = (np.require(a, np.uint16, "CW") for a in (spikes.steps, spikes.units))
    if len(labels) != len(spikes):
        raise InputError(f"{len(labels)} labels for {len(spikes)} examples")
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= network.n_outputs:
        bad = labels[(labels < 0) | (labels >= network.n_outputs)][0]
        raise InputError(f"label {bad} is outside 0..{network.n_outputs - 1}, the outputs")
    if spikes.n_steps != n_steps or spikes.dt_ms != network.dt_ms:
        raise InputError(
            f"spikes are of {spikes.n_steps} steps of {spikes.dt_ms:g} ms, loss and network of "
            f"{n_steps} steps of {network.dt_ms:g} ms",
            hint="bin the data again, or set `time`",
        )
    return example.Spikes(np.require(spikes.offsets, np.int64, "CW"), steps, units, labels)


def check_sound(sound, batch, network, n_steps):
    """Raise InputError for a batch, example.Spikes, unless all are `sound` (any shape, bool).

    The kernels stop at the first that they come to; the first in the batch is named.
    """
    if np.all(sound):
        return
    hint = "build SpikeTrains with from_arrays or load"
    for i in range(len(batch.labels)):
        steps, units = example.of_example.py_func(batch, i)
        if units.max(initial=0) >= network.n_inputs:
            problem = f"a spike of unit {units.max()}, which is outside 0..{network.n_inputs - 1}"
        elif steps.max(initial=0) >= n_steps:
            problem = f"a spike in step {steps.max()}, which is outside 0..{n_steps - 1}"
        elif np.any(steps[1:] < steps[:-1]):
            problem = "spikes that are not in order of their steps"
        else:
            continue
        raise InputError(f"has {problem}", example=i, hint=hint)
