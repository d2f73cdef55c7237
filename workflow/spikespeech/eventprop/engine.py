"""Batches over threads: what the API builds on."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from spikespeech.errors import InputError
from spikespeech.eventprop import adam, example, readout
from spikespeech.eventprop.constants import constants
from spikespeech.eventprop.vectors import LANES, aligned, padded
from spikespeech.network import Weights

SLOPE_MIN = 1e-3
"""Guard of 1 / (I - V): a smaller I - V of a spike counts as this in the backward pass.

With V below threshold before the spike, I - V > threshold (1/c - 1), where c is the synapse's
`constants.scale`: 0.10 for τ_syn = 5 ms at dt = 1 ms, where the guard cannot act, and
dt / (2 τ_syn) for small dt. `guarded` counts how often it did.
"""

TRACES = 24 * 2**20
"""Bytes of adjoint traces that a group of examples may fill: they should stay in the L3 cache."""


class Engine:
    """A network, its weights and a loss, ready to run batches.

    Parameters
    ----------
    network : Network
    weights : Weights
    loss : Loss
    regulariser : Regulariser or None
    n_steps : steps of a trial
    threads : number of threads; results do not depend on it
    """

    def __init__(self, network, weights, loss, regulariser, threads):
        self.network, self.loss, self.threads = network, loss, threads
        self.n_steps = loss.n_steps
        self.width = padded(network.n_hidden)
        n_sources = network.n_inputs + (network.n_hidden if network.recurrent else 0)
        # Inputs' rows, then hidden neurons' rows: one source is treated as another.
        self.rows = aligned(n_sources * self.width)
        self.output_weights = aligned(padded(network.n_hidden * network.n_outputs))
        self.hidden_hidden = None
        self.weights = weights
        self.row_gradient = aligned(self.rows.shape)
        self.output_gradient = aligned(self.output_weights.shape)
        self.hidden, self.output = layers(network, self.width)
        self.penalty = _penalty(network, regulariser)
        self.reading = self._read_windows(*loss.windows(None)) if loss.shared else None
        self.scratch = [
            example.scratch(self.n_steps, network.n_hidden, network.n_outputs, self.width)
            for _ in range(threads)
        ]
        self.tapes = {}
        self.pool = ThreadPoolExecutor(threads) if threads > 1 else None

    @property
    def weights(self):
        """The Weights, as a copy."""
        n, h, o = self.network.n_inputs, self.network.n_hidden, self.network.n_outputs
        rows = self.rows.reshape(-1, self.width)[:, :h]
        hidden = rows[n:] if self.network.recurrent else self.hidden_hidden
        return Weights(
            rows[:n].copy(), hidden.copy(), self.output_weights[: h * o].reshape(h, o).copy()
        )

    @weights.setter
    def weights(self, weights):
        n, h, o = self.network.n_inputs, self.network.n_hidden, self.network.n_outputs
        weights = checked_weights(self.network, weights)
        self.rows[:], self.output_weights[:] = 0, 0
        rows = self.rows.reshape(-1, self.width)
        rows[:n, :h] = weights.input_hidden
        if self.network.recurrent:
            rows[n:, :h] = weights.hidden_hidden
        else:
            self.hidden_hidden = weights.hidden_hidden.copy()
        self.output_weights[: h * o] = weights.hidden_output.ravel()

    @property
    def model(self):
        """The network as kernels see it; shares memory with the weights."""
        n, h, o = self.network.n_inputs, self.network.n_hidden, self.network.n_outputs
        return example.Model(
            self.rows[: n * self.width],
            self.rows[n * self.width :],
            self.output_weights[: h * o].reshape(h, o),
            self.hidden,
            self.output,
            float(self.network.dt_ms),
            np.float32(SLOPE_MIN),
        )

    def run(self, spikes, labels, learn):
        """Run a batch; return example.Results.

        With `learn` the sums over the batch of the gradients are left in `row_gradient` (without
        its factor, see `backward.gather`) and `output_gradient`.
        """
        network = self.network
        batch = checked_spikes(network, spikes, labels, self.n_steps)
        reading = self.reading or self._read_windows(*self.loss.windows(spikes))
        out = example.results(len(spikes), network.n_hidden, network.n_outputs)
        if learn:
            self.row_gradient[:], self.output_gradient[:] = 0, 0
        load = np.diff(batch.offsets)
        size = self.group if learn else len(spikes)
        for start in range(0, len(spikes), size):
            group = np.arange(start, min(start + size, len(spikes)))
            tapes = self._tapes(learn)
            shares = balanced(load[group], self.threads)
            self._each(
                example.run_all,
                [
                    (
                        group[share],
                        share if learn else np.full(len(share), thread),
                        batch,
                        self.model,
                        reading,
                        self.penalty,
                        learn,
                        tapes,
                        self.scratch[thread],
                        out,
                    )
                    for thread, share in enumerate(shares)
                ],
            )
            if learn:
                self._gather(len(group), tapes)
        if not out.ordered.all():
            raise InputError(
                "spikes are not in order of their steps",
                example=int(np.argmin(out.ordered)),
                mend="build SpikeTrains with from_arrays or load",
            )
        return out

    @property
    def group(self):
        """Number of examples whose traces are held at a time."""
        return max(self.threads, TRACES // (4 * self.n_steps * self.width), 1)

    def _gather(self, n_slots, tapes):
        h, o = self.network.n_hidden, self.network.n_outputs
        gradient = self.output_gradient[: h * o].reshape(h, o)
        columns = np.arange(0, self.width, LANES)
        shares = [columns[thread :: self.threads] for thread in range(self.threads)]
        self._each(
            example.gather_all,
            [
                (n_slots, tapes, c, self.width, self.row_gradient, gradient)
                for c in shares
                if len(c)
            ],
        )

    def _each(self, kernel, calls):
        """Call a kernel with each tuple of arguments, one a thread."""
        if self.pool is None:
            for arguments in calls:
                kernel(*arguments)
        else:
            for done in [self.pool.submit(kernel, *arguments) for arguments in calls]:
                done.result()

    def finish_gradient(self, n):
        """Make the sums the mean over n examples; return the entries not finite of each array."""
        rows = (-self.hidden.tau_syn / np.float32(n)).astype(np.float32)
        split = self.network.n_inputs * self.width
        parts = self.row_gradient[:split], self.row_gradient[split:], self.output_gradient
        mean = np.full(LANES, 1 / n, np.float32)
        return np.array([adam.finish(g, f) for g, f in zip(parts, (rows, rows, mean), strict=True)])

    @property
    def gradient(self):
        """The gradient as Weights; zeros for recurrent weights that are not there."""
        n, h, o = self.network.n_inputs, self.network.n_hidden, self.network.n_outputs
        rows = self.row_gradient.reshape(-1, self.width)[:, :h]
        hidden = rows[n:].copy() if self.network.recurrent else np.zeros((h, h), np.float32)
        return Weights(rows[:n].copy(), hidden, self.output_gradient[: h * o].reshape(h, o).copy())

    def _tapes(self, learn):
        if learn not in self.tapes:
            n_slots, network = self.group if learn else self.threads, self.network
            self.tapes[learn] = example.tapes(
                n_slots,
                n_slots if learn else 0,
                self.n_steps,
                len(self.rows) // self.width,
                network.n_hidden,
                network.n_outputs,
                self.width,
            )
        return self.tapes[learn]

    def _read_windows(self, windows, drives):
        """Return the loss as the kernels see it."""
        loss, network = self.loss, self.network
        alike = all(np.ptp(tau) == 0 for tau in (self.output.tau_mem, self.output.tau_syn))
        kind = {
            "window": example.CLOSED if alike else example.WINDOWED,
            "max": example.MAXIMUM,
            "per_timestep": example.PER_TIMESTEP,
            "first_spike": example.FIRST_SPIKE,
        }[loss.kind]
        windows, drives = (np.ascontiguousarray(w, dtype=np.float64) for w in (windows, drives))
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


def layers(network, width):
    """Return the Constants of the hidden layer, padded to `width`, and of the outputs."""
    common = network.threshold, network.dt_ms
    h, o = network.n_hidden, network.n_outputs
    return (
        constants(network.tau_mem, network.tau_syn, *common, h, width),
        constants(network.tau_mem_output, network.tau_syn_output, *common, o, o),
    )


def gradient_scale(network):
    """Return mlGeNN's unit of gradients and adjoints: dL/dw / τ_mem of the outputs, in ms."""
    return float(np.mean(network.tau_mem_output))


def _penalty(network, regulariser):
    if regulariser is None:
        return example.Penalty(0.0, 0.0, 0.0)
    unit = gradient_scale(network)
    return example.Penalty(
        unit * regulariser.lambda_upper, unit * regulariser.lambda_lower, float(regulariser.spikes)
    )


def balanced(load, n_shares):
    """Return n_shares index arrays of about equal load: heaviest first, to the lightest share."""
    shares, totals = [[] for _ in range(n_shares)], np.zeros(n_shares)
    for i in np.argsort(-load, kind="stable"):
        lightest = int(np.argmin(totals))
        shares[lightest].append(i)
        totals[lightest] += load[i] + 1
    return [np.array(sorted(share), dtype=np.int64) for share in shares]


def checked_weights(network, weights):
    """Return weights given as Weights, a dictionary or three arrays; raise InputError if bad."""
    if isinstance(weights, dict):
        weights = Weights(**weights)
    elif not isinstance(weights, Weights):
        weights = Weights(*weights)
    weights = Weights(*(np.ascontiguousarray(w, dtype=np.float32) for w in weights))
    for name, array, expected in zip(Weights.names(), weights, Weights.zeros(network), strict=True):
        if array.shape != expected.shape:
            raise InputError(f"{name} has shape {array.shape}, the network {expected.shape}")
        bad = np.count_nonzero(~np.isfinite(array))
        if bad:
            raise InputError(
                f"{bad} of {array.size} {name} weights are not finite",
                mend="lower the learning rate or the initial weights",
            )
    return weights


def checked_spikes(network, spikes, labels, n_steps):
    """Return the arrays of a batch for the kernels; raise InputError where they do not fit."""
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
            mend="bin the data again, or set `time`",
        )
    if units.max(initial=0) >= network.n_inputs:
        raise InputError(f"unit {units.max()} is outside 0..{network.n_inputs - 1}, the inputs")
    if steps.max(initial=0) >= n_steps:
        raise InputError(f"step {steps.max()} is outside 0..{n_steps - 1}")
    return example.Spikes(np.require(spikes.offsets, np.int64, "CW"), steps, units, labels)
