"""The whole pipeline on a tiny study, and what a change reruns."""

import re
import shlex
from itertools import takewhile

import pytest
import yaml
from pipeline import ROOT, copy, plan, snakemake

TEST = ("--configfile", "config/test.yaml", "odd.yaml")
# What a shell or an option parser would take for something else, in every job of the study.
RESULTS = """-it's "my" $(study) & more"""


@pytest.fixture(scope="session")
def copied(tmp_path_factory):
    """A copy of the project in a folder with an odd name, and with odd names in its study."""
    project = copy(tmp_path_factory.mktemp("pipeline") / """a "study's" copy""")
    odd = {"pathvars": {"results": RESULTS}}
    (project / "odd.yaml").write_text(yaml.safe_dump(odd), encoding="utf-8")
    return project


@pytest.fixture(scope="session")
def finished(copied):
    """The copy, after the study of config/test.yaml has run from nothing."""
    status, output = snakemake(copied, "--cores", "2", *TEST)
    assert status == 0, output[-5000:]
    return copied


@pytest.fixture
def edit(finished):
    """Change a file of the finished project for one test: edit(path, old, new)."""
    originals = {}

    def change(path, old, new):
        file = finished / path
        originals.setdefault(file, file.read_bytes())
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    yield change
    for file, content in originals.items():
        file.write_bytes(content)


@pytest.mark.slow
def test_the_pipeline_makes_a_report_and_then_has_nothing_to_do(finished):
    for name in ("report.html", "report.pdf"):
        assert (finished / RESULTS / "report" / name).stat().st_size > 10_000
    assert plan(finished, *TEST) == {}


@pytest.mark.slow
def test_the_scheduler_looks_for_work_when_a_job_ends_not_every_second(tmp_path):
    figures = [f"results/test/figures/{name}.svg" for name in ("lif", "stdp", "membrane")]
    options = ("--cores", "1", "--verbose", "--configfile", "config/test.yaml")
    status, output = snakemake(copy(tmp_path / "project"), *options, "--", *figures)
    assert status == 0, output[-5000:]
    assert output.count("Ready jobs") == len(figures)


@pytest.mark.slow
def test_touching_files_reruns_nothing(finished):
    for folder in ("workflow", "scripts", "config"):
        for file in (finished / folder).rglob("*"):
            file.touch()
    for file in (finished / RESULTS).rglob("*.csv"):
        file.touch()
    assert plan(finished, *TEST) == {}


@pytest.mark.slow
def test_comments_and_docstrings_rerun_nothing(edit, finished):
    edit(
        "workflow/spikespeech/network/model.py", '"""What a network is', '"""Other words\n\nWhat a'
    )
    edit("workflow/spikespeech/report/plots.py", "\nimport ", "\n# a comment\nimport ")
    assert plan(finished, *TEST) == {}


@pytest.mark.slow
def test_one_figures_script_reruns_that_figure_and_the_report(edit, finished):
    edit(
        "scripts/exhibits/results/plot_confusion.py",
        'if __name__ == "__main__":',
        'EXTRA = 1\n\nif __name__ == "__main__":',
    )
    assert plan(finished, *TEST) == {"plot_confusion": 1, "report": 1}


@pytest.mark.slow
def test_the_engine_retrains(edit, finished):
    edit("workflow/spikespeech/engine/adam.py", "\nimport ", "\nEXTRA = 1\nimport ")
    planned = plan(finished, *TEST)
    assert planned["train"] == 2
    assert "bin_spikes" not in planned and "split" not in planned


@pytest.mark.slow
def test_one_more_seed_trains_only_that_seed(edit, finished):
    edit("config/test.yaml", "seed: [1]", "seed: [1, 2]")
    assert plan(finished, *TEST)["train"] == 2


@pytest.mark.slow
def test_a_setting_of_one_loss_retrains_that_loss(edit, finished):
    edit("config/config.yaml", "mu: 0.15", "mu: 0.16")
    assert plan(finished, *TEST)["train"] == 1


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_configuration_plans(copied, path):
    planned = plan(copied, "--configfile", f"config/{path.name}", "--forceall")
    assert planned["train"] >= 1 and planned["report"] == 1


def test_commands_in_documents_end_their_list_of_configurations():
    # Snakemake would read the target that follows as one more file of settings.
    documents = [*ROOT.glob("*.md"), *ROOT.glob("config/**/*.md"), *ROOT.glob("config/**/*.yaml")]
    commands = [
        shlex.split(command, comments=True)
        for path in documents
        for command in re.findall(
            r"snakemake [^`\n]*--configfile [^`\n]*",
            re.sub(r"\\\n#?", " ", path.read_text(encoding="utf-8")),
        )
    ]
    assert len(commands) > 10
    for words in commands:
        listed = words[words.index("--configfile") + 1 :]
        files = list(takewhile(lambda word: not word.startswith("-"), listed))
        assert files and all(file.endswith(".yaml") for file in files), " ".join(words)


@pytest.mark.parametrize("dataset", ["fsdd", "shd"])
def test_mechanisms_are_compared_on_any_data_set(copied, dataset):
    files = ("config/mechanisms.yaml", f"config/mechanisms/{dataset}.yaml")
    wanted = f"results/mechanisms_{dataset}/figures/comparisons.svg"
    planned = plan(copied, "--configfile", *files, "--forceall", "--", wanted)
    assert planned["plot_comparisons"] == 1 and "train" not in planned
    assert planned["confirm"] == 5 * 16 and planned["bin_spikes"] == 2 + 3 * 2


def test_networks_that_nir_cannot_hold_are_not_asked_for_as_nir(copied):
    for shape, n in (("source", 2), ("synapse", 0)):
        delays = f"training={{delays: {{input: {{shape: {shape}}}}}}}"
        planned = plan(copied, *TEST, "--config", delays, "methods=null")
        assert (planned.get("export_nir", 0), planned["convert"]) == (n, 2)


def test_every_job_says_what_it_takes(copied):
    status, output = snakemake(
        copied, "--dry-run", "--forceall", "--workflow-profile", "slurm", *TEST
    )
    assert status == 0, output
    jobs = [line for line in output.splitlines() if line.startswith("    resources: ")]
    assert len(jobs) > 50
    # `all` is no job of a scheduler's.
    assert sum("mem_mb=" not in job or "runtime=" not in job for job in jobs) <= 1
    assert not any("gpu=1" in job for job in jobs)


def test_a_misspelt_key_is_named_before_anything_runs(copied):
    status, output = snakemake(copied, "--dry-run", *TEST, "--config", "trainin={}")
    assert status != 0
    assert "did you mean 'training'" in output
    assert "Traceback" not in output
