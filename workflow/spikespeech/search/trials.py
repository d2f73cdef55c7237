"""One trial of a search: a few trainings of the same settings, and what they are worth.

The objective is the mean accuracy on held-out speakers over folds and seeds, less a penalty for
what the network costs. A training that fails, or whose network is silent, is a bad trial with the
lowest objective there can be: a search learns from it, and no round is lost.
"""

import json
import time
from pathlib import Path

import numpy as np

from spikespeech import eventprop, reading
from spikespeech.backends import native
from spikespeech.files import write_json
from spikespeech.training.loop import TrainingFailed


class CpuClock:
    """CPU seconds of a job, those before an interruption included.

    `path` is the file that remembers them between processes; `close` deletes it.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.before = 0.0
        if self.path.exists():
            with reading.guard(self.path, "delete it"):
                self.before = float(json.loads(self.path.read_text(encoding="utf-8")))

    def note(self):
        """Remember what was spent so far; return it."""
        spent = self.before + time.process_time()
        write_json(self.path, spent)
        return spent

    def close(self):
        """Forget, at the end of the job; return what was spent."""
        self.path.unlink(missing_ok=True)
        return round(self.before + time.process_time(), 3)


def attempt(train, runs, cost):
    """Return the outcome of a trial: status, reason, objective, accuracy, spikes, parameters, runs.

    Parameters
    ----------
    train : called with each of `runs`; returns the dictionary that `judge` makes
    runs : (fold, seed) pairs
    cost : see `penalty`

    accuracy, spikes and parameters are means over the runs; None where a training failed.
    """
    done = []
    for fold, seed in runs:
        try:
            done.append({"fold": fold, "seed": seed, **train(fold, seed)})
        except (TrainingFailed, MemoryError) as error:
            return {
                "status": "failed",
                "reason": f"fold {fold}, seed {seed}: {error or 'out of memory'}",
                "objective": worst(cost),
                **dict.fromkeys(("accuracy", "spikes", "parameters")),
                "runs": done,
            }
    means = {
        key: float(np.mean([run[key] for run in done]))
        for key in ("accuracy", "spikes", "parameters")
    }
    silent = any(run["spikes"] == 0 for run in done)
    return {
        "status": "silent" if silent else "ok",
        "reason": "no hidden neuron spikes on the validation side" if silent else "",
        "objective": worst(cost) if silent else means["accuracy"] - penalty(means, cost),
        **means,
        "runs": done,
    }


def penalty(means, cost):
    """Return what a network's cost takes off its objective.

    `cost` is {"spikes" or "parameters": {"limit", "weight"}}: each penalty grows linearly from 0
    to `weight`, which it has at `limit` and beyond. Spikes are those of the hidden layer for an
    example.
    """
    return sum(c["weight"] * min(1.0, means[key] / c["limit"]) for key, c in cost.items())


def worst(cost):
    """Return the lowest objective there can be: nothing right at the highest cost."""
    return 0.0 - sum(c["weight"] for c in cost.values())


def judge(result, settings, spikes):
    """Return the accuracy of a trained network on `spikes`, and what it costs; and each answer.

    Parameters
    ----------
    result : training.Result
    settings : Settings
    spikes : SpikeTrains of the held-out side

    The second value says whether each example is right, (n,) bool. Keys of the first: accuracy,
    correct, examples, best_epoch, train_accuracy (of the last epoch, while learning), spikes (of
    hidden layers, mean an example), weights, parameters (weights, learned delays and constants)
    and speakers, one {speaker, correct, examples} each.
    """
    backend = native.Backend(
        result.network,
        result.weights,
        settings.make_loss(spikes),
        eventprop.Regulariser(0.0, 0.0, 0.0),
        threads=1,
    )
    outcome = backend.evaluate(spikes)
    right = outcome.readouts.argmax(axis=1) == spikes.labels
    found = {
        "accuracy": float(right.mean()),
        "correct": int(right.sum()),
        "examples": len(right),
        "best_epoch": int(result.best_epoch),
        "train_accuracy": float(result.history["train_accuracy"].iloc[-1]),
        "spikes": float(outcome.hidden_spikes.sum(axis=1).mean()),
        "weights": result.network.n_weights,
        "parameters": result.network.n_learned,
        "speakers": [
            {
                "speaker": int(speaker),
                "correct": int(right[spikes.speakers == speaker].sum()),
                "examples": int((spikes.speakers == speaker).sum()),
            }
            for speaker in np.unique(spikes.speakers)
        ],
    }
    return found, right
