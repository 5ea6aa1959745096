"""What enters, as the settings name it: sources, the directory, and where pushes wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from connectors.export.connector import ExportConnector
from connectors.folder.connector import FolderConnector
from connectors.ports import Connector
from connectors.push.connector import PushConnector
from connectors.push.inbox import Inbox
from connectors.push.tables import metadata as push_tables
from connectors.push.tokens import PushTokens
from connectors.values import Access
from quisait.database import bring_up, connect
from quisait.kept_files import make_folder, private_files
from quisait.settings import Settings, SourceSettings, beside_file
from quisait.settings.wikis import wiki_place


def open_database(settings: Settings, folder: Path) -> sa.Engine:
    """The state's database, brought up: SQLite in the folder, or the URL of the settings.

    Raises `ValueError` for another kind of database, `IndexRefused` for one of later days.
    """
    url = settings.database or f"sqlite:///{folder / 'state.sqlite'}"
    return bring_up(connect(url, settings.database_password), push_tables)


@contextmanager
def opened_database(settings: Settings) -> Iterator[sa.Engine]:
    """The same for as long as the block runs, its folder made; without the rest of a house.

    What is made in the block is closed to other accounts. Raises `ValueError` where the folder
    cannot be made or written.
    """
    with private_files():
        database = open_database(settings, make_folder(settings))
        try:
            yield database
        finally:
            database.dispose()


def open_push_tokens(database: sa.Engine) -> PushTokens:
    """The tokens of the applications that push."""
    return PushTokens(database)


@contextmanager
def opened_push_tokens(settings: Settings) -> Iterator[PushTokens]:
    """The same, without the rest of a house: neither index nor encoder is asked for."""
    with opened_database(settings) as database:
        yield open_push_tokens(database)


def open_source(settings: SourceSettings, inbox: Inbox | None) -> Connector:
    """The connector of one source. The inbox is what one that pushes is read from.

    Raises `SourceRefused` where a password's file cannot be read.
    """
    if settings.kind == "push":
        assert inbox is not None  # noqa: S101 - nothing else can be read
        return PushConnector(settings.name, inbox)
    if settings.kind == "mediawiki":
        # Imported here: a wiki's client is of use to the wiki's crawl alone.
        from connectors.mediawiki.connector import MediaWikiConnector

        return MediaWikiConnector(settings.name, wiki_place(settings))
    path = beside_file(settings.path)
    if settings.kind == "export":
        return ExportConnector(settings.name, path)
    return FolderConnector(settings.name, path, default_access=Access(frozenset(settings.allowed)))
