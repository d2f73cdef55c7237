"""`make` itself, in a shell that knows nothing of the environment."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pipeline import ROOT, copy

PIN = re.compile(r"^(?:      - )?([\w.-]+==[^\s;]+(?: ; [^\\\n]+)?)", re.MULTILINE)
TARGET = "results/tables/chain_rule.csv"


def test_condas_environment_has_the_pins_of_requirements_but_for_the_tools_of_development():
    pinned, conda = (
        {pin.strip() for pin in PIN.findall((ROOT / name).read_text(encoding="utf-8"))}
        for name in ("requirements.txt", "envs/spikespeech.yaml")
    )
    assert len(conda) > 80 and conda < pinned
    names = {pin.split("==")[0] for pin in conda}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted, tools = (
        {re.match(r"[\w-]+", requirement)[0] for requirement in group}
        for group in (project["project"]["dependencies"], project["dependency-groups"]["dev"])
    )
    assert wanted <= names and not tools - {"setuptools"} & names


@pytest.mark.slow
def test_make_runs_the_study_in_a_shell_that_lacks_the_environment(tmp_path):
    project = copy(tmp_path / "study")  # make's paths have no spaces
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy2(ROOT / name, project / name)
    (project / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != ".installed":
            (project / ".venv" / part.name).symlink_to(part)
    (project / ".venv/.installed").touch()  # newer than requirements.txt: installs nothing
    # A profile of the user's own makes the study short, and make stays as it is.
    profile = tmp_path / "profile"
    profile.mkdir()
    (profile / "config.yaml").write_text("until: tabulate_chain_rule\n")
    finished = subprocess.run(
        ["make"],
        cwd=project,
        env={
            "PATH": os.defpath,
            "HOME": str(tmp_path),
            "PYTHONPATH": str(project / "workflow"),
            "SNAKEMAKE_PROFILE": str(profile),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stdout[-3000:]
    assert (project / TARGET).stat().st_size > 100
