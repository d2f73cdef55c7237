"""Propose the trials of one round of a search, from the records of the trials before it."""

import time

from spikespeech import command, reading
from spikespeech.files import write_json
from spikespeech.search import layout, propose, space


def main(arguments):
    settings = dict(arguments.settings)
    dimensions = space.parse(settings.pop("space"))
    records = [read_trial(path, dimensions) for path in arguments.trials]
    points = propose.propose(
        arguments.proposer,
        dimensions,
        records,
        seed=arguments.seed,
        round=arguments.round,
        **settings,
    )
    write_json(
        arguments.proposal,
        {
            "proposer": arguments.proposer,
            "seed": arguments.seed,
            "round": arguments.round,
            "points": points,
        },
    )
    write_json(arguments.time, {"cpu_seconds": round(time.process_time(), 3)})


def read_trial(path, dimensions):
    """Return the record of an earlier trial; raise InputError unless its point is of the space."""
    with reading.guard(path, reading.HINT):
        record = reading.read_json(path, keys=layout.RECORD)
        space.check_point(dimensions, record["point"])
    return record


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--proposer", choices=(propose.INITIAL, *propose.PROPOSERS), required=True)
    parser.add_argument("--seed", type=int, required=True, help="of the optimiser")
    parser.add_argument("--round", type=int, required=True, help="from 1")
    parser.add_argument("--trials", nargs="*", default=[], help="records of the earlier trials")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON: space, trials (a round), initial, surrogate, acquisition",
    )
    parser.add_argument("--proposal", required=True, help="JSON file to write")
    parser.add_argument("--time", required=True, help="JSON file to write: CPU seconds")
    command.run(main, parser.parse_args())
