"""The application of the tests of pages."""

from tests.pages.conftest import chromium, site

__all__ = ["chromium", "site"]
