"""What an inference costs: counted operations, memory, an energy estimate, measured time.

Counts follow Shoesmith et al. 2025 (Table II) and, where NeuroBench 2.3 defines the same, its names
and definitions. Energy on Loihi is an estimate from constants of another chip generation.
"""

import time
from pathlib import Path

import numpy as np

PICOJOULE = 1e-12
DAVIES_2018 = "Davies et al., IEEE Micro 38(1), 2018, Table 2: Loihi 1, pre-silicon, 0.75 V"
SYNAPTIC_OPERATION_PJ = 23.6
NEURON_UPDATE_PJ = {"inactive": 52.0, "active": 81.0}
"""Energy of one operation in pJ (`DAVIES_2018`). No such table is known for Loihi 2."""

STATE_BITS = 24
RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


def operations(network, input_spikes, hidden_spikes, hidden_last=None, *, n_steps):
    """Return counts an example, as a dictionary of floats (means over examples).

    Parameters
    ----------
    input_spikes, hidden_spikes : (n,) spikes of each example
    hidden_last : (n,) hidden spikes in the last step, which reach nothing within the trial
    n_steps : length of a trial

    synaptic_operations: in_spikes H + hidden_spikes (H + O) of Shoesmith et al., without the
    recurrent H for feed-forward networks. effective_acs: NeuroBench's, which lacks the last
    step's hidden spikes through the recurrent weights. dense_macs: every weight in every step.
    neuron_updates: every neuron in every step. activation_sparsity: of the hidden layer.
    """
    h, o = network.n_hidden, network.n_outputs
    recurrent = h if network.recurrent else 0
    inputs, hidden = float(np.mean(input_spikes)), float(np.mean(hidden_spikes))
    counts = {
        "input_spikes": inputs,
        "hidden_spikes": hidden,
        "synaptic_operations": inputs * h + hidden * (recurrent + o),
        "dense_macs": float((network.n_inputs * h + recurrent * h + h * o) * n_steps),
        "neuron_updates": float((h + o) * n_steps),
        "activation_sparsity": 1 - hidden / (h * n_steps),
    }
    if hidden_last is not None:
        late = float(np.mean(hidden_last)) * recurrent
        counts["effective_acs"] = counts["synaptic_operations"] - late
    return counts


def footprint(network, bits):
    """Return bytes: float32 parameters (NeuroBench's footprint of the weights), integers, states.

    integer_weights are packed to `bits` each; states are u and v of every neuron, 24 bits each.
    """
    h, o = network.n_hidden, network.n_outputs
    weights = network.n_inputs * h + (h * h if network.recurrent else 0) + h * o
    return {
        "parameters": weights,
        "float_weights": 4 * weights,
        "integer_weights": -(-weights * bits // 8),
        "states": 2 * STATE_BITS // 8 * (h + o),
    }


def connection_sparsity(layers):
    """Return the fraction of integer weights that are zero (NeuroBench's ConnectionSparsity)."""
    matrices = [m for layer in layers for m in (layer.weight, layer.weight_rec) if m is not None]
    return 1 - sum(np.count_nonzero(m) for m in matrices) / sum(m.size for m in matrices)


def energy_estimate(counts):
    """Return (low, high) joules an example: synaptic operations and neuron updates alone.

    Low takes all neurons as inactive, high as active. Static power, input and output, and spikes
    on the mesh are not in it. Constants: `DAVIES_2018`.
    """
    synapses = counts["synaptic_operations"] * SYNAPTIC_OPERATION_PJ
    return tuple(
        PICOJOULE * (synapses + counts["neuron_updates"] * NEURON_UPDATE_PJ[state])
        for state in ("inactive", "active")
    )


def measure(run, repeats=3):
    """Call `run` several times; return {"cpu_s", "wall_s", "energy_j"} of the fastest.

    energy_j is the processor package's (RAPL, which counts all that runs on it), None where the
    counter cannot be read.
    """
    best = None
    for _ in range(repeats):
        energy, cpu, wall = _rapl(), time.process_time(), time.perf_counter()
        run()
        after = _rapl()
        taken = {
            "cpu_s": time.process_time() - cpu,
            "wall_s": time.perf_counter() - wall,
            # The counter wraps around once in hours; such a difference is negative.
            "energy_j": after - energy if energy is not None and after >= energy else None,
        }
        best = taken if best is None or taken["cpu_s"] < best["cpu_s"] else best
    return best


def _rapl():
    try:
        return int(RAPL.read_text()) * 1e-6
    except OSError:
        return None
