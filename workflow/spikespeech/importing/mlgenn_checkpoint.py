"""Networks from mlGeNN's checkpoints: folders of `<epoch>-Conn_<source>_<target>-g.npy`.

Of connections whose delays were learned `…-d.npy` holds these, in steps, a synapse. mlGeNN's Numpy
serialiser joins the keys of a checkpoint (often an epoch), the name of a connection or population,
and that of a variable by "-". A checkpoint holds variables alone: sizes follow from the weights,
while neurons and time constants stood in the program that trained.
"""

import re
from pathlib import Path

import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.network import LI, LIF, Network, Parameters
from spikespeech.network.model import Connection, Population

HINT = "copy the checkpoint's folder again"
SPARSE = "of sparse connections checkpoints do not say which synapses there are"


def listed(folder):
    """Return {keys: {(connection or population, variable): path}} of a folder.

    keys : such as "48"; "" where there are none
    """
    folder, found = Path(folder), {}
    if not folder.is_dir():
        raise InputError("is no folder", file=folder, hint="give an mlGeNN checkpoint's folder")
    for path in sorted(folder.glob("*.npy")):
        *keys, variable = path.stem.split("-")
        if keys:
            found.setdefault("-".join(keys[:-1]), {})[keys[-1], variable] = path
    if not found:
        raise InputError(
            "has no files <epoch>-<connection>-g.npy",
            file=folder,
            hint="give an mlGeNN checkpoint's folder",
        )
    return found


def chosen(folder, epoch=None):
    """Return (epoch, its files): the `epoch`, or the last; see `listed`."""
    found = listed(folder)
    if epoch is None:
        numbered = all(key.isdecimal() for key in found)
        if not numbered and len(found) > 1:
            raise InputError(
                f"holds the checkpoints {', '.join(found)}", file=folder, hint="name one: epoch"
            )
        key = max(found, key=int) if numbered else next(iter(found))
    else:
        key = str(epoch)
        if key not in found:
            raise InputError(
                f"has no checkpoint {key!r}", file=folder, hint=f"it has {', '.join(found)}"
            )
    return key, found[key]


def load(folder, *, dt_ms, n_inputs, neuron, spiking=False, epoch=None, populations=None):
    """Return (Network, Parameters, epoch) of a checkpoint.

    Parameters
    ----------
    n_inputs : of the data that it was trained on
    neuron : {"tau_mem": ms, "tau_syn": ms, "threshold": V}, of hidden neurons and outputs
    spiking : whether the outputs spike; else they are leaky integrators
    epoch : which checkpoint, by default the last
    populations : their names in mlGeNN, where connections' names do not tell them apart

    Raises InputError for what our networks have not.
    """
    epoch, files = chosen(folder, epoch)
    arrays, delays = _arrays(files, populations)
    names = _ordered(arrays, folder)
    ours = ["input", *(f"hidden{i + 1}" for i in range(len(names) - 2)), "output"]
    ours = ["input", "hidden", "output"] if len(names) == 3 else ours
    called = dict(zip(names, ours, strict=True))
    sizes = _sizes(arrays, names, n_inputs)
    taus = neuron["tau_mem"], neuron["tau_syn"]
    hidden = LIF(*taus, neuron["threshold"])
    models = [None, *[hidden] * (len(names) - 2), hidden if spiking else LI(*taus)]
    made = tuple(
        Population(called[name], sizes[name], model)
        for name, model in zip(names, models, strict=True)
    )
    place = {name: i for i, name in enumerate(names)}
    ends = sorted(arrays, key=lambda pair: (place[pair[1]], place[pair[0]]))
    longest = {pair: int(np.ceil(late.max())) for pair, late in delays.items()}
    connections = tuple(
        Connection(called[s], called[t], longest[s, t], "synapse", learned_delays=True)
        if longest.get((s, t))
        else Connection(called[s], called[t])
        for s, t in ends
    )
    network = Network(made, connections, dt_ms)
    shaped = {
        c.name: arrays[pair][1].reshape(sizes[pair[0]], sizes[pair[1]])
        for c, pair in zip(connections, ends, strict=True)
    }
    for c, pair in zip(connections, ends, strict=True):
        if c.longest_delay:
            shaped[c.delay] = delays[pair].reshape(shaped[c.name].shape)
    return network, Parameters.checked(network, shaped), epoch


def _arrays(files, populations):
    """Return {(source, target): (path, weights)}, and {(source, target): delays} of some."""
    arrays, delays = {}, {}
    for (owner, variable), path in files.items():
        with reading.guard(path, HINT):
            array = np.load(path, allow_pickle=False)
            if array.dtype.kind != "f" or not np.isfinite(array).all():
                raise InputError(f"holds {array.dtype}, or numbers that are not finite")
            if variable == "g":
                arrays[_ends(owner, populations)] = path, array
            elif variable == "d":
                if array.min(initial=0) < 0:
                    raise InputError(
                        f"holds the delay {array.min():g}", hint="delays are 0 or more"
                    )
                delays[_ends(owner, populations)] = array
            elif np.any(array):
                raise InputError(
                    f"holds {variable} of {owner}",
                    hint="of a checkpoint weights, g, and delays, d, are read; biases are not",
                )
    if not arrays:
        raise InputError("holds no weights, g", file=next(iter(files.values())).parent)
    for pair, late in delays.items():
        of = arrays[pair][1].size if pair in arrays else 0
        if late.size != of:
            raise InputError(
                f"{late.size} delays of {of} weights from {pair[0]} to {pair[1]}",
                file=next(iter(files.values())).parent,
                hint=HINT,
            )
    return arrays, delays


def _ends(name, populations):
    """Return (source, target) of a connection's name, Conn_<source>_<target>."""
    if populations:
        found = [(s, t) for s in populations for t in populations if name == f"Conn_{s}_{t}"]
    else:
        found = [pair.groups() for pair in [re.fullmatch(r"Conn_([^_]+)_([^_]+)", name)] if pair]
    if len(found) != 1:
        raise InputError(
            f"is of {name!r}, which does not tell its two populations",
            hint="name them all, as mlGeNN did: populations: [Input, Hidden, Output]",
        )
    return found[0]


def _ordered(arrays, folder):
    """Return the names of the populations, inputs first, outputs last."""
    names = list(dict.fromkeys(name for pair in arrays for name in pair))
    sources = {name: {s for s, t in arrays if t == name != s} for name in names}
    ordered = []
    while len(ordered) < len(names):
        ready = [n for n in names if n not in ordered and sources[n] <= set(ordered)]
        if not ready:
            raise InputError("connects its populations in a loop", file=folder)
        ordered += ready[:1] if ordered else ready
    starts, ends = (
        [n for n in names if not any(n == pair[side] != pair[1 - side] for pair in arrays)]
        for side in (1, 0)
    )
    recurrent = {s for s, t in arrays if s == t}
    if len(starts) != 1 or len(ends) != 1 or {*starts, *ends} & recurrent or len(names) < 3:
        raise InputError(
            f"holds connections {', '.join(f'{s} → {t}' for s, t in arrays)}",
            file=folder,
            hint="our networks lead from one population of inputs through hidden ones to one "
            "of outputs, and all their connections are in the checkpoint",
        )
    return ordered


def _sizes(arrays, names, n_inputs):
    """Return {population: its number of neurons}, of flat or square arrays."""
    sizes = {names[0]: n_inputs}
    for (source, target), (path, array) in arrays.items():
        if source == target:
            sizes[source] = round(array.size**0.5)
            if sizes[source] ** 2 != array.size:
                raise InputError(
                    f"{array.size} recurrent weights are no square",
                    file=path,
                    hint=SPARSE,
                )
    for name in names[1:]:
        for (source, target), (path, array) in arrays.items():
            if target != name or source == name:
                continue
            n, rest = divmod(array.size, sizes[source])
            if rest or not n or sizes.setdefault(name, n) != n:
                raise InputError(
                    f"{array.size} weights from {sizes[source]} neurons of {source} to "
                    f"{sizes.get(target, '?')} of {target}",
                    file=path,
                    hint=f"its data set has {n_inputs} channels; {SPARSE}",
                )
    return sizes
