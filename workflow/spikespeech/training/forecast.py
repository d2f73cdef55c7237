"""What a study's trainings will take, from the configuration alone: before anything is downloaded.

Evaluations and figures come on top, and so do the training methods side by side.
"""

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from spikespeech import configuration
from spikespeech.data import datasets
from spikespeech.network.axes import hidden_label, hidden_layers
from spikespeech.training import schedule

SPIKES = 8000  # an utterance, as in SHD
EVENT_BYTES, BINNED_BYTES = 6, 4  # a spike's, in SHD's layout and binned
WEIGHT_BYTES = 12  # of a network's files: weights, NetX, NIR
OUTCOME_BYTES = 8  # a hidden neuron and presentation: the counts of spikes, twice when joined

COLUMNS = [
    "work", "dataset", "label", "fold", "hidden", "trainings", "epochs", "presentations",
    "learn_ms", "forward_ms", "cpu_hours_each", "cpu_hours", "wall_hours_2_cores", "memory_mb",
    "disk_gb",
]  # fmt: skip


@dataclass(frozen=True)
class Training:
    """One kind of training.

    Attributes
    ----------
    work : what for: networks, their fine-tuning, networks of few bits, or a search
    hidden : neurons of the hidden layer, or a tuple of those of several
    fold : who validates: "main", "one speaker" or "none"; "train+validation" where these speakers
        train, too
    blend : the share of trainings that blend examples
    """

    work: str
    dataset: str
    fold: str
    hidden: int | tuple
    batch_size: int
    epochs: int
    blend: float


def trainings(config, studies):
    """Return a Counter of the Trainings of a configuration and its searches (`studies.load`)."""
    counted = Counter()
    deployment = config["deployment"]
    for network in configuration.networks(config):
        settings = configuration.settings(config, **network)
        dataset, fold = network["dataset"], network["fold"]
        counted[_training("networks", dataset, fold, settings)] += 1
        if settings["finetune"]:
            fold = "train+validation"
            epochs = schedule.finetuning(settings["epochs"], settings["finetune"])
            brief = settings | {"epochs": epochs}
            counted[_training("fine-tuning of networks", dataset, fold, brief)] += 1
        if deployment and all(network[a] in values for a, values in deployment["study"].items()):
            on = deployment["quantised_training"]
            longer = settings | {"epochs": on["epochs"]}
            # One more: the control, with float weights.
            trained = len(on["bits"]) + bool(on["bits"])
            counted[_training("networks of few bits", dataset, fold, longer)] += trained
    for name, study in studies.items():
        chains = (study.records(p, seed) for p in study.proposers for seed in study.seeds)
        trials = len({record for chain in chains for record in chain})
        searched = study.space.get("augmentation.blend", {}).get("values")
        blend = float(np.mean(searched)) if searched else None
        for fold in study.objective["folds"]:
            kind = _training(f"search {name}", study.dataset, fold, study.base, blend)
            counted[kind] += trials * len(study.objective["seeds"])
        kind = _training(f"confirm {name}", study.dataset, "none", study.base, blend)
        counted[kind] += len(study.confirmations())
    return counted


def _training(work, dataset, fold, settings, blend=None):
    blend = float(settings["augmentation"]["blend"]) if blend is None else blend
    fold = "one speaker" if fold.startswith("speaker-") else fold
    layers = hidden_layers(settings["hidden"])
    hidden = tuple(layers) if isinstance(layers, list) else layers
    return Training(work, dataset, fold, hidden, settings["batch_size"], settings["epochs"], blend)


def sides(config, dataset, fold):
    """Return the numbers of utterances that train and that validate; NaN for a user's own data.

    Speakers are taken to have said equally many. See Training for `fold`.
    """
    section = config["datasets"][dataset]
    sizes = datasets.sizes(dataset, section)
    if not sizes:
        return math.nan, math.nan
    if fold == "none":
        return sizes["train"], 0
    if fold == "train+validation":
        return sizes["train"] + sizes.get("valid", 0), 0
    if "valid" in sizes:
        return sizes["train"], sizes["valid"]
    chosen = config["splits"]["validation_speakers"]
    validating = len(chosen) if isinstance(chosen, list) else chosen
    share = (1 if fold != "main" else validating) / datasets.training_speakers(dataset, section)
    return round(sizes["train"] * (1 - share)), round(sizes["train"] * share)


def predict(config, counted, costs):
    """Return the table: one row for the files of each data set, one for each kind of training.

    Parameters
    ----------
    counted : see `trainings`
    costs : {(hidden, batch size): (CPU ms to learn from an utterance, CPU ms of a forward pass,
        peak MB)}
    """
    rows = []
    for name in dict.fromkeys(kind.dataset for kind in counted):
        utterances = sum(datasets.sizes(name, config["datasets"][name]).values()) or math.nan
        size = utterances * SPIKES * (EVENT_BYTES + BINNED_BYTES)
        rows.append({"work": "data", "dataset": name, "disk_gb": size / 1e9})
    for kind, n in counted.items():
        learn, forward, peak = costs[kind.hidden, kind.batch_size]
        trained, validated = sides(config, kind.dataset, kind.fold)
        presentations = trained * (1 + kind.blend)
        each = kind.epochs * (presentations * learn + validated * forward) / 3.6e6
        layers = kind.hidden if isinstance(kind.hidden, tuple) else (kind.hidden,)
        # Inputs, recurrent connections and outputs as many as of SHD and SSC.
        widths = 700, *layers, 35
        parameters = sum(a * b for a, b in pairwise(widths)) + sum(n * n for n in layers)
        kept = (
            WEIGHT_BYTES * parameters * n
            if kind.work in ("networks", "networks of few bits")
            else 0
        )
        rows.append(
            {
                "work": kind.work,
                "dataset": kind.dataset,
                "fold": kind.fold,
                "hidden": hidden_label(kind.hidden),
                "trainings": n,
                "epochs": kind.epochs,
                "presentations": presentations,
                "learn_ms": learn,
                "forward_ms": forward,
                "cpu_hours_each": each,
                "cpu_hours": n * each,
                "wall_hours_2_cores": math.ceil(n / 2) * each,
                "memory_mb": peak + presentations * sum(layers) * OUTCOME_BYTES / 2**20,
                "disk_gb": kept / 1e9,
            }
        )
    for row in rows:
        row["label"] = datasets.REGISTRY[row["dataset"]].label
    return pd.DataFrame(rows, columns=COLUMNS)
