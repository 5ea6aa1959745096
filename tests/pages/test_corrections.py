"""«Vouliez-vous dire» and suggestions by kind, on the API, the page and the keyboard."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from search_api.search.suggestions import labels_starting_with
from tests.pages.administration import SECRET
from tests.pages.conftest import ClientOf

pytestmark = pytest.mark.pages


def better(client: TestClient, question: str, **filters: str) -> str | None:
    answer = client.get("/api/v1/search", params={"q": question, **filters})
    assert answer.status_code == 200
    said: str | None = answer.json()["did_you_mean"]
    return said


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("degrevment", "dégrèvement"),
        ("Degrevment après incendie", "Dégrèvement après incendie"),
        ("DEGREVMENT", "DÉGRÈVEMENT"),
        ("dégrèvement incandie", "dégrèvement incendie"),
        ('"taxe fonciere" incenide', '"taxe fonciere" incendie'),
        ("incenide -hopitale", "incendie -hopitale"),
        ("régie hopitaux", None),
        ("degrevements fonciers apres incendies", None),
        ("géomètre Guigamp", "géomètre Guingamp"),
        ("Guigamp", None),
        ("Le Biha", "Le Bihan"),
        ("Claire Le Bihan", None),
        ("tape", None),
        ("incendier", None),
        ("wxqz", None),
        ("wxqz incandie", None),
        ("DEGRE", None),
        ("comment faire", None),
        ("", None),
    ],
)
def test_a_slip_is_proposed_better(claire: TestClient, typed: str, meant: str | None) -> None:
    """Only the mistyped word changes; French words, missing accents and names are no slips.

    A place alone finds neither a document nor anybody, and is not proposed.
    """
    assert better(claire, typed) == meant


def test_a_long_question_is_left_as_it_is(claire: TestClient) -> None:
    """It has words enough to be found by."""
    assert better(claire, "degrevment " + "incendie taxe foncière " * 5) is None


@pytest.mark.trust
def test_no_correction_comes_from_a_restricted_document(
    claire: TestClient, client_of: ClientOf
) -> None:
    """Its word is proposed to its reader alone; what it says changes nobody else's answer."""
    for typed in (SECRET[:-1], SECRET.replace("z", "s", 1), "enquete zanzibarr"):
        assert better(claire, typed) is None
    assert better(client_of("ag-6"), "zanzibarr") == SECRET.lower()
    assert better(client_of("ag-6"), SECRET) is None


def test_a_correction_has_a_hit_under_the_same_filters(claire: TestClient) -> None:
    """What is proposed leads to something."""
    assert better(claire, "incenide", kind="fiche") == "incendie"
    assert better(claire, "incenide", kind="billet") is None


def test_the_page_answers_a_correction_at_once(claire: TestClient) -> None:
    """Where no word is found it says so, and what was typed is one link away."""
    page = claire.get("/?q=incenide").text
    assert "<strong>incendie</strong>" in page
    assert "Dégrèvement de taxe foncière après un incendie" in page
    assert "/?q=incenide&amp;as_typed=1" in page
    typed = claire.get("/?q=incenide&as_typed=1").text
    assert '<a href="/?q=incendie">incendie</a>' in typed


def test_the_page_proposes_where_something_is_found(claire: TestClient) -> None:
    """Beside results by the other words, a link."""
    page = claire.get("/?q=dégrèvement incenide&kind=fiche").text
    assert "incendie&amp;kind=fiche" in page


def test_filters_and_orders_keep_an_answer_to_what_was_typed(claire: TestClient) -> None:
    page = claire.get("/?q=dégrèvement incenide&as_typed=1").text
    assert "&amp;sort=date&amp;as_typed=1" in page
    assert "&amp;kind=fiche&amp;as_typed=1" in page


def suggestions(client: TestClient, typed: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/v1/suggest", params={"q": typed}).json()[
        "suggestions"
    ]
    return found


def test_suggestions_tell_their_kind(claire: TestClient) -> None:
    """A title opens its document, and a person their own page."""
    title = next(one for one in suggestions(claire, "dégr") if one["kind"] == "title")
    assert title["document_id"] == "wiki:degrevement"
    assert title["address"] == "/documents/wiki:degrevement"
    (person,) = suggestions(claire, "le biha")
    assert person == {
        "document_id": "",
        "title": "Claire Le Bihan",
        "kind": "person",
        "address": "/agents/ag-1",
        "past": False,
    }


@pytest.mark.trust
@pytest.mark.parametrize("typed", ["\ufdfa" * 30, "한" * 111, "漢" * 2_000])
def test_a_word_that_grows_when_normalised_is_answered(claire: TestClient, typed: str) -> None:
    """A folded form that is longer than the engine takes is no fault of the server."""
    assert suggestions(claire, typed) == []
    for path in ("/", "/experts", "/api/v1/search", "/api/v1/experts"):
        assert claire.get(path, params={"q": typed}).status_code == 200


@pytest.mark.trust
def test_who_left_is_not_suggested(claire: TestClient) -> None:
    """Paul Ancien has left: there are titles that begin so, and nobody."""
    assert {one["kind"] for one in suggestions(claire, "ancien")} == {"title"}
    assert suggestions(claire, "paul") == []


def test_topics_begin_so() -> None:
    """All words but the last are whole; short labels first."""
    labels = (("t1", "Taxe foncière"), ("t2", "Taxe sur les foncières cotées"), ("t3", "Cadastre"))
    assert [id_ for id_, _ in labels_starting_with(labels, "foncieres taxe", 5)] == ["t2"]
    assert [id_ for id_, _ in labels_starting_with(labels, "TAXE fonc", 5)] == ["t1", "t2"]
    assert [id_ for id_, _ in labels_starting_with(labels, "tax", 1)] == ["t1"]
    assert labels_starting_with(labels, "tax fonc", 5) == []
    assert labels_starting_with(labels, " * ", 5) == []
