"""Which network a figure shows: always chosen on validation speakers, never on the test."""

import pandas as pd

from spikespeech.errors import InputError
from spikespeech.forms import COUNT, INDEX, SHARE, Number
from spikespeech.network.axes import AXES, hidden_label
from spikespeech.reading import HINT, read_csv

CONFIGURATION = ["loss", "hidden", "topology"]
EVALUATIONS = {
    **dict.fromkeys((*AXES, "label")),
    "series": frozenset({"train", "validation", "test", "unseen"}),
    **{"epoch": COUNT, "accuracy": SHARE, "classes": COUNT},
    **{"low": Number(0, 1, gaps=True), "high": Number(0, 1, gaps=True)},
    "n": Number(0, whole=True, gaps=True),
}
PREDICTIONS = {"label": COUNT, "prediction": COUNT, "speaker": INDEX}
TRAINED = 0.5
"""Training accuracy of the last epoch below which a network did not train."""


def read(path):
    """Return the evaluations of all networks, as `scripts/training/collect.py` writes them."""
    table = read_csv(path, columns=EVALUATIONS, text=("dataset", "label"))
    return table.assign(hidden=table["hidden"].map(hidden_label))


def predictions(paths, n_classes):
    """Return the tables predictions.csv of several networks on the same test examples.

    Raises InputError, naming the file, for other examples, or classes that there are not.
    """
    tables = [read_csv(path, columns=PREDICTIONS) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if not table["label"].equals(tables[0]["label"]):
            raise InputError(f"is of other examples than {paths[0]}", file=path, hint=HINT)
        largest = table[["label", "prediction"]].to_numpy().max(initial=0)
        if largest >= n_classes:
            raise InputError(f"class {largest} of {n_classes}, from 0", file=path, hint=HINT)
    return tables


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

    A comparison of searches (`plot_comparisons`) asks another thing, by training accuracy: whether
    its networks trained at all, since what did is worse where it did not generalise, while this
    leaves out whatever is near chance on new speakers, for either reason.
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
