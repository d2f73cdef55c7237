"""What can be said of a study's data before any job has run."""

import os
from pathlib import Path

import numpy as np

from spikespeech.data import datasets, folders, names
from spikespeech.data.events import read_events
from spikespeech.errors import InputError, nearest
from spikespeech.importing import formats
from spikespeech.spikes.splits import choose

LONGEST_NAME = 255  # bytes of a file's or folder's


def check(config):
    """Raise InputError, naming data set and setting, where its data cannot be split as asked.

    Looked at are the folders, tables and spike files of the data sets that the study uses, and
    the place of its results, and whether the networks to import are there.
    """
    _check_results(Path((config.get("pathvars") or {}).get("results", "results")))
    for name, section in config["networks"]["import"].items():
        try:
            formats.files(section)
        except InputError as error:
            raise InputError(f"networks.import.{name}: {error}") from error
    for name, folds in uses(config).items():
        section = config["datasets"][name]
        try:
            _check(name, section, folds, config["splits"])
        except InputError as error:
            raise InputError(
                f"datasets.{name}: {error.problem}",
                file=error.file,
                example=error.example,
                hint=error.hint,
            ) from error


def _check_results(folder):
    """Raise InputError unless a folder of results can be made, as far as can be seen now."""
    problem = None
    longest = max(len(os.fsencode(part)) for part in folder.parts)
    if longest > LONGEST_NAME:
        problem = f"has a name of {longest} bytes, where a file system takes {LONGEST_NAME}"
    elif wildcard := next((sign for sign in "{}<>" if sign in str(folder)), None):
        problem = f"{folder}: Snakemake takes {wildcard} for a wildcard"
    else:
        there = next(
            path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
        )
        if not there.is_dir():
            problem = f"{there} is no folder"
    if problem:
        raise InputError(f"pathvars.results: {problem}", hint="name another folder")


def uses(config):
    """Return {data set: folds} of the networks, those that are imported, and the searches."""
    uses = {name: set(config["networks"]["fold"]) for name in config["networks"]["dataset"]}
    for section in config["networks"]["import"].values():
        uses.setdefault(section["dataset"], set()).add("main")
    for study in (config["search"] or {}).values():
        if study and study["dataset"] in config["datasets"]:
            uses.setdefault(study["dataset"], set()).update(study["objective"]["folds"])
    return uses


def _check(name, section, folds, splits):
    by_speaker = not ("valid" in datasets.parts(name, section) or section.get("validation_share"))
    known = _speakers(name, section, by_speaker)
    if not by_speaker:
        if other := sorted(folds - {"main"}):
            raise InputError(
                f"fold {other[0]!r} of a data set that is not split by speakers",
                hint="use the fold main",
            )
        return
    if known is None:
        return
    if not known:
        raise InputError(
            "no example has a speaker, so that nobody can be held out for validation",
            hint="name {speaker} in `pattern` or a column speaker in `table` (of a spike file, "
            "`extra/speaker`), or set `validation_share` to split by examples",
        )
    called = {number: name for number, name in known.items() if name}
    wanted = [[fold.removeprefix("speaker-")] for fold in sorted(folds - {"main"})]
    if "main" in folds:
        wanted.append(splits["validation_speakers"])
    for speakers in wanted:
        choose(np.array(sorted(known)), speakers, splits["seed"], called)


def _speakers(name, section, needed):
    """Return {number: name or None} of the training speakers; None where only a job can tell.

    `needed` says whether each training example must have one.
    """
    source = datasets.source(name, section)
    if source == "audio":
        return _fsdd(section) if name == "fsdd" else _folder(section, needed)
    if source == "synthesise":
        return {k: None for k in range(section["speakers"]) if k not in section["test_speakers"]}
    if source == "spikes" and Path(section["train"]).is_file():
        with read_events(section["train"], n_units=datasets.channels(name, section)) as events:
            return {int(k): events.speaker_names.get(int(k)) for k in events.speakers if k >= 0}
    return dict.fromkeys(datasets.SHD_TRAINING_SPEAKERS) if name == "shd" else None


def _fsdd(section):
    for name in section["test_speakers"]:
        _refuse_unknown(name, datasets.FSDD_SPEAKERS)
    return {
        k: name
        for k, name in enumerate(datasets.FSDD_SPEAKERS)
        if name not in section["test_speakers"]
    }


def _folder(section, needed):
    found = folders.planned(section)
    tested = [names.normal(name) for name in section.get("test_speakers", [])]
    for name in tested:
        _refuse_unknown(name, found.speakers)
    rows = [row for row in found.rows if row.part != "test" and row.speaker not in tested]
    nameless = [row for row in rows if not row.speaker]
    if needed and nameless and len(nameless) < len(rows):
        raise InputError(
            f"{nameless[0].name} has no speaker, though others have",
            file=nameless[0].where,
            hint="name one for each training example, or set `validation_share` to split by "
            "examples",
        )
    training = {row.speaker for row in rows} - {""}
    return {k: name for k, name in enumerate(found.speakers) if name in training}


def _refuse_unknown(name, speakers):
    if name not in speakers:
        raise InputError(
            f"test_speakers: there is no speaker {name!r}{nearest(name, speakers)}"
            if speakers
            else f"test_speakers: {name!r}, but no example has a speaker",
            hint="name {speaker} in `pattern`, or a column speaker in `table`"
            if not speakers
            else None,
        )
