"""`weights.h5`: the parameters of a network, the network itself, and what it is a result of.

Each parameter is a data set of its name. Two data sets of JSON text stand beside them: `network`,
the populations with their neuron models and the connections, and `about`, what whoever saved it
says.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.files import read_hdf5, write_hdf5
from spikespeech.network.model import Connection, Network, Population
from spikespeech.network.neurons import LI, LIF, MODELS, Learned
from spikespeech.network.parameters import Parameters

HINT = "delete it and train again"


def save(
    path: Path | str,
    network: Network,
    parameters: Mapping[str, np.ndarray],
    *,
    about: Mapping | None = None,
) -> None:
    """Write `weights.h5`.

    Parameters
    ----------
    about : what the network comes from, as JSON can hold it: settings, data set, fold, seed, …
    """
    with write_hdf5(path) as file:
        for name in network.shapes():
            file[name] = np.asarray(parameters[name], dtype=np.float32)
        # No attributes: these end at 64 KiB, which a loss's table or many constants exceed.
        file["network"] = json.dumps(_described(network))
        file["about"] = json.dumps(dict(about or {}), sort_keys=True, allow_nan=False)


def load(path: Path | str) -> tuple[Network, Parameters]:
    """Read `weights.h5`, of this or an earlier version, whose networks had one hidden layer.

    Raises InputError for any other file.
    """
    with reading.guard(path, HINT), read_hdf5(path) as file:
        described = _description(file)
        network = _network(described) if described else _earlier_network(file)
        found = {
            name: reading.array(file, name, "numbers", dimensions=len(shape))
            for name, shape in network.shapes().items()
        }
        return network, Parameters.checked(network, found)


def about(path: Path | str) -> dict:
    """Return what `save` was told about the network in `path`: nothing by earlier versions.

    Raises InputError for a file that is none.
    """
    with reading.guard(path, HINT), read_hdf5(path) as file:
        if "about" not in file:
            return {}
        found = json.loads(reading.array(file, "about", "text", dimensions=0))
        if not isinstance(found, dict):
            raise InputError("about holds no JSON object")
        return found


def _described(network):
    """Return a network as JSON can hold it."""

    def model(neuron):
        constants = {name: np.asarray(value).tolist() for name, value in asdict(neuron).items()}
        return {"model": type(neuron).__name__, **constants}

    def learned(population):
        found = [asdict(constant) for constant in population.learned]
        return {"learned": found} if found else {}

    return {
        "populations": [
            {"name": p.name, "n": p.n, "neuron": p.neuron and model(p.neuron)} | learned(p)
            for p in network.populations
        ],
        "connections": [_connection(c) for c in network.connections],
        "dt_ms": network.dt_ms,
    }


def _connection(connection):
    """Return a connection as JSON can hold it: what of its delays is not the default is named."""
    held = asdict(connection)
    common = Connection(connection.source, connection.target, connection.longest_delay)
    kept = ("source", "target", "longest_delay")
    return {n: v for n, v in held.items() if n in kept or v != getattr(common, n)}


def _description(file):
    """Return the JSON text of a network; None in files of versions that had one hidden layer."""
    if "network" in file:
        return reading.array(file, "network", "text", dimensions=0)
    return reading.attribute(file, "network", "text") if "network" in file.attrs else None


def _network(text):
    found = json.loads(text)

    def neuron(model, **constants):
        if model not in MODELS:
            raise InputError(f"the neuron model {model!r} is not known")
        values = {n: np.array(v) if isinstance(v, list) else v for n, v in constants.items()}
        return MODELS[model](**values)

    populations = tuple(
        Population(
            p["name"],
            p["n"],
            p["neuron"] and neuron(**p["neuron"]),
            tuple(Learned(**constant) for constant in p.get("learned", ())),
        )
        for p in found["populations"]
    )
    connections = tuple(Connection(**c) for c in found["connections"])
    return Network(populations, connections, found["dt_ms"])


def _earlier_network(file):
    """Read the attributes of versions whose networks had one hidden layer."""
    n_inputs, n_hidden, n_outputs = (
        int(reading.attribute(file, name, "integers"))
        for name in ("n_inputs", "n_hidden", "n_outputs")
    )
    recurrent, spiking = (
        bool(reading.attribute(file, name, "truth values"))
        for name in ("recurrent", "spiking_output")
    )

    def constant(name):
        value = reading.attribute(file, name, "numbers", dimensions=None)
        return value if np.ndim(value) else float(value)

    threshold = constant("threshold")
    output = constant("tau_mem_output"), constant("tau_syn_output")
    return Network.layered(
        n_inputs,
        n_hidden,
        n_outputs,
        recurrent=recurrent,
        neuron=LIF(constant("tau_mem"), constant("tau_syn"), threshold),
        output=LIF(*output, threshold) if spiking else LI(*output),
        dt_ms=constant("dt_ms"),
    )
