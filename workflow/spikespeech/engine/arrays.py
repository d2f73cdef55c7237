"""What kernels of an example work on, plain arrays: network, batch, scratch, results."""

from typing import NamedTuple

import numpy as np

from spikespeech.engine import adaptive, delays, lif, listed
from spikespeech.engine.tape import Tape, tape
from spikespeech.kernels.vectors import QUAD, aligned, padded

CLOSED, WINDOWED, MAXIMUM, PER_TIMESTEP, FIRST_SPIKE = range(5)

GROUP = 8
"""So many examples of a share run forward before the first runs back: weights stay in the cache."""


class Spikes(NamedTuple):
    """The examples of a batch, as in SpikeTrains."""

    offsets: np.ndarray
    steps: np.ndarray
    units: np.ndarray
    labels: np.ndarray


class Layer(NamedTuple):
    """A hidden layer as the kernels see it; `width` is that of `vectors.padded`.

    Attributes
    ----------
    weights, recurrent_weights : flat (n_sources * width,) float32; recurrent_weights is empty for
        a feed-forward layer
    delays, own_delays : Delays of the two connections; None in a network without any
    lists, own_lists : listed.Lists of the two connections; None in a network without any
    k : Constants
    adaptation : Adaptation; None in a network without any
    first, n : its neurons are so many from this one on of all hidden neurons
    """

    weights: np.ndarray
    recurrent_weights: np.ndarray
    delays: delays.Delays | None
    own_delays: delays.Delays | None
    lists: listed.Lists | None
    own_lists: listed.Lists | None
    k: lif.Constants
    adaptation: adaptive.Adaptation | None
    first: int
    n: int


class Model(NamedTuple):
    """A network as the kernels see it.

    Attributes
    ----------
    layers : tuple of Layer, the first fed by the inputs, each other by the one before it
    output_weights : flat (n of the last layer * width of the outputs,) float32
    output_delays : Delays or None
    output : Constants
    dt_ms : float
    slope_min : guard of 1 / (I - V)
    """

    layers: tuple
    output_weights: np.ndarray
    output_delays: delays.Delays | None
    output: lif.Constants
    dt_ms: float
    slope_min: np.float32


class Readout(NamedTuple):
    """A loss as the kernels see it; all windows and responses are (1 or n_examples, n_steps)."""

    kind: int
    windows: np.ndarray
    drives: np.ndarray
    rho: np.ndarray
    kappa: np.ndarray
    delta: np.ndarray
    smoothing: float
    temperature: float
    alpha: float


class Penalty(NamedTuple):
    """The regulariser's jump of λ_V per spike too many or too few."""

    upper: float
    lower: float
    spikes: float


class Scratch(NamedTuple):
    """Arrays that one thread works in; see the kernels.

    `tapes` has a Tape for each of GROUP examples and each layer of it: that of example n and layer
    l is n * n_layers + l. So have `voltages` an array, empty but of layers that learn constants.
    `states`, `first_sources` and `rings` have an array for each layer; others are as large as the
    largest layer needs.
    """

    first_input: np.ndarray
    tapes: tuple
    voltages: tuple
    states: tuple
    sums: np.ndarray
    penalty: np.ndarray
    feedback: np.ndarray
    trace: np.ndarray
    differences: np.ndarray
    first_sources: tuple
    steps: np.ndarray
    output_tape: Tape
    output_state: np.ndarray
    g: np.ndarray
    voltage: np.ndarray
    drive: np.ndarray
    lambda_v: np.ndarray
    lambda_i: np.ndarray
    jump: np.ndarray
    phantom: np.ndarray
    no_voltage: np.ndarray
    series: np.ndarray
    window: np.ndarray
    rings: tuple
    own_series: np.ndarray | None
    own_sums: np.ndarray | None


class Results(NamedTuple):
    """What is known of each example afterwards.

    losses (n,), readouts (n, n_outputs) float64; hidden_spikes (n, n_hidden) int32 counts;
    guarded (n,) int64, how often 1 / (I - V) was; sound (n,) whether the spikes given are
    (`forward.index_steps`): if any are not, nothing else holds
    """

    losses: np.ndarray
    readouts: np.ndarray
    hidden_spikes: np.ndarray
    guarded: np.ndarray
    sound: np.ndarray


def scratch(
    n_steps,
    sizes,
    n_sources,
    n_outputs,
    longest=(),
    own_longest=(),
    own_kinds=(),
    learning=(),
    adapting=False,
):
    """Return one thread's Scratch.

    sizes, n_sources : of each hidden layer: its neurons, and the rows of all weights into it
    longest : the longest delay in steps of the connection to each layer, then to the outputs; 0 or
        () without any
    own_longest, own_kinds : likewise of each hidden layer's recurrent connection, and the kind of
        its delays
    learning : of each hidden layer whether it learns constants; () where none does
    adapting : whether hidden layers have an adaptation
    """
    widths, output_width = [padded(n) for n in sizes], padded(n_outputs)
    cells = n_steps * output_width
    kept = [w * learns for w, learns in zip(widths, learning or [False] * len(sizes), strict=True)]
    own_longest = own_longest or [0] * len(sizes)
    delayed = [w for w, d in zip([*widths, output_width], longest, strict=False) if d]
    late = max([*longest, *own_longest], default=0)
    own_kinds = own_kinds or [delays.NONE] * len(sizes)
    rings = [delays.ring(d, kind) for d, kind in zip(own_longest, own_kinds, strict=True)]
    own = [
        (width * delays.reach(n_steps, d), QUAD * ring * n)
        for n, width, d, ring, kind in zip(
            sizes, widths, own_longest, rings, own_kinds, strict=True
        )
        if d and kind == delays.SYNAPSES
    ]
    own_series, own_sums = np.max([(0, 0), *own], axis=0)
    return Scratch(
        np.zeros(n_steps + 1, np.uint32),
        tuple(tape(n_steps, n, adapting) for _ in range(GROUP) for n in sizes),
        tuple(aligned(n_steps * width) for _ in range(GROUP) for width in kept),
        tuple(aligned((4 + adapting, width)) for width in widths),
        np.zeros((2, sizes[-1]), np.float32),
        np.zeros(max(sizes), np.float32),
        np.empty(n_steps * max(sizes), np.float32),
        aligned(n_steps * max(widths)),
        aligned(n_steps * max(widths[1:], default=0)),
        tuple(np.zeros(n + 1, np.uint32) for n in n_sources),
        np.empty(n_steps * max(n_sources), np.uint16),
        tape(n_steps, n_outputs),
        aligned((4, output_width)),
        np.zeros(n_outputs),
        aligned(cells),
        np.zeros(cells, np.float32),
        aligned(cells),
        aligned(cells),
        np.zeros(n_steps * n_outputs, np.float32),
        np.zeros(n_outputs, np.float32),
        np.zeros(0, np.float32),
        aligned(n_steps * max(delayed, default=0)),
        delays.window(n_steps, late) if late else np.zeros(0, np.float32),
        tuple(aligned(ring * width) for ring, width in zip(rings, widths, strict=True)),
        aligned(own_series) if late else None,
        aligned(own_sums) if late else None,
    )


def results(n, n_hidden, n_outputs):
    """Return empty Results."""
    return Results(
        np.zeros(n),
        np.zeros((n, n_outputs)),
        np.zeros((n, n_hidden), np.int32),
        np.zeros(n, np.int64),
        np.ones(n, np.bool_),
    )
