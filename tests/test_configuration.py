"""Configurations are checked, and each network gets its own resolved settings."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from spikespeech import configuration, keys, schema
from spikespeech.errors import InputError
from spikespeech.network import axes
from spikespeech.search import studies

CONFIG = Path(__file__).parents[1] / "config"


def read(name):
    """The configuration that Snakemake sees: the defaults, updated by another file.

    One in a folder comes after the one that is called as the folder, where there is such a one.
    """
    config = yaml.safe_load((CONFIG / "config.yaml").read_text())
    path = (CONFIG / name).with_suffix(".yaml")
    before = path.parent.with_suffix(".yaml")
    for given in (*([before] if before.exists() else []), path):
        configuration.update(config, yaml.safe_load(given.read_text()))
    return config


@pytest.mark.parametrize("path", sorted(CONFIG.rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_configuration_of_the_project_is_valid(path):
    configuration.check(read(path.relative_to(CONFIG).with_suffix("")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "digit"}, "networks.import.theirs.dataset: 'digit' is not defined; did you"),
        ({"loss": "sum_ex"}, "networks.import.theirs.loss: 'sum_ex' is not defined; did you mean"),
        ({"epoch": 4}, "networks.import.theirs: 'epoch' is not of the format nir"),
        ({"path": "ck"}, "networks.import.theirs: 'neuron' is missing"),
        ({"readout": "voltage"}, "networks.import.theirs.readout: 'voltage'"),
    ],
)
def test_what_is_wrong_with_an_import_is_named(change, message):
    config = read("config")
    theirs = {"path": "a.nir", "dataset": "digits", "loss": "sum_exp", "dt": 1e-4}
    config["networks"]["import"] = {"theirs": theirs}
    configuration.check(config)
    theirs.update(change)
    with pytest.raises(InputError, match=message):
        configuration.check(config)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("training", "learning_rat"), 1.0, "did you mean 'learning_rate'"),
        (("training", "regularisation", "lambda_uper"), 1.0, "training.regularisation.lambda_uper"),
        (("trainin",), {}, "did you mean 'training'"),
        (("training", "epochs"), 0, "training.epochs: 0 is less than"),
        (("training", "learning_rate"), "fast", "training.learning_rate: 'fast' is not of type"),
        (("networks", "loss"), ["gausian"], "did you mean 'gaussian'"),
        (("networks", "dataset"), ["shhd"], "did you mean 'shd'"),
        (("networks", "topology"), ["recurent"], "networks.topology.0"),
        (("overrides",), [{"when": {"size": 3}, "set": {}}], "overrides.0.when.size"),
        (("time", "steps"), 1.5, "time.steps"),
    ],
)
def test_a_bad_key_is_named_with_the_mend(keys, value, message):
    config = copy.deepcopy(read("config"))
    target = config
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = value
    with pytest.raises(InputError, match=r"configuration: .*") as error:
        configuration.check(config)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_paper_settings_are_those_of_table_1():
    config = read("paper")
    grid = configuration.networks(config)
    assert len(grid) == 2 * 3 * 5
    strength = {
        (n["dataset"], n["hidden"]): configuration.settings(config, **n)["regularisation"]
        for n in grid
    }
    assert {k: v["lambda_upper"] for k, v in strength.items()} == {
        ("shd", 256): 2.5e-10,
        ("shd", 512): 5e-10,
        ("shd", 1024): 5e-11,
        ("ssc", 256): 2.5e-9,
        ("ssc", 512): 5e-10,
        ("ssc", 1024): 2.5e-10,
    }
    published = {key: 0 for key in config["training"]["augmentation"]} | {"shift": 40}
    shd = configuration.settings(config, **grid[0])
    assert shd["epochs"] == 50 and shd["augmentation"] == published | {"blend": True}
    ssc = configuration.settings(config, **grid[-1])
    assert ssc["epochs"] == 100 and ssc["augmentation"] == published


def test_settings_do_not_share_state_and_are_equal_text():
    config = read("paper")
    first, other = (configuration.settings(config, **n) for n in configuration.networks(config)[:2])
    first["regularisation"]["spikes"] = 99
    assert other["regularisation"]["spikes"] == 14
    assert configuration.text({"b": 1, "a": 2}) == configuration.text({"a": 2, "b": 1})


def test_several_hidden_layers_have_a_name_on_paths_and_their_own_settings():
    config = read("test")
    config["networks"]["hidden"] = [128, [256, 128]]
    config["overrides"] = [{"when": {"hidden": [256, 128]}, "set": {"epochs": 9}}]
    configuration.check(config)
    grid = configuration.networks(config)
    assert {network["hidden"] for network in grid} == {128, "256x128"}
    for network in grid:
        for hidden in (network["hidden"], str(network["hidden"])):
            resolved = configuration.settings(config, **network | {"hidden": hidden})
            several = network["hidden"] == "256x128"
            assert resolved["hidden"] == ([256, 128] if several else 128)
            assert (resolved["epochs"] == 9) == several
    assert [axes.n_hidden(h) for h in (128, "128", "256x128", [256, 128])] == [
        *(128, 128, 384, 384)
    ]
    config["networks"]["hidden"] = [[256]]
    with pytest.raises(InputError, match=r"networks.hidden.0: \[256\]"):
        configuration.check(config)
    assert axes.by_size([128, "64x64", 8, "100x29", 8]) == [8, 128, "64x64", "100x29"]


LEARNED = {"kind": "random", "high": 30, "learned": True}
BOUND = {"learned": True, "low": 3, "high": 150}


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"delays": {"input": LEARNED, "learning_rate": 1}}, "bptt has no delays but fixed ones"),
        ({"delays": {"input": None, "hidden": LEARNED | {"learned": False}}}, "bptt has no delays"),
        (
            {"constants": {"hidden": {"tau_mem": BOUND}, "learning_rate": 0.01}},
            "bptt has no constants that are learned",
        ),
        (
            {"constants": {"hidden": {"tau_mem": {"distribution": "gamma", "deviation": 0.5}}}},
            "stdp has no constants of the neurons' own",
        ),
        (
            {"connections": {"input": {"kind": "random", "probability": 0.5}}},
            "stdp has no connections that lack synapses",
        ),
    ],
)
def test_networks_that_a_method_cannot_train_are_refused_before_any_job(training, said):
    config = read("config")
    config["methods"]["train"] = ["eventprop", "bptt", "stdp", "linear"]
    config["training"] |= training
    with pytest.raises(InputError, match=f"methods.train: {said}"):
        configuration.check(config)
    config["methods"]["train"] = ["eventprop", "untrained", "linear"]
    configuration.check(config)


@pytest.mark.parametrize(
    ("keys", "text", "value"),
    [
        (("training", "learning_rate"), "1e-3", 1e-3),
        (("training", "epochs"), "5", 5),
        (("training", "augmentation", "blend"), "true", True),
        (("training", "initial_weights", "input_hidden"), ["0.1", "2e-2"], [0.1, 0.02]),
        (("deployment", "bits"), "4", 4),
        (("methods",), "null", None),
    ],
)
def test_text_that_spells_a_number_is_one_where_a_number_is_wanted(keys, text, value):
    config = read("config")
    target = config
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = text
    configuration.check(config)
    assert target[keys[-1]] == value and type(target[keys[-1]]) is type(value)


def test_every_key_is_documented_as_the_schemas_describe_it():
    """`python -m spikespeech.keys` prints what config/README.md lacks."""
    documented = (CONFIG / "README.md").read_text(encoding="utf-8").splitlines()
    listed = keys.reference()
    assert documented[-len(listed) :] == listed
    named = {key for line in listed for key in re.findall(r"^- `([^`]+)`", line)}
    own = {"datasets.NAME.table", "search.NAME.space.NAME", "training.output.tau_mem"}
    assert own <= named and {f"training.{key}" for key in read("config")["training"]} <= named


@pytest.mark.parametrize("name", [True, None, 750, 1])
def test_a_name_that_yaml_takes_for_something_else_is_to_be_quoted(name):
    config = read("config")
    config["datasets"]["digits"]["classes"][3] = name
    with pytest.raises(InputError, match=r"datasets\.digits\.classes\.3: .*quote it"):
        configuration.check(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"networks": {"hidden": 64}}, r"networks.hidden: 64 is no list (write [64])"),
        ({"networks": {"hidden": [10**6]}}, "1000000 is greater than the maximum of 65536"),
        ({"datasets": {"digits": {"utterances": 10**9}}}, "datasets.digits.utterances: 1000000000"),
        ({"overrides": [{"when": {"loss": "summ"}, "set": {}}]}, "did you mean 'sum'"),
        ({"losses": {"sum": {"mu": 1}}}, "losses.sum.mu"),
        ({"losses": {"gaussian": {"mean": 1}}}, "known: mu, sigma"),
        (
            {"training": {"initial_weights": {"input_hidden": [0.1, -1]}}},
            "training.initial_weights",
        ),
    ],
)
def test_what_no_job_could_do_is_refused_at_the_plan(changes, message):
    config = read("config")
    configuration.update(config, changes)
    with pytest.raises(InputError) as error:
        configuration.check(config)
    assert message in str(error.value)
    assert "search" not in str(error.value) and "\n" not in str(error.value)


def test_a_search_takes_from_another_what_it_does_not_say_itself():
    config = read("config")
    config["search"] |= {
        "deeper": {"like": "small", "hidden": [8, 4], "set": {"augmentation": {"warp": 0.5}}},
        "small": {"like": "demo", "hidden": 8, "set": {"augmentation": {"shift": 3}}},
    }
    configuration.check(config)
    demo, small, deeper = (config["search"][name] for name in ("demo", "small", "deeper"))
    assert small == demo | {"hidden": 8, "set": demo["set"] | {"augmentation": {"shift": 3}}}
    both = {"augmentation": {"shift": 3, "warp": 0.5}}
    assert deeper == demo | {"hidden": [8, 4], "set": demo["set"] | both}
    assert demo == read("config")["search"]["demo"]


LOOP = {}
LOOP["set"] = {"like": LOOP}


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"a": {"like": "dmo"}}, "search.a.like: 'dmo' is not defined; did you mean 'demo'"),
        ({"a": {"like": 3}}, "search.a.like: 3 is not defined"),
        ({"a": {"like": "demo"}, "demo": None}, "search.a.like: 'demo' is not defined"),
        ({"a": {"like": "a"}}, "search.a.like: 'a' is itself like 'a'"),
        ({"a": {"like": "b"}, "b": {"like": "a"}}, "is itself like"),
        ({"a": {"like": "demo", "epochs": 3}}, "unknown key 'search.a.epochs'"),
        ({"a": {"like": "demo", "set": 3}}, "search.a.set: 3 is not of type 'object'"),
        ({"a": {"like": "demo", "set": LOOP}}, "nests too deeply"),
        ({"a": 3}, "search.a: 3"),
        ([], "search: "),
    ],
)
def test_what_a_search_cannot_take_from_another_is_said(search, message):
    config = read("config")
    config["search"] = config["search"] | search if isinstance(search, dict) else search
    with pytest.raises(InputError) as error:
        configuration.check(config)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_window_may_be_a_table_in_a_file(tmp_path):
    path = tmp_path / "window.csv"
    path.write_text("".join(f"{t}\n" for t in range(1000)), encoding="utf-8")
    config = read("config")
    config["losses"]["table"] = {"values": str(path)}
    config["networks"]["loss"] = ["table"]
    configuration.check(config)
    settings = configuration.settings(config, **configuration.networks(config)[0])
    assert settings["loss"]["values"] == list(range(1000))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"training: {epochs: 1}\nnetworks: {}\ntraining: {}\n", "line 1 and again in line 3"),
        (b"training:\n  epochs: 1\n  epochs: 2\n", "'epochs' stands in line 2"),
        ("# Wörter\n".encode("latin-1"), "is not UTF-8"),
        (b"a: " + b"[" * 2000 + b"]" * 2000, "nests too deeply"),
        (b"a: [1\n", "line"),
    ],
)
def test_what_yaml_hides_in_a_file_is_said(content, message, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"study\.yaml") as error:
        schema.check_file(path)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_an_alias_that_doubles_itself_is_refused_in_seconds():
    bomb = [1]
    for _ in range(35):
        bomb = [bomb, bomb]
    with pytest.raises(InputError, match="look for an alias"):
        configuration.check(read("config") | {"overrides": bomb})


def test_a_billion_rounds_are_refused_before_any_is_listed():
    config = read("config")
    config["search"]["demo"]["rounds"] = 10**9
    configuration.check(config)
    with pytest.raises(InputError, match=r"search\.demo\.rounds: 1000000000 rounds come to"):
        studies.load(config)


def test_a_tilde_is_the_users_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    config = {
        "pathvars": {"results": "~/out"},
        "datasets": {"own": {"folder": "~/words", "pattern": "{label}/~{take}.wav"}},
        "mlgenn": {"python": "~/genn/bin/python"},
        "networks": {"import": {"theirs": {"path": "~/a.nir"}}},
        "peers_python": None,
    }
    configuration.write_out_home(config)
    assert config == {
        "pathvars": {"results": "/home/ann/out"},
        "datasets": {"own": {"folder": "/home/ann/words", "pattern": "{label}/~{take}.wav"}},
        "mlgenn": {"python": "/home/ann/genn/bin/python"},
        "networks": {"import": {"theirs": {"path": "/home/ann/a.nir"}}},
        "peers_python": None,
    }
