"""Export to NIR, the Neuromorphic Intermediate Representation (Pedersen et al. 2024).

NIR describes dynamics in continuous time; simulators that step it by Euler's method at dt obtain
the network's exact dynamics from the constants

    tau_mem' = dt / (1 - exp(-dt/tau_mem)),  tau_syn' = dt / (1 - exp(-dt/tau_syn)),
    r = tau_mem' / dt,  w_in = tau_syn' / dt

with weights that carry k = (1 - bm) (tau_syn / dt) (1 - bs) of `quantise`. norse, snntorch and
spikingjelly read this form. They pass input and feed-forward spikes on within a step, so that their
hidden spikes are one step, their output two steps earlier than here (`SHIFT_HIDDEN`,
`SHIFT_OUTPUT`).
"""

import nir
import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.files import atomic
from spikespeech.loihi.quantise import drive

SHIFT_HIDDEN, SHIFT_OUTPUT = 1, 2
NO_THRESHOLD = 1e30
SNNTORCH_DT = 1e-4
"""Seconds; snntorch 1.0 takes every graph as written for this time step."""


def export(network, weights, path, *, dt=None):
    """Write a network as a NIR graph; read it back, and return it.

    The graph is Input → w_in → hidden → w_out → readout → Output, where a recurrent hidden layer
    is a graph of its own, Input → lif → Output with lif → w_rec → lif: snntorch takes a flat
    graph with recurrence apart wrongly, and without a message. The read-out is a CubaLIF with a
    threshold out of reach, whose membrane is the output voltage: the simulators drop or refuse
    CubaLI.

    Parameters
    ----------
    network, weights : Network, Parameters
    path : the file to write
    dt : time step in seconds that the constants are written for, by default the network's. The
        dynamics a step are the same for any; snntorch needs `SNNTORCH_DT`. It stands in the
        graph's metadata, for NIR has no field for it

    Raises InputError if the file does not read back as it was written.
    """
    dt = network.dt_ms / 1000 if dt is None else dt
    built = graph(network, weights, dt)
    with atomic(path) as partial:
        nir.write(partial, built)
        _compare(read(partial), built, path)
    return built


def read(path):
    """Read a NIR graph. Raises InputError where the file is none, or its types do not fit."""
    with reading.guard(path, "export it again"):
        return nir.read(path)


def graph(network, weights, dt):
    """Return the nir.NIRGraph that `export` writes."""
    n, h, o = network.n_inputs, network.n_hidden, network.n_outputs
    gain = _drive(network.tau_mem, network.tau_syn, network.dt_ms)
    gain_output = _drive(network.tau_mem_output, network.tau_syn_output, network.dt_ms)
    lif = _neurons(network, network.tau_mem, network.tau_syn, h, network.threshold, dt)
    threshold = network.threshold if network.spiking_output else NO_THRESHOLD
    readout = _neurons(network, network.tau_mem_output, network.tau_syn_output, o, threshold, dt)
    hidden = lif
    if network.recurrent:
        hidden = nir.NIRGraph(
            nodes={
                "input": nir.Input(input_type={"input": np.array([h])}),
                "lif": lif,
                "w_rec": nir.Linear(weight=_matrix(weights["hidden_hidden"], gain)),
                "output": nir.Output(output_type={"output": np.array([h])}),
            },
            edges=[("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
        )
    return nir.NIRGraph(
        nodes={
            "input": nir.Input(input_type={"input": np.array([n])}),
            "w_in": nir.Linear(weight=_matrix(weights["input_hidden"], gain)),
            "hidden": hidden,
            "w_out": nir.Linear(weight=_matrix(weights["hidden_output"], gain_output)),
            "readout": readout,
            "output": nir.Output(output_type={"output": np.array([o])}),
        },
        edges=[
            ("input", "w_in"),
            ("w_in", "hidden"),
            ("hidden", "w_out"),
            ("w_out", "readout"),
            ("readout", "output"),
        ],
        metadata={
            "dt": float(dt),
            "dt_network_ms": float(network.dt_ms),
            "shift_hidden": SHIFT_HIDDEN,
            "shift_output": SHIFT_OUTPUT,
        },
    )


def _drive(tau_mem, tau_syn, dt_ms):
    return drive(np.asarray(tau_mem, float), np.asarray(tau_syn, float), dt_ms)


def _matrix(weight, gain):
    """Return (target, source) weights that carry the target's gain."""
    return (np.asarray(weight, np.float64) * gain).T.astype(np.float32)


def _neurons(network, tau_mem, tau_syn, n, threshold, dt):
    def each(values):
        return np.broadcast_to(np.asarray(values, np.float64), (n,)).astype(np.float32)

    steps_mem = 1 / (1 - np.exp(-network.dt_ms / np.asarray(tau_mem, float)))
    steps_syn = 1 / (1 - np.exp(-network.dt_ms / np.asarray(tau_syn, float)))
    return nir.CubaLIF(
        tau_mem=each(steps_mem * dt),
        tau_syn=each(steps_syn * dt),
        r=each(steps_mem),
        w_in=each(steps_syn),
        v_leak=each(0),
        v_reset=each(0),
        v_threshold=each(threshold),
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
