"""Time one training step of another library on given work; `benchmark_engine.py` calls this.

Needs numpy and that library only. Prints a line of JSON: CPU and wall ms an example of a whole
step (forward, backward, Adam) and CPU ms of the forward pass, spikes a neuron, and the peak of
resident memory above that with the library imported, in MB. Every library gets
current-based LIF neurons with its own default reset and surrogate, leaky-integrator outputs and a
cross-entropy of the mean output voltage, and one thread. The input weights are scaled until its
hidden neurons spike about as often as asked. mlGeNN runs EventProp itself, on the work as it is,
but on a CPU one example at a time.
"""

import argparse
import importlib
import json
import os
import sys
import time

import numpy as np

from spikespeech.meter import Meter

ABSENT = 3
"""Exit status where the library is not installed."""


def spyx(work):
    """Return (forward, step, spikes): calls with the gain of input weights, and a step."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    import jax.numpy as jnp
    import optax
    from flax import nnx
    from spyx import nn

    scale = work["scale"]
    n_inputs, n_hidden = work["input_hidden"].shape
    n_outputs = work["hidden_output"].shape[1]
    spikes, labels = jnp.asarray(work["spikes"], jnp.float32), jnp.asarray(work["labels"])
    rngs = nnx.Rngs(0)
    into = nnx.Linear(n_inputs, n_hidden, use_bias=False, rngs=rngs)
    hidden = nn.RCuBaLIF((n_hidden,), alpha=work["beta"], beta=work["alpha"], rngs=rngs)
    out = nnx.Linear(n_hidden, n_outputs, use_bias=False, rngs=rngs)
    into.kernel[...] = jnp.asarray(work["input_hidden"]) * scale
    hidden.recurrent_w[...] = jnp.asarray(work["hidden_hidden"]) * scale
    out.kernel[...] = jnp.asarray(work["hidden_output"]) * scale
    model = nn.Sequential(into, hidden, out, nn.LI((n_outputs,), beta=work["alpha"], rngs=rngs))
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
        into.kernel[...] = jnp.asarray(work["input_hidden"]) * scale * gain
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
    scale = work["scale"]
    spikes = torch.as_tensor(work["spikes"]).float()
    labels = torch.as_tensor(work["labels"])
    base = torch.as_tensor(work["input_hidden"]) * scale
    parameters = [
        torch.nn.Parameter(torch.as_tensor(work[k]) * scale)
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
        lif = snntorch.Synaptic(alpha=work["beta"], beta=work["alpha"], reset_mechanism="zero")
        integrator = snntorch.Synaptic(
            alpha=work["beta"], beta=work["alpha"], reset_mechanism="none"
        )

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

    dt = float(work["dt_ms"]) / 1e3

    def cells(torch, n_hidden, n_outputs):
        rates = {"tau_mem_inv": torch.tensor(50.0), "tau_syn_inv": torch.tensor(200.0)}
        lif = LIFParameters(**rates, v_th=torch.tensor(1.0))
        integrator = LIParameters(**rates)
        gain = 1 / (50 * dt)  # norse's V grows by 50 dt of a current

        def hidden(current, _, state):
            if state is None:
                state = LIFFeedForwardState(torch.zeros_like(current), torch.zeros_like(current))
            return lif_feed_forward_step(current * gain, state, lif, dt=dt)

        def out(current, state):
            if state is None:
                state = LIState(torch.zeros_like(current), torch.zeros_like(current))
            return li_feed_forward_step(current * gain, state, integrator, dt=dt)

        return hidden, out

    return torch_network(work, cells)


def mlgenn(work):
    """mlGeNN's EventProp on one core: the same network and dynamics as the engine's."""
    # GeNN's own Makefile does not optimise, and takes nothing but the compiler from outside.
    os.environ["CXX"] = "g++ -O3"
    from spikespeech import losses
    from spikespeech.backends.mlgenn import Backend
    from spikespeech.eventprop import Regulariser
    from spikespeech.network import Network, Parameters
    from spikespeech.spikes import SpikeTrains

    n_steps, n_examples, n_inputs = work["spikes"].shape
    n_hidden, n_outputs = work["hidden_output"].shape
    dt = float(work["dt_ms"])
    network = Network.layered(n_inputs, n_hidden, n_outputs, dt_ms=dt)
    weights = Parameters({name: work[name] for name in network.shapes()})
    spikes = SpikeTrains.from_binned(
        [np.nonzero(work["spikes"][:, i]) for i in range(n_examples)],
        work["labels"],
        np.full(n_examples, -1),
        n_steps,
        n_inputs,
        dt,
        tuple(map(str, range(n_outputs))),
    )
    loss = losses.make("sum_exp", n_steps=n_steps, dt_ms=dt)
    backend = Backend(network, weights, loss, Regulariser(2.5e-10, 2.5e-10), device="cpu")
    one_by_one = [spikes.take([i]) for i in range(n_examples)]

    def often(_gain):
        return float(backend.evaluate(spikes).hidden_spikes.mean())

    return (
        lambda: backend.evaluate(spikes),
        lambda: backend.train(one_by_one, [1e-6] * n_examples),
        often,
    )


LIBRARIES = {
    "spyx": (spyx, "spyx.nn", "optax"),
    "snntorch": (snntorch, "snntorch"),
    "norse": (norse, "norse.torch"),
    "mlgenn": (mlgenn, "ml_genn", "spikespeech.eventprop"),
}
"""What builds each, and the modules that it needs."""


def least(call, repeats):
    """Return the least CPU and wall ms of `repeats` calls."""
    times = []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    return tuple(1e3 * min(column) for column in zip(*times, strict=True))


def match(often, wanted):
    """Scale the input weights until neurons spike `wanted` times or less; return how often."""
    low, high = 0.0, 8.0
    for _ in range(8):
        gain = (low + high) / 2
        low, high = (low, gain) if often(gain) > wanted else (gain, high)
    return often(low if low > 0 else high)


def main(arguments):
    """Build, match, time; print the line."""
    os.environ.update(XLA_FLAGS="--xla_cpu_multi_thread_eigen=false", OMP_NUM_THREADS="1")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    work = dict(np.load(arguments.work))
    # The decays of membrane (20 ms) and synapse (5 ms), and a unit weight's effect on V.
    dt = float(work["dt_ms"])
    alpha, beta = (float(np.exp(-dt / tau)) for tau in (20, 5))
    work |= {"alpha": alpha, "beta": beta, "scale": (1 - alpha) * 5 / dt * (1 - beta)}
    build, *modules = LIBRARIES[arguments.library]
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(ABSENT)
    n = work["spikes"].shape[1]
    exact = arguments.library == "mlgenn"
    with Meter() as meter:
        forward, step, often = build(work)
        spikes_a_neuron = often(1.0) if exact else match(often, float(work["wanted"]))
        forward()
        step()
    cpu, wall = least(step, arguments.repeats)
    row = {
        "implementation": arguments.library,
        "batch": 1 if exact else n,
        "forward_ms": least(forward, arguments.repeats)[0] / n,
        "total_ms": cpu / n,
        "wall_ms": wall / n,
        "spikes_a_neuron": spikes_a_neuron,
        "resident_mb": meter.growth_mb,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("work", help="npz file that benchmark_engine.py wrote")
    parser.add_argument("repeats", type=int)
    main(parser.parse_args())
