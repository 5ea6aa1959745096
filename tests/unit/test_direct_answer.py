"""A direct answer quotes accepted answers or documents in force, if the answer is certain."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors.values import Contribution, ContributorRole
from indexer.values import Card, Passage, Question, ShownPassage
from search_api.query.query import ResultOrder
from search_api.ranking.direct_answer import MOST_SENTENCES, read_sentences, unsaid_passages
from search_api.ranking.fusion import FusedHit
from search_api.ranking.results import (
    DocumentAuthor,
    Result,
    Results,
)
from tests.windows import card

pytestmark = pytest.mark.search

TODAY = date(2026, 11, 26)
TEXT = "Le seuil est de 75 ans. Il se lit au 1er janvier."
SURE = (1.0, 1.0, 0.1, 3.0, 1.6, 1.0, 1.0, 0.6)
"""Features of a page (`answered.features`) whose first document has every word of the question."""


def _thread(role: ContributorRole, text: str = TEXT, name: str = "s:1", year: int = 2025) -> Result:
    own = card(name, Contribution("a:1", role))
    return _result(replace(own, modified=datetime(year, 3, 1, tzinfo=UTC)), role, text)


def _note(**fields: Any) -> Result:
    own = replace(
        card("s:1", Contribution("a:1", ContributorRole.AUTHOR)),
        **{"valid_from": "2024-01-01", **fields},
    )
    return _result(own, None, TEXT)


def _result(own: Card, role: ContributorRole | None, text: str) -> Result:
    at = max(text.find("seuil"), 0)
    shown = ShownPassage(Passage(text, "Les seuils", "a:1"), 1.0, ((at, at + 5),))
    voice = DocumentAuthor("Claire", role, None, departed=False) if role else None
    author = DocumentAuthor("Claire", ContributorRole.AUTHOR, None, departed=False)
    hit = FusedHit(own.document_id, 1.0, 1.0, 1, 1.0, 1)
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
        "features": SURE,
        **fields,
    }
    return Results(**whole)


def _passage(result: Result, text: str) -> Result:
    """The same result with this text as its passage."""
    return replace(_result(result.card, None, text), voices=result.voices)


def test_a_line_that_only_says_the_title_again_is_left_out() -> None:
    """The title stands below with its link; a line that says more is kept."""
    note = replace(_note(), card=replace(_note().card, title="Seuil de la taxe : note 2024"))
    for first, kept in (("Seuil de la taxe", False), ("Seuil de la cotisation", True)):
        found = read_sentences(_page(_passage(note, f"{first}\n{TEXT}")), TODAY).direct
        assert found
        assert found.first.text == (f"{first}\n{TEXT}" if kept else TEXT)


@pytest.mark.parametrize(
    ("result", "accepted"),
    [(_thread(ContributorRole.ACCEPTED_ANSWERER), True), (_note(), False)],
)
def test_an_accepted_answer_or_a_note_in_force_answers(result: Result, *, accepted: bool) -> None:
    """With its author, its document, its date, and a document's section."""
    found = read_sentences(_page(result), TODAY).direct
    assert found
    quote = found.first
    assert (quote.text, quote.author.name, quote.accepted) == (TEXT, "Claire", accepted)
    assert (quote.card.document_id, quote.dated) == ("s:1", result.card.modified)
    assert quote.section == ("" if accepted else "Les seuils")


@pytest.mark.parametrize(
    "preamble",
    [
        "Cette note remplace celle du 3 mars 2021 sur le seuil.",
        "Version en vigueur depuis le 1er septembre 2025 ; elle remplace le seuil de 2022.",
    ],
)
def test_a_preamble_is_not_quoted_where_a_sentence_follows(preamble: str) -> None:
    """Not even if it has the words of the question, and the following sentence has not."""
    text = f"{preamble} Il est de 75 ans au 1er janvier."
    found = read_sentences(_page(_passage(_note(), text)), TODAY).direct
    assert found
    assert found.first.text == "Il est de 75 ans au 1er janvier."


def test_the_next_heading_is_not_quoted() -> None:
    found = read_sentences(_page(_passage(_note(), f"{TEXT}\nPourquoi")), TODAY).direct
    assert found
    assert found.first.text == TEXT


def test_whole_sentences_are_quoted_and_few() -> None:
    """The one that answers among them, wherever it stands."""
    lines = [f"La phrase numéro {n} ne dit rien de ce point." for n in range(8)]
    lines[4] = "Le seuil de la taxe est fixé à 75 ans."
    found = read_sentences(_page(_passage(_note(), " ".join(lines))), TODAY).direct
    assert found
    assert lines[4] in found.first.text
    assert found.first.text in " ".join(lines)
    assert found.first.text.count(".") == MOST_SENTENCES


@pytest.mark.parametrize(("older", "differs"), [("70 ans", True), ("75 ans", False)])
def test_documents_of_different_dates_that_disagree_are_said_to(
    older: str, *, differs: bool
) -> None:
    """The newer one first, though the older one ranks first."""
    accepted = ContributorRole.ACCEPTED_ANSWERER
    old = _thread(accepted, f"Le seuil est bien de {older} cette année.", "s:1", 2019)
    new = _thread(accepted, "Le seuil est de 75 ans, sans exception.", "s:2", 2025)
    found = read_sentences(_page(old, new), TODAY).direct
    assert found
    assert found.differs is differs
    ids = [one.card.document_id for one in found.quotes]
    assert ids == (["s:2", "s:1"] if differs else ["s:1", "s:2"])
    alone = found.among(ids[:1])
    assert alone
    assert (alone.quotes, alone.differs) == (found.quotes[:1], False)
    assert found.among(ids[1:]) is None


@pytest.mark.parametrize(
    "result",
    [
        *map(_thread, (ContributorRole.ANSWERER, ContributorRole.ASKER, ContributorRole.COMMENTER)),
        _note(valid_until="2026-11-25"),
        _note(valid_from="2026-11-27"),
        replace(_note(), replaced_by=(card("s:2"),)),
    ],
)
def test_nothing_else_answers(result: Result) -> None:
    """Neither a question, a comment nor another answer; nothing repealed, nothing unsure."""
    assert read_sentences(_page(result), TODAY).direct is None


@pytest.mark.parametrize(
    "fields",
    [
        {"features": (0.5, 0.2, 0.0, 0.5, 1.6, 0.0, 0.0, 0.0)},
        {"features": ()},
        {"few": True},
        {"order": ResultOrder.DATE},
        {"question": Question()},
    ],
)
def test_only_a_first_page_that_answers_has_one(fields: dict[str, Any]) -> None:
    """Where something was asked."""
    assert read_sentences(_page(_note(), **fields), TODAY).direct is None


def test_without_results_there_is_none() -> None:
    """Nothing is made up."""
    assert read_sentences(_page(), TODAY).direct is None


def test_a_text_without_a_sentence_is_none() -> None:
    """A slide's title, or the cells of a table."""
    slide = _passage(_note(), "Le seuil\nClaire, SIE de Lille\nJournée")
    assert read_sentences(_page(slide), TODAY).direct is None


@pytest.mark.parametrize(
    ("title", "quoted"),
    [("Comment fixer le seuil ?", False), ("Le seuil : qui le fixe ?", True)],
)
def test_qui_is_answered_by_a_document_that_is_asked_who(title: str, *, quoted: bool) -> None:
    thread = _thread(ContributorRole.ACCEPTED_ANSWERER)
    named = replace(thread, card=replace(thread.card, title=title))
    page = _page(named, question=Question("qui fixe le seuil"))
    assert bool(read_sentences(page, TODAY).direct) is quoted


def test_what_it_says_is_not_shown_again_below() -> None:
    """Its document shows its next passage; another document shows its own."""
    first = _note()
    other = ShownPassage(Passage("Le seuil de 2019.", "", "a:1"), 0.5, ((3, 8),))
    first = replace(first, passages=(*first.passages, other), voices=(None, None))
    direct = read_sentences(_page(first), TODAY).direct
    assert direct
    assert [shown for shown, _ in unsaid_passages(first, direct)] == [other]
    elsewhere = replace(first, card=replace(first.card, document_id="s:9"))
    assert unsaid_passages(elsewhere, direct) == elsewhere.answering
    assert unsaid_passages(first, None) == first.answering
