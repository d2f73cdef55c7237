"""What a NIR graph connects: its neurons, and the weights between them.

Our networks have weights between populations, delays before them, and no more.
"""

from typing import NamedTuple

import nir
import numpy as np

from spikespeech.errors import InputError

WEIGHTS = nir.Linear, nir.Affine


class Wires(NamedTuple):
    """A graph without graphs within it.

    Attributes
    ----------
    nodes : {name: node} but for inputs and outputs; of a graph within the graph "outer.inner"
    sources : {name: names of the nodes that feed it}; INPUT is the graph's input
    n_inputs : int
    ends : names of the nodes that feed the graph's output
    """

    nodes: dict
    sources: dict
    n_inputs: int
    ends: list


class Part(NamedTuple):
    """Weights that reach a layer: their node, its name and its weights (target, source).

    Also the node of the layer they come from, and what delays its spikes, or None, with that
    node's metadata.
    """

    source: str
    name: str
    node: nir.NIRNode
    weight: np.ndarray
    delay_name: str | None
    delay: np.ndarray | None
    delay_metadata: dict


class Layer(NamedTuple):
    """A node of neurons (INPUT for the inputs, None for outputs that are weights alone)."""

    node: str | None
    incoming: list


INPUT = "<input>"


def flat(graph):
    """Return the Wires of a graph. Raises InputError where it has not one input and one output."""
    nodes, edges = {}, []
    first, last = _spread(graph, "", nodes, edges)
    size = np.ravel(nodes[first].input_type["input"])
    size = size[size != 1] if len(size) > 1 else size  # the axis of a batch
    if len(size) != 1:
        raise InputError(f"inputs of shape {tuple(map(int, size))}", hint="they are channels")
    sources = {name: [a for a, b in edges if b == name] for name in nodes}
    passed = {n for n, node in nodes.items() if isinstance(node, nir.Input | nir.Output)}

    def through(name, seen=()):
        """Return what feeds a node, past the inputs and outputs of graphs within the graph."""
        found = []
        for source in sources[name]:
            if source == first:
                found.append(INPUT)
            elif source not in passed:
                found.append(source)
            elif source not in seen:
                found += through(source, (*seen, source))
        return found

    kept = {name: node for name, node in nodes.items() if name not in passed}
    return Wires(kept, {name: through(name) for name in kept}, int(size[0]), through(last))


def _spread(graph, within, nodes, edges):
    """Add the nodes and edges of a graph to those of all; return (its input, its output)."""
    ends, place = [], {}
    for kind in (nir.Input, nir.Output):
        found = [name for name, node in graph.nodes.items() if isinstance(node, kind)]
        if len(found) != 1:
            where = within.rstrip(".") or "it"
            raise InputError(f"{where} has {len(found)} nodes {kind.__name__} instead of one")
        ends.append(f"{within}{found[0]}")
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            place[name] = _spread(node, f"{within}{name}.", nodes, edges)
        else:
            nodes[f"{within}{name}"] = node
            place[name] = (f"{within}{name}",) * 2
    for a, b in graph.edges:
        for name in (a, b):
            if name not in place:
                raise InputError(f"an edge names {name}, which it has no node of")
        edges.append((place[a][1], place[b][0]))
    return tuple(ends)


def layers(wires, neurons):
    """Return the Layers in the order in which they run, the inputs first, the outputs last.

    neurons : types of nodes that are neurons

    Raises InputError for nodes and edges that our networks have not.
    """
    for name, node in wires.nodes.items():
        if type(node) not in (*neurons, *WEIGHTS, nir.Delay):
            raise InputError(
                f"{name} is a {type(node).__name__}",
                hint="our networks have Linear and Affine weights, Delay, and the neurons "
                f"{', '.join(kind.__name__ for kind in neurons)}",
            )
        if isinstance(node, nir.Affine) and np.any(node.bias):
            largest = np.abs(node.bias).max()
            raise InputError(
                f"{name} has biases up to {largest:.3g}",
                hint="our neurons have none: train without (bias=False)",
            )
    found = {
        name: [_part(wires, name, source, neurons) for source in wires.sources[name]]
        for name, node in wires.nodes.items()
        if type(node) in neurons
    }
    if len(wires.ends) != 1:
        raise InputError(f"its output has {len(wires.ends)} sources instead of one")
    [end] = wires.ends
    last = end
    if end not in found:
        last, found[None] = None, [_traced(wires, end, neurons)]
    ordered, waiting = [Layer(INPUT, [])], dict(found)
    while waiting:
        done = {layer.node for layer in ordered}
        ready = next(
            (
                name
                for name, parts in waiting.items()
                if all(part.source in done or part.source == name for part in parts)
            ),
            INPUT,
        )
        if ready == INPUT:
            names = ", ".join(map(str, waiting))
            raise InputError(
                f"{names} form a loop, or nothing reaches them",
                hint="connections run to the same or a later layer",
            )
        ordered.append(Layer(ready, waiting.pop(ready)))
    if ordered[-1].node != last or len(ordered) < 2:
        others = [layer.node for layer in ordered[1:] if layer.node != last]
        raise InputError(f"the output is not read behind {', '.join(map(str, others[-1:]))}")
    for layer in ordered[1:]:
        sources = [part.source for part in layer.incoming]
        if not sources or len(set(sources)) < len(sources):
            raise InputError(f"{layer.node} has no weights, or two from the same layer")
        if layer.node == last and last in sources:
            raise InputError(f"{last}, which is read, has recurrent weights")
    return ordered


def _part(wires, target, source, neurons):
    """Return the Part that feeds the neurons `target` from the node `source`."""
    if source == INPUT or not isinstance(wires.nodes[source], WEIGHTS):
        raise InputError(f"{target} is fed without weights, by {source.strip('<>')}")
    return _traced(wires, source, neurons)


def _traced(wires, name, neurons):
    """Return the Part of the weights `name`."""
    if name == INPUT or not isinstance(wires.nodes.get(name), WEIGHTS):
        raise InputError("its output is neither of neurons nor of weights")
    weight = np.asarray(wires.nodes[name].weight)
    if weight.ndim != 2:
        raise InputError(f"{name} has weights of shape {weight.shape}")
    [source], late = _only(wires, name), (None, None, {})
    if isinstance(node := wires.nodes.get(source), nir.Delay):
        late = (source, np.broadcast_to(node.delay, weight.shape[1:]), node.metadata)
        [source] = _only(wires, source)
    if source != INPUT and type(wires.nodes[source]) not in neurons:
        raise InputError(f"{source}, which feeds {name}, is neither input nor neurons")
    return Part(source, name, wires.nodes[name], weight, *late)


def _only(wires, name):
    """Return [the source of a node]; InputError unless there is exactly one."""
    if len(wires.sources[name]) != 1:
        raise InputError(f"{name} has {len(wires.sources[name])} sources instead of one")
    return wires.sources[name]
