"""Training methods side by side: what each gets, what each reports, and who is not here.

Every method trains on the same examples of the training speakers, as often. Each tries as many
settings, of which the best on the validation speakers, by its mean over some seeds, is trained with
fresh ones and scored once, on the test speakers.
"""

import json
import os
import subprocess
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from spikespeech import command, files
from spikespeech.errors import InputError
from spikespeech.network import LIF
from spikespeech.spikes import delays, splits
from spikespeech.spikes.augment import Presentations

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
    arguments.add_argument(
        "--trials",
        type=command.json_argument,
        required=True,
        help="JSON: values of settings, of which the best are found on the validation speakers",
    )
    arguments.add_argument("--trial-epochs", type=int, required=True, help="of each trial")
    arguments.add_argument(
        "--trial-seeds", type=int, nargs="+", required=True, help="of each trial"
    )
    arguments.add_argument(
        "--seeds", type=int, nargs="+", required=True, help="scored on the test, with the best"
    )
    arguments.add_argument("--out", type=Path, required=True, help="result to write (JSON)")
    return arguments


class NotRunError(Exception):
    """The library of a method is not here; says what is missing."""


def run(arguments, fit):
    """Try settings, train with the best of them; write what came of both.

    Parameters
    ----------
    arguments : of `parser`
    fit : called with (train, scored, settings), SpikeTrains and a dictionary; returns a result,
        `trained`, or raises NotRunError

    A method that has no seed among its settings draws nothing: it is trained once for all.
    """
    rows, settings = splits.read(arguments.split), arguments.settings
    seeded = "seed" in settings

    def outcomes(side, chosen, seeds, epochs):
        """Yield (result, hits of the examples, examples of speakers who are on no other side)."""
        train, scored = sides["train"], sides[side]
        unseen = ~np.isin(scored.speakers, rows.speaker[rows.side != side])
        for seed in seeds if seeded else seeds[:1]:
            own = {"seed": seed, "epochs": epochs}
            own = {key: own[key] for key in own if key in settings}
            result = fit(train, scored, settings | own | chosen)
            hits = np.asarray(result.pop("predictions")) == scored.labels
            yield result, hits, unseen & (scored.speakers >= 0)

    def accuracy(chosen):
        """Return the mean accuracy of a trial."""
        found = outcomes("validation", chosen, arguments.trial_seeds, arguments.trial_epochs)
        return float(np.mean([hits for _, hits, _ in found]))

    try:
        sides = {side: _gather(arguments, rows, side) for side in ("train", "validation")}
        tried = search(accuracy, arguments.trials)
        best = max(tried, key=lambda trial: trial["accuracy"])["chosen"]
        sides |= {"test": _gather(arguments, rows, "test")}
        runs = []
        for result, hits, unseen in outcomes("test", best, arguments.seeds, settings.get("epochs")):
            result |= {"accuracy": float(hits.mean()), "examples": len(hits)}
            if unseen.any():
                result |= {"unseen": float(hits[unseen].mean())}
                result |= {"unseen_examples": int(unseen.sum())}
            runs.append(result)
    except NotRunError as error:
        found = {"status": "not run", "reason": str(error)}
    else:
        if not seeded:
            runs *= len(arguments.seeds)
        runs = [{"seed": s, **own} for s, own in zip(arguments.seeds, runs, strict=True)]
        found = {"status": "trained", "reason": "", "chosen": best}
        found |= {"edges": at_edges(best, arguments.trials), "tried": tried, "runs": runs}
    files.write_json(arguments.out, found)


def search(accuracy, values):
    """Return the trials [{chosen, accuracy}] of a search through one setting after the other.

    Parameters
    ----------
    accuracy : called with a dictionary, a value for each setting
    values : {setting: values}, the likeliest in the middle

    All values of the first setting are tried with the middle ones of the others, then all of the
    next with the best of those before.
    """
    best = {key: some[len(some) // 2] for key, some in values.items()}
    tried = []
    for key, some in values.items():
        for value in some:
            chosen = best | {key: value}
            if all(trial["chosen"] != chosen for trial in tried):
                tried.append({"chosen": chosen, "accuracy": accuracy(chosen)})
        best = max(tried, key=lambda trial: trial["accuracy"])["chosen"]
    return tried


def _gather(arguments, rows, side):
    spikes = splits.gather(arguments.parts, rows, side)
    if not len(spikes):
        raise InputError(f"no {side} speakers to score on", file=arguments.split)
    return spikes.take(np.arange(len(spikes)))


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


def refuse_own(settings):
    """Raise InputError where neurons are to have constants of their own, or to lack synapses."""
    if any((settings.get("connections") or {}).values()):
        raise InputError(
            "of this method all neurons of two layers are connected",
            hint="give its networks no training.connections",
        )
    if any((settings.get("constants") or {}).values()):
        raise InputError(
            "of this method all neurons of a layer have the same constants",
            hint="give its networks no training.constants",
        )


def lif(settings):
    """Return the constants of the LIF neurons by `settings`; raise InputError for other models."""
    neuron = settings["neuron"]
    if neuron["model"] != LIF.__name__:
        raise InputError(
            f"of this method neurons are {LIF.__name__}, not {neuron['model']}",
            hint=f"give its networks training.neuron.model: {LIF.__name__}",
        )
    return {field.name: neuron[field.name] for field in fields(LIF)}


def delayed(spikes, settings):
    """Return SpikeTrains as the network of `settings` meets them, without augmentation."""
    late = input_delays(spikes, settings)
    return spikes if late is None else delays.delayed(spikes, late)[0]


def trained(predictions, spikes, meter, library, network, train_accuracy=None):
    """Return the result of a training.

    Parameters
    ----------
    predictions : (n,) classes of the scored examples
    spikes : hidden spikes an example, of the scored ones; None without a hidden layer that spikes
    meter : Meter of the training alone
    library, network : text, what computed and what was trained
    train_accuracy : of the last epoch's presentations, while learning; None without epochs
    """
    return {
        "predictions": np.asarray(predictions).tolist(),
        "train_accuracy": None if train_accuracy is None else float(train_accuracy),
        "hidden_spikes": None if spikes is None else float(spikes),
        "library": library,
        "network": network,
        "failed": "",
        "cpu_s": meter.cpu_s,
        "wall_s": meter.wall_s,
    }


def failed(reason, scored, *parts):
    """Return the result of a training that broke off: all of the examples `scored` are wrong."""
    return trained(np.full(len(scored), -1), None, *parts) | {"failed": reason}


def ask_peer(python, script, train, scored, settings, **arrays):
    """Run a method's script in another interpreter; return its result.

    The script gets the path of an npz file: `{train,scored}_{offsets,steps,units,labels}`,
    `settings` (JSON) and `arrays`. It prints a line of JSON, which is the result, or ends with the
    status ABSENT, which raises NotRunError. Nothing of it is a result where it fails otherwise.

    Parameters
    ----------
    python : the interpreter, or None where there is none
    """
    if python is None:
        raise NotRunError("no interpreter with its library is configured")
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
                # Without its own folder first: a method's script has the name of its library.
                env=os.environ
                | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONSAFEPATH": "1"},
            )
        except FileNotFoundError:
            raise InputError(
                "no such interpreter",
                file=python,
                hint="null in the configuration if there is none",
            ) from None
    message = done.stderr.strip().splitlines()[-1:]
    if done.returncode == ABSENT:
        raise NotRunError("".join(message))
    if done.returncode:
        raise InputError(f"{Path(script).name} failed in {python}: {''.join(message)}")
    return json.loads(done.stdout.splitlines()[-1])
