"""Train by a method of another library, in the interpreter that has it, on the common task.

Where there is no such interpreter or it lacks the library, the result says "not run" and why.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from spikespeech import command, files, methods
from spikespeech.network import Weights
from spikespeech.settings import Settings


def main(arguments):
    """Hand over data, initial weights and the loss's window; write what comes back."""
    settings = Settings.parse(arguments.settings)
    train, validation = methods.sides(arguments)
    weights = Weights.random(
        settings.make_network(train),
        np.random.default_rng(settings.seed),
        **asdict(settings.initial_weights),
    )
    result = methods.ask_peer(
        arguments.python or None,
        Path(__file__).with_name(f"method_{arguments.method}.py"),
        train,
        validation,
        arguments.settings,
        window=settings.make_loss(train).window,
        **vars(weights),
    )
    files.write_json(arguments.out, result)


if __name__ == "__main__":
    parser = methods.parser(__doc__)
    parser.add_argument("--method", choices=["bptt", "eprop"], required=True, help="whose script")
    parser.add_argument("--python", default="", help="interpreter with its library; empty: none")
    command.run(main, parser.parse_args())
