"""Models of neurons: their constants, and the equations that these are in.

Constants are numbers, or arrays with one value a neuron. τ_syn belongs to the neuron that a spike
reaches, as on Loihi and in NIR: all its synapses share it. Each model stands in `MODELS` by its
name; what runs, exports or imports networks has its own module or row for each that it can.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from spikespeech.errors import InputError


@dataclass(frozen=True)
class LIF:
    """Leaky integrate-and-fire neurons with exponential synapses (Shoesmith et al. 2025, Eq 1-2).

        τ_mem dV/dt = -V + I,   τ_syn dI/dt = -I

    A spike is fired where V ≥ threshold, and V is then 0; a spike that arrives through a weight W
    adds W to I.

    Attributes
    ----------
    tau_mem, tau_syn : time constants of membrane and synapses in ms; a number or (n,)
    threshold : of V, without unit
    """

    tau_mem: ArrayLike = 20.0
    tau_syn: ArrayLike = 5.0
    threshold: ArrayLike = 1.0

    def __post_init__(self):
        _check_positive(self)


@dataclass(frozen=True)
class LI:
    """Leaky integrators (Shoesmith et al. 2025, Eq 3): LIF neurons without a threshold.

    Attributes
    ----------
    tau_mem, tau_syn : as of LIF
    """

    tau_mem: ArrayLike = 20.0
    tau_syn: ArrayLike = 5.0

    def __post_init__(self):
        _check_positive(self)


@dataclass(frozen=True)
class Learned:
    """A constant of a population that is learned, as the weights are.

    Attributes
    ----------
    constant : its name in the neuron model, whose own value is the first one
    low, high : the least and the most that it comes to, in the constant's unit
    each : "neuron" for a value a neuron, "layer" for one that all share
    """

    constant: str
    low: float
    high: float
    each: str = "neuron"


EACH = ("neuron", "layer")
"""Whose a value of a learned constant is."""


MODELS = {model.__name__: model for model in (LIF, LI)}


NOTHING_LEFT = 1e-12
"""What is left after a step of a current that has no dynamics: nothing, in single precision."""


def _check_positive(neuron):
    for field in fields(neuron):
        value = np.asarray(getattr(neuron, field.name))
        if value.dtype.kind not in "fiu" or not np.all((value > 0) & np.isfinite(value)):
            raise InputError(f"{field.name} is {value}", hint="give positive numbers")


def decays(neuron, dt_ms):
    """Return (exp(-dt/τ_mem), exp(-dt/τ_syn)): what is left of V and of I after a step."""
    tau_mem, tau_syn = np.asarray(neuron.tau_mem, float), np.asarray(neuron.tau_syn, float)
    return np.exp(-dt_ms / tau_mem), np.exp(-dt_ms / tau_syn)


def gain(neuron, dt_ms):
    """Return what a weight of 1 adds to V in the step in which its spike arrives.

        k = (1 - exp(-dt/τ_mem)) (τ_syn/dt) (1 - exp(-dt/τ_syn))

    Of a unit of I, whose exponential decay counts with its mean over the step.
    """
    mem, syn = decays(neuron, dt_ms)
    return (1 - mem) * (np.asarray(neuron.tau_syn, float) / dt_ms) * (1 - syn)
