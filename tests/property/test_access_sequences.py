"""Whatever is put, removed and given other readers, each reader reads what a plain model says."""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.values import Access, Document
from indexer.access import Reader, access_filter
from indexer.ports import Index
from indexer.values import Put, PutAccess, Remove, Write
from tests.builders import ENCODER, OPEN, allowed, asking, put, reader_with
from tests.judging import engine_index
from tests.oracle import knowing, may_read

pytestmark = pytest.mark.trust

STEPS = 40
# Few spaces, so that several documents share a list and parts of it change.
DOCUMENTS = (*(f"wiki:{n}" for n in range(16)), "mail:1", "mail:2")
SPACES = ("", "sig")
ACCESSES = (
    OPEN,
    Access(),
    allowed("ldap:group:x"),
    allowed("ldap:group:x", "ldap:group:y"),
    Access(OPEN.allowed, frozenset({"ldap:group:y"})),
)
READERS = (
    (reader_with(), ()),
    (reader_with("ldap:group:x"), ()),
    (reader_with("ldap:group:y"), ()),
    (reader_with("ldap:group:x", unanswered=frozenset({"ldap"})), ()),
    (reader_with("ldap:group:x"), ("ldap:group:y",)),
    (reader_with(), ("ldap:group:y",)),
    (replace(reader_with(), sources=frozenset({"mail"})), ()),
    (replace(reader_with("ldap:group:x"), spaces=frozenset({"sig"})), ()),
)
"""Readers, and principals that name nobody known."""

Model = dict[str, Put]


@pytest.fixture(params=["embedded", "opensearch"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    with engine_index(request.param, tmp_path, ENCODER.dimension) as index:
        yield index


def drawn_batch(draw: random.Random, model: Model) -> list[Write]:
    """A whole folder's change, a whole reader's circle, or a few writes of any kind."""
    access = draw.choice(ACCESSES)
    if draw.random() < 0.4:
        space = draw.choice(SPACES)
        return [
            PutAccess(id_, access) for id_, kept in model.items() if _document(kept).space == space
        ]
    if draw.random() < 0.2:
        alike = draw.choice(ACCESSES)
        return [
            PutAccess(id_, access) for id_, kept in model.items() if _document(kept).access == alike
        ]
    return [_drawn_write(draw) for _ in range(draw.randint(1, 8))]


def _drawn_write(draw: random.Random) -> Write:
    document_id, access = draw.choice(DOCUMENTS), draw.choice(ACCESSES)
    kind = draw.random()
    if kind < 0.5:
        return put(document_id, "Le cadastre", space=draw.choice(SPACES), access=access)
    return PutAccess(document_id, access) if kind < 0.8 else Remove(document_id)


def _document(kept: Put) -> Document:
    return kept.indexed.document


def apply(model: Model, batch: Sequence[Write]) -> None:
    for write in batch:
        match write:
            case Put(indexed):
                model[indexed.document.id] = write
            case Remove(document_id):
                model.pop(document_id, None)
            case PutAccess(document_id, access) if document_id in model:
                kept = model[document_id].indexed
                document = replace(kept.document, access=access)
                model[document_id] = Put(replace(kept, document=document))


def readable(model: Model, reader: Reader, unknown: Collection[str]) -> set[str]:
    documents = map(_document, model.values())
    return {
        one.id for one in documents if may_read(reader, one.access, one.source, one.space, unknown)
    }


@pytest.mark.parametrize("seed", range(3))
def test_each_reader_reads_what_the_model_says(index: Index, seed: int) -> None:
    """After each batch: listings, totals and the scan."""
    draw, model = random.Random(seed), Model()
    for step in range(STEPS):
        batch = drawn_batch(draw, model)
        apply(model, batch)
        assert index.write(batch).failed == ()
        for reader, unknown in READERS:
            answer = knowing(index, unknown).search(asking(access=access_filter(reader)))
            shown = {hit.document_id for hit in answer.lexical}
            assert (shown, answer.total) == (readable(model, reader, unknown), len(shown)), step
        for source in ("wiki", "mail"):
            scanned = {kept.document_id: kept.access for kept in index.scan(source)}
            assert scanned == {
                id_: _document(kept).access
                for id_, kept in model.items()
                if _document(kept).source == source
            }, step
