"""Connections that lack synapses: which there are is kept with the weights.

A network says of a connection how many synapses it has (`Connection.synapses`), its Parameters hold
which, as numbers of 1 and 0 of the shape of the weights (`Connection.mask`). Weights of synapses
that there are not are 0, whatever is learned.
"""

from collections.abc import Mapping

import numpy as np

from spikespeech.errors import InputError
from spikespeech.network.model import Network


def masks(network: Network, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return by name of the weights which synapses there are, (source, target) bool.

    Connections that lack none are left out.
    """
    return {
        c.name: np.asarray(arrays[c.mask]) != 0
        for c in network.connections
        if c.synapses is not None
    }


def masked(network: Network, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the weights of all connections that lack synapses, 0 where there are none."""
    return {
        name: np.where(mask, arrays[name], np.float32(0))
        for name, mask in masks(network, arrays).items()
    }


def existing(
    network: Network, arrays: Mapping[str, np.ndarray], name: str, values: np.ndarray
) -> np.ndarray:
    """Return those of a connection's values, (source, target), whose synapses there are, flat.

    name : of the connection's weights
    """
    mask = masks(network, arrays).get(name)
    return np.ravel(values) if mask is None else values[mask]


def check(network: Network, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise InputError, naming the connection, for synapses or weights that do not fit."""
    for c in network.connections:
        if c.synapses is None:
            continue
        given = np.asarray(arrays[c.mask])
        if not np.isin(given, (0, 1)).all():
            raise InputError(f"{c.mask} holds {given[(given != 0) & (given != 1)][0]:g}",
                             hint="give 1 where there is a synapse, else 0")  # fmt: skip
        if np.count_nonzero(given) != c.synapses:
            raise InputError(
                f"{c.mask} has {np.count_nonzero(given)} synapses, the network {c.synapses}"
            )
        if stray := np.count_nonzero(np.asarray(arrays[c.name])[given == 0]):
            raise InputError(
                f"{stray} weights of {c.name} are of synapses that there are not",
                hint=f"set them to 0, or give others of {c.mask}",
            )
