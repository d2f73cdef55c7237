"""Backpropagation through time with surrogate gradients by Spyx; `peer.py` calls this.

Needs numpy and Spyx only. The network has the constants, initial weights and loss of the engine's,
but Spyx's reset, which subtracts the threshold; the surrogate is SuperSpike (Zenke and Ganguli
2018). Adam has a constant learning rate. The weights are those of the best epoch by
training accuracy.
"""

import json
import os
import sys

import numpy as np

from spikespeech.meter import Meter

# One thread, before JAX reads its environment.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

try:
    import jax
    import jax.numpy as jnp
    import optax
    import spyx
    from flax import nnx
    from spyx import axn, nn
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)


def build(work, settings):
    """Return (weights, readouts): parameters, and read-outs (n, n_outputs) of them and spikes."""
    neuron, dt = settings["neuron"], settings["dt_ms"]
    taus = settings["output"] or neuron
    (synapse, membrane), reading = (
        [float(np.exp(-dt / model[k])) for k in ("tau_syn", "tau_mem")] for model in (neuron, taus)
    )
    # A weight's effect on V in the engine, whose currents and voltages are solved exactly.
    scale = (1 - membrane) * (1 - synapse) * neuron["tau_syn"] / dt
    scale_out = (1 - reading[1]) * (1 - reading[0]) * taus["tau_syn"] / dt
    sizes, rngs = (settings["hidden"], settings["outputs"]), nnx.Rngs(0)
    kind = nn.RCuBaLIF if settings["recurrent"] else nn.CuBaLIF
    hidden = kind(
        sizes[:1],
        alpha=synapse,
        beta=membrane,
        threshold=neuron["threshold"],
        activation=axn.superspike(settings["surrogate_slope"]),
        rngs=rngs,
    )
    into = nnx.Linear(settings["inputs"], sizes[0], use_bias=False, rngs=rngs)
    out = nnx.Linear(*sizes, use_bias=False, rngs=rngs)
    into.kernel[...] = jnp.asarray(work["input_hidden"]) * scale
    out.kernel[...] = jnp.asarray(work["hidden_output"]) * scale_out
    if settings["recurrent"]:
        hidden.recurrent_w[...] = jnp.asarray(work["hidden_hidden"]) * scale
    # A synapse and a membrane, one leaky integrator each.
    reads = (nn.LI(sizes[1:], beta=decay, rngs=rngs) for decay in reading)
    model = nnx.List([into, nn.Sequential(hidden, out, *reads)])
    window = jnp.asarray(work["window"], jnp.float32) / settings["steps"]

    def learned(path, _):
        return path[-1] in ("kernel", "recurrent_w")

    graph, weights, constants = nnx.split(model, learned, ...)

    def readouts(weights, spikes):
        into, rest = nnx.merge(graph, weights, constants)
        voltage, _ = nn.run(rest, into(spikes.astype(jnp.float32)))
        return jnp.tensordot(window, voltage, 1)

    return weights, readouts


def dense(work, side, indices, settings):
    """Return (n_steps, n, n_inputs) spikes of some examples, and their labels."""
    spikes = np.zeros((settings["steps"], len(indices), settings["inputs"]), np.uint8)
    for column, i in enumerate(indices):
        span = slice(*work[f"{side}_offsets"][i : i + 2])
        spikes[work[f"{side}_steps"][span], column, work[f"{side}_units"][span]] = 1
    return spikes, work[f"{side}_labels"][indices]


def batches(order, size):
    """Return consecutive parts of an order."""
    return [order[i : i + size] for i in range(0, len(order), size)]


def learn(weights, readouts, work, settings):
    """Train; return (weights, training accuracy, Meter).

    The weights are the best by training accuracy while learning, which is told of the last epoch.
    """
    optimiser = optax.adam(settings["learning_rate"])
    moments = optimiser.init(weights)

    def loss(weights, spikes, labels):
        read = readouts(weights, spikes)
        entropy = optax.softmax_cross_entropy_with_integer_labels(read, labels)
        return entropy.mean(), (read.argmax(axis=1) == labels).sum()

    @jax.jit
    def update(weights, moments, spikes, labels):
        gradient, right = jax.grad(loss, has_aux=True)(weights, spikes, labels)
        change, moments = optimiser.update(gradient, moments)
        return optax.apply_updates(weights, change), moments, right

    rng, best = np.random.default_rng(settings["seed"]), (-1.0, None)
    n = len(work["train_labels"])
    parts = batches(np.arange(n), settings["batch_size"])
    for indices in (parts[0], parts[-1]):  # compiles
        jax.block_until_ready(update(weights, moments, *dense(work, "train", indices, settings)))
    with Meter() as meter:
        for epoch in range(settings["epochs"]):
            right = 0
            for indices in batches(rng.permutation(n), settings["batch_size"]):
                batch = dense(work, "train", indices, settings)
                weights, moments, hits = update(weights, moments, *batch)
                right += int(hits)
            print(f"epoch {epoch + 1}: training accuracy {right / n:.1%}", file=sys.stderr)
            if right / n > best[0]:
                best = right / n, weights
    return best[1], right / n, meter


def main(path):
    """Train on the npz file that `peer.py` wrote; print the result."""
    work = dict(np.load(path))
    settings = json.loads(str(work["settings"]))
    weights, readouts = build(work, settings)
    weights, learned, meter = learn(weights, readouts, work, settings)
    score = jax.jit(readouts)
    predictions = []
    for indices in batches(np.arange(len(work["scored_labels"])), settings["batch_size"]):
        spikes, _ = dense(work, "scored", indices, settings)
        predictions += score(weights, spikes).argmax(axis=1).tolist()
    print(
        json.dumps(
            {
                "predictions": predictions,
                "hidden_spikes": None,
                "train_accuracy": learned,
                "library": f"Spyx {spyx.__version__}",
                "network": f"{settings['hidden']} LIF{', recurrent' * settings['recurrent']}",
                "failed": "",
                "cpu_s": meter.cpu_s,
                "wall_s": meter.wall_s,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
