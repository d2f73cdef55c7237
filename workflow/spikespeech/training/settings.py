"""Settings of one training, checked: what the configuration resolves to for one network."""

from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from spikespeech import losses
from spikespeech.backends.registry import BACKENDS
from spikespeech.errors import InputError, nearest
from spikespeech.network import LI, LIF, AdaptiveLIF, Network
from spikespeech.network.neurons import HIDDEN
from spikespeech.spikes import SpikeTrains
from spikespeech.spikes import delays as of_spikes
from spikespeech.training import connections as synapses
from spikespeech.training import constants as of_neurons
from spikespeech.training import delays as of_connections


def number(
    kind: type,
    low: float | None = None,
    *,
    above: float | None = None,
    high: float | None = None,
) -> Any:
    """Return a field for a number of at least `low` or more than `above`, and at most `high`."""
    return field(metadata={"kind": kind, "low": low, "above": above, "high": high})


def choice(*known: Any) -> Any:
    """Return a field for one of the values `known`."""
    return field(metadata={"known": known})


def parse(kind, values, where="settings"):
    """Return the dataclass `kind` of a dictionary with exactly its keys, nested ones included.

    Raises InputError that names an unknown key (and the nearest valid one), a missing key, or a
    value out of range.
    """
    if not isinstance(values, dict):
        raise InputError(f"{where}: {values!r} is not a group of settings")
    known = {f.name: f for f in fields(kind)}
    for key in values:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, known)}")
    for key in known:
        if key not in values:
            raise InputError(f"{where}: {key!r} is missing")
    return kind(**{key: _value(known[key], values[key], f"{where}.{key}") for key in known})


def _value(known, value, where):
    if is_dataclass(known.type):
        return parse(known.type, value, where)
    if "parse" in known.metadata:
        return known.metadata["parse"](value, where)
    if "known" in known.metadata:
        if value not in known.metadata["known"]:
            raise InputError(f"{where}: {value!r}{nearest(value, known.metadata['known'])}")
        return value
    limits = known.metadata
    kinds = (int, float) if limits["kind"] is float else int
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise InputError(f"{where}: {value!r} is not a{'n integer' if kinds is int else ' number'}")
    for limit, text, holds in (
        (limits["low"], "at least", lambda v, x: v >= x),
        (limits["above"], "more than", lambda v, x: v > x),
        (limits["high"], "at most", lambda v, x: v <= x),
    ):
        if limit is not None and not holds(value, limit):
            raise InputError(f"{where}: {value:g} is not {text} {limit:g}")
    return limits["kind"](value)


def _mean_and_deviation(value, where):
    if len(value) != 2 or not all(isinstance(v, int | float) for v in value) or value[1] < 0:
        raise InputError(f"{where}: {value!r} is not a mean and a standard deviation")
    return tuple(map(float, value))


def _hidden(value, where):
    sizes = value if isinstance(value, list | tuple) and len(value) > 1 else [value]
    if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in sizes):
        raise InputError(f"{where}: {value!r} is no size of a hidden layer, nor several in a list")
    return tuple(sizes) if len(sizes) > 1 else value


def _loss(value, where):
    if not isinstance(value, dict) or "name" not in value:
        raise InputError(f"{where}: {value!r} does not name a loss")
    return dict(value)


@dataclass(frozen=True)
class EaseIn:
    """The learning rate begins at `start` and grows by `factor` each batch."""

    start: float = number(float, above=0)
    factor: float = number(float, above=1)


@dataclass(frozen=True)
class Plateau:
    """When the learning rate is halved: see `schedule.full_rate`."""

    fast: float = number(float, 0, high=1)
    slow: float = number(float, 0, high=1)
    patience: int = number(int, 1)


@dataclass(frozen=True)
class Schedule:
    """How the learning rate goes: see `schedule.rates`.

    Attributes
    ----------
    kind : "plateau", by `ease_in` and `plateau`; or "cosine", which uses neither
    warm_up : batches through which a cosine's rate rises from 0
    """

    kind: str = choice("plateau", "cosine")
    warm_up: int = number(int, 0)


@dataclass(frozen=True)
class Augmentation:
    """See `augment.Presentations`."""

    shift: int = number(int, 0)
    blend: bool = choice(False, True)
    warp: float = number(float, 0)
    stretch: float = number(float, 0)
    band: int = number(int, 0)
    mask: int = number(int, 0)
    drop: float = number(float, 0, high=1)
    jitter: float = number(float, 0)
    noise: float = number(float, 0)


@dataclass(frozen=True)
class Regularisation:
    """Strengths, in mlGeNN's units, above and below a target of `spikes` a neuron and example."""

    lambda_upper: float = number(float, 0)
    lambda_lower: float = number(float, 0)
    spikes: float = number(float, 0)


@dataclass(frozen=True)
class InitialWeights:
    """Mean and standard deviation of the normal distributions of the initial weights."""

    input_hidden: tuple = field(metadata={"parse": _mean_and_deviation})
    hidden_hidden: tuple = field(metadata={"parse": _mean_and_deviation})
    hidden_output: tuple = field(metadata={"parse": _mean_and_deviation})


@dataclass(frozen=True)
class Neuron:
    """Time constants in ms, of hidden neurons, and of outputs that have no others; a threshold.

    Attributes
    ----------
    model : of hidden neurons, one of `neurons.HIDDEN`
    tau_adapt, strength : of AdaptiveLIF; other models do without
    """

    model: str = choice(*HIDDEN)
    tau_mem: float = number(float, above=0)
    tau_syn: float = number(float, above=0)
    threshold: float = number(float, above=0)
    tau_adapt: float = number(float, above=0)
    strength: float = number(float, 0)

    def make(self) -> LIF | AdaptiveLIF:
        """Return the neuron model."""
        model = HIDDEN[self.model]
        return model(**{constant.name: getattr(self, constant.name) for constant in fields(model)})


@dataclass(frozen=True)
class Output:
    """Time constants of the outputs in ms, where they are not those of the hidden neurons."""

    tau_mem: float = number(float, above=0)
    tau_syn: float = number(float, above=0)


def _output(value, where):
    return None if value is None else parse(Output, value, where)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that a training depends on, apart from its data.

    Attributes
    ----------
    backend : who computes, one of `backends.registry.BACKENDS`
    selection : which weights are kept: "last", the mean of the last epochs'; or the best epoch's
        by accuracy on "validation" speakers, or, as Shoesmith et al. do, on the augmented
        "training" examples
    finetune : for which share of the epochs the training goes on with the validation speakers,
        see `loop.finetune`; 0 where it does not
    average : how many last epochs the mean is of (Izmailov et al. 2018)
    epochs, batch_size, seed : int
    hidden : neurons of the hidden layer, or a tuple of those of several
    learning_rate : of Adam, at its highest
    delays : of the connections, see `delays.parse`
    constants : of neurons that differ or learn them, see `constants.parse`
    connections : which synapses they have, where not all, see `connections.parse`
    gradient_clip : how many times their usual length gradients may have, see `native.Backend`; 0
        for any, and then one that is not finite ends the training
    label_smoothing : of the loss's targets, see `losses.Loss`
    silent_lift : added to all input weights of a neuron that was silent for a whole epoch
    output : time constants of the outputs; None for those of the hidden neurons
    surrogate_slope : of the backends that have a surrogate, see `backends.surrogate`
    loss : dictionary of name, normalise and the loss's own parameters, see `losses.make`
    recurrent : bool
    """

    backend: str = choice(*BACKENDS)
    selection: str = choice("last", "validation", "training")
    finetune: float = number(float, 0)
    average: int = number(int, 1)
    epochs: int = number(int, 1)
    batch_size: int = number(int, 1)
    learning_rate: float = number(float, above=0)
    schedule: Schedule
    ease_in: EaseIn
    plateau: Plateau
    augmentation: Augmentation
    regularisation: Regularisation
    gradient_clip: float = number(float, 0)
    label_smoothing: float = number(float, 0, high=1)
    silent_lift: float = number(float, 0)
    initial_weights: InitialWeights
    neuron: Neuron
    output: Output | None = field(metadata={"parse": _output})
    surrogate_slope: float = number(float, above=0)
    delays: dict = field(metadata={"parse": of_connections.parse})
    constants: dict = field(metadata={"parse": of_neurons.parse})
    connections: dict = field(metadata={"parse": synapses.parse})
    loss: dict = field(metadata={"parse": _loss})
    hidden: int | tuple = field(metadata={"parse": _hidden})
    recurrent: bool = choice(False, True)
    seed: int = number(int, 0)

    @classmethod
    def parse(cls, values: dict, where: str = "settings") -> "Settings":
        """Return the Settings of a nested dictionary; see `parse`."""
        return parse(cls, values, where)

    def make_loss(self, spikes: SpikeTrains) -> losses.Loss:
        """Return the Loss for trials as long as those of `spikes`."""
        loss = losses.make(**self.loss, n_steps=spikes.n_steps, dt_ms=spikes.dt_ms)
        return replace(loss, smoothing=self.label_smoothing)

    def draw_delays(self, spikes):
        """Return the input delays (n_units,) int64 of the channels of `spikes`; None for none."""
        given = of_connections.of_channels(self.delays)
        return of_spikes.draw(given, spikes.n_units, self.seed)

    def given(self, network: Network, spikes: SpikeTrains) -> dict:
        """Return a network's delays at first, and which synapses there are, by name."""
        found = of_connections.draw(network, self.delays, self.seed)
        found |= synapses.draw(network, self.connections, self.seed)
        if network.input_delays:
            found[network.input_delays.delay] = self.draw_delays(spikes)
        return found

    @property
    def delay_rate(self) -> float:
        """How many times the learning rate of weights that of delays is, see `native.Backend`."""
        return self.delays.get("learning_rate", 0.0) / self.learning_rate

    @property
    def constant_rate(self) -> float:
        """How many times the learning rate of weights that of constants is, as `delay_rate`."""
        return self.constants.get("learning_rate", 0.0) / self.learning_rate

    def make_network(self, spikes: SpikeTrains) -> Network:
        """Return the Network for the channels, classes and time step of `spikes`."""
        drawn = self.draw_delays(spikes)
        neuron = self.neuron.make()
        taus = self.output or self.neuron
        output: LI | LIF = LI(taus.tau_mem, taus.tau_syn)
        if self.make_loss(spikes).kind == "first_spike":
            output = LIF(taus.tau_mem, taus.tau_syn, self.neuron.threshold)
        network = Network.layered(
            spikes.n_units,
            self.hidden,
            spikes.n_classes,
            recurrent=self.recurrent,
            neuron=neuron,
            output=output,
            dt_ms=spikes.dt_ms,
            longest_delay=0 if drawn is None else int(drawn.max()),
        )
        network = of_neurons.varied(network, self.constants, self.seed)
        network = of_connections.delayed(network, self.delays)
        return synapses.sparse(network, self.connections, self.seed)
