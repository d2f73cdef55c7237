"""Backpropagation through time with surrogate gradients by snnTorch; `method_peer.py` calls this.

Needs numpy and snnTorch only. The network has the constants, initial weights and loss of the
engine's, with snnTorch's own default surrogate; Adam has a constant learning rate. The weights are
those of the best epoch by training accuracy.
"""

import json
import sys

import numpy as np

from spikespeech.meter import Meter

try:
    import snntorch
    import torch
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)


class Model(torch.nn.Module):
    """A hidden layer of current-based LIF neurons and leaky-integrator outputs."""

    def __init__(self, work, settings):
        super().__init__()
        neuron, dt = settings["neuron"], settings["dt_ms"]
        synapse, membrane = (float(np.exp(-dt / neuron[k])) for k in ("tau_syn", "tau_mem"))
        names = ["input_hidden", "hidden_output"] + ["hidden_hidden"] * settings["recurrent"]
        self.weights = torch.nn.ParameterDict({k: torch.as_tensor(work[k]) for k in names})
        # A weight's effect on V in the engine, whose currents and voltages are solved exactly.
        self.scale = (1 - membrane) * (1 - synapse) * neuron["tau_syn"] / dt
        self.window = torch.as_tensor(work["window"], dtype=torch.float32)
        self.hidden = snntorch.Synaptic(
            alpha=synapse, beta=membrane, threshold=neuron["threshold"], reset_mechanism="zero"
        )
        self.outputs = snntorch.Synaptic(alpha=synapse, beta=membrane, reset_mechanism="none")

    def forward(self, spikes):
        """Return read-outs (n, n_outputs) of dense spikes (n_steps, n, n_inputs)."""
        currents = spikes @ self.weights["input_hidden"] * self.scale
        states, reads = self.hidden.init_synaptic(), self.outputs.init_synaptic()
        z, total = None, 0
        for current, share in zip(currents, self.window / len(self.window), strict=True):
            if z is not None and "hidden_hidden" in self.weights:
                current = current + z @ self.weights["hidden_hidden"] * self.scale
            z, *states = self.hidden(current, *states)
            _, *reads = self.outputs(z @ self.weights["hidden_output"] * self.scale, *reads)
            total = total + share * reads[1]
        return total


def dense(work, side, indices, settings):
    """Return (n_steps, n, n_inputs) spikes of some examples, and their labels."""
    spikes = torch.zeros(settings["steps"], len(indices), settings["inputs"])
    for column, i in enumerate(indices):
        span = slice(*work[f"{side}_offsets"][i : i + 2])
        steps, units = (work[f"{side}_{k}"][span].astype(np.int64) for k in ("steps", "units"))
        spikes[steps, column, units] = 1
    return spikes, torch.as_tensor(work[f"{side}_labels"][indices])


def batches(order, size):
    """Return consecutive parts of an order."""
    return [order[i : i + size] for i in range(0, len(order), size)]


def learn(model, work, settings):
    """Train; the model ends with its best weights by training accuracy while learning."""
    optimiser = torch.optim.Adam(model.parameters(), lr=settings["learning_rate"])
    rng, best = np.random.default_rng(settings["seed"]), (-1.0, None)
    n = len(work["train_labels"])
    for epoch in range(settings["epochs"]):
        right = 0
        for indices in batches(rng.permutation(n), settings["batch_size"]):
            spikes, labels = dense(work, "train", indices, settings)
            optimiser.zero_grad()
            readouts = model(spikes)
            torch.nn.functional.cross_entropy(readouts, labels).backward()
            optimiser.step()
            right += int((readouts.argmax(dim=1) == labels).sum())
        print(f"epoch {epoch + 1}: training accuracy {right / n:.1%}", file=sys.stderr)
        if right / n > best[0]:
            best = right / n, {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(best[1])


def main(path):
    """Train on the npz file that `method_peer.py` wrote; print the result."""
    torch.set_num_threads(1)
    work = dict(np.load(path))
    settings = json.loads(str(work["settings"]))
    torch.manual_seed(settings["seed"])
    model = Model(work, settings)
    with Meter() as meter:
        learn(model, work, settings)
    right, n = 0, len(work["validation_labels"])
    with torch.no_grad():
        for indices in batches(np.arange(n), settings["batch_size"]):
            spikes, labels = dense(work, "validation", indices, settings)
            right += int((model(spikes).argmax(dim=1) == labels).sum())
    print(
        json.dumps(
            {
                "accuracy": right / n,
                "examples": n,
                "library": f"snnTorch {snntorch.__version__}",
                "network": f"{settings['hidden']} LIF{', recurrent' * settings['recurrent']}",
                **meter.cost(),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
