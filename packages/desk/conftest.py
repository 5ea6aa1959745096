"""Fixtures of quisait's tests for those of the desk."""

from tests.conftest import environment_of_the_settings, folders_in_memory_may_be_sources
from tests.pages.conftest import chromium

__all__ = ["chromium", "environment_of_the_settings", "folders_in_memory_may_be_sources"]
