"""Who trains, who validates, who tests: by speaker, unless the recordings have none.

A split is a table with one row an example: part, example, label, class, speaker, side. The
data set's own test part always is the test side. Training and validation never share a speaker,
but where the user asks for a share of the examples, as none of them has a speaker.

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
from spikespeech.spikes.stored import JoinedSpikes, StoredSpikes

COLUMNS = ["part", "example", "label", "class", "speaker", "side"]
PARTS, SIDES = ("train", "valid", "test"), ("train", "validation", "test")
MOST_LISTED = 20  # speakers that an error lists


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


def split(rows, fold, *, validation_speakers, seed, validation_share=None, names=None):
    """Return the split `fold` of a data set's `examples` (all parts, one below the other).

    Parameters
    ----------
    fold : "main", which validates on the part "valid" where the data set has one (SSC), else on
        `validation_speakers`; or "speaker-<k>", leave-one-speaker-out, which validates on
        speaker k alone, a name or number
    validation_speakers : a list of speakers of the training part, names or numbers, or how many
        of them to draw
    seed : int, of the draw
    validation_share : of each class' training examples, whoever speaks them, that validates
        instead of speakers
    names : {number: name} of the speakers that have one
    """
    check_classes(rows)
    parts = set(rows.part)
    if "train" not in parts:
        raise InputError("no training part", hint="give the part named train")
    official = "valid" in parts
    one = re.fullmatch(r"speaker-(.+)", fold)
    if not one and fold != "main":
        raise InputError(
            f"unknown fold {fold!r}", hint="main or speaker-<number>, or speaker-<name>"
        )
    if one and (official or validation_share):
        own = "a validation part of its own" if official else "no split by speakers"
        raise InputError(f"fold {fold!r} of a data set that has {own}", hint="use the fold main")
    rows = rows.assign(
        side=rows.part.map({"train": "train", "valid": "validation", "test": "test"})
    )
    if not official and validation_share:
        rows.loc[_share(rows, validation_share, seed), "side"] = "validation"
    elif not official:
        known = training_speakers(rows)
        wanted = [one[1]] if one else validation_speakers
        chosen = choose(known, wanted, seed, names)
        rows.loc[(rows.part == "train") & rows.speaker.isin(chosen), "side"] = "validation"
    check(rows, by_speaker=not validation_share)
    return rows[COLUMNS]


def _share(rows, share, seed):
    """Return the indices of a share of each class' training examples, of one or more if it can."""
    rng, chosen = np.random.default_rng(seed), []
    for _, own in rows[rows.part == "train"].groupby("label"):
        n = min(max(round(share * len(own)), 1), len(own) - 1)
        chosen.extend(rng.choice(own.index, n, replace=False))
    return sorted(chosen)


def training_speakers(rows):
    """Return the sorted speakers of the training part. Raises InputError where one is unknown."""
    rows = rows[rows.part == "train"]
    nameless = rows[rows.speaker < 0]
    if len(nameless):
        first = nameless.iloc[0]
        raise InputError(
            "has no speaker",
            file="training part",
            example=first["name"] if "name" in nameless else int(first.example),
            hint=f"{len(nameless)} of {len(rows)} have none: give them one (`pattern` or "
            "`table` of the data set, `extra/speaker` of a spike file), or split by examples: "
            "`validation_share`",
        )
    return np.unique(rows.speaker)


def find_speaker(wanted, known, names=None):
    """Return the number of the speaker `wanted`, a name or number, among those `known`.

    Where the speakers have names and one of these is a number, numbers are names.
    """
    names = {name: number for number, name in (names or {}).items() if number in known}
    if str(wanted) in names:
        return names[str(wanted)]
    numbered = not any(name.isdecimal() for name in names)
    if numbered and str(wanted).isdecimal() and int(wanted) in known:
        return int(wanted)
    listing = [f"{number} ({name})" if numbered else name for name, number in names.items()]
    listing = listing or list(map(str, known))
    more = f" and {len(listing) - MOST_LISTED} more" if len(listing) > MOST_LISTED else ""
    raise InputError(
        f"validation speaker {wanted} is not in the training part",
        hint=f"known: {', '.join(listing[:MOST_LISTED])}{more}",
    )


def choose(known, wanted, seed, names=None):
    """Return the validation speakers: the list `wanted`, or as many drawn from `known`.

    At least one of the `known` speakers is left to train on.
    """
    if isinstance(wanted, int):
        if not 0 <= wanted < len(known):
            raise InputError(
                f"{wanted} validation speakers of {len(known)} in the training part",
                hint=f"0 to {len(known) - 1}",
            )
        return np.sort(np.random.default_rng(seed).choice(known, wanted, replace=False))
    chosen = [find_speaker(speaker, known, names) for speaker in wanted]
    if set(chosen) >= set(known.tolist()):
        raise InputError("all speakers validate, none is left to train on", hint="name fewer")
    return np.asarray(chosen, dtype=np.int64)


def check_classes(rows):
    """Raise InputError unless a label is the same class in all parts, and the reverse."""
    pairs = rows[["part", "label", "class"]].drop_duplicates(["label", "class"])
    if pairs["label"].is_unique and pairs["class"].is_unique:
        return
    for one in ("label", "class"):
        for value in pairs.loc[pairs[one].duplicated(), one]:
            first, second, *_ = pairs[pairs[one] == value].itertuples(index=False, name=None)
            raise InputError(
                f"label {first[1]} is class {first[2]!r} in the part {first[0]}, but label "
                f"{second[1]} is class {second[2]!r} in {second[0]}",
                hint="`extra/keys` must name the classes in one order in all parts; "
                "scripts/data/import_spikes.py brings them into it",
            )


def check(rows, *, by_speaker=True):
    """Raise InputError if a speaker trains and validates, or a class has nobody to train it."""
    train, validation = (rows[rows.side == side] for side in ("train", "validation"))
    both = sorted(set(train.speaker[train.speaker >= 0]) & set(validation.speaker))
    if both and by_speaker:
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
    """Read a split written with `files.write_csv`. Raises InputError where it is not one."""
    rows = read_csv(path, dtype=str, keep_default_na=False)
    if list(rows.columns) != COLUMNS:
        raise InputError("not a split", file=path, hint=HINT)
    for column, known in (("part", PARTS), ("side", SIDES)):
        if strange := sorted(set(rows[column]) - set(known)):
            raise InputError(f"{column} {strange[0]!r} is unknown", file=path, hint=HINT)
    for column, least in (("example", 0), ("label", 0), ("speaker", -1)):
        whole = rows[column].str.fullmatch(r"-?\d{1,18}")
        if not whole.all():
            raise InputError(f"{column} {rows[column][~whole].iloc[0]!r}", file=path, hint=HINT)
        rows[column] = rows[column].astype(np.int64)
        if len(rows) and rows[column].min() < least:
            raise InputError(f"{column} {rows[column].min()}", file=path, hint=HINT)
    for part, own in rows.groupby("part"):
        if not np.array_equal(np.sort(own.example), np.arange(len(own))):
            raise InputError(
                f"the examples of part {part} are not 0 to {len(own) - 1}, each once",
                file=path,
                hint=HINT,
            )
    return rows


def side(rows, part, *names):
    """Return the example numbers within `part` that are on the sides `names` (n,)."""
    return rows.example[rows.side.isin(names) & (rows.part == part)].to_numpy()


def gather(files, rows, *names):
    """Return the examples on the sides `names` as StoredSpikes, in the order of the files and rows.

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
    return StoredSpikes(
        spikes[0] if len(spikes) == 1 else JoinedSpikes(spikes), np.concatenate(examples)
    )


def _open(file, rows, part):
    """Return the SpikeTrains of the file of a `part`; raise InputError unless the split fits."""
    spikes = SpikeTrains.open(file)
    if len(spikes) != np.sum(rows.part == part):
        raise InputError(
            f"{len(spikes)} examples, but the split has {np.sum(rows.part == part)}",
            file=file,
            hint="run the workflow again",
        )
    own = rows[rows.part == part].sort_values("example")
    if not np.array_equal(spikes.labels, own.label):
        raise InputError(
            "has other labels than the split", file=file, hint="run the workflow again"
        )
    return spikes


def unseen(rows):
    """Return whether each example's speaker is on neither the training nor the validation side.

    Examples without a speaker count as seen.
    """
    seen = set(rows.speaker[rows.side != "test"])
    return (~rows.speaker.isin(seen) & (rows.speaker >= 0)).to_numpy()


def only_unseen(rows):
    """Return `rows` with only unheard speakers on the test side, and words of training alone.

    The others are "left out". Where all speakers are known, all of them stay.
    """
    tested = (rows.side == "test") & rows.label.isin(rows.label[rows.side == "train"])
    apart = tested & unseen(rows)
    scored = apart if apart.any() else tested
    return rows.assign(side=rows.side.where((rows.side != "test") | scored, "left out"))


def sample(spikes, most):
    """Return at most `most` of the examples, drawn by a fixed seed and in order, as SpikeTrains."""
    among = np.arange(len(spikes))
    if len(among) > most:
        among = np.sort(np.random.default_rng(0).choice(among, most, replace=False))
    return spikes.take(among)


def summary(rows):
    """Return the number of examples of each speaker (row) on each side (column)."""
    counts = rows.groupby(["speaker", "side"]).size().unstack(fill_value=0)
    sides = [side for side in ("train", "validation", "test") if side in counts]
    return counts[sides]
