"""Synapses of a network's connections by the settings: which of all pairs of neurons have one.

Like delays (`training.delays`), those of connections from the inputs, within each hidden layer,
from one hidden layer to the next, and to the outputs are given each for itself.
"""

from dataclasses import replace

import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError, nearest
from spikespeech.network import Network
from spikespeech.network.model import BLOCK
from spikespeech.training.delays import PLACES, place

NEEDED = {"random": "probability", "table": "path"}
"""What each kind of synapses asks for."""

SHAPES = {
    "synapse": "each for itself",
    "block": "those of a source to 16 targets in a row at a time: the fast form",
}
"""What random synapses are drawn as; the first where nothing else is said."""

SALT = 0x73796E61
"""With a network's seed, that of its synapses: another stream than that of its weights."""


def parse(value, where):
    """Return the settings of all connections, checked, without those that lack no synapse.

    Parameters
    ----------
    value : by place, one of `PLACES`, None or a dictionary: `kind` random with `probability`, that
        of each synapse, and `shape`, one of `SHAPES`; or `kind` table with `path`. `rewired`, a
        truth value, of synapses that have no other shape than their own
    """
    for key in value:
        if key not in PLACES:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, PLACES)}")
    return {p: _parse(value[p], f"{where}.{p}") for p in PLACES if value.get(p)}


def _parse(given, where):
    """Return the settings of one place; what another kind asks for is left out."""
    needed = NEEDED.get(given.get("kind"))
    if needed not in given or not set(given) <= {"kind", "shape", "rewired", *NEEDED.values()}:
        raise InputError(
            f"{where}: {given!r} are no synapses",
            hint="{kind: random, probability: 0.1} or {kind: table, path: file}",
        )
    probability = given.get("probability", 1)
    number = isinstance(probability, int | float) and not isinstance(probability, bool)
    if not number or not 0 < probability <= 1:
        raise InputError(f"{where}.probability: {probability!r} is not above 0 and at most 1")
    shape = given.get("shape", "synapse")
    if shape not in SHAPES:
        raise InputError(f"{where}.shape: {shape!r}{nearest(shape, SHAPES)}")
    parsed = {"kind": given["kind"], needed: given[needed]}
    if given["kind"] == "random" and shape != "synapse":
        parsed["shape"] = shape
    rewired = given.get("rewired", False)
    if not isinstance(rewired, bool):
        raise InputError(f"{where}.rewired: {rewired!r} is neither true nor false")
    if rewired and "shape" in parsed:
        raise InputError(
            f"{where}.rewired: synapses are replaced each for itself, not a {shape}",
            hint="shape: synapse, or rewired: false",
        )
    return parsed | ({"rewired": True} if rewired else {})


def sparse(network: Network, settings: dict, seed: int) -> Network:
    """Return a network of layers that has only the synapses of `settings`, see `draw`."""
    masks = draw(network, settings, seed)
    connections = [
        replace(c, synapses=int(masks[c.mask].sum())) if c.mask in masks else c
        for c in network.connections
    ]
    return Network(network.populations, tuple(connections), network.dt_ms)


def draw(network: Network, settings: dict, seed: int) -> dict[str, np.ndarray]:
    """Return by name which synapses there are of connections that lack some, (source, target) bool.

    Random ones are drawn from the seed by their shape, each connection from a stream of its own;
    within a layer no neuron is connected to itself, as by mlGeNN's FixedProbability. A table
    is CSV with the columns `source` and `target`, a row a synapse, neurons from 0 on.

    Raises InputError for connections without any synapse, and for rows of a table that are none.
    """
    drawn = {}
    for at, c in enumerate(network.connections):
        given = settings.get(place(network, c))
        if not given:
            continue
        shape = network[c.source].n, network[c.target].n
        if given["kind"] == "table":
            drawn[c.mask] = _read(given["path"], shape)
            continue
        columns = BLOCK if given.get("shape") == "block" else 1
        rng = np.random.default_rng([SALT, seed, at])
        drawn_as = rng.random((shape[0], -(-shape[1] // columns))) < given["probability"]
        mask = np.repeat(drawn_as, columns, axis=1)[:, : shape[1]]
        if c.recurrent:
            np.fill_diagonal(mask, False)
        if not mask.any():
            raise InputError(
                f"no synapse of {c.name} with the probability {given['probability']:g}",
                hint="more neurons, as none is connected to itself"
                if c.recurrent and shape[0] == 1
                else "give a higher one",
            )
        drawn[c.mask] = mask
    return drawn


def rewired(network: Network, settings: dict) -> list[str]:
    """Return the names of the connections whose synapses are replaced while they learn."""
    given = ((c.name, settings.get(place(network, c), {})) for c in network.connections)
    return [name for name, own in given if own.get("rewired")]


def _read(path, shape):
    """Return the synapses in a table, (source, target) bool of a shape."""
    table = reading.read_csv(path, columns=["source", "target"], text=["source", "target"])
    mask = np.zeros(shape, bool)
    for row, given in enumerate(zip(table["source"], table["target"], strict=True)):
        for value, n, side in zip(given, shape, ("source", "target"), strict=True):
            if not (value.isascii() and value.isdigit() and int(value) < n):
                raise InputError(
                    f"row {row}: the {side} {value!r} is no neuron from 0 to {n - 1}", file=path
                )
        pair = tuple(map(int, given))
        if mask[pair]:
            raise InputError(f"row {row}: the synapse {pair[0]}, {pair[1]} again", file=path)
        mask[pair] = True
    if not mask.any():
        raise InputError("no synapses", file=path, hint="one row each: source, target")
    return mask
