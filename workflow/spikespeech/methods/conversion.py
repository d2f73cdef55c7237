"""From a rectified network on spike counts to integrate-and-fire neurons that spike at its rates.

Diehl et al. (2015) with the reset by subtraction of Rueckauer et al. (2017): after T steps of a
constant input, a neuron has spiked at the rate of its rectified activation, to within 1/T.
"""

import numpy as np


def activations(features, weights, biases):
    """Return (hidden, output) of a network with one rectified layer, (n, n_hidden), (n, n_out)."""
    hidden = np.maximum(features @ weights[0] + biases[0], 0)
    return hidden, hidden @ weights[1] + biases[1]


def scales(features, weights, biases):
    """Return (n_hidden,) each hidden neuron's largest activation: its rate of one spike a step."""
    largest = activations(features, weights, biases)[0].max(axis=0)
    return np.where(largest > 0, largest, 1.0)


def spiking(features, weights, biases, scale, n_steps):
    """Run the spiking network; return (hidden spikes (n, n_hidden), outputs (n, n_out)).

    Parameters
    ----------
    features : (n, n_features), constant currents
    weights, biases : of the rectified network, two each
    scale : (n_hidden,) activation at which a neuron spikes at every step; above it, it saturates

    Hidden neurons have threshold 1, no leak, and start half-way to it, which rounds instead of
    cutting off. Outputs integrate and do not spike; they are those of the rectified network, to
    within O(1/n_steps).
    """
    current = (features @ weights[0] + biases[0]) / scale
    V = np.full_like(current, 0.5)
    spikes = np.zeros_like(current)
    for _ in range(n_steps):
        V += current
        fired = V >= 1
        V -= fired
        spikes += fired
    return spikes, spikes / n_steps * scale @ weights[1] + biases[1]
