"""Axonal delays of a network's inputs: one whole number of steps a channel.

Fixed delays, drawn once, let a neuron see moments of different channels at the same time. They cost
nothing: spikes are moved before the network gets them.
"""

import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.spikes import moving

SALT = 0x64656C61
"""With a network's seed, that of its delays: another stream than that of its weights."""


NEEDED = {"random": "high", "table": "path"}
"""What each kind of delays asks for."""


def parse(settings, where="delays"):
    """Return the settings of one connection's delays, checked; see `draw`. {} and None are none.

    What another kind asks for is left out: configurations that extend each other keep it.
    """
    settings = settings or {}
    if not settings:
        return {}
    needed = NEEDED.get(settings.get("kind"))
    if needed not in settings or not set(settings) <= {"kind", *NEEDED.values()}:
        raise InputError(
            f"{where}: {settings!r} are no delays",
            hint="{kind: random, high: steps} or {kind: table, path: file}",
        )
    high = settings.get("high", 0)
    if isinstance(high, bool) or not isinstance(high, int) or high < 0:
        raise InputError(f"{where}.high: {high!r} is no whole number of steps")
    return {"kind": settings["kind"], needed: settings[needed]}


def draw(settings, n_units, seed):
    """Return the delays (n_units,) int64 in steps of `settings`, or None where there are none.

    Parameters
    ----------
    settings : {} for none; {"kind": "random", "high": steps}, uniform from 0..high; or {"kind":
        "table", "path": file}, CSV with a column `delay`, one row a channel
    n_units : int
    seed : int, of the network
    """
    if not settings:
        return None
    if settings["kind"] == "random":
        rng = np.random.default_rng([SALT, seed])
        return rng.integers(0, settings["high"], n_units, endpoint=True)
    path = settings["path"]
    found = reading.read_csv(path, columns=["delay"])["delay"].to_numpy()
    if len(found) != n_units:
        raise InputError(
            f"{len(found)} delays for {n_units} channels", file=path, hint="one row a channel"
        )
    whole = np.array([str(value).isascii() and str(value).isdigit() for value in found])
    if not whole.all():
        at = int(np.argmin(whole))
        raise InputError(
            f"channel {at}: the delay {found[at]} is no whole number of steps from 0 on", file=path
        )
    return found.astype(np.int64)


def arriving(network, parameters, spikes):
    """Return SpikeTrains as a network gets them, later by its `input_delays`.

    Parameters
    ----------
    network : Network
    parameters : its Parameters
    spikes : SpikeTrains in memory
    """
    connection = network.input_delays
    return delayed(spikes, parameters[connection.delay])[0] if connection else spikes


def delayed(spikes, delays):
    """Return (spikes, lost): SpikeTrains whose spikes come later by the delay of their channel.

    Parameters
    ----------
    spikes : SpikeTrains in memory
    delays : (n_units,) whole steps, at least 0

    `lost` (n,) int64 counts the spikes of each example that would come after the trial's end.
    """
    n = len(spikes)
    zeros, ones, none = np.zeros(n, np.int64), np.ones(n), np.zeros((n, 2), np.int64)
    keys = np.zeros(n, np.uint64)
    given = zeros, ones, ones, none, none, 0.0, 0.0, 0.0, np.asarray(delays, np.int64), keys
    offsets, steps, units, _ = moving.moved(moving.by_unit(spikes), np.arange(n), *given)
    lost = np.diff(spikes.offsets) - np.diff(offsets)
    return spikes.with_spikes(offsets, steps, units), lost
