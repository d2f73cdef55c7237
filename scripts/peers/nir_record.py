"""Run a NIR file in norse, snntorch or spikingjelly and record its spikes and read-out.

Runs under a Python that has the simulator (envs/nir.yaml) and imports nothing of spikespeech.
`--input` is a .npz with `spikes` (n_steps, n_inputs) of 0 and 1. The output .npz holds
`hidden_spikes` (n_steps, n_hidden) and `output_v` (n_steps, n_outputs).
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


def main(arguments):
    import torch

    network, membrane = PEERS[arguments.peer](nir.read(arguments.nir))
    hidden, voltages, state = [], [], None
    # What enters the output weights is what the hidden layer sent.
    network.get_submodule("w_out").register_forward_pre_hook(
        lambda _, inputs: hidden.append(inputs[0].detach().numpy().reshape(-1) > 0.5)
    )
    with torch.no_grad():
        for step in np.load(arguments.input)["spikes"]:
            _, state = network(torch.tensor(step[None], dtype=torch.float32), state)
            voltages.append(membrane(state).detach().numpy().reshape(-1))
    np.savez_compressed(arguments.out, hidden_spikes=hidden, output_v=voltages)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", choices=sorted(PEERS), required=True, help="the simulator")
    parser.add_argument("--nir", required=True, help="NIR file of spikespeech.nir")
    parser.add_argument("--input", required=True, help=".npz with the input spikes")
    parser.add_argument("--out", required=True, help=".npz to write")
    main(parser.parse_args())
