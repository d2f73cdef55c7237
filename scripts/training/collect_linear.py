"""The linear read-outs of all data sets and folds, beside the networks on the same test words.

Each data set's networks are those of its best configuration by validation accuracy. The difference
is theirs less the read-out's of the same fold, word by word; its interval is over networks and
words (`statistics.crossed`). Where speakers are left out in turn, they stand beside each other on
these, too, with an interval over the folds.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from spikespeech import command, files, statistics
from spikespeech.forms import COUNT, INDEX, SHARE
from spikespeech.network import axes
from spikespeech.reading import read_csv, read_json
from spikespeech.report import selection

COUNTS = {"accuracy": SHARE, "n": COUNT}
RECORD = {"dataset": str, "fold": str, "test": COUNTS, "unseen": (None, COUNTS)}
RECORD["speakers"] = [{"speaker": INDEX, "unseen": bool}]
RECORD |= {"validation": (None, SHARE), "validated": COUNT}
PREDICTIONS = {"part": None, "example": COUNT, **selection.PREDICTIONS}


def summarise(dataset, folds, evaluations, networks):
    """Yield a row for each side of the test: all of it, and speakers who are heard nowhere else.

    Parameters
    ----------
    dataset : name
    folds : {fold: (record, predictions)} of the read-outs, as `linear.py` writes them
    evaluations : see `selection.read`
    networks : [(axes, predictions)]

    Columns: dataset, label, loss, hidden and topology of the networks; series (test, unseen, and
    validation: the speakers of two or more folds), folds, examples; accuracy, low, high of the
    read-out (over the examples of one fold, or over folds); network_accuracy, difference,
    difference_low, difference_high; networks.
    """
    configuration = selection.best_configuration(evaluations, dataset)
    best = dict(zip(selection.CONFIGURATION, configuration, strict=True))
    pairs = [
        (folds[own["fold"]][1], predictions)
        for own, predictions in networks
        if own["dataset"] == dataset and selection.matches(own, **best)
    ]
    label = evaluations.loc[evaluations["dataset"] == dataset, "label"].iloc[0]
    truth = pairs[0][0]["label"].to_numpy()
    ours, theirs = (
        np.array([pair[i]["prediction"].to_numpy() == truth for pair in pairs]) for i in (1, 0)
    )
    new = {s["speaker"] for s in folds[next(iter(folds))][0]["speakers"] if s["unseen"]}
    unseen = pairs[0][0]["speaker"].isin(new).to_numpy()
    for series, inside in (("test", np.full(len(truth), True)), ("unseen", unseen)):
        if not inside.any():
            continue
        records = [record[series] for record, _ in folds.values()]
        values = [record["accuracy"] for record in records]
        whole = statistics.mean_accuracy(values, records[0]["n"])
        gap = statistics.crossed(ours[:, inside] * 1.0 - theirs[:, inside])
        yield {
            **{"dataset": dataset, "label": label, **best, "series": series},
            **{"folds": len(values), "examples": int(inside.sum()), "networks": len(pairs)},
            **dict(zip(("accuracy", "low", "high"), whole, strict=True)),
            "network_accuracy": float(ours[:, inside].mean()),
            **dict(zip(("difference", "difference_low", "difference_high"), gap, strict=True)),
        }
    yield from left_out({"dataset": dataset, "label": label, **best}, folds, evaluations)


def left_out(base, folds, evaluations):
    """Yield the row of the speakers who are left out in turn; none for fewer than two folds.

    The read-out's penalty is the best for each fold's own speakers, which favours it.

    base : the row's first columns
    folds, evaluations : as of `summarise`
    """
    own = evaluations[evaluations["series"] == "validation"]
    for key in ("dataset", *selection.CONFIGURATION):
        own = own[own[key] == base[key]]
    ours = own.groupby("fold")["accuracy"].mean()
    records = [folds[fold][0] for fold in ours.index if fold.startswith("speaker-")]
    if len(records) < 2:
        return
    theirs = [record["validation"] for record in records]
    ours = ours[[record["fold"] for record in records]].to_numpy()
    gap = statistics.mean(ours - np.array(theirs))
    whole = statistics.mean_accuracy(theirs, records[0]["validated"])
    yield {
        **base,
        **{"series": "validation", "folds": len(records), "networks": len(own)},
        "examples": sum(record["validated"] for record in records),
        **dict(zip(("accuracy", "low", "high"), whole, strict=True)),
        "network_accuracy": float(ours.mean()),
        **dict(zip(("difference", "difference_low", "difference_high"), gap, strict=True)),
    }


def main(arguments):
    evaluations, readouts = selection.read(arguments.evaluations), {}
    predicted = {}
    for path in arguments.readouts:
        table = read_csv(path, columns={"dataset": None, "fold": None, **PREDICTIONS})
        predicted[table["dataset"].iloc[0], table["fold"].iloc[0]] = table
    for path in arguments.records:
        own = read_json(path, keys=RECORD)
        one = own, predicted[own["dataset"], own["fold"]]
        readouts.setdefault(own["dataset"], {})[own["fold"]] = one
    networks = []
    for path in arguments.predictions:
        table = read_csv(path, columns=PREDICTIONS)
        networks.append((axes.of_table(table, path), table))
    rows = [
        row
        for dataset, folds in readouts.items()
        for row in summarise(dataset, folds, evaluations, networks)
    ]
    files.write_csv(arguments.table, pd.DataFrame(rows))


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="of linear.py")
    parser.add_argument("--readouts", type=Path, nargs="+", required=True, help="their predictions")
    parser.add_argument("--predictions", nargs="+", required=True, help="predictions.csv of each")
    parser.add_argument("--evaluations", required=True, help="evaluations.csv of all networks")
    parser.add_argument("--table", required=True, help="table to write, one row a series")
    command.run(main, parser.parse_args())
