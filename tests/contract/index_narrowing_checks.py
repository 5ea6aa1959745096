"""Contract of the `Index` port: contributors, dates, alternatives and expansions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from connectors.values import Access, Contribution, ContributorRole
from indexer.parsed_query import MAX_EXPANSION_WORDS
from indexer.ports import Index
from indexer.values import (
    Byline,
    DateRange,
    Expansion,
    Question,
    SearchAnswer,
    SearchRequest,
    ShowRequest,
)
from tests.builders import ANYONE, allowed, asking, put, vector_of

PHRASE = "cotisation foncière des entreprises"
BYLINES: list[tuple[Byline, tuple[str, ...]]] = [
    (Byline(accounts=("wiki:clb",)), ("wiki:1",)),
    (Byline(accounts=("wiki:clb", "wiki:jm")), ("wiki:1", "wiki:2")),
    (Byline(words=("claire", "bihan")), ("wiki:1",)),
    (Byline(words=("bihan",)), ("wiki:1",)),
    (Byline(words=("martin",)), ("wiki:2", "wiki:3")),
    (Byline(words=("claire", "martin")), ()),
    (Byline(("wiki:clb",), ("martin",)), ("wiki:1", "wiki:2", "wiki:3")),
    (Byline(accounts=("wiki:cl",)), ()),
    (Byline(words=("bih",)), ()),
    (Byline(), ()),
]
PERIODS: list[tuple[DateRange, tuple[str, ...]]] = [
    (DateRange(since=date(2024, 3, 1)), ("wiki:march", "wiki:new")),
    (DateRange(before=date(2024, 3, 1)), ("wiki:old",)),
    (DateRange(date(2024, 3, 1), date(2024, 6, 1)), ("wiki:march",)),
    (DateRange(date(2024, 6, 1), date(2024, 1, 1)), ()),
    (DateRange(), ("wiki:old", "wiki:march", "wiki:new")),
]


def _both(answer: SearchAnswer) -> tuple[set[str], set[str], int]:
    """Return the hits of each ranking, and the total."""
    lexical = {hit.document_id for hit in answer.lexical}
    return lexical, {hit.document_id for hit in answer.vector}, answer.total


def _only(*document_ids: str) -> tuple[set[str], set[str], int]:
    return set(document_ids), set(document_ids), len(document_ids)


def _by(account: str, label: str = "") -> tuple[Contribution, ...]:
    return (Contribution(account, ContributorRole.AUTHOR, label=label),)


def _wanting(question: Question, text: str = "") -> SearchRequest:
    return SearchRequest(ANYONE, question, vector=vector_of(text) if text else None)


def _ranked(index: Index, text: str, *expansions: Expansion) -> list[str]:
    answer = index.search(SearchRequest(ANYONE, Question(text, expansions=expansions)))
    return [hit.document_id for hit in answer.lexical]


class NarrowingChecks:
    """Effects of a query's operators, and of expansions by a glossary."""

    def test_named_documents_alone_are_found_under_rights(self, index: Index) -> None:
        """Both rankings, total and facets; what may not be read is not found by being named."""
        texts = ("un", "deux", "trois")
        writes = [put(f"wiki:{text}", f"Le cadastre, {text}.") for text in texts]
        closed = Access(frozenset({"agent:other"}))
        writes.append(put("wiki:clos", "Le cadastre, clos.", access=closed))
        assert not index.write(writes).failed
        named = replace(_wanting(Question("cadastre"), "cadastre"), facets=("source",))
        both = replace(named, documents=("wiki:un", "wiki:clos", "wiki:jamais"))
        assert _both(index.search(both)) == _only("wiki:un")
        assert [one.count for one in index.search(both).facets["source"]] == [1]
        assert _both(index.search(replace(named, documents=()))) == _only()
        assert index.search(replace(both, question=Question(), vector=None)).total == 1
        assert index.search(named).total == len(texts)

    def test_contributors_bind_both_rankings(self, index: Index) -> None:
        """By account, or under one name with all the words, in any order; nobody else's."""
        index.write(
            [
                put(
                    "wiki:1",
                    "note",
                    contributions=_by("wiki:clb", "Claire Le Bihan") + _by("wiki:zo", "Zoé Abel"),
                ),
                put("wiki:2", "note", contributions=_by("wiki:jm", "Jean MARTIN")),
                put("wiki:3", "note", contributions=_by("wiki:martin")),
                put("wiki:4", "note"),
            ]
        )
        for byline, found in BYLINES:
            request = asking("note", vector=vector_of("note"), bylines=(byline,))
            assert _both(index.search(request)) == _only(*found), byline
            listed = index.search(asking(bylines=(byline,)))
            assert {hit.document_id for hit in listed.lexical} == set(found), byline

    def test_each_contributor_binds(self, index: Index) -> None:
        """Two names ask for what both had a part in; rights bind as ever."""
        both = _by("wiki:a", "Anne Roy") + _by("wiki:b", "Bob Sy")
        index.write(
            [
                put("wiki:1", "note", contributions=both),
                put("wiki:2", "note", contributions=_by("wiki:a", "Anne Roy")),
                put("wiki:3", "note", contributions=both, access=allowed("agent:z")),
            ]
        )
        bylines = (Byline(("wiki:a",)), Byline(words=("sy",)))
        request = asking("note", vector=vector_of("note"), bylines=bylines)
        assert _both(index.search(request)) == _only("wiki:1")

    def test_contributors_of_now_count(self, index: Index) -> None:
        """A document written again is found by its new contributors alone."""
        index.write([put("wiki:1", "note", contributions=_by("wiki:a", "Anne"))])
        index.write([put("wiki:1", "note", contributions=_by("wiki:b", "Bob"))])
        for byline, found in ((Byline(("wiki:a",)), ()), (Byline(words=("bob",)), ("wiki:1",))):
            answer = index.search(asking("note", vector=vector_of("note"), bylines=(byline,)))
            assert _both(answer) == _only(*found)

    def test_dates_bind_both_rankings(self, index: Index) -> None:
        """The first day counts, the last does not; by modification, else creation."""
        index.write(
            [
                put("wiki:old", "note", modified=datetime(2024, 2, 29, 23, 59, tzinfo=UTC)),
                put("wiki:march", "note", modified=datetime(2024, 3, 1, tzinfo=UTC)),
                put("wiki:new", "note", created=datetime(2025, 7, 1, 8)),
                put("wiki:undated", "note"),
            ]
        )
        for period, found in PERIODS:
            request = asking("note", vector=vector_of("note"), period=period)
            assert _both(index.search(request)) == _only(*found), period

    def test_one_of_each_group_must_stand(self, index: Index) -> None:
        """In both rankings, words and phrases alike; the rest of the question ranks."""
        index.write(
            [
                put("wiki:1", "La taxe foncière"),
                put("wiki:2", "La taxe sur les salaires"),
                put("wiki:3", "La taxe des salaires sur mesure"),
                put("wiki:4", "La taxe", title="Foncier"),
                put("wiki:5", "La taxe d'habitation"),
            ]
        )
        group = ("foncière", "taxe sur les salaires")
        question = Question("taxe", any_of=(group,))
        found = index.search(_wanting(question, "La taxe d'habitation"))
        assert _both(found) == _only("wiki:1", "wiki:2", "wiki:4")
        alone = index.search(_wanting(Question(any_of=(("habitation", "foncières"), group))))
        assert {hit.document_id for hit in alone.lexical} == {"wiki:1", "wiki:4"}

    @pytest.mark.parametrize(
        ("typed", "other", "text"),
        [("CFE", PHRASE, f"Payer la {PHRASE}"), (PHRASE, "CFE", "Payer la CFE")],
    )
    def test_an_expansion_finds_what_says_it_otherwise(
        self, index: Index, typed: str, other: str, text: str
    ) -> None:
        """The acronym finds the phrase, the phrase the acronym; part of a phrase finds nothing."""
        index.write(
            [
                put("wiki:1", text),
                put("wiki:2", "Les entreprises de la cotisation"),
                put("wiki:3", "Autre"),
            ]
        )
        found = _ranked(index, typed, Expansion(typed, (other,)))
        assert "wiki:1" in found
        assert "wiki:3" not in found
        if typed == "CFE":
            assert found == ["wiki:1"]

    @pytest.mark.parametrize(("typed", "other"), [("CFE", PHRASE), (PHRASE, "CFE")])
    def test_an_expansion_never_outweighs_what_is_typed(
        self, index: Index, typed: str, other: str
    ) -> None:
        """Of like documents, the one with the words typed stands first; synonyms do not add up."""
        others = (other, "redevance annuelle", "contribution professionnelle")
        index.write(
            [
                put("wiki:9-typed", f"Le délai de paiement de {typed} et ses suites ordinaires"),
                put("wiki:1-other", f"Le délai de paiement de {other} et ses suites ordinaires"),
                put("wiki:2-many", ", ".join(others)),
            ]
        )
        assert _ranked(index, typed, Expansion(typed, others))[0] == "wiki:9-typed"

    def test_expansions_are_bounded(self, index: Index) -> None:
        """Thousands of them are no error, and drop no word that was typed."""
        many = tuple(f"mot{n} autre{n}" for n in range(40 * MAX_EXPANSION_WORDS))
        index.write([put("wiki:1", "La CFE"), put("wiki:2", "mot0 autre0")])
        request = _wanting(Question("CFE", expansions=(Expansion("CFE", many),)))
        answer = index.search(request)
        assert [hit.document_id for hit in answer.lexical] == ["wiki:1", "wiki:2"]
        assert not answer.terms_dropped

    def test_too_many_alternatives_are_dropped_and_said(self, index: Index) -> None:
        """A group beyond the engine's clauses is cut, never an error."""
        index.write([put("wiki:1", "mot0")])
        question = Question(any_of=(tuple(f"mot{n}" for n in range(2_000)),))
        answer = index.search(_wanting(question, "mot0"))
        assert answer.terms_dropped
        assert _both(answer) == _only("wiki:1")

    def test_alternatives_and_acronyms_choose_the_passage_and_are_marked(
        self, index: Index
    ) -> None:
        """What made a document match is what its passage shows."""
        index.write([put("wiki:1", "La cantine", "Le cadastre", "Le parking", "La CFE")])
        asked: Callable[[Question], str] = lambda question: _marked(index, question)  # noqa: E731
        assert asked(Question(any_of=(("cadastre", "géomètre"),))) == "cadastre"
        assert asked(Question(PHRASE, expansions=(Expansion(PHRASE, ("CFE",)),))) == "CFE"


def _marked(index: Index, question: Question) -> str:
    shown = index.show(ShowRequest(ANYONE, ("wiki:1",), question))[0].passages[0]
    start, end = shown.highlights[0]
    return shown.passage.text[start:end]
