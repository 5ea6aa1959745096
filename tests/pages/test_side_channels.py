"""Restricted documents change no answer to readers who may not read them.

docs/menaces.md names the only remaining side channel: the rarity of a word depends on all documents
of an engine, and scores depend on the rarity.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from expertise.directory import SqlDirectory
from indexer.ports import Index
from indexer.values import Put
from search_api.app import Services, create_app
from search_api.engine import Search
from search_api.identity.readers import reader_of
from tests.builders import allowed, put
from tests.judging import ENGINES, engine_index
from tests.made_site import agent_book
from tests.pages.administration import ENCODER, SECRET, TODAY, documents

pytestmark = [pytest.mark.pages, pytest.mark.trust]

QUESTIONS = ("", "dégrèvement foncier", "dégrèvemnt foncier", SECRET, "zanzibr", "cadastre",
             "enquête", "bordereau", "auteur:Iris", "type:enquête", "espace:espace-Zanzibar",
             '"mène à Zanzibar"', "incendie -Zanzibar", "taxe OU Zanzibar")  # fmt: skip
PATHS = ("/api/v1/search?q={}&page_size=50", "/api/v1/experts?q={}&limit=50",
         "/api/v1/suggest?q={}", "/?q={}", "/experts?q={}", "/?q=&kind={}", "/?q=&area=93",
         "/opensearch.xml", "/health/ready", "/api/v1/openapi.json")  # fmt: skip
NUMBERS = {"strength"}


def _restricted() -> list[Put]:
    """More of what Claire may not read: by colleagues whom she may see elsewhere too."""
    puts = [
        put(
            f"wiki:restreinte-{number}",
            f"Le dégrèvement foncier, l'incendie et le bordereau {number} mènent à {SECRET}.",
            title=f"Enquête {number} sur le dégrèvement",
            kind="enquête",
            area="93",
            access=allowed("ldap:group:fraude"),
        )
        for number in range(5)
    ]
    return [Put(replace(one.indexed, vectors=ENCODER.passages([SECRET]))) for one in puts]


@pytest.fixture(scope="module", params=ENGINES)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, TestClient]]:
    """Claire's client where restricted documents are kept, and where they never were."""
    folder: Path = tmp_path_factory.mktemp("channels")

    def client(index: Index, book: SqlDirectory, puts: list[Put]) -> TestClient:
        assert not index.write(puts).failed
        claire = reader_of("ag-1", book, TODAY)
        search = Search(index, ENCODER, book)
        return TestClient(
            create_app(Services(search, book, reader_of=lambda _: claire, today=lambda: TODAY))
        )

    open_ones = [one for one in documents() if SECRET not in one.indexed.document.title]
    assert len(open_ones) == len(documents()) - 1
    with (
        agent_book(folder) as book,
        engine_index(request.param, folder / "all") as whole,
        engine_index(request.param, folder / "open") as part,
    ):
        yield client(whole, book, [*documents(), *_restricted()]), client(part, book, open_ones)


@pytest.mark.parametrize("path", PATHS)
def test_restricted_documents_change_no_answer(
    both: tuple[TestClient, TestClient], path: str
) -> None:
    """Totals, facets, order, passages, corrections, suggestions, experts and their evidence,
    «nobody is known», refusals and their headers: not one differs."""
    for question in QUESTIONS if "{}" in path else [""]:
        kept, never = (client.get(path.format(question)) for client in both)
        assert kept.status_code == never.status_code, question
        if "/api/v1/" in path:
            assert _without_numbers(kept.json()) == _without_numbers(never.json()), question
        else:
            assert kept.text == never.text, question
        assert _without_length(kept.headers) == _without_length(never.headers), question


def test_what_remains_is_the_rarity_of_words(both: tuple[TestClient, TestClient]) -> None:
    """Scores alone tell that more documents hold a word: this is what docs/menaces.md says."""
    path = "/api/v1/search?q=incendie&explain=true"
    kept, never = (client.get(path).json() for client in both)
    assert _without_numbers(kept) == _without_numbers(never)
    assert "rareté" in Path("docs/menaces.md").read_text("utf-8")


def _without_length(headers: Mapping[str, str]) -> dict[str, str]:
    """Numbers of scores have more or fewer digits."""
    return {name: value for name, value in headers.items() if name != "content-length"}


def _without_numbers(body: Any) -> Any:
    if isinstance(body, dict):
        return {k: _without_numbers(v) for k, v in body.items() if k not in NUMBERS}
    return [_without_numbers(one) for one in body] if isinstance(body, list) else body
