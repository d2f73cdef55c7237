"""The constants of a layer's discrete dynamics: one value for all neurons, or one a neuron.

With the membrane's α = exp(-dt/τ_mem), the synapse's β = exp(-dt/τ_syn):

    forward    Isyn = c x,  V ← α V + (1 - α) Isyn,  x ← β x
    backward   λ_I ← β λ_I + γ λ_V,  λ_V ← α λ_V

where c = τ_syn/dt (1 - β) makes a step's mean current that of the exponential synapse, and
γ = τ_mem / (τ_mem - τ_syn) (α - β). These are mlGeNN's (`LeakyIntegrateFire`, `Exponential` with
scale_i; EventPropCompiler), and single precision like its own.
"""

from typing import NamedTuple

import numpy as np

from spikespeech.errors import InputError
from spikespeech.kernels.vectors import aligned, padded


class Constants(NamedTuple):
    """Constants of a layer: float32 numbers, or arrays of n neurons and their padding.

    Kernels `load` either; a number stays in a register, where an array is read in every step.

    Attributes
    ----------
    alpha, one_minus_alpha, beta : decay factors of a step
    scale : c above
    gamma : γ above
    tau_mem, tau_syn : time constants in ms
    threshold : spike threshold of V
    """

    alpha: np.ndarray
    one_minus_alpha: np.ndarray
    beta: np.ndarray
    scale: np.ndarray
    gamma: np.ndarray
    tau_mem: np.ndarray
    tau_syn: np.ndarray
    threshold: np.float32

    @property
    def alike(self):
        """Whether all neurons have the same constants."""
        return np.ndim(self.alpha) == 0


def constants(tau_mem, tau_syn, threshold, dt_ms, n):
    """Return Constants of n neurons; time constants (ms) are scalars or (n,).

    They are numbers where all neurons are alike, else arrays, whose padding repeats the last
    neuron: without weights it never spikes. Raises InputError for time constants that are not
    positive, or not one or n, and for a threshold that is not positive: neurons at rest are silent.
    """
    if not threshold > 0:
        raise InputError(f"threshold {threshold}", hint="give one above 0")
    mem, syn = (_each(tau, n) for tau in (tau_mem, tau_syn))
    alpha, beta = np.exp(-dt_ms / mem), np.exp(-dt_ms / syn)
    equal = np.isclose(mem, syn, rtol=1e-6)
    ratio = (alpha - beta) / np.where(equal, 1, mem - syn)
    gamma = mem * np.where(equal, dt_ms / (mem * syn) * alpha, ratio)
    one_minus_alpha = np.float32(1) - alpha.astype(np.float32)
    scale = syn / dt_ms * (1 - beta)
    fields = (alpha, one_minus_alpha, beta, scale, gamma, mem, syn)
    alike = all(np.ptp(tau) == 0 for tau in (mem, syn))
    held = (np.float32(field[0]) if alike else _aligned(field) for field in fields)
    return Constants(*held, np.float32(threshold))


def _each(tau, n):
    tau = np.asarray(tau, dtype=np.float64)
    if tau.shape not in ((), (1,), (n,)) or not np.all(tau > 0):
        raise InputError(f"time constants {tau}", hint=f"give one, or {n}, positive in ms")
    return np.pad(np.broadcast_to(tau, (n,)), (0, padded(n) - n), mode="edge")


def _aligned(values):
    array = aligned(values.shape)
    array[:] = values
    return array
