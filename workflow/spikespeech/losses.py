"""Losses: a read-out of the output voltages, and the drive that it puts on their adjoints.

All losses but `first_spike` compare leaky-integrator voltages V_k(t) with the label by a
cross-entropy L = -log softmax(Y)_label. A windowed loss reads

    Y_k = 1/T Σ_t w(t) V_k(t)        (Nowotny et al. 2025; Shoesmith et al. 2025, Eq 19)

and drives the adjoint of V_k with w(t) (1[k = label] - softmax(Y)_k) / T. The window w is data:
a new one is one function of the time as a fraction of the trial, entered in `WINDOWS`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spikespeech.errors import InputError


def _sum(u):
    """w = 1: the mean voltage (mlGeNN's `avg_var`)."""
    return np.ones_like(u)


def _sum_exp(u):
    """w = exp(-t/T) (Shoesmith et al. 2025, Eq 19; mlGeNN's `avg_var_exp_weight`)."""
    return np.exp(-u)


def _linear(u):
    """w = 1 - t/T (Nowotny et al. 2025)."""
    return 1 - u


def _sigmoid(u, centre=0.5, width=0.2):
    """w = 1 / (1 + exp((t/T - centre) / width)) (Nowotny et al. 2025)."""
    return 1 / (1 + np.exp((u - centre) / width))


def _gaussian(u, mu=0.35, sigma=0.2):
    """w = exp(-(t/T - mu)² / (2 sigma²)); mu and sigma are fractions of the trial."""
    return np.exp(-((u - mu) ** 2) / (2 * sigma**2))


WINDOWS: dict[str, Callable] = {
    "sum": _sum,
    "sum_exp": _sum_exp,
    "linear": _linear,
    "sigmoid": _sigmoid,
    "gaussian": _gaussian,
}
OTHERS = ("input", "table", "max", "first_spike", "per_timestep")
NAMES = (*WINDOWS, *OTHERS)


@dataclass(frozen=True)
class Loss:
    """A read-out with its cross-entropy.

    Attributes
    ----------
    name : one of `NAMES`
    kind : "window", "max", "per_timestep" or "first_spike": how the output is read
    n_steps, dt_ms : the trial's length in steps, and a step's in ms
    window : (n_steps,) float64, w at each step; empty where the window follows from the
        examples (`input`) or there is none
    adjoint_window : (n_steps,) float64, w as the adjoint's drive sees it. It is `window`, except
        for `sum_exp`, where mlGeNN takes w at the end of each step: a factor exp(-dt/T)
    gain : mean of the window before normalising; nan where there is none
    normalise : whether windows are scaled to mean 1
    parameters : what the loss was made with
    """

    name: str
    kind: str
    n_steps: int
    dt_ms: float = 1.0
    window: np.ndarray = field(default_factory=lambda: np.zeros(0))
    adjoint_window: np.ndarray = field(default_factory=lambda: np.zeros(0))
    gain: float = np.nan
    normalise: bool = False
    parameters: dict = field(default_factory=dict)

    @property
    def shared(self):
        """Whether all examples share one window."""
        return self.name != "input"

    def windows(self, spikes):
        """Return (window, adjoint_window), each (1, n_steps), or (n, n_steps) for `input`.

        Losses without a window return zeros.
        """
        if self.name == "input":
            activity = input_activity(spikes, **self.parameters)
            if self.normalise:
                mean = activity.mean(axis=1, keepdims=True)
                activity /= np.where(mean > 0, mean, 1)
            return activity, activity
        if self.kind != "window":
            return np.zeros((1, self.n_steps)), np.zeros((1, self.n_steps))
        return self.window[None], self.adjoint_window[None]


def make(name, *, n_steps, dt_ms=1.0, normalise=False, **parameters):
    """Return a Loss.

    Parameters
    ----------
    name : one of `NAMES`
    n_steps : length of a trial in steps
    dt_ms : length of a step in ms
    normalise : scale the window to mean 1, so that windows are compared at equal gain
    parameters : `mu`, `sigma` (gaussian) and `centre`, `width` (sigmoid), fractions of the trial;
        `tau` (input), ms; `values` (table), (n_steps,) finite numbers; `temperature`, in ms, and
        `alpha` (first_spike)

    Raises InputError for an unknown name or parameter, or a window that cannot be normalised.
    """
    for parameter in ("sigma", "width", "tau", "temperature"):
        if not parameters.get(parameter, 1) > 0:
            raise InputError(f"loss '{name}': {parameter} {parameters[parameter]} is not positive")
    try:
        if name in WINDOWS:
            u = np.arange(n_steps) / n_steps
            window = WINDOWS[name](u, **parameters)
            drive = WINDOWS[name](u + 1 / n_steps) if name == "sum_exp" else window
            return _windowed(name, n_steps, dt_ms, normalise, parameters, window, drive)
        if name == "table":
            window = _table(n_steps, **parameters)
            return _windowed(name, n_steps, dt_ms, normalise, parameters, window, window)
        if name == "input":
            parameters = _input_parameters(**parameters)
            kind = "window"
        elif name == "first_spike":
            parameters, kind = _first_spike_parameters(**parameters), name
        elif name in ("max", "per_timestep"):
            parameters, kind = dict(**parameters), name
            if parameters:
                raise TypeError(f"got an unexpected keyword argument '{next(iter(parameters))}'")
        else:
            raise InputError(f"loss '{name}' is unknown", hint=f"one of {', '.join(NAMES)}")
    except TypeError as error:
        raise InputError(f"loss '{name}': {str(error).partition(') ')[2] or error}") from error
    return Loss(name, kind, n_steps, dt_ms, normalise=normalise, parameters=parameters)


def _windowed(name, n_steps, dt_ms, normalise, parameters, window, drive):
    gain = float(window.mean())
    if normalise:
        if not gain > 0:
            raise InputError(f"the window of '{name}' has mean {gain:g}", hint="set normalise: no")
        window, drive = window / gain, drive / gain
    return Loss(name, "window", n_steps, dt_ms, window, drive, gain, normalise, parameters)


def _table(n_steps, values):
    window = np.asarray(values, dtype=np.float64)
    if window.shape != (n_steps,) or not np.isfinite(window).all():
        raise InputError(
            f"the window's table has shape {window.shape}",
            hint=f"give {n_steps} finite numbers, one a step",
        )
    return window


def _input_parameters(tau=20.0):
    return {"tau": tau}


def _first_spike_parameters(temperature=1.0, alpha=0.01):
    return {"temperature": temperature, "alpha": alpha}


def input_activity(spikes, tau=20.0):
    """Return (n, n_steps): the rate of the input spikes of each example, low-pass filtered.

    a(t) = exp(-dt/tau) a(t - dt) + (1 - exp(-dt/tau)) r(t), where r is the fraction of the units
    that spike in the step: the window `sum_weigh_input` of Nowotny et al. 2025 (tau = 20 ms).
    """
    n = len(spikes)
    example = np.repeat(np.arange(n), np.diff(spikes.offsets))
    cell = example * spikes.n_steps + np.asarray(spikes.steps, dtype=np.int64)
    counts = np.bincount(cell, minlength=n * spikes.n_steps).reshape(n, spikes.n_steps)
    decay = np.exp(-spikes.dt_ms / tau)
    activity = np.zeros((n, spikes.n_steps))
    level = np.zeros(n)
    for t in range(spikes.n_steps):
        level = decay * level + (1 - decay) * counts[:, t] / spikes.n_units
        activity[:, t] = level
    return activity
