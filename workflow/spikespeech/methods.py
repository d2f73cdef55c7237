"""Training methods side by side: what each gets, what each reports, and who is not here.

Every method trains on the same examples of the training speakers, as often, without augmentation,
and is scored once on the validation speakers, who choose nothing.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from spikespeech import command, splits
from spikespeech.errors import InputError

LABELS = {
    "eventprop": "EventProp",
    "bptt": "BPTT with surrogate gradients",
    "eprop": "e-prop",
    "conversion": "ANN-to-SNN conversion",
    "stdp": "STDP with a read-out",
}

ABSENT = 3
"""Exit status of a peer's script whose library is not installed."""


def parser(description):
    """Return a parser with what every method's script takes."""
    arguments = command.parser(description)
    arguments.add_argument("parts", type=Path, nargs="+", help="binned spikes, train.h5 and others")
    arguments.add_argument(
        "--split", type=Path, required=True, help="who trains, who validates (CSV)"
    )
    arguments.add_argument(
        "--settings", type=command.json_argument, required=True, help="JSON of the method's own"
    )
    arguments.add_argument("--out", type=Path, required=True, help="result to write (JSON)")
    return arguments


def sides(arguments):
    """Return (training, validation) SpikeTrains of the arguments of `parser`."""
    rows = splits.read(arguments.split)
    train, validation = (
        splits.gather(arguments.parts, rows, side) for side in ("train", "validation")
    )
    if not len(validation):
        raise InputError(
            "no validation speakers to score on", file=arguments.split, mend="hold some out"
        )
    return train, validation


def trained(predictions, validation, meter, library, network):
    """Return the result of a method that ran.

    Parameters
    ----------
    predictions : (n,) classes of the validation examples
    meter : Meter of the training alone
    library, network : text, what computed and what was trained
    """
    return {
        "status": "trained",
        "reason": "",
        "accuracy": float(np.mean(predictions == validation.labels)),
        "examples": len(validation),
        "library": library,
        "network": network,
        **meter.cost(),
    }


def not_run(reason):
    """Return the result of a method whose library is not here."""
    return {"status": "not run", "reason": reason}


def ask_peer(python, script, train, validation, settings, **arrays):
    """Run a method's script in another interpreter; return its result.

    The script gets the path of an npz file: `{train,validation}_{offsets,steps,units,labels}`,
    `settings` (JSON) and `arrays`. It prints a line of JSON, which is the result without status
    and reason, or ends with the status ABSENT. Nothing of it is a result where it fails otherwise.

    Parameters
    ----------
    python : the interpreter, or None where there is none
    """
    if python is None:
        return not_run("no interpreter with its library is configured")
    for name, spikes in (("train", train), ("validation", validation)):
        for key in ("offsets", "steps", "units", "labels"):
            arrays[f"{name}_{key}"] = getattr(spikes, key)
    shape = {
        "inputs": train.n_units,
        "outputs": train.n_classes,
        "steps": train.n_steps,
        "dt_ms": train.dt_ms,
    }
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work.npz"
        np.savez(work, settings=np.array(json.dumps(settings | shape)), **arrays)
        try:
            done = subprocess.run(
                [python, Path(script).resolve(), work],
                capture_output=True,
                text=True,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
            )
        except FileNotFoundError:
            raise InputError(
                "no such interpreter",
                file=python,
                mend="null in the configuration if there is none",
            ) from None
    told = done.stderr.strip().splitlines()[-1:]
    if done.returncode == ABSENT:
        return not_run(*told)
    if done.returncode:
        raise InputError(f"{Path(script).name} failed in {python}: {''.join(told)}")
    return {"status": "trained", "reason": "", **json.loads(done.stdout.splitlines()[-1])}
