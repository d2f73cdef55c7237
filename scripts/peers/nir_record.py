"""Run a NIR file in norse, snntorch or spikingjelly and record its spikes and read-out.

Runs under a Python that has the simulator (envs/nir.yaml) and imports nothing of spikespeech.
`--input` is a .npz with `spikes` (n_steps, n_inputs) of 0 and 1. The output .npz holds
`hidden_spikes` (n_steps, n_hidden), layer after layer, and `output_v` (n_steps, n_outputs).

None of the three knows NIR's Delay node. Delays of inputs are therefore taken out of the graph, and
the input spikes come as much later.
"""

import argparse

import nir
import numpy as np


def open_norse(graph):
    """Return (network, read-out's membrane from the state after a step)."""
    from norse.torch import from_nir

    network = from_nir(graph, dt=float(graph.metadata["dt"]))
    return network, lambda state: state.state["readout"][0][1].v


def open_spikingjelly(graph):
    """Return (network, read-out's membrane from the state after a step)."""
    from spikingjelly.activation_based import nir_exchange

    network = nir_exchange.import_from_nir(graph, dt=float(graph.metadata["dt"]))
    index = list(network.readout.module._memories).index("v")
    return network, lambda state: state["readout"][index]


def open_snntorch(graph):
    """Return (network, read-out's membrane from the state after a step); dt must be 1e-4."""
    from snntorch.import_nir import import_from_nir

    network = import_from_nir(graph)
    return network, lambda state: network.readout.mem


PEERS = {"norse": open_norse, "snntorch": open_snntorch, "spikingjelly": open_spikingjelly}


def without_input_delays(graph, spikes):
    """Return the graph without a Delay node behind its input, and the spikes as much later."""
    following = dict(graph.edges)
    name = following["input"]
    if not isinstance(graph.nodes[name], nir.Delay):
        return graph, spikes
    steps = np.rint(graph.nodes[name].delay / graph.metadata["dt"]).astype(int)
    nodes = {key: node for key, node in graph.nodes.items() if key != name}
    edges = [edge for edge in graph.edges if name not in edge] + [("input", following[name])]
    late = np.zeros_like(spikes)
    for unit, delay in enumerate(steps):
        late[delay:, unit] = spikes[: len(spikes) - delay, unit]
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata=graph.metadata), late


def main(arguments):
    import torch

    graph, spikes = without_input_delays(
        nir.read(arguments.nir), np.load(arguments.input)["spikes"]
    )
    network, membrane = PEERS[arguments.peer](graph)
    following = dict(graph.edges)
    # What enters the weights behind a layer is what the layer sent.
    first, hidden, voltages, state = following["input"], {}, [], None

    def listen(name):
        sent = hidden[name] = []
        network.get_submodule(name).register_forward_pre_hook(
            lambda _, inputs: sent.append(inputs[0].detach().numpy().reshape(-1) > 0.5)
        )

    name = following[first]
    while name != "output":
        if isinstance(graph.nodes[name], nir.Linear):
            listen(name)
        name = following[name]
    with torch.no_grad():
        for step in spikes:
            _, state = network(torch.tensor(step[None], dtype=torch.float32), state)
            voltages.append(membrane(state).detach().numpy().reshape(-1))
    layers = [np.array(sent) for sent in hidden.values()]
    np.savez_compressed(arguments.out, hidden_spikes=np.hstack(layers), output_v=voltages)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", choices=sorted(PEERS), required=True, help="the simulator")
    parser.add_argument("--nir", required=True, help="NIR file of spikespeech.nir")
    parser.add_argument("--input", required=True, help=".npz with the input spikes")
    parser.add_argument("--out", required=True, help=".npz to write")
    main(parser.parse_args())
