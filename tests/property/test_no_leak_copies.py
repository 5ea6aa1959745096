"""Copies and successors under random rights: each reader sees all of theirs, and no other."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from connectors.values import Access
from indexer.access import NOBODY, Reader
from indexer.ports import Index
from indexer.values import PutAccess
from search_api.engine import Search
from search_api.query.query import Query, ResultOrder
from search_api.ranking.results import Result
from tests.builders import put
from tests.judging import ENGINES, encoded, engine_index
from tests.made_site import agent_book
from tests.oracle import knowing, may_read, shown_by_id
from tests.pages.administration import ENCODER, TODAY

pytestmark = [pytest.mark.trust, pytest.mark.search]

TEXTS, COPIES, READERS = 6, 5, 8
GROUPS = ["ldap:group:a", "ldap:group:b", "wiki:group:c"]
UNKNOWN = frozenset({"ldap:group:parti"})
SOURCES, SPACES = ("s", "t"), ("bleu", "vert")
WORDS = ("amande", "bouleau", "cerise", "datte", "erable", "figue")


@dataclass(frozen=True)
class Kept:
    document_id: str
    text: int
    space: str
    access: Access
    replaces: tuple[str, ...]

    def may_be_read(self, reader: Reader) -> bool:
        source = self.document_id.partition(":")[0]
        return may_read(reader, self.access, source, self.space, UNKNOWN)


def drawn() -> list[Kept]:
    """Copies of each text, some of which replace a document of another text."""
    draw = random.Random(8)
    kept, ids = [], [f"{draw.choice(SOURCES)}:{n:02}" for n in range(TEXTS * COPIES)]
    for number in range(TEXTS * COPIES):
        allowed = draw.sample(GROUPS, draw.choice((0, 1, 2)))
        denied = draw.sample([*GROUPS, *UNKNOWN], draw.choice((0, 0, 1)))
        former = draw.randrange(TEXTS * COPIES)
        replaces = (ids[former],) if former % TEXTS != number % TEXTS and number % 3 else ()
        access = Access(frozenset(allowed), frozenset(denied))
        kept.append(Kept(ids[number], number % TEXTS, draw.choice(SPACES), access, replaces))
    return kept


LIBRARY = drawn()


def sentence(text: int) -> str:
    word = WORDS[text]
    return " ".join(f"{word} et {word}{n} font {n}{text} lignes." for n in range(10, 40))


@dataclass(frozen=True)
class Place:
    index: Index
    search: Search


@pytest.fixture(scope="module", params=ENGINES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("copies")
    with engine_index(request.param, folder) as index, agent_book(folder) as book:
        puts = [
            encoded(
                put(
                    one.document_id,
                    sentence(one.text),
                    access=one.access,
                    replaces=one.replaces,
                    space=one.space,
                )
            )
            for one in LIBRARY
        ]
        assert not index.write(puts).failed
        known = knowing(index, UNKNOWN)
        yield Place(known, Search(known, ENCODER, book))


def readers() -> list[Reader]:
    draw = random.Random(9)
    groups = [draw.sample(GROUPS, draw.randint(1, 3)) for _ in range(READERS)]
    whole = [Reader("a", frozenset({"everyone", *some})) for some in groups]
    several = Reader("a", frozenset({"everyone", *GROUPS[:2]}))
    return [
        NOBODY,
        *whole,
        replace(several, sources=frozenset(SOURCES[:1])),
        replace(several, spaces=frozenset(SPACES[:1])),
        Reader("a", frozenset({"everyone", *GROUPS}), frozenset({"ldap"})),
        Reader("a", frozenset({"everyone", *GROUPS[:2]}), frozenset({"wiki"})),
    ]


def answered(place: Place, text: int, reader: Reader, order: ResultOrder) -> list[Result]:
    query = Query(f'"{WORDS[text]}"', page_size=50, order=order)
    return list(place.search.answer(query, reader, TODAY).results)


def check(place: Place, library: list[Kept], reader: Reader) -> int:
    """One result for each text that the reader may read, with exactly their other copies."""
    readable = {one.document_id: one for one in library if one.may_be_read(reader)}
    every = (one.document_id for one in library)
    assert shown_by_id(place.index, reader, every) == readable.keys()
    seen = 0
    for text in range(TEXTS):
        for order in ResultOrder:
            results = answered(place, text, reader, order)
            own = {one.document_id for one in readable.values() if one.text == text}
            assert len(results) == bool(own)
            for one in results:
                copies = [copy.document_id for copy in one.copies]
                assert sorted([one.card.document_id, *copies]) == sorted(own)
                successors = {
                    other.document_id
                    for other in readable.values()
                    if one.card.document_id in other.replaces
                }
                assert {successor.document_id for successor in one.replaced_by} == successors
                seen += len(copies) + len(successors)
    return seen


def test_each_reader_sees_their_copies_and_successors(place: Place) -> None:
    """All of them, and no other, by relevance and by date; the draw has some to see."""
    assert sum(check(place, LIBRARY, reader) for reader in readers()) > 20


def test_changed_rights_regroup_at_the_next_question(place: Place) -> None:
    """Half the library gets the other half's readers."""
    moved = [
        replace(one, access=LIBRARY[-1 - n].access) if n % 2 else one
        for n, one in enumerate(LIBRARY)
    ]
    place.index.write([PutAccess(one.document_id, one.access) for one in moved])
    try:
        for reader in readers()[::2]:
            check(place, moved, reader)
    finally:
        place.index.write([PutAccess(one.document_id, one.access) for one in LIBRARY])
