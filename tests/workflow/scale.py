"""Run the jobs of one network on SYNTHETIC data as large as SSC's; print what memory each takes.

    python tests/workflow/scale.py                     # 105,829 utterances: 9 GB of disk
    python tests/workflow/scale.py --utterances 3000   # of the training part; others in proportion

The data are random spikes in the layout, sizes and classes of the Spiking Speech Commands (Cramer
et al. 2022). They stand for its size alone: no accuracy of this run means anything. Exit status 1
where a job takes more than --limit.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from spikespeech import configuration
from spikespeech.data.events import write_events

ROOT = Path(__file__).parents[2]
SSC = {"train": 75_466, "valid": 9_981, "test": 20_382}
CLASSES, CHANNELS, SPIKES = 35, 700, 8000


def write(path, n, seed):
    """Write n random utterances of SPIKES / 2 to SPIKES * 3 / 2 spikes, one at a time."""
    rng = np.random.default_rng(seed)
    labels, speakers = rng.permutation(n) % CLASSES, rng.integers(1000 * seed, 1000 * seed + 999, n)

    def events():
        for label in labels:
            gaps = rng.exponential(1.0, rng.integers(SPIKES // 2, SPIKES * 3 // 2)).astype("f4")
            times = np.cumsum(gaps, dtype="f4")
            # A class has its channels, so that a network can learn something.
            units = (rng.integers(0, CHANNELS // 2, len(times)) + 10 * label) % CHANNELS
            yield times / times[-1] * np.float32(0.99), units

    provenance = {"label": "random spikes, synthetic", "synthetic": True}
    names = [f"class {k}" for k in range(CLASSES)]
    write_events(path, events(), labels, speakers, names, attributes=provenance)


def settings(hidden):
    """Return (training settings, configuration) of the paper's study, for an epoch on each side."""
    config = {}
    for name in ("config", "paper"):
        study = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text(encoding="utf-8"))
        configuration.update(config, study)
    own = configuration.settings(
        config, dataset="ssc", loss="sum_exp", hidden=hidden, topology="recurrent", seed=1
    )
    return own | {"epochs": 1, "finetune": 0.25}, config


def words(script, *inputs, **options):
    """Return a script and its arguments; dictionaries and lists of them become JSON."""
    line = [script, *inputs]
    for name, value in options.items():
        if isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict)):
            value = json.dumps(value)
        line.append(f"--{name.replace('_', '-')}")
        line += value if isinstance(value, list) else [value]
    return line


def jobs(folder, hidden):
    """Yield (name, script and arguments) of each job, in the order of the DAG."""
    training, config = settings(hidden)
    deployment = config["deployment"] | {"word_lengths": [8, 4]}
    events = {part: folder / f"{part}.h5" for part in SSC}
    parts = {part: folder / "random" / "binned" / f"{part}.h5" for part in SSC}
    known = [parts["train"], parts["valid"]]
    split, weights, netx = (folder / name for name in ("main.csv", "weights.h5", "network.net"))
    report, predictions = folder / "conversion.json", folder / "predictions.csv"
    quantised = folder / "quantised.h5"
    tested = {"test": parts["test"], "split": split}
    network = {"dataset": "random", "fold": "main", "loss": training["loss"]["name"]}
    network |= {"hidden": hidden, "topology": "recurrent", "seed": training["seed"]}
    for part in SSC:
        yield f"bin_spikes {part}", words("data/bin_spikes", events[part], out=parts[part])
    yield (
        "split",
        words("data/split", *events.values(), fold="main", settings=config["splits"], out=split),
    )
    yield (
        "tabulate_datasets",
        words(
            "exhibits/data/tabulate_datasets",
            binned=list(parts.values()),
            labels={"random": "synthetic"},
            table=folder / "datasets.csv",
            finding=folder / "datasets.txt",
        ),
    )
    yield (
        "train",
        words(
            "training/train",
            *known,
            split=split,
            settings=training,
            network=network,
            weights=weights,
            history=folder / "history.csv",
        ),
    )
    evaluation = folder / "evaluation.json"
    yield (
        "evaluate",
        words(
            "training/evaluate", weights, **tested, evaluation=evaluation, predictions=predictions
        ),
    )
    yield (
        "convert",
        words(
            "deployment/convert",
            weights,
            parts=known,
            split=split,
            settings=deployment,
            netx=netx,
            report=report,
        ),
    )
    yield (
        "fixed_point",
        words(
            "deployment/fixed_point",
            netx,
            **tested,
            report=report,
            events=events["test"],
            predictions=predictions,
            out=folder / "fixed_point.json",
        ),
    )
    yield (
        "ablate",
        words(
            "deployment/ablate",
            weights,
            **tested,
            parts=known,
            events=events["test"],
            deployment=deployment,
            out=folder / "ablation.csv",
        ),
    )
    yield (
        "train_quantised",
        words(
            "training/train_quantised",
            weights,
            split=split,
            parts=known,
            quantised_training={"bits": 4, "epochs": 1, "learning_rate": 5e-4, "scale": "error"},
            out=quantised,
            history=folder / "quantised.csv",
        ),
    )
    yield (
        "word_lengths",
        words(
            "deployment/word_lengths",
            weights,
            **tested,
            parts=known,
            deployment=deployment,
            trained=quantised,
            out=folder / "word_lengths.csv",
        ),
    )
    yield (
        "cost",
        words("deployment/cost", weights, **tested, netx=netx, report=report, out=folder / "c.csv"),
    )


def run(script, *arguments):
    """Run a script of the pipeline; return (peak resident MB, CPU seconds, wall seconds)."""
    begin = time.monotonic()
    command = [sys.executable, ROOT / "scripts" / f"{script}.py", *map(str, arguments)]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{script}: {output.read().decode()}")
    peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return peak, used.ru_utime + used.ru_stime, time.monotonic() - begin


def study(folder, utterances, hidden, leave_out=()):
    """Make the data in `folder` and run the jobs; yield (name, peak MB, CPU s, wall s) of each."""
    for seed, (part, n) in enumerate(SSC.items()):
        write(folder / f"{part}.h5", max(CLASSES, n * utterances // SSC["train"]), seed)
    for name, job in jobs(folder, hidden):
        if name not in leave_out:
            yield name, *run(*job)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--utterances", type=int, default=SSC["train"], help="in the training part")
    parser.add_argument("--hidden", type=int, default=64, help="neurons")
    parser.add_argument("--limit", type=int, default=2048, help="MB that a job may take")
    parser.add_argument("--folder", help="where the data go; a temporary folder by default")
    arguments = parser.parse_args()
    most = 0
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        print(f"{'job':<18}{'peak MB':>9}{'CPU s':>9}{'wall s':>9}")
        for name, peak, cpu, wall in study(Path(folder), arguments.utterances, arguments.hidden):
            print(f"{name:<18}{peak:9.0f}{cpu:9.1f}{wall:9.1f}", flush=True)
            most = max(most, peak)
    sys.exit(most > arguments.limit)


if __name__ == "__main__":
    main()
