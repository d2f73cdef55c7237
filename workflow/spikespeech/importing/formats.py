"""Formats of networks to import: what the configuration may say of each, and which files it reads.

Names, and little of the files, which a plan reads quickly; `source` reads the networks.
"""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from spikespeech.errors import InputError
from spikespeech.importing import mlgenn_checkpoint


class Format(NamedTuple):
    """A format.

    Attributes
    ----------
    suffix : of its files; "" for folders
    options : keys of the configuration that say what its files do not
    needed : those of them that must be there
    """

    suffix: str
    options: tuple
    needed: tuple = ()


FORMATS = {
    "mlgenn": Format("", ("neuron", "epoch", "populations"), ("neuron",)),
    "nir": Format(".nir", ("dt", "readout")),
    "netx": Format(".net", ("output_lsb",)),
}
COMMON = ("path", "format", "dataset", "loss")
"""Keys of every network to import."""


def kind(section):
    """Return the format of a network to import, named or known by its path."""
    if "format" in section:
        return section["format"]
    suffix = Path(section["path"]).suffix
    return next((name for name, f in FORMATS.items() if f.suffix and f.suffix == suffix), "mlgenn")


def check(section):
    """Raise InputError where a network to import has keys that its format takes not, or lacks."""
    name = kind(section)
    known = FORMATS[name]
    for key in known.needed:
        if key not in section:
            raise InputError(
                f"{key!r} is missing, which files of the format {name} do not say",
                hint="as in training.neuron: {tau_mem: 20, tau_syn: 5, threshold: 1}",
            )
    for key in section:
        if key not in (*COMMON, *known.options):
            raise InputError(
                f"{key!r} is not of the format {name}",
                hint=f"it takes {', '.join(known.options)}",
            )


def delays_synapses(section):
    """Return whether a network's file holds delays of synapses, for which NIR has no node.

    What cannot be read has none here; who imports it says so.
    """
    try:
        if kind(section) == "mlgenn":
            return any(path.endswith("-d.npy") for path in files(section))
        if kind(section) == "nir":
            return False
        with h5py.File(section["path"], "r") as file:
            layers = file["layer"].values()
            return any(np.ndim(layer["delay"]) == 2 for layer in layers if "delay" in layer)
    except (InputError, OSError, KeyError, AttributeError, TypeError):
        return False


def files(section):
    """Return the paths of the files that a network is read from."""
    if kind(section) == "mlgenn":
        return sorted(
            map(str, mlgenn_checkpoint.chosen(section["path"], section.get("epoch"))[1].values())
        )
    if not Path(section["path"]).is_file():
        raise InputError("does not exist", file=section["path"])
    return [section["path"]]
