"""Which network a figure shows: always chosen on validation speakers, never on the test."""

import pandas as pd

from spikespeech.network.axes import AXES
from spikespeech.reading import read_csv

CONFIGURATION = ["loss", "hidden", "topology"]
EVALUATIONS = [*AXES, "label", "series", "epoch", "accuracy", "low", "high", "n", "classes"]


def read(path):
    """Return the evaluations of all networks, as `scripts/training/collect.py` writes them."""
    return read_csv(path, columns=EVALUATIONS, text=("dataset", "label"))


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
    return own.loc[own["accuracy"].idxmax(), [*AXES]].to_dict()


def learned(table, evaluations):
    """Return whether the network of each row of `table`, which has the AXES, learned.

    It did if the accuracy by which networks are chosen is at least half way from chance to that
    of the data set's best network. One that is at chance has no accuracy to lose, say to
    quantisation, so that a mean over all networks would say too little of it.
    """
    good = set()
    for dataset in dict.fromkeys(evaluations["dataset"]):
        own = ranking(evaluations, dataset)
        chance = 1 / own["classes"].iloc[0]
        enough = own["accuracy"] >= (chance + own["accuracy"].max()) / 2
        good |= set(own.loc[enough, [*AXES]].astype(str).itertuples(index=False, name=None))
    rows = table[[*AXES]].astype(str).itertuples(index=False, name=None)
    return pd.Series([row in good for row in rows], index=table.index)


LEARNED = "validation accuracy at least half way from chance to the best network's"
"""What `learned` asks, in prose."""


def matches(network, **axes):
    """Return whether a network, a dictionary of text or numbers, has these values of its axes."""
    return all(str(network[axis]) == str(value) for axis, value in axes.items())
