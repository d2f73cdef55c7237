"""What goes wrong on real machines: each fault costs its job, says so, and a rerun repairs it.

The study is one tiny training on a user's own spike files. After every fault a rerun must end
with the same bytes as the run that nothing disturbed.
"""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from pipeline import command, copy, environment, plan, snakemake

from spikespeech.data.events import write_events

pytestmark = pytest.mark.slow

STUDY = {
    "pathvars": {"results": "results"},
    "datasets": {
        # Names that a shell or an option parser would take for something else.
        "noise": {
            "source": "spike_file",
            "train": "-my train's.h5",
            "test": "my $(test) & more.h5",
            "channels": 40,
        }
    },
    "time": {"dt_ms": 1.0, "steps": 100},
    "splits": {"validation_speakers": 1},
    "networks": {"dataset": ["noise"], "loss": ["sum_exp"], "hidden": [16], "seed": [1]},
    "training": {
        "epochs": 150,
        "batch_size": 4,
        "learning_rate": 0.002,
        "initial_weights": {"input_hidden": [0.2, 0.1]},
    },
    "search": {"demo": None},
}
OPTIONS = ("--cores", "2", "--configfile", "tiny.yaml")
DATA = "results/data/noise"
NETWORK = "results/networks/noise/main/sum_exp/16-recurrent/seed-1"
EVALUATION = f"{NETWORK}/evaluation.json"
BINNED = f"{DATA}/binned/train.h5"
ALL = (EVALUATION, BINNED, f"{DATA}/train.h5")


def write_part(path, speakers, seed, repeats=8):
    """Write random words of three classes, told apart by their channels, in SHD's layout."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.repeat(np.arange(3), repeats), len(speakers))
    events = [
        (
            np.sort(rng.uniform(0, 0.1, 100)),
            np.clip(rng.normal(8 + 12 * label, 3, 100), 0, 39).astype(int),
        )
        for label in labels
    ]
    write_events(path, events, labels, np.repeat(speakers, 3 * repeats), ["a", "b", "c"])


def write_study(project, study=STUDY):
    (project / "tiny.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")


def run(project, *targets, **options):
    """Run the study, or what `targets` need; return (status, output)."""
    return snakemake(project, *OPTIONS, "--", *(targets or ALL), **options)


@contextlib.contextmanager
def running(project):
    """Run the study in the background; what is left of it in the end is killed."""
    log = project / "output.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            command(*OPTIONS, "--", *ALL),
            cwd=project,
            env=environment(project),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    # Read before a kill, as orphans are nobody's children.
    process.jobs = lambda: alive(psutil.Process(process.pid).children(recursive=True))
    process.output = lambda: log.read_text(encoding="utf-8")
    left = []
    try:
        yield process
        if process.poll() is None:
            left = process.jobs()
    finally:
        for one in [process, *left]:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                one.kill()
        process.wait()


def alive(processes):
    """Return the processes that run: one that has ended stays until its parent asks for it."""
    running = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
    return running


def wait_for_training(project, pipeline):
    """Wait until a training is under way and has a checkpoint."""
    while not training(project):
        assert pipeline.poll() is None, pipeline.output()
        time.sleep(0.02)


def training_job(pipeline):
    """Return the process that trains."""
    script = "scripts/training/train.py"
    [job] = [p for p in pipeline.jobs() if any(a.endswith(script) for a in p.cmdline()[:3])]
    return job


def results(project):
    """Return {path: bytes} of all results but logs, times and what a kill leaves (.*.part.*)."""
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in sorted((project / "results").rglob("*"))
        if path.is_file()
        and "logs" not in path.parts
        and path.name != "timing.json"
        and not path.match(".*.part.*")
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A project after a run that nothing disturbed."""
    project = copy(tmp_path_factory.mktemp("undisturbed") / "a study's copy")
    write_study(project)
    own = STUDY["datasets"]["noise"]
    write_part(project / own["train"], [0, 1, 2], seed=1)
    write_part(project / own["test"], [3], seed=2)
    status, output = run(project)
    assert status == 0, output
    return project


@pytest.fixture
def project(undisturbed, tmp_path):
    """The finished project again, for one fault."""
    return shutil.copytree(undisturbed, tmp_path / "a study's twin")


@pytest.fixture
def repaired(undisturbed, project):
    """Call it to rerun the study and to compare every byte."""

    def check():
        status, output = run(project)
        assert status == 0, output
        assert results(project) == results(undisturbed)

    return check


def forget(project, *paths):
    for path in paths:
        (project / path).unlink()


def training(project):
    """Whether a training is under way and has a checkpoint."""
    return (project / NETWORK / "checkpoint.npz").exists()


def test_a_killed_job_is_named_and_goes_on_where_it_was(project, repaired):
    forget(project, f"{NETWORK}/weights.h5", EVALUATION)
    with running(project) as pipeline:
        wait_for_training(project, pipeline)
        training_job(pipeline).kill()
        assert pipeline.wait(60) != 0
        assert "Error in rule train" in pipeline.output()
        assert "Traceback" not in pipeline.output()
    assert not (project / NETWORK / "weights.h5").exists()
    assert training(project)
    repaired()
    assert not training(project)


def test_a_killed_snakemake_leaves_a_lock_that_says_how_to_open_it(project, repaired):
    forget(project, f"{NETWORK}/weights.h5", EVALUATION)
    with running(project) as pipeline:
        wait_for_training(project, pipeline)
        orphans = pipeline.jobs()
        pipeline.kill()
        pipeline.wait()
    # The orphaned job runs on, beside the rerun: neither spoils the other.
    status, output = run(project)
    assert status != 0 and "--unlock" in output and "Traceback" not in output
    status, output = snakemake(project, *OPTIONS, "--unlock")
    assert status == 0, output
    repaired()
    psutil.wait_procs(orphans, timeout=60)
    repaired()


def test_two_pipelines_in_one_folder(project, repaired):
    forget(project, f"{NETWORK}/weights.h5", EVALUATION)
    with running(project) as pipeline:
        wait_for_training(project, pipeline)
        job = training_job(pipeline)
        job.suspend()  # or it may be over before the other pipeline has started
        status, output = run(project)
        job.resume()
        assert status != 0 and "cannot be locked" in output and "Traceback" not in output
        assert pipeline.wait(120) == 0, pipeline.output()
    repaired()


@contextlib.contextmanager
def mounted(*arguments, on):
    """Mount something for a while; skips the test where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount")
    made = subprocess.run(["mount", *arguments, str(on)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"cannot mount here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(on)], check=True)


def limit_files():
    """Let no file grow beyond 20 kB, as a quota does."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.parametrize("rule", ["import_spikes", "bin_spikes"])
def test_a_full_disk(project, repaired, rule):
    victim = project / (BINNED if rule == "bin_spikes" else f"{DATA}/train.h5")
    keep = {path: content for path, content in results(project).items() if "train" not in path}
    forget(project, BINNED, victim) if rule == "import_spikes" else forget(project, BINNED)
    folder = victim.parent
    with mounted("-t", "tmpfs", "-o", "size=20k", "tmpfs", on=folder):
        (folder / "kept").touch()  # Snakemake removes folders that stay empty
        status, output = run(project, BINNED)
        left = [path for path in folder.rglob("*") if path.is_file()]
    assert status != 0 and f"Error in rule {rule}" in output
    assert "No space left on device" in output
    assert "Traceback" not in output, output
    assert left == [folder / "kept"]
    assert keep.items() <= results(project).items()
    repaired()


def test_a_quota(project, repaired):
    forget(project, f"{DATA}/train.h5", BINNED)
    status, output = run(project, BINNED, preexec_fn=limit_files)
    assert status != 0 and "File too large" in output and "Traceback" not in output, output
    assert not (project / BINNED).exists() and not list((project / DATA).glob(".*"))
    repaired()


def test_results_that_cannot_be_written(project, repaired):
    forget(project, EVALUATION)
    folder = project / NETWORK
    before = results(project)
    with mounted("--bind", "-o", "ro", str(folder), on=folder):
        status, output = run(project)
    assert status != 0 and "Write-protected output files" in output, output
    assert results(project) == before
    repaired()


@pytest.mark.parametrize(
    ("path", "rerun"),
    [(f"{DATA}/train.h5", BINNED), (BINNED, EVALUATION), (f"{NETWORK}/weights.h5", EVALUATION)],
)
def test_a_corrupt_file_is_named(project, repaired, path, rerun):
    content = (project / path).read_bytes()
    (project / path).write_bytes(content[: len(content) // 2])
    status, output = run(project, rerun)
    assert status != 0 and f"error: {path}: " in output, output
    assert "Traceback" not in output
    forget(project, path)
    repaired()


def test_vanished_files_are_made_again(project, repaired):
    shutil.rmtree(project / DATA)
    forget(project, EVALUATION)
    repaired()


def test_a_clock_that_goes_back_reruns_nothing(project):
    files = [path for path in project.rglob("*.*") if path.is_file()]
    for stamp in (4e9, 1e6):  # all in the future, all long ago, then inputs after outputs
        for path in files:
            os.utime(path, (stamp, stamp))
        assert plan(project, *OPTIONS, "--", EVALUATION) == {}
    for path in (project / DATA).rglob("*.*"):
        os.utime(path, (4e9, 4e9))
    assert plan(project, *OPTIONS, "--", EVALUATION) == {}


def test_a_config_that_changes_half_way(project, repaired):
    """Neither the files nor the checkpoint of other settings find their way into the study."""
    other = STUDY | {"training": STUDY["training"] | {"learning_rate": 0.004}}
    write_study(project, other)
    with running(project) as pipeline:
        wait_for_training(project, pipeline)
        write_study(project)
        training_job(pipeline).kill()
        pipeline.wait(60)
    assert training(project)
    repaired()


def test_paths_are_those_that_users_name(undisturbed):
    own = STUDY["datasets"]["noise"]
    for part in ("train", "test"):
        assert (undisturbed / DATA / f"{part}.h5").read_bytes() == Path(
            undisturbed, own[part]
        ).read_bytes()
