"""A library whose results can be judged: conversations, long notes, dates; on both engines."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from fastapi.testclient import TestClient

from connectors.values import Contribution, ContributorRole
from expertise.directory import SqlDirectory
from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from indexer.values import Passage, Put
from search_api.app import Services, create_app
from search_api.engine import Search
from tests.builders import indexed, make_document, put
from tests.opensearch_index import fresh_index
from tests.pages.administration import ENCODER, TODAY
from tests.pages.conftest import NOW_S, TOKENS, token_readers

ENGINES = ("embedded", "opensearch")


@contextmanager
def engine_index(
    engine: str, folder: Path, dimension: int = ENCODER.dimension, alias: str = ""
) -> Iterator[Index]:
    """An empty index of that engine; on OpenSearch behind that alias, or one of its own."""
    if engine == "embedded":
        yield EmbeddedIndex(folder / "index", dimension)
        return
    with fresh_index(dimension, alias) as index:
        yield index


def client(search: Search, book: SqlDirectory, agent: str = "ag-1") -> TestClient:
    """The pages and the API, for that agent."""
    readers = token_readers(book)
    app = create_app(Services(search, book, reader_of=readers, today=lambda: TODAY))
    return TestClient(app, headers={"Authorization": f"Bearer {TOKENS.make(agent, NOW_S)}"})


def encoded(one: Put) -> Put:
    """With the vectors of the encoder that answers."""
    whole = one.indexed
    texts = [f"{whole.document.title} {passage.text}" for passage in whole.passages]
    return Put(replace(whole, vectors=ENCODER.passages(texts)))


def judged_documents() -> list[Put]:
    """A thread with two answers, slides, and notes of four years."""
    return [encoded(one) for one in (_thread(), _slides(), *_notes())]


def _did(account: str, role: ContributorRole) -> Contribution:
    return Contribution(account, role, label=account.partition(":")[2], last=date(2025, 1, 1))


def _thread() -> Put:
    document = make_document(
        "forum:bail",
        title="Bail rural et droits d'enregistrement",
        url="https://forum.example/bail",
        kind="thread",
        modified=datetime(2022, 5, 1, tzinfo=UTC),
        contributions=(
            _did("wiki:youssef", ContributorRole.ASKER),
            _did("wiki:claire", ContributorRole.ACCEPTED_ANSWERER),
            _did("forum:max", ContributorRole.ANSWERER),
        ),
    )
    passages = (
        Passage("Qui enregistre un bail rural ?", author="wiki:youssef"),
        Passage("Le bail rural est exonéré.", "Réponse acceptée", "wiki:claire"),
        Passage("Un bail de chasse se déclare.", "Réponse", "forum:max"),
        Passage("Rien à voir.", "Réponse", "forum:max"),
    )
    return Put(indexed(document, passages=passages))


def _slides() -> Put:
    document = make_document(
        "notes:formation.pptx",
        title="Formation au recouvrement",
        url="https://notes.example/formation.pptx?v=2",
        modified=datetime(2024, 2, 1, tzinfo=UTC),
    )
    return Put(indexed(document, passages=(Passage("Le recouvrement amiable.", page=7),)))


def _notes() -> list[Put]:
    said = "La redevance de stationnement se paie en ligne."
    return [
        put(f"wiki:note-{year}", said, title=f"Note {year}", modified=datetime(year, 1, 1))
        for year in (2019, 2023, 2021)
    ] + [
        put("wiki:note-sans-date", said, title="Note sans date"),
        put("wiki:parking", "Le stationnement est libre.", title="Parking", modified=TODAY_NOON),
    ]


TODAY_NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
