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
class AdaptiveLIF:
    """LIF neurons whose threshold rises with each spike and falls back (Bellec et al. 2018).

        τ_adapt da/dt = -a

    A spike is fired where V ≥ threshold + strength a; V is then 0, and a one more.

    Attributes
    ----------
    tau_mem, tau_syn, threshold : as of LIF
    tau_adapt : time constant of the adaptation a in ms
    strength : by how much a spike raises the threshold, in the unit of V; at least 0, and 0 is LIF
    """

    tau_mem: ArrayLike = 20.0
    tau_syn: ArrayLike = 5.0
    threshold: ArrayLike = 1.0
    tau_adapt: ArrayLike = 200.0
    strength: ArrayLike = 0.1

    def __post_init__(self):
        _check_positive(self, or_zero=("strength",))


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


MODELS = {model.__name__: model for model in (LIF, AdaptiveLIF, LI)}

HIDDEN = {model.__name__: model for model in (LIF, AdaptiveLIF)}
"""Models that hidden neurons can be of."""


NOTHING_LEFT = 1e-12
"""What is left after a step of a current that has no dynamics: nothing, in single precision."""


def _check_positive(neuron, or_zero=()):
    for field in fields(neuron):
        value = np.asarray(getattr(neuron, field.name))
        number = value.dtype.kind in "fiu"
        least = value >= 0 if number and field.name in or_zero else number and value > 0
        if not number or not np.all(least & np.isfinite(value)):
            least = "numbers from 0 on" if field.name in or_zero else "positive numbers"
            raise InputError(f"{field.name} is {value}", hint=f"give {least}")


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
