"""Tests and packages are marked and chosen alike, wherever a run begins."""

import os

import pytest

pytest_plugins = ("tests.selection",)


@pytest.fixture(scope="module", autouse=True)
def usual_umask() -> None:
    """Begin each module with the usual umask: an application opened before may have narrowed it."""
    os.umask(0o022)
