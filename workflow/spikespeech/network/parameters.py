"""What a network learns, and what is given it for good: weights and delays by name."""

from collections.abc import Iterator, Mapping

import numpy as np

from spikespeech import meter
from spikespeech.errors import InputError
from spikespeech.network import constants, sparse
from spikespeech.network.model import BLOCK, Connection, Network
from spikespeech.network.neurons import LIF, AdaptiveLIF

TRAINED_BYTES = 24
"""Of each weight in training: itself, gradient, Adam's two moments, what is kept, and a copy."""


def delay_steps(delays: np.ndarray) -> np.ndarray:
    """Return delays in whole steps, int64: the nearest, halves up.

    This is mlGeNN's rounding of those that it learns, and the only one there is here.
    """
    return np.floor(np.asarray(delays, np.float64) + 0.5).astype(np.int64)


def synapse_steps(connection: Connection, delays: np.ndarray, n_targets: int) -> np.ndarray:
    """Return the delay of each synapse of a connection in whole steps, (source, target) int64.

    Parameters
    ----------
    delays : in the shape that the connection's have
    n_targets : neurons of its target
    """
    steps = delay_steps(delays)
    if connection.delay_shape == "block":
        return np.repeat(steps, BLOCK, axis=1)[:, :n_targets]
    return np.broadcast_to(steps.reshape(len(steps), -1), (len(steps), n_targets))


class Parameters(Mapping[str, np.ndarray]):
    """Arrays of a network by name, float32; `Network.shapes` lists them.

    "input_hidden" and its like are the weights of a connection, (source, target), and
    "input_hidden.delay" is how many steps later than without them its spikes arrive, in the shape
    that its delays have. Learned ones are any numbers, of which `delay_steps` makes steps; others
    are whole. "hidden.tau_mem" and its like are learned constants, in the unit of the neuron model.
    "hidden_hidden.mask" is 1 where there is a synapse, of connections that lack some, and else 0.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self._arrays = {n: np.ascontiguousarray(a, np.float32) for n, a in arrays.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __or__(self, others: Mapping[str, np.ndarray]) -> "Parameters":
        """Return parameters with some replaced, as of dictionaries."""
        return Parameters(self._arrays | dict(others))

    def __repr__(self) -> str:
        return f"Parameters({', '.join(f'{n} {a.shape}' for n, a in self.items())})"

    def copy(self) -> "Parameters":
        """Return an independent copy."""
        return Parameters({name: array.copy() for name, array in self.items()})

    @classmethod
    def zeros(cls, network: Network) -> "Parameters":
        """Return a network's parameters: zeros, and learned constants as at first."""
        zeros = {name: np.zeros(shape) for name, shape in network.shapes().items()}
        return cls(zeros | constants.first(network))

    @classmethod
    def random(
        cls,
        network: Network,
        rng: np.random.Generator,
        *,
        input_hidden: tuple[float, float],
        hidden_hidden: tuple[float, float],
        hidden_output: tuple[float, float],
    ) -> "Parameters":
        """Draw normal weights, layer after layer; delays are 0, learned constants as at first.

        Each keyword is (mean, standard deviation): of the weights into the first hidden layer, of
        those within each, and of those into the outputs. Shoesmith et al. use N(0.03, 0.01),
        N(0, 0.02) and N(0, 0.03). From one hidden layer to the next weights are N(0, 2 θ/√n), for n
        sources and the targets' threshold θ: sums over all sources have a deviation of 2 θ. A mean
        as that of the first layer's would make all neurons of the next spike at the same time, as
        often as those of the layer before do.

        Recurrent weights are drawn in every case, so that networks with and without recurrence
        share the other weights.

        Raises InputError where the memory of the machine would not hold the network's training.
        """
        n = network.n_weights
        meter.require(TRAINED_BYTES * n, f"a network of {n:,} weights")
        shapes, drawn = network.shapes(), {}
        for source, target in zip(network.populations, network.populations[1:], strict=False):
            name = f"{source.name}_{target.name}"
            mean, sd = hidden_output if target is network.output else input_hidden
            if source in network.hidden and target in network.hidden:
                assert isinstance(target.neuron, LIF | AdaptiveLIF)  # as the network has checked
                mean, sd = 0, 2 * np.max(target.neuron.threshold) / source.n**0.5
            drawn[name] = rng.normal(mean, sd, (source.n, target.n))
            if target in network.hidden:
                drawn[f"{target.name}_{target.name}"] = rng.normal(
                    *hidden_hidden, (target.n, target.n)
                )
        return cls.zeros(network) | {name: drawn[name] for name in shapes if name in drawn}

    @classmethod
    def checked(cls, network: Network, arrays: Mapping[str, np.ndarray]) -> "Parameters":
        """Return the parameters of a network in its order.

        Raises InputError unless `arrays` has all and no others, of the right shapes, all finite,
        delays within the connection's longest, whole ones where they are not learned, learned
        constants within their bounds, and weights 0 where there is no synapse.
        """
        shapes = network.shapes()
        for name in arrays:
            if name not in shapes:
                raise InputError(f"the network has no {name}", hint=f"it has {', '.join(shapes)}")
        for name, shape in shapes.items():
            if name not in arrays:
                raise InputError(f"{name} is missing from the parameters")
            array = np.asarray(arrays[name], np.float32)
            if array.shape != shape:
                raise InputError(f"{name} has shape {array.shape}, the network {shape}")
            if bad := np.count_nonzero(~np.isfinite(array)):
                raise InputError(
                    f"{bad} of {array.size} {name} weights are not finite",
                    hint="lower the learning rate or the initial weights",
                )
        for connection in network.connections:
            if connection.longest_delay:
                _check_delays(connection, np.asarray(arrays[connection.delay]))
        constants.check(network, arrays)
        sparse.check(network, arrays)
        return cls({name: arrays[name] for name in shapes})


def _check_delays(connection, delays):
    whole = connection.learned_delays | (delays == np.round(delays))
    sound = whole & (delays >= 0) & (delays <= connection.longest_delay)
    if not sound.all():
        kind = "" if connection.learned_delays else "whole "
        raise InputError(
            f"{connection.delay} holds {delays[~sound].flat[0]:g}",
            hint=f"give {kind}steps from 0 to {connection.longest_delay}",
        )
