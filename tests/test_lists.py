"""Each kind has one list, beside the code it names; schemas, wildcards and arguments follow it."""

import pytest

from spikespeech import configuration
from spikespeech.backends import registry


def schema(path):
    """The part of the configuration's schema at a path of keys, the first of them its file."""
    file, *keys = path.split("/")
    part = configuration.schemas()[f"{file}.schema.yaml"]
    for key in keys:
        part = part[key]
    return part


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("config/$defs/training/properties/backend/enum", registry.BACKENDS),
    ],
)
def test_schemas_name_what_the_library_has(path, known):
    assert set(schema(path)) == set(known)
