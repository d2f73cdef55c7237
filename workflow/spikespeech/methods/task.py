"""Training methods side by side: what each gets, what each reports, and who is not here.

Every method trains on the same examples of the training speakers, as often. Each tries as many
settings, of which the best on the validation speakers, by its mean over some seeds, is trained with
fresh ones and scored once, on the test speakers.
"""

import itertools
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from spikespeech import command, files
from spikespeech.errors import InputError
from spikespeech.reading import read_json
from spikespeech.spikes import delays, splits
from spikespeech.spikes.augment import Presentations

TRIALS = {"chosen": dict, "edges": [str], "tried": [dict]}
"""What the result of trials holds besides, see `forms`."""
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
        help="JSON: values of some settings, all combinations of which are tried on the "
        "validation speakers",
    )
    job.add_argument(
        "--best", type=Path, help="result of the trials, of which the best is scored on the test"
    )
    arguments.add_argument(
        "--seeds", type=int, nargs="+", help="of each trial, instead of the settings' own"
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
        keys, values = zip(*arguments.trials.items(), strict=True)
        choices = [dict(zip(keys, some, strict=True)) for some in itertools.product(*values)]
    else:
        trials = read_json(arguments.best, keys={"status": str})
        if trials["status"] != "trained":
            files.write_json(arguments.out, trials)
            return
        trials = read_json(arguments.best, keys=TRIALS)
        side, choices = "test", [trials["chosen"]]
    rows = splits.read(arguments.split)
    train, scored = (
        spikes.take(np.arange(len(spikes)))
        for spikes in (splits.gather(arguments.parts, rows, name) for name in ("train", side))
    )
    if not len(scored):
        raise InputError(f"no {side} speakers to score on", file=arguments.split)
    unseen = ~np.isin(scored.speakers, rows.speaker[rows.side != side]) & (scored.speakers >= 0)
    # A method that draws nothing has no seed among its settings.
    seeds = arguments.seeds if arguments.seeds and "seed" in arguments.settings else [None]
    results = []
    for chosen in choices:
        hits = []
        for seed in seeds:
            own = {} if seed is None else {"seed": seed}
            result = fit(train, scored, arguments.settings | own | chosen)
            if result["status"] != "trained":
                files.write_json(arguments.out, result)
                return
            hits.append(np.asarray(result.pop("predictions")) == scored.labels)
        hits = np.mean(hits, axis=0)
        result |= {"accuracy": float(hits.mean()), "examples": len(hits), "chosen": chosen}
        if unseen.any():
            result |= {"unseen": float(hits[unseen].mean()), "unseen_examples": int(unseen.sum())}
        results.append(result)
    found = max(results, key=lambda result: result["accuracy"])
    if arguments.trials:
        tried = [{key: result[key] for key in ("chosen", "accuracy")} for result in results]
        trials = {"edges": at_edges(found["chosen"], arguments.trials), "tried": tried}
    found |= {"side": side, "edges": trials["edges"], "tried": trials["tried"]}
    files.write_json(arguments.out, found)


def at_edges(chosen, tried):
    """Return those keys of `chosen` whose value is the highest or lowest of those `tried`.

    A lowest value of 0 is no edge, as there is nothing beyond, nor is a single one.
    """
    return [
        key
        for key, values in tried.items()
        if len(values) > 1 and chosen[key] in {max(values), min(values)} - {0}
    ]


def presentations(spikes, settings):
    """Return the Presentations of training examples, augmented and delayed as `settings` say."""
    return Presentations(
        spikes,
        **settings["augmentation"],
        delays=input_delays(spikes, settings),
        seed=settings["seed"],
    )


def input_delays(spikes, settings):
    """Return the delays of the channels (n_units,) in steps, or None where there are none."""
    given = settings.get("delays") or {}
    late = given.get("input") or {}
    others = [place for place in given if place != "input" and given[place]]
    if others or late.get("learned") or late.get("shape", "source") != "source":
        raise InputError(
            "this method has no delays but fixed ones of the input channels",
            hint="give its networks no others",
        )
    return delays.draw(late, spikes.n_units, settings["seed"])


def delayed(spikes, settings):
    """Return SpikeTrains as the network of `settings` meets them, without augmentation."""
    late = input_delays(spikes, settings)
    return spikes if late is None else delays.delayed(spikes, late)[0]


def trained(predictions, spikes, meter, library, network):
    """Return the result of a method that ran.

    Parameters
    ----------
    predictions : (n,) classes of the scored examples
    spikes : hidden spikes an example, of the scored ones; None without a hidden layer that spikes
    meter : Meter of the training alone
    library, network : text, what computed and what was trained
    """
    return {
        "status": "trained",
        "reason": "",
        "predictions": np.asarray(predictions).tolist(),
        "hidden_spikes": None if spikes is None else float(spikes),
        "library": library,
        "network": network,
        "cpu_s": meter.cpu_s,
        "wall_s": meter.wall_s,
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
    message = done.stderr.strip().splitlines()[-1:]
    if done.returncode == ABSENT:
        return not_run(*message)
    if done.returncode:
        raise InputError(f"{Path(script).name} failed in {python}: {''.join(message)}")
    return {"status": "trained", "reason": "", **json.loads(done.stdout.splitlines()[-1])}
