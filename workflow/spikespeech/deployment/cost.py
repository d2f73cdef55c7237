"""What an inference costs: counted operations, memory, an energy estimate, measured time.

Counts follow Shoesmith et al. 2025 (Table II) and, where NeuroBench 2.3 defines the same, its names
and definitions. Energy on Loihi is an estimate from constants of another chip generation.
"""

import time
from pathlib import Path

import numpy as np

from spikespeech.loihi.netx_file import LARGEST_DELAY
from spikespeech.network import AdaptiveLIF

PICOJOULE = 1e-12
DAVIES_2018 = "Davies et al., IEEE Micro 38(1), 2018, Table 2: Loihi 1, pre-silicon, 0.75 V"
SYNAPTIC_OPERATION_PJ = 23.6
NEURON_UPDATE_PJ = {"inactive": 52.0, "active": 81.0}
"""Energy of one operation in pJ (`DAVIES_2018`). No such table is known for Loihi 2."""

STATE_BITS = 24
DELAY_BITS = 16
SYNAPSE_DELAY_BITS = 6
BUFFER_BITS = 16
"""Of a synapse's delay, and of what reaches a neuron in one step (lava-nc's DelayDense)."""
RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


def operations(network, spikes, last=None, *, n_steps):
    """Return counts an example, as a dictionary of floats (means over examples).

    Parameters
    ----------
    spikes : {population: (n,) spikes of each example} of the inputs and of each hidden layer
    last : the same of spikes in the last step, which reach nothing within the trial
    n_steps : length of a trial

    synaptic_operations: of each spike as many as its neuron has synapses, which is in_spikes H +
    hidden_spikes (H + O) of Shoesmith et al. effective_acs: NeuroBench's, which lacks the last
    step's hidden spikes through the recurrent weights. Of a connection that lacks synapses each
    source counts as having the mean number. dense_macs: every weight in every step.
    neuron_updates: every neuron in every step. activation_sparsity: of the hidden layers. Where
    synapses have delays, delayed_operations are those of the synaptic operations that wait in a
    buffer, and buffer_updates what is taken out of the buffers: a value a step for each neuron and
    delayed connection. Where thresholds adapt, threshold_updates are those of every such neuron in
    every step, which decay its a and add it to the threshold.
    """
    means = {name: float(np.mean(counts)) for name, counts in spikes.items()}
    hidden = sum(means[population.name] for population in network.hidden)
    layers = by_layer(network, spikes, n_steps=n_steps).values()
    counts = {
        "input_spikes": means[network.input.name],
        "hidden_spikes": hidden,
        "synaptic_operations": sum(layer["synaptic_operations"] for layer in layers),
        "dense_macs": float(network.n_weights * n_steps),
        "neuron_updates": sum(layer["neuron_updates"] for layer in layers),
        "activation_sparsity": 1 - hidden / (network.n_hidden * n_steps),
    }
    if on_chip := _delayed_on_chip(network):
        counts["delayed_operations"] = sum(means[c.source] * fan_out(network, c) for c in on_chip)
        counts["buffer_updates"] = float(sum(network[c.target].n for c in on_chip) * n_steps)
    if adapting := _adapting(network):
        counts["threshold_updates"] = float(adapting * n_steps)
    if last is not None:
        late = sum(
            float(np.mean(last[c.source])) * fan_out(network, c)
            for c in network.connections
            if c.recurrent
        )
        counts["effective_acs"] = counts["synaptic_operations"] - late
    return counts


def by_layer(network, spikes, *, n_steps):
    """Return {population: its part of synaptic_operations and neuron_updates}; see `operations`.

    A layer's synaptic operations are those of the synapses that reach it.
    """
    return {
        population.name: {
            "synaptic_operations": sum(
                float(np.mean(spikes[c.source])) * fan_out(network, c)
                for c in network.connections
                if c.target == population.name
            ),
            "neuron_updates": float(population.n * n_steps),
        }
        for population in network.populations[1:]
    }


def fan_out(network, connection):
    """Return the mean number of synapses that a connection has from a source."""
    return network.n_synapses(connection) / network[connection.source].n


def footprint(network, bits):
    """Return bytes: float32 parameters (NeuroBench's footprint of the weights), integers, states.

    integer_weights are packed to `bits` each; of connections that lack synapses it is weights that
    are counted, not where they lead. States are u and v of every neuron, and a of those that
    adapt, 24 bits each.
    Where inputs are delayed by channel, input_delays are those of the host, DELAY_BITS each, and
    delay_buffer is what it holds meanwhile: a bit for each input and step up to the longest delay.
    Of all other delays float_delays are what the network has, float32; synapse_delays those on the
    chip, SYNAPSE_DELAY_BITS for each synapse whatever they are shared by; and synapse_buffers what
    waits there: BUFFER_BITS for each target and step up to the longest delay, by connection.
    """
    weights = network.n_weights
    states = 2 * (network.n_hidden + network.n_outputs) + _adapting(network)
    sizes = {
        "parameters": weights,
        "float_weights": 4 * weights,
        "integer_weights": -(-weights * bits // 8),
        "states": STATE_BITS // 8 * states,
    }
    if on_chip := _delayed_on_chip(network):
        synapses = sum(network.n_synapses(c) for c in on_chip)
        slots = sum(
            network[c.target].n * (min(c.longest_delay, LARGEST_DELAY) + 1) for c in on_chip
        )
        sizes["float_delays"] = 4 * sum(network.n_delays(c) for c in on_chip)
        sizes["synapse_delays"] = -(-synapses * SYNAPSE_DELAY_BITS // 8)
        sizes["synapse_buffers"] = slots * BUFFER_BITS // 8
    if first := network.input_delays:
        sizes["input_delays"] = -(-network.n_inputs * DELAY_BITS // 8)
        sizes["delay_buffer"] = -(-network.n_inputs * (first.longest_delay + 1) // 8)
    return sizes


def _adapting(network):
    """Return how many neurons have thresholds that adapt."""
    return sum(p.n for p in network.hidden if isinstance(p.neuron, AdaptiveLIF))


def _delayed_on_chip(network):
    """Return the connections with delays but that of the inputs' channels, which are the host's."""
    return [c for c in network.connections if c.longest_delay and c != network.input_delays]


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
