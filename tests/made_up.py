"""Results that nobody measured: made-up inputs of the report's scripts, for tests only."""

import json
import runpy
import shutil
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import yaml

from spikespeech import files, network, statistics
from spikespeech.network import axes
from spikespeech.spikes import SpikeTrains, splits

ROOT = Path(__file__).parents[1]
SECTIONS = ("Data", "Model", "Training", "Results", "Published results", "Limitations")
LABEL = "made-up <data> & “noise” (synthetic speech)"
LOSSES, SIZES, SEEDS, EPOCHS = ("sum", "sum_exp"), (4, 8), (1, 2, 3), 6
CLASSES = ("null & <void>", "$\\eins$", '-zwei\'s "<script>" --> ]]>', "drei")
NETWORKS = [
    {
        "dataset": "noise",
        "fold": "main",
        "loss": loss,
        "hidden": hidden,
        "topology": "recurrent",
        "seed": seed,
    }
    for loss in LOSSES
    for hidden in SIZES
    for seed in SEEDS
]
NEURON = {
    "model": "LIF",
    "tau_mem": 20.0,
    "tau_syn": 5.0,
    "threshold": 1.0,
    "tau_adapt": 200.0,
    "strength": 0.1,
}
"""Settings of the neurons of trainings."""

TRAINING = {
    "backend": "native",
    "selection": "validation",
    "finetune": 0.25,
    "label_smoothing": 0.1,
    "epochs": EPOCHS,
    "batch_size": 16,
    "learning_rate": 0.002,
    "schedule": {"kind": "cosine", "warm_up": 4},
    "augmentation": {"shift": 15, "blend": True, "warp": 0.1},
    "delays": {"input": {"kind": "random", "high": 9}},
    "constants": {},
    "connections": {},
    "regularisation": {"lambda_upper": 2.5e-10, "lambda_lower": 5e-10, "spikes": 14},
    "neuron": NEURON,
    "output": None,
    "surrogate_slope": 10.0,
}


def spikes(rng, n=40, n_units=30, n_steps=50):
    """Return random spike trains of four classes by five speakers."""
    times = [np.sort(rng.uniform(0, n_steps, 60)) for _ in range(n)]
    units = [rng.integers(0, n_units, 60) for _ in range(n)]
    return SpikeTrains.from_arrays(
        times,
        units,
        np.arange(n) % len(CLASSES),
        np.arange(n) // 4 % 5,
        n_units=n_units,
        n_steps=n_steps,
        classes=CLASSES,
    )


def history(rng, goal):
    """Return a history whose validation accuracy climbs towards `goal`."""
    epoch = np.arange(1, EPOCHS + 1)
    accuracy = goal * epoch / EPOCHS + rng.uniform(0, 0.02, EPOCHS)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "learning_rate": 0.002,
            "train_loss": 3 - accuracy,
            "train_accuracy": accuracy,
            "validation_loss": 3 - accuracy,
            "validation_accuracy": accuracy,
            "silent": epoch % 4,
        }
    )


def evaluation(rows):
    """Return what scripts/training/evaluate.py writes for predictions."""
    correct = int((rows["label"] == rows["prediction"]).sum())
    accuracy, low, high = statistics.proportion(correct, len(rows))
    counts = {"n": len(rows), "correct": correct, "accuracy": accuracy, "low": low, "high": high}
    return {
        **counts,
        "classes": [
            {"class": CLASSES[row["label"]], **row} for row in groups("label", rows["label"], rows)
        ],
        "speakers": [
            {**row, "unseen": row["speaker"] == 4}
            for row in groups("speaker", rows["speaker"], rows)
        ],
        "unseen": counts,
    }


def groups(name, values, rows):
    """Return the counts of each group of predictions."""
    table = statistics.accuracy_by(values, rows["label"], rows["prediction"])
    return table.rename(columns={"group": name}).to_dict("records")


def write_networks(folder):
    """Write data, splits and one folder of results for each of NETWORKS."""
    rng = np.random.default_rng(7)
    data = spikes(rng)
    for part in ("train", "test"):
        path = folder / f"data/noise/binned/{part}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        data.save(path)
    rows = pd.concat(
        splits.examples(part, data.labels, data.speakers, data.classes)
        for part in ("train", "test")
    )
    learnt = np.where(rows["speaker"] < 3, "train", "validation")
    rows["side"] = np.where(rows["part"] == "test", "test", learnt)
    files.write_csv(folder / "data/noise/splits/main.csv", rows)
    for entry in NETWORKS:
        own = folder_of(folder, entry)
        own.mkdir(parents=True)
        goal = 0.4 + 0.3 * (entry["loss"] == "sum_exp") + 0.02 * entry["hidden"]
        axes.mark(history(rng, goal), entry).to_csv(own / "history.csv", index=False)
        right = rng.random(len(data)) < goal
        rows = pd.DataFrame(
            {
                "part": "test",
                "example": np.arange(len(data)),
                "label": data.labels,
                "prediction": np.where(right, data.labels, (data.labels + 1) % len(CLASSES)),
                "speaker": data.speakers,
            }
        )
        axes.mark(rows, entry).to_csv(own / "predictions.csv", index=False)
        (own / "fixed_point.json").write_text(json.dumps({"network": entry, **fixed_point(goal)}))
        axes.mark(cost(entry["hidden"]), entry).to_csv(own / "cost.csv", index=False)
        record = {"network": entry, "selection": "validation", **evaluation(rows)}
        (own / "evaluation.json").write_text(json.dumps(record))
        net = network.Network.layered(data.n_units, entry["hidden"], len(CLASSES))
        weights = network.Parameters.random(
            net, rng, input_hidden=(0.4, 0.2), hidden_hidden=(0, 0.1), hidden_output=(0, 0.2)
        )
        settings = TRAINING | {
            "loss": {"name": entry["loss"], "normalise": True},
            "hidden": entry["hidden"],
            "recurrent": True,
            "seed": entry["seed"],
        }
        about = {**entry, "settings": settings}
        network.save(own / "weights.h5", net, weights, about=about)
    (folder / "linear/noise").mkdir(parents=True)
    own = evaluation(rows.assign(prediction=rows["label"] // 2 * 2))
    read_out = {"dataset": "noise", "fold": "main", "validation": 0.5, "validated": 4}
    record = {"test": own, "unseen": own["unseen"], "speakers": own["speakers"], **read_out}
    (folder / "linear/noise/main.json").write_text(json.dumps(record))
    rows.assign(prediction=rows["label"] // 2 * 2, dataset="noise", fold="main").to_csv(
        folder / "linear/noise/main.csv", index=False
    )


def fixed_point(accuracy):
    """Return what scripts/deployment/fixed_point.py writes, for two input conventions."""
    return {
        "bits": 8,
        "inputs": [
            {"input": "binary", "accuracy": accuracy - 0.01, "difference": -0.01, "n": 100},
            {"input": "counts", "accuracy": 0.5, "difference": -0.5, "n": 100},
            {"input": "graded", "accuracy": accuracy - 0.05, "difference": -0.05, "n": 100},
        ],
    }


def cost(hidden):
    """Return what scripts/deployment/cost.py writes."""
    rows = [
        ("synaptic_operations", 1000.0 * hidden, "an example", "counted", ""),
        ("energy_low", 0.1 * hidden, "µJ an example", "estimate", "Loihi 1, made up"),
        ("energy_high", 0.2 * hidden, "µJ an example", "estimate", "Loihi 1, made up"),
        ("wall_ms", 0.5 * hidden, "ms an example", "measured", "integer simulation, made up"),
        ("cpu_energy", np.nan, "µJ an example", "not measured", "no RAPL counter"),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value", "unit", "kind", "source"])


def folder_of(folder, entry):
    """Return the folder of one network."""
    kind = f"{entry['hidden']}-{entry['topology']}"
    return folder / "networks/noise/main" / entry["loss"] / kind / f"seed-{entry['seed']}"


def run(script, *arguments):
    """Run a script of the workflow with its arguments, as a rule does, in this process."""
    words = [script, *map(str, arguments)]
    with mock.patch.object(sys, "argv", words):
        runpy.run_path(str(ROOT / "scripts" / script), run_name="__main__")


def draw_all(folder):
    """Run the scripts of the sections above on made-up results in `folder`."""
    of = {
        kind: [folder_of(folder, entry) / kind for entry in NETWORKS]
        for kind in (
            "cost.csv",
            "fixed_point.json",
            "history.csv",
            "evaluation.json",
            "predictions.csv",
            "weights.h5",
        )
    }
    labels = ("--labels", json.dumps({"noise": LABEL}))
    tables = folder / "tables"
    evaluations = ("--evaluations", tables / "evaluations.csv")
    test = folder / "data/noise/binned/test.h5"
    train = folder / "data/noise/binned/train.h5"

    def exhibit(name, *arguments, figure=True):
        [script] = (ROOT / "scripts/exhibits").glob(
            f"*/{'plot' if figure else 'tabulate'}_{name}.py"
        )
        place = folder / ("figures" if figure else "tables") / name
        outputs = ["--table", tables / f"{name}.csv", "--finding", f"{place}.txt"]
        outputs += ["--figure", f"{place}.svg"] if figure else []
        run(script, *arguments, *outputs)

    run(
        "training/collect.py",
        *("--history", *of["history.csv"], "--evaluation", *of["evaluation.json"]),
        *labels,
        *("--histories", tables / "histories.csv"),
        *evaluations,
    )
    exhibit("datasets", "--binned", train, *labels, figure=False)
    exhibit("rasters", "--binned", train, *labels)
    split = folder / "data/noise/splits/main.csv"
    exhibit("speakers", "--splits", split, *labels)
    exhibit("settings", "--weights", *of["weights.h5"], *labels, figure=False)
    exhibit("learning_curves", "--histories", tables / "histories.csv")
    linear = ("--linear", tables / "linear.csv")
    run(
        "training/collect_linear.py",
        *("--records", folder / "linear/noise/main.json"),
        *("--readouts", folder / "linear/noise/main.csv"),
        *("--predictions", *of["predictions.csv"]),
        *evaluations,
        *("--table", tables / "linear.csv"),
    )
    exhibit("accuracy", *evaluations, *linear)
    exhibit(
        "groups",
        *evaluations,
        *("--evaluation", *of["evaluation.json"]),
        *("--predictions", *of["predictions.csv"]),
        *labels,
    )
    predictions = ("--predictions", *of["predictions.csv"])
    exhibit(
        "confusion",
        *evaluations,
        *predictions,
        *("--binned", test),
    )
    exhibit(
        "activity",
        *evaluations,
        *predictions,
        *("--binned", test, "--dataset", "noise", "--label", LABEL),
    )
    last = of["weights.h5"][-3:]  # the seeds of one network
    exhibit("noise", "--binned", test, "--weights", *last, "--label", LABEL)
    known = ("--binned", train, test, "--split", split)
    exhibit("coding", *known, "--weights", *last, "--label", LABEL)
    exhibit(
        "deployment",
        *evaluations,
        *("--fixed-point", *of["fixed_point.json"]),
    )
    exhibit(
        "inference_cost",
        *evaluations,
        *("--cost", *of["cost.csv"]),
        *labels,
        figure=False,
    )
    for name in ("published_accuracy", "published_training_cost"):
        exhibit(name)
    for name in ("cost", "training_speed", "hardware", "methods"):
        exhibit(f"published_{name}", figure=False)
    exhibit("state_of_the_art", figure=False)
    exhibit("equations")
    exhibit("verification", figure=False)


def write_report(folder, config):
    """Write the report of SECTIONS over `folder`; return the paths of the page and the PDF."""
    page, pdf = folder / "report/report.html", folder / "report/report.pdf"
    layout = folder / "layout"
    shutil.copytree(ROOT / "workflow/report", layout, dirs_exist_ok=True)
    chosen = layout / "contents.yaml"
    listed = yaml.safe_load(chosen.read_text(encoding="utf-8"))
    listed["sections"] = [s for s in listed["sections"] if s["title"] in SECTIONS]
    chosen.write_text(yaml.safe_dump(listed), encoding="utf-8")
    settings = {"config": config, "labels": {"noise": LABEL}, "configfiles": ["my study.yaml"]}
    run(
        "report.py",
        *("--layout", layout, "--results", folder),
        *("--settings", json.dumps(settings)),
        *("--html", page, "--pdf", pdf),
    )
    return page, pdf
