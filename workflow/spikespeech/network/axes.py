"""Which network of a study a file is of: written once, into `weights.h5`, and copied from there.

The axes are columns of a network's tables, and stand under `network` in its JSON files.
"""

from spikespeech.errors import InputError
from spikespeech.network.file import about

AXES = ("dataset", "fold", "loss", "hidden", "topology", "seed")
"""What tells the networks of a study apart."""

HINT = "it was written by an earlier version: delete it and run again"


def of_weights(path):
    """Return (axes, settings of the training), two dictionaries, of the network in `weights.h5`.

    Raises InputError, naming the file, where it does not say so.
    """
    found = about(path)
    if not isinstance(found.get("settings"), dict):
        raise InputError("does not say with which settings it was trained", file=path, hint=HINT)
    return of(found, path), found["settings"]


def of(found, path):
    """Return the axes in the dictionary `found`, which the file `path` holds."""
    for axis in AXES:
        if not isinstance(found.get(axis), str | int):
            raise InputError(f"does not say of which {axis} it is", file=path, hint=HINT)
    return {axis: found[axis] for axis in AXES}


def of_record(record, path):
    """Return the axes that a JSON file of a network has, under `network`."""
    found = record.get("network")
    return of(found if isinstance(found, dict) else {}, path)


def of_table(table, path):
    """Return the axes that a table of one network has, in its columns.

    Raises InputError, naming the file, for a table that is empty or of several networks.
    """
    if not len(table):
        raise InputError("has no rows", file=path, hint="delete it and run again")
    found = {axis: table[axis].iloc[0] for axis in AXES if axis in table}
    for axis, value in found.items():
        if (table[axis] != value).any():
            raise InputError(f"is of several networks: {axis} varies", file=path, hint=HINT)
    return of({axis: getattr(v, "item", lambda v=v: v)() for axis, v in found.items()}, path)


def mark(table, axes):
    """Return a table with the axes of its network as its first columns."""
    return table.assign(**axes)[[*axes, *(c for c in table.columns if c not in axes)]]


def hidden_layers(hidden):
    """Return the size of one hidden layer, or the list of those of several.

    hidden : as in the configuration, 128 or [256, 128], or as on paths, "128" or "256x128"
    """
    if isinstance(hidden, str):
        hidden = [int(n) for n in hidden.split("x")]
    return hidden[0] if isinstance(hidden, list | tuple) and len(hidden) == 1 else hidden


def hidden_label(hidden):
    """Return hidden layers as they stand on paths and in tables: 128, or "256x128" for several."""
    sizes = hidden_layers(hidden)
    return "x".join(map(str, sizes)) if isinstance(sizes, list | tuple) else sizes


def n_hidden(hidden):
    """Return the number of neurons in all hidden layers."""
    return sum(map(int, str(hidden_label(hidden)).split("x")))


def by_size(hidden):
    """Return the different hidden layers of networks, the fewest neurons first.

    hidden : labels as in tables, of `hidden_label`; numbers and texts may stand side by side
    """
    return sorted(set(hidden), key=lambda label: (n_hidden(label), str(label)))
