"""Networks whose layers form a chain: what NetX files and portable NIR graphs hold."""

from typing import NamedTuple

from spikespeech.errors import InputError
from spikespeech.network.model import Connection, Network, Population


class Layer(NamedTuple):
    """A population of neurons with the connections that reach it.

    Attributes
    ----------
    population : Population
    incoming : Connection from the layer before
    recurrent : Connection within the population, or None
    """

    population: Population
    incoming: Connection
    recurrent: Connection | None


def chain(network: Network) -> list[Layer]:
    """Return the layers after the inputs, in order; InputError where they form no chain."""
    layers, left = [], {(c.source, c.target): c for c in network.connections}
    for before, population in zip(network.populations, network.populations[1:], strict=False):
        incoming = left.pop((before.name, population.name), None)
        if incoming is None:
            raise InputError(f"nothing connects {before.name} with {population.name}")
        recurrent = left.pop((population.name, population.name), None)
        layers.append(Layer(population, incoming, recurrent))
    for connection in left.values():
        raise InputError(
            f"the connection {connection.name} passes over a layer",
            hint="connect each layer with the next",
        )
    return layers


def refuse_delays(network: Network, what: str, *, sources: bool = False) -> None:
    """Raise InputError, naming the connection, for delays but the inputs' own fixed ones.

    what : who cannot represent them, as the error says it
    sources : whether it can represent a delay a source of any connection, learned ones, too
    """
    for c in network.connections:
        can = c.delay_shape == "source" if sources else c == network.input_delays
        if c.longest_delay and not can:
            kind = "learned delays" if c.learned_delays else "delays"
            raise InputError(
                f"{what} has no {kind} a {c.delay_shape} of {c.name}",
                hint="train with delays a source, or without any"
                if sources
                else "train with fixed delays of the input channels, or without any",
            )
