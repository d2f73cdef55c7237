"""Which network a figure shows: always chosen on validation speakers, never on the test."""

from spikespeech.reading import read_csv

CONFIGURATION = ["loss", "hidden", "topology"]
AXES = ["dataset", "fold", "loss", "hidden", "topology", "seed"]
EVALUATIONS = [*AXES, "label", "series", "epoch", "accuracy", "low", "high", "n", "classes"]


def read(path):
    """Return the evaluations of all networks, as `scripts/training/collect.py` writes them."""
    return read_csv(path, columns=EVALUATIONS)


def ranking(evaluations, dataset):
    """Return the accuracies of `dataset` that may choose: validation, or training without it."""
    own = evaluations[evaluations["dataset"] == dataset]
    series = "validation" if (own["series"] == "validation").any() else "train"
    return own[own["series"] == series]


def best_configuration(evaluations, dataset):
    """Return (loss, hidden, topology) of the highest mean over folds and seeds."""
    return ranking(evaluations, dataset).groupby(CONFIGURATION)["accuracy"].mean().idxmax()


def best_network(evaluations, dataset):
    """Return the AXES, as a dictionary, of the network with the highest accuracy."""
    own = ranking(evaluations, dataset)
    return own.loc[own["accuracy"].idxmax(), AXES].to_dict()


def matches(network, **axes):
    """Return whether a network, a dictionary of text or numbers, has these values of its axes."""
    return all(str(network[axis]) == str(value) for axis, value in axes.items())
