"""Train what a search found, or the settings it started from, and evaluate on the test speakers.

All speakers of the training part train, so that no validation side is left: kept are the mean of
the last epochs' weights or, where the settings select the best epoch, those of the best training
accuracy, for the search's settings and for the defaults alike.
"""

from pathlib import Path

import numpy as np

from spikespeech import command, progress, reading
from spikespeech.files import write_json
from spikespeech.forms import Number
from spikespeech.search import trials
from spikespeech.spikes import splits
from spikespeech.training import loop
from spikespeech.training.settings import Settings


def read_best(path):
    """Return the record of a chain's best trial; raise InputError unless its settings train."""
    with reading.guard(path, reading.HINT):
        record = reading.read_json(path, keys={"objective": Number(), "settings": dict})
        Settings.parse(record["settings"])
    return record


def choose(base, records):
    """Return the settings of the best of the `records`, or `base` where there are none."""
    if not records:
        return base
    return max(records, key=lambda record: record["objective"])["settings"]


def unseen(right, speakers, known):
    """Return {"correct", "examples", "right"} of the speakers (n,) who are not in `known`.

    `right` (n,) says which examples are; those of unseen speakers are kept as 0 and 1, in their
    order, as searches are compared word by word.
    """
    own = right[~np.isin(speakers, list(known))].astype(int).tolist()
    return {"correct": sum(own), "examples": len(own), "right": own}


def main(arguments):
    records = [read_best(path) for path in arguments.best]
    chosen = choose(arguments.settings, records)
    kept = "last" if chosen["selection"] == "last" else "training"  # nobody validates
    own = {"seed": arguments.seed, "selection": kept, "finetune": 0}
    settings = Settings.parse(chosen | own)
    rows = splits.read(arguments.split)
    rows = rows[rows["part"] != "valid"]
    rows = rows.assign(side=rows["side"].where(rows["part"] != "train", "train"))
    stem = arguments.out.with_suffix("")
    meter = trials.CpuClock(f"{stem}.spent")
    checkpoint = Path(f"{stem}.npz")
    with progress.epochs(settings.epochs, f"seed {arguments.seed}") as show:
        result = loop.train(
            splits.gather(arguments.spikes, rows, "train"),
            splits.gather(arguments.spikes, rows, "validation"),
            settings,
            checkpoint=checkpoint,
            stamp=arguments.stamp,
            device=arguments.device,
            progress=lambda row: (meter.note(), show(row)),
        )
    spent = meter.note()
    test = splits.gather(arguments.spikes, rows, "test")
    judged, right = trials.judge(result, settings, test)
    known = set(rows["speaker"][rows["side"] == "train"])
    judged["unseen"] = unseen(right, test.speakers, known)
    place = {"search": arguments.search, "candidate": arguments.candidate, "seed": arguments.seed}
    write_json(arguments.out, {**place, "settings": chosen, **judged})
    write_json(arguments.time, {"cpu_seconds": round(spent, 3)})
    meter.close()
    checkpoint.unlink(missing_ok=True)
    name = "best of the search" if records else "defaults"
    print(f"{name}, seed {arguments.seed}: test accuracy {judged['accuracy']:.1%}")


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("--spikes", type=Path, nargs="+", required=True, help="train.h5, test.h5")
    parser.add_argument("--split", type=Path, required=True, help="CSV of the fold main")
    parser.add_argument(
        "--best", type=Path, nargs="*", default=[], help="best records of the chains; or the base"
    )
    parser.add_argument(
        "--settings", type=command.json_argument, required=True, help="JSON: base settings"
    )
    parser.add_argument("--search", required=True, help="whose settings are confirmed")
    parser.add_argument("--candidate", required=True, help="a proposer of it, or the defaults")
    parser.add_argument("--seed", type=int, required=True, help="of this training")
    parser.add_argument("--device", default="auto", help="where mlGeNN computes, see train.py")
    parser.add_argument("--stamp", default="", help="resume only a checkpoint with this stamp")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument(
        "--time", type=Path, required=True, help="JSON file to write: CPU seconds of the training"
    )
    command.run(main, parser.parse_args())
