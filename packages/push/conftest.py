"""Fixtures of quisait's tests for those of pushed documents."""

from tests.conftest import (
    connected,
    database_url,
    engine,
    environment_of_the_settings,
    folders_in_memory_may_be_sources,
    made_postgres,
    made_sqlite,
    postgres,
)
from tests.pages.conftest import database, parts

__all__ = [
    "connected",
    "database",
    "database_url",
    "engine",
    "environment_of_the_settings",
    "folders_in_memory_may_be_sources",
    "made_postgres",
    "made_sqlite",
    "parts",
    "postgres",
]
