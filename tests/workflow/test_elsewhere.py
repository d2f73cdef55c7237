"""The workflow away from its checkout: in another folder, by its link, in another workflow."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest
import yaml
from pipeline import ROOT, command, copy

from spikespeech import provenance

STUDY = {"networks": {"seed": [7]}}
TABLE = "results/tables/chain_rule.csv"
OWN = """
module words:
    snakefile: {snakefile!r}
    config: config["words"]

use rule * from words as words_*

rule own:
    default_target: True
    input: "results/tables/chain_rule.csv"
    output: "own.txt"
    shell: "wc -l {{input}} > {{output}}"
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the project in a folder with an odd name."""
    return copy(tmp_path_factory.mktemp("elsewhere") / """a "study's" checkout""")


def run(folder, *arguments, **environment):
    """Run Snakemake in `folder`, with nothing said of where the library is."""
    folder.mkdir(exist_ok=True)
    known = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    finished = subprocess.run(
        command("--cores", "1", *arguments),
        cwd=folder,
        env=known | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return finished.returncode, finished.stdout


def test_a_study_runs_in_a_folder_of_its_own(checkout, tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    # Neither an activated environment nor a `python` on the path is needed.
    for program in ("bash", "env", "tee", "which"):
        (tmp_path / program).symlink_to(shutil.which(program))
    snakefile = checkout / "workflow/Snakefile"
    arguments = ("--snakefile", snakefile, "--configfile", "study.yaml", "--", TABLE)
    # What jobs import stays compiled, also where an image says that nothing should.
    compiled = Path(cache_from_source(str(checkout / "workflow/spikespeech/command.py")))
    compiled.unlink(missing_ok=True)
    variables = {"PATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    status, output = run(tmp_path, *arguments, **variables)
    assert status == 0, output[-3000:]
    assert (tmp_path / TABLE).stat().st_size > 100
    assert compiled.exists()
    assert not (checkout / "results").exists()


def test_a_folder_may_have_settings_of_its_own(checkout, tmp_path):
    (tmp_path / "config").mkdir()
    settings = tmp_path / "config/config.yaml"
    settings.write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    status, output = run(tmp_path, "--snakefile", checkout / "Snakefile", "--dry-run")
    assert status == 0, output[-3000:]
    assert "/seed-7/" in output and "/seed-1/weights.h5" not in output


def test_another_workflow_takes_it_as_a_module(checkout, tmp_path):
    (tmp_path / "Snakefile").write_text(OWN.format(snakefile=str(checkout / "Snakefile")))
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({"words": STUDY}), encoding="utf-8")
    status, output = run(tmp_path, "--configfile", "study.yaml")
    assert status == 0, output[-3000:]
    assert "rule words_tabulate_chain_rule" in output
    assert (tmp_path / "own.txt").read_text().split()[0] >= "2"


def test_a_checkout_that_moves_reruns_nothing(checkout, tmp_path):
    targets = TABLE, "results/tables/published_accuracy.csv"
    moved = tmp_path / "moved"
    shutil.copytree(checkout, moved, symlinks=True)
    folder = tmp_path / "run"
    for project, done in ((checkout, False), (moved, True)):
        status, output = run(folder, "--snakefile", project / "Snakefile", "--", *targets)
        assert status == 0, output[-3000:]
        assert ("Nothing to be done" in output) == done


def test_environments_list_what_their_lines_beside_conda_list():
    """Snakemake copies an environment's YAML alone: it cannot name the other file."""
    pins = [
        line.split(" \\")[0]
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line[:1].isalnum()
    ]
    assert set(pip_lines("spikespeech")) <= set(pins)
    assert len(pip_lines("spikespeech")) > 50
    for name in ("mlgenn", "nir", "peers"):
        listed = (ROOT / "envs" / f"{name}.txt").read_text().splitlines()
        assert pip_lines(name) == [line for line in listed if not line.startswith("#")]


def pip_lines(name):
    environment = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    return pip


@pytest.mark.parametrize(
    "script", ["training/train.py", "search/trial.py", "search/confirm.py", "peers/agreement.py"]
)
def test_the_interpreter_of_mlgenn_has_all_that_its_scripts_import(script):
    backend = ROOT / "workflow/spikespeech/backends/mlgenn/backend.py"
    names = set()
    for file in provenance.reachable(ROOT / "scripts" / script) | provenance.reachable(backend):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.partition(".")[0])
    listed = {re.match(r"\w+", line)[0] for line in pip_lines("mlgenn")}
    with_numba = {"llvmlite"}
    assert names - set(sys.stdlib_module_names) <= listed | with_numba | {"spikespeech"}
