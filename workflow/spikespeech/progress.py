"""What a person who waits for a training sees: epochs, accuracies, time to go."""

import contextlib
import math
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

# Lines that a log file gets from one training, about.
LINES = 10


@contextlib.contextmanager
def epochs(total, title):
    """Yield a function to call with each row of a training's history.

    On a terminal it prints one line an epoch above a bar with the time to go; elsewhere (several
    trainings may share the output) a plain line with its `title` every few epochs.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        begin, first = time.monotonic(), []

        def log(row):
            first.append(row["epoch"])
            if row["epoch"] % max(1, total // LINES) == 0 or row["epoch"] == total:
                pace = (time.monotonic() - begin) / len(first)
                left = pace * (total - row["epoch"])
                print(
                    f"{title}: {line(row, total)}  {left:4.0f} s to go", file=sys.stderr, flush=True
                )

        yield log
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console) as bar:
        task = bar.add_task(title, total=total)

        def show(row):
            bar.console.print(line(row, total), highlight=False)
            bar.update(task, completed=row["epoch"])

        yield show


def line(row, total):
    """Return one row of a history as a line."""
    validation = ""
    if not math.isnan(row["validation_accuracy"]):
        validation = f"validation {row['validation_loss']:.3f} {row['validation_accuracy']:6.1%}  "
    return (
        f"epoch {row['epoch']:3d}/{total}  "
        f"train {row['train_loss']:.3f} {row['train_accuracy']:6.1%}  "
        f"{validation}{row['hidden_spikes']:5.1f} spikes a neuron  {row['silent']} silent"
    )
