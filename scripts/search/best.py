"""Put the trials of one chain of a search into a table, and its best trial's settings aside.

A chain is one proposer with one optimiser seed. Its initial design belongs to it, though other
proposers of that seed share it.
"""

from pathlib import Path

import pandas as pd

from spikespeech import command
from spikespeech.errors import InputError
from spikespeech.files import write_csv, write_json
from spikespeech.forms import Number
from spikespeech.reading import read_json
from spikespeech.search import layout, space


def tabulate(records, seconds, proposals, settings):
    """Return one row a trial, in order.

    Parameters
    ----------
    records : trial records in their order
    seconds : CPU seconds of each trial
    proposals : {round: CPU seconds of its proposal}; a round's first trial bears them
    settings : {"search", "proposer", "seed"} of the chain
    """
    rows = []
    for order, (record, spent) in enumerate(zip(records, seconds, strict=True), start=1):
        first = record["trial"] == 1
        rows.append(
            {
                **settings,
                "order": order,
                "initial": record["proposer"] == "initial",
                "round": record["round"],
                "trial": record["trial"],
                "status": record["status"],
                "objective": record["objective"],
                "accuracy": record["accuracy"],
                "spikes": record["spikes"],
                "parameters": record["parameters"],
                "cpu_seconds": spent + (proposals[record["round"]] if first else 0.0),
                **{key: space.cell(value) for key, value in record["point"].items()},
            }
        )
    return pd.DataFrame(rows)


def incumbent(records):
    """Return the best record; of equal ones the first. Raises InputError if every trial failed."""
    if all(record["status"] == "failed" for record in records):
        raise InputError(
            f"all {len(records)} trials failed, the first because: {records[0]['reason']}",
            hint="change the space or the settings of the search",
        )
    return max(records, key=lambda record: record["objective"])


def main(arguments):
    records, seconds, proposals = [], [], {}
    for path in map(Path, arguments.trials):
        record = read_json(path, keys=layout.RECORD)
        records.append(record)
        seconds.append(_seconds(path.with_suffix(".time.json")))
        proposals[record["round"]] = _seconds(path.with_name("proposal.time.json"))
    write_csv(arguments.table, tabulate(records, seconds, proposals, arguments.settings))
    write_json(arguments.best, incumbent(records))


def _seconds(path):
    return read_json(path, keys={"cpu_seconds": Number(0)})["cpu_seconds"]


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument(
        "--trials",
        nargs="+",
        required=True,
        help="trial records in order; beside each its *.time.json, and its proposal's",
    )
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: search, proposer, seed",
    )
    parser.add_argument("--table", required=True, help="CSV file to write")
    parser.add_argument("--best", required=True, help="JSON file to write")
    command.run(main, parser.parse_args())
