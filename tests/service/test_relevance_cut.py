"""The end of the result set, on both engines: total, facets and pages count the same set."""

from collections.abc import Iterator
from datetime import date

import pytest

from connectors.values import EVERYONE, Contribution, ContributorRole
from indexer.access import Reader
from indexer.ports import Index
from indexer.values import Passage, Put
from search_api.engine import Search
from search_api.query.query import Query
from search_api.ranking.results import Results
from tests.builders import allowed, indexed, make_document, put
from tests.encoders import FakeEncoder
from tests.judging import ENGINES, engine_index
from tests.made_site import agent_book

pytestmark = pytest.mark.search

TODAY = date(2026, 11, 26)
MEASURED = FakeEncoder(name="multilingual-e5-small/fake-cut")
"""Bears the name of a model that has a cut; only the same text is near."""
CLAIRE = Reader("ag-1", frozenset({EVERYONE}))


@pytest.fixture(scope="module", params=ENGINES)
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("cut")
    with engine_index(request.param, folder, MEASURED.dimension) as index:
        assert not index.write(library()).failed
        yield index


@pytest.fixture(scope="module")
def search(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    with agent_book(tmp_path_factory.mktemp("book")) as book:
        yield Search(index, MEASURED, book)


def library() -> list[Put]:
    """Seven documents of the régisseur, of which one is reserved, a thread, and others."""
    secret = put("s:secret", "Le régisseur de la caisse", access=allowed("ldap:group:x"))
    others = [put(f"n:{n}", f"Une note {n} sur autre chose") for n in range(5)]
    return [*(put(f"s:{n}", f"Le régisseur {n}") for n in range(6)), secret, thread(), *others]


def thread() -> Put:
    """Its question and thanks have the words asked for; its answers have not."""
    said = [
        ("", "a:asker", "La pénalité de la cantine scolaire municipale, qui la paie ?"),
        ("Commentaire", "a:asker", "Merci pour la pénalité de la cantine scolaire municipale."),
        ("Réponse", "a:other", "Chez nous, la mairie."),
        ("Réponse acceptée", "a:expert", "Le maire en décide."),
        ("Commentaire", "a:expert", "La pénalité, de rien."),
    ]
    roles = [
        ("a:late", ContributorRole.COMMENTER),
        ("a:asker", ContributorRole.ASKER),
        ("a:asker", ContributorRole.COMMENTER),
        ("a:other", ContributorRole.ANSWERER),
        ("a:expert", ContributorRole.ACCEPTED_ANSWERER),
        ("a:expert", ContributorRole.COMMENTER),
    ]
    document = make_document(
        "s:thread", contributions=tuple(Contribution(who, role) for who, role in roles)
    )
    passages = tuple(Passage(text, heading, author) for heading, author, text in said)
    return Put(indexed(document, passages=passages))


def _page(search: Search, text: str, *, wide: bool = False, page: int = 1) -> Results:
    return search.answer(Query(text, page=page, page_size=4, wide=wide), CLAIRE, TODAY)


def test_total_facets_and_pages_are_of_one_set(search: Search) -> None:
    """What paging shows is what is counted; nothing that the reader may not read is."""
    first = _page(search, "régisseur")
    assert first.counts
    assert first.counts.total == first.counts.reachable == first.counts.worded == 6
    for name in ("source", "kind"):
        assert sum(one.count for one in first.facets[name]) == 6
    shown = [
        one.card.document_id
        for n in (1, 2, 3)
        for one in _page(search, "régisseur", page=n).results
    ]
    assert sorted(shown) == [f"s:{n}" for n in range(6)]
    assert first.wider
    assert not first.wide


def test_widening_shows_what_is_merely_near(search: Search) -> None:
    """All that either ranking holds, and no more to widen to."""
    wide = _page(search, "régisseur", wide=True)
    assert wide.counts
    assert wide.counts.total == 12
    assert wide.wide
    assert not wide.wider


@pytest.mark.parametrize("text", ["?????", "...", "^^ $$ ##", "🤗", "de la"])
@pytest.mark.parametrize("wide", [True, False])
def test_symbols_find_nothing_and_say_so(search: Search, text: str, *, wide: bool) -> None:
    """Nothing was asked: neither documents nor people, however wide."""
    found = _page(search, text, wide=wide)
    assert found.found == 0
    assert found.wordless
    assert not search.window_of(text, CLAIRE).documents


def test_words_from_elsewhere_find_nothing(search: Search) -> None:
    """A rare word that nobody wrote weighs more than those that some have."""
    found = _page(search, "xylophone baryton")
    assert found.found == 0
    assert not found.wordless
    assert found.wider


def test_answers_stand_before_the_question_and_thanks_nowhere(search: Search) -> None:
    """The accepted one first, whatever words it has; each passage with its own author."""
    (one,) = _page(search, "pénalité de la cantine scolaire").results
    assert [shown.passage.heading for shown in one.passages] == ["Réponse acceptée", "Réponse", ""]
    assert [(voice.name, voice.role) for voice in one.voices if voice] == [
        ("expert", ContributorRole.ACCEPTED_ANSWERER),
        ("other", ContributorRole.ANSWERER),
        ("asker", ContributorRole.ASKER),
    ]
    assert one.authors[-1].name == "late"
