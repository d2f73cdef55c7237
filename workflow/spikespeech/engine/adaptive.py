"""Thresholds that rise with each spike of their neuron, and fall back: what `lif` adds for them.

With the adaptation's ρ = exp(-dt/τ_adapt) and its strength b (Bellec et al. 2018)

    forward    V ← α V + (1 - α) Isyn,  a ← ρ a,  spike where V ≥ threshold + b a;  then V ← 0,
               a ← a + 1

in the order and with the roundings of mlGeNN's `AdaptiveLeakyIntegrateFire`: what a spike adds
has decayed once when the next step is compared. (Bellec et al. decay the sum before it: the same
neurons, for which b is ρ times as much.) With a strength of 0 each operation gives what it does
without adaptation, in every bit.

Backward the threshold's own slope takes part in when a spike is (a saltation matrix of the guard
V - threshold - b a): with r = τ_mem / τ_adapt and the adjoint μ of a, where each step

    μ ← ρ μ

a spike of neuron i has, in place of the slope q = I - V and of the threshold of `lif`,

    q + b a r,   threshold + b a - b a r,

and the jump of λ_V,i - μ_i / τ_adapt among its feedback; then μ_i ← μ_i - b τ_mem λ_V,i.
`run_backward` has μ / τ_adapt. Learned constants follow from λ_V at the spikes:

    dL/db = τ_mem Σ_spikes a λ_V,   dL/dlog τ_adapt = b τ_mem Σ_spikes λ_V da/dlog τ_adapt

where at given spikes da/dlog τ_adapt ← ρ da/dlog τ_adapt + dt/τ_adapt a in each step.
"""

from typing import NamedTuple

import numpy as np

from spikespeech.engine import values
from spikespeech.kernels.compiling import part
from spikespeech.kernels.vectors import LANES, at_least, load, select, splat
from spikespeech.network.neurons import AdaptiveLIF


class Adaptation(NamedTuple):
    """Constants of a layer's adaptation: numbers or arrays, as `lif.Constants` are.

    Attributes
    ----------
    rho : decay factor of a step
    strength : b above
    ratio : r above
    jump : b r
    tau_adapt : in ms
    """

    rho: np.ndarray
    strength: np.ndarray
    ratio: np.ndarray
    jump: np.ndarray
    tau_adapt: np.ndarray


def constants(populations, dt_ms, apart=False):
    """Return the Adaptation of each of several populations; None of all where none adapts.

    Beside neurons that adapt others have a strength of 0. Numbers or arrays: as `lif.constants`.
    """
    if not any(isinstance(p.neuron, AdaptiveLIF) for p in populations):
        return (None,) * len(populations)
    together = not apart and values.alike(populations)
    return tuple(_adaptation(p, dt_ms, together) for p in populations)


def _adaptation(population, dt_ms, together):
    neuron = population.neuron
    given = neuron if isinstance(neuron, AdaptiveLIF) else AdaptiveLIF(strength=0.0)
    mem, adapt, strength = (
        values.each(constant, population.n)
        for constant in (neuron.tau_mem, given.tau_adapt, given.strength)
    )
    ratio = mem / adapt
    fields = np.exp(-dt_ms / adapt), strength, ratio, strength * ratio, adapt
    return Adaptation(*values.held(fields, together))


@part
def decayed(a, column, spiking, adaptation):
    """Return the Block of a that a step compares: it decays, with the 1 of a spike the step before.

    spiking : bits of the neurons that spiked in the step before
    """
    before = load(a, column)
    return load(adaptation.rho, column) * select(spiking, before + splat(np.float32(1)), before)


@part
def raised(threshold, column, a, adaptation):
    """Return the Block of the thresholds where the Block of a is `a`."""
    return load(threshold, column) + load(adaptation.strength, column) * a


@part
def below(v, k):
    """Return whether each V is below the threshold that is left once nothing adapts.

    Else a threshold that falls can reach it.
    """
    able = np.uint64(0)
    for column in range(0, len(v), LANES):
        able |= at_least(load(v, column), load(k.threshold, column))
    return able == 0
