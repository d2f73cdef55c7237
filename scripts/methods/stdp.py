"""STDP with a read-out on the common task: a layer that learns unlabelled, then a read-out.

A winner-take-all layer with spike-timing-dependent plasticity sees the training spikes; a logistic
regression then learns the labels from its spike counts in bins of time. See
`spikespeech.methods.stdp`.
"""

from spikespeech import command
from spikespeech.meter import Meter
from spikespeech.methods import layers, task
from spikespeech.methods.stdp import StdpLayer


def respond(train, scored, settings):
    """Return the layers.Response of a layer that has learned; compilation is not counted."""
    task.refuse_own(settings)
    bins = settings["bins"]
    layer = StdpLayer.random(
        train.n_units, settings["hidden"], settings["seed"], **task.lif(settings)
    )
    layer.copy().learn(train, [0])
    shown = task.presentations(train, settings)
    with Meter() as meter:
        for epoch in range(1, settings["epochs"] + 1):
            for batch in shown.batches(epoch, settings["batch_size"]):
                layer.learn(batch, range(len(batch)))
        counts = layer.respond(task.delayed(train, settings), bins)
    answers = layer.respond(task.delayed(scored, settings), bins)
    spikes, network = answers.sum() / len(scored), f"{settings['hidden']} LIF, winner-take-all"
    return layers.Response(counts, answers, spikes, meter, "this project, ", network)


def main(arguments):
    task.run(arguments, layers.fitting(respond))


if __name__ == "__main__":
    command.run(main, task.parser(__doc__).parse_args())
