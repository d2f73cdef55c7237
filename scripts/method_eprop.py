"""e-prop by mlGeNN on a CPU; `method_peer.py` calls this.

Needs numpy and mlGeNN only. mlGeNN's e-prop has no synaptic currents, learns from the
cross-entropy of every step and, on a CPU, from one example at a time: the network is the engine's
in its sizes and membrane alone, with the initial weights, refractory period and learning rate of
mlGeNN's examples.
"""

import contextlib
import json
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np

from spikespeech.meter import Meter

try:
    from ml_genn import Connection, Network, Population
    from ml_genn.compilers import EPropCompiler
    from ml_genn.compilers.eprop_compiler import default_params
    from ml_genn.connectivity import Dense
    from ml_genn.initializers import Normal
    from ml_genn.neurons import LeakyIntegrate, LeakyIntegrateFire, SpikeInput
    from ml_genn.optimisers import Adam
    from ml_genn.utils.data import preprocess_spikes
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)

THRESHOLD, LEARNING_RATE = 0.6, 1e-3


def examples(work, side, settings):
    """Return the spikes of one side as mlGeNN takes them, and the labels."""
    spikes = []
    for start, end in zip(work[f"{side}_offsets"][:-1], work[f"{side}_offsets"][1:], strict=True):
        times = work[f"{side}_steps"][start:end] * settings["dt_ms"]
        units = work[f"{side}_units"][start:end].astype(np.int64)
        spikes.append(preprocess_spikes(times, units, settings["inputs"]))
    return spikes, work[f"{side}_labels"]


def build(settings, most):
    """Return (network, input, output) for examples of at most `most` spikes."""
    network = Network(default_params)
    sizes = settings["inputs"], settings["hidden"], settings["outputs"]
    tau = settings["neuron"]["tau_mem"]
    with network:
        inputs = Population(SpikeInput(max_spikes=most), sizes[0])
        hidden = Population(
            LeakyIntegrateFire(v_thresh=THRESHOLD, tau_mem=tau, tau_refrac=5.0), sizes[1]
        )
        output = Population(LeakyIntegrate(tau_mem=tau, readout="sum_var"), sizes[2])
        pairs = [(inputs, hidden), (hidden, output)] + [(hidden, hidden)] * settings["recurrent"]
        for source, target in pairs:
            deviation = 1 / np.sqrt(np.prod(source.shape))
            Connection(source, target, Dense(Normal(sd=deviation)))
    return network, inputs, output


def main(path):
    """Train on the npz file that `method_peer.py` wrote; return the result."""
    work = dict(np.load(path))
    settings = json.loads(str(work["settings"]))
    np.random.seed(settings["seed"])  # noqa: NPY002 - mlGeNN shuffles and draws with it
    train, validation = (examples(work, side, settings) for side in ("train", "validation"))
    most = int(max(np.diff(work[f"{side}_offsets"]).max() for side in ("train", "validation")))
    network, inputs, output = build(settings, most)
    optimiser = Adam(LEARNING_RATE)
    compiler = EPropCompiler(
        example_timesteps=settings["steps"],
        losses="sparse_categorical_crossentropy",
        optimiser=optimiser,
        batch_size=1,
        dt=settings["dt_ms"],
        rng_seed=settings["seed"] + 1,  # 0 would be a seed of GeNN's own choice
        backend="single_threaded_cpu",
    )
    compiled = compiler.compile(network, name="eprop")
    with compiled:
        with Meter() as meter:
            compiled.train({inputs: train[0]}, {output: train[1]}, settings["epochs"], callbacks=[])
        # mlGeNN validates after an epoch only: one of a single example that teaches nothing.
        optimiser.alpha = 0.0
        _, scored, *_ = compiled.train(
            {inputs: train[0][:1]},
            {output: train[1][:1]},
            1,
            callbacks=[],
            validation_callbacks=[],
            validation_x={inputs: validation[0]},
            validation_y={output: validation[1]},
        )
    return {
        "accuracy": float(scored[output].result),
        "examples": len(validation[1]),
        "library": f"mlGeNN {metadata.version('ml_genn')}",
        "network": f"{settings['hidden']} LIF{', recurrent' * settings['recurrent']}, no synapses",
        **meter.cost(),
    }


if __name__ == "__main__":
    # GeNN writes and compiles its code in the working folder.
    work = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        result = main(work)
    print(json.dumps(result))
