"""The chain of a search in the DAG: what is planned, raised, killed and resumed.

The trials are those of a planted objective: `TRIAL` stands in for `scripts/search/trial.py`.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ("common", "functions", "train", "search", "exhibits/search")
TRIAL = """
import argparse, json, math, os, time
from pathlib import Path
from spikespeech import files
from spikespeech.search import trials

parser = argparse.ArgumentParser()
for name in ("device", "proposal", "trial", "splits", "settings", "stamp", "record", "time"):
    parser.add_argument(f"--{name}")
parser.add_argument("--spikes", nargs="+")
a = parser.parse_args()
while a.record.endswith("bayesian/seed-1/round-2/trial-2.json") and Path("hold").exists():
    Path("held").touch()
    time.sleep(0.1)
proposal = json.loads(Path(a.proposal).read_text())
point = proposal["points"][int(a.trial) - 1]
accuracy = math.exp(-(math.log10(point["learning_rate"]) + 2.5) ** 2) * (1 - point["loss.mu"])
done = {"accuracy": accuracy, "spikes": 100.0, "parameters": 10}
outcome = trials.attempt(lambda fold, seed: done, [("main", 1)], {})
place = {key: proposal[key] for key in ("proposer", "seed", "round")}
files.write_json(a.record, {**place, "trial": int(a.trial), "point": point, **outcome})
files.write_json(a.time, {"cpu_seconds": 1.0})
with open("ran", "a") as log:
    print(a.record, file=log)
"""
STUDY = {
    "dataset": "digits",
    "loss": "gaussian",
    "hidden": 8,
    "topology": "recurrent",
    "set": {"epochs": 2},
    "space": {
        "learning_rate": {"type": "real", "low": 1e-4, "high": 1e-1, "scale": "log"},
        "loss.mu": {"type": "real", "low": 0.1, "high": 0.9},
    },
    "objective": {"folds": ["main"], "seeds": [1], "cost": {}},
    "initial": {"trials": 2, "design": "latin_hypercube"},
    "rounds": 2,
    "trials": 2,
    "proposers": ["bayesian", "evolutionary", "random"],
    "surrogate": "GP",
    "acquisition": "EI",
    "random_budget": 1,
    "seeds": [1],
    "confirm": [11],
}
TARGET = "results/tables/search_comparison.csv"


def start(project, *arguments, **changes):
    """Start Snakemake on the project with the study `tiny`."""
    study = yaml.safe_dump({"search": {"demo": None, "tiny": STUDY | changes}})
    (project / "tiny.yaml").write_text(study, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--nocolor", *arguments, "--configfile", "tiny.yaml"],
        cwd=project,
        env=os.environ
        | {
            "PYTHONPATH": str(project / "workflow"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def snakemake(project, *arguments, **changes):
    """Run Snakemake to its end; return its output."""
    process = start(project, *arguments, **changes)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-4000:]
    return output


def plan(project, rounds):
    """Return {rule: number of jobs} that a dry run plans."""
    output = snakemake(project, "--dry-run", TARGET, rounds=rounds)
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    rows = [line.split() for line in table[1].splitlines()] if table else []
    assert rows or "Nothing to be done" in output, output
    return {rule: int(count) for rule, count in rows}


def ran(project):
    """Return the trials that ran since the last call, shortened."""
    log = project / "ran"
    lines = log.read_text(encoding="utf-8").split() if log.exists() else []
    log.unlink(missing_ok=True)
    return sorted(line.removeprefix("results/search/tiny/") for line in lines)


def records(project):
    """Return the content of all proposals and records by path."""
    folder = project / "results/search/tiny"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("round-*/*.json")
        if not path.name.endswith(".time.json")
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A project of this search alone, with the data it asks for (which nothing reads)."""
    project = tmp_path_factory.mktemp("search") / "a project"
    for name in ("workflow", "scripts", "config", "envs"):
        shutil.copytree(
            ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__", ".snakemake")
        )
    head, _, _ = (ROOT / "Snakefile").read_text(encoding="utf-8").partition("\ninclude:")
    rules = "".join(f'include: "workflow/rules/{name}.smk"\n' for name in RULES)
    (project / "Snakefile").write_text(f"{head}\n{rules}", encoding="utf-8")
    (project / "scripts/search/trial.py").write_text(TRIAL, encoding="utf-8")
    for name in ("binned/train.h5", "binned/test.h5", "splits/main.csv"):
        path = project / "results/data/digits" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return project


@pytest.fixture(scope="module")
def finished(prepared, tmp_path_factory):
    """The project after two rounds: one of the initial design, one of each proposer."""
    project = tmp_path_factory.mktemp("finished") / "a project"
    shutil.copytree(prepared, project)
    planned = plan(project, rounds=2)
    # The initial round is proposed and tried once for all proposers.
    assert (planned["propose"], planned["trial"], planned["best"]) == (4, 8, 3)
    snakemake(project, "--cores", "2", TARGET)
    assert len(ran(project)) == 8
    return project


def test_a_finished_search_plans_nothing(finished):
    assert plan(finished, rounds=2) == {}


def test_raising_the_rounds_adds_the_new_work_alone(finished):
    before = records(finished)
    planned = plan(finished, rounds=3)
    expected = {"propose": 3, "trial": 6, "best": 3, "tabulate_search_comparison": 1}
    assert planned == expected
    snakemake(finished, "--cores", "2", TARGET, rounds=3)
    assert ran(finished) == sorted(
        f"{proposer}/seed-1/round-{round}/trial-{trial}.json"
        for proposer in STUDY["proposers"]
        for round in (3,)
        for trial in (1, 2)
    )
    after = records(finished)
    assert all(after[path] == content for path, content in before.items())
    comparison = (finished / TARGET).read_text(encoding="utf-8")
    assert "tiny,bayesian,6,1" in comparison
    assert "tiny,evolutionary,6,1" in comparison
    assert plan(finished, rounds=3) == {}


def test_a_search_killed_mid_round_resumes_with_the_missing_trial(prepared, finished):
    (prepared / "hold").touch()
    process = start(prepared, "--cores", "2", TARGET)
    deadline = time.monotonic() + 200
    while not (prepared / "held").exists():
        assert process.poll() is None, process.communicate()[0][-4000:]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (prepared / "hold").unlink()
    before = set(ran(prepared))
    held = "bayesian/seed-1/round-2/trial-2.json"
    assert held not in before
    snakemake(prepared, "--unlock")
    snakemake(prepared, "--cores", "2", "--rerun-incomplete", TARGET)
    after = set(ran(prepared))
    assert held in after
    # Nothing that had finished ran again (a trial that died with the scheduler may).
    assert not {path for path in before if "initial" in path} & after
    whole = {k: v for k, v in records(finished).items() if "round-3" not in k}
    assert records(prepared) == whole


def test_a_bad_study_is_refused_before_any_job(prepared):
    process = start(prepared, TARGET, "--cores", "2", initial={"trials": 6, "design": "sobol"})
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "search.tiny.rounds: 2 rounds of 2 are fewer trials than" in output
    assert "Traceback" not in output
