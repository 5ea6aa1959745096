"""Fixtures of `tests/pages`, for the tests of this package."""

from tests.pages.conftest import client_of, database, parts, token_app

__all__ = ["client_of", "database", "parts", "token_app"]
