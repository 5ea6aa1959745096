"""Documents of several authors: the author of the answering section is found, on both engines."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from connectors.values import EVERYONE, Agent, Contribution, ContributorRole
from expertise.who_knows import PeopleQuestion, find_experts
from indexer.access import Reader
from indexer.ports import Index
from indexer.values import Passage, Put
from search_api.engine import Search
from tests.builders import allowed, indexed, make_document
from tests.encoders import FakeEncoder
from tests.judging import ENGINES, engine_index
from tests.made_site import agent_book
from tests.windows import ListedBook

pytestmark = [pytest.mark.search, pytest.mark.experts]

CLAIRE = Reader("ag-1", frozenset({EVERYONE}))
TODAY = date(2026, 3, 10)
AGENTS = tuple(
    Agent(f"ag-{name}", "", name, accounts=(f"s:{name}",)) for name in ("ana", "ben", "cyd", "dan")
)

Part = tuple[str, str, ContributorRole]
"""Text, who wrote it, as what."""

HANDBOOK: list[Part] = [
    ("Le bail rural est exonéré.", "ana", ContributorRole.AUTHOR),
    ("La caisse du régisseur est contrôlée chaque mois.", "ben", ContributorRole.AUTHOR),
    ("Le cadastre se consulte au guichet.", "cyd", ContributorRole.AUTHOR),
]
THREAD: list[Part] = [
    ("Comment se calcule la pension de réversion ?", "ana", ContributorRole.ASKER),
    ("Demandez au bureau des retraites.", "ben", ContributorRole.ACCEPTED_ANSWERER),
    ("La pension de réversion se calcule au prorata.", "cyd", ContributorRole.ANSWERER),
    ("Voyez la note de service.", "dan", ContributorRole.ANSWERER),
]


def _put(document_id: str, parts: list[Part], *, signed: bool = True, secret: bool = False) -> Put:
    document = make_document(
        document_id,
        contributions=tuple(Contribution(f"s:{who}", role) for _, who, role in parts),
        **({"access": allowed("ldap:group:x")} if secret else {}),
    )
    passages = tuple(Passage(text, author=f"s:{who}" if signed else None) for text, who, _ in parts)
    return Put(indexed(document, passages=passages))


@pytest.fixture(scope="module", params=ENGINES)
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("parts")
    with engine_index(request.param, folder, FakeEncoder().dimension) as index:
        yield index


@pytest.fixture
def search(index: Index, tmp_path: Path) -> Iterator[Search]:
    puts = [
        _put("s:handbook", HANDBOOK),
        _put("s:thread", THREAD),
        _put("s:unsigned", [(f"Vigne. {text}", who, role) for text, who, role in HANDBOOK],
             signed=False),
        _put("s:secret", [(f"Alcool. {text}", who, role) for text, who, role in HANDBOOK],
             secret=True),
        _put("s:alone", [("La chasse est ouverte.", "dan", ContributorRole.AUTHOR)]),
    ]  # fmt: skip
    assert not index.write(puts).failed
    with agent_book(tmp_path) as book:
        yield Search(index, FakeEncoder(), book)


def answered_by(search: Search, topic: str, reader: Reader = CLAIRE) -> dict[str, str]:
    found = search.window_of(topic, reader).documents
    return {one.card.document_id: one.answered_by for one in found}


def test_the_author_of_the_section_that_answers_is_known(search: Search) -> None:
    """By the question: the same handbook answers by one hand, then by another."""
    for text, who, _ in HANDBOOK:
        assert answered_by(search, text)["s:handbook"] == f"s:{who}"


def test_a_question_does_not_answer_itself(search: Search) -> None:
    """Who asked has the words of the question; the next best passage is that of an answer."""
    assert answered_by(search, THREAD[0][0])["s:thread"] in {"s:ben", "s:cyd", "s:dan"}


def test_without_signed_sections_nothing_is_said(search: Search) -> None:
    """Nor of what one alone wrote, nor of what the reader may not read."""
    assert answered_by(search, "vigne")["s:unsigned"] == ""
    assert answered_by(search, "chasse ouverte")["s:alone"] == ""
    assert "s:secret" not in answered_by(search, "alcool caisse du régisseur")


def test_who_wrote_the_part_that_answers_stands_first_and_it_is_said(search: Search) -> None:
    """Equal contributors otherwise: the handbook's other authors stand behind or come near."""
    found = find_experts(
        search.window_of(HANDBOOK[1][0], CLAIRE),
        PeopleQuestion(HANDBOOK[1][0]),
        ListedBook(AGENTS),
        TODAY,
    )
    first, *others = (*found.candidates, *found.near)
    assert first.agent.id == "ag-ben"
    (proof,) = [one for one in first.evidence if one.document_id == "s:handbook"]
    assert proof.answers
    assert {one.agent.id for one in others} >= {"ag-ana", "ag-cyd"}
    assert not any(
        proof.answers
        for one in others
        for proof in one.evidence
        if proof.document_id == "s:handbook"
    )


def test_an_accepted_answer_counts_whole(search: Search) -> None:
    """Who asked said that it answers, whatever its words: one behind does not outrank it."""
    found = find_experts(
        search.window_of(THREAD[2][0], CLAIRE),
        PeopleQuestion(THREAD[2][0]),
        ListedBook(AGENTS),
        TODAY,
    )
    order = [one.agent.id for one in (*found.candidates, *found.near)]
    assert order.index("ag-ben") < order.index("ag-dan")
    assert order.index("ag-cyd") < order.index("ag-dan")
