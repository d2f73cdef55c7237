"""Evaluate a trained network: the test side once, for the chosen epoch's weights."""

from pathlib import Path

import numpy as np

from spikespeech import command, files, losses, network, statistics
from spikespeech.backends import native
from spikespeech.network import axes
from spikespeech.spikes import splits


def main(arguments):
    """Write accuracies with their intervals, and the prediction for each test example."""
    net, weights = network.load(arguments.weights)
    rows = splits.read(arguments.split)
    spikes = splits.gather([arguments.test], rows, "test")
    unseen = splits.unseen(rows)[rows.side == "test"]
    rows = rows[rows.side == "test"]
    own, settings = axes.of_weights(arguments.weights)
    loss = losses.make(**settings["loss"], n_steps=spikes.n_steps, dt_ms=spikes.dt_ms)
    backend = native.Backend(net, weights, loss, threads=arguments.threads)
    outcome = backend.evaluate(spikes)
    rows = rows.assign(prediction=outcome.readouts.argmax(axis=1))
    predictions = rows[["part", "example", "label", "prediction", "speaker"]]
    files.write_csv(arguments.predictions, axes.mark(predictions, own))
    files.write_json(
        arguments.evaluation,
        {
            "network": own,
            "selection": settings["selection"],
            **evaluation(rows, unseen, outcome),
        },
    )
    interval = statistics.accuracy(rows.label, rows.prediction)
    print(
        f"test accuracy {interval.estimate:.1%} "
        f"(95 % interval {interval.low:.1%} to {interval.high:.1%}, {len(rows)} examples)"
    )


def evaluation(rows, unseen, outcome):
    """Return what the predictions `rows` (label, class, prediction, speaker) come to.

    Keys: n, correct, accuracy, low, high (Wilson's 95 % interval), loss (mean), hidden_spikes
    (mean a neuron and example), classes and speakers (lists of the same counts), and unseen: the
    same for speakers who are in the test part alone, null where there are none.
    """
    names = dict(zip(rows.label, rows["class"], strict=True))
    known = set(rows.speaker[~unseen])
    return {
        **counts(rows),
        "loss": float(outcome.losses.mean()),
        "hidden_spikes": float(outcome.hidden_spikes.mean()),
        "classes": [{"class": names[row["label"]], **row} for row in by("label", rows)],
        "speakers": [{**row, "unseen": row["speaker"] not in known} for row in by("speaker", rows)],
        "unseen": counts(rows[unseen]) if unseen.any() else None,
    }


def counts(rows):
    """Return n, correct, accuracy and the bounds of its interval."""
    interval = statistics.accuracy(rows.label, rows.prediction)
    correct = int(np.sum(rows.label == rows.prediction))
    return {
        "n": len(rows),
        "correct": correct,
        "accuracy": interval.estimate,
        "low": interval.low,
        "high": interval.high,
    }


def by(column, rows):
    """Return the counts of each value of `column`."""
    table = statistics.accuracy_by(rows[column], rows.label, rows.prediction)
    return table.rename(columns={"group": column}).to_dict("records")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("weights", type=Path, help="weights.h5")
    parser.add_argument("--test", type=Path, required=True, help="binned spikes, test.h5")
    parser.add_argument("--split", type=Path, required=True, help="who trained (CSV)")
    parser.add_argument("--threads", type=int, default=1, help="results are the same for any")
    parser.add_argument("--evaluation", type=Path, required=True, help="evaluation.json to write")
    parser.add_argument("--predictions", type=Path, required=True, help="predictions.csv to write")
    command.run(main, parser.parse_args())
