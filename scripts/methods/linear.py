"""A linear read-out on the common task: a logistic regression of counts, no hidden layer.

It is the control of whatever sees the spikes: counts in bins of time and groups of channels, from
`spikespeech.methods.readout`. Nothing in it is random.
"""

from spikespeech import command
from spikespeech.meter import Meter
from spikespeech.methods import layers, readout, task


def respond(train, scored, settings):
    """Return the layers.Response of the input channels themselves."""
    bins = settings["bins"]
    with Meter() as meter:
        counts = readout.counts(train, bins, bins)
    answers = readout.counts(scored, bins, bins)
    return layers.Response(counts, answers, None, meter, "", f"{counts.shape[1]} counts")


def main(arguments):
    task.run(arguments, layers.fitting(respond))


if __name__ == "__main__":
    command.run(main, task.parser(__doc__).parse_args())
