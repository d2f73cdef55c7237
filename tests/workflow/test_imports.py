"""A network that another program trained, in a study: planned, read and evaluated like our own."""

import json

import numpy as np
import pytest
import test_faults
import yaml
from pipeline import copy, plan, snakemake

from spikespeech import network, nir
from spikespeech.network import Network, Parameters

STUDY = test_faults.STUDY | {
    "datasets": {
        "noise": {"source": "spike_file", "train": "train.h5", "test": "test.h5", "channels": 40}
    }
}
OPTIONS = ("--cores", "1", "--configfile", "tiny.yaml")
IMPORTED = "results/networks/imported"
EXHIBITS = ("results/figures/imported.svg", "results/tables/imported_networks.csv")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with a study that imports two networks."""
    project = copy(tmp_path_factory.mktemp("study") / "project")
    for part, speakers, seed in (("train", [1, 2, 3], 1), ("test", [4], 2)):
        test_faults.write_part(project / f"{part}.h5", speakers, seed)
    net = Network.layered(40, 6, 3)
    rng = np.random.default_rng(1)
    weights = Parameters({n: rng.normal(0, 0.2, shape) for n, shape in net.shapes().items()})
    nir.export(net, weights, project / "theirs.nir")
    (project / "ck").mkdir()
    for name, array in weights.items():
        ends = "_".join(name.title().split("_"))
        np.save(project / f"ck/49-Conn_{ends}-g.npy", array.ravel())
    neuron = {"tau_mem": 20, "tau_syn": 5, "threshold": 1}
    common = {"dataset": "noise", "loss": "sum_exp"}
    named = {
        "graph": common | {"path": "theirs.nir"},
        "checkpoint": common | {"path": "ck", "neuron": neuron},
    }
    study = STUDY | {"networks": STUDY["networks"] | {"import": named}}
    (project / "tiny.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return project


def test_each_network_is_planned_without_a_training(project):
    planned = plan(project, *OPTIONS, "--", *EXHIBITS)
    assert "train" not in planned
    jobs = ("import_network", "evaluate_imported", "convert_imported", "export_nir_imported")
    jobs += ("fixed_point_imported", "ablate_imported", "cost_imported")
    assert [planned[job] for job in jobs] == [2] * len(jobs)
    assert planned["plot_imported"] == planned["tabulate_imported_networks"] == 1
    assert plan(project, *OPTIONS)["plot_imported"] == 1  # the report has them, too


def test_a_network_that_is_not_there_is_named_before_any_job(project):
    (project / "ck").rename(project / "away")
    status, output = snakemake(project, "--dry-run", *OPTIONS)
    (project / "away").rename(project / "ck")
    assert status != 0 and "networks.import.checkpoint: ck: is no folder" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_both_are_read_and_evaluated(project):
    names = ("graph", "checkpoint")
    files = [f"{IMPORTED}/{name}/evaluation.json" for name in names]
    status, output = snakemake(project, *OPTIONS, "--", *files)
    assert status == 0, output
    records = [json.loads((project / file).read_text()) for file in files]
    assert [record["network"]["seed"] for record in records] == list(names)
    assert records[0]["n"] == 24 and records[0]["correct"] == records[1]["correct"]
    one, other = (
        network.load(project / IMPORTED / n / "weights.h5") for n in ("graph", "checkpoint")
    )
    assert one[0] == other[0]
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, other[1][name])
