"""What a network is: its sizes and constants, and its weights.

One hidden layer of leaky integrate-and-fire neurons with exponential synapses, optionally with
all-to-all recurrence, and leaky-integrator outputs (Shoesmith et al. 2025, Eq 1-3).
"""

from dataclasses import asdict, dataclass, fields

import h5py
import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.files import write_hdf5


@dataclass(frozen=True)
class Network:
    """Sizes and constants of a network.

    Attributes
    ----------
    n_inputs, n_hidden, n_outputs : int
    recurrent : bool, all-to-all connections within the hidden layer, self-connections included
    tau_mem, tau_syn : membrane and synaptic time constant in ms; a float, or one value for
        each hidden neuron (n_hidden,)
    tau_mem_output, tau_syn_output : the same for the outputs; a float or (n_outputs,)
    threshold : spike threshold of V, dimensionless
    dt_ms : time step in ms
    spiking_output : outputs are LIF neurons instead of leaky integrators (`first_spike` loss)
    """

    n_inputs: int
    n_hidden: int
    n_outputs: int
    recurrent: bool = True
    tau_mem: float = 20.0
    tau_syn: float = 5.0
    tau_mem_output: float = 20.0
    tau_syn_output: float = 5.0
    threshold: float = 1.0
    dt_ms: float = 1.0
    spiking_output: bool = False

    def parameters(self):
        """Return the constants as a dictionary of numbers and arrays."""
        return asdict(self)


@dataclass
class Weights:
    """Weights of a network, float32, (source, target).

    Attributes
    ----------
    input_hidden : (n_inputs, n_hidden)
    hidden_hidden : (n_hidden, n_hidden), zeros and never trained without recurrence
    hidden_output : (n_hidden, n_outputs)
    """

    input_hidden: np.ndarray
    hidden_hidden: np.ndarray
    hidden_output: np.ndarray

    def __iter__(self):
        return iter((self.input_hidden, self.hidden_hidden, self.hidden_output))

    def copy(self):
        """Return an independent copy."""
        return Weights(*(w.copy() for w in self))

    @classmethod
    def names(cls):
        """Return the names of the arrays, in order."""
        return tuple(f.name for f in fields(cls))

    @classmethod
    def zeros(cls, network):
        """Return all-zero weights of a network's shapes."""
        n, h, o = network.n_inputs, network.n_hidden, network.n_outputs
        return cls(*(np.zeros(shape, np.float32) for shape in ((n, h), (h, h), (h, o))))

    @classmethod
    def random(cls, network, rng, *, input_hidden, hidden_hidden, hidden_output):
        """Draw normal weights; each keyword is (mean, standard deviation).

        Shoesmith et al. use N(0.03, 0.01), N(0, 0.02) and N(0, 0.03). `rng` is a
        numpy.random.Generator; recurrent weights are drawn in every case, so that networks with
        and without recurrence share the other weights.
        """
        draws = cls.zeros(network)
        for name, (mean, sd) in (
            ("input_hidden", input_hidden),
            ("hidden_hidden", hidden_hidden),
            ("hidden_output", hidden_output),
        ):
            shape = getattr(draws, name).shape
            setattr(draws, name, rng.normal(mean, sd, shape).astype(np.float32))
        if not network.recurrent:
            draws.hidden_hidden[:] = 0
        return draws


def save(path, network, weights):
    """Write `weights.h5`: the three arrays, with the network's constants as attributes."""
    with write_hdf5(path) as file:
        for name, array in zip(Weights.names(), weights, strict=True):
            file[name] = np.asarray(array, dtype=np.float32)
        file.attrs.update(network.parameters())


def load(path):
    """Read `weights.h5`; return (Network, Weights). Raises InputError for any other file."""
    with reading.guard(path, "delete it and train again"), h5py.File(path, "r") as file:
        network = Network(**{field.name: _constant(file, field) for field in fields(Network)})
        n, h, o = network.n_inputs, network.n_hidden, network.n_outputs
        shapes = zip(Weights.names(), ((n, h), (h, h), (h, o)), strict=True)
        weights = Weights(*(_matrix(file, name, shape) for name, shape in shapes))
    return network, weights


def _constant(file, field):
    """Read a constant of the network: an integer or truth value; a number, or one a neuron."""
    if field.type is float:
        value = reading.attribute(file, field.name, "numbers", dimensions=None)
        layer = "n_outputs" if field.name.endswith("_output") else "n_hidden"
        neurons = (int(file.attrs[layer]),)
        if np.shape(value) not in ((), () if field.name == "dt_ms" else neurons):
            raise InputError(f"{field.name} has shape {np.shape(value)}, the layer {neurons}")
        if not np.all(value > 0) or not np.isfinite(value).all():
            raise InputError(f"{field.name} is {value}")
        return value if np.ndim(value) else float(value)
    value = reading.attribute(
        file, field.name, "truth values" if field.type is bool else "integers"
    )
    if field.type is int and value < 1:
        raise InputError(f"{field.name} is {value}")
    return field.type(value)


def _matrix(file, name, shape):
    found = reading.dataset(file, name, "numbers", dimensions=2)
    if found.shape != shape:
        raise InputError(f"{name} has shape {found.shape}, the network {shape}")
    return reading.finite(found[()].astype(np.float32), name)
