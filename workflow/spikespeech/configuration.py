"""From the study's configuration to the settings of each job.

The configuration is checked against `workflow/schemas/`; a misspelt key is named together with
the nearest valid one. Every job then gets its own leaf settings only, so that a change of one
setting reruns the jobs that depend on it and no others.
"""

import copy
import functools
import itertools
import json
import re
import textwrap
import unicodedata
from pathlib import Path

import jsonschema
import yaml
from referencing import Registry, Resource

from spikespeech.errors import InputError, nearest

SCHEMAS = Path(__file__).parent.parent / "schemas"
AXES = ("dataset", "fold", "loss", "hidden", "topology", "seed")


def check(config):
    """Raise InputError, naming the key, unless `config` is a valid configuration."""
    _check_plain(config, ())
    error = jsonschema.exceptions.best_match(_validator().iter_errors(config))
    if error is not None:
        raise InputError(f"configuration: {explain(error)}")
    for axis, known in (("dataset", config["datasets"]), ("loss", config["losses"])):
        for name in config["networks"][axis]:
            if name not in known:
                raise InputError(
                    f"configuration: networks.{axis}: {name!r} is not defined{nearest(name, known)}"
                )


@functools.cache
def schemas():
    """Return {file name: schema} of `workflow/schemas/`."""
    return {p.name: yaml.safe_load(p.read_text(encoding="utf-8")) for p in SCHEMAS.iterdir()}


@functools.cache
def _validator():
    registry = Registry().with_resources(
        (name, Resource.from_contents(schema)) for name, schema in schemas().items()
    )
    return jsonschema.Draft202012Validator(schemas()["config.schema.yaml"], registry=registry)


def _check_plain(value, path):
    """Refuse what YAML has and JSON, in which jobs get their settings, has not: dates, NaN, …"""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise InputError(
                    f"configuration: {_where(path)}: the key {key!r} is no text", hint="quote it"
                )
            _check_plain(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _check_plain(inner, (*path, i))
    elif isinstance(value, str):
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
            raise InputError(f"configuration: {_where(path)}: {value!r} has control characters")
    elif isinstance(value, int | float):
        if not abs(value) < 2**63:  # NaN compares with nothing
            raise InputError(f"configuration: {_where(path)}: {value!r:.30} is out of range")
    elif value is not None:
        raise InputError(
            f"configuration: {_where(path)}: {value!r} is no number, text or list", hint="quote it"
        )


def _where(path):
    return ".".join(map(str, path)) or "top level"


def explain(error):
    """Return one line that says which key of the configuration is wrong, and the hint."""
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        patterns = error.schema.get("patternProperties", ())
        key = next(
            k
            for k in error.instance
            if k not in known and not any(re.search(p, k) for p in patterns)
        )
        where = _where((*error.absolute_path, key))
        if not known and patterns:
            return f"{where}: name it with small letters, digits and _"
        return f"unknown key {where!r}{nearest(key, known)}"
    return f"{_where(error.absolute_path)}: {textwrap.shorten(error.message, 300)}"


def networks(config):
    """Return the grid of networks to train, one dictionary of wildcards each."""
    grid = config["networks"]
    return [
        dict(zip(AXES, values, strict=True))
        for values in itertools.product(*(grid[axis] for axis in AXES))
    ]


def settings(config, *, dataset, loss, hidden, topology, seed, **_):
    """Return the resolved settings of one network: the defaults, the overrides that match, itself.

    An override applies where all keys of its `when` equal the network's wildcards; later ones
    win over earlier ones.
    """
    own = {"dataset": dataset, "loss": loss, "hidden": int(hidden), "topology": topology}
    resolved = copy.deepcopy(dict(config["training"]))
    for override in config["overrides"]:
        if all(own[key] == value for key, value in override["when"].items()):
            update(resolved, override["set"])
    resolved["loss"] = {
        "name": loss,
        "normalise": config["normalise_losses"],
        **(config["losses"][loss] or {}),
    }
    resolved |= {"hidden": int(hidden), "recurrent": topology == "recurrent", "seed": int(seed)}
    return resolved


def update(target, changes):
    """Merge nested `changes` into `target`."""
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            update(target[key], value)
        else:
            target[key] = copy.deepcopy(value)


def text(value):
    """Return settings as JSON with sorted keys: equal settings are equal text."""
    return json.dumps(value, sort_keys=True)
