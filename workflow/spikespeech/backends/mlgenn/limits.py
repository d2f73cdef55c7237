"""What mlGeNN cannot do, or only where something is installed: said in one line, by name."""

import logging
import re

import numpy as np

from spikespeech.errors import InputError
from spikespeech.network import LI, LIF, constants

INSTALL = (
    "pip install -r envs/mlgenn.txt, which needs g++ and make, and CUDA_PATH set for a GPU; "
    "or set training.backend: native"
)
NATIVE = "set training.backend: native"
NEURONS = {"hidden": (LIF,), "output": (LIF, LI)}
"""Neuron models that mlGeNN's EventProp trains."""
logger = logging.getLogger(__name__)


def genn_options(device, batch_size):
    """Return the options of GeNNModel for a device. Raises InputError where it cannot be used."""
    try:
        import ml_genn  # noqa: F401
        from pygenn.genn_model import backend_modules
    except ImportError as error:
        raise InputError(
            f"training.backend: mlgenn needs mlGeNN and PyGeNN ({error})", hint=INSTALL
        ) from error
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise InputError(f"device {device!r}", hint="auto, cuda, cuda:<number> or cpu")
    name, _, number = device.partition(":")
    if name == "auto":
        name = "cuda" if "cuda" in backend_modules else "cpu"
    if name == "cpu":
        if batch_size != 1:
            raise InputError(
                f"a batch of {batch_size} examples: on a CPU GeNN simulates one at a time",
                hint="set training.batch_size: 1 to check mlGeNN here, or train on a GPU",
            )
        logger.warning("mlGeNN runs on the CPU, one example at a time: to check, not to train")
        return {"backend": "single_threaded_cpu"}
    if "cuda" not in backend_modules:
        raise InputError(
            f"device {device!r}, but PyGeNN was built without CUDA",
            hint="set CUDA_PATH and install PyGeNN again, or use device: cpu",
        )
    if not number:
        return {"backend": "cuda"}
    return {
        "backend": "cuda",
        "device_select_method": backend_modules["cuda"].DeviceSelect.MANUAL,
        "manual_device_id": int(number),
    }


def check(network, loss, regulariser, gradient_clip=0.0, rewiring=None):
    """Raise InputError, naming it, for what mlGeNN 2.4 cannot express, or not as it is here."""
    if loss.kind not in ("window", "max", "first_spike"):
        raise InputError(
            f"loss {loss.name!r} cannot be expressed in mlGeNN 2.4",
            hint=f"choose another loss, or {NATIVE}",
        )
    if loss.smoothing:
        raise InputError("mlGeNN 2.4 cannot smooth labels", hint=f"label_smoothing: 0, or {NATIVE}")
    if gradient_clip:
        raise InputError(
            "mlGeNN 2.4 cannot shorten gradients", hint=f"gradient_clip: 0, or {NATIVE}"
        )
    if rewiring:
        raise InputError(
            f"{', '.join(rewiring.signs)}: mlGeNN 2.4 rewires by other signs and another L1 term",
            hint=f"connections without rewired: true, or {NATIVE}",
        )
    if (loss.kind == "first_spike") != network.spiking_output:
        raise InputError(
            f"loss {loss.name!r} and spiking_output: {network.spiking_output} do not go together"
        )
    constants.refuse(network, "mlGeNN 2.4")
    for population in network.populations[1:]:
        _check_population(population, hidden=population is not network.output)
    for connection in network.connections:
        if connection.learned_delays and connection.delay_shape != "synapse":
            raise InputError(
                f"learned delays of {connection.name}, a {connection.delay_shape}: mlGeNN 2.4 "
                "learns a delay each synapse",
                hint=f"shape: synapse, or {NATIVE}",
            )
    if network.n_outputs > 256:
        raise InputError(f"{network.n_outputs} classes; mlGeNN's labels are bytes: at most 256")
    if regulariser.spikes != int(regulariser.spikes):
        raise InputError(
            f"regularisation.spikes: {regulariser.spikes:g}; mlGeNN's target is an integer"
        )


def _check_population(population, hidden):
    """Raise InputError for neurons that mlGeNN's EventProp does not train, or trains wrongly."""
    name, neuron = population.name, population.neuron
    if type(neuron) not in NEURONS["hidden" if hidden else "output"]:
        raise InputError(f"{name} is of {type(neuron).__name__} neurons", hint=NATIVE)
    if np.ndim(neuron.tau_syn):
        raise InputError(
            f"tau_syn of {name} has a value for each neuron; mlGeNN 2.4 takes one for all synapses",
            hint=f"give one value, or {NATIVE}",
        )
    if np.ndim(neuron.tau_mem) and not hidden:
        raise InputError(
            f"tau_mem of {name} has a value for each neuron; mlGeNN 2.4 divides the errors of each "
            "output by its own, and so follows a wrong gradient",
            hint=f"give one value, or {NATIVE}",
        )
    if np.isclose(neuron.tau_mem, neuron.tau_syn).any():
        raise InputError(
            f"tau_mem and tau_syn of {name} are equal: mlGeNN divides by their difference",
            hint=f"change tau_syn a little, or {NATIVE}",
        )


def check_times(n_steps, dt_ms):
    """Raise InputError unless mlGeNN finds every spike again on its way back.

    It compares times of single precision with a tolerance of dt/1000 and, where the time step is
    too small for that, drops gradients without a word.
    """
    dt = np.float32(dt_ms)
    steps = np.arange(n_steps - 1)
    back = np.float32(n_steps * dt_ms) - steps.astype(np.float32) * dt - dt
    spike = (n_steps - 2 - steps).astype(np.float32) * dt
    if np.any(np.abs(back - spike - dt) >= np.float32(1e-3) * dt):
        raise InputError(
            f"{n_steps} steps of {dt_ms:g} ms: mlGeNN could not match spike times on its way back",
            hint=f"set a larger time.dt_ms, or {NATIVE}",
        )


def rewrite(model, name, pairs):
    """Replace the one occurrence of each text in a code of `model`; InputError unless it is one."""
    for text, replacement in pairs:
        if (count := model[name].count(text)) != 1:
            raise InputError(
                f"mlGeNN's {name} of a population has {text!r} {count} times, not once: this is "
                "not mlGeNN 2.4, and training would follow a wrong gradient",
                hint="install what envs/mlgenn.txt names",
            )
        model[name] = model[name].replace(text, replacement)
