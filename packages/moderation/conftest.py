"""Fixtures of `tests/pages`, for the tests of this package."""

from tests.pages.conftest import chromium, site

__all__ = ["chromium", "site"]
