"""The state of a training after its last whole epoch, from which an interrupted one goes on."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from spikespeech import reading
from spikespeech.errors import InputError
from spikespeech.files import atomic
from spikespeech.network import Parameters
from spikespeech.spikes.stored import chunks


def identity(spikes_train, spikes_validation, settings, stamp):
    """Return a digest of all that a training's result depends on."""
    digest = hashlib.blake2b(json.dumps(asdict(settings), sort_keys=True).encode())
    for spikes in (spikes_train, spikes_validation):
        digest.update(repr((spikes.n_steps, spikes.n_units, spikes.dt_ms, spikes.classes)).encode())
        for some in chunks(spikes):
            for array in (some.offsets, some.steps, some.units, some.labels):
                digest.update(np.ascontiguousarray(array))
    digest.update(stamp.encode())
    return digest.hexdigest()


class Checkpoint:
    """The state after the last whole epoch, in a file that is replaced in one step.

    Parameters
    ----------
    path : the file, or None to keep nothing
    identity : digest of the training; a checkpoint with another one is not resumed
    columns : of the history
    """

    def __init__(self, path, identity, columns):
        self.path, self.identity = path and Path(path), identity
        self.columns = columns

    def write(self, backend, history, kept):
        """Write the state of a training after an epoch."""
        if self.path is None:
            return
        arrays = _arrays(backend, history, kept, self.columns)
        with atomic(self.path) as partial, partial.open("wb") as file:
            np.savez(file, identity=np.array(self.identity), **arrays)

    def load(self, backend):
        """Bring `backend` to the saved state; return (history, kept weights).

        Without a checkpoint of this very training: ([], None), and the backend as it was. Raises
        InputError, naming the file, for one that is damaged.
        """
        if self.path is None or not self.path.exists():
            return [], None
        with reading.guard(self.path, "delete it"), np.load(self.path, allow_pickle=False) as file:
            saved = dict(file)
            if str(saved.pop("identity")) != self.identity:
                return [], None
            self._check(saved, _arrays(backend, [], backend.weights, self.columns))
        groups = {
            kind: {
                key.removeprefix(kind): array
                for key, array in saved.items()
                if key.startswith(kind)
            }
            for kind in ("history_", "state_", "weights_", "kept_")
        }
        backend.weights = Parameters(groups["weights_"])
        backend.restore(groups["state_"])
        columns = {key: groups["history_"][key].tolist() for key in self.columns}
        history = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
        return history, Parameters(groups["kept_"])

    @staticmethod
    def _check(saved, expected):
        """Raise InputError unless `saved` holds what a state has, in its shapes."""
        for name in sorted(saved.keys() ^ expected.keys()):
            raise InputError(f"has {'no' if name in expected else 'an unknown'} array {name!r}")
        epochs = saved["history_epoch"].shape
        for name, array in saved.items():
            shape = epochs if name.startswith("history_") else expected[name].shape
            if array.shape != shape or array.dtype.kind not in "iufb":
                raise InputError(f"{name!r} is no array of numbers of shape {shape}")


def _arrays(backend, history, kept, columns):
    """Return the arrays of a training's state by the names that they have in a checkpoint."""
    arrays = {f"history_{key}": np.array([row[key] for row in history]) for key in columns}
    arrays |= {f"state_{key}": np.asarray(array) for key, array in backend.state().items()}
    for kind, weights in (("weights", backend.weights), ("kept", kept)):
        arrays |= {f"{kind}_{name}": array for name, array in weights.items()}
    return arrays
