"""A correction, and its answer at once, over each real engine."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from connectors.values import Agent
from expertise.directory import SqlDirectory
from expertise.topics import Topic
from indexer.access import NOBODY, Reader
from search_api.engine import Search
from search_api.identity.readers import reader_of
from search_api.query.query import QUERY_CHARACTERS, Query, read_prefix
from search_api.search.correction import Corrector
from tests.judging import engine_index
from tests.made_site import agent_book
from tests.pages.administration import DIRECTORY, ENCODER, SECRET, TODAY, documents

pytestmark = [pytest.mark.search, pytest.mark.trust]


@dataclass(frozen=True)
class Desk:
    search: Search
    book: SqlDirectory

    def better(self, typed: str, reader: Reader, *topics: Topic) -> tuple[str, bool] | None:
        """(the correction, whether it was answered at once)."""
        corrector = Corrector(self.search, self.book, lambda: topics, TODAY)
        hits, _, found = corrector.answered(Query(typed), reader)
        return (found.text, hits.query.text == found.text) if found else None


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("desk")
    with agent_book(folder) as book, engine_index(request.param, folder) as index:
        assert not index.write(documents()).failed
        yield Desk(Search(index, ENCODER, book), book)


def test_a_correction_is_answered(desk: Desk) -> None:
    """At once where no word is found, beside the results where one is, not at all for nobody."""
    claire = reader_of("ag-1", desk.book, TODAY)
    assert desk.better("incenide", claire) == ("incendie", True)
    assert desk.better("dégrèvement incenide", claire) == ("dégrèvement incendie", False)
    assert desk.better("géomètre Guigamp", claire) == ("géomètre Guingamp", False)
    assert desk.better("degrevements apres incendies", claire) is None
    assert desk.better("incenide", NOBODY) is None


def test_word_of_a_topic_or_a_metier_is_never_replaced(desk: Desk, tmp_path: Path) -> None:
    """No document has the word, and a word of documents is near enough to replace any other."""
    claire, typed = reader_of("ag-1", desk.book, TODAY), "dégrèvement incendye"
    assert desk.better(typed, claire) == ("dégrèvement incendie", False)
    assert desk.better(typed, claire, Topic("t", "incendyes")) is None
    with agent_book(tmp_path, *DIRECTORY, Agent("ag-9", "Ida", "Roux", "incendye")) as book:
        assert replace(desk, book=book).better(typed, claire) is None


def test_a_secret_word_is_its_readers(desk: Desk) -> None:
    """Nobody else is corrected to it."""
    typed = f"{SECRET.lower()}r"
    assert desk.better(typed, reader_of("ag-1", desk.book, TODAY)) is None
    assert desk.better(typed, reader_of("ag-6", desk.book, TODAY)) == (SECRET.lower(), True)


def test_signs_that_grow_when_normalised_are_answered(desk: Desk) -> None:
    """Both engines limit the length of what they look up, in letters or bytes of its folded form.

    U+FDFA is written out as 18 characters, and a Hangul syllable as three.
    """
    claire = reader_of("ag-1", desk.book, TODAY)
    for typed in ("\ufdfa" * 30, "한" * 111, "漢" * 200):
        assert desk.search.suggest(read_prefix(typed), claire, 8) == ()
        assert desk.better((typed * 200)[:QUERY_CHARACTERS], claire) is None


def test_words_that_never_meet_are_not_proposed(desk: Desk) -> None:
    """Each stands somewhere, no document has both: the correction would be an invention."""
    claire = reader_of("ag-1", desk.book, TODAY)
    assert desk.better("incendie séjuor", claire) is None
