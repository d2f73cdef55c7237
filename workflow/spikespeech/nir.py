"""Export to NIR, the Neuromorphic Intermediate Representation (Pedersen et al. 2024), and back.

NIR describes dynamics in continuous time; simulators that step it by Euler's method at dt obtain
the network's exact dynamics from the constants

    tau_mem' = dt / (1 - exp(-dt/tau_mem)),  tau_syn' = dt / (1 - exp(-dt/tau_syn)),
    r = tau_mem' / dt,  w_in = tau_syn' / dt

with weights that carry k of `neurons.gain`. norse, snntorch and spikingjelly read this form. They
pass input and feed-forward spikes on within a step, so that the spikes of each layer are one step
earlier than here, and those of the next one step more: `shift_<layer>` in the graph's metadata.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.files import atomic
from spikespeech.importing import nir_graph
from spikespeech.importing.nir_graph import NO_THRESHOLD
from spikespeech.network import LI, LIF, Network, Parameters, constants
from spikespeech.network.chain import chain, refuse_delays
from spikespeech.network.neurons import decays, gain
from spikespeech.network.parameters import delay_steps

THRESHOLDS = {LIF: lambda neuron: neuron.threshold, LI: lambda neuron: NO_THRESHOLD}
"""Neuron models that a CubaLIF node can be, and its threshold."""
SNNTORCH_DT = 1e-4
"""Seconds; snntorch 1.0 takes every graph as written for this time step."""


def export(
    network: Network,
    weights: Mapping[str, np.ndarray],
    path: Path | str,
    *,
    dt: float | None = None,
) -> nir.NIRGraph:
    """Write a network as a NIR graph; read it back, and return it.

    The graph is Input → w_in → hidden → w_out → readout → Output, with hidden1 → hidden1_hidden2 →
    hidden2 … for several hidden layers, and a Delay node ahead of the weights of a connection with
    a delay a source; for those of blocks and of synapses NIR has no node. None of the three
    simulators knows Delay nodes: norse 1.1 drops them without a message, snntorch 1.0 and
    spikingjelly 2.0 stop at them. Take out that of the inputs, and delay what the graph is given
    (as scripts/peers/nir_record.py does); with one behind a layer none of the three runs the graph.
    A recurrent layer is a graph of its own, Input → lif → Output with lif → w_rec → lif: snntorch
    takes a flat graph with recurrence apart wrongly, and without a message. The read-out is a
    CubaLIF with a threshold out of reach, whose membrane is the output voltage: the simulators drop
    or refuse CubaLI.

    Parameters
    ----------
    network, weights : Network whose layers form a chain, Parameters
    path : the file to write
    dt : time step in seconds that the constants are written for, by default the network's. The
        dynamics a step are the same for any; snntorch needs `SNNTORCH_DT`. It stands in the
        graph's metadata, for NIR has no field for it

    Raises InputError for what the graph cannot hold, and if the file does not read back as it was
    written.
    """
    dt = network.dt_ms / 1000 if dt is None else dt
    built = graph(network, weights, dt)
    with atomic(path) as partial:
        nir.write(partial, built)
        _compare(nir_graph.read(partial), built, path)
    return built


def graph(network: Network, weights: Mapping[str, np.ndarray], dt: float) -> nir.NIRGraph:
    """Return the nir.NIRGraph that `export` writes; learned constants are those of its neurons."""
    refuse_delays(network, "a NIR graph", sources=True)
    network, weights = constants.settled(network, weights)
    nodes = {"input": nir.Input(input_type={"input": np.array([network.n_inputs])})}
    metadata = {"dt": float(dt), "dt_network_ms": float(network.dt_ms)}
    for place, (population, incoming, recurrent) in enumerate(chain(network), start=1):
        last = population is network.output
        # nirtorch takes nodes by the alphabet, and a graph within the graph only once its input
        # stands: hidden1, hidden1_hidden2, hidden2 are in order.
        rows = incoming.name
        if last or incoming.source == network.input.name:
            rows = "w_out" if last else "w_in"
        if incoming.longest_delay:
            late = _delay(incoming, weights, dt)
            nodes["delay" if rows == "w_in" else f"delay_{incoming.name}"] = late
        neuron = population.neuron
        layer = _neurons(population, network.dt_ms, dt)
        nodes[rows] = _linear(weights[incoming.name], neuron, network.dt_ms)
        if recurrent:
            within = {"w_rec": _linear(weights[recurrent.name], neuron, network.dt_ms)}
            if recurrent.longest_delay:
                within = {"delay": _delay(recurrent, weights, dt)} | within
            layer = _recurrent(layer, population.n, within)
        nodes["readout" if last else population.name] = layer
        metadata[f"shift_{population.name}"] = place
    nodes["output"] = nir.Output(output_type={"output": np.array([network.n_outputs])})
    return nir.NIRGraph(nodes=nodes, edges=list(pairwise(nodes)), metadata=metadata)


def load(path: Path | str, **options: Any) -> tuple[Network, Parameters]:
    """Read a NIR file, of `export` or of another simulator; return (Network, Parameters).

    Of our own files these are those that were exported, in every bit; see `nir_graph.load` for
    the `options` and for other files. Raises InputError for what our networks have not.
    """
    found = nir_graph.read(path)
    with reading.guard(path, "give another graph"):
        return nir_graph.load(found, **options)


def _linear(weight, neuron, dt_ms):
    """Return the node of (source, target) weights: (target, source), times the target's gain."""
    scaled = (np.asarray(weight, np.float64) * gain(neuron, dt_ms)).T.astype(np.float32)
    node = nir.Linear(scaled)
    node.metadata = nir_graph.lost(node, neuron, dt_ms, weight)
    return node


def _neurons(population, dt_ms, dt):
    """Return the CubaLIF of a population."""

    def each(values):
        return np.broadcast_to(np.asarray(values, np.float64), (population.n,)).astype(np.float32)

    neuron = population.neuron
    if type(neuron) not in THRESHOLDS:
        raise InputError(
            f"{population.name} is of {type(neuron).__name__} neurons",
            hint=f"NIR's CubaLIF are {' or '.join(m.__name__ for m in THRESHOLDS)}",
        )
    steps_mem, steps_syn = (1 / (1 - left) for left in decays(neuron, dt_ms))
    return nir.CubaLIF(
        tau_mem=each(steps_mem * dt),
        tau_syn=each(steps_syn * dt),
        r=each(steps_mem),
        w_in=each(steps_syn),
        v_leak=each(0),
        v_reset=each(0),
        v_threshold=each(THRESHOLDS[type(neuron)](neuron)),
        # In double precision, for `load`; without dimensions they cannot be arrays in the file.
        metadata={
            key: np.asarray(value, np.float64) if np.ndim(value) else float(value)
            for key, value in vars(neuron).items()
        },
    )


def _delay(connection, weights, dt):
    """Return the Delay node of a connection's sources: whole steps, as the network has them.

    The metadata keep what NIR has no field for: how long delays may be, and learned ones in all
    their digits.
    """
    delays = np.asarray(weights[connection.delay], np.float32)
    node = nir.Delay(delay_steps(delays) * dt)
    node.metadata = {"longest": connection.longest_delay}
    if connection.learned_delays:
        node.metadata["learned"] = delays
    return node


def _recurrent(lif, n, within):
    """Return a layer as a graph of its own, its spikes going through the nodes `within` back."""
    ends = {
        "input": nir.Input(input_type={"input": np.array([n])}),
        "output": nir.Output(output_type={"output": np.array([n])}),
    }
    return nir.NIRGraph(
        nodes={"input": ends["input"], "lif": lif, **within, "output": ends["output"]},
        edges=[("input", "lif"), *pairwise(["lif", *within, "lif"]), ("lif", "output")],
    )


def _compare(found, written, path):
    if sorted(found.edges) != sorted(written.edges) or found.nodes.keys() != written.nodes.keys():
        raise InputError("the NIR graph does not read back as it was written", file=path)
    for name, node in written.nodes.items():
        if isinstance(node, nir.NIRGraph):
            _compare(found.nodes[name], node, path)
            continue
        for key, value in vars(node).items():
            if isinstance(value, np.ndarray) and not np.array_equal(
                getattr(found.nodes[name], key), value
            ):
                raise InputError(f"{name}.{key} does not read back as it was written", file=path)
