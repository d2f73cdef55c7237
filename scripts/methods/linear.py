"""A linear read-out on the common task: a logistic regression of counts, no hidden layer.

It is the control of whatever sees the spikes: counts in bins of time and groups of channels, from
`spikespeech.methods.readout`. Nothing in it is random.
"""

import sklearn
from threadpoolctl import threadpool_limits

from spikespeech import command
from spikespeech.meter import Meter
from spikespeech.methods import readout, task


def fit(train, scored, settings):
    """Train and score; `settings["inverse_penalty"]` is that of `readout.fit`."""
    bins = settings["bins"]
    with threadpool_limits(1), Meter() as meter:
        counts = readout.counts(train, bins, bins)
        classifier = readout.fit(counts, train.labels, settings["inverse_penalty"])
    predictions = classifier.predict(readout.counts(scored, bins, bins))
    library = f"scikit-learn {sklearn.__version__}"
    return task.trained(predictions, None, meter, library, f"{counts.shape[1]} counts")


def main(arguments):
    task.run(arguments, fit)


if __name__ == "__main__":
    command.run(main, task.parser(__doc__).parse_args())
