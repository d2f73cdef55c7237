"""Time one training step of another library on given work; `benchmark_engine.py` calls this.

Needs numpy and that library only. Prints a line of JSON: CPU ms an example of the forward pass
and of a whole step (forward, backward, Adam), spikes a neuron and resident memory in MB. Every
library gets current-based LIF neurons (20 and 5 ms) with its own default reset and surrogate,
leaky-integrator outputs and a cross-entropy of the mean output voltage, and one thread. The input
weights are scaled until its hidden neurons spike about as often as asked.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

ALPHA, BETA, SPIKES_A_NEURON = float(np.exp(-1 / 20)), float(np.exp(-1 / 5)), 14
SCALE = (1 - ALPHA) * 5 * (1 - BETA)  # a unit weight's effect on V in the engine


def spyx(work):
    """Return (forward, step, spikes): calls with the gain of input weights, and a step."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    import jax.numpy as jnp
    import optax
    from flax import nnx
    from spyx import nn

    n_inputs, n_hidden = work["input_hidden"].shape
    n_outputs = work["hidden_output"].shape[1]
    spikes, labels = jnp.asarray(work["spikes"], jnp.float32), jnp.asarray(work["labels"])
    rngs = nnx.Rngs(0)
    into = nnx.Linear(n_inputs, n_hidden, use_bias=False, rngs=rngs)
    hidden = nn.RCuBaLIF((n_hidden,), alpha=BETA, beta=ALPHA, rngs=rngs)
    out = nnx.Linear(n_hidden, n_outputs, use_bias=False, rngs=rngs)
    into.kernel[...] = jnp.asarray(work["input_hidden"]) * SCALE
    hidden.recurrent_w[...] = jnp.asarray(work["hidden_hidden"]) * SCALE
    out.kernel[...] = jnp.asarray(work["hidden_output"]) * SCALE
    model = nn.Sequential(into, hidden, out, nn.LI((n_outputs,), beta=ALPHA, rngs=rngs))
    count = nn.Sequential(into, hidden)
    graph, state = nnx.split(model)
    optimiser = optax.adam(1e-6)
    moments = optimiser.init(state)

    def loss(state):
        voltage, _ = nn.run(nnx.merge(graph, state), spikes)
        entropy = optax.softmax_cross_entropy_with_integer_labels(voltage.mean(axis=0), labels)
        return entropy.mean()

    @jax.jit
    def update(state, moments):
        gradient = jax.grad(loss)(state)
        change, moments = optimiser.update(gradient, moments)
        return optax.apply_updates(state, change), moments

    only_forward = jax.jit(loss)

    def often(gain):
        into.kernel[...] = jnp.asarray(work["input_hidden"]) * SCALE * gain
        nonlocal state
        state = nnx.split(model)[1]
        return float(nn.run(count, spikes)[0].sum()) / spikes.shape[1] / n_hidden

    return (
        lambda: only_forward(state).block_until_ready(),
        lambda: jax.block_until_ready(update(state, moments)),
        often,
    )


def torch_network(work, cells):
    """Return (forward, step, spikes) of a torch network; cells(torch, n_hidden, n_outputs) are its.

    `cells` returns hidden(current, spikes, state) -> spikes, state and out(current, state) -> V,
    state.
    """
    import torch

    torch.set_num_threads(1)
    spikes = torch.as_tensor(work["spikes"]).float()
    labels = torch.as_tensor(work["labels"])
    base = torch.as_tensor(work["input_hidden"]) * SCALE
    parameters = [
        torch.nn.Parameter(torch.as_tensor(work[k]) * SCALE)
        for k in ("input_hidden", "hidden_hidden", "hidden_output")
    ]
    optimiser = torch.optim.Adam(parameters, lr=1e-6)
    n_examples, n_hidden = spikes.shape[1], base.shape[1]
    hidden, out = cells(torch, n_hidden, work["hidden_output"].shape[1])

    def run():
        currents = spikes @ parameters[0]
        z, total, count = torch.zeros(n_examples, n_hidden), 0, 0
        state = state_out = None
        for current in currents:
            z, state = hidden(current + z @ parameters[1], z, state)
            voltage, state_out = out(z @ parameters[2], state_out)
            total, count = total + voltage, count + z.detach().sum()
        return torch.nn.functional.cross_entropy(total / len(currents), labels), count

    def forward():
        with torch.no_grad():
            return run()

    def step():
        optimiser.zero_grad()
        run()[0].backward()
        optimiser.step()

    def often(gain):
        with torch.no_grad():
            parameters[0].copy_(base * gain)
        return float(forward()[1]) / n_examples / n_hidden

    return forward, step, often


def snntorch(work):
    """snnTorch: Synaptic neurons; see `torch_network`."""
    import snntorch

    def cells(torch, n_hidden, n_outputs):
        lif = snntorch.Synaptic(alpha=BETA, beta=ALPHA, reset_mechanism="zero")
        integrator = snntorch.Synaptic(alpha=BETA, beta=ALPHA, reset_mechanism="none")

        def hidden(current, _, state):
            z, *state = lif(current, *(state or lif.init_synaptic()))
            return z, state

        def out(current, state):
            _, *state = integrator(current, *(state or integrator.init_synaptic()))
            return state[1], state

        return hidden, out

    return torch_network(work, cells)


def norse(work):
    """norse: LIF and LI feed-forward steps with explicit recurrence; see `torch_network`."""
    from norse.torch.functional.leaky_integrator import LIParameters, LIState, li_feed_forward_step
    from norse.torch.functional.lif import LIFFeedForwardState, LIFParameters, lif_feed_forward_step

    def cells(torch, n_hidden, n_outputs):
        rates = {"tau_mem_inv": torch.tensor(50.0), "tau_syn_inv": torch.tensor(200.0)}
        lif = LIFParameters(**rates, v_th=torch.tensor(1.0))
        integrator = LIParameters(**rates)

        def hidden(current, _, state):
            if state is None:
                state = LIFFeedForwardState(torch.zeros_like(current), torch.zeros_like(current))
            return lif_feed_forward_step(current / 0.05, state, lif, dt=0.001)

        def out(current, state):
            if state is None:
                state = LIState(torch.zeros_like(current), torch.zeros_like(current))
            return li_feed_forward_step(current / 0.05, state, integrator, dt=0.001)

        return hidden, out

    return torch_network(work, cells)


LIBRARIES = {"spyx": spyx, "snntorch": snntorch, "norse": norse}


def least(call, repeats):
    """Return the least CPU seconds of `repeats` calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def match(often, wanted):
    """Scale the input weights until neurons spike `wanted` times or less; return how often."""
    low, high = 0.0, 8.0
    for _ in range(8):
        gain = (low + high) / 2
        low, high = (low, gain) if often(gain) > wanted else (gain, high)
    return often(low if low > 0 else high)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("work", help="npz file that benchmark_engine.py wrote")
    parser.add_argument("repeats", type=int)
    arguments = parser.parse_args()
    os.environ.update(XLA_FLAGS="--xla_cpu_multi_thread_eigen=false", OMP_NUM_THREADS="1")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    work = np.load(arguments.work)
    forward, step, often = LIBRARIES[arguments.library](work)
    n_steps, n = work["spikes"].shape[:2]
    spikes_a_neuron = match(often, SPIKES_A_NEURON * n_steps / 1000)
    forward(), step()
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[1]) if statm.exists() else 0
    print(
        json.dumps(
            {
                "implementation": arguments.library,
                "forward_ms": 1e3 * least(forward, arguments.repeats) / n,
                "total_ms": 1e3 * least(step, arguments.repeats) / n,
                "spikes_a_neuron": spikes_a_neuron,
                "resident_mb": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            }
        )
    )
