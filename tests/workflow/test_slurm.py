"""A study on a real one-machine Slurm, through its profile; the scheduler is killed on the way."""

import os
import shutil
import subprocess

import pytest
from pipeline import ROOT, command, copy, environment

ONE_MACHINE = ROOT / "tests/workflow/slurm/one_machine.sh"
# The last two are figures of seconds, which share a submission.
TARGETS = [
    f"results/test/{name}"
    for name in (
        "search/demo/initial/seed-1/round-1/proposal.json",
        "tables/chain_rule.csv",
        "figures/lif.svg",
    )
]
# Kills the scheduler once both of Snakemake's jobs are in its queue, and starts it again. Slurm
# saves its state every five seconds: a job submitted just before the kill would be lost.
KILL = """
until [ "$(scontrol --oneliner show jobs 2>/dev/null | grep -c JobId=)" = 2 ]; do sleep 0.2; done
sleep 6
kill -9 "$(cat "$SLURM_ONE_MACHINE/slurmctld.pid")"
sleep 2
slurmctld
"""


@pytest.fixture
def slurm():
    """The script that starts a Slurm; skips where there can be none."""
    if os.environ.get("SPIKESPEECH_SLURM") == "no":
        pytest.skip("SPIKESPEECH_SLURM=no forbids starting a Slurm")
    if os.geteuid() != 0:
        pytest.skip("a one-machine Slurm needs root")
    for program in ("munged", "slurmctld", "slurmd"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} (Debian: slurmctld slurmd slurm-client munge)")
    if os.path.lexists("/etc/slurm/slurm.conf"):
        pytest.skip("this machine has a Slurm already")
    return ONE_MACHINE


@pytest.mark.slow
def test_a_study_survives_the_death_of_its_scheduler(slurm, tmp_path):
    project = copy(tmp_path / "a study's copy")
    study = command(
        *("--workflow-profile", "slurm", "--configfile", "config/test.yaml"),
        *("--slurm-init-seconds-before-status-checks", "3"),
        *("--seconds-between-status-checks", "3", "--latency-wait", "20", "--", *TARGETS),
    )
    finished = subprocess.run(
        [slurm, "bash", "-c", f'( {KILL} ) & "$@"; status=$?; wait; exit $status', "bash", *study],
        cwd=project,
        env=environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    # The script's own status: Slurm ran jobs and all of them completed.
    assert finished.returncode == 0, finished.stdout[-5000:]
    assert "Slurm ran 2 jobs, 0 of them not completed" in finished.stdout
    for target in TARGETS:
        assert (project / target).stat().st_size > 100
