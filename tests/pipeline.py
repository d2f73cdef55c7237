"""Snakemake on a copy of the project, as the tests run it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "profiles", "scripts", "config", "envs")


def copy(project):
    """Copy what Snakemake needs of the project, compiled code included, to the folder `project`."""
    project.mkdir(parents=True)
    for name in PARTS:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, project / name)
    return project


def command(*arguments):
    """Return the words that run Snakemake with this Python."""
    return [sys.executable, "-m", "snakemake", "--nocolor", *arguments]


def environment(project):
    """Return the environment of a run: the copy's own library, this Python's programs first."""
    return os.environ | {
        "PYTHONPATH": str(project / "workflow"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def snakemake(project, *arguments, timeout=600, **options):
    """Run Snakemake on a copy of the project, with the copy's own library; return its output."""
    finished = subprocess.run(
        command(*arguments),
        cwd=project,
        env=environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        **options,
    )
    return finished.returncode, finished.stdout


def plan(project, *arguments):
    """Return {rule: number of jobs} that a dry run plans."""
    status, output = snakemake(project, "--dry-run", *arguments)
    assert status == 0, output
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    if table is None:
        assert "Nothing to be done" in output, output
        return {}
    rows = (line.split() for line in table[1].splitlines() if line.strip())
    return {rule: int(count) for rule, count in rows if rule != "all"}
