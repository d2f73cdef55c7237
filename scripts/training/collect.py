"""Collect all networks' histories and evaluations into two tidy tables, for the figures."""

import pandas as pd

from spikespeech import command, files
from spikespeech.errors import InputError
from spikespeech.forms import COUNT, SHARE, Number
from spikespeech.network.axes import AXES
from spikespeech.report import exhibit
from spikespeech.training import schedule

HISTORY = {
    **{"epoch": COUNT, "train_loss": Number(), "train_accuracy": SHARE, "silent": COUNT},
    **{"validation_loss": Number(gaps=True), "validation_accuracy": Number(0, 1, gaps=True)},
}
COUNTS = {"accuracy": SHARE, "low": SHARE, "high": SHARE, "n": COUNT}
EVALUATION = {"selection": str, **COUNTS, "classes": [dict], "unseen": (None, COUNTS)}


def evaluations(histories, records, labels):
    """Return one row for each network and series, with the epoch that was chosen.

    Parameters
    ----------
    histories : of all networks below each other, with their axes
    records : (axes, record) of each network, as of `exhibit.records`
    labels : of the data sets, by name

    Series: train (augmented examples while learning) and validation, of the chosen epoch; test;
    unseen, the test's speakers who are heard nowhere else. Columns: the network's axes, series,
    epoch, accuracy, low, high (Wilson's 95 % interval, for the test), n, classes.
    """
    rows = []
    own = dict(iter(histories.groupby([*AXES])))
    for axes, record in records:
        table = own.get(tuple(axes.values()))
        if table is None:
            raise InputError(f"no history is of the network {axes}", hint="delete its evaluation")
        best = table.iloc[schedule.best_epoch(table.to_dict("records"), record["selection"]) - 1]
        base = {
            **axes,
            "label": labels[axes["dataset"]],
            "epoch": int(best["epoch"]),
            "classes": len(record["classes"]),
        }
        for series in ("train", "validation"):
            if pd.notna(best[f"{series}_accuracy"]):
                rows.append({**base, "series": series, "accuracy": best[f"{series}_accuracy"]})
        for series, counts in (("test", record), ("unseen", record["unseen"])):
            if counts:
                shown = {key: counts[key] for key in ("accuracy", "low", "high", "n")}
                rows.append({**base, "series": series, **shown})
    return pd.DataFrame(rows)


def main(arguments):
    histories = exhibit.join(arguments.history, arguments.labels, columns=HISTORY)
    records = exhibit.records(arguments.evaluation, EVALUATION)
    files.write_csv(arguments.histories, histories)
    files.write_csv(arguments.evaluations, evaluations(histories, records, arguments.labels))


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--history", nargs="+", required=True, help="history.csv of each network")
    parser.add_argument("--evaluation", nargs="+", required=True, help="evaluation.json of each")
    exhibit.add_labels(parser)
    parser.add_argument("--histories", required=True, help="table to write, one row an epoch")
    parser.add_argument("--evaluations", required=True, help="table to write, one row a series")
    command.run(main, parser.parse_args())
