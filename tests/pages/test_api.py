"""The API: its answers, the rights of readers, and invalid requests."""

from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from expertise.values import Degree
from search_api.wording import DEGREES
from tests.each import each
from tests.pages.conftest import ClientOf

pytestmark = pytest.mark.pages

HOSTILE = [
    "",
    "   ",
    "x" * 10_000,
    "taxe " * 2_000,
    "👩‍👩‍👧 🧾",
    "الضريبة العقارية",
    "\u202etxet",
    "taxe\x00foncière",
    "*",
    "tax? fonc* ~2 ^3 [a TO z]",
    '"taxe foncière',
    '""',
    '"" "" -""',
    "«»",
    "-dégrèvement",
    "- -- ---",
    "AND OR NOT ( ) { } : \\ / !",
    "<script>alert(1)</script>",
    "'; DROP TABLE documents; --",
    "%s %d {0} {{q}}",
    "\ufffe\uffff\ud7ff",
]


def found(client: TestClient, **parameters: Any) -> dict[str, Any]:
    response = client.get("/api/v1/search", params=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def by_id(body: dict[str, Any], document_id: str) -> dict[str, Any]:
    documents: dict[str, dict[str, Any]] = {one["id"]: one for one in body["documents"]}
    return documents[document_id]


def test_a_question_finds_its_document_first(claire: TestClient) -> None:
    """The answer shows document, passage, highlights, validity and authors with their post."""
    body = found(claire, q="dégrèvement incendie")
    first = body["documents"][0]
    assert first["id"] == "wiki:degrevement"
    assert first["url"] == "https://wiki.example/degrevement"
    assert first["area"] == {"code": "22", "name": "Côtes-d'Armor"}
    assert first["valid"] is True
    passage = first["passage"]
    assert (passage["heading"], passage["page"]) == ("Conditions", 2)
    marked = {passage["text"][start:end] for start, end in passage["highlights"]}
    assert {"incendie", "dégrèvement"} <= marked
    claire_herself, paul = first["authors"]
    assert claire_herself["post"]["metier"] == "géomètre du cadastre"
    assert claire_herself["departed"] is False
    assert (paul["name"], paul["departed"], paul["post"]) == ("Paul Ancien", True, None)


def test_an_expired_document_says_so(claire: TestClient) -> None:
    """A document whose last day has passed is not valid, and names what replaces it."""
    body = found(claire, q="dégrèvement foncier", page_size=50)
    old = by_id(body, "wiki:ancienne")
    assert old["valid"] is False
    assert [one["id"] for one in old["replaced_by"]] == ["wiki:degrevement"]


def test_scores_only_when_asked_for(claire: TestClient) -> None:
    """Score and parts come with explain=true alone; parts lie between 0 and 1."""
    plain, explained = found(claire, q="incendie"), found(claire, q="incendie", explain="true")
    assert all(one["score"] is None and one["parts"] is None for one in plain["documents"])
    scores = [one["score"] for one in explained["documents"]]
    assert scores == sorted(scores, reverse=True)
    assert explained["documents"][0]["parts"]["lexical_rank"] == 1
    assert all(0 <= one["parts"]["vector"] <= 1 for one in explained["documents"])


def test_facets_narrow_and_count(claire: TestClient) -> None:
    """Each facet's count is the total that its filter leaves; values of one facet add up."""
    whole = found(claire, q="")
    for name in ("kind", "area", "year", "space"):
        for facet in whole["facets"][name]:
            assert found(claire, **{name: facet["value"]})["total"] == facet["count"]
    two = found(claire, kind=["fiche", "note"])
    assert two["total"] == 3
    assert {one["kind"] for one in two["documents"]} == {"fiche", "note"}
    labels = {one["value"]: one["label"] for one in whole["facets"]["area"]}
    assert labels["974"] == "La Réunion"


def test_pages_neither_repeat_nor_skip(claire: TestClient) -> None:
    """All pages together show every reachable document once."""
    seen: list[str] = []
    for page in range(1, 7):
        body = found(claire, q="bordereau", page=page, page_size=5)
        seen += [one["id"] for one in body["documents"]]
    assert len(seen) == len(set(seen)) == body["reachable"] == 29


def test_no_question_is_an_error(claire: TestClient) -> None:
    """Whatever is typed, each page and answer comes, makes sense, and holds it escaped."""

    def answers(case: tuple[str, str]) -> None:
        path, typed = case
        response = claire.get(f"{path}?q={quote(typed)}")
        assert response.status_code == 200
        assert "<script>alert" not in response.text or path.startswith("/api/")
        if path.endswith("/search"):
            assert response.json()["shortened"] == (len(typed.strip()) > 2_000)
        if path == "/api/v1/experts" and not typed.strip():
            assert not any(response.json().values())

    paths = ("/api/v1/search", "/api/v1/experts", "/api/v1/suggest", "/", "/experts")
    each(
        (
            (f"{path} {number}", (path, typed))
            for path in paths
            for number, typed in enumerate(HOSTILE)
        ),
        answers,
    )


@pytest.mark.parametrize("query", ["q=%ff%fe", "q=a&q=b", "q", "&&&=", "q=%", "unknown=1"])
def test_odd_query_strings(claire: TestClient, query: str) -> None:
    """Broken encodings and repeated or unknown parameters are read as far as they can be."""
    assert claire.get(f"/api/v1/search?{query}").status_code == 200


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"page": "0"}, "page"),
        ({"page": "-1"}, "page"),
        ({"page": "abc"}, "page"),
        ({"page": "1.5"}, "page"),
        ({"page": "9" * 5_000}, "page"),
        ({"page_size": "51"}, "page_size"),
        ({"page_size": "0"}, "page_size"),
        ({"explain": "peut-être"}, "explain"),
        ({"kind": ["x"] * 101}, "kind"),
    ],
)
def test_a_wrong_parameter_is_named_in_french(
    claire: TestClient, parameters: dict[str, Any], name: str
) -> None:
    """A problem names the parameter at fault, says what it should be, and repeats no value."""
    response = claire.get("/api/v1/search", params=parameters)
    problem = response.json()
    assert response.status_code == problem["status"] == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "invalid_parameter"
    assert f"« {name} »" in problem["detail"]
    assert "peut-être" not in response.text


def test_a_page_beyond_the_last_is_empty(claire: TestClient) -> None:
    """A huge page is no error: it shows no document and the same total."""
    body = found(claire, q="incendie", page=10**15)
    assert body["documents"] == []
    assert body["total"] == found(claire, q="incendie")["total"]
    assert '<div class="empty">' in claire.get("/?q=incendie&page=1000000").text


UNKNOWN = ["inconnu", "*", "\x00", "é" * 3_000]


@pytest.mark.parametrize("facet", ["kind", "space", "entity"])
@pytest.mark.parametrize("value", UNKNOWN)
def test_unknown_facet_values_find_nothing(claire: TestClient, facet: str, value: str) -> None:
    """A value that no document has leaves none."""
    assert found(claire, **{facet: value})["total"] == 0


@pytest.mark.parametrize(("facet", "known"), [("source", "wiki"), ("area", "22"), ("year", "2025")])
@pytest.mark.parametrize("value", UNKNOWN)
def test_unknown_source_area_or_year_is_refused_with_the_known_ones(
    claire: TestClient, facet: str, known: str, value: str
) -> None:
    """By the API; the page says so, keeps the question, and offers to drop the filter."""
    asked = {"q": "dégrèvement", facet: [known, value]}
    refused = claire.get("/api/v1/search", params=asked)
    assert (refused.status_code, refused.json()["code"]) == (422, "impossible")
    assert known in refused.json()["detail"]
    page = claire.get("/", params=asked)
    assert page.status_code == 200
    assert f'href="/?q=d%C3%A9gr%C3%A8vement&amp;{facet}={known}"' in page.text
    assert claire.get("/api/v1/search", params=asked | {facet: known}).json()["total"]


def test_known_values_are_those_of_readable_documents(
    claire: TestClient, client_of: ClientOf
) -> None:
    """A year of closed documents alone is unknown to others, and not named among the known ones."""
    refused = claire.get("/api/v1/search?year=2026").json()["detail"]
    known = refused.partition("sont connus")[2]
    assert "2025" in known
    assert "2026" not in known
    allowed = client_of("ag-4").get("/api/v1/search?year=2026")
    assert allowed.json()["total"]


def test_experts_come_with_post_and_evidence(dora: TestClient) -> None:
    """A candidate has a present post, a way to reach them and dated documents."""
    body = dora.get("/api/v1/experts", params={"q": "dégrèvement incendie"}).json()
    first = body["candidates"][0]
    assert first["agent"]["id"] == "ag-1"
    assert first["agent"]["email"] == "claire.le-bihan@finances.example"
    assert first["agent"]["post"]["departement"] == {"code": "22", "name": "Côtes-d'Armor"}
    assert first["evidence"][0]["roles"] == ["author"]
    assert first["evidence"][0]["last"] == "2025-03-04"
    assert all(one["evidence"] for one in body["candidates"])


@pytest.mark.parametrize("address", ["/", "/experts"])
def test_pages_say_the_degree_that_the_api_gives(dora: TestClient, address: str) -> None:
    """In the same words, wherever somebody who knows is shown."""
    asked = {"q": "dégrèvement incendie"}
    first = dora.get("/api/v1/experts", params=asked).json()["candidates"][0]
    assert (first["degree"], first["sure"]) == ("wrote", True)
    shown = dora.get(address, params=asked, headers={"Accept": "text/html"}).text
    assert DEGREES[Degree.WROTE].capitalize() in shown
    assert DEGREES[Degree.ANSWERED].capitalize() not in shown


@pytest.mark.parametrize("area", ["22", "r53"])
def test_experts_of_an_area(dora: TestClient, area: str) -> None:
    """An area keeps those whose present post is there; an unknown one is refused."""
    asked = {"q": "dégrèvement incendie", "area": area}
    body = dora.get("/api/v1/experts", params=asked).json()
    assert [one["agent"]["id"] for one in body["candidates"]] == ["ag-1"]
    nowhere = dora.get("/api/v1/experts", params={"q": "incendie", "area": "zz"})
    assert nowhere.status_code == 422
    assert area in nowhere.json()["detail"]
    page = dora.get("/experts", params={"q": "incendie", "area": "zz"})
    assert (page.status_code, "Le territoire «" in page.text) == (200, True)


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("qui est géomètre près de Quimper ?", {"code": "29", "name": "Quimper (Finistère)"}),
        ("géomètre en Rhône-Alpes", {"code": "", "name": "Rhône-Alpes"}),
        ("dégrèvement incendie en Occitanie", {"code": "r76", "name": "Occitanie"}),
        ("dégrèvement incendie vers Saint-Brieuc", None),
        ("dégrèvement incendie", None),
    ],
)
def test_a_place_without_anybody_leads_to_the_nearest(
    dora: TestClient, question: str, place: dict[str, str] | None
) -> None:
    """The search, who knows and both pages name the same person and the same place."""
    body, experts = found(dora, q=question), dora.get("/api/v1/experts", params={"q": question})
    assert [one["agent"]["id"] for one in body["people"]] == ["ag-1"]
    assert body["nobody_in"] == experts.json()["nobody_in"] == place
    assert not body["somebody_left"]
    for path in ("/", "/experts"):
        page = dora.get(path, params={"q": question}).text
        assert (f"ici : {place['name']}" in page) if place else ("connu ici" not in page)
        assert "/agents/ag-1" in page


def test_where_who_knew_has_left_the_page_says_so_and_names_nobody(dora: TestClient) -> None:
    """Paul wrote the old note in Brest; neither he nor his former post is told."""
    question = "ancienne note dégrèvement foncier papier vers Brest"
    body, experts = found(dora, q=question), dora.get("/api/v1/experts", params={"q": question})
    assert body["somebody_left"]
    assert experts.json()["somebody_left"]
    assert "ag-3" not in {one["agent"]["id"] for one in body["people"]}
    for path in ("/", "/experts"):
        assert "a quitté le service" in dora.get(path, params={"q": question}).text
    elsewhere = found(dora, q=question.replace("Brest", "Mende"))
    assert not elsewhere["somebody_left"]


def test_who_left_is_never_proposed(claire: TestClient) -> None:
    """Paul wrote the old note; he has left, and no answer proposes him."""
    for topic in ("ancienne note dégrèvement papier", "incendie"):
        body = claire.get("/api/v1/experts", params={"q": topic, "limit": 50}).json()
        assert "ag-3" not in {one["agent"]["id"] for one in body["candidates"]}


def test_to_exclude_words_names_no_topic(claire: TestClient) -> None:
    """Nobody is proposed for a question that only says what it is not about."""
    body = claire.get("/api/v1/experts", params={"q": "-bordereau"}).json()
    assert body["candidates"] == []


def test_suggestions_are_titles(claire: TestClient) -> None:
    """Titles whose words begin with what is typed."""
    body = claire.get("/api/v1/suggest", params={"q": "dégr"}).json()
    past = {one["document_id"]: one["past"] for one in body["suggestions"]}
    assert past["wiki:degrevement"] is False
    assert past["wiki:ancienne"] is True  # and named as such: what is typed may want it


def test_a_dangerous_address_is_no_address(claire: TestClient) -> None:
    """A source's `javascript:` address reaches nobody, and its markup is text."""
    assert by_id(found(claire, q="piégé"), "wiki:piege")["url"] is None
    page = claire.get("/?q=piégé").text
    assert "javascript:" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.trust
def test_an_unnamed_reader_reads_nothing(client_of: ClientOf) -> None:
    """Without a valid token the API answers 401 with a code, a page says so; neither shows any."""
    nobody = client_of(None)
    for path in ("search", "experts", "suggest"):
        response = nobody.get(f"/api/v1/{path}?q=incendie")
        assert response.status_code == 401
        assert response.json()["code"] == "unknown_reader"
        assert response.headers["www-authenticate"] == "Bearer"
    for path in ("/", "/experts?q=incendie"):
        response = nobody.get(path)
        assert response.status_code == 401
        assert "Dégrèvement" not in response.text


def test_a_page_for_nobody_tells_an_administrator_how_to_sign_on_at_first(
    client_of: ClientOf,
) -> None:
    """Where no way to sign on is set; the address of the page to read is in it."""
    page = client_of("").get("/")
    assert page.status_code == 401
    assert 'reader = "demo"' in page.text
    assert "docs/connexion.md" in page.text


@pytest.mark.trust
@pytest.mark.parametrize("agent", ["ag-3", "ag-999", "\x00"])
def test_who_left_or_is_unknown_reads_nothing(client_of: ClientOf, agent: str) -> None:
    """A token that names nobody in service opens nothing."""
    assert client_of(agent).get("/api/v1/search").status_code == 401


@pytest.mark.trust
def test_every_answer_carries_its_headers(claire: TestClient) -> None:
    """Pages, problems and answers forbid foreign parts, sniffing, referrers and shared caches."""
    for path in ("/", "/api/v1/search", "/nulle-part", "/api/v1/search?page=0"):
        headers = claire.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "private, no-store"


def test_health(claire: TestClient) -> None:
    """A supervisor sees that the process lives and that its engine answers."""
    assert claire.get("/health/live").json() == {"status": "ok"}
    assert claire.get("/health/ready").json() == {"status": "ok"}


def test_search_names_the_people_of_the_page(dora: TestClient) -> None:
    """Those who have a card, by the same function as `/experts`."""
    asked = {"q": "dégrèvement incendie"}
    people = dora.get("/api/v1/search", params=asked).json()["people"]
    known = [
        one for one in dora.get("/api/v1/experts", params=asked).json()["candidates"] if one["sure"]
    ]
    assert people
    assert [one["agent"]["id"] for one in people] == [one["agent"]["id"] for one in known][:3]
