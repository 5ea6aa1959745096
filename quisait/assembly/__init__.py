"""The one place that names adapters: settings become the parts that the rooms ask for.

`open_house` puts them together; `engines` opens what reads, encodes and keeps, `sources`
what enters.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from connectors.push.inbox import Inbox
from connectors.push.reception import Reception
from connectors.push.tokens import PushTokens
from connectors.push.values import PushLimits, SuiteRules
from expertise.agent_book import SqlAgentBook
from expertise.builds import SqlBuilds
from indexer.encoding.questions_first import Precedence
from indexer.generations import EncoderRecord, GenerationWorks
from indexer.leases import Leases
from indexer.live import LiveIndex
from indexer.named_sources import NamedSourcesIndex
from indexer.pipeline import Workshop
from indexer.ports import Encoder, Index
from indexer.state import State
from indexer.witnessed import WitnessedIndex
from quisait.assembly.authorities import asked_authorities, open_authorities, what_is_known
from quisait.assembly.directories import has_directory, join_rules, open_directory
from quisait.assembly.engines import (
    export_bundled_model,
    forgetting,
    open_cached_encoder,
    open_encoder,
    open_extractor,
    open_generations,
    open_scratch_index,
)
from quisait.assembly.sources import (
    open_database,
    open_push_tokens,
    open_source,
    opened_database,
    opened_push_tokens,
)
from quisait.encoders import OpenedEncoders, own_encoder
from quisait.guiding import open_guidance
from quisait.journaling import journal_key, open_journal
from quisait.kept_files import close_to_others
from quisait.privacy.kept import Privacy, open_privacy
from quisait.privacy.replaying import replay_where_older
from quisait.settings import EncoderSettings, Settings, beside_file
from quisait.work.owners import has_ended
from quisait.work.write_gate import WriteGate
from search_api.identity.authorities import Authorities
from search_api.identity.known import Knowing
from search_api.journal.sql import SqlJournal
from search_api.search import Search

__all__ = [
    "House",
    "OpenedWorks",
    "asked_authorities",
    "export_bundled_model",
    "has_directory",
    "join_rules",
    "live_index",
    "open_cached_encoder",
    "open_database",
    "open_directory",
    "open_encoder",
    "open_extractor",
    "open_generations",
    "open_house",
    "open_push_tokens",
    "open_reception",
    "open_scratch_index",
    "open_source",
    "open_works",
    "open_workshop",
    "opened_database",
    "opened_push_tokens",
    "witnessed_index",
]


@dataclass(frozen=True, slots=True)
class House:
    """The assembled application.

    `index` holds what the settings' sources gave; `whole_index` also what others gave, which
    the settings do not name any more: no reader ever meets it. `known` tells whether a
    denial names somebody; for who reads from `index`, one that names nobody closes.
    """

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
    privacy: Privacy
    database: sa.Engine
    authorities: Authorities
    whole_index: Index
    known: Knowing


@dataclass(frozen=True, slots=True)
class OpenedWorks:
    """What the index is made of, and remade by a reindex."""

    generations: GenerationWorks
    encoders: OpenedEncoders
    gate: WriteGate


@contextmanager
def open_house(settings: Settings) -> Iterator[House]:
    """Open index, encoder and database; close what holds a process or a file.

    What an older quisait left open to other accounts is closed to them first.
    """
    folder = beside_file(settings.folder)
    close_to_others(settings)
    with (
        opened_database(settings) as database,
        open_works(settings, folder, database) as works,
    ):
        own = own_encoder(works.generations, works.encoders)
        encoder, whole = works.encoders(own), live_index(works, own)
        book = SqlAgentBook(database)
        known = what_is_known(settings, book, whole)
        names = frozenset(one.name for one in settings.sources)
        index = NamedSourcesIndex(whole, names, known)
        search = Search(index, encoder, book, open_guidance(settings, book))
        state, tokens = State(database), open_push_tokens(database)
        inbox = Inbox(database, state.load, settings.push.max_waiting)
        leases, builds = Leases(database, has_ended), SqlBuilds(database)
        kept = (state, book, search, inbox, tokens, leases, builds)
        privacy = open_privacy(settings, database)
        key = journal_key(settings)
        privacy.register.complete(opening=True)
        replay_where_older(privacy.register, database, privacy.consent, whole, key, inbox)
        told = open_journal(settings, database, book), privacy
        with open_authorities(settings, book, state) as authorities:
            yield House(settings, index, encoder, *kept, *told, database, authorities, whole, known)


@contextmanager
def open_workshop(house: House) -> Iterator[Workshop]:
    """The parts of a crawl; the extractor's child process ends with it."""
    with open_extractor(house.settings.extractor) as extractor:
        yield Workshop(extractor, house.encoder, witnessed_index(house), house.state, house.state)


def witnessed_index(house: House) -> WitnessedIndex:
    """The whole index for who writes: deletions reach the register and the cached vectors."""
    return WitnessedIndex(house.whole_index, house.privacy.register, forgetting(house.encoder))


@contextmanager
def open_works(settings: Settings, folder: Path, database: sa.Engine) -> Iterator[OpenedWorks]:
    """The index's generations, the encoders that they know, and the gate of their writers."""
    precedence = Precedence()
    with ExitStack() as stack:

        def opened(one: EncoderSettings) -> Encoder:
            kept = open_cached_encoder(one, folder / "vectors.sqlite", precedence=precedence)
            return stack.enter_context(kept)

        yield OpenedWorks(
            open_generations(settings.index, folder),
            OpenedEncoders(settings.encoder, opened),
            WriteGate(database, folder / "locks"),
        )


def live_index(works: OpenedWorks, own: EncoderRecord) -> Index:
    """The index as a program sees it that encodes with `own`."""
    return LiveIndex(works.generations, works.encoders, works.gate, own)


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
