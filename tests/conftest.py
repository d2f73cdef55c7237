"""Shared fixtures of the tests."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items):
    """Begin with whole studies, some of which wait for a cluster: at the end a core would idle."""
    items.sort(key=lambda item: item.path.parent.name != "workflow")


@pytest.fixture(scope="session")
def shared():
    """Folder of large recordings beside the checkout; the test is skipped where it is absent."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of recordings, ../shared, is not here")
    return folder
