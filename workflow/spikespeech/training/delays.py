"""Delays of a network's connections by the settings: which there are, and their first values.

Delays of input channels alone are moved in the spikes, see `spikes.delays`; what is here are all
others: those that are learned, of blocks of targets or of synapses, or of other connections.
"""

from dataclasses import replace

import numpy as np

from spikespeech.errors import InputError, nearest
from spikespeech.network import Network
from spikespeech.network.model import SHAPES
from spikespeech.spikes import delays

PLACES = ("input", "hidden", "next", "output")
"""Of what there can be delays: the connections from the inputs, within each hidden layer, from one
hidden layer to the next, and from the last to the outputs."""

DEFAULTS = {"shape": "source", "learned": False, "longest": None}
"""What a connection's delays may have besides those of `spikes.delays`."""


def parse(value, where):
    """Return the settings of all delays, checked, without what is not asked for.

    Parameters
    ----------
    value : by place, one of `PLACES`, None or a dictionary of `kind` and `high`, the highest first
        value in steps; `shape`, one of `network.model.SHAPES`; `learned`, a truth value; and
        `longest`, the most steps that learned ones come to, by default `high`. "input" is
        needed, and may be a table. Besides `learning_rate`, of learned delays, in steps
    """
    for key in value:
        if key not in (*PLACES, "learning_rate"):
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, PLACES)}")
    if "input" not in value:
        raise InputError(f"{where}: 'input' is missing", hint="input: null")
    parsed = {p: _parse(value.get(p), f"{where}.{p}", p == "input") for p in PLACES}
    found = {place: given for place, given in parsed.items() if given or place == "input"}
    if any(given.get("learned") for given in found.values()):
        rate = value.get("learning_rate")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < np.inf:
            raise InputError(f"{where}.learning_rate: {rate!r} is not more than 0 steps")
        found["learning_rate"] = float(rate)
    return found


def _parse(value, where, tables):
    value = dict(value or {})
    more = {key: value.pop(key) for key in DEFAULTS if key in value}
    more = {key: given for key, given in more.items() if given != DEFAULTS[key]}
    drawn = delays.parse(value, where)
    if not drawn:
        if more:
            raise InputError(f"{where}: {more!r} without delays", hint="give kind and high")
        return {}
    if drawn["kind"] == "table" and (more or not tables):
        raise InputError(
            f"{where}: a table is of delays of the input channels that are not learned",
            hint="draw random ones",
        )
    shape, learned, longest = ({**DEFAULTS, **more}[key] for key in DEFAULTS)
    if shape not in SHAPES:
        raise InputError(f"{where}.shape: {shape!r}{nearest(shape, SHAPES)}")
    if not isinstance(learned, bool):
        raise InputError(f"{where}.learned: {learned!r} is neither true nor false")
    if longest is not None and not (learned and _whole(longest) and longest >= drawn["high"]):
        raise InputError(
            f"{where}.longest: {longest!r}", hint="whole steps from `high` on, of learned delays"
        )
    if learned and not (longest or drawn["high"]):
        raise InputError(
            f"{where}.longest: learned delays of at most 0 steps cannot change",
            hint="give `longest`, the most steps that they come to",
        )
    return drawn | more


def _whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def of_channels(settings):
    """Return the settings of the inputs' delays where they are fixed ones of channels, else {}."""
    given = settings["input"]
    return {} if {"shape", "learned"} & set(given) else given


def delayed(network: Network, settings: dict) -> Network:
    """Return a network of layers with the delays of `settings`, but those of channels."""
    connections = []
    for c in network.connections:
        given = settings.get(place(network, c), {})
        longest = given.get("longest", given.get("high", 0))
        if longest and c != network.input_delays:
            shape, learned = given.get("shape", "source"), given.get("learned", False)
            c = replace(c, longest_delay=longest, delay_shape=shape, learned_delays=learned)
        connections.append(c)
    return Network(network.populations, tuple(connections), network.dt_ms)


def draw(network: Network, settings: dict, seed: int) -> dict[str, np.ndarray]:
    """Return the first values of all delays but those of channels: uniform ones, from the seed.

    Fixed ones are whole. Each connection has a stream of its own.
    """
    drawn, shapes = {}, network.shapes()
    for at, c in enumerate(network.connections):
        if c.longest_delay and c != network.input_delays:
            high = settings[place(network, c)]["high"]
            rng = np.random.default_rng([delays.SALT, seed, at])
            shape = shapes[c.delay]
            drawn[c.delay] = (
                rng.uniform(0, high, shape)
                if c.learned_delays
                else rng.integers(0, high, shape, endpoint=True)
            )
    return drawn


def place(network, connection):
    """Return which of `PLACES` a connection of layers is."""
    if connection.source == network.input.name:
        return "input"
    if connection.target == network.output.name:
        return "output"
    return "hidden" if connection.recurrent else "next"
