"""Training methods side by side: what each gets, what each reports, and who is not here.

Every method trains on the same examples of the training speakers, as often, without augmentation.
Each tries as many settings, of which the best on the validation speakers is trained with fresh
seeds and scored once, on the test speakers.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from spikespeech import command, files
from spikespeech.errors import InputError
from spikespeech.reading import read_json
from spikespeech.spikes import splits

ABSENT = 3
"""Exit status of a peer's script whose library is not installed."""


def parser(description):
    """Return a parser with what every method's script takes."""
    arguments = command.parser(description)
    arguments.add_argument("parts", type=Path, nargs="+", help="binned spikes, train.h5 and others")
    arguments.add_argument(
        "--split", type=Path, required=True, help="who trains, validates, tests (CSV)"
    )
    arguments.add_argument(
        "--settings", type=command.json_argument, required=True, help="JSON of the method's own"
    )
    job = arguments.add_mutually_exclusive_group(required=True)
    job.add_argument(
        "--trials",
        type=command.json_argument,
        help="JSON: values of one setting to try on the validation speakers",
    )
    job.add_argument(
        "--best", type=Path, help="result of the trials, of which the best is scored on the test"
    )
    arguments.add_argument("--out", type=Path, required=True, help="result to write (JSON)")
    return arguments


def run(arguments, fit):
    """Make the trials, or train as the best of them; write the result, that of the best trial.

    Parameters
    ----------
    arguments : of `parser`
    fit : called with (train, scored, settings), SpikeTrains and a dictionary; returns a result:
        `trained` or `not_run`
    """
    if arguments.trials:
        side = "validation"
        choices = [{key: value} for key, values in arguments.trials.items() for value in values]
    else:
        best = read_json(arguments.best, keys=["status"])
        if best["status"] != "trained":
            files.write_json(arguments.out, best)
            return
        side, choices = "test", [best["chosen"]]
    rows = splits.read(arguments.split)
    train, scored = (
        spikes.take(np.arange(len(spikes)))
        for spikes in (splits.gather(arguments.parts, rows, name) for name in ("train", side))
    )
    if not len(scored):
        raise InputError(f"no {side} speakers to score on", file=arguments.split)
    results = []
    for chosen in choices:
        result = fit(train, scored, arguments.settings | chosen)
        if result["status"] != "trained":
            files.write_json(arguments.out, result)
            return
        results.append(result | {"chosen": chosen})
    best = max(results, key=lambda result: result["accuracy"])
    tried = [{key: result[key] for key in ("chosen", "accuracy")} for result in results]
    files.write_json(arguments.out, best | {"side": side, "tried": tried})


def trained(predictions, scored, meter, library, network):
    """Return the result of a method that ran.

    Parameters
    ----------
    predictions : (n,) classes of the scored examples
    meter : Meter of the training alone
    library, network : text, what computed and what was trained
    """
    return {
        "status": "trained",
        "reason": "",
        "accuracy": float(np.mean(predictions == scored.labels)),
        "examples": len(scored),
        "library": library,
        "network": network,
        **meter.cost(),
    }


def not_run(reason):
    """Return the result of a method whose library is not here."""
    return {"status": "not run", "reason": reason}


def ask_peer(python, script, train, scored, settings, **arrays):
    """Run a method's script in another interpreter; return its result.

    The script gets the path of an npz file: `{train,scored}_{offsets,steps,units,labels}`,
    `settings` (JSON) and `arrays`. It prints a line of JSON, which is the result without status
    and reason, or ends with the status ABSENT. Nothing of it is a result where it fails otherwise.

    Parameters
    ----------
    python : the interpreter, or None where there is none
    """
    if python is None:
        return not_run("no interpreter with its library is configured")
    for name, spikes in (("train", train), ("scored", scored)):
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
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            )
        except FileNotFoundError:
            raise InputError(
                "no such interpreter",
                file=python,
                hint="null in the configuration if there is none",
            ) from None
    told = done.stderr.strip().splitlines()[-1:]
    if done.returncode == ABSENT:
        return not_run(*told)
    if done.returncode:
        raise InputError(f"{Path(script).name} failed in {python}: {''.join(told)}")
    return {"status": "trained", "reason": "", **json.loads(done.stdout.splitlines()[-1])}
