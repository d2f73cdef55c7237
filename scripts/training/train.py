"""Train one network and keep the weights that its selection names.

Where it is fine-tuned it then goes on with the validation speakers, too. What was interrupted is
resumed from its checkpoint; each training has its own, and they are deleted in the end.
"""

import time
from pathlib import Path

from spikespeech import command, files, network, progress
from spikespeech.network import axes
from spikespeech.spikes import splits, trains
from spikespeech.training import loop, schedule
from spikespeech.training.settings import Settings


def main(arguments):
    """Write the weights, the history, and beside them how long each epoch took."""
    settings = Settings.parse(arguments.settings)
    rows = splits.read(arguments.split)
    first, second = (
        arguments.weights.with_name(f"{name}.npz") for name in ("checkpoint", "finetune")
    )
    clock = Clock()
    hidden = axes.hidden_label(settings.hidden)
    title = f"{settings.loss['name']} {hidden} seed {settings.seed}"

    def run(train, *given, epochs, title, checkpoint):
        with progress.epochs(epochs, title) as show:
            return train(
                *given,
                checkpoint=checkpoint,
                stamp=arguments.stamp,
                progress=lambda row: (clock.tick(title, row), show(row)),
                threads=arguments.threads,
                device=arguments.device,
            )

    chosen = run(
        loop.train,
        splits.gather(arguments.parts, rows, "train"),
        splits.gather(arguments.parts, rows, "validation"),
        settings,
        epochs=settings.epochs,
        title=title,
        checkpoint=first,
    )
    weights = chosen.weights
    if settings.finetune:
        weights = run(
            loop.finetune,
            splits.gather(arguments.parts, rows, "train", "validation"),
            weights,
            settings,
            epochs=schedule.finetuning(settings.epochs, settings.finetune),
            title=f"{title} fine-tuning",
            checkpoint=second,
        )
    # Of the training that chose: its validation speakers were not trained on.
    files.write_csv(arguments.history, axes.mark(chosen.history, arguments.network))
    data = trains.about(arguments.parts[0])
    about = {**arguments.network, "settings": arguments.settings, "data": data}
    network.save(arguments.weights, chosen.network, weights, about=about)
    files.write_json(arguments.weights.with_name("timing.json"), clock.ticks)
    for checkpoint in (first, second):
        checkpoint.unlink(missing_ok=True)
    best = chosen.history.iloc[chosen.best_epoch - 1]
    print(
        f"epoch {chosen.best_epoch} (selection: {settings.selection}): "
        f"validation accuracy {best.validation_accuracy:.1%}"
    )


class Clock:
    """Wall and CPU seconds of each epoch of each training, compilation included in the first."""

    def __init__(self):
        self.ticks, self.last = [], (time.perf_counter(), time.process_time())

    def tick(self, training, row):
        """Note the end of an epoch of the `training` of this name."""
        now = (time.perf_counter(), time.process_time())
        wall, cpu = (b - a for a, b in zip(self.last, now, strict=True))
        place = {"training": training, "epoch": row["epoch"]}
        self.ticks.append({**place, "wall_s": wall, "cpu_s": cpu})
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
    parser.add_argument(
        "--network",
        type=command.json_argument,
        required=True,
        help="JSON, which network of the study it is: its axes, see spikespeech.network.axes",
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
