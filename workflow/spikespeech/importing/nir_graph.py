"""Networks from NIR graphs: our own, and those of norse, snnTorch and spikingjelly.

A graph's neurons are stepped by Euler's method, as these simulators do, at the time step dt for
which its constants are written. With V and I of the step before

    I ← (1 - dt/τ_syn) I + (dt/τ_syn) w_in S,   V ← (1 - dt/τ_mem) V + (dt/τ_mem) r I

for CubaLIF and CubaLI. LIF and LI have no current: their τ_syn is so short that nothing is left of
it a step later. Ours are the same equations with other constants: exp(-dt/τ) is left of V and of I,
and what a spike adds to V is k of `neurons.gain` times its weight.

Spikes go on to the next layer within a step there, and one step later here, so that hidden layers
are one, two, … steps later; recurrent connections take a step in both.
"""

import re
from typing import NamedTuple

import nir
import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.importing import wiring
from spikespeech.network import LI, LIF, Network, Parameters
from spikespeech.network.model import NAME, Connection, Population
from spikespeech.network.neurons import NOTHING_LEFT, gain
from spikespeech.network.parameters import delay_steps

NO_THRESHOLD = 1e30
"""A threshold out of reach: of neurons that only integrate."""
NEURONS = {
    nir.CubaLIF: ("tau_mem", "tau_syn"),
    nir.CubaLI: ("tau_mem", "tau_syn"),
    nir.LIF: ("tau",),
    nir.LI: ("tau",),
}
"""Nodes that are neurons, and the names of their time constants: membrane, synapse."""
MEMBRANE = "membrane"
"""The read-out by the voltage of the last neurons, which never spike."""


class _Neurons(NamedTuple):
    """Neurons of a node, and what a weight of 1 adds to V in a step: a number or (n,)."""

    model: LIF | LI
    effect: np.ndarray


def read(path):
    """Return the nir.NIRGraph in a file. Raises InputError where the file is none.

    Types of nodes are not checked: norse gives the input the axis of its batch.
    """
    with reading.guard(path, "export it again"):
        return nir.read(path, type_check=False)


def load(
    found: nir.NIRGraph,
    *,
    dt: float | None = None,
    dt_ms: float | None = None,
    readout: str | dict | None = None,
) -> tuple[Network, Parameters]:
    """Return the (Network, Parameters) of a graph.

    Parameters
    ----------
    found : as `read` returns it
    dt : step in s that its constants are written for; by default what its metadata say, else dt_ms
    dt_ms : step in ms that the network is to run with; by default what the metadata say
    readout : "membrane" where the last neurons are not to spike, whatever their threshold; or
        {"tau_mem": ms, "tau_syn": ms}, of leaky integrators after a graph that ends in weights

    A population has the name of its node where that is one of ours; the last one is "output".
    Raises InputError for what our networks have not.
    """
    dt, dt_ms = _steps(found, dt, dt_ms)
    wires = wiring.flat(found)
    layers = wiring.layers(wires, NEURONS)
    names = _names([layer.node for layer in layers])
    called = dict(zip((layer.node for layer in layers), names, strict=True))
    populations, connections, arrays = [Population("input", wires.n_inputs)], [], {}
    sizes = {wiring.INPUT: wires.n_inputs}
    for layer, name in zip(layers[1:], names[1:], strict=True):
        n = sizes[layer.node] = len(layer.incoming[0].weight)
        if layer.node is None:
            neurons = _integrators(readout, dt_ms, layer.incoming[0].name)
        else:
            neurons = _neurons(layer.node, wires.nodes[layer.node], n, dt, dt_ms)
            if name == "output" and readout == MEMBRANE:
                model = LI(neurons.model.tau_mem, neurons.model.tau_syn)
                neurons = neurons._replace(model=model)
        populations.append(Population(name, n, neurons.model))
        # Sorted as networks have them: by the sources' order.
        for part in sorted(layer.incoming, key=lambda part: list(sizes).index(part.source)):
            if part.weight.shape != (n, sizes[part.source]):
                raise InputError(
                    f"{part.name} has weights of shape {part.weight.shape}, from "
                    f"{sizes[part.source]} to {n} neurons"
                )
            delay, longest, learned = _delays(part, dt)
            connection = Connection(
                called[part.source], name, longest, learned_delays=learned and longest > 0
            )
            connections.append(connection)
            arrays[connection.name] = weights(part.node, *neurons, dt_ms)
            if longest:
                arrays[connection.delay] = delay
    network = Network(tuple(populations), tuple(connections), dt_ms)
    return network, Parameters.checked(network, arrays)


def weights(node, neuron, effect, dt_ms):
    """Return our weights (source, target) float32 of a Linear or Affine node.

    Our own files hold weights times k in single precision, which loses the last bit, and beside
    them how many units in the last place what is read back would differ (`lost`).
    """
    read = _scaled(node, neuron, effect, dt_ms)
    ulps = node.metadata.get("ulps")
    if ulps is None:
        return read
    if np.shape(ulps) != node.weight.shape:
        raise InputError(f"metadata ulps of shape {np.shape(ulps)} for {node.weight.shape} weights")
    return (read.view(np.int32) + np.asarray(ulps).T.astype(np.int32)).view(np.float32)


def lost(node, neuron, dt_ms, expected):
    """Return the metadata with which `weights` reads the `expected` (source, target) exactly."""
    read = _scaled(node, neuron, np.float64(1), dt_ms)
    ulps = (np.ascontiguousarray(expected, np.float32).view(np.int32) - read.view(np.int32)).T
    if not ulps.any():
        return {}
    narrow = np.abs(ulps.astype(np.int64)).max() < 2**7
    return {"ulps": np.ascontiguousarray(ulps, np.int8 if narrow else np.int32)}


def _scaled(node, neuron, effect, dt_ms):
    with np.errstate(over="ignore"):  # what overflows is not finite, and so refused
        scaled = np.asarray(node.weight, np.float64).T * effect / gain(neuron, dt_ms)
        return np.ascontiguousarray(scaled, np.float32)


def _steps(found, dt, dt_ms):
    """Return (step in s of the graph's constants, step in ms of the network)."""
    known = float(found.metadata.get("dt", 0))
    dt = dt or known or (dt_ms or 0) / 1000
    if not dt > 0:
        raise InputError("the metadata have no time step dt", hint="say for which it is written")
    return dt, float(dt_ms or found.metadata.get("dt_network_ms", dt * 1000))


def _names(nodes):
    """Return the names of the populations of `nodes`, in their order: input … output."""
    inner = [node.split(".")[0] for node in nodes[1:-1]]
    usable = len(set(inner)) == len(inner) and all(
        re.fullmatch(NAME, name) and name not in ("input", "output") for name in inner
    )
    if not usable:
        inner = [f"hidden{i + 1}" for i in range(len(inner))] if len(inner) > 1 else ["hidden"]
    return ["input", *inner, "output"]


def _integrators(readout, dt_ms, after):
    """Return the neurons that a graph has not which ends in weights."""
    if not isinstance(readout, dict):
        raise InputError(
            f"it ends in the weights {after}, without neurons that could be read",
            hint="say what reads them: readout: {tau_mem: 20, tau_syn: 5}",
        )
    model = LI(float(readout["tau_mem"]), float(readout["tau_syn"]))
    return _Neurons(model, gain(model, dt_ms))


def _neurons(name, node, n, dt, dt_ms):
    """Return the _Neurons of a node, of n neurons."""
    for key, value in vars(node).items():
        if isinstance(value, np.ndarray) and value.size not in (1, n):
            raise InputError(f"{name}.{key} has {value.size} values for {n} neurons")
    for key in ("v_leak", "v_reset"):
        if np.any(getattr(node, key, 0)):
            raise InputError(f"{name}: {key} is not 0", hint="our neurons rest at 0")
    taus = [np.ravel(np.asarray(getattr(node, key), np.float64)) for key in NEURONS[type(node)]]
    steps = [tau / dt for tau in taus]
    for tau, key in zip(taus, NEURONS[type(node)], strict=True):
        if not np.all(tau >= dt * (1 - 1e-6)) or not np.all(np.isfinite(tau)):
            raise InputError(
                f"{name}.{key} is {tau.min():g} s, which steps of {dt:g} s cannot follow",
                hint="say for which step it is written: dt, in seconds (snnTorch and "
                "spikingjelly: 1.0e-4)",
            )
    r = np.ravel(np.asarray(node.r, np.float64))
    effect = r / steps[0]
    if len(taus) > 1:
        effect = effect * np.ravel(np.asarray(node.w_in, np.float64)) / steps[1]
    # Of our own convention, r = τ_mem/dt and w_in = τ_syn/dt, but for rounding.
    effect = np.where(np.abs(effect - 1) < 1e-6, 1.0, effect)
    constants = {"tau_mem": _tau(steps[0], dt_ms)}
    constants["tau_syn"] = _tau(steps[1] if len(taus) > 1 else np.ones(1), dt_ms)
    threshold = np.ravel(np.asarray(getattr(node, "v_threshold", NO_THRESHOLD), np.float64))
    spiking = not np.all(threshold >= NO_THRESHOLD * (1 - 1e-6))
    if spiking:
        constants["threshold"] = _tidy(threshold)
    constants |= _exact(node, constants, n)
    model = LIF(**constants) if spiking else LI(**constants)
    return _Neurons(model, effect if effect.size == n and n > 1 else effect[0])


def _tau(steps, dt_ms):
    """Return the time constants in ms of which 1 - 1/steps is left after a step."""
    left = np.maximum(1 - 1 / steps, NOTHING_LEFT)
    return _tidy(-dt_ms / np.log(left))


def _tidy(values):
    """Return values to the seven digits that single precision holds: one where all are alike."""
    values = np.array([float(f"{value:.7g}") for value in values])
    return float(values[0]) if np.ptp(values) == 0 else values


def _exact(node, constants, n):
    """Return the constants that our own file names in double precision, where they still hold."""
    kept = {}
    for key, value in constants.items():
        exact = node.metadata.get(key)
        if exact is None or np.size(exact) not in (1, n):
            continue
        if np.allclose(exact, value, rtol=2e-6, atol=0):
            kept[key] = float(exact) if np.ndim(exact) == 0 else np.asarray(exact, np.float64)
    return kept


def _delays(part, dt):
    """Return (delays in steps, the longest that they may be, whether they are learned) of a Part.

    Our own file says how long they may be, and learned ones in all their digits, where these are
    still the node's.
    """
    if part.delay is None:
        return None, 0, False
    whole, known = _whole(part.delay_name, part.delay, dt), part.delay_metadata
    longest = max(int(whole.max()), int(known.get("longest", 0)))
    learned = np.asarray(known.get("learned", ()), np.float32)
    if learned.shape == whole.shape and np.array_equal(delay_steps(learned), whole):
        return learned, longest, True
    return whole, longest, False


def _whole(name, delay, dt):
    """Return the delays of a node in steps."""
    steps = np.asarray(delay, np.float64) / dt
    whole = np.round(steps)
    if not np.allclose(steps, whole, rtol=1e-6, atol=1e-6) or whole.min() < 0:
        raise InputError(f"{name} holds delays of no whole number of steps of {dt:g} s")
    return whole
