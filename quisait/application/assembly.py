"""Open the application from the settings: its index, encoder, database and services.

Read `open_application` first. `engines` opens extractors, encoders and indexes; `sources` opens
sources and directories.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from expertise.build_files import BuildMeans
from expertise.build_rules import BuildRules
from expertise.builds import SqlBuilds
from expertise.current_build import BuildReader
from expertise.directory import SqlDirectory
from indexer.access import Reader
from indexer.crawl.pipeline import CrawlDependencies
from indexer.described_indexes import DescribedIndexes
from indexer.encoding.wrapped_encoders import KEPT_VECTORS, QueryPriority
from indexer.live_index import EncoderRecord, IndexStorage, LiveIndex
from indexer.logged_index import DeletionLoggingIndex
from indexer.ports import Encoder, Index
from indexer.scans import Scans
from indexer.state import State
from quisait.application.database import open_access_marks, opened_database
from quisait.application.engines import (
    OpenedEncoders,
    measured_bars,
    open_cached_encoder,
    open_extractor,
    open_guidance,
    open_index_storage,
    open_storage_to_read,
    open_uncached_encoder,
    serving_encoder,
    vector_forgetter,
)
from quisait.application.locks import Locks, WriteGate
from quisait.application.opening import Opening
from quisait.application.plugins import build_engine
from quisait.application.sources import (
    known_principals,
    open_authorities,
    pushed_memberships,
    source_names,
    source_stores,
)
from quisait.clock import now, today
from quisait.privacy.replay import refuse_another, replay_where_older
from quisait.privacy.retention import Privacy, open_privacy, open_query_log, query_log_key
from quisait.settings import EncoderSettings, Settings, beside_file
from quisait.settings.files import LOCKS_FOLDER, close_to_others
from search_api.engine import Search
from search_api.expected.storage import SqlExpectedQuestions
from search_api.identity.known_principals import CurrentKnownPrincipals
from search_api.identity.readers import Authorities, reader_of
from search_api.query_log.sql import SqlQueryLog
from search_api.questions.authority import ScopeAuthority
from search_api.questions.storage import SqlQuestions


@dataclass(frozen=True, slots=True)
class Application:
    """The assembled application.

    `index` holds the documents of the sources in the settings; `whole_index` also those of sources
    that the settings no longer name, which no reader sees. `known` tells whether a denial names
    somebody. Readers of `index` do not see documents whose denials name nobody.
    """

    settings: Settings
    index: Index
    encoder: Encoder
    state: State
    book: SqlDirectory
    search: Search
    locks: Locks
    builds: SqlBuilds
    journal: SqlQueryLog
    privacy: Privacy
    database: sa.Engine
    authorities: Authorities
    whole_index: LiveIndex
    known: CurrentKnownPrincipals
    questions: SqlQuestions
    scans: Scans
    expected: SqlExpectedQuestions

    def reader(self, agent_id: str) -> Reader:
        """Return the reader of an agent, with the groups that every authority gives now.

        The reader has no id and reads nothing if the directory does not know the agent.
        """
        return self.authorities.complete(reader_of(agent_id, self.book, today()))


@dataclass(frozen=True, slots=True)
class IndexParts:
    """The engine's indexes, their encoders, and the gate for writers.

    `described` stores which index the saved cursors describe.
    """

    storage: IndexStorage
    encoders: OpenedEncoders
    gate: WriteGate
    described: DescribedIndexes


@contextmanager
def open_application(settings: Settings, opening: Opening = Opening.SERVE) -> Iterator[Application]:
    """Open index, encoder and database for the block, then close processes and files.

    Unless it only reads, first remove permissions of other accounts that an older quisait left on
    its files. With `Opening.WRITE`, raises `RegisterMismatch` if the database seems to be an older
    copy; `Opening.SERVE` brings it up to date.
    """
    folder = beside_file(settings.folder)
    if opening is not Opening.READ:
        close_to_others(settings)
    with (
        opened_database(settings, opening) as database,
        open_index_parts(settings, folder, database, opening) as parts,
    ):
        own = serving_encoder(parts.storage, parts.encoders)
        encoder, whole = parts.encoders(own), live_index(parts, own)
        book = SqlDirectory(database, pushed_memberships(settings, database))
        known = known_principals(settings, book, whole)
        index = whole.limited(partial(source_names, settings), known)
        measured = measured_bars(own)
        privacy = open_privacy(settings, database)
        builds = SqlBuilds(database, privacy.register)
        topics = open_build_reader(settings, builds, index, book)
        bars = measured.bars if measured else None
        expected = SqlExpectedQuestions(database)
        guidance = open_guidance(settings, book.accounts_named, bars, topics, expected.pinned)
        search = Search(index, encoder, book, guidance)
        state = State(database)
        locks = Locks(database, folder / LOCKS_FOLDER)
        kept = (state, book, search, locks, builds)
        key = query_log_key(settings)
        if opening is not Opening.READ:
            privacy.register.complete(opening=True)
            if opening is not Opening.SERVE:
                refuse_another(privacy.register)
            replay_where_older(
                privacy.register,
                database,
                privacy.consent,
                whole,
                key,
                source_stores(database),
            )
        query_log = open_query_log(settings, database, book)
        scopes = [ScopeAuthority(book)] if settings.questions.enabled else []
        with open_authorities(settings, book, state, scopes) as authorities:
            yield Application(
                settings,
                index,
                encoder,
                *kept,
                query_log,
                privacy,
                database,
                authorities,
                whole,
                known,
                SqlQuestions(database, now, privacy.register),
                open_scans(settings, database),
                expected,
            )


@contextmanager
def open_crawl_dependencies(application: Application) -> Iterator[CrawlDependencies]:
    """Yield the parts of a crawl; the extractor's child process ends with the block."""
    with open_extractor(application.settings.extractor) as extractor:
        yield CrawlDependencies(
            extractor,
            application.encoder,
            index_with_deletion_log(application),
            application.state,
            application.state,
            application.scans,
            application.expected.crawled,
        )


def open_scans(settings: Settings, database: sa.Engine) -> Scans:
    """Return the scans of the sources for which the settings ask for text recognition."""
    asked = settings.scans.enabled
    return Scans(database, {one.name for one in settings.sources if asked and one.scans})


def index_with_deletion_log(application: Application) -> DeletionLoggingIndex:
    """Return the whole index for writers.

    Deletions are also noted in the register, and applied to the vector cache.
    """
    return DeletionLoggingIndex(
        application.whole_index, application.privacy.register, vector_forgetter(application.encoder)
    )


def register_mismatch(application: Application) -> str:
    """Return in French why database or index do not match the register, or an empty text."""
    marks = open_access_marks(application.settings, application.database)
    return marks.mismatch() or application.privacy.register.mismatch()


@contextmanager
def open_index_parts(
    settings: Settings, folder: Path, database: sa.Engine, opening: Opening
) -> Iterator[IndexParts]:
    """Yield the parts of an index from the settings, without opening or creating an index.

    With `Opening.READ`, a missing index is replaced by an empty temporary index.
    """
    precedence = QueryPriority()
    with ExitStack() as stack:
        if opening is Opening.READ:
            temporary = Path(stack.enter_context(TemporaryDirectory()))
            yield IndexParts(
                open_storage_to_read(settings.index, folder, temporary),
                OpenedEncoders(
                    settings.encoder,
                    lambda encoder: open_uncached_encoder(encoder, folder, temporary, precedence),
                ),
                WriteGate(database, temporary / LOCKS_FOLDER),
                DescribedIndexes(database, read_only=True),
            )
            return

        def opened(settings: EncoderSettings) -> Encoder:
            kept = open_cached_encoder(settings, folder / KEPT_VECTORS, precedence=precedence)
            return stack.enter_context(kept)

        yield IndexParts(
            open_index_storage(settings.index, folder),
            OpenedEncoders(settings.encoder, opened),
            WriteGate(database, folder / LOCKS_FOLDER),
            DescribedIndexes(database),
        )


def live_index(parts: IndexParts, own: EncoderRecord) -> LiveIndex:
    """Return the live index for a process that encodes with `own`."""
    return LiveIndex(parts.storage, parts.encoders, parts.gate, own, parts.described)


def build_rules(settings: Settings) -> BuildRules:
    """Return the rules of an expertise build from the settings."""
    topics = settings.topics
    return BuildRules(
        frozenset(topics.universal),
        topics.least_strength,
        topics.oldest_days,
        frozenset(topics.asking),
        topics.least_known,
    )


def build_means(settings: Settings) -> BuildMeans:
    """Return the engine, memory and threads of an expertise build from the settings.

    Raises `ValueError` if the engine is not installed.
    """
    expertise = settings.expertise
    return BuildMeans(
        beside_file(settings.folder),
        expertise.max_memory_bytes,
        expertise.threads,
        build_engine(expertise),
    )


def open_overview(application: Application) -> BuildReader | None:
    """Return the reader of the last expertise build; None if the settings name no topic list."""
    return open_build_reader(
        application.settings, application.builds, application.index, application.book
    )


def open_build_reader(
    settings: Settings, builds: SqlBuilds, index: Index, book: SqlDirectory
) -> BuildReader | None:
    """Return the build reader like `open_overview`, before the application is assembled."""
    if not settings.topics.file:
        return None
    return BuildReader(builds, index, book, build_rules(settings))
