"""EventProp written plainly in NumPy, in any precision, and with mlGeNN's defects on request.

One example at a time and one step at a time, after the discrete semantics of mlGeNN 2.4's
EventPropCompiler at batch size 1. With `defects` it also does what the engine must not do:

- spikes of the last two steps of one example reach the next one (its `Carry`);
- in the last step neurons only see the spikes of the step before it;
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


@dataclass
class Layer:
    """A layer's constants, in the precision of the run."""

    tau_mem: float
    tau_syn: float
    dt: float
    n: int
    dtype: type

    def __post_init__(self):
        mem = np.broadcast_to(np.float64(self.tau_mem), (self.n,))
        syn = np.broadcast_to(np.float64(self.tau_syn), (self.n,))
        alpha, beta = np.exp(-self.dt / mem), np.exp(-self.dt / syn)
        self.alpha, self.beta = alpha.astype(self.dtype), beta.astype(self.dtype)
        self.scale = (syn / self.dt * (1 - beta)).astype(self.dtype)
        self.gamma = (mem / (mem - syn) * (alpha - beta)).astype(self.dtype)
        self.syn = syn.astype(self.dtype)
        self.mem = mem.astype(self.dtype)


@dataclass
class Forward:
    """A simulated example: spikes as a list of index arrays, one a step."""

    inputs: list
    hidden: list
    output: list
    hidden_slope: list
    output_slope: list
    hidden_v: np.ndarray
    output_v: np.ndarray
    carry: Carry


def by_step(steps, units, n_steps):
    return [np.sort(np.asarray(units)[np.asarray(steps) == t]).astype(int) for t in range(n_steps)]


def forward(network, weights, inputs, *, dtype=np.float64, defects=False, carry=None):
    """Simulate one example; `inputs` is a list of arrays of units, one a step."""
    n_steps = len(inputs)
    weights = [np.asarray(w, dtype=dtype) for w in weights]
    hidden = Layer(network.tau_mem, network.tau_syn, network.dt_ms, network.n_hidden, dtype)
    out = Layer(
        network.tau_mem_output, network.tau_syn_output, network.dt_ms, network.n_outputs, dtype
    )
    carry = carry if defects and carry else Carry()
    sizes = {"ih": hidden.n, "hh": hidden.n, "ho": out.n}
    x = {k: carry.currents.get(k, np.zeros(n, dtype)).astype(dtype) for k, n in sizes.items()}
    none = np.zeros(0, int)
    in_before, hid_before = (carry.pending.get(k, none) for k in ("in", "hid"))
    v, vo = np.zeros(hidden.n, dtype), np.zeros(out.n, dtype)
    one = dtype(1)
    r = Forward([], [], [], [], [], np.zeros((n_steps, hidden.n)), np.zeros((n_steps, out.n)), None)
    for t in range(n_steps):
        if defects and t == n_steps - 1:
            for current in x.values():
                current[:] = 0
        for i in in_before:
            x["ih"] += weights[0][i]
        for i in hid_before:
            if network.recurrent:
                x["hh"] += weights[1][i]
            x["ho"] += weights[2][i]
        current = hidden.scale * x["ih"] + hidden.scale * x["hh"]
        current_out = out.scale * x["ho"]
        x["ih"], x["hh"], x["ho"] = x["ih"] * hidden.beta, x["hh"] * hidden.beta, x["ho"] * out.beta
        v = hidden.alpha * v + (one - hidden.alpha) * current
        vo = out.alpha * vo + (one - out.alpha) * current_out
        spiking = np.flatnonzero(v >= dtype(network.threshold))
        r.hidden_slope.append((current / hidden.scale - v)[spiking])
        v[spiking] = 0
        r.hidden.append(spiking)
        spiking_out = none
        if network.spiking_output:
            spiking_out = np.flatnonzero(vo >= dtype(network.threshold))
            r.output_slope.append((current_out / out.scale - vo)[spiking_out])
            vo[spiking_out] = 0
        else:
            r.output_slope.append(np.zeros(0, dtype))
        r.output.append(spiking_out)
        r.inputs.append(inputs[t])
        r.hidden_v[t], r.output_v[t] = v, vo
        in_before, hid_before = inputs[t], spiking
    r.carry = Carry(x, {"in": in_before, "hid": hid_before})
    return r


def softmax(y):
    e = np.exp(y - y.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def read(network, r, loss, label, window=None, drive_window=None):
    """Return (readout, loss, drive (n_steps, n), jump of each first spike, phantom).

    In the scale of dL/dw; everything but `first_spike` drives leaky integrators.
    """
    v = r.output_v
    n_steps, n = v.shape
    dt, duration = network.dt_ms, n_steps * network.dt_ms
    hot = (np.arange(n) == label).astype(float)
    drive, jump, phantom = np.zeros((n_steps, n)), np.zeros(n), np.zeros(n)
    if loss.kind == "first_spike":
        y = np.full(n, NEVER)
        for t in reversed(range(n_steps)):
            y[r.output[t]] = -t * dt
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


def backward(network, weights, r, drive, jump, phantom, regulariser=None, *, dtype=np.float64,
             defects=False):  # fmt: skip
    """Return the gradients of one example, dL/dw, in the order of Weights.

    `weights` may differ from those of the forward pass, as they do in mlGeNN, where example n is
    run backward after the update that follows it.
    """
    weights = [np.asarray(w, dtype=dtype) for w in weights]
    n_steps = len(r.inputs)
    hidden = Layer(network.tau_mem, network.tau_syn, network.dt_ms, network.n_hidden, dtype)
    out = Layer(
        network.tau_mem_output, network.tau_syn_output, network.dt_ms, network.n_outputs, dtype
    )
    threshold = dtype(network.threshold)
    gradients = [np.zeros(w.shape, dtype) for w in weights]
    lv, li = np.zeros(hidden.n, dtype), np.zeros(hidden.n, dtype)
    lvo, lio = np.zeros(out.n, dtype), np.zeros(out.n, dtype)
    back = np.zeros(hidden.n, dtype)
    counts = np.bincount(np.concatenate(r.hidden).astype(int), minlength=hidden.n)
    lost_in = lost_hid = np.zeros(0, int)
    if defects:
        lost_in, lost_hid = r.inputs[-1], r.hidden[-1]
    else:
        counts = counts - np.bincount(r.hidden[-1], minlength=hidden.n)
    penalty = np.zeros(hidden.n, dtype)
    if regulariser is not None:
        excess = counts - regulariser.spikes
        unit = 1 if network.spiking_output else np.mean(network.tau_mem_output)
        rate = unit * np.where(excess > 0, regulariser.lambda_upper, regulariser.lambda_lower)
        penalty = (rate * excess).astype(dtype)
    firsts = {}
    for t in range(n_steps):
        for j in r.output[t]:
            firsts.setdefault(int(j), t)
    drive, jump, phantom = (np.asarray(a, dtype=dtype) for a in (drive, jump, phantom))
    for s in range(n_steps - 2, -1, -1):
        li = hidden.gamma * lv + hidden.beta * li
        lv = hidden.alpha * lv
        d = drive[s + 1]
        lio = d + out.beta * (lio - d) + out.gamma * (lvo - d)
        lvo = d + out.alpha * (lvo - d)
        if s == n_steps - 2:
            lvo = lvo + phantom
        else:
            keep = ~np.isin(r.hidden[s + 1], lost_hid)
            e, q = r.hidden[s + 1][keep], r.hidden_slope[s + 1][keep].astype(dtype)
            lv[e] += (threshold * lv[e] + back[e]) / q - penalty[e]
            for j, q in zip(r.output[s + 1], r.output_slope[s + 1], strict=True):
                if defects and j in r.output[-1]:
                    continue
                first = firsts[int(j)] == s + 1
                lvo[j] += (threshold * lvo[j] + (jump[j] if first else 0)) / dtype(q)
        e = r.hidden[s][~np.isin(r.hidden[s], lost_hid)]
        if network.recurrent:
            gradients[1][e] -= hidden.syn * li
            back[e] = weights[1][e] @ (lv - li)
        else:
            back[e] = 0
        gradients[2][e] -= out.syn * lio
        back[e] += weights[2][e] @ (lvo - lio)
        gradients[0][r.inputs[s][~np.isin(r.inputs[s], lost_in)]] -= hidden.syn * li
    return gradients
