"""Part of a study through the profile for any scheduler, whose queue is the background here."""

import pytest
from pipeline import copy, snakemake

# What qsub does: takes the options and the job's script, returns at once, prints an id.
SUBMIT = """#!/bin/sh
for script; do :; done
echo "$@" >> submitted.txt
setsid sh "$script" > /dev/null 2>&1 &
echo $!
"""


@pytest.mark.slow
def test_a_study_through_the_generic_profile(tmp_path):
    project = copy(tmp_path / "a study's copy")
    (project / "qsub").write_text(SUBMIT, encoding="utf-8")
    (project / "qsub").chmod(0o755)
    names = ("search/demo/initial/seed-1/round-1/proposal.json", "data/digits/train.h5")
    targets = [f"results/test/{name}" for name in names]
    status, output = snakemake(
        project,
        *("--workflow-profile", "generic", "--configfile", "config/test.yaml"),
        *("--cluster-generic-submit-cmd", "./qsub -pe smp {threads} -l h_vmem={resources.mem_mb}M"),
        *("--latency-wait", "20", "--seconds-between-status-checks", "1", "--", *targets),
    )
    assert status == 0, output[-5000:]
    for target in targets:
        assert (project / target).stat().st_size > 100
    submitted = (project / "submitted.txt").read_text(encoding="utf-8").splitlines()
    assert len(submitted) == len(targets)
    assert "-pe smp 1 -l h_vmem=1000M" in submitted[0] + submitted[1]
