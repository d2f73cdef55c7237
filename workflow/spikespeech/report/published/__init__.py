"""The numbers of the literature as data, each row with its source and known flaws.

The tables beside this module are CSV files. `networks`, `inference` and `benchmark` were parsed
from the files that Shoesmith et al. (2025) published (github.com/neworderofjamie/
ml_genn_netx_paper); `loihi` holds the literals of their plotting script, `regularisation` their
Table I; `state_of_the_art`, `training_speed`, `hardware`, `methods` and `claims` what others
report. Column `flaws` lists keys of `flaws`. Accuracies are in percent, as published.
"""

from importlib.resources import files

import numpy as np
import pandas as pd

from spikespeech import statistics

SOURCE = "Shoesmith et al. 2025"


def table(name):
    """Return one CSV file of this package as a table; absent text is an empty string."""
    with files(__name__).joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        read = pd.read_csv(file, dtype={"flaws": str})
    texts = read.select_dtypes(exclude="number").columns
    return read.fillna(dict.fromkeys(texts, ""))


def flaws(keys):
    """Return the sentences of the flaws `keys`, a text of keys with semicolons between them."""
    texts = table("flaws").set_index("flaw")["text"]
    return [texts[key] for key in keys.split(";") if key]


def named(table):
    """Return a table with its flaws named in short, as its last column, and what the names mean.

    The meanings are sentences, one a flaw of the table, in order of first mention.
    """
    mentioned = [key for keys in table["flaws"] for key in keys.split(";") if key]
    meanings = [f"“{key.replace('_', ' ')}”: {flaws(key)[0]}" for key in dict.fromkeys(mentioned)]
    short = table["flaws"].str.replace(";", ", ").str.replace("_", " ")
    return table.drop(columns="flaws").assign(flaws=short), meanings


def claims(names):
    """Return the claims `names` as dictionaries: claim, text, protocol, flaws (a list), source."""
    known = table("claims").set_index("claim", drop=False)
    return [
        {**row, "flaws": flaws(row["flaws"])} for row in known.loc[list(names)].to_dict("records")
    ]


def accuracies():
    """Return Fig 4 of Shoesmith et al., one row a bar.

    Columns: dataset, hidden, series (train, float, lava, loihi2), accuracy (percent, mean over
    seeds), sd (sample standard deviation), seeds, source, flaws.
    """
    runs = table("networks").assign(
        train=lambda t: t["train_last_percent"],
        float=lambda t: 100 * t["test_correct"] / t["test_n"],
        lava=lambda t: 100 * t["lava_correct"] / t["lava_n"],
    )
    rows = []
    for (dataset, hidden), group in runs.groupby(["dataset", "hidden"]):
        for series in ("train", "float", "lava"):
            values = group[series]
            keys = "train_last_epoch" if series == "train" else "no_validation"
            if series == "lava":
                keys += ";lava_inputs_differ" + (";lava_partial_test" if dataset == "ssc" else "")
            source = f"{SOURCE}, Fig 4; recomputed"
            mean, sd = values.mean(), values.std()
            rows.append((dataset, hidden, series, mean, sd, len(values), source, keys))
    source = f"{SOURCE}, Fig 4"
    for row in table("loihi").itertuples():
        rows.append(
            (row.dataset, row.hidden, "loihi2", row.accuracy_percent, np.nan, 1, source, row.flaws)
        )
    columns = ["dataset", "hidden", "series", "accuracy", "sd", "seeds", "source", "flaws"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["dataset", "hidden"], kind="stable", ignore_index=True
    )


def quantisation():
    """Return Lava minus float accuracy of Shoesmith et al., one row a configuration.

    Columns: dataset, hidden, difference, low, high (percentage points, over seeds), p_value (paired
    t-test, uncorrected), partial (whether Lava saw only a part of the test set, as on SSC, where
    the two accuracies are of different examples and no pairs: low, high and p_value are NaN).
    """
    runs = table("networks").assign(
        difference=lambda t: (
            100 * t["lava_correct"] / t["lava_n"] - 100 * t["test_correct"] / t["test_n"]
        )
    )
    rows = [
        (
            *key,
            *statistics.paired_difference(own["difference"], 0 * own["difference"]),
            bool((own["lava_n"] < own["test_n"]).any()),
        )
        for key, own in runs.groupby(["dataset", "hidden"])
    ]
    columns = ["dataset", "hidden", "difference", "low", "high", "p_value", "partial"]
    found = pd.DataFrame(rows, columns=columns)
    found.loc[found["partial"], ["low", "high", "p_value"]] = np.nan
    return found


def inference():
    """Return Table II of Shoesmith et al. and the Jetson's other batch sizes, one row each.

    Columns: hardware, hidden, batch, total_mj, dynamic_mj, latency_ms, edp_ujs (per example),
    synaptic_operations (per example), kind, source, flaws, in_table (whether Table II prints it).
    """
    rows = table("inference")
    printed = {(256, 1), (512, 1), (1024, 1), (256, 128), (512, 128), (1024, 64)}
    keys = zip(rows["hidden"], rows["batch"], strict=True)
    return rows.assign(in_table=[key in printed for key in keys])


def benchmark():
    """Return Fig 3 of Shoesmith et al., one row a bar and clock (see the columns of the file)."""
    return table("benchmark")
