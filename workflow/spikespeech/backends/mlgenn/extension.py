"""What mlGeNN 2.4 lacks, added from outside: any loss window, and a quiet end of every trial.

This module imports ml_genn; `backend.Backend` is the way in and says what to install.

mlGeNN's compiler (`ml_genn.compilers.EventPropCompiler`) has no hook for another window: it
writes the drive on the output's adjoint as C++ text, chosen by the read-out's type. `Compiler`
rewrites that text afterwards, and raises InputError where it does not find it. A read-out alone,
a subclass of AvgVar with another weight, would compile, train, and follow a gradient that is not
that of its loss.

Every trial gets `QUIET` more steps, in which nothing spikes and every window is zero. They keep
out what mlGeNN's batch scheme does at a trial's last step: a spike there erases its neuron's
whole gradient, and spikes of the last two steps leak into the next example.
"""

from copy import deepcopy
from typing import NamedTuple

import numpy as np
from ml_genn import Connection, Network, Population
from ml_genn.callbacks import Callback
from ml_genn.compilers import EventPropCompiler
from ml_genn.compilers.event_prop_compiler import default_params
from ml_genn.connectivity import Dense
from ml_genn.connectivity.sparse_base import SparseBase
from ml_genn.neurons import LeakyIntegrate, LeakyIntegrateFire, SpikeInput
from ml_genn.optimisers import Adam
from ml_genn.readouts import AvgVar, FirstSpikeTime, MaxVar
from ml_genn.synapses import Exponential
from ml_genn.utils.callback_list import CallbackList
from ml_genn.utils.data import PreprocessedSpikes

from spikespeech.backends.mlgenn.limits import rewrite
from spikespeech.backends.native import DELAY_EPSILON
from spikespeech.network.parameters import synapse_steps

QUIET = 2
"""Steps appended to each trial: spikes of the trial's last step arrive in the first of them, and
in the second mlGeNN clears the synapses."""


class LeakyIntegrateFireUntil(LeakyIntegrateFire):
    """A LIF neuron that spikes only before `end` (ms), and counts its spikes in `NumSpikes`."""

    def __init__(self, end, **parameters):
        super().__init__(**parameters)
        self.end = end

    def get_model(self, population, dt, batch_size):
        model = deepcopy(super().get_model(population, dt, batch_size))
        condition = model.model["threshold_condition_code"]
        model.model["threshold_condition_code"] = f"({condition}) && t < {self.end}"
        model.add_var("NumSpikes", "int", 0)
        model.append_reset_code("NumSpikes++;")
        return model


class WindowedMean(AvgVar):
    """Y = Σ_t Window[t] V(t). Subclasses AvgVar for `Compiler`, without which it trains wrongly."""

    def __init__(self, windows):
        super().__init__()
        self.windows = windows

    def add_readout_logic(self, model, **_):
        self.output_var_name, self.output_var_type = model.output_var_name, "scalar"
        model = self.windows.added_to(model, "Window", "AdjointWindow")
        model.add_var("VAvg", "scalar", 0)
        model.append_sim_code(f"VAvg += {self.windows.at('Window', 't')} * V;")
        return model


class MaxUntil(MaxVar):
    """Y = max(0, max V(t)) over the times before `end` (ms)."""

    def __init__(self, windows, end):
        super().__init__()
        self.windows, self.end = windows, end

    def add_readout_logic(self, model, **_):
        self.output_var_name, self.output_var_type = model.output_var_name, "scalar"
        model = self.windows.added_to(model, "AdjointWindow")
        model.add_var("VMax", "scalar", 0)
        model.add_var("VMaxTime", "scalar", 0)
        model.append_sim_code(f"if (t < {self.end} && V > VMax) {{ VMax = V; VMaxTime = t; }}")
        return model


class Given(SparseBase):
    """The synapses of a mask (source, target), with weights and delays of that shape."""

    def __init__(self, weight, mask, delay):
        super().__init__(weight[mask], delay[mask] if np.ndim(delay) else delay)
        self.pre_ind, self.post_ind = np.nonzero(mask)

    def connect(self, source, target):
        pass

    def get_snippet(self, connection, supported_matrix_type):
        return self._get_snippet(supported_matrix_type, None)


class Windows(NamedTuple):
    """Two tables (batch_size, steps), which the host fills before each batch.

    `Window` weighs the voltages of this batch in its read-out; `AdjointWindow` weighs the drive
    of the batch before, which runs backward in the same steps.
    """

    batch_size: int
    steps: int

    def added_to(self, model, *names):
        """Return a copy of the neuron model with tables; GeNN wants no unused ones."""
        model = deepcopy(model)
        for name in names:
            model.add_egp(name, "scalar*", np.zeros(self, np.float32))
        return model

    def at(self, name, time):
        """Return code for the value of a table at a time in ms."""
        return f"{name}[(batch * {self.steps}) + (int)round({time} / dt)]"


class Compiler(EventPropCompiler):
    """mlGeNN's EventProp compiler, with texts of its code replaced.

    Parameters
    ----------
    hidden_resets, output_simulation : pairs (text, replacement), for the code that hidden neurons
        run at a spike, and for that which outputs run each step
    """

    def __init__(self, *arguments, hidden_resets, output_simulation, **keywords):
        super().__init__(*arguments, **keywords)
        self.hidden_resets, self.output_simulation = hidden_resets, output_simulation

    def build_neuron_model(self, pop, model, compile_state):
        model = super().build_neuron_model(pop, model, compile_state)
        if pop.neuron.readout is not None:
            rewrite(model.model, "sim_code", self.output_simulation)
        elif isinstance(pop.neuron, LeakyIntegrateFireUntil):
            rewrite(model.model, "reset_code", self.hidden_resets)
        return model

    def add_softmax_custom_updates(self, *arguments):
        """Take the softmax at its temperature, by which mlGeNN only divides the gradient."""
        super().add_softmax_custom_updates(*arguments, temperature=self.softmax_temperature)


class Learned(NamedTuple):
    """A parameter that mlGeNN learns: GeNN's synapses and its and its gradient's variable there."""

    synapses: object
    variable: str
    gradient: str


class Built(NamedTuple):
    """A compiled network, and where its parts are.

    Attributes
    ----------
    compiled : ml_genn's CompiledTrainingNetwork
    source, target : ml_genn's populations of the inputs and outputs
    hidden : GeNN's populations of the hidden layers, in order
    output : GeNN's population of the outputs
    learned : `Learned` by the names of parameters
    updates : GeNN's custom updates that hold Adam's moments, by the same names
    optimiser, delay_optimiser : ml_genn's Adam of weights, and of delays if any are learned
    """

    compiled: object
    source: Population
    target: Population
    hidden: list
    output: object
    learned: dict
    updates: dict
    optimiser: Adam
    delay_optimiser: Adam | None

    def callbacks(self, base, **methods):
        """Return a CallbackList of the callbacks `base`, and of functions by name of the event."""
        own = type("Own", (Callback,), {k: staticmethod(f) for k, f in methods.items()})()
        return CallbackList([*base, own], compiled_network=self.compiled, num_batches=1)

    def train(self, batch, update, spikes, callbacks):
        """Run a batch forward, and the one before it backward; return the read-outs."""
        readouts = Readouts()
        self.compiled._train_batch(
            batch,
            update,
            self._inputs(spikes),
            {self.target: spikes.labels},
            {self.target: readouts},
            callbacks,
        )
        return readouts.values

    def validate(self, spikes, callbacks):
        """Run a batch forward; return the read-outs."""
        readouts = Readouts()
        self.output.set_dynamic_param_value("Trial", 0)
        self.compiled._validate_batch(
            0,
            self._inputs(spikes),
            {self.target: spikes.labels},
            {self.target: readouts},
            callbacks,
        )
        return readouts.values

    def _inputs(self, spikes):
        examples = (spikes.example(i) for i in range(len(spikes)))
        return {self.source: [preprocessed(*e, spikes.n_units, spikes.dt_ms) for e in examples]}


class Readouts:
    """In mlGeNN a metric: keeps the read-outs (n, n_outputs) of the batch."""

    def update(self, y_true, y_pred, communicator):
        self.values = np.array(y_pred)


def preprocessed(steps, units, n_units, dt_ms):
    """Return one example as mlGeNN's input. A spike counts from half a step before its step, so
    that rounding cannot move it to the next."""
    order = np.argsort(units, kind="stable")
    times = ((steps[order] - 0.5) * dt_ms).astype(np.float32)
    return PreprocessedSpikes(np.cumsum(np.bincount(units, minlength=n_units)), times)


def build(network, weights, loss, regulariser, batch_size, **genn):
    """Describe the network to mlGeNN and compile it to a GeNN model; return it as `Built`.

    `genn` are options of GeNNModel, its backend among them. The model is neither built (by the
    C++ compiler) nor loaded.
    """
    padded = loss.n_steps + QUIET
    end = (loss.n_steps - 0.5) * network.dt_ms
    # Neurons get these where they are made, within `with`, by their very class.
    lif = {LeakyIntegrateFireUntil: default_params[LeakyIntegrateFire]}
    on_synapses = [c for c in network.connections if _on_synapses(network, c)]
    with_learned = [c for c in on_synapses if c.learned_delays]
    described = Network(default_params | lif)
    with described:
        neuron, rewritten, options = _output(network, loss, Windows(batch_size, padded), end)
        # Room for a spike of every channel in every step.
        most = batch_size * network.n_inputs * loss.n_steps
        described_as = {
            network.input.name: Population(SpikeInput(max_spikes=most), network.n_inputs),
            **{p.name: Population(_hidden(p.neuron, end), p.n) for p in network.hidden},
            network.output.name: Population(neuron, network.n_outputs),
        }
        connections = {
            c.name: Connection(
                described_as[c.source],
                described_as[c.target],
                _connectivity(network, c, weights),
                Exponential(network[c.target].neuron.tau_syn),
                max_delay_steps=c.longest_delay if c in on_synapses else None,
            )
            for c in network.connections
        }
    compiled = Compiler(
        padded,
        losses="sparse_categorical_crossentropy",
        optimiser=Adam(),
        delay_optimiser=Adam(epsilon=DELAY_EPSILON),
        delay_learn_conns=[connections[c.name] for c in with_learned],
        reg_lambda_upper=regulariser.lambda_upper,
        reg_lambda_lower=regulariser.lambda_lower,
        reg_nu_upper=int(regulariser.spikes),
        # A neuron's ring holds two examples; this is room for a spike in every step of both.
        max_spikes=2 * padded + 1,
        dt=network.dt_ms,
        batch_size=batch_size,
        kernel_profiling=True,
        hidden_resets=_resets(loss, network.dt_ms, regulariser),
        output_simulation=rewritten,
        **options,
        **genn,
    ).compile(described, name="spikespeech")
    # The compiler works with copies of the optimisers; updates are in the connections' order.
    (optimiser, updates), *of_delays = compiled.optimisers
    [(delay_optimiser, delay_updates)] = of_delays or [(None, [])]
    synapses = {name: compiled.connection_populations[c] for name, c in connections.items()}
    learned = {name: Learned(s, "g", "Gradient") for name, s in synapses.items()}
    learned |= {c.delay: Learned(synapses[c.name], "d", "DelayGradient") for c in with_learned}
    populations = compiled.neuron_populations
    return Built(
        compiled,
        described_as[network.input.name],
        described_as[network.output.name],
        [populations[described_as[p.name]] for p in network.hidden],
        populations[described_as[network.output.name]],
        learned,
        dict(zip(learned, [*updates, *delay_updates], strict=True)),
        optimiser,
        delay_optimiser,
    )


def _on_synapses(network, connection):
    """Whether mlGeNN's synapses delay: spikes of inputs with delays by channel come to it late."""
    return connection.longest_delay > 0 and connection != network.input_delays


def _connectivity(network, connection, weights):
    """Return mlGeNN's connectivity of a connection."""
    delays = _delays(network, connection, weights)
    if connection.synapses is None:
        return Dense(weights[connection.name], delays)
    return Given(weights[connection.name], weights[connection.mask] != 0, delays)


def _delays(network, connection, weights):
    """Return the delays of a connection's synapses in steps: whole ones, unless they are learned.

    mlGeNN rounds fixed ones otherwise than learned ones, of which a half counts upwards.
    """
    if not _on_synapses(network, connection):
        return 0
    delays = weights[connection.delay]
    if connection.learned_delays:
        return delays
    return np.array(synapse_steps(connection, delays, network[connection.target].n))


def _hidden(neuron, end):
    """Return mlGeNN's neuron for those of a hidden layer."""
    return LeakyIntegrateFireUntil(
        end, v_thresh=neuron.threshold, tau_mem=neuron.tau_mem, tau_refrac=None
    )


def _resets(loss, dt_ms, regulariser):
    """Return rewrites by which the regulariser passes over spikes of a trial's last step."""
    if not (regulariser.lambda_upper or regulariser.lambda_lower):
        return []
    before = f"t < {(loss.n_steps - 1.5) * dt_ms}"
    return [
        (
            "if(RingWriteOffset != RingReadEndOffset)",
            f"if({before} && RingWriteOffset != RingReadEndOffset)",
        ),
        ("SpikeCount++;", f"if ({before}) {{ SpikeCount++; }}"),
    ]


def _output(network, loss, windows, end):
    """Return the output neuron with its read-out, the rewrites of its code, compiler options."""
    if loss.kind != "first_spike":
        kind = {"window": WindowedMean, "max": lambda w: MaxUntil(w, end)}[loss.kind]
        neuron = LeakyIntegrate(tau_mem=network.output.neuron.tau_mem, readout=kind(windows))
        weight = windows.at("AdjointWindow", "backT")
        return neuron, [("drive = g /", f"drive = (g * {weight}) /")], {}
    neuron = LeakyIntegrateFireUntil(
        end,
        v_thresh=network.output.neuron.threshold,
        tau_mem=network.output.neuron.tau_mem,
        tau_refrac=None,
        readout=FirstSpikeTime(),
    )
    # Two terms know the trial's length T: the push on a label neuron that stayed silent,
    # alpha / (1e-4 T²) at the trial's end, and that on its first spike, alpha / (1.01 T - t)².
    # The quiet steps must not count: alpha is scaled for the first, and back for the second.
    stretch = windows.steps / loss.n_steps
    duration = loss.n_steps * network.dt_ms
    rewritten = [
        ("t == 0.0", f"fabs(t - {QUIET * network.dt_ms}) < 1e-3*dt"),
        (
            f"fst = {1.01 * (network.dt_ms * windows.steps)} + TFirstSpikeBack;",
            f"fst = {stretch} * ({1.01 * duration} + TFirstSpikeBack);",
        ),
    ]
    return (
        neuron,
        rewritten,
        {
            "softmax_temperature": loss.parameters["temperature"],
            "ttfs_alpha": loss.parameters["alpha"] * stretch**2,
        },
    )
