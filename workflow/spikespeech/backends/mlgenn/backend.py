"""The backend that `training` drives, and what agreement with the native engine needs."""

import subprocess
import tempfile

import numpy as np
from scipy.special import logsumexp

from spikespeech.backends.mlgenn.limits import check, check_times, genn_options
from spikespeech.backends.native import Outcome
from spikespeech.errors import InputError
from spikespeech.eventprop import Gradients, Regulariser, Simulation
from spikespeech.network import Parameters, sparse
from spikespeech.spikes import SpikeTrains, delays


class Backend:
    """A network that learns through mlGeNN.

    Parameters
    ----------
    network : Network, whose neurons `limits.check` takes
    weights : Parameters
    loss : Loss; `per_timestep` is refused
    regulariser : Regulariser, with a whole number of spikes
    threads : not used; GeNN's CPU backend has one thread
    batch_size : examples a batch; 1 on a CPU
    delay_rate : how many times the weights' learning rate that of learned delays is, in steps
    gradient_clip : 0; others are refused
    rewiring : None; others are refused
    device : "auto" (the GPU that GeNN finds best, or the CPU where PyGeNN was built without
        CUDA), "cuda", "cuda:1" (a GPU by its number) or "cpu"

    Attributes
    ----------
    genn_backend : GeNN's name of where it runs, "cuda" or "single_threaded_cpu"
    """

    def __init__(
        self,
        network,
        weights,
        loss,
        regulariser=None,
        threads=1,
        *,
        batch_size=1,
        device="auto",
        delay_rate=1.0,
        gradient_clip=0.0,
        rewiring=None,
    ):
        regulariser = regulariser or Regulariser()
        check(network, loss, regulariser, gradient_clip, rewiring)
        genn = genn_options(device, batch_size)
        from spikespeech.backends.mlgenn import extension

        self.genn_backend = genn["backend"]
        self._quiet = extension.QUIET
        check_times(loss.n_steps + self._quiet, network.dt_ms)
        self.network, self.loss, self.batch_size = network, loss, batch_size
        weights = Parameters.checked(network, weights)
        self._given = self._fixed(weights)
        masks = sparse.masks(network, weights)
        ends = {name: c for c in network.connections for name in (c.name, c.delay)}
        # Of connections that lack synapses GeNN holds the others alone, row after row.
        self._masks = {name: masks[c.name] for name, c in ends.items() if c.name in masks}
        self._first = {name: weights[name] for name in self._masks if name in weights}
        self._built = extension.build(network, weights, loss, regulariser, batch_size, **genn)
        self._updates, self._delay_rate = 0, delay_rate
        self._folder = tempfile.TemporaryDirectory(prefix="mlgenn-")
        load(self._built.compiled.genn_model, self._folder.name)

    @property
    def weights(self):
        """The Parameters, as arrays of their own; assign others to change them."""
        learned = self._built.learned
        values = {name: pull(p.synapses.vars[p.variable]) for name, p in learned.items()}
        found = self._shaped(values, self._first) | self._given
        return Parameters({name: found[name] for name in self.network.shapes()})

    @weights.setter
    def weights(self, weights):
        given = self._fixed(weights)
        for name in given:
            if not np.array_equal(given[name], self._given[name]):
                raise InputError(
                    f"other {name} than the network was built with", hint="build it anew"
                )
        for name, p in self._built.learned.items():
            push(p.synapses.vars[p.variable], weights[name][self._masks.get(name, ...)])

    @property
    def kernel_times(self):
        """Seconds that each of GeNN's kernels has run, as GeNN measures them (dictionary)."""
        model = self._built.compiled.genn_model
        groups = sorted({update.update_group_name for update in model.custom_updates.values()})
        return {
            "neurons": model.neuron_update_time,
            "spikes": model.presynaptic_update_time,
            **{group: model.get_custom_update_time(group) for group in groups},
        }

    def train(self, batches, learning_rates):
        """Learn from every batch (SpikeTrains of at most batch_size examples) of one epoch.

        Returns the Outcome of the forward passes, in order. The gradient of batch n is applied,
        at its own learning rate, at the end of batch n + 1; an empty batch ends the epoch.
        """
        callbacks = self._built.callbacks(self._built.compiled.base_train_callbacks)
        parts, last = [], None
        for n, (spikes, rate) in enumerate(zip(batches, learning_rates, strict=False)):
            parts.append(self._learn(n, spikes, last, callbacks))
            self._updates += n > 0
            last, self._built.optimiser.alpha = spikes, rate
            if self._built.delay_optimiser is not None:
                self._built.delay_optimiser.alpha = self._delay_rate * rate
        self._learn(len(parts), silence(last), last, callbacks)
        self._updates += 1
        return self._outcome(parts)

    def evaluate(self, spikes):
        """Return the Outcome of a forward pass of every example; nothing is learned."""
        callbacks = self._built.callbacks(self._built.compiled.base_validate_callbacks)
        return self._outcome([self._forward(batch, callbacks) for batch in self._split(spikes)])

    def gradients(self, spikes):
        """Return the Gradients dLoss/dw of the mean loss, as `spikespeech.eventprop.gradients`.

        The number of examples must be a multiple of batch_size. Weights and moments stay as they
        are.
        """
        total = {name: 0.0 for name in self._built.learned}

        def collect(_batch, _metrics):
            for name, p in self._built.learned.items():
                each = pull(p.synapses.vars[p.gradient]).reshape(self.batch_size, -1)
                total[name] = total[name] + each.sum(axis=0, dtype=np.float64)
            self._built.compiled.custom_update("ZeroGradient")

        kept = [
            callback
            for callback in self._built.compiled.base_train_callbacks
            if getattr(callback, "name", None) not in ("GradientBatchReduce", "GradientLearn")
        ]
        callbacks = self._built.callbacks(kept, on_batch_end=collect)
        parts, last = [], None
        for n, batch in enumerate(self._split(spikes)):
            parts.append(self._learn(n, batch, last, callbacks))
            last = batch
        self._learn(len(parts), silence(last), last, callbacks)
        # mlGeNN's are dLoss/dw / tau_mem for losses of voltage, dLoss/dw for first spikes.
        tau = 1 if self.loss.kind == "first_spike" else self.network.output.neuron.tau_mem
        scale = tau / len(parts)
        # Its slopes of delays are a ms.
        units = {c.delay: self.network.dt_ms for c in self.network.connections}
        mean = {name: value * (scale * units.get(name, 1)) for name, value in total.items()}
        outcome = self._outcome(parts)
        return Gradients(
            outcome.losses,
            outcome.readouts,
            self._shaped(mean, {}),
            outcome.hidden_spikes,
            outcome.guarded,
            {name: np.count_nonzero(~np.isfinite(value)) for name, value in mean.items()},
        )

    def simulate(self, spikes):
        """Return the Simulation: hidden spike trains, and output voltages at every step."""
        traces = []

        def record(_step):
            v = pull(self._built.output.vars["V"]).reshape(self.batch_size, -1)
            traces.append((self._hidden_counts(), v))

        base = self._built.compiled.base_validate_callbacks
        callbacks = self._built.callbacks(base, on_timestep_end=record)
        trains, voltages = [], []
        for batch in self._split(spikes):
            traces.clear()
            self._forward(batch, callbacks)
            counts, v = (np.array(trace) for trace in zip(*traces[: spikes.n_steps], strict=True))
            trains += [
                np.nonzero(np.diff(counts[:, i], axis=0, prepend=0)) for i in range(len(batch))
            ]
            voltages += [v[:, i] for i in range(len(batch))]
        hidden_spikes = SpikeTrains.from_binned(
            trains,
            spikes.labels,
            spikes.speakers,
            spikes.n_steps,
            self.network.n_hidden,
            spikes.dt_ms,
            spikes.classes,
        )
        return Simulation(hidden_spikes, np.array(voltages), None)

    def state(self):
        """Return Adam's moments, in mlGeNN's units, and the number of updates made."""
        moments = {
            f"{moment}_{name}": pull(update.vars[moment])
            for name, update in self._built.updates.items()
            for moment in "MV"
        }
        return {"updates": np.array(self._updates), **moments}

    def restore(self, state):
        """Take up the optimiser where `state` left it."""
        self._updates = int(state["updates"])
        for name, update in self._built.updates.items():
            for moment in "MV":
                push(update.vars[moment], state[f"{moment}_{name}"])

    def _learn(self, n, spikes, last, callbacks):
        """Run batch n of an epoch forward, and the `last` one backward; return a part of the
        outcome: labels, read-outs, hidden spike counts."""
        self._check(spikes)
        self._set_windows(spikes, last)
        readouts = self._built.train(n, self._updates, spikes, callbacks)
        return spikes.labels, readouts, self._hidden_counts()[: len(spikes)]

    def _forward(self, spikes, callbacks):
        """Run a batch forward only; return a part of the outcome."""
        self._check(spikes)
        self._set_windows(spikes)
        readouts = self._built.validate(spikes, callbacks)
        return spikes.labels, readouts, self._hidden_counts()[: len(spikes)]

    def _outcome(self, parts):
        labels, readouts, counts = (np.concatenate(p) for p in zip(*parts, strict=True))
        readouts = readouts.astype(np.float64)
        return Outcome(
            losses=cross_entropies(self.loss, readouts, labels),
            readouts=readouts,
            labels=labels,
            hidden_spikes=counts,
            guarded=0,
            nonfinite={},
        )

    def _hidden_counts(self):
        layers = [pull(layer.vars["NumSpikes"]) for layer in self._built.hidden]
        return np.hstack([counts.reshape(self.batch_size, -1) for counts in layers])

    def _set_windows(self, spikes, last=None):
        """Weigh the voltages of the batch `spikes`, and the drive of the batch `last`."""
        kind, n_steps = self.loss.kind, self.loss.n_steps
        if kind == "window":
            self._fill("Window", self.loss.windows(spikes)[0] / n_steps)
        if last is not None and kind != "first_spike":
            # What mlGeNN divides by: a mean over the padded trial and the whole batch.
            divisor = (n_steps + self._quiet) * self.batch_size / len(last)
            if kind == "window":
                self._fill("AdjointWindow", self.loss.windows(last)[1] * divisor / n_steps)
            else:
                self._fill("AdjointWindow", np.full((1, n_steps), divisor))

    def _fill(self, name, values):
        table = np.zeros((self.batch_size, self.loss.n_steps + self._quiet), np.float32)
        rows = slice(None) if len(values) == 1 else slice(len(values))
        table[rows, : self.loss.n_steps] = values
        push(self._built.output.extra_global_params[name], table)

    def _shaped(self, values, others):
        """Return flat arrays by name as Parameters; where there is no synapse, `others` or 0."""
        shapes, shaped = self.network.shapes(), {}
        for name, flat in values.items():
            shaped[name] = np.array(others.get(name, np.zeros(shapes[name])))
            shaped[name][self._masks.get(name, ...)] = (
                flat if name in self._masks else np.reshape(flat, shapes[name])
            )
        return Parameters(shaped)

    def _fixed(self, weights):
        """Return the delays among the parameters that nothing changes, and which synapses are."""
        names = {c.delay for c in self.network.connections if not c.learned_delays}
        names |= {c.mask for c in self.network.connections}
        return {name: array.copy() for name, array in weights.items() if name in names}

    def _split(self, spikes):
        """Yield the examples in batches, later by the delays of their channels."""
        spikes = delays.arriving(self.network, self._given, spikes)
        for begin in range(0, len(spikes), self.batch_size):
            yield spikes.take(range(begin, min(begin + self.batch_size, len(spikes))))

    def _check(self, spikes):
        here = (spikes.n_units, spikes.n_steps, spikes.dt_ms)
        built = (self.network.n_inputs, self.loss.n_steps, self.network.dt_ms)
        if here != built:
            raise InputError(
                "examples of {} units and {} steps of {:g} ms".format(*here),
                hint="the network was built for {} units and {} steps of {:g} ms".format(*built),
            )
        if len(spikes) > self.batch_size:
            raise InputError(
                f"a batch of {len(spikes)} examples", hint=f"give at most {self.batch_size}"
            )


def load(model, folder):
    """Build a GeNN model with the C++ compiler, in a folder, and load it."""
    try:
        model.build(path_to_model=folder)
        model.load()
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        raise InputError(
            f"GeNN could not build the network: {error}",
            hint="it needs g++ and make, for a GPU CUDA and its driver, and a TMPDIR whose "
            "programs may run (not mounted noexec)",
        ) from error


def pull(variable):
    """Return a copy of a variable's values on the device, as GeNN lays them out."""
    variable.pull_from_device()
    return np.array(variable.values if _of_synapses(variable) else variable.view)


def push(variable, values):
    """Give a variable on the device new values."""
    if _of_synapses(variable):
        variable.values = np.reshape(values, variable.values.shape)
    else:
        variable.view[:] = np.reshape(values, variable.view.shape)
    variable.push_to_device()


def _of_synapses(variable):
    """Whether a variable is of synapses, whose values lie apart where some are missing."""
    return hasattr(variable.group, "synapse_group")


def silence(spikes):
    """Return a batch like `spikes` of one example without spikes."""
    one = spikes.take([0])
    return one.with_spikes(np.zeros(2, np.int64), one.steps[:0], one.units[:0])


def cross_entropies(loss, readouts, labels):
    """Return the loss (n,) of each example from its read-outs (n, n_outputs)."""
    rows = np.arange(len(labels))
    if loss.kind != "first_spike":
        return logsumexp(readouts, axis=1) - readouts[rows, labels]
    # A silent output counts as one that spikes at the trial's end.
    duration = loss.n_steps * loss.dt_ms
    times = np.minimum(-readouts, duration)
    urgency = -times / loss.parameters["temperature"]
    late = loss.parameters["alpha"] / (1.01 * duration - times[rows, labels])
    return logsumexp(urgency, axis=1) - urgency[rows, labels] + late
