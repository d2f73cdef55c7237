"""Who trains, who validates, who tests: always by speaker.

A split is a table with one row an example: part, example, label, class, speaker, side. The
data set's own test part always is the test side. Training and validation never share a speaker.

SHD's own design lets speakers of its training part recur in its test part, beside two who are
only there. So accuracy on the test side mixes known and new speakers: `unseen` tells them apart.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from spikespeech.errors import InputError
from spikespeech.reading import HINT, read_csv
from spikespeech.spikes import SpikeTrains
from spikespeech.spikes.stored import Joined, Stored

COLUMNS = ["part", "example", "label", "class", "speaker", "side"]


def examples(part, labels, speakers, classes):
    """Return the rows of one part (train, valid or test) of a data set, without their side."""
    labels = np.asarray(labels)
    return pd.DataFrame(
        {
            "part": part,
            "example": np.arange(len(labels)),
            "label": labels,
            "class": np.asarray(classes, dtype=object)[labels],
            "speaker": np.asarray(speakers),
        }
    )


def split(rows, fold, *, validation_speakers, seed):
    """Return the split `fold` of a data set's `examples` (all parts, one below the other).

    Parameters
    ----------
    fold : "main", which validates on the part "valid" where the data set has one (SSC), else on
        `validation_speakers`; or "speaker-<k>", leave-one-speaker-out, which validates on
        speaker k alone
    validation_speakers : a list of speakers of the training part, or how many of them to draw
    seed : int, of the draw
    """
    parts = set(rows.part)
    if "train" not in parts:
        raise InputError("no training part", hint="give the part named train")
    official = "valid" in parts
    one = re.fullmatch(r"speaker-(\d+)", fold)
    if not one and fold != "main":
        raise InputError(f"unknown fold {fold!r}", hint="main or speaker-<number>")
    if one and official:
        raise InputError(
            f"fold {fold!r} of a data set that has a validation part of its own",
            hint="use the fold main",
        )
    rows = rows.assign(
        side=rows.part.map({"train": "train", "valid": "validation", "test": "test"})
    )
    if not official:
        known = training_speakers(rows)
        wanted = [int(one[1])] if one else validation_speakers
        chosen = choose(known, wanted, seed)
        rows.loc[(rows.part == "train") & rows.speaker.isin(chosen), "side"] = "validation"
    check(rows)
    return rows[COLUMNS]


def training_speakers(rows):
    """Return the sorted speakers of the training part. Raises InputError where one is unknown."""
    rows = rows[rows.part == "train"]
    nameless = rows[rows.speaker < 0]
    if len(nameless):
        raise InputError(
            "has no speaker",
            file="training part",
            example=int(nameless.example.iloc[0]),
            hint="give every training example a speaker number from 0 in `extra/speaker`",
        )
    return np.unique(rows.speaker)


def choose(known, wanted, seed):
    """Return the validation speakers: the list `wanted`, or as many drawn from `known`.

    At least one of the `known` speakers is left to train on.
    """
    listing = ", ".join(map(str, known))
    if isinstance(wanted, int):
        if not 0 <= wanted < len(known):
            raise InputError(
                f"{wanted} validation speakers of {len(known)} in the training part",
                hint=f"0 to {len(known) - 1}",
            )
        return np.sort(np.random.default_rng(seed).choice(known, wanted, replace=False))
    for speaker in wanted:
        if speaker not in known:
            raise InputError(
                f"validation speaker {speaker} is not in the training part",
                hint=f"known: {listing}",
            )
    if set(wanted) >= set(known.tolist()):
        raise InputError("all speakers validate, none is left to train on", hint="name fewer")
    return np.asarray(wanted, dtype=np.int64)


def check(rows):
    """Raise InputError if a speaker trains and validates, or a class has nobody to train it."""
    train, validation = (rows[rows.side == side] for side in ("train", "validation"))
    both = sorted(set(train.speaker[train.speaker >= 0]) & set(validation.speaker))
    if both:
        raise InputError(
            f"speaker {both[0]} is on the training and on the validation side",
            hint="a speaker may be on one of them only",
        )
    untrained = sorted(set(rows["class"]) - set(train["class"]))
    if untrained:
        raise InputError(
            f"no training speaker says {untrained[0]!r}", hint="choose other validation speakers"
        )


def read(path):
    """Read a split written with `files.write_csv`."""
    rows = read_csv(path, dtype={"class": str}, keep_default_na=False)
    if list(rows.columns) != COLUMNS:
        raise InputError("not a split", file=path, hint=HINT)
    return rows


def side(rows, part, *names):
    """Return the example numbers within `part` that are on the sides `names` (n,)."""
    return rows.example[rows.side.isin(names) & (rows.part == part)].to_numpy()


def gather(files, rows, *names):
    """Return the examples on the sides `names` as Stored, in the order of the files and rows.

    `files` are paths of binned spikes, each named by its part. Without any example it has the
    channels and classes of the first.
    """
    by_part = {Path(file).stem: file for file in files}
    wanted = set(rows.part[rows.side.isin(names)])
    if missing := wanted - set(by_part):
        raise InputError(f"no file of the part {min(missing)!r}", hint="give one named after it")
    parts = [part for part in by_part if part in wanted] or list(by_part)[:1]
    spikes = [_open(by_part[part], rows, part) for part in parts]
    begins = np.cumsum([0, *map(len, spikes[:-1])])
    examples = [begin + side(rows, part, *names) for part, begin in zip(parts, begins, strict=True)]
    return Stored(spikes[0] if len(spikes) == 1 else Joined(spikes), np.concatenate(examples))


def _open(file, rows, part):
    """Return the SpikeTrains of the file of a `part`; raise InputError unless the split fits."""
    spikes = SpikeTrains.open(file)
    if len(spikes) != np.sum(rows.part == part):
        raise InputError(
            f"{len(spikes)} examples, but the split has {np.sum(rows.part == part)}",
            file=file,
            hint="run the workflow again",
        )
    return spikes


def unseen(rows):
    """Return whether each example's speaker is on neither the training nor the validation side.

    Examples without a speaker count as seen.
    """
    seen = set(rows.speaker[rows.side != "test"])
    return (~rows.speaker.isin(seen) & (rows.speaker >= 0)).to_numpy()


def summary(rows):
    """Return the number of examples of each speaker (row) on each side (column)."""
    counts = rows.groupby(["speaker", "side"]).size().unstack(fill_value=0)
    sides = [side for side in ("train", "validation", "test") if side in counts]
    return counts[sides]
