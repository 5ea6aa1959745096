"""Copies and successors as each reader may see them: API, page and command, on both engines."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from connectors.values import Access
from indexer.ports import Index
from indexer.values import Put, PutAccess, Remove
from quisait.commands.answers import results_text
from search_api.context import AnswerContext
from search_api.engine import Search
from search_api.identity.readers import reader_of
from search_api.query.query import Query
from search_api.ranking.reranking import RankingPreferences
from search_api.ranking.search_configuration import SearchConfiguration
from search_api.search.service import answer_question
from tests.builders import OPEN, allowed, put
from tests.judging import ENGINES, client, encoded, engine_index
from tests.made_site import agent_book
from tests.pages.administration import ENCODER, TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

FRAUD = allowed("ldap:group:fraude")
TEXT = " ".join(f"Le point {n} de la circulaire vise le guichet {n}." for n in range(10, 40))
CLAIRE, IRIS = "ag-1", "ag-4"


def library() -> list[Put]:
    """A circular in three places, a note with two successors, one with a secret successor."""
    over = date(2023, 12, 31)
    return [
        encoded(one)
        for one in (
            put("notes:circ", TEXT, title="Circulaire guichet"),
            put("share:circ", f"Reçu le 12. {TEXT}", title="Circulaire guichet", space="Bureau A"),
            put("share:secret", TEXT, title="Circulaire guichet", access=FRAUD, space="Cellule"),
            put("wiki:v1", "Le barème des vélos.", title="Barème vélos 2019", valid_until=over),
            put("wiki:v2", "Barème.", title="Barème 2024", replaces=("wiki:v1",)),
            put("wiki:v3", "Barème.", title="Barème sûr", replaces=("wiki:v1",), access=FRAUD),
            put("wiki:w1", "La consigne des casiers.", title="Consigne casiers"),
            put("wiki:w2", "Consigne.", title="Autre", replaces=("wiki:w1",), access=FRAUD),
        )
    ]


class Asked:
    """Answers to each agent."""

    def __init__(self, index: Index, search: Search, clients: dict[str, TestClient]) -> None:
        self.index, self.search, self._clients = index, search, clients

    def body(self, agent: str, q: str, **parameters: Any) -> dict[str, Any]:
        wanted = {"q": q, "explain": "true", "page_size": 50, **parameters}
        response = self._clients[agent].get("/api/v1/search", params=wanted)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def page(self, agent: str, q: str) -> str:
        return self._clients[agent].get("/", params={"q": q}).text

    def copies(self, agent: str) -> list[tuple[str, list[str]]]:
        """The circular's results, each with its other places."""
        return [
            (one["id"], [copy["id"] for copy in one["copies"]])
            for one in self.body(agent, '"circulaire"')["documents"]
        ]

    @contextmanager
    def changed(self, *documents: str) -> Iterator[None]:
        """Afterwards these documents are as they were."""
        yield
        back = [one for one in library() if one.indexed.document.id in documents]
        assert not self.index.write(back).failed


@pytest.fixture(scope="module", params=ENGINES)
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    folder: Path = tmp_path_factory.mktemp("successors")
    with engine_index(request.param, folder) as index, agent_book(folder) as book:
        assert not index.write(library()).failed
        search = Search(index, ENCODER, book)
        yield Asked(index, search, {one: client(search, book, one) for one in (CLAIRE, IRIS)})


def test_a_text_in_several_places_is_one_result(asked: Asked) -> None:
    """With the places that this reader may read, and no count of others."""
    assert asked.copies(CLAIRE) == [("notes:circ", ["share:circ"])]
    head, places = asked.copies(IRIS)[0]
    assert {head, *places} == {"notes:circ", "share:circ", "share:secret"}
    body = asked.body(CLAIRE, '"circulaire"')
    assert (body["total"], body["reachable"]) == (2, 1)
    assert asked.body(IRIS, '"circulaire"')["total"] == 3
    page = asked.page(CLAIRE, '"circulaire"')
    assert "Même texte à 1\u00a0autre endroit" in page
    assert "seuls les plus proches" not in page
    assert "(Share, Bureau A)" in page
    assert "secret" not in page
    assert "Cellule" not in page


def test_another_place_takes_the_place_of_what_is_gone(asked: Asked) -> None:
    """A right withdrawn, a deletion, a right given: at the next question."""
    with asked.changed("notes:circ", "share:circ", "share:secret"):
        asked.index.write([PutAccess("notes:circ", Access())])
        assert asked.copies(CLAIRE) == [("share:circ", [])]
        asked.index.write([PutAccess("share:secret", OPEN), Remove("share:circ")])
        assert asked.copies(CLAIRE) == [("share:secret", [])]
    assert asked.copies(CLAIRE) == [("notes:circ", ["share:circ"])]


def test_a_successor_stands_above(asked: Asked) -> None:
    """What it replaces is marked, with a link, and says why; as far as each may read."""
    found = {one["id"]: one for one in asked.body(CLAIRE, "barème vélos 2019")["documents"]}
    order = list(found)
    assert order.index("wiki:v2") < order.index("wiki:v1")
    assert [one["id"] for one in found["wiki:v1"]["replaced_by"]] == ["wiki:v2"]
    assert found["wiki:v1"]["effects"] == ["expired", "replaced"]
    assert found["wiki:v2"]["effects"] == ["succeeds"]
    page = asked.page(CLAIRE, "barème vélos 2019")
    assert 'class="validity"' in page
    assert "Barème sûr" not in page
    theirs = {one["id"]: one for one in asked.body(IRIS, "barème vélos 2019")["documents"]}
    assert [one["id"] for one in theirs["wiki:v1"]["replaced_by"]] == ["wiki:v2", "wiki:v3"]


def test_a_secret_successor_moves_nothing(asked: Asked) -> None:
    """Neither mark, word, place nor score tells that there is one."""
    before = asked.body(CLAIRE, "consigne casiers")
    note = before["documents"][0]
    assert (note["id"], note["replaced_by"], note["effects"]) == ("wiki:w1", [], [])
    first = asked.page(CLAIRE, "consigne casiers").split("</article>")[0]
    assert "Consigne casiers" in first
    assert "Remplacé" not in first
    assert 'class="document past"' not in first
    with asked.changed("wiki:w2"):
        asked.index.write([encoded(put("wiki:w2", "Consigne.", title="Autre", access=FRAUD))])
        assert asked.body(CLAIRE, "consigne casiers")["documents"] == before["documents"]
    theirs = asked.body(IRIS, "consigne casiers")["documents"]
    assert [one["id"] for one in theirs[:2]] == ["wiki:w2", "wiki:w1"]


def test_pages_hold_the_order(asked: Asked) -> None:
    """One result a page: the same order and scores as all on one."""
    whole = asked.body(IRIS, "barème consigne circulaire")
    each = [
        asked.body(IRIS, "barème consigne circulaire", page=n + 1, page_size=1)["documents"][0]
        for n in range(whole["reachable"])
    ]
    assert [(one["id"], one["score"]) for one in each] == [
        (one["id"], one["score"]) for one in whole["documents"]
    ]


def test_the_command_line_says_both(asked: Asked, tmp_path: Path) -> None:
    """Places and successors, as the reader may see them."""
    with agent_book(tmp_path) as book:
        reader = reader_of(CLAIRE, book, TODAY)
        context = AnswerContext(asked.search, book, today=lambda: TODAY)
        circular = results_text(answer_question(context, reader, Query('"circulaire"')))
        scale = results_text(answer_question(context, reader, Query("barème vélos 2019")))
    assert "même texte : share:circ" in circular
    assert "secret" not in circular
    assert "remplacé par : Barème 2024 (wiki:v2)" in scale


@pytest.mark.parametrize(
    ("trust", "believed"),
    [({"forum": 0.5}, False), ({}, False), ({"forum": 1.5}, True), ({"wiki": 0.9}, True)],
    ids=str,
)
def test_a_source_trusted_no_more_takes_no_place(
    asked: Asked, tmp_path: Path, trust: dict[str, float], believed: bool
) -> None:
    """Who pushes to a forum does not repeal a note by naming it: neither in order nor in words."""
    fake = put("forum:f", "Les casiers.", title="Autre consigne", replaces=("wiki:w1",))
    with agent_book(tmp_path) as book:
        search = Search(
            asked.index,
            ENCODER,
            book,
            SearchConfiguration(preferences=RankingPreferences(trust=trust)),
        )
        reader, query = reader_of(CLAIRE, book, TODAY), Query("consigne casiers")
        assert not asked.index.write([encoded(fake)]).failed
        try:
            answered = search.answer(query, reader, TODAY).results
        finally:
            asked.index.write([Remove("forum:f")])
    shown = {one.card.document_id: one for one in answered}
    assert [one.document_id for one in shown["wiki:w1"].replaced_by] == ["forum:f"] * believed
    assert [one.document_id for one in shown["forum:f"].replaces] == ["wiki:w1"] * believed
    assert ("replaced" in shown["wiki:w1"].parts.effects) is believed


@pytest.mark.parametrize("names", ["ab", "abc"])
def test_a_circle_is_nobodys_successor(asked: Asked, names: str) -> None:
    """Neither is told to replace the other, also where the question finds but one of them."""
    round_about = dict(zip(names, names[1:] + names[0], strict=True))
    ids = [f"wiki:circle-{one}" for one in names]
    notes = [
        encoded(put(f"wiki:circle-{a}", f"Le tampon{a}.", replaces=(f"wiki:circle-{b}",)))
        for a, b in round_about.items()
    ]
    assert not asked.index.write(notes).failed
    try:
        for words in ("tampona", " ".join(f"tampon{one}" for one in names)):
            found = {one["id"]: one for one in asked.body(CLAIRE, words)["documents"]}
            assert "wiki:circle-a" in found
            for one in (found[id_] for id_ in ids if id_ in found):
                assert (one["replaces"], one["replaced_by"], one["effects"]) == ([], [], [])
    finally:
        asked.index.write([Remove(one) for one in ids])
