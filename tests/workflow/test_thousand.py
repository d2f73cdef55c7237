"""A study of a thousand networks: its plan, and the tables of its made-up results."""

import re
import subprocess
import sys

import made_up
import numpy as np
import pandas as pd
import pytest
import yaml
from pipeline import ROOT, command, copy, environment

from spikespeech import configuration, network
from spikespeech.network import axes

STUDY = {
    "pathvars": {"results": "results/a-study-of-a-thousand-networks"},
    "networks": {
        "dataset": ["digits"],
        "fold": ["main"],
        "loss": ["sum", "sum_exp"],
        "hidden": [2, 3, 4, 5, 6],
        "topology": ["recurrent", "feedforward"],
        "seed": list(range(1, 51)),
    },
    "search": {"demo": None},
    "methods": None,
    "benchmark": None,
}


def test_everything_of_a_thousand_networks_is_planned(tmp_path):
    project = copy(tmp_path / "a project")
    (project / "thousand.yaml").write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    finished = subprocess.run(
        command("--dry-run", "--quiet", "--configfile", "thousand.yaml"),
        cwd=project,
        env=environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout[-3000:]


def test_tables_of_a_thousand_networks_are_made_by_the_words_of_the_rules(tmp_path):
    """No argument is as long as the limit, and none says which file is of which network."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    configuration.update(config, STUDY)
    configuration.check(config)
    grid = configuration.networks(config)
    assert len(grid) == 1000
    rng = np.random.default_rng(3)
    net = network.Network.layered(3, 2, 2)
    weights = network.Parameters.zeros(net)
    folder = tmp_path / STUDY["pathvars"]["results"]
    files = []
    for at, entry in enumerate(grid):
        kind = f"{entry['hidden']}-{entry['topology']}/seed-{entry['seed']}"
        own = folder / "networks/digits/main" / entry["loss"] / kind
        own.mkdir(parents=True)
        axes.mark(made_up.history(rng, at / 2000), entry).to_csv(own / "history.csv", index=False)
        settings = made_up.TRAINING | {"loss": {"name": entry["loss"], "normalise": True}}
        about = {**entry, "settings": settings}
        network.save(own / "weights.h5", net, weights, about=about)
        files.append(own)
    # The order of files is that of nothing: a rule may list them in any.
    order = rng.permutation(len(files))
    listed = {
        name: "".join(f"{files[at] / name}\n" for at in order)
        for name in ("weights.h5", "history.csv")
    }
    assert len(listed["weights.h5"]) > 100_000
    table = folder / "settings.csv"
    words = (
        f"{sys.executable} {ROOT}/scripts/exhibits/training/tabulate_settings.py --weights "
        '@<(cat weights.h5.txt) --labels \'{"digits": "made up"}\' '
        f"--table {table} --finding {folder}/settings.txt"
    )
    for name, text in listed.items():
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    subprocess.run(["bash", "-c", words], cwd=tmp_path, check=True)
    found = pd.read_csv(table)
    assert found["networks"].tolist() == [50] * 20
    assert set(found["loss"]) == {"sum", "sum_exp"}


@pytest.mark.parametrize("rule", ["collect", "tabulate_settings", "plot_deployment", "best"])
def test_lists_that_grow_with_the_study_go_through_a_file_descriptor(rule):
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").rglob("*.smk"))
    own = re.search(rf"^ *rule {rule}:\n(.*?)(?=^ *rule |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    grown = re.findall(r"^ +(\w+)=(?:networks\(|lambda w: STUDIES\[w.search\].records)", own, re.M)
    assert grown
    for name in grown:
        used = f"{{input.{name}:q}}"
        assert own.count(used) == own.count(rf"@<(printf '%s\\n' {used})") == 1
