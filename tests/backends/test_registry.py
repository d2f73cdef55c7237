"""Every backend of the registry is one, and its jobs find all that they need."""

import inspect
from pathlib import Path

import pytest
import yaml

from spikespeech.backends import registry

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", registry.BACKENDS)
def test_a_backend_is_what_its_row_says(name):
    entry = registry.BACKENDS[name]
    kind = registry.load(name)
    assert Path(inspect.getfile(kind)).is_relative_to(registry.source(name).parent)
    assert set(entry.options) <= set(inspect.signature(kind).parameters)
    for method in ("train", "evaluate", "state", "restore", "weights"):
        assert hasattr(kind, method)


@pytest.mark.parametrize("name", registry.BACKENDS)
def test_the_jobs_of_a_backend_find_environment_and_interpreter(name):
    entry = registry.BACKENDS[name]
    assert (ROOT / f"envs/{entry.environment}.yaml").is_file()
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    assert registry.interpreter(name, config) == "python"
    assert registry.device(name, config) == ("auto" if entry.section else "cpu")
    if entry.section:
        other = config | {entry.section: {"python": "/other/python", "device": "cuda:1"}}
        assert registry.interpreter(name, other) == "/other/python"
        assert registry.device(name, other) == "cuda:1"
