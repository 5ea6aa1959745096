"""Builders of documents, readers and requests: a test names only what it is about."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.ports import Malformed
from connectors.values import EVERYONE, Access, Agent, Document, Group
from indexer.access import AccessFilter, Reader, access_filter
from indexer.values import IndexedDocument, Passage, Put, Question, SearchRequest, Vectors
from tests.encoders import FakeEncoder

ENCODER = FakeEncoder()
OPEN = Access(allowed=frozenset({EVERYONE}))


class Listed:
    """A directory of these entries, in their order; an exception among them is raised."""

    def __init__(self, *entries: Agent | Group | Malformed | Exception) -> None:
        self._entries = entries

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        for entry in self._entries:
            if isinstance(entry, Exception):
                raise entry
            yield entry


@dataclass
class Clock:
    """A clock that stands at `now` until the test moves it on, or goes on with each look."""

    now: datetime
    step: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


@dataclass
class Seconds:
    """A clock of seconds, which the test moves on."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def allowed(*principals: str) -> Access:
    return Access(allowed=frozenset(principals))


def make_document(document_id: str = "wiki:1", **fields: Any) -> Document:
    """A document that every agent may read, with whatever fields the test names."""
    source = document_id.partition(":")[0]
    return Document(
        **{"id": document_id, "source": source, "title": "Note", "access": OPEN, **fields}
    )


def indexed(document: Document, *texts: str, passages: tuple[Passage, ...] = ()) -> IndexedDocument:
    """The document with one passage for each text, encoded by the fake encoder."""
    kept = passages or tuple(Passage(text) for text in texts)
    return IndexedDocument(
        document=document,
        passages=kept,
        vectors=ENCODER.passages([passage.text for passage in kept]),
        content_hash=_hashed(*(passage.text for passage in kept)),
        record_hash=_hashed(document.title),
    )


def put(document_id: str, *texts: str, **fields: Any) -> Put:
    """Keep a document with these texts and fields."""
    return Put(indexed(make_document(document_id, **fields), *texts))


def reader_with(*principals: str, unanswered: frozenset[str] = frozenset()) -> Reader:
    """Return a reader with these principals, the agent's own and `everyone`."""
    return Reader("agent:a", frozenset({EVERYONE, "agent:a", *principals}), unanswered)


def reading(*principals: str, unanswered: frozenset[str] = frozenset()) -> AccessFilter:
    """Return the access filter of `reader_with`."""
    return access_filter(reader_with(*principals, unanswered=unanswered))


ANYONE = reading()


def vector_of(text: str) -> Vectors:
    """The question vector (d,) that is nearest to the passage of the same text."""
    vector: Vectors = ENCODER.queries([text])[0]
    return vector


def asking(
    text: str = "",
    *,
    access: AccessFilter = ANYONE,
    phrases: tuple[str, ...] = (),
    excluded: tuple[str, ...] = (),
    aside: tuple[str, ...] = (),
    filters: Mapping[str, tuple[str, ...]] | None = None,
    **fields: Any,
) -> SearchRequest:
    """A search by words, without a vector unless the test gives one."""
    return SearchRequest(
        access=access,
        question=Question(text, phrases, excluded, aside=aside),
        filters=filters or {},
        **fields,
    )


def _hashed(*texts: str) -> str:
    joined = "\x1f".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()
