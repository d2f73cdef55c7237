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

import nir
import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.files import atomic
from spikespeech.network import LI, LIF, Network, Parameters
from spikespeech.network.chain import chain, refuse_delays
from spikespeech.network.model import Connection, Population
from spikespeech.network.neurons import decays, gain

NO_THRESHOLD = 1e30
THRESHOLDS = {LIF: lambda neuron: neuron.threshold, LI: lambda neuron: NO_THRESHOLD}
"""Neuron models that a CubaLIF node can be, and its threshold."""
ENDS = nir.Input, nir.Output
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
    delays. None of the three simulators knows Delay nodes: take it out, and delay what the graph is
    given (as scripts/peers/nir_record.py does). A recurrent layer is a graph of its own, Input →
    lif → Output with lif → w_rec → lif: snntorch takes a flat graph with recurrence apart wrongly,
    and without a message. The read-out is a CubaLIF with a threshold out of reach, whose membrane
    is the output voltage: the simulators drop or refuse CubaLI.

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
        _compare(read(partial), built, path)
    return built


def read(path: Path | str) -> nir.NIRGraph:
    """Read a NIR graph. Raises InputError where the file is none, or its types do not fit."""
    with reading.guard(path, "export it again"):
        return nir.read(path)


def graph(network: Network, weights: Mapping[str, np.ndarray], dt: float) -> nir.NIRGraph:
    """Return the nir.NIRGraph that `export` writes."""
    refuse_delays(network, "a NIR graph as it is written here", axonal=True)
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
            steps = np.asarray(weights[incoming.delay], np.float64)
            nodes["delay" if rows == "w_in" else f"delay_{incoming.name}"] = nir.Delay(steps * dt)
        if recurrent and recurrent.longest_delay:
            raise InputError(
                f"delays of {recurrent.name}", hint="train without delays within a layer"
            )
        neuron = population.neuron
        layer = _neurons(population, network.dt_ms, dt)
        nodes[rows] = nir.Linear(_matrix(weights[incoming.name], neuron, network.dt_ms))
        if recurrent:
            recurrence = _matrix(weights[recurrent.name], neuron, network.dt_ms)
            layer = _recurrent(layer, population.n, recurrence)
        nodes["readout" if last else population.name] = layer
        metadata[f"shift_{population.name}"] = place
    nodes["output"] = nir.Output(output_type={"output": np.array([network.n_outputs])})
    return nir.NIRGraph(nodes=nodes, edges=list(pairwise(nodes)), metadata=metadata)


def load(path: Path | str) -> tuple[Network, Parameters]:
    """Read a NIR file of `export`; return (Network, Parameters).

    They are those that were exported but for rounding to single precision; a population has the
    name of its node, the last one "output". Raises InputError for a file that is no such graph:
    layers that form no chain, other nodes, neurons outside the convention above, delays of no whole
    number of steps.
    """
    found = read(path)
    with reading.guard(path, "give a graph that spikespeech.nir exported"):
        return _network(found)


def _network(found):
    """Return the (Network, Parameters) of a graph."""
    dt = float(found.metadata.get("dt", 0))
    if not dt > 0:
        raise InputError("the metadata have no time step dt")
    dt_ms = float(found.metadata.get("dt_network_ms", dt * 1000))
    nodes = _in_order(found)
    inputs, last = nodes[0], nodes[-2][0]
    populations = [Population("input", int(inputs[1].input_type["input"][0]))]
    connections, arrays, waiting = [], {}, {}
    for name, node in nodes[1:-1]:
        if isinstance(node, nir.Delay) and not waiting:
            waiting["delay"] = _steps(name, node, dt)
        elif isinstance(node, nir.Linear) and "weight" not in waiting:
            waiting["weight"] = node.weight
        elif isinstance(node, nir.CubaLIF | nir.NIRGraph) and "weight" in waiting:
            lif, recurrent = _layer(name, node)
            neuron = _neuron(name, lif, dt, dt_ms)
            layer = Population("output" if name == last else name, len(lif.r), neuron)
            delay = waiting.get("delay", np.zeros(1))
            ends = [(populations[-1].name, int(delay.max()), waiting["weight"])]
            ends += [(layer.name, 0, recurrent.weight)] if recurrent else []
            for source, longest, weight in ends:
                connection = Connection(source, layer.name, longest)
                arrays[connection.name] = np.asarray(weight, np.float64).T / gain(neuron, dt_ms)
                connections.append(connection)
            if delay.any():
                arrays[connections[-len(ends)].delay] = delay
            populations.append(layer)
            waiting = {}
        else:
            raise InputError(f"{name}, a {type(node).__name__}, stands where no layer has one")
    network = Network(tuple(populations), tuple(connections), dt_ms)
    return network, Parameters.checked(network, arrays)


def _in_order(found):
    """Return [(name, node)] of a graph from its Input to its Output; InputError if it branches."""
    following = dict(found.edges)
    ends = [[n for n, node in found.nodes.items() if isinstance(node, t)] for t in ENDS]
    if [len(names) for names in ends] != [1, 1] or len(following) != len(found.edges):
        raise InputError("it is no chain of layers from one Input to one Output")
    names = ends[0]
    while names[-1] in following and len(names) <= len(found.nodes):
        names.append(following[names[-1]])
    if names[-1] != ends[1][0] or len(names) != len(found.nodes):
        raise InputError(f"not all of its nodes lie between {ends[0][0]} and {ends[1][0]}")
    return [(name, found.nodes[name]) for name in names]


def _layer(name, node):
    """Return (CubaLIF, Linear of its recurrence or None) of a layer's node."""
    if isinstance(node, nir.CubaLIF):
        return node, None
    within = {type(n): k for k, n in node.nodes.items()}
    if len(node.nodes) != 4 or within.keys() != {*ENDS, nir.CubaLIF, nir.Linear}:
        raise InputError(f"{name} is no graph of a CubaLIF and its recurrent weights")
    lif, rows = within[nir.CubaLIF], within[nir.Linear]
    edges = {(within[nir.Input], lif), (lif, rows), (rows, lif), (lif, within[nir.Output])}
    if set(node.edges) != edges:
        raise InputError(f"{name} does not lead from its CubaLIF through its weights back to it")
    return node.nodes[lif], node.nodes[rows]


def _steps(name, node, dt):
    """Return the delays of a node in steps."""
    steps = np.asarray(node.delay, np.float64) / dt
    whole = np.round(steps)
    if not np.allclose(steps, whole, rtol=1e-6, atol=1e-6) or whole.min() < 0:
        raise InputError(f"{name} holds delays of no whole number of steps of {dt:g} s")
    return whole


def _neuron(name, node, dt, dt_ms):
    """Return the LIF or LI of a CubaLIF."""
    for value, expected, equation in (
        (node.tau_mem, np.float32(dt) * node.r, "r is tau_mem / dt"),
        (node.tau_syn, np.float32(dt) * node.w_in, "w_in is tau_syn / dt"),
        (node.v_leak, 0, "v_leak is 0"),
        (node.v_reset, 0, "v_reset is 0"),
    ):
        if not np.allclose(value, expected, rtol=1e-5, atol=0):
            raise InputError(f"{name} is not of the convention in which {equation}")
    constants = {
        key: _tidy(-dt_ms / np.log1p(-1 / np.asarray(steps, np.float64)))
        for key, steps in (("tau_mem", node.r), ("tau_syn", node.w_in))
    }
    if np.all(node.v_threshold >= NO_THRESHOLD * (1 - 1e-6)):
        return LI(**constants)
    return LIF(**constants, threshold=_tidy(node.v_threshold))


def _tidy(values):
    """Return values to the seven digits that single precision holds: one where all are alike."""
    values = np.array([float(f"{value:.7g}") for value in values])
    return float(values[0]) if np.ptp(values) == 0 else values


def _matrix(weight, neuron, dt_ms):
    """Return (target, source) weights that carry the target's gain."""
    return (np.asarray(weight, np.float64) * gain(neuron, dt_ms)).T.astype(np.float32)


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
    )


def _recurrent(lif, n, weight):
    """Return a layer with recurrent weights as a graph of its own."""
    return nir.NIRGraph(
        nodes={
            "input": nir.Input(input_type={"input": np.array([n])}),
            "lif": lif,
            "w_rec": nir.Linear(weight=weight),
            "output": nir.Output(output_type={"output": np.array([n])}),
        },
        edges=[("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
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
