"""Constants of neurons as kernels load them: a float32 that all share, or one for each."""

from dataclasses import fields

import numpy as np

from spikespeech.kernels.vectors import aligned, padded


def alike(populations):
    """Return whether the neurons of each of several populations have the same constants."""
    held = [
        np.asarray(getattr(p.neuron, field.name)) for p in populations for field in fields(p.neuron)
    ]
    return all(np.all(constant == constant.flat[0]) for constant in held)


def each(constant, n):
    """Return a constant of each of n neurons and their padding, which repeats the last, float64."""
    constant = np.broadcast_to(np.asarray(constant, dtype=np.float64), (n,))
    return np.pad(constant, (0, padded(n) - n), mode="edge")


def held(constants, together):
    """Return constants of `each` in single precision: numbers if `together`, else arrays."""
    return [np.float32(values[0]) if together else _aligned(values) for values in constants]


def _aligned(values):
    array = aligned(values.shape)
    array[:] = values
    return array
