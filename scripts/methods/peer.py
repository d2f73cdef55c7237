"""Train by a method of another library, in the interpreter that has it, on the common task.

It trains on the examples as they are, delayed as the study's are, without augmentation and without
a regulariser. Where there is no such interpreter or it lacks the library, the result says "not
run" and why.
"""

from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

import numpy as np

from spikespeech import command
from spikespeech.methods import task
from spikespeech.methods.registry import TRAINING_METHODS
from spikespeech.network import Parameters
from spikespeech.training.settings import Settings

PEERS = [name for name, method in TRAINING_METHODS.items() if method.peer]


def fit(train, scored, settings, *, python, method):
    """Hand over data, initial weights and the loss's window; return what comes back."""
    rule = settings["regularisation"] | {"lambda_upper": 0, "lambda_lower": 0}
    settings = settings | {"regularisation": rule}
    common = {field.name: settings[field.name] for field in fields(Settings)}
    parsed = Settings.parse(common)
    task.refuse_own(settings)
    task.lif(settings)
    weights = Parameters.random(
        parsed.make_network(train),
        np.random.default_rng(parsed.seed),
        **asdict(parsed.initial_weights),
    )
    return task.ask_peer(
        python or None,
        Path(__file__).with_name(f"{method}.py"),
        task.delayed(train, settings),
        task.delayed(scored, settings),
        settings,
        window=parsed.make_loss(train).window,
        **weights,
    )


def main(arguments):
    task.run(arguments, partial(fit, python=arguments.python, method=arguments.method))


if __name__ == "__main__":
    parser = task.parser(__doc__)
    parser.add_argument("--method", choices=PEERS, required=True, help="whose script")
    parser.add_argument("--python", default="", help="interpreter with its library; empty: none")
    command.run(main, parser.parse_args())
