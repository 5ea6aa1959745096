"""Fixtures of quisait's tests for those of mail."""

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
from tests.pages.conftest import post, site

__all__ = [
    "connected",
    "database_url",
    "engine",
    "environment_of_the_settings",
    "folders_in_memory_may_be_sources",
    "made_postgres",
    "made_sqlite",
    "post",
    "postgres",
    "site",
]
