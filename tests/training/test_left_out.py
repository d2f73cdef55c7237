"""Speakers who are left out in turn: networks beside the linear read-out of the same fold."""

import json
from pathlib import Path

import made_up
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_series_equal

OURS = {"speaker-0": [0.9, 0.8], "speaker-1": [0.6, 0.7]}
THEIRS = {"speaker-0": 0.8, "speaker-1": 0.5}


@pytest.fixture
def collected(tmp_path):
    """Return linear.csv of two folds with two seeds, as the script collects it."""

    def write(name, table):
        pd.DataFrame(table).to_csv(tmp_path / name, index=False)
        return tmp_path / name

    words = [{"part": "test", "example": i, "label": i % 2, "speaker": 4} for i in range(4)]
    rows, records, readouts, predictions = [], [], [], []
    for fold, accuracies in OURS.items():
        own = {"dataset": "noise", "fold": fold}
        test = {"accuracy": 0.5, "low": 0.1, "high": 0.9, "n": 4}
        record = {**own, "test": test, "unseen": None, "validation": THEIRS[fold]}
        record |= {"validated": 10, "speakers": [{"speaker": 4, "unseen": False}]}
        records.append(tmp_path / f"{fold}.json")
        records[-1].write_text(json.dumps(record))
        readouts.append(write(f"{fold}.csv", [{**own, **word, "prediction": 0} for word in words]))
        for seed, accuracy in enumerate(accuracies):
            axes = {**own, "loss": "sum", "hidden": 8, "topology": "recurrent", "seed": seed}
            base = {**axes, "label": "noise", "epoch": 1, "classes": 2}
            rows.append({**base, "series": "validation", "accuracy": accuracy})
            rows.append({**base, "series": "test", **test})
            told = [{**axes, **word, "prediction": 1} for word in words]
            predictions.append(write(f"{fold}-{seed}.csv", told))
    made_up.run(
        "training/collect_linear.py",
        *("--records", *records, "--readouts", *readouts, "--predictions", *predictions),
        *("--evaluations", write("evaluations.csv", rows), "--table", tmp_path / "linear.csv"),
    )
    return pd.read_csv(tmp_path / "linear.csv").set_index("series")


def test_the_difference_is_of_the_same_folds_and_its_interval_over_them(collected):
    found = collected.loc["validation", ["accuracy", "network_accuracy", "difference"]]
    expected = {"accuracy": 0.65, "network_accuracy": 0.75, "difference": 0.1}
    assert_series_equal(found.astype(float), pd.Series(expected, name="validation"))
    counts = collected.loc["validation", ["folds", "networks", "examples"]]
    assert counts.tolist() == [2, 4, 20]
    # Both folds are 0.05 from the mean: t(1) is 12.706, the standard error 0.05.
    assert collected.loc["validation", "difference_low"] == pytest.approx(0.1 - 12.7062 * 0.05)


def test_the_read_outs_penalty_is_the_strongest_that_is_as_good_as_the_best(monkeypatch):
    # A script that imports its neighbour, as when it is run.
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "scripts/training")
    from scripts.training import linear

    accuracies = dict(
        zip(linear.INVERSE_PENALTIES, (0.2, 0.5, 0.64, 0.81, 0.7, 0.84, 0.8), strict=True)
    )

    class Fitted:
        def __init__(self, right):
            self.right = round(100 * right)

        def predict(self, features):
            return (features < self.right).astype(int)

    monkeypatch.setattr(linear.readout, "fit", lambda x, y, inverse: Fitted(accuracies[inverse]))
    validation = np.arange(100), np.ones(100, int)
    chosen, tried = linear.choose(validation, validation)
    # The best, 0.84, has a standard error of 0.037 over 100 words.
    assert chosen == linear.INVERSE_PENALTIES[3] and [t["accuracy"] for t in tried] == [
        *accuracies.values()
    ]


def test_the_test_part_stays_beside_them(collected):
    assert list(collected.index) == ["test", "validation"]
    assert collected.loc["test", "difference"] == 0
