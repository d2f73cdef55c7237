"""Run the native engine and mlGeNN side by side: the same weights and examples, then trainings.

Needs an interpreter that has mlGeNN (envs/mlgenn.txt). One table compares spikes, voltages,
read-outs, losses and gradients of both at the initial weights; the other one holds the histories
of short trainings with both.
"""

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from spikespeech import command, eventprop, files
from spikespeech.spikes import splits
from spikespeech.training import loop
from spikespeech.training.settings import Settings

BACKENDS = ("native", "mlgenn")


def compare(spikes, settings, device):
    """Return a row for each quantity that both backends compute from the same initial weights.

    Columns: loss, quantity, values (how many), nonzero (of the native engine's), differing (how
    many are not equal), largest (magnitude, of the native engine's), deviation (largest absolute
    difference), relative (deviation / largest), and genn_backend: where mlGeNN ran.
    """
    network, native = loop.start(spikes, replace(settings, backend="native"))
    _, mlgenn = loop.start(spikes, replace(settings, backend="mlgenn"), device=device)
    simulated = mlgenn.simulate(spikes)
    reference = eventprop.simulate(network, native.weights, spikes)
    mlgenn_result = mlgenn.gradients(spikes)
    native_result = eventprop.gradients(
        network,
        native.weights,
        spikes,
        loss=settings.make_loss(spikes),
        regulariser=eventprop.Regulariser(**vars(settings.regularisation)),
    )
    pairs = {
        "hidden spikes": (grid(simulated.hidden_spikes), grid(reference.hidden_spikes)),
        "output voltages": (simulated.output_v, reference.output_v),
        "read-outs": (mlgenn_result.readouts, native_result.readouts),
        "losses": (mlgenn_result.losses, native_result.losses),
    }
    for name, gradient in native_result.gradients.items():
        pairs[f"gradient of {name}"] = mlgenn_result.gradients[name], gradient
    return [
        {
            "loss": settings.loss["name"],
            "quantity": quantity,
            **difference(*pair),
            "genn_backend": mlgenn.genn_backend,
        }
        for quantity, pair in pairs.items()
    ]


def grid(trains):
    """Return hidden spikes as zeros and ones, (example, step, neuron)."""
    cells = np.zeros((len(trains), trains.n_steps, trains.n_units), np.int8)
    for i in range(len(trains)):
        cells[i][trains.example(i)] = 1
    return cells


def difference(found, reference):
    """Return how much an array differs from the reference."""
    deviation = np.abs(np.subtract(found, reference, dtype=np.float64))
    largest = float(np.abs(reference).max())
    return {
        "values": deviation.size,
        "nonzero": np.count_nonzero(reference),
        "differing": np.count_nonzero(deviation),
        "largest": largest,
        "deviation": deviation.max(),
        "relative": deviation.max() / largest,
    }


def source_digest(package):
    """Return 12 digits of the SHA-256 of a package's Python files.

    mlGeNN's releases and its HEAD have one version number, 2.3.1.
    """
    found = importlib.util.find_spec(package).submodule_search_locations[0]
    digest = hashlib.sha256()
    for path in sorted(Path(found).rglob("*.py")):
        digest.update(f"{path.relative_to(found)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def trainings(sides, settings, seeds, device):
    """Return the histories of a training with each backend from each seed."""
    for seed in seeds:
        for backend in BACKENDS:
            chosen = replace(settings, backend=backend, seed=seed)
            history = loop.train(*sides, chosen, device=device).history
            yield history.assign(backend=backend, loss=settings.loss["name"], seed=seed)


def some(spikes, n):
    """Return n examples, evenly spread over `spikes`."""
    return spikes.take(np.unique(np.linspace(0, len(spikes) - 1, n).round().astype(int)))


def main(arguments):
    chosen = arguments.settings
    rows = splits.read(arguments.split)
    train, validation = (
        splits.gather(arguments.parts, rows, side) for side in ("train", "validation")
    )
    networks = [Settings.parse(network) for network in chosen["networks"]]
    compared = some(train, chosen["examples"])
    table = pd.DataFrame(
        row for network in networks for row in compare(compared, network, arguments.device)
    ).assign(
        pygenn=importlib.metadata.version("pygenn"),
        ml_genn=importlib.metadata.version("ml_genn"),
        ml_genn_source=source_digest("ml_genn"),
    )
    files.write_csv(arguments.table, table)
    sides = some(train, chosen["train"]), some(validation, chosen["validation"])
    network = replace(networks[-1], epochs=chosen["epochs"])
    histories = trainings(sides, network, chosen["seeds"], arguments.device)
    files.write_csv(arguments.histories, pd.concat(histories))


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("parts", type=Path, nargs="+", help="binned spikes, train.h5 and others")
    parser.add_argument("--split", type=Path, required=True, help="who trains, who validates (CSV)")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: networks (settings, one a loss; the last is trained), examples (compared), "
        "train, validation (examples), epochs, seeds",
    )
    parser.add_argument("--device", default="auto", help="where mlGeNN computes")
    parser.add_argument("--table", type=Path, required=True, help="comparison to write (CSV)")
    parser.add_argument("--histories", type=Path, required=True, help="trainings to write (CSV)")
    command.run(main, parser.parse_args())
