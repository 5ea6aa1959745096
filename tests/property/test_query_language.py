"""The query language, asked of both engines as the pages ask it, under rights."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.values import EVERYONE
from indexer.access import NOBODY, Reader
from search_api.engine import OF_A_PERSON, Search
from search_api.query.glossary import GlossaryFile
from search_api.query.query import Query, QueryPartKind
from search_api.ranking.pinned import PinnedQuestion
from search_api.ranking.results import Results
from search_api.ranking.search_configuration import SearchConfiguration
from tests.judging import engine_index
from tests.made_site import agent_book
from tests.pages.administration import ENCODER, SECRET, TODAY, documents

pytestmark = pytest.mark.search

CLAIRE = Reader("ag-1", frozenset({EVERYONE, "agent:ag-1"}))
IRIS = Reader("ag-4", frozenset({EVERYONE, "agent:ag-4", "ldap:group:fraude"}))
GLOSSARY = "DTF;dégrèvement de taxe foncière\nIH => inhabitable\n"
PINS = (
    ("wiki:hopital", "frais de séjour"),
    ("wiki:hopital", "régie"),
    ("wiki:restreinte", "dégrèvement"),
)
"""Documents and their pinned questions."""
PIECES = st.sampled_from(
    [
        *(
            "auteur:",
            "entité:",
            "type:",
            "source:",
            "espace:",
            "après:",
            "avant:",
            " OU ",
            "(",
            ")",
        ),
        *(
            '"',
            "-",
            " ",
            "taxe",
            "foncière",
            "Claire",
            "fiche",
            "2024",
            "12 mars 2024",
            "12/03/2024",
        ),
        *("DTF", "wiki", ":", "«", "»", "\\", "*", "é", "\u202e", "\ud800", "\0"),
    ]
)
ANY_TEXT = st.text(max_size=60) | st.lists(PIECES, max_size=9).map("".join)


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def search(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Search]:
    folder = tmp_path_factory.mktemp("language")
    (folder / "glossaire.csv").write_text(GLOSSARY, encoding="utf-8")
    with agent_book(folder) as book, engine_index(request.param, folder) as index:
        guidance = SearchConfiguration(
            book.accounts_named,
            GlossaryFile(folder / "glossaire.csv"),
            pinned=lambda: [
                PinnedQuestion(id_, question, index.kept([id_])[id_].content_hash)
                for id_, question in PINS
            ],
        )
        assert index.write(documents()).failed == ()
        yield Search(index, ENCODER, book, guidance)


def _answer(search: Search, text: str, reader: Reader = CLAIRE, **fields: object) -> Results:
    query = Query(text, page_size=50, **fields)  # type: ignore[arg-type]
    return search.answer(query, reader, TODAY)


def _ids(results: Results) -> set[str]:
    return {one.card.document_id for one in results.results}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('auteur:"Claire Le Bihan"', {"wiki:degrevement"}),
        ("auteur:claire foncier", {"wiki:degrevement"}),
        ("auteur:ancien", {"wiki:degrevement", "wiki:ancienne"}),
        ("auteur:inconnu", {"wiki:hopital"}),
        ("auteur:paul auteur:claire", {"wiki:degrevement"}),
        ("auteur:secrète", set()),
        ("type:fiche", {"wiki:degrevement", "wiki:hopital"}),
        ("nature:FICHE avant:2025", {"wiki:hopital"}),
        ('entité:"ddfip 22"', {"wiki:degrevement"}),
        ("entite:DGFiP espace:fiscalite source:wiki", {"wiki:degrevement"}),
        ("type:note type:fiche après:2021-05-04 avant:04/05/2021", set()),
        ("type:note après:4 mai 2021 avant:5 mai 2021", {"wiki:ancienne"}),
        ("(incendie OU papier)", {"wiki:degrevement", "wiki:ancienne"}),
        ('"frais de séjour" OU incendie', {"wiki:degrevement", "wiki:hopital"}),
        ("foncière (incendie OU séjour)", {"wiki:degrevement", "wiki:hopital"}),
    ],
)
def test_operators_narrow(search: Search, text: str, found: set[str]) -> None:
    """By words of a name or value, accents aside; who left, and who only has a label, too."""
    assert _ids(_answer(search, text)) == found


def test_what_was_understood_is_told_and_can_be_taken_out(search: Search) -> None:
    """Each operator with its value and the query without it; what names no value is words."""
    understood = _answer(search, "taxe auteur:claire après:2024 type:circulaire").understood
    assert [(one.said, one.value) for one in understood] == [
        (QueryPartKind.AUTHOR, "claire"),
        (QueryPartKind.SINCE, "2024-01-01"),
        (QueryPartKind.WORDS, "type:circulaire"),
    ]
    assert understood[1].without == "taxe auteur:claire type:circulaire"


def test_a_chosen_facet_binds_besides_the_operator(search: Search) -> None:
    """An operator does not widen what was chosen on the page."""
    assert _ids(_answer(search, "type:fiche", filters={"kind": ("note",)})) == set()
    assert _ids(_answer(search, "type:fiche", filters={"kind": ("fiche",)})) != set()


def test_an_operator_tells_nothing_of_what_one_may_not_read(search: Search) -> None:
    """Values, authors and pinned questions of a restricted document are as if they were not."""
    for text in ("type:enquête", f"espace:{SECRET}", "auteur:iris", "dégrèvement"):
        mine, theirs = _answer(search, text), _answer(search, text, IRIS)
        assert "wiki:restreinte" not in _ids(mine)
        assert "wiki:restreinte" in _ids(theirs)
    assert [one.said for one in _answer(search, "type:enquête").understood] == [QueryPartKind.WORDS]
    assert [one.said for one in _answer(search, "type:enquête", IRIS).understood] == [
        QueryPartKind.KIND
    ]


def test_the_glossary_adds_what_it_says(search: Search) -> None:
    """Both ways and one way; in quotes nothing is added."""
    both = _answer(search, "DTF")
    assert [one.others for one in both.question.expansions] == [("dégrèvement de taxe foncière",)]
    assert {"wiki:degrevement", "wiki:ancienne"} <= _ids(both)
    assert both.results[0].card.document_id in ("wiki:degrevement", "wiki:ancienne")
    assert _answer(search, '"DTF"').question.expansions == ()
    assert _answer(search, "inhabitable").question.expansions == ()


def test_pinned_documents_come_first_for_who_may_read(search: Search) -> None:
    """If all words of the question are typed, and filters admit the document."""
    for text in ("régie", "les frais de mon séjour"):
        results = _answer(search, text)
        assert _pinned(results) == ["wiki:hopital"]
        assert results.results[0].card.document_id == "wiki:hopital"
        assert results.answered
    for text in ("dégrèvement", "le dégrèvement foncier"):
        assert _pinned(_answer(search, text)) == []
        assert _answer(search, text, IRIS).results[0].card.document_id == "wiki:restreinte"
        assert _pinned(_answer(search, text, IRIS)) == ["wiki:restreinte"]
        assert _answer(search, text, NOBODY).results == ()
    for text in ("séjour", "foncier", "régie -hôpitaux", "dégrèvement type:fiche"):
        assert _pinned(_answer(search, text, IRIS)) == [], text
    narrowed = _answer(search, "dégrèvement", IRIS, filters={"kind": ("fiche",)})
    assert _pinned(narrowed) == []
    assert _pinned(_answer(search, "régie", page=2)) == []


def _pinned(results: Results) -> list[str]:
    return [one.card.document_id for one in results.results if one.pinned]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=ANY_TEXT)
def test_no_query_is_an_error(search: Search, text: str) -> None:
    """Any string is answered and its window ranked, and tells nothing of what is restricted."""
    results = _answer(search, text)
    assert "wiki:restreinte" not in _ids(results)
    if any(part.said is QueryPartKind.AUTHOR for part in results.understood):
        assert (results.counts, results.facets) == (None, {})
        assert len(results.results) <= OF_A_PERSON
    else:
        assert results.counts is not None
        assert results.counts.total >= len(results.results)
    assert len(search.window_of(text, CLAIRE).documents) <= 200
    assert all(part.value for part in results.understood)
    assert _answer(search, text, NOBODY).found == 0


def test_dates_of_the_year_one_and_of_the_last_are_no_error(search: Search) -> None:
    """Whatever a date says, the engines take it."""
    for text in ("après:0001", "avant:9999-12-31", "après:9999", "avant:0001-01-01"):
        assert _answer(search, text).found >= 0
