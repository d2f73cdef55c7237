"""A network of the configuration's `networks.import`, read and checked against its data set."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from spikespeech import losses, reading
from spikespeech.errors import InputError
from spikespeech.importing import formats, mlgenn_checkpoint, netx_network, nir_graph
from spikespeech.loihi import netx_file
from spikespeech.network import Network, Parameters

HINT = "give another network"


class Imported(NamedTuple):
    """A network, and what is known of it: its format, its files' digest, a checkpoint's epoch, …"""

    network: Network
    parameters: Parameters
    about: dict


def load(section, spikes):
    """Return the Imported of a network to import.

    Parameters
    ----------
    section : of `networks.import`, see `formats`
    spikes : of its data set, which has the channels, classes and time steps

    Raises InputError for what our networks have not, or the data set has otherwise.
    """
    formats.check(section)
    kind, path = formats.kind(section), section["path"]
    spiking = losses.LOSSES[section["loss"]].reads == "first_spike"
    about = {"path": path, "format": kind, "digest": digest(formats.files(section))}
    given = {key: section[key] for key in formats.FORMATS[kind].options if key in section}
    if kind == "mlgenn":
        network, parameters, about["epoch"] = mlgenn_checkpoint.load(
            path, dt_ms=spikes.dt_ms, n_inputs=spikes.n_units, spiking=spiking, **given
        )
    elif kind == "nir":
        found = nir_graph.read(path)
        with reading.guard(path, HINT):
            network, parameters = nir_graph.load(found, dt_ms=spikes.dt_ms, **given)
    else:
        layers = netx_file.read(path)
        with reading.guard(path, HINT):
            network, parameters, about["lsb"] = netx_network.load(
                layers, dt_ms=spikes.dt_ms, spiking=spiking, **given
            )
    about |= given
    for what, own, known in (
        ("inputs", network.n_inputs, spikes.n_units),
        ("outputs", network.n_outputs, spikes.n_classes),
    ):
        if own != known:
            raise InputError(
                f"has {own} {what}, the data set {section['dataset']} {known}", file=path
            )
    if network.spiking_output != spiking:
        raise InputError(
            f"its outputs {'spike' if network.spiking_output else 'do not spike'}, "
            f"but the loss {section['loss']!r} reads {'spikes' if spiking else 'voltages'}",
            file=path,
            hint="name another loss; of a NIR graph `readout: membrane` reads their voltage",
        )
    return Imported(network, parameters, about)


def digest(paths):
    """Return the SHA-256 of files, one after the other with their names."""
    found = hashlib.sha256()
    for path in map(Path, paths):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
