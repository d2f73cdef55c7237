"""Train one network and keep the weights of its best epoch.

An interrupted training is resumed from its checkpoint, which is deleted in the end.
"""

import time
from pathlib import Path

from spikespeech import command, files, network, progress, splits, training
from spikespeech.settings import Settings


def main(arguments):
    """Write the weights, the history, and beside them how long each epoch took."""
    settings = Settings.parse(arguments.settings)
    rows = splits.read(arguments.split)
    checkpoint = arguments.weights.with_name("checkpoint.npz")
    clock = Clock()
    title = f"{settings.loss['name']} {settings.hidden} seed {settings.seed}"
    with progress.epochs(settings.epochs, title) as show:
        result = training.train(
            splits.gather(arguments.parts, rows, "train"),
            splits.gather(arguments.parts, rows, "validation"),
            settings,
            checkpoint=checkpoint,
            stamp=arguments.stamp,
            progress=lambda row: (clock.tick(row), show(row)),
            threads=arguments.threads,
            device=arguments.device,
        )
    files.write_csv(arguments.history, result.history)
    network.save(arguments.weights, result.network, result.weights)
    files.write_json(arguments.weights.with_name("timing.json"), clock.ticks)
    checkpoint.unlink(missing_ok=True)
    best = result.history.iloc[result.best_epoch - 1]
    print(
        f"best epoch {result.best_epoch} by {settings.selection}: "
        f"validation accuracy {best.validation_accuracy:.1%}"
    )


class Clock:
    """Wall and CPU seconds of each epoch, compilation included in the first."""

    def __init__(self):
        self.ticks, self.last = [], (time.perf_counter(), time.process_time())

    def tick(self, row):
        """Note the end of an epoch."""
        now = (time.perf_counter(), time.process_time())
        wall, cpu = (b - a for a, b in zip(self.last, now, strict=True))
        self.ticks.append({"epoch": row["epoch"], "wall_s": wall, "cpu_s": cpu})
        self.last = now


if __name__ == "__main__":
    parser = command.parser(__doc__)
    parser.add_argument("parts", type=Path, nargs="+", help="binned spikes, train.h5 and others")
    parser.add_argument("--split", type=Path, required=True, help="who trains, who validates (CSV)")
    parser.add_argument(
        "--settings",
        type=command.json_argument,
        required=True,
        help="JSON, see spikespeech.settings",
    )
    parser.add_argument("--threads", type=int, default=1, help="results are the same for any")
    parser.add_argument(
        "--device",
        default="auto",
        help="where mlGeNN computes: cuda, cuda:1, cpu; auto prefers a GPU",
    )
    parser.add_argument("--stamp", default="", help="resume only a checkpoint with this stamp")
    parser.add_argument("--weights", type=Path, required=True, help="weights.h5 to write")
    parser.add_argument("--history", type=Path, required=True, help="history.csv to write")
    command.run(main, parser.parse_args())
