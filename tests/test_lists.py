"""Each kind has one list, beside the code it names; schemas, wildcards and arguments follow it."""

import re
from pathlib import Path

import pytest
import yaml

from spikespeech import lists, losses, schema
from spikespeech.backends.registry import BACKENDS
from spikespeech.data.datasets import SOURCES
from spikespeech.deployment.conventions import INPUTS
from spikespeech.importing.formats import COMMON, FORMATS
from spikespeech.loihi.quantise import SCALES, WORD_LENGTHS
from spikespeech.methods.registry import TRAINING_METHODS
from spikespeech.network.neurons import HIDDEN
from spikespeech.report import plots
from spikespeech.search.propose import ACQUISITIONS, DESIGNS, INITIAL, PROPOSERS, SURROGATES
from spikespeech.search.studies import DEFAULTS

ROOT = Path(__file__).parents[1]


def values(path):
    """The values that the configuration's schema allows at a path of keys, its file the first."""
    file, *keys = path.split("/")
    part = schema.schemas()[file if file == lists.NAME else f"{file}.schema.yaml"]
    for key in keys:
        part = part[key]
    if "$ref" in part:
        return values(part["$ref"].replace("#", ""))
    return set(part["enum"] if "enum" in part else part["properties"])


STUDY = "search/$defs/study/properties"


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("config/$defs/training/properties/backend", BACKENDS),
        ("config/$defs/training/properties/neuron/properties/model", HIDDEN),
        ("config/properties/losses", losses.LOSSES),
        ("config/$defs/imported/properties/format", FORMATS),
        ("datasets/$defs/own/properties/source", SOURCES),
        ("deployment/properties/bits", WORD_LENGTHS),
        ("deployment/properties/scale", SCALES),
        ("deployment/properties/inputs/items", INPUTS),
        (f"{STUDY}/proposers/items", PROPOSERS),
        (f"{STUDY}/surrogate", SURROGATES),
        (f"{STUDY}/acquisition", ACQUISITIONS),
        (f"{STUDY}/initial/properties/design", DESIGNS),
    ],
)
def test_the_schemas_allow_what_the_library_has(path, known):
    assert values(path) == set(known)


def test_imports_take_what_their_formats_do():
    known = {option for kind in FORMATS.values() for option in kind.options}
    properties = schema.schemas()["config.schema.yaml"]["$defs"]["imported"]["properties"]
    assert set(properties) == known | set(COMMON)


def test_training_methods_are_those_of_the_schema():
    section = schema.schemas()["config.schema.yaml"]["properties"]["methods"]["oneOf"][1]
    assert section["properties"]["train"]["items"] == {"$ref": "library#/$defs/method"}
    assert values("library/$defs/method") == values("library/$defs/method_trials")
    assert values("library/$defs/method") == set(TRAINING_METHODS)
    for method in TRAINING_METHODS.values():
        assert (ROOT / "scripts/methods" / method.script).is_file()
        assert method.backend in ("", *BACKENDS)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_a_configuration_can_set_every_parameter_of_a_loss(name):
    own = lists.schema()["$defs"]["losses"]["properties"][name]["properties"]
    kind = losses.LOSSES[name]
    assert set(own) == ({"values"} if name == "table" else set(kind.parameters))
    for key, parameter in kind.parameters.items():
        assert own[key].get("exclusiveMinimum") == parameter.above
    made = losses.make(name, n_steps=4, **({"values": [1, 2, 3, 4]} if name == "table" else {}))
    assert made.kind == kind.reads


def test_every_loss_has_a_colour_dash_and_marker_of_its_own():
    assert set(plots.LOSSES) == set(losses.LOSSES)
    assert len(set(plots.LOSSES.values())) == len(plots.LOSSES)


def constraint(wildcard):
    """The alternatives of a wildcard of the rules, as written there: a list's name, or text."""
    found = set()
    for path in (ROOT / "workflow/rules").rglob("*.smk"):
        for match in re.finditer(rf"^    {wildcard}=(.*),$", path.read_text(), re.MULTILINE):
            found.add(match[1])
    return found


@pytest.mark.parametrize(
    ("wildcard", "expression", "known"),
    [
        ("loss", '"|".join(LOSSES)', losses.LOSSES),
        ("method", '"|".join(TRAINING_METHODS)', TRAINING_METHODS),
        ("proposer", '"|".join((INITIAL, *PROPOSERS))', (INITIAL, *PROPOSERS)),
        ("candidate", '"|".join((studies.DEFAULTS, *PROPOSERS))', (DEFAULTS, *PROPOSERS)),
    ],
)
def test_wildcards_are_constrained_by_the_lists(wildcard, expression, known):
    assert constraint(wildcard) == {expression}
    assert all(re.fullmatch("[a-z_]+", name) for name in known)


def test_no_list_is_written_out_in_a_schema():
    """A name of the library stands in the schemas only where it is a section of its own."""
    for path in schema.FOLDER.iterdir():
        for enum in enums(yaml.safe_load(path.read_text(encoding="utf-8"))):
            for known in (
                BACKENDS,
                HIDDEN,
                PROPOSERS,
                SURROGATES,
                ACQUISITIONS,
                DESIGNS,
                INPUTS,
                SOURCES,
            ):
                assert not set(map(str, enum)) >= set(known)


def enums(part):
    """All lists of values within a part of a schema."""
    if isinstance(part, list):
        return [found for inner in part for found in enums(inner)]
    if not isinstance(part, dict):
        return []
    own = [part["enum"]] if isinstance(part.get("enum"), list) else []
    return own + [found for inner in part.values() for found in enums(inner)]
