"""Simulation and gradients of given weights."""

from dataclasses import dataclass

import numpy as np

from spikespeech import losses
from spikespeech.engine import forward
from spikespeech.engine.batch import Engine, check_sound, checked_spikes, layers
from spikespeech.errors import InputError
from spikespeech.kernels.vectors import aligned, padded
from spikespeech.network import Parameters
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
    hidden_spikes : SpikeTrains of the hidden neurons; `.example(i)` is (steps, neurons)
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
    gradients : Parameters, dL/dw of the mean loss over the examples, float32
    hidden_spikes : (n, n_hidden) counts
    guarded : int, how often 1 / (I - V) was guarded, see `engine.SLOPE_MIN`
    nonfinite : how many entries of each gradient array are not finite
    """

    losses: np.ndarray
    readouts: np.ndarray
    gradients: Parameters
    hidden_spikes: np.ndarray
    guarded: int
    nonfinite: dict[str, int]


def as_loss(network, loss, n_steps):
    """Return a Loss for a name or a Loss; raise InputError unless it suits the outputs."""
    if not isinstance(loss, losses.Loss):
        loss = losses.make(loss, n_steps=n_steps, dt_ms=network.dt_ms)
    spiking = loss.kind == "first_spike"
    if spiking != network.spiking_output:
        raise InputError(
            f"loss '{loss.name}' needs outputs that {'spike' if spiking else 'do not spike'}",
            hint="set `spiking_output` of the network",
        )
    return loss


def gradients(network, weights, spikes, labels=None, loss="sum", regulariser=None, *, threads=1):
    """Return Gradients of the mean loss over `spikes`.

    The gradients are those of EventProp's adjoint on mlGeNN's grid: dL/dw. Finite differences of
    the loss agree as dt goes to 0. What mlGeNN's EventPropCompiler accumulates at batch size 1 is
    dL/dw / τ_mem for losses of voltages (for `max` also divided by the trial's length, which its
    drive lacks), and dL/dw for `first_spike`.

    Parameters
    ----------
    network : Network
    weights : Parameters, or any mapping of their arrays
    spikes : SpikeTrains, n examples
    labels : (n,) integers; by default the spikes' own
    loss : Loss, or the name of one without parameters
    regulariser : Regulariser or None

    Raises InputError for shapes, labels or weights that do not fit.
    """
    loss = as_loss(network, loss, spikes.n_steps)
    engine = Engine(network, weights, loss, regulariser, threads)
    spikes = delays.arriving(network, engine.delays, spikes)
    out = engine.run(spikes, spikes.labels if labels is None else labels, learn=True)
    nonfinite = engine.mean_gradient(len(spikes))
    return Gradients(
        out.losses,
        out.readouts,
        engine.gradient,
        out.hidden_spikes,
        int(out.guarded.sum()),
        nonfinite,
    )


def simulate(network, weights, spikes, record=("hidden_spikes", "output_v")):
    """Return a Simulation of every example: forward only, outputs simulated step by step.

    Parameters
    ----------
    network : Network
    weights : Parameters, or any mapping of their arrays
    spikes : SpikeTrains
    record : names from `RECORDABLE`

    Raises InputError as `gradients` does, and for a name that cannot be recorded.
    """
    for name in record:
        if name not in RECORDABLE:
            raise InputError(f"cannot record '{name}'", hint=f"one of {', '.join(RECORDABLE)}")
    weights = Parameters.checked(network, weights)
    spikes = delays.arriving(network, weights, spikes)
    labels = np.zeros(len(spikes), np.int64)
    batch = checked_spikes(network, spikes, labels, spikes.n_steps)
    n_steps, h, o = spikes.n_steps, network.n_hidden, network.n_outputs
    hidden, output = layers(network)
    first_input, nothing = np.empty(n_steps + 1, np.uint32), np.zeros(0, np.float32)
    names = "input_hidden", "hidden_hidden", "hidden_output"
    rows = [_rows(weights[name]) if name in weights else nothing for name in names]
    state, output_state = aligned((4, padded(h))), aligned((4, padded(o)))
    tape, output_tape = forward.tape(n_steps, h), forward.tape(n_steps, o)
    voltage = aligned(n_steps * padded(o))
    voltages = np.empty((len(spikes), n_steps, o), np.float32) if "output_v" in record else None
    trains, output_trains = [], []
    for i in range(len(spikes)):
        span = slice(batch.offsets[i], batch.offsets[i + 1])
        steps, units = batch.steps[span], batch.units[span]
        sound = forward.index_steps(steps, units, network.n_inputs, first_input)
        check_sound(sound, batch, network, n_steps)
        forward.layer(units, first_input, rows[0], rows[1], hidden, state, tape, nothing)
        forward.layer(
            tape.ids, tape.first, rows[2], nothing, output, output_state, output_tape, voltage
        )
        trains.append(_train(tape))
        output_trains.append(_train(output_tape))
        if voltages is not None:
            before = voltage.reshape(n_steps, -1)[:, :o]
            voltages[i] = np.where(before >= output.threshold, 0, before)

    def collect(name, trains, n):
        if name not in record:
            return None
        return SpikeTrains.from_binned(
            trains, spikes.labels, spikes.speakers, n_steps, n, spikes.dt_ms, spikes.classes
        )

    return Simulation(
        collect("hidden_spikes", trains, h),
        voltages,
        collect("output_spikes", output_trains, o),
    )


def _rows(weights):
    rows = aligned((len(weights), padded(weights.shape[1])))
    rows[:, : weights.shape[1]] = weights
    rows[:, weights.shape[1] :] = 0
    return rows.ravel()


def _train(tape):
    count = tape.first[-1]
    return tape.steps[:count].copy(), tape.ids[:count].copy()
