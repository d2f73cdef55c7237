"""Simulation and gradients of given weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spikespeech import losses
from spikespeech.engine import arrays, example
from spikespeech.engine.batch import Engine
from spikespeech.engine.presented import check_sound, checked_spikes
from spikespeech.errors import InputError
from spikespeech.network import Network, Parameters
from spikespeech.spikes import SpikeTrains, delays

RECORDABLE = ("hidden_spikes", "output_v", "output_spikes")


@dataclass(frozen=True)
class Regulariser:
    """A penalty on spike counts n of hidden neurons away from `spikes`, as in mlGeNN.

    At each spike λ_V changes by -lambda_upper (n - spikes) where n > spikes, else by
    -lambda_lower (n - spikes). Lambdas are in mlGeNN's units, relative to gradients dL/dw / τ_mem;
    with mean voltages and 1,000 ms trials values such as 2.5e-10 are usual. Counts are of each
    example, as mlGeNN's at batch size 1; spikes of the last step reach nothing and do not count.
    (With `max` mlGeNN's gradients lack a factor T, so that equal lambdas weigh 1/T as much here;
    with `first_spike` lambdas are relative to dL/dw itself.)
    """

    lambda_upper: float = 0.0
    lambda_lower: float = 0.0
    spikes: float = 14


@dataclass(frozen=True)
class Simulation:
    """What `simulate` recorded; None where it was not asked for.

    Attributes
    ----------
    hidden_spikes : SpikeTrains of the hidden neurons, numbered layer after layer; `.example(i)` is
        (steps, neurons)
    output_v : (n, n_steps, n_outputs) float32, V at the end of each step
    output_spikes : SpikeTrains of spiking outputs
    """

    hidden_spikes: SpikeTrains | None
    output_v: np.ndarray | None
    output_spikes: SpikeTrains | None


@dataclass(frozen=True)
class Gradients:
    """Losses and their gradient.

    Attributes
    ----------
    losses : (n,) float64
    readouts : (n, n_outputs) float64
    gradients : Parameters, float32: dL/dw of the mean loss over the examples, dL/dd of learned
        delays, a step, and that of learned constants, in their unit
    hidden_spikes : (n, n_hidden) counts, layer after layer
    guarded : int, how often 1 / (I - V) was guarded, see `engine.SLOPE_MIN`
    nonfinite : how many entries of each gradient array are not finite
    """

    losses: np.ndarray
    readouts: np.ndarray
    gradients: Parameters
    hidden_spikes: np.ndarray
    guarded: int
    nonfinite: dict[str, int]


def as_loss(network: Network, loss: losses.Loss | str, n_steps: int) -> losses.Loss:
    """Return a Loss for a name or a Loss; raise InputError unless it suits the outputs."""
    if isinstance(loss, str):
        loss = losses.make(loss, n_steps=n_steps, dt_ms=network.dt_ms)
    spiking = loss.kind == "first_spike"
    if spiking != network.spiking_output:
        raise InputError(
            f"loss '{loss.name}' needs outputs that {'spike' if spiking else 'do not spike'}",
            hint="give the network other outputs: LIF spike, LI do not",
        )
    return loss


def gradients(
    network: Network,
    weights: Mapping[str, np.ndarray],
    spikes: SpikeTrains,
    labels: np.ndarray | None = None,
    loss: losses.Loss | str = "sum",
    regulariser: Regulariser | None = None,
    *,
    threads: int = 1,
) -> Gradients:
    """Return Gradients of the mean loss over `spikes`.

    The gradients are those of EventProp's adjoint on mlGeNN's grid: dL/dw. Finite differences of
    the loss agree as dt goes to 0. What mlGeNN's EventPropCompiler accumulates at batch size 1 is
    dL/dw / τ_mem of the outputs for losses of voltages (for `max` also divided by the trial's
    length, which its drive lacks), and dL/dw for `first_spike`. Its slopes of delays are a ms.

    Parameters
    ----------
    network : Network, a chain of layers
    weights : Parameters, or any mapping of their arrays
    spikes : SpikeTrains, n examples; delays of the network's inputs are applied here
    labels : (n,) integers; by default the spikes' own
    loss : Loss, or the name of one without parameters
    regulariser : Regulariser or None

    Raises InputError for a network, shapes, labels or weights that do not fit.
    """
    loss = as_loss(network, loss, spikes.n_steps)
    weights = Parameters.checked(network, weights)
    engine = Engine(network, weights, loss, regulariser, threads)
    labels = spikes.labels if labels is None else labels
    out = engine.run(delays.arriving(network, weights, spikes), labels, learn=True)
    nonfinite = engine.mean_gradient(len(spikes))
    return Gradients(
        out.losses,
        out.readouts,
        engine.gradient,
        out.hidden_spikes,
        int(out.guarded.sum()),
        nonfinite,
    )


def simulate(
    network: Network,
    weights: Mapping[str, np.ndarray],
    spikes: SpikeTrains,
    record: Sequence[str] = ("hidden_spikes", "output_v"),
) -> Simulation:
    """Return a Simulation of every example: forward only, outputs simulated step by step.

    Parameters
    ----------
    network : Network, a chain of layers
    weights : Parameters, or any mapping of their arrays
    spikes : SpikeTrains; delays of the network's inputs are applied here
    record : names from `RECORDABLE`

    Raises InputError as `gradients` does, and for a name that cannot be recorded.
    """
    for name in record:
        if name not in RECORDABLE:
            raise InputError(f"cannot record '{name}'", hint=f"one of {', '.join(RECORDABLE)}")
    weights = Parameters.checked(network, weights)
    spikes = delays.arriving(network, weights, spikes)
    n_steps, o = spikes.n_steps, network.n_outputs
    # No read-out is looked at: any loss will do.
    loss = losses.make("sum", n_steps=n_steps, dt_ms=network.dt_ms)
    engine = Engine(network, weights, loss, None, 1)
    batch = checked_spikes(network, spikes, np.zeros(len(spikes), np.int64), n_steps)
    out = arrays.results(len(spikes), network.n_hidden, o)
    model, (w,) = engine.model, engine.scratch
    threshold = model.output.threshold if model.output.alike else model.output.threshold[:o]
    tapes = w.tapes[: len(network.hidden)]
    voltages = np.empty((len(spikes), n_steps, o), np.float32) if "output_v" in record else None
    trains, output_trains = [], []
    for i in range(len(spikes)):
        if not example.run_first(i, tapes[0], batch, model, w.no_voltage, w, out):
            check_sound(out.sound, batch, network, n_steps)
        for at in range(1, len(tapes)):
            example.run_next(i, tapes[at - 1], tapes[at], at, model, w.no_voltage, w, out)
        example.run_outputs(tapes[-1], model, w)
        trains.append(_joined(tapes, [p.n for p in network.hidden]))
        output_trains.append(_train(w.output_tape))
        if voltages is not None:
            before = w.voltage.reshape(n_steps, -1)[:, :o]
            voltages[i] = np.where(before >= threshold, 0, before)

    def collect(name, trains, n):
        if name not in record:
            return None
        return SpikeTrains.from_binned(
            trains, spikes.labels, spikes.speakers, n_steps, n, spikes.dt_ms, spikes.classes
        )

    return Simulation(
        collect("hidden_spikes", trains, network.n_hidden),
        voltages,
        collect("output_spikes", output_trains, o),
    )


def _train(tape):
    count = tape.first[-1]
    return tape.steps[:count].copy(), tape.ids[:count].copy()


def _joined(tapes, sizes):
    """Return the spikes of several layers in order of step, neurons numbered layer after layer."""
    if len(tapes) == 1:
        return _train(tapes[0])
    firsts = np.cumsum([0, *sizes[:-1]])
    steps, ids = (np.concatenate(a) for a in zip(*map(_train, tapes), strict=True))
    ids = ids + np.repeat(firsts, [t.first[-1] for t in tapes]).astype(np.uint16)
    order = np.argsort(steps, kind="stable")
    return steps[order], ids[order]
