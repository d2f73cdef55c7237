"""Collect all networks' histories and evaluations into two tidy tables, for the figures."""

import pandas as pd

from spikespeech import command, files
from spikespeech.reading import read_csv, read_json
from spikespeech.training import schedule

HISTORY = [
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "silent",
]
EVALUATION = ["accuracy", "low", "high", "n", "classes", "unseen"]


def histories(tables, networks):
    """Return all histories below each other, one row an epoch, with the network's axes."""
    return pd.concat(
        (table.assign(**network) for table, network in zip(tables, networks, strict=True)),
        ignore_index=True,
    )


def evaluations(tables, records, networks, selections):
    """Return one row for each network and series, with the epoch that was chosen.

    Series: train (augmented examples while learning) and validation, of the chosen epoch; test;
    unseen, the test's speakers who are heard nowhere else. Columns: the network's axes, series,
    epoch, accuracy, low, high (Wilson's 95 % interval, for the test), n, classes.
    """
    rows = []
    for table, record, network, selection in zip(
        tables, records, networks, selections, strict=True
    ):
        best = table.iloc[schedule.best_epoch(table.to_dict("records"), selection) - 1]
        base = {**network, "epoch": int(best["epoch"]), "classes": len(record["classes"])}
        for series in ("train", "validation"):
            if pd.notna(best[f"{series}_accuracy"]):
                rows.append({**base, "series": series, "accuracy": best[f"{series}_accuracy"]})
        for series, counts in (("test", record), ("unseen", record["unseen"])):
            if counts:
                shown = {key: counts[key] for key in ("accuracy", "low", "high", "n")}
                rows.append({**base, "series": series, **shown})
    return pd.DataFrame(rows)


def main(arguments):
    settings = arguments.settings
    tables = [read_csv(path, columns=HISTORY) for path in arguments.history]
    records = [read_json(path, keys=EVALUATION) for path in arguments.evaluation]
    networks = [
        {**network, "label": settings["labels"][network["dataset"]]}
        for network in settings["networks"]
    ]
    files.write_csv(arguments.histories, histories(tables, networks))
    files.write_csv(
        arguments.evaluations, evaluations(tables, records, networks, settings["selections"])
    )


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--history", nargs="+", required=True, help="history.csv of each network")
    parser.add_argument("--evaluation", nargs="+", required=True, help="evaluation.json of each")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: networks (axes of each file), their selections, labels of the data sets",
    )
    parser.add_argument("--histories", required=True, help="table to write, one row an epoch")
    parser.add_argument("--evaluations", required=True, help="table to write, one row a series")
    command.run(main, parser.parse_args())
