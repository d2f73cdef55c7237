"""Configurations are checked, and each network gets its own resolved settings."""

import copy
from pathlib import Path

import pytest
import yaml

from spikespeech import configuration
from spikespeech.errors import InputError
from spikespeech.network import axes

CONFIG = Path(__file__).parents[1] / "config"


def read(name):
    """The configuration that Snakemake sees: the defaults, updated by another file."""
    config = yaml.safe_load((CONFIG / "config.yaml").read_text())
    configuration.update(config, yaml.safe_load((CONFIG / f"{name}.yaml").read_text()))
    return config


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_configuration_of_the_project_is_valid(path):
    configuration.check(read(path.stem))


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
