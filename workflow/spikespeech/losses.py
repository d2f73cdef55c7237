"""Losses: a read-out of the output voltages, and the drive that it puts on their adjoints.

All losses but `first_spike` compare leaky-integrator voltages V_k(t) with the label by a
cross-entropy L = -log softmax(Y)_label, or of labels that are smoothed. A windowed loss reads

    Y_k = 1/T Σ_t w(t) V_k(t)        (Nowotny et al. 2025; thesis, Eq 19, without 1/T)

and drives the adjoint of V_k with w(t) (1[k = label] - softmax(Y)_k) / T. The window w is data:
a new one is one function of the time as a fraction of the trial, entered in `LOSSES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError, nearest


def _sum(u):
    """w = 1: the mean voltage (mlGeNN's `avg_var`)."""
    return np.ones_like(u)


def _sum_exp(u):
    """w = exp(-t/T) (Nowotny et al. 2025; thesis, Eq 19; mlGeNN's `avg_var_exp_weight`)."""
    return np.exp(-u)


def _linear(u):
    """w = 1 - t/T (Nowotny et al. 2025)."""
    return 1 - u


def _sigmoid(u, centre, width):
    """w = 1 / (1 + exp((t/T - centre) / width)) (Nowotny et al. 2025)."""
    return 1 / (1 + np.exp((u - centre) / width))


def _gaussian(u, mu, sigma):
    """w = exp(-(t/T - mu)² / (2 sigma²)); mu and sigma are fractions of the trial."""
    return np.exp(-((u - mu) ** 2) / (2 * sigma**2))


class Parameter(NamedTuple):
    """A number that a loss takes: its default, what it is, and what it must be above, if any."""

    default: float
    meaning: str
    above: float | None = None


class Kind(NamedTuple):
    """One kind of loss.

    Attributes
    ----------
    reads : how the output is read, see `Loss.kind`
    parameters : {name: Parameter}
    window : function of the time as a fraction of the trial and of the parameters; None where the
        window is given (`table`), follows from the examples (`input`), or there is none
    """

    reads: str
    parameters: Mapping[str, Parameter] = MappingProxyType({})
    window: Callable | None = None


LOSSES = {
    "sum": Kind("window", window=_sum),
    "sum_exp": Kind("window", window=_sum_exp),
    "linear": Kind("window", window=_linear),
    "sigmoid": Kind(
        "window",
        {
            "centre": Parameter(0.5, "where it falls fastest, as a fraction of the trial"),
            "width": Parameter(0.2, "of its fall, as a fraction of the trial", 0),
        },
        _sigmoid,
    ),
    "gaussian": Kind(
        "window",
        {
            "mu": Parameter(0.35, "its middle, as a fraction of the trial"),
            "sigma": Parameter(0.2, "its standard deviation, as a fraction of the trial", 0),
        },
        _gaussian,
    ),
    "input": Kind("window", {"tau": Parameter(20.0, "of the low-pass filter, in ms", 0)}),
    "table": Kind("window"),
    "max": Kind("max"),
    "first_spike": Kind(
        "first_spike",
        {
            "temperature": Parameter(1.0, "of the soft-max of spike times, in ms", 0),
            "alpha": Parameter(0.01, "strength of the pull towards early spikes"),
        },
    ),
    "per_timestep": Kind("per_timestep"),
}
"""Every loss, by name. `table` takes `values`, (n_steps,) numbers, instead of parameters."""

WINDOWS = {name: kind.window for name, kind in LOSSES.items() if kind.window}
"""The windows that are functions of the time alone."""


@dataclass(frozen=True)
class Loss:
    """A read-out with its cross-entropy.

    Attributes
    ----------
    name : one of `LOSSES`
    kind : "window", "max", "per_timestep" or "first_spike": how the output is read
    n_steps, dt_ms : the trial's length in steps, and a step's in ms
    window : (n_steps,) float64, w at each step; empty where the window follows from the
        examples (`input`) or there is none
    adjoint_window : (n_steps,) float64, w as the adjoint's drive sees it. It is `window`, except
        for `sum_exp`, where mlGeNN takes w at the end of each step: a factor exp(-dt/T)
    gain : mean of the window before normalising; nan where there is none
    normalise : whether windows are scaled to mean 1
    parameters : of the loss, defaults included
    smoothing : of the labels, s: the target is 1 - s + s/n for the label's output, and s/n for each
        other of n (Szegedy et al. 2016)
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
    smoothing: float = 0.0

    @property
    def shared(self) -> bool:
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


def make(
    name: str, *, n_steps: int, dt_ms: float = 1.0, normalise: bool = False, **parameters: Any
) -> Loss:
    """Return a Loss.

    Parameters
    ----------
    name : one of `LOSSES`
    n_steps : length of a trial in steps
    dt_ms : length of a step in ms
    normalise : scale the window to mean 1, so that windows are compared at equal gain
    parameters : those of the loss, see `LOSSES`; for `table` `values`, (n_steps,) finite numbers

    Raises InputError for an unknown name or parameter, or a window that cannot be normalised.
    """
    if name not in LOSSES:
        raise InputError(f"loss {name!r} is unknown{nearest(name, LOSSES)}")
    kind = LOSSES[name]
    if name == "table":
        window = _table(n_steps, **_known(name, parameters, ("values",)))
        return _windowed(name, n_steps, dt_ms, normalise, parameters, window, window)
    _known(name, parameters, kind.parameters)
    parameters = {key: p.default for key, p in kind.parameters.items()} | parameters
    for key, value in parameters.items():
        above = kind.parameters[key].above
        if not np.isfinite(value) or (above is not None and not value > above):
            wanted = "finite" if above is None else f"more than {above:g}"
            raise InputError(f"loss '{name}': {key} {value:g} is not {wanted}")
    if kind.window:
        u = np.arange(n_steps) / n_steps
        window = kind.window(u, **parameters)
        drive = kind.window(u + 1 / n_steps) if name == "sum_exp" else window
        return _windowed(name, n_steps, dt_ms, normalise, parameters, window, drive)
    return Loss(name, kind.reads, n_steps, dt_ms, normalise=normalise, parameters=parameters)


def _known(name, parameters, known):
    """Return the `parameters`; raise InputError for one that is not among the `known`."""
    for key in parameters:
        if key not in known:
            there = nearest(key, known) if known else "; it takes none"
            raise InputError(f"loss '{name}': unknown parameter {key!r}{there}")
    return parameters


def _windowed(name, n_steps, dt_ms, normalise, parameters, window, drive):
    gain = float(window.mean())
    if normalise:
        if not gain > 0:
            raise InputError(f"the window of '{name}' has mean {gain:g}", hint="set normalise: no")
        window, drive = window / gain, drive / gain
    return Loss(name, "window", n_steps, dt_ms, window, drive, gain, normalise, parameters)


def _table(n_steps, values=()):
    window = np.asarray(values, dtype=np.float64)
    if window.shape != (n_steps,) or not np.isfinite(window).all():
        raise InputError(
            f"the window's table has shape {window.shape}",
            hint=f"give {n_steps} finite numbers, one a step",
        )
    return window


def read_table(path: Path | str) -> list[float]:
    """Return the numbers of a text file with one a line (a CSV of one column, without a header)."""
    path = Path(path).expanduser()
    with reading.guard(path, "write one number a line"):
        lines = path.read_text(encoding="utf-8").split()
        return [float(line.strip(",;")) for line in lines]


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
