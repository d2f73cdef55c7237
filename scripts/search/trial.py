"""Try one point of a search: train it on every fold and seed, and record its objective.

A training that fails is a recorded bad trial. An interrupted trial is resumed from the
checkpoints beside its record, which are deleted in the end.
"""

from pathlib import Path

from spikespeech import command, progress, reading
from spikespeech.errors import InputError
from spikespeech.files import write_json
from spikespeech.search import layout, space, trials
from spikespeech.spikes import splits
from spikespeech.training import loop
from spikespeech.training.settings import Settings


def main(arguments):
    proposal = reading.read_json(arguments.proposal, keys=layout.PROPOSAL)
    with reading.guard(arguments.proposal, reading.HINT):
        if not 1 <= arguments.trial <= len(proposal["points"]):
            raise InputError(f"has no point of trial {arguments.trial}")
        point = proposal["points"][arguments.trial - 1]
        settings = space.apply(arguments.settings["base"], point)
        Settings.parse(settings)
    stem = arguments.record.with_suffix("")
    meter = trials.CpuClock(f"{stem}.spent")
    checkpoints = {
        (path.stem, seed): Path(f"{stem}.{path.stem}-{seed}.npz")
        for path in arguments.splits
        for seed in arguments.settings["seeds"]
    }
    sides = {
        path.stem: [
            splits.gather(arguments.spikes, splits.read(path), side)
            for side in ("train", "validation")
        ]
        for path in arguments.splits
    }

    def train(fold, seed):
        chosen = Settings.parse({**settings, "seed": seed})
        with progress.epochs(chosen.epochs, f"{fold}, seed {seed}") as show:
            result = loop.train(
                *sides[fold],
                chosen,
                checkpoint=checkpoints[fold, seed],
                stamp=arguments.stamp,
                device=arguments.device,
                progress=lambda row: (meter.note(), show(row)),
            )
        return trials.judge(result, chosen, sides[fold][1])[0]

    outcome = trials.attempt(train, list(checkpoints), arguments.settings["cost"])
    place = {key: proposal[key] for key in ("proposer", "seed", "round")}
    write_json(
        arguments.record,
        {**place, "trial": arguments.trial, "point": point, "settings": settings, **outcome},
    )
    write_json(arguments.time, {"cpu_seconds": meter.close()})
    for checkpoint in checkpoints.values():
        checkpoint.unlink(missing_ok=True)
    values = ", ".join(f"{key} {space.cell(value)}" for key, value in point.items())
    worth = outcome["reason"] or f"objective {outcome['objective']:.3f}"
    print(
        "{proposer} seed {seed} round {round}".format(**place)
        + f" trial {arguments.trial}: {values}: {worth}"
    )


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--proposal", type=Path, required=True, help="JSON file of the round")
    parser.add_argument("--trial", type=int, required=True, help="which of its points, from 1")
    parser.add_argument(
        "--spikes", type=Path, nargs="+", required=True, help="train.h5, ..., binned"
    )
    parser.add_argument("--splits", type=Path, nargs="+", required=True, help="CSV of each fold")
    parser.add_argument(
        "--settings", type=command.json_argument, required=True, help="JSON: base, seeds, cost"
    )
    parser.add_argument("--device", default="auto", help="where mlGeNN computes, see train.py")
    parser.add_argument("--stamp", default="", help="resume only checkpoints with this stamp")
    parser.add_argument("--record", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--time", type=Path, required=True, help="JSON file to write: CPU seconds")
    command.run(main, parser.parse_args())
