"""Near words and corrections are as if unreadable documents did not exist."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from connectors.values import Document
from indexer.access import Reader, access_filter
from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from indexer.values import Put, PutAccess
from tests.builders import ANYONE, ENCODER, OPEN, put
from tests.judging import engine_index
from tests.oracle import knowing, may_read, shown_by_id
from tests.property.test_no_leak import UNKNOWN, random_access, random_reader

pytestmark = pytest.mark.trust

DOCUMENTS, READERS, ASKED = 240, 6, 40
SOURCES, SPACES = ("wiki", "forum"), ("bleu", "vert", "")
LETTERS = "abcde"
"""Few letters: words are near to one another, and those of others' documents crowd in."""


@dataclass(frozen=True)
class Library:
    index: Index
    puts: tuple[Put, ...]
    words: tuple[str, ...]

    def readable(self, reader: Reader) -> list[Put]:
        return [one for one in self.puts if _may_read(reader, one.indexed.document)]


def _may_read(reader: Reader, document: Document) -> bool:
    return may_read(reader, document.access, document.source, document.space, UNKNOWN)


def drawn_word(draw: random.Random) -> str:
    return "".join(draw.choices(LETTERS, k=draw.randint(4, 9)))


def filled(index: Index) -> Library:
    draw = random.Random(7)
    puts = tuple(
        put(
            f"{SOURCES[number % 2]}:{number:03}",
            " ".join(drawn_word(draw) for _ in range(3)),
            title=f"Titre {drawn_word(draw)}",
            access=random_access(draw),
            space=SPACES[number % 3],
        )
        for number in range(DOCUMENTS)
    )
    assert not index.write(puts).failed
    return Library(knowing(index, UNKNOWN), puts, tuple(drawn_word(draw) for _ in range(ASKED)))


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("library")
    with engine_index(request.param, folder, ENCODER.dimension) as index:
        yield filled(index)


def readers() -> list[Reader]:
    draw = random.Random(8)
    whole = [random_reader(draw) for _ in range(READERS)]
    return [
        *whole,
        replace(whole[0], sources=frozenset(SOURCES[:1])),
        replace(whole[1], spaces=frozenset(SPACES[:1])),
    ]


@pytest.mark.parametrize("reader", readers(), ids=range(len(readers())))
def test_others_documents_change_nothing(library: Library, reader: Reader, tmp_path: Path) -> None:
    """An index that holds the reader's documents alone says exactly the same."""
    readable = {one.indexed.document.id: one for one in library.readable(reader)}
    every = [one.indexed.document.id for one in library.puts]
    assert shown_by_id(library.index, reader, every) == readable.keys()
    alone = EmbeddedIndex(tmp_path / "alone", ENCODER.dimension)
    alone.write([*readable.values(), *(PutAccess(one, OPEN) for one in readable)])
    said = library.index.near_words(access_filter(reader), library.words)
    assert said == alone.near_words(ANYONE, library.words)
    for word in library.words:
        suggested = library.index.suggest(access_filter(reader), word[:2], DOCUMENTS)
        assert suggested == alone.suggest(ANYONE, word[:2], DOCUMENTS)


def test_the_draw_is_worth_something(library: Library) -> None:
    """Readers get near words, and not the same ones."""
    said = [library.index.near_words(access_filter(one), library.words) for one in readers()]
    assert any(any(near.values()) for near in said)
    assert len({str(sorted(near.items())) for near in said}) > READERS / 2
