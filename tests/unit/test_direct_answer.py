"""A direct answer: of an accepted answer or a document in force that is expected to answer."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from connectors.values import Contribution, ContributorRole
from indexer.values import Card, Passage, Question, ShownPassage
from search_api.query.query import ResultOrder
from search_api.ranking.direct_answer import direct_answer, unsaid_passages
from search_api.ranking.fusion import FusedHit
from search_api.ranking.results import (
    DocumentAuthor,
    DocumentReference,
    Result,
    Results,
)
from tests.windows import card

pytestmark = pytest.mark.search

TODAY = date(2026, 11, 26)
TEXT = "Le seuil est de 75 ans. Il se lit au 1er janvier."


def _thread(role: ContributorRole) -> Result:
    return _result(card("s:1", Contribution("a:1", role)), role)


def _note(**fields: Any) -> Result:
    own = replace(
        card("s:1", Contribution("a:1", ContributorRole.AUTHOR)),
        **{"valid_from": "2024-01-01", **fields},
    )
    return _result(own, None)


def _result(own: Card, role: ContributorRole | None) -> Result:
    shown = ShownPassage(Passage(TEXT, "", "a:1"), 1.0, ((3, 8),))
    voice = DocumentAuthor("Claire", role, None, departed=False) if role else None
    author = DocumentAuthor("Claire", ContributorRole.AUTHOR, None, departed=False)
    hit = FusedHit("s:1", 1.0, 1.0, 1, 1.0, 1)
    return Result(own, (author,), (shown,), (voice,), hit)


def _page(*results: Result, **fields: Any) -> Results:
    whole: dict[str, Any] = {
        "question": Question("seuil"),
        "order": ResultOrder.RELEVANCE,
        "results": results,
        "counts": None,
        "page": 1,
        "page_size": 10,
        "facets": {},
        "shortened": False,
        "incomplete": (),
        "first_answers": True,
        **fields,
    }
    return Results(**whole)


def test_a_line_that_only_says_the_title_again_is_left_out() -> None:
    """The title stands below with its link; a line that says more is kept."""
    note = replace(_note(), card=replace(_note().card, title="Seuil de la taxe : note 2024"))
    for first, kept in (("Seuil de la taxe", False), ("Seuil de la cotisation", True)):
        shown = ShownPassage(
            Passage(f"{first}\n{TEXT}", "", "a:1"), 1.0, ((0, 5), (len(first) + 4, len(first) + 9))
        )
        found = direct_answer(_page(replace(note, passages=(shown,))), TODAY)
        assert found
        assert found.text == (f"{first}\n{TEXT}" if kept else TEXT)


@pytest.mark.parametrize(
    ("result", "accepted"),
    [(_thread(ContributorRole.ACCEPTED_ANSWERER), True), (_note(), False)],
)
def test_an_accepted_answer_or_a_note_in_force_answers(result: Result, *, accepted: bool) -> None:
    """With its author and its document."""
    found = direct_answer(_page(result), TODAY)
    assert found
    assert (found.text, found.author.name, found.accepted) == (TEXT, "Claire", accepted)
    assert found.reference.document_id == "s:1"


@pytest.mark.parametrize(
    "result",
    [
        *map(_thread, (ContributorRole.ANSWERER, ContributorRole.ASKER, ContributorRole.COMMENTER)),
        _note(valid_until="2026-11-25"),
        _note(valid_from="2026-11-27"),
        replace(_note(), replaced_by=(DocumentReference("s:2", "Note 2026", ""),)),
    ],
)
def test_nothing_else_answers(result: Result) -> None:
    """Neither a question, a comment nor another answer; nothing repealed, nothing unsure."""
    assert direct_answer(_page(result), TODAY) is None


@pytest.mark.parametrize(
    "fields",
    [{"first_answers": False}, {"order": ResultOrder.DATE}, {"question": Question()}],
)
def test_only_a_first_page_that_answers_has_one(fields: dict[str, Any]) -> None:
    """Where something was asked."""
    assert direct_answer(_page(_note(), **fields), TODAY) is None


def test_without_results_there_is_none() -> None:
    """Nothing is made up."""
    assert direct_answer(_page(), TODAY) is None


def test_a_text_without_a_sentence_is_none() -> None:
    """A slide's title, or the cells of a table."""
    slide = ShownPassage(
        Passage("Le seuil\nClaire, SIE de Lille\nJournée", "", "a:1"), 1.0, ((3, 8),)
    )
    assert direct_answer(_page(replace(_note(), passages=(slide,))), TODAY) is None


def test_what_it_says_is_not_shown_again_below() -> None:
    """Its document shows its next passage; another document shows its own."""
    first = _note()
    other = ShownPassage(Passage("Le seuil de 2019.", "", "a:1"), 0.5, ((3, 8),))
    first = replace(first, passages=(*first.passages, other), voices=(None, None))
    direct = direct_answer(_page(first), TODAY)
    assert direct
    assert [shown for shown, _ in unsaid_passages(first, direct)] == [other]
    elsewhere = replace(first, card=replace(first.card, document_id="s:9"))
    assert unsaid_passages(elsewhere, direct) == elsewhere.answering
    assert unsaid_passages(first, None) == first.answering
