"""A linear read-out of a data set's spike counts, beside the networks on the same test words.

Multinomial logistic regression, see `spikespeech.methods.readout`, of counts in BINS bins of time
and groups of as many channels. Its penalty is chosen on the validation speakers; the test part is
scored once. It tells how much of the task needs neither spike times nor a hidden layer.
"""

from pathlib import Path

import numpy as np
from evaluate import by, counts
from threadpoolctl import threadpool_limits

from spikespeech import command, files
from spikespeech.methods import readout
from spikespeech.network import axes
from spikespeech.spikes import splits

BINS = 10
INVERSE_PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
UNCHOSEN = 1e-2
"""The inverse penalty where nobody validates."""


def gather(parts, rows, *sides):
    """Return (counts, labels) of the examples on these sides."""
    spikes = splits.gather(parts, rows, *sides)
    return readout.counts(spikes, BINS, BINS), np.asarray(spikes.labels)


def choose(train, validation):
    """Return (inverse penalty, [{inverse_penalty, accuracy}]) by accuracy on `validation`.

    The strongest penalty within one standard error of the best (Hastie et al. 2009, section 7.10):
    a few words tell the weak ones apart, each of which fits `train` perfectly.
    """
    if not len(validation[1]):
        return UNCHOSEN, []
    tried = []
    for inverse in INVERSE_PENALTIES:
        predictions = readout.fit(*train, inverse).predict(validation[0])
        accuracy = float(np.mean(predictions == validation[1]))
        tried.append({"inverse_penalty": inverse, "accuracy": accuracy})
    best = max(trial["accuracy"] for trial in tried)
    enough = best - np.sqrt(best * (1 - best) / len(validation[1]))
    return next(t["inverse_penalty"] for t in tried if t["accuracy"] >= enough), tried


def main(arguments):
    """Choose, fit and score; write the record and the prediction for each test example."""
    rows = splits.read(arguments.split)
    train, validation = (gather(arguments.parts, rows, side) for side in ("train", "validation"))
    with threadpool_limits(1):
        inverse, tried = choose(train, validation)
        if arguments.both:
            train = [np.concatenate(pair) for pair in zip(train, validation, strict=True)]
        classifier = readout.fit(*train, inverse)
    features, _ = gather(arguments.parts, rows, "test")
    unseen = splits.unseen(rows)[rows.side == "test"]
    known = set(rows.speaker[rows.side != "test"])
    rows = rows[rows.side == "test"].assign(prediction=classifier.predict(features))
    own = {"dataset": arguments.dataset, "fold": arguments.fold}
    predictions = rows[["part", "example", "label", "prediction", "speaker"]]
    files.write_csv(arguments.predictions, axes.mark(predictions, own))
    files.write_json(
        arguments.record,
        {
            **own,
            "features": features.shape[1],
            "inverse_penalty": inverse,
            "tried": tried,
            "trained": len(train[1]),
            "validated": len(validation[1]),
            "validation": max((trial["accuracy"] for trial in tried), default=None),
            "test": counts(rows),
            "unseen": counts(rows[unseen]) if unseen.any() else None,
            "speakers": [
                {**row, "unseen": row["speaker"] >= 0 and row["speaker"] not in known}
                for row in by("speaker", rows)
            ],
        },
    )


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("parts", type=Path, nargs="+", help="binned spikes, train.h5 and others")
    parser.add_argument("--split", type=Path, required=True, help="who trains (CSV)")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--fold", required=True, help="name of the split")
    parser.add_argument(
        "--both", action="store_true", help="validation speakers train, too, once all is chosen"
    )
    parser.add_argument("--record", type=Path, required=True, help="what it came to (JSON)")
    parser.add_argument("--predictions", type=Path, required=True, help="of the test (CSV)")
    command.run(main, parser.parse_args())
