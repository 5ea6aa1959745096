"""When nothing that a reader may read comes near a question, on both engines, under rights."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.values import EVERYONE
from indexer.access import Reader
from indexer.ports import Index
from indexer.values import Question
from search_api.engine import Search
from search_api.ranking.fusion import known_bars, requiring_all_words
from tests.builders import allowed, put
from tests.encoders import FakeEncoder
from tests.judging import ENGINES, engine_index
from tests.made_site import agent_book

pytestmark = [pytest.mark.search, pytest.mark.experts]


MEASURED = FakeEncoder(name="multilingual-e5-small/fake")
"""Bears the name of a model whose cosines are known; only the same text is near."""
CLAIRE = Reader("ag-1", frozenset({EVERYONE}))
IRIS = Reader("ag-4", frozenset({EVERYONE, "ldap:group:fraude"}))


@pytest.fixture(scope="module", params=ENGINES)
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("far")
    with engine_index(request.param, folder, MEASURED.dimension) as index:
        puts = [
            put("s:regie", "La caisse du régisseur est contrôlée chaque mois."),
            put("s:bail", "Le bail rural est exonéré."),
            put("s:fraude", "Le régisseur du bail.", access=allowed("ldap:group:fraude")),
        ]
        assert not index.write(puts).failed
        yield index


@pytest.fixture(scope="module")
def search(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    with agent_book(tmp_path_factory.mktemp("book")) as book:
        yield Search(index, MEASURED, book)


@pytest.mark.parametrize("topic", ["xylophone", "xylophone du régisseur", "caisse rurale"])
def test_a_word_that_no_document_has_beside_the_others_is_far(search: Search, topic: str) -> None:
    """Far in sense, and no single document has all the words."""
    window = search.window_of(topic, CLAIRE)
    assert window.far
    assert window.closest < known_bars(MEASURED.name).far_cosine


@pytest.mark.parametrize("topic", ["bail", "Qui contrôle la caisse du régisseur ?", "baux ruraux"])
def test_a_document_with_every_word_is_near_whatever_its_sense(search: Search, topic: str) -> None:
    """In any of their forms; words that only put the question do not count."""
    assert not search.window_of(topic, CLAIRE).far


def test_the_same_sense_is_near(search: Search) -> None:
    """The encoder alone is enough."""
    window = search.window_of("Le bail rural est exonéré.", CLAIRE)
    assert (round(window.closest, 3), window.far) == (1.0, False)


def test_words_of_what_a_reader_may_not_read_bring_nothing_near(search: Search) -> None:
    """Only whoever reads the restricted document has one with both words."""
    assert search.window_of("régisseur bail", CLAIRE).far
    assert not search.window_of("régisseur bail", IRIS).far


def test_of_an_encoder_that_was_not_measured_nothing_is_said(index: Index, tmp_path: Path) -> None:
    """Its cosines mean something else: nobody is held back by them."""
    with agent_book(tmp_path) as book:
        window = Search(index, FakeEncoder(), book).window_of("xylophone", CLAIRE)
    assert window.closest < 1
    assert not window.far


def test_every_place_of_a_question_is_wanted_once() -> None:
    """Exclusions and alternatives are kept; each word of the text becomes a group."""
    question = Question(
        "Quelle taxe pour une taxe foncière ?", excluded=("bail",), any_of=(("a",),)
    )
    wanted = requiring_all_words(question)
    assert wanted.text == ""
    assert wanted.excluded == ("bail",)
    assert wanted.any_of == (("a",), ("taxe",), ("taxe",), ("foncière",))
