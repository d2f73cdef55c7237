"""Constants of neurons that are learned: their first values, their bounds, and networks with them.

A network says which they are (`Population.learned`), its Parameters hold their values. What cannot
represent them either takes the network as it is once they have been learned (`settled`), or refuses
them by name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spikespeech.errors import InputError
from spikespeech.network.model import Network, Population
from spikespeech.network.neurons import Learned


def learned(network: Network) -> Iterator[tuple[str, Population, Learned]]:
    """Yield (name among the parameters, Population, Learned) of each, in the network's order."""
    for population in network.populations:
        for constant in population.learned:
            yield population.called(constant), population, constant


def first(network: Network) -> dict[str, np.ndarray]:
    """Return the first values of all learned constants by name, of the neuron models."""
    shapes = network.shapes()
    return {
        name: np.broadcast_to(
            np.asarray(getattr(population.neuron, constant.constant), np.float64), shapes[name]
        )
        for name, population, constant in learned(network)
    }


def check(network: Network, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise InputError, naming the constant, for values outside their bounds."""
    for name, _, constant in learned(network):
        low, high = np.float32(constant.low), np.float32(constant.high)
        values = np.asarray(arrays[name], np.float32)
        sound = (values >= low) & (values <= high)
        if not sound.all():
            raise InputError(
                f"{name} holds {values[~sound].flat[0]:g}",
                hint=f"give numbers from {constant.low:g} to {constant.high:g}",
            )


def settled(
    network: Network, arrays: Mapping[str, np.ndarray]
) -> tuple[Network, dict[str, np.ndarray]]:
    """Return (network, arrays) with learned constants in the neuron models: none is learned."""
    populations = []
    for population in network.populations:
        held: dict[str, Any] = {}
        for constant in population.learned:
            values = np.asarray(arrays[population.called(constant)], np.float64)
            held[constant.constant] = values if constant.each == "neuron" else float(values[0])
        if held:
            assert population.neuron is not None  # inputs learn none
            neuron = replace(population.neuron, **held)
            population = Population(population.name, population.n, neuron)
        populations.append(population)
    fixed = Network(tuple(populations), network.connections, network.dt_ms)
    return fixed, {name: array for name, array in arrays.items() if name in fixed.shapes()}


def refuse(network: Network, what: str) -> None:
    """Raise InputError, naming the constant, where any is learned.

    what : who cannot learn them, as the error says it
    """
    for name, _, _ in learned(network):
        raise InputError(
            f"{what} does not learn {name}", hint="training.constants without learned ones"
        )
