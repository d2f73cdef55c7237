"""What a network is: populations of neurons, and the connections between them."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from spikespeech.errors import InputError
from spikespeech.network.neurons import EACH, HIDDEN, LI, LIF, AdaptiveLIF, Learned

# Names of parameters join those of populations by "_" and "."
NAME = "[a-z][a-z0-9]*"
MOST_NEURONS = 2**16  # of a population: the engine notes a spike's neuron in 16 bits

SHAPES = {
    "source": "a delay each source neuron, to all its targets",
    "block": "a delay each source neuron and 16 targets in a row",
    "synapse": "a delay each synapse",
}
"""What a delay of a connection belongs to."""

BLOCK = 16
"""So many targets in a row share a delay of the shape "block": a cache line of their weights."""

LONGEST = 2**16 - 1
"""Delays are of at most so many steps, as trials are."""


@dataclass(frozen=True)
class Population:
    """Neurons of one model; without a model, channels whose spikes come from outside.

    Attributes
    ----------
    learned : which constants of the neurons are learned
    """

    name: str
    n: int
    neuron: LIF | AdaptiveLIF | LI | None = None
    learned: tuple[Learned, ...] = ()

    def called(self, learned: Learned) -> str:
        """Return what the values of a learned constant are called among the parameters."""
        return f"{self.name}.{learned.constant}"


@dataclass(frozen=True)
class Connection:
    """Weights from each neuron of a population to each of another, or of the same one.

    A spike of step s arrives in step s + 1, or by its delay later.

    Attributes
    ----------
    source, target : names of populations
    longest_delay : in steps; above 0 the parameters hold delays from 0 to it
    delay_shape : what each delay belongs to, one of `SHAPES`
    learned_delays : whether delays are learned, as the weights are; else they are whole numbers
        that no training changes
    synapses : how many pairs of a source and a target are connected, where not all are: the
        parameters hold which
    """

    source: str
    target: str
    longest_delay: int = 0
    delay_shape: str = "source"
    learned_delays: bool = False
    synapses: int | None = None

    @property
    def name(self) -> str:
        """What its weights are called among the parameters."""
        return f"{self.source}_{self.target}"

    @property
    def delay(self) -> str:
        """What its delays are called among the parameters."""
        return f"{self.name}.delay"

    @property
    def mask(self) -> str:
        """What is called among the parameters which of its synapses there are."""
        return f"{self.name}.mask"

    @property
    def axonal(self) -> bool:
        """Whether each source has a fixed delay of its own."""
        return self.longest_delay > 0 and self.delay_shape == "source" and not self.learned_delays

    @property
    def recurrent(self) -> bool:
        """Whether it runs within a population."""
        return self.source == self.target


@dataclass(frozen=True)
class Network:
    """Populations in the order in which they run, and their connections.

    A connection runs to the same or a later population, so that each can run over a whole example
    before the next. The first population is the inputs, the last the outputs, those between are
    hidden and spike. Raises InputError for anything else.

    Attributes
    ----------
    populations : tuple of Population
    connections : tuple of Connection, sorted by target, then by source
    dt_ms : time step in ms
    """

    populations: tuple[Population, ...]
    connections: tuple[Connection, ...]
    dt_ms: float = 1.0

    def __post_init__(self):
        if len(self.populations) < 2 or not 0 < self.dt_ms < np.inf:
            raise InputError(
                f"{len(self.populations)} populations with a time step of {self.dt_ms} ms",
                hint="give inputs, outputs and a step above 0",
            )
        order = {population.name: i for i, population in enumerate(self.populations)}
        if len(order) < len(self.populations):
            raise InputError("two populations have one name")
        for i, population in enumerate(self.populations):
            _check_population(population, i, len(self.populations))
        for connection in self.connections:
            _check_delays(connection)
        ends = []
        for c in self.connections:
            if not {c.source, c.target} <= set(order):
                raise InputError(f"no populations for the connection {c.name}")
            ends.append((order[c.target], order[c.source]))
            forward = 0 < order[c.target] >= order[c.source] < len(order) - 1
            if not forward:
                raise InputError(
                    f"the connection {c.name} runs backward, or from the outputs or to the inputs",
                    hint="connect a population to itself or a later one",
                )
            pairs = self[c.source].n * self[c.target].n
            if c.synapses is not None and not 0 < c.synapses <= pairs:
                raise InputError(
                    f"the connection {c.name} has {c.synapses} synapses",
                    hint=f"connect 1 to {pairs:,} pairs of neurons",
                )
        if ends != sorted(set(ends)):
            raise InputError("connections are not in order", hint="sort by target, then by source")

    @classmethod
    def layered(
        cls,
        n_inputs: int,
        hidden: int | Sequence[int],
        n_outputs: int,
        *,
        recurrent: bool = True,
        neuron: LIF | AdaptiveLIF | None = None,
        output: LI | LIF | None = None,
        dt_ms: float = 1.0,
        longest_delay: int = 0,
    ) -> "Network":
        """Return a network of layers, each connected to the next.

        Parameters
        ----------
        hidden : sizes of the hidden layers; a number for one. One is called "hidden", several
            "hidden1", "hidden2", …
        recurrent : all-to-all connections within each hidden layer, self-connections included
        neuron, output : of all hidden layers, by default LIF(); of the outputs, by default LI(),
            which spike if it is a LIF
        longest_delay : of the inputs, in steps
        """
        sizes = [hidden] if isinstance(hidden, int | np.integer) else list(hidden)
        names = ["hidden"] if len(sizes) == 1 else [f"hidden{i + 1}" for i in range(len(sizes))]
        populations = [Population("input", int(n_inputs))]
        connections: list[Connection] = []
        for name, n in zip(names, sizes, strict=True):
            delay = 0 if connections else longest_delay
            connections.append(Connection(populations[-1].name, name, delay))
            if recurrent:
                connections.append(Connection(name, name))
            populations.append(Population(name, int(n), neuron or LIF()))
        connections.append(Connection(populations[-1].name, "output"))
        populations.append(Population("output", int(n_outputs), output or LI()))
        return cls(tuple(populations), tuple(connections), float(dt_ms))

    def __getitem__(self, name: str) -> Population:
        """Return a population by its name."""
        return next(p for p in self.populations if p.name == name)

    @property
    def input(self) -> Population:
        """The inputs."""
        return self.populations[0]

    @property
    def hidden(self) -> tuple[Population, ...]:
        """The hidden layers, in order."""
        return self.populations[1:-1]

    @property
    def output(self) -> Population:
        """The outputs."""
        return self.populations[-1]

    @property
    def n_inputs(self) -> int:
        """The number of input channels."""
        return self.input.n

    @property
    def n_hidden(self) -> int:
        """The number of neurons of all hidden layers."""
        return sum(p.n for p in self.hidden)

    @property
    def n_outputs(self) -> int:
        """The number of outputs."""
        return self.output.n

    @property
    def recurrent(self) -> bool:
        """Whether any population is connected to itself."""
        return any(c.recurrent for c in self.connections)

    @property
    def spiking_output(self) -> bool:
        """Whether the outputs spike."""
        return isinstance(self.output.neuron, LIF)

    @property
    def n_weights(self) -> int:
        """The number of weights of all connections: those of synapses that there are."""
        return sum(self.n_synapses(c) for c in self.connections)

    def n_synapses(self, connection: Connection) -> int:
        """Return how many synapses a connection has."""
        if connection.synapses is not None:
            return connection.synapses
        return self[connection.source].n * self[connection.target].n

    def n_delays(self, connection: Connection) -> int:
        """Return how many delays a connection has: those of synapses of such as there are."""
        if not connection.longest_delay:
            return 0
        if connection.delay_shape == "synapse":
            return self.n_synapses(connection)
        return math.prod(self.shapes()[connection.delay])

    @property
    def n_learned(self) -> int:
        """The number of weights, learned delays and learned constants."""
        shapes = self.shapes()
        delays = sum(self.n_delays(c) for c in self.connections if c.learned_delays)
        names = [p.called(learned) for p in self.populations for learned in p.learned]
        return self.n_weights + delays + sum(math.prod(shapes[name]) for name in names)

    @property
    def input_delays(self) -> Connection | None:
        """The connection that gives each input channel a fixed delay of its own, if one does.

        Its spikes are moved before the network gets them: delays of channels alone cost nothing.
        """
        found = [c for c in self.connections if c.source == self.input.name]
        return found[0] if len(found) == 1 and found[0].axonal else None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each parameter by its name.

        First weights, (source, target), in the order of the connections, then their delays, by
        their shape: (source,), (source, blocks) or (source, target). The last block may be short.
        Then, like the weights, which synapses there are of connections that lack some.
        """
        sizes = {p.name: p.n for p in self.populations}
        shapes: dict[str, tuple[int, ...]] = {
            c.name: (sizes[c.source], sizes[c.target]) for c in self.connections
        }
        for c in self.connections:
            if c.longest_delay:
                blocks = -(-sizes[c.target] // BLOCK)
                columns = {"source": (), "block": (blocks,), "synapse": (sizes[c.target],)}
                shapes[c.delay] = (sizes[c.source], *columns[c.delay_shape])
        for c in self.connections:
            if c.synapses is not None:
                shapes[c.mask] = shapes[c.name]
        for p in self.populations:
            for learned in p.learned:
                shapes[p.called(learned)] = (p.n if learned.each == "neuron" else 1,)
        return shapes


def _check_delays(connection):
    c = connection
    if not 0 <= c.longest_delay <= LONGEST:
        raise InputError(
            f"the connection {c.name} with delays up to {c.longest_delay}",
            hint=f"give delays from 0 to {LONGEST} steps",
        )
    if c.delay_shape not in SHAPES:
        raise InputError(
            f"the connection {c.name} with a delay each {c.delay_shape!r}",
            hint=f"one of {', '.join(SHAPES)}",
        )
    if c.learned_delays and not c.longest_delay:
        raise InputError(
            f"the connection {c.name} learns delays up to 0", hint="give a longest delay"
        )


def _check_population(population, place, n_populations):
    name, n, neuron = population.name, population.n, population.neuron
    if not re.fullmatch(NAME, name):
        raise InputError(f"a population is called {name!r}", hint="use small letters and digits")
    if not (isinstance(n, int) and n > 0):
        raise InputError(f"the population {name} has {n} neurons")
    if n > MOST_NEURONS:
        raise InputError(
            f"the population {name} has {n:,} neurons", hint=f"give at most {MOST_NEURONS:,}"
        )
    spiking = tuple(HIDDEN.values())
    kinds = type(None) if place == 0 else spiking if place < n_populations - 1 else LI | LIF
    if not isinstance(neuron, kinds):
        model = type(neuron).__name__ if neuron else "none"
        raise InputError(
            f"population {place + 1} of {n_populations}, {name}, has the neuron model {model}",
            hint=f"give inputs none, hidden neurons {' or '.join(HIDDEN)}, outputs LI or LIF",
        )
    for field in fields(neuron) if neuron else ():
        shape = np.shape(getattr(neuron, field.name))
        if shape not in ((), (n,)):
            raise InputError(f"{name}.{field.name} has shape {shape}, the population ({n},)")
    _check_learned(population)


def _check_learned(population):
    name, neuron = population.name, population.neuron
    known = [field.name for field in fields(neuron)] if neuron else []
    constants = [learned.constant for learned in population.learned]
    if len(set(constants)) < len(constants) or not set(constants) <= set(known):
        raise InputError(
            f"{name} learns {', '.join(constants)}",
            hint=f"name each once: {', '.join(known) or 'inputs have no constants'}",
        )
    for learned in population.learned:
        called, value = population.called(learned), getattr(neuron, learned.constant)
        if learned.each not in EACH:
            raise InputError(
                f"{called} of each {learned.each!r} is learned", hint=f"one of {', '.join(EACH)}"
            )
        if learned.each == "layer" and np.ndim(value):
            raise InputError(
                f"one {called} is learned, but each neuron has its own",
                hint="begin with one value, or learn one a neuron",
            )
        # As parameters are held: a first value on a bound is within it.
        least, most = np.float32(np.min(value)), np.float32(np.max(value))
        within = np.float32(learned.low) <= least and most <= np.float32(learned.high)
        if not 0 < learned.low < learned.high < np.inf or not within:
            raise InputError(
                f"{called}, from {np.min(value):g} to {np.max(value):g}, is to be learned within "
                f"{learned.low:g} and {learned.high:g}",
                hint="give bounds above 0 that hold the first values",
            )
