"""Results that can be judged and ordered: on the page and in the API, on both engines."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from expertise.directory import SqlDirectory
from indexer.ports import Index
from indexer.values import RelevanceCut
from search_api.engine import Search
from search_api.ranking.fusion import ModelBars
from search_api.ranking.search_configuration import SearchConfiguration
from tests.judging import ENGINES, client, engine_index, judged_documents
from tests.made_site import agent_book
from tests.pages.administration import ENCODER

pytestmark = pytest.mark.pages

PARKING = "redevance stationnement"
BY_DATE = ["wiki:note-2023", "wiki:note-2021", "wiki:note-2019", "wiki:note-sans-date"]


@pytest.fixture(scope="module", params=ENGINES)
def parts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Index, SqlDirectory]]:
    folder: Path = tmp_path_factory.mktemp("judging")
    with engine_index(request.param, folder) as index, agent_book(folder) as book:
        assert not index.write(judged_documents()).failed
        yield index, book


@pytest.fixture(scope="module")
def asked(parts: tuple[Index, SqlDirectory]) -> TestClient:
    index, book = parts
    return client(Search(index, ENCODER, book), book)


@pytest.fixture(scope="module")
def asked_surely(parts: tuple[Index, SqlDirectory]) -> TestClient:
    """With bars of the encoder, below all of its cosines: the first document may be sure."""
    index, book = parts
    bars = ModelBars(-1.0, RelevanceCut(0.2, -1.0))
    return client(
        Search(index, ENCODER, book, SearchConfiguration(authors=book.accounts_named, bars=bars)),
        book,
    )


def found(asked: TestClient, **parameters: Any) -> dict[str, Any]:
    response = asked.get("/api/v1/search", params=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [one["id"] for one in body["documents"]]


def test_by_date_the_newest_that_say_it_come_first(asked: TestClient) -> None:
    """Undated last; what has few of the words, or is merely near in sense, is left out."""
    body = found(asked, q=PARKING, sort="date")
    assert ids(body) == BY_DATE
    assert (body["total"], body["reachable"]) == (4, 4)
    assert {one["value"] for one in body["facets"]["year"]} == {"2019", "2021", "2023"}
    assert "wiki:parking" in ids(found(asked, q=PARKING))


def test_by_date_pages_and_filters_hold(asked: TestClient) -> None:
    """Pages neither repeat nor skip, and a facet narrows the same set."""
    pages = [ids(found(asked, q=PARKING, sort="date", page=n, page_size=2)) for n in (1, 2, 3)]
    assert pages == [BY_DATE[:2], BY_DATE[2:], []]
    assert ids(found(asked, q=PARKING, sort="date", year=2021)) == ["wiki:note-2021"]
    assert asked.get("/api/v1/search", params={"q": "x", "sort": "taille"}).status_code == 422


def test_the_order_is_in_the_address(asked: TestClient) -> None:
    """A link to each order; the chosen one stays in facets, pages and the next question."""
    page = asked.get("/", params={"q": PARKING, "sort": "date"}).text
    assert '<input type="hidden" name="sort" value="date">' in page
    assert 'href="/?q=redevance+stationnement"' in page
    assert "year=2021&amp;sort=date" in page
    assert page.index("Note 2023") < page.index("Note 2021") < page.index("Note 2019")
    none = asked.get("/", params={"q": "redevance inexistante", "sort": "date"}).text
    assert "trier par pertinence" in none


def test_an_answer_says_whose_it_is(asked: TestClient, asked_surely: TestClient) -> None:
    """The thread's title, the best answer's author, role and present post; others beneath."""
    thread = found(asked, q="bail rural exonéré")["documents"][0]
    assert thread["title"].startswith("Bail rural")
    best = thread["passage"]
    assert (best["author"]["name"], best["author"]["role"]) == (
        "Claire Le Bihan",
        "accepted_answerer",
    )
    others = {one["author"]["role"]: one["text"] for one in thread["other_passages"]}
    assert set(others) <= {"asker", "answerer"}
    assert "Rien à voir." not in others.values()
    page = asked_surely.get("/", params={"q": "bail rural exonéré"}).text
    # The accepted answer is the direct one, and is said once.
    quote = page.partition('id="reponse"')[2].partition("</section>")[0]
    assert f"« {thread['title']} »" in unescape(quote.partition("</h2>")[0]), (
        "the question that was asked"
    )
    assert re.search(r"<a[^>]*>Claire Le Bihan<", quote)
    assert page.count(best["text"][:40]) == 1
    assert "réponse retenue de" not in page
    assert re.search(r"question de <a[^>]*>Youssef Amrani</a>", page)


def test_a_slide_is_no_page(asked: TestClient) -> None:
    """Slides are named as such."""
    page = asked.get("/", params={"q": "recouvrement amiable"}).text
    assert "diapositive\u00a07" in page


def test_a_result_says_why_it_stands_there(asked: TestClient) -> None:
    """In words, with explain=true in the API and always on the page."""
    plain = found(asked, q="bail rural")["documents"][0]
    why = found(asked, q="bail rural", explain="true")["documents"][0]["why"]
    assert plain["why"] == []
    assert why[0].startswith("Le titre contient\u00a0: Bail, rural")
    assert any("il est 1er par les mots" in one for one in why)
    page = asked.get("/", params={"q": "bail rural"}).text
    assert why[0] in unescape(page)
    assert 'class="why"' not in asked.get("/").text
