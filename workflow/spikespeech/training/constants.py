"""Constants of a network's neurons by the settings: which differ, which are learned."""

from dataclasses import fields, replace

import numpy as np

from spikespeech.errors import InputError, nearest
from spikespeech.network import AdaptiveLIF, Learned, Network, Population
from spikespeech.network.neurons import EACH

PLACES = ("hidden", "output")
"""Whose constants: those of all hidden layers, and of the outputs."""

DEFAULTS = {
    "distribution": None,
    "deviation": None,
    "learned": False,
    "each": "neuron",
    "low": None,
    "high": None,
}
"""What a constant may have besides its value."""

SALT = 0x636F6E73
"""With a network's seed, that of its constants: another stream than that of its weights."""

WHOSE = {
    "threshold": "only outputs that spike have a threshold",
    "tau_adapt": "only hidden neurons of the model AdaptiveLIF have one",
    "strength": "only hidden neurons of the model AdaptiveLIF have one",
}
"""Which neurons have what not all have."""

_ORDER = tuple(field.name for field in fields(AdaptiveLIF))


def _log_normal(rng, deviation, n):
    sigma = np.sqrt(np.log1p(deviation**2))
    return rng.lognormal(-(sigma**2) / 2, sigma, n)


def _gamma(rng, deviation, n):
    return rng.gamma(deviation**-2, deviation**2, n)


DISTRIBUTIONS = {"log_normal": _log_normal, "gamma": _gamma}
"""Of the neurons' values, by name: functions of rng, deviation and n, with a mean of 1."""


def parse(value, where):
    """Return the settings of all constants, checked, without what is not asked for.

    Parameters
    ----------
    value : by place, one of `PLACES`, None or a dictionary by constant, of which each is None or a
        dictionary: `distribution`, one of `DISTRIBUTIONS`, by which the neurons' first values are
        drawn about that of all, with a relative `deviation`; `learned`, a truth value; `each`,
        whose a learned one is, of `neurons.EACH`; `low` and `high`, to which first values are
        clipped and within which learned ones stay, in the constant's unit. Besides
        `learning_rate`, of the logarithms of learned constants
    """
    _known(value, (*PLACES, "learning_rate"), where)
    found = {}
    for place in PLACES:
        given = value.get(place) or {}
        _known(given, _ORDER, f"{where}.{place}")
        parsed = {name: _parse(own or {}, f"{where}.{place}.{name}") for name, own in given.items()}
        if asked := {name: own for name, own in parsed.items() if own}:
            found[place] = asked
    if any(own.get("learned") for given in found.values() for own in given.values()):
        rate = value.get("learning_rate")
        _check_number(rate, f"{where}.learning_rate", above=True)
        found["learning_rate"] = float(rate)
    return found


def _parse(value, where):
    """Return what is asked for of one constant."""
    _known(value, DEFAULTS, where)
    given = {key: own for key, own in value.items() if own != DEFAULTS[key]}
    distribution, learned = (given.get(key) for key in ("distribution", "learned"))
    for key, choices in (("distribution", DISTRIBUTIONS), ("each", EACH)):
        if key in given and given[key] not in choices:
            raise InputError(f"{where}.{key}: {given[key]!r}{nearest(given[key], choices)}")
    if learned not in (None, True):
        raise InputError(f"{where}.learned: {learned!r} is neither true nor false")
    for key in ("deviation", "low", "high"):
        if key in given:
            _check_number(given[key], f"{where}.{key}", above=key != "deviation")
    if bool(distribution) != ("deviation" in given):
        raise InputError(f"{where}: {given!r}", hint="give both distribution and deviation")
    if "each" in given and (distribution or not learned):
        raise InputError(f"{where}.each: {given['each']!r} is of learned ones that begin alike")
    bounds = [given[key] for key in ("low", "high") if key in given]
    if learned and not (len(bounds) == 2 and bounds[0] < bounds[1]):
        raise InputError(f"{where}: is learned", hint="say within which bounds: low and high")
    if bounds and not (distribution or learned):
        raise InputError(f"{where}: {given!r}", hint="give a distribution, or learned: true")
    return given


def _known(value, keys, where):
    for key in value:
        if key not in keys:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, keys)}")


def _check_number(value, where, *, above):
    """Raise InputError unless a value is a number from 0 on, or more where it is to be `above`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (0 < value < np.inf or (value == 0 and not above)):
        raise InputError(f"{where}: {value!r} is not {'more than' if above else 'at least'} 0")


def varied(network: Network, settings: dict, seed: int) -> Network:
    """Return a network of layers with the constants of `settings`: drawn from the seed, learned.

    Each constant of each population has a stream of its own. Raises InputError for what the neurons
    do not have, and for values outside the bounds.
    """
    populations = []
    for at, population in enumerate(network.populations):
        place = "output" if population is network.output else "hidden"
        given = settings.get(place, {}) if population.neuron else {}
        drawn, learned = {}, []
        for name, own in given.items():
            if not hasattr(population.neuron, name):
                raise InputError(
                    f"constants.{place}.{name}: {population.name} has none",
                    hint=WHOSE[name],
                )
            value = getattr(population.neuron, name)
            if own.get("deviation"):
                rng = np.random.default_rng([SALT, seed, at, _ORDER.index(name)])
                draw = DISTRIBUTIONS[own["distribution"]]
                value = value * draw(rng, own["deviation"], population.n)
                # As parameters hold them, in single precision.
                clipped = np.clip(value, own.get("low", 0), own.get("high", np.inf))
                drawn[name] = clipped.astype(np.float32).astype(np.float64)
            if own.get("learned"):
                each = own.get("each", DEFAULTS["each"])
                learned.append(Learned(name, float(own["low"]), float(own["high"]), each))
        if population.neuron and given:
            neuron = replace(population.neuron, **drawn)
            population = Population(population.name, population.n, neuron, tuple(learned))
        populations.append(population)
    return Network(tuple(populations), network.connections, network.dt_ms)
