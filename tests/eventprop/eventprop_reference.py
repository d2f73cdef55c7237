"""EventProp written plainly in NumPy, in any precision, and with mlGeNN's defects on request.

One example at a time and one step at a time, after the discrete semantics of mlGeNN 2.4's
EventPropCompiler at batch size 1. With `defects` it also does what the engine must not do:

- spikes of the last two steps of one example reach the next one (its `Carry`);
- in the last step neurons only see the spikes of the step before it, without a delay;
- a neuron (or input) that spikes in the last step loses its gradient, transitions and penalty.
"""

from dataclasses import dataclass, field

import numpy as np

NEVER = float(np.finfo(np.float32).min)


@dataclass
class Carry:
    """What mlGeNN leaks into the next example: currents, and the spikes still on their way."""

    currents: dict = field(default_factory=dict)
    pending: dict = field(default_factory=dict)
    slots: dict = field(default_factory=dict)


@dataclass
class Layer:
    """A population's constants, in the precision of the run."""

    population: object
    dt: float
    dtype: type

    def __post_init__(self):
        self.name, self.n = self.population.name, self.population.n
        neuron = self.population.neuron
        mem = np.broadcast_to(np.float64(neuron.tau_mem), (self.n,))
        syn = np.broadcast_to(np.float64(neuron.tau_syn), (self.n,))
        alpha, beta = np.exp(-self.dt / mem), np.exp(-self.dt / syn)
        self.alpha, self.beta = alpha.astype(self.dtype), beta.astype(self.dtype)
        self.scale = (syn / self.dt * (1 - beta)).astype(self.dtype)
        self.gamma = (mem / (mem - syn) * (alpha - beta)).astype(self.dtype)
        self.syn = syn.astype(self.dtype)
        self.mem = mem.astype(self.dtype)
        threshold = np.broadcast_to(getattr(neuron, "threshold", np.inf), (self.n,))
        self.threshold = threshold.astype(self.dtype)
        # Neurons that do not adapt have a strength of 0.
        self.strength = np.broadcast_to(
            np.asarray(getattr(neuron, "strength", 0), self.dtype), (self.n,)
        )
        self.adapt = np.broadcast_to(np.float64(getattr(neuron, "tau_adapt", 1)), (self.n,))
        self.rho = np.exp(-self.dt / self.adapt).astype(self.dtype)


def layers(network, dtype):
    return [Layer(p, network.dt_ms, dtype) for p in network.populations[1:]]


@dataclass
class Forward:
    """A simulated example, by population: spikes and I - V at them as lists of arrays, one a step,
    and voltages, the currents that they had and the adaptation (n_steps, n)."""

    spikes: dict
    slopes: dict
    v: dict
    x: dict
    a: dict
    carry: Carry = None


def by_step(steps, units, n_steps):
    return [np.sort(np.asarray(units)[np.asarray(steps) == t]).astype(int) for t in range(n_steps)]


def delay_steps(network, connection, weights):
    """Return whole delays (source, target) of a connection, or None; inputs come delayed."""
    if not connection.longest_delay or connection == network.input_delays:
        return None
    given = np.asarray(weights[connection.delay], float)
    steps = np.where(given % 1 == 0.5, np.ceil(given), np.rint(given)).astype(int)
    n_targets = network[connection.target].n
    if connection.delay_shape == "block":
        return np.repeat(steps, 16, axis=1)[:, :n_targets]
    return np.broadcast_to(steps.reshape(len(steps), -1), (len(steps), n_targets))


def forward(network, weights, inputs, *, dtype=np.float64, defects=False, carry=None):
    """Simulate one example; `inputs` is a list of arrays of units, one a step."""
    n_steps, none = len(inputs), np.zeros(0, int)
    weights = {name: np.asarray(w, dtype=dtype) for name, w in weights.items()}
    carry = carry if defects and carry else Carry()
    sizes = {p.name: p.n for p in network.populations}
    x = {
        c.name: carry.currents.get(c.name, np.zeros(sizes[c.target], dtype)).astype(dtype)
        for c in network.connections
    }
    before = {name: carry.pending.get(name, none) for name in sizes}
    late = {c.name: delay_steps(network, c, weights) for c in network.connections}
    # What arrives with a delay is added up by itself, in a slot of its step.
    slots = {c.name: np.zeros((n_steps + c.longest_delay + 1, sizes[c.target]), dtype)
             for c in network.connections}  # fmt: skip
    for name, left in carry.slots.items():
        slots[name][: len(left)] = left
    run = layers(network, dtype)
    r = Forward(
        {"input": inputs} | {k.name: [] for k in run},
        {k.name: [] for k in run},
        *({k.name: np.zeros((n_steps, k.n), dtype) for k in run} for _ in range(3)),
    )
    v, a = ({k.name: np.zeros(k.n, dtype) for k in run} for _ in range(2))
    for t in range(n_steps):
        if defects and t == n_steps - 1:
            for current in (*x.values(), *slots.values()):
                current[:] = 0
        for c in network.connections:
            for i in before[c.source]:
                if late[c.name] is None:
                    x[c.name] += weights[c.name][i]
                else:
                    slots[c.name][t + late[c.name][i], np.arange(sizes[c.target])] += weights[
                        c.name
                    ][i]
            if late[c.name] is not None:
                x[c.name] += slots[c.name][t]
        now = {"input": inputs[t]}
        for k in run:
            into = [c.name for c in network.connections if c.target == k.name]
            current = sum((k.scale * x[name] for name in into), np.zeros(k.n, dtype))
            for name in into:
                x[name] = x[name] * k.beta
            potential = k.alpha * v[k.name] + (dtype(1) - k.alpha) * current
            a[k.name] = r.a[k.name][t] = k.rho * a[k.name]
            spiking = np.flatnonzero(potential >= k.threshold + k.strength * a[k.name])
            a[k.name][spiking] += 1
            r.x[k.name][t] = current / k.scale
            r.slopes[k.name].append((r.x[k.name][t] - potential)[spiking])
            potential[spiking] = 0
            now[k.name], v[k.name], r.v[k.name][t] = spiking, potential, potential
            r.spikes[k.name].append(spiking)
        before = now
    r.carry = Carry(x, before, {name: s[n_steps:] for name, s in slots.items()})
    return r


def softmax(y):
    e = np.exp(y - y.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def read(network, r, loss, label, window=None, drive_window=None):
    """Return (readout, loss, drive (n_steps, n), jump of each first spike, phantom).

    In the scale of dL/dw; everything but `first_spike` drives leaky integrators.
    """
    v = r.v["output"].astype(float)
    n_steps, n = v.shape
    dt, duration = network.dt_ms, n_steps * network.dt_ms
    hot = (np.arange(n) == label).astype(float)
    drive, jump, phantom = np.zeros((n_steps, n)), np.zeros(n), np.zeros(n)
    if loss.kind == "first_spike":
        y = np.full(n, NEVER)
        for t in reversed(range(n_steps)):
            y[r.spikes["output"][t]] = -t * dt
        alpha, temperature = loss.parameters["alpha"], loss.parameters["temperature"]
        jump = (hot - softmax(y / temperature)) / temperature
        if y[label] == NEVER:
            phantom[label] = alpha / (1e-4 * duration**2)
        else:
            jump[label] += alpha / (1.01 * duration + y[label]) ** 2
        bounded = np.maximum(y, -duration)
        value = -np.log(softmax(bounded / temperature)[label])
        return y, value + alpha / (1.01 * duration + bounded[label]), drive, jump, phantom
    if loss.kind == "window":
        y = (window[:, None] * v).mean(axis=0)
        p = softmax(y)
        drive[:] = drive_window[:, None] * (hot - p) / duration
    elif loss.kind == "max":
        y = np.maximum(v.max(axis=0), 0)
        p = softmax(y)
        drive[v.argmax(axis=0), np.arange(n)] = np.where(y > 0, (hot - p) / dt, 0)
    else:
        y = v.mean(axis=0)
        drive[:] = (hot - softmax(v)) / duration
        return y, -np.log(softmax(v)[:, label]).mean(), drive, jump, phantom
    return y, -np.log(p[label]), drive, jump, phantom


def penalties(network, k, spikes, regulariser, defects):
    """Return the regulariser's jump at each spike of each neuron of a hidden layer."""
    counts = np.bincount(np.concatenate(spikes).astype(int), minlength=k.n)
    if regulariser is None:
        return np.zeros(k.n, k.dtype)
    if not defects:
        counts = counts - np.bincount(spikes[-1], minlength=k.n)
    excess = counts - regulariser.spikes
    unit = 1 if network.spiking_output else np.mean(network.output.neuron.tau_mem)
    rate = unit * np.where(excess > 0, regulariser.lambda_upper, regulariser.lambda_lower)
    return (rate * excess).astype(k.dtype)


def backward(network, weights, r, drive, jump, phantom, regulariser=None, *, dtype=np.float64,
             defects=False):  # fmt: skip
    """Return the gradients of one example, dL/dw, by name of what is learned.

    Those of delays are a step of each synapse, (source, target), whatever their shape; those of
    constants of each neuron, whose values are the neuron model's. `weights`
    may differ from those of the forward pass, as they do in mlGeNN, where example n is run backward
    after the update that follows it.
    """
    late = {c.name: delay_steps(network, c, weights) for c in network.connections}
    masks = {c.name: weights[c.mask] for c in network.connections if c.synapses}
    weights = {c.name: np.asarray(weights[c.name], dtype=dtype) for c in network.connections}
    run, n_steps = layers(network, dtype), len(r.spikes["input"])
    gradients = {name: np.zeros(w.shape, dtype) for name, w in weights.items()}
    for c in network.connections:
        if c.learned_delays:
            gradients[c.delay] = np.zeros(weights[c.name].shape, dtype)
    for k in run:
        for constant in k.population.learned:
            gradients[f"{k.name}.{constant.constant}"] = np.zeros(k.n, dtype)
    history = {k.name: np.zeros((2, n_steps + 1, k.n), dtype) for k in run}
    lv, li, back, mu = ({k.name: np.zeros(k.n, dtype) for k in run} for _ in range(4))
    by_name = {k.name: k for k in run}
    lost = {name: s[-1] if defects else np.zeros(0, int) for name, s in r.spikes.items()}
    hidden = [p.name for p in network.hidden]
    penalty = {
        name: penalties(network, by_name[name], r.spikes[name], regulariser, defects)
        for name in hidden
    }
    firsts = {}
    for t in range(n_steps):
        for j in r.spikes["output"][t]:
            firsts.setdefault(int(j), t)
    drive, jump, phantom = (np.asarray(a, dtype=dtype) for a in (drive, jump, phantom))
    for s in range(n_steps - 2, -1, -1):
        for k in run:
            d = drive[s + 1] if k.name == "output" else dtype(0)
            i, v = li[k.name], lv[k.name]
            li[k.name] = d + k.beta * (i - d) + k.gamma * (v - d)
            lv[k.name] = d + k.alpha * (v - d)
        if s == n_steps - 2:
            lv["output"] = lv["output"] + phantom
        else:
            for name in hidden:
                e, q = r.spikes[name][s + 1], r.slopes[name][s + 1].astype(dtype)
                keep = ~np.isin(e, lost[name])
                e, q, v = e[keep], q[keep], lv[name]
                k, m = by_name[name], mu[name]
                m *= k.rho
                # The threshold that moves, see the engine's module `adaptive`.
                rise = k.strength[e] * r.a[name][s + 1][e]
                fall = rise * (k.mem / k.adapt)[e].astype(dtype)
                fed = back[name][e] - m[e] / k.adapt[e].astype(dtype)
                v[e] += ((k.threshold[e] + rise - fall) * v[e] + fed) / (q + fall) - penalty[name][
                    e
                ]
                m[e] -= k.strength[e] * k.mem[e] * v[e]
            v, threshold = lv["output"], by_name["output"].threshold
            for j, q in zip(r.spikes["output"][s + 1], r.slopes["output"][s + 1], strict=True):
                if j not in lost["output"]:
                    first = firsts[int(j)] == s + 1
                    v[j] += (threshold[j] * v[j] + (jump[j] if first else 0)) / dtype(q)
        for name in hidden:
            back[name][:] = 0
        for k in run:
            history[k.name][:, s] = lv[k.name], li[k.name]
            x, e = r.x[k.name][s + 1], r.spikes[k.name][s + 1]
            slopes = {
                "tau_mem": dtype(network.dt_ms) * lv[k.name] * (x - r.v[k.name][s]) / k.mem,
                "tau_syn": -dtype(network.dt_ms) * li[k.name] * x / k.syn,
                "threshold": k.mem * lv[k.name] * np.isin(np.arange(k.n), e),
                "strength": k.mem * lv[k.name] * np.isin(np.arange(k.n), e) * r.a[k.name][s + 1],
                # Of μ, where the engine has the slope of a at given spikes.
                "tau_adapt": -dtype(network.dt_ms) * mu[k.name] * r.a[k.name][s + 1] / k.adapt**2,
            }
            for constant in k.population.learned:
                gradients[f"{k.name}.{constant.constant}"] += slopes[constant.constant]
        for c in network.connections:
            e = r.spikes[c.source][s]
            e = e[~np.isin(e, lost[c.source])]
            met_v, met_i = lv[c.target], li[c.target]
            if late[c.name] is not None:
                # The last step's adjoints are 0, as are those of all that arrive later.
                step = np.minimum(s + late[c.name][e], n_steps - 1)
                met_v, met_i = history[c.target][:, step, np.arange(step.shape[1])]
            difference = met_v - met_i
            gradients[c.name][e] -= by_name[c.target].syn * met_i
            if c.learned_delays:
                slope = dtype(network.dt_ms) * weights[c.name][e] * difference
                gradients[c.delay][e] += slope
            if c.source in hidden and late[c.name] is None:
                back[c.source][e] += weights[c.name][e] @ difference
            elif c.source in hidden:
                back[c.source][e] += (weights[c.name][e] * difference).sum(axis=1)
    for name, mask in masks.items():
        gradients[name] *= mask
    return gradients
