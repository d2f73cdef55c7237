"""The constants of a layer's discrete dynamics, one value a neuron.

With the membrane's α = exp(-dt/τ_mem), the synapse's β = exp(-dt/τ_syn):

    forward    Isyn = c x,  V ← α V + (1 - α) Isyn,  x ← β x
    backward   λ_I ← β λ_I + γ λ_V,  λ_V ← α λ_V

where c = τ_syn/dt (1 - β) makes a step's mean current that of the exponential synapse, and
γ = τ_mem / (τ_mem - τ_syn) (α - β). These are mlGeNN's (`LeakyIntegrateFire`, `Exponential` with
scale_i; EventPropCompiler), and single precision like its own.
"""

from typing import NamedTuple

import numpy as np


class Constants(NamedTuple):
    """Constants of a layer, each float32, (n,) for n neurons and their padding.

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


def constants(tau_mem, tau_syn, threshold, dt_ms, n_neurons, n_padded):
    """Return Constants; time constants (ms) are scalars or (n_neurons,).

    The padding repeats the last neuron: without weights it never spikes.
    """
    mem, syn = (
        np.pad(
            np.broadcast_to(np.asarray(tau, dtype=np.float64), (n_neurons,)),
            (0, n_padded - n_neurons),
            mode="edge",
        )
        for tau in (tau_mem, tau_syn)
    )
    alpha, beta = np.exp(-dt_ms / mem), np.exp(-dt_ms / syn)
    equal = np.isclose(mem, syn, rtol=1e-6)
    ratio = (alpha - beta) / np.where(equal, 1, mem - syn)
    gamma = mem * np.where(equal, dt_ms / (mem * syn) * alpha, ratio)
    alpha32 = alpha.astype(np.float32)
    return Constants(
        alpha32,
        np.float32(1) - alpha32,
        beta.astype(np.float32),
        (syn / dt_ms * (1 - beta)).astype(np.float32),
        gamma.astype(np.float32),
        mem.astype(np.float32),
        syn.astype(np.float32),
        np.float32(threshold),
    )
