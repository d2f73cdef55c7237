"""Write tiny networks as NIR files by norse, snnTorch or spikingjelly, and what each makes of them.

Tests import the files and compare: tests/fixtures/nir/<case>.nir and, what the simulator makes of
it, <case>.npz with spikes (n_steps, n_inputs), hidden_spikes (n_steps, n) and output_v (n_steps,
n_outputs). It runs in the environment envs/nir.txt, without this library; the files are those of
norse 1.1, snntorch 1.0 and spikingjelly 2.0.
"""

import argparse
from pathlib import Path

import nir
import numpy as np
import torch

INPUTS, HIDDEN, OUTPUTS, STEPS = 8, 6, 3, 60
NEVER = 1e30


def norse():
    """Yield (case, layers, its graph): LIF without currents, read by a leaky integrator."""
    import norse.torch as nt
    from norse.torch.utils.export_nir import to_nir

    def each(n, value):
        return torch.full((n,), value)

    lif = nt.LIFBoxParameters(each(HIDDEN, 1 / 0.02), each(HIDDEN, 0.0), each(HIDDEN, 0.1))
    li = nt.LIBoxParameters(each(OUTPUTS, 1 / 0.01), each(OUTPUTS, 0.0))
    layers = [linear(INPUTS, HIDDEN), nt.LIFBoxCell(lif), linear(HIDDEN, OUTPUTS), nt.LIBoxCell(li)]
    yield "norse", layers, to_nir(nt.SequentialState(*layers), torch.zeros(1, INPUTS))


def snntorch():
    """Yield networks with and without currents and recurrence."""
    import snntorch as snn
    from snntorch.export_nir import export_to_nir

    for case, kind, last in (
        ("snntorch_leaky", snn.Leaky, snn.Leaky),
        ("snntorch_rsynaptic", snn.RSynaptic, snn.Synaptic),
    ):

        def of(kind, n, threshold, last=last, **more):
            constants = {"beta": 0.9, "threshold": threshold, "alpha": 0.8}
            if last is snn.Leaky:
                del constants["alpha"]
            # One value a neuron: nirtorch takes no others.
            constants = {key: torch.full((n,), value) for key, value in constants.items()}
            return kind(
                **constants,
                reset_mechanism="zero",
                init_hidden=True,
                **more,
            )

        recurrent = {"linear_features": HIDDEN, "all_to_all": True}
        hidden = of(kind, HIDDEN, 1.0, **(recurrent if kind is snn.RSynaptic else {}))
        read = of(last, OUTPUTS, NEVER, output=True)
        layers = [linear(INPUTS, HIDDEN), hidden, linear(HIDDEN, OUTPUTS), read]
        if kind is snn.RSynaptic:
            hidden.recurrent = linear(HIDDEN, HIDDEN)
        network = torch.nn.Sequential(*layers)
        yield case, layers, export_to_nir(network, torch.zeros(1, INPUTS), ignore_dims=[0])


def spikingjelly():
    """Yield networks with and without currents."""
    from spikingjelly.activation_based import functional, layer, neuron
    from spikingjelly.activation_based.nir_exchange.to_nir import export_to_nir

    def lif(threshold):
        return neuron.LIFNode(tau=10.0, decay_input=False, v_threshold=threshold, v_reset=0.0)

    def cuba(threshold):
        return neuron.CUBALIFNode(0.2, 0.1, v_threshold=threshold, v_reset=0.0)

    for case, kind in (("spikingjelly_lif", lif), ("spikingjelly_cuba", cuba)):
        layers = [linear(INPUTS, HIDDEN, layer.Linear), kind(1.0)]
        layers += [linear(HIDDEN, OUTPUTS, layer.Linear), kind(NEVER)]
        network = torch.nn.Sequential(*layers)
        graph = export_to_nir(network, torch.zeros(1, INPUTS))
        functional.reset_net(network)
        yield case, layers, graph


def linear(n, m, kind=torch.nn.Linear):
    """Return weights from n to m without biases, many of them positive."""
    made = kind(n, m, bias=False)
    torch.nn.init.normal_(made.weight, 0.3, 0.4)
    return made


def record(peer, layers, spikes):
    """Return hidden spikes (n_steps, n) and output voltages (n_steps, n_outputs)."""
    into, hidden, out, read = layers
    states, fired, voltages = [None, None], [], []
    for x in torch.from_numpy(spikes).float()[:, None]:
        if peer == "norse":
            z, states[0] = hidden(into(x), states[0])
            v, states[1] = read(out(z), states[1])
        elif peer == "snntorch":
            z = hidden(into(x))
            v = read(out(z))[-1]
        else:
            z = hidden(into(x))
            read(out(z))
            v = read.v
        fired.append(z.detach().numpy()[0] > 0)
        voltages.append(v.detach().numpy()[0])
    return np.array(fired), np.array(voltages)


def main(arguments):
    """Write the cases of one simulator."""
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    for case, layers, graph in globals()[arguments.peer]():
        nir.write(arguments.out / f"{case}.nir", graph)
        if case == "snntorch_rsynaptic":  # resets in the step after, as NIR cannot say
            continue
        spikes = rng.random((STEPS, INPUTS)) < 0.2
        fired, voltages = record(arguments.peer, layers, spikes)
        assert fired.sum() > 20, f"{case}: {fired.sum()} hidden spikes"
        np.savez_compressed(
            arguments.out / f"{case}.npz", spikes=spikes, hidden_spikes=fired, output_v=voltages
        )
        print(case, fired.sum(), np.abs(voltages).max())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", choices=("norse", "snntorch", "spikingjelly"), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    main(parser.parse_args())
