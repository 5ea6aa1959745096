"""Near words and corrections are as if unreadable documents did not exist."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.access import Reader, access_filter
from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from indexer.values import Put, Suggestion
from tests.builders import ENCODER, put
from tests.judging import engine_index
from tests.property.test_no_leak import random_access, random_reader

pytestmark = pytest.mark.trust

DOCUMENTS, READERS, ASKED = 240, 6, 40
LETTERS = "abcde"
"""Few letters: words are near to one another, and those of others' documents crowd in."""


@dataclass(frozen=True)
class Library:
    index: Index
    puts: tuple[Put, ...]
    words: tuple[str, ...]


def drawn_word(draw: random.Random) -> str:
    return "".join(draw.choices(LETTERS, k=draw.randint(4, 9)))


def filled(index: Index) -> Library:
    draw = random.Random(7)
    puts = tuple(
        put(
            f"wiki:{number:03}",
            " ".join(drawn_word(draw) for _ in range(3)),
            title=f"Titre {drawn_word(draw)}",
            access=random_access(draw),
        )
        for number in range(DOCUMENTS)
    )
    assert not index.write(puts).failed
    return Library(index, puts, tuple(drawn_word(draw) for _ in range(ASKED)))


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("library")
    with engine_index(request.param, folder, ENCODER.dimension) as index:
        yield filled(index)


def readers() -> list[Reader]:
    draw = random.Random(8)
    return [random_reader(draw) for _ in range(READERS)]


def suggested(index: Index, reader: Reader, word: str) -> tuple[Suggestion, ...]:
    return index.suggest(access_filter(reader), word[:2], DOCUMENTS)


@pytest.mark.parametrize("reader", readers(), ids=range(READERS))
def test_others_documents_change_nothing(library: Library, reader: Reader, tmp_path: Path) -> None:
    """An index that holds the reader's documents alone says exactly the same."""
    access = access_filter(reader)
    readable = [one for one in library.puts if access.admits(one.indexed.document.access)]
    alone = EmbeddedIndex(tmp_path / "alone", ENCODER.dimension)
    alone.write(readable)
    said = library.index.near_words(access, library.words)
    assert said == alone.near_words(access, library.words)
    for word in library.words:
        assert suggested(library.index, reader, word) == suggested(alone, reader, word)


def test_the_draw_is_worth_something(library: Library) -> None:
    """Readers get near words, and not the same ones."""
    said = [library.index.near_words(access_filter(one), library.words) for one in readers()]
    assert any(any(near.values()) for near in said)
    assert len({str(sorted(near.items())) for near in said}) > READERS / 2
