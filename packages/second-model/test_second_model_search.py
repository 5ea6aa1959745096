"""A second model reorders first documents, respects rights, and may fail; on both engines."""

import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from quisait_second_model.reading import PairScorer, SecondModel, SecondReading

from connectors.values import EVERYONE
from expertise.directory import SqlDirectory
from indexer.access import Reader
from indexer.ports import Index
from search_api.engine import Search
from search_api.query.query import Query
from search_api.ranking.reranker import KeptOrder
from search_api.ranking.results import Results
from search_api.ranking.search_configuration import SearchConfiguration
from tests.builders import allowed, put
from tests.encoders import FakeEncoder
from tests.judging import ENGINES, client, engine_index
from tests.made_site import agent_book

pytestmark = pytest.mark.search

TODAY = date(2026, 11, 26)
CLAIRE = Reader("ag-1", frozenset({EVERYONE}))
IRIS = Reader("ag-4", frozenset({EVERYONE, "ldap:group:fraude"}))
ASKED = "régisseur caisse"
READ = 6
LONG_S = 60.0


class Longest:
    """Prefers the longest passage, and notes what it was given."""

    name = "la plus longue"

    def __init__(self) -> None:
        self.passages: list[str] = []

    def score(self, question: str, passage: str) -> float:
        self.passages.append(passage)
        return float(len(passage))


class Sleeping:
    """Never comes back before the test ends."""

    name = "endormi"

    def __init__(self) -> None:
        self.back = threading.Event()

    def score(self, question: str, passage: str) -> float:
        self.back.wait(LONG_S)
        return 0.0


class Broken:
    """Fails at each pair."""

    name = "cassé"

    def score(self, question: str, passage: str) -> float:
        raise RuntimeError(passage)


@pytest.fixture(scope="module", params=ENGINES)
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("second")
    with engine_index(request.param, folder, FakeEncoder().dimension) as index:
        texts = [f"Le régisseur tient la caisse. {'Il compte. ' * n}" for n in range(READ + 2)]
        puts = [put(f"s:{n}", text) for n, text in enumerate(texts)]
        reserved = allowed("ldap:group:fraude")
        puts.append(
            put(
                "s:secret",
                f"Le régisseur tient la caisse noire. {'Oui. ' * 40}",
                title="Caisse du régisseur",
                access=reserved,
            )
        )
        puts.append(put("s:loin", "Tout autre chose, la caisse exceptée. " * 6))
        assert not index.write(puts).failed
        yield index


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlDirectory]:
    with agent_book(tmp_path_factory.mktemp("book")) as book:
        yield book


def search(
    index: Index, book: SqlDirectory, scorer: PairScorer | None, limit_s: float = LONG_S
) -> Search:
    reading = SecondReading(READ, limit_s, 1.0)
    reranker = SecondModel(scorer, reading) if scorer else KeptOrder()
    return Search(index, FakeEncoder(), book, SearchConfiguration(reranker=reranker))


def page(search: Search, reader: Reader = CLAIRE, number: int = 1) -> Results:
    return search.answer(Query(ASKED, page=number, page_size=4), reader, TODAY)


def ids(found: Results) -> list[str]:
    return [one.card.document_id for one in found.results]


def whole(search: Search, reader: Reader = CLAIRE) -> list[str]:
    return [hit.document_id for hit in search.rank(Query(ASKED), reader, TODAY)]


def test_only_the_first_documents_are_put_in_another_order(
    index: Index, book: SqlDirectory
) -> None:
    """The same documents in the same number, by length as far as it read; pages do not overlap."""
    scorer = Longest()
    before = whole(search(index, book, None))
    again = whole(search(index, book, scorer))
    assert again != before
    assert sorted(again[:READ]) == sorted(before[:READ])
    assert again[READ:] == before[READ:]
    assert len(scorer.passages) == READ
    lengths = {
        one.card.document_id: len(one.passages[0].passage.text)
        for number in (1, 2, 3)
        for one in page(search(index, book, None), number=number).results
    }
    assert again[:READ] == sorted(again[:READ], key=lambda name: -lengths[name])
    paged = search(index, book, Longest())
    pages = [name for number in (1, 2, 3) for name in ids(page(paged, number=number))]
    assert pages == again[: len(pages)]
    assert len(set(pages)) == len(pages)


def test_it_reads_what_the_reader_may_read(index: Index, book: SqlDirectory) -> None:
    """No passage of another document is given to it, for whoever may not read that."""
    scorer = Longest()
    asking = search(index, book, scorer)
    assert "s:secret" not in whole(asking)
    assert not any("noire" in passage for passage in scorer.passages)
    assert whole(asking, IRIS)[0] == "s:secret"
    assert any("noire" in passage for passage in scorer.passages)
    assert "s:secret" not in whole(asking), "what another reader was shown is not remembered"


@pytest.mark.parametrize("made", [Sleeping, Broken], ids=lambda made: made.name)
def test_a_page_comes_without_it(
    made: Callable[[], PairScorer], index: Index, book: SqlDirectory
) -> None:
    """As if there were none: the same results, scores and words."""
    scorer = made()
    asking = search(index, book, scorer, limit_s=0.01)
    for _ in range(3):
        assert page(asking) == page(search(index, book, None))
    if isinstance(scorer, Sleeping):
        scorer.back.set()


def test_by_date_and_without_a_question_nothing_is_read(index: Index, book: SqlDirectory) -> None:
    """Such orders are not by relevance."""
    scorer = Longest()
    asking = search(index, book, scorer)
    asking.answer(Query(""), CLAIRE, TODAY)
    asking.answer(Query(f"{ASKED} -caisse -régisseur"), CLAIRE, TODAY)
    assert scorer.passages == []


def test_the_page_and_the_api_say_so(index: Index, book: SqlDirectory, tmp_path: Path) -> None:
    """In a sentence beside the others, and among the parts of the score."""
    asked = {"q": ASKED, "explain": "true", "page_size": "10"}
    answer = client(search(index, book, Longest()), book).get("/api/v1/search", params=asked)
    documents = answer.json()["documents"]
    read = [one for one in documents if one["parts"]["second_model"] is not None]
    assert len(read) == READ
    assert documents[:READ] == read
    for one in read:
        (said,) = [words for words in one["why"] if "relu par un second modèle" in words]
        moved = one["parts"]["second_model"]
        assert ("relève" in said) is (moved > 1e-9)
        assert ("abaisse" in said) is (moved < -1e-9)
    without = client(search(index, book, None), book).get("/api/v1/search", params=asked).json()
    assert "second modèle" not in str(without)
    assert {one["parts"]["second_model"] for one in without["documents"]} == {None}
