"""The application of the tests of pages."""

from tests.pages.conftest import client_of, database, parts, token_app

__all__ = ["client_of", "database", "parts", "token_app"]
