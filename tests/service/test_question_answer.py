"""One answer for a question: searched once, the same for page, API and command line."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from quisait_tune.ranker import FEATURES, FORMAT, Ranker, Tree, learned_order

from connectors.values import EVERYONE, Contribution, ContributorRole
from expertise.votes import RANKING_DEPTH
from indexer.access import Reader
from indexer.ports import Index
from indexer.values import WINDOW, Put, RelevanceCut, Remove
from quisait.commands.answers import experts_body, results_body
from search_api.context import AnswerContext
from search_api.engine import Search
from search_api.query.query import Query, ResultOrder
from search_api.ranking.answered import NEAR_DOCUMENTS
from search_api.ranking.fusion import ModelBars
from search_api.ranking.results import explanation
from search_api.ranking.search_configuration import SearchConfiguration
from search_api.search.service import QuestionAnswer, answer_question, who_knows
from tests.builders import put
from tests.journals import Notebook
from tests.judging import ENGINES, encoded, engine_index
from tests.made_site import agent_book
from tests.opensearch_index import merge
from tests.pages.administration import ENCODER, TODAY, documents

pytestmark = [pytest.mark.search, pytest.mark.experts]

READER = Reader("ag-9", frozenset({EVERYONE, "agent:ag-9"}))
BARS = ModelBars(-1.0, RelevanceCut(0.2, -1.0))
QUESTION = "taxe foncière"
SURE = "dégrèvement incendie"
"""Somebody is known for certain on it."""


@dataclass
class CountingIndex:
    """An index whose calls are counted."""

    index: Index
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        def called(*arguments: Any) -> Any:
            self.calls[name] += 1
            return getattr(self.index, name)(*arguments)

        return called


@dataclass
class CountingEncoder:
    """The tests' encoder; how often a question was encoded is counted."""

    questions: int = 0
    name, dimension = ENCODER.name, ENCODER.dimension
    passages, beginning = ENCODER.passages, ENCODER.beginning

    def queries(self, texts: Any) -> Any:
        self.questions += len(texts)
        return ENCODER.queries(texts)


@dataclass
class Asked:
    """Who asks, of what, and what it takes."""

    index: CountingIndex
    encoder: CountingEncoder
    log: Notebook
    context: AnswerContext

    def answer(self, query: Query, **options: Any) -> tuple[QuestionAnswer, int, int]:
        """(the answer, how often the index was searched, how often anything was encoded)."""
        self.index.calls.clear()
        self.encoder.questions = 0
        found = answer_question(self.context, READER, query, candidates=3, **options)
        return found, self.index.calls["search"], self.encoder.questions


def library() -> list[Put]:
    """More notes by one author than a page's window, beside the fictional documents."""
    wrote = (Contribution("wiki:claire", ContributorRole.AUTHOR, last=date(2025, 1, 1)),)
    notes = (
        put(f"notes:{n:03}", f"La taxe foncière, note {n}. " * (1 + n % 5), contributions=wrote)
        for n in range(230)
    )
    return [*documents(), *map(encoded, notes)]


@pytest.fixture(scope="module", params=ENGINES)
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    folder: Path = tmp_path_factory.mktemp("question")
    alias = f"test-{uuid4().hex}"
    with engine_index(request.param, folder, alias=alias) as index, agent_book(folder) as book:
        assert not index.write(library()).failed
        if request.param == "opensearch":
            merge(alias)
        counting, encoder, log = CountingIndex(index), CountingEncoder(), Notebook()
        configuration = SearchConfiguration(authors=book.accounts_named, bars=BARS)
        search = Search(counting, encoder, book, configuration)
        context = AnswerContext(search, book, today=lambda: TODAY, query_log=log)
        yield Asked(counting, encoder, log, context)


def test_a_widened_page_keeps_the_order(asked: Asked) -> None:
    """What a document says of the question moves it, with a cut or without."""
    search = asked.context.search
    queries = [Query(QUESTION, page_size=50, wide=wide) for wide in (False, True)]
    pages = [search.answer(query, READER, TODAY).results for query in queries]
    shown, wide = [[one.card.document_id for one in page] for page in pages]
    assert any(one.parts.answering for one in pages[1])
    assert [id_ for id_ in wide if id_ in shown] == [id_ for id_ in shown if id_ in wide]
    assert {
        one.card.document_id: one.parts for one in pages[0] if one.card.document_id in wide
    } == {one.card.document_id: one.parts for one in pages[1] if one.card.document_id in shown}


def test_a_page_is_searched_and_encoded_once(asked: Asked) -> None:
    """Documents and people come from the same hits, on any page."""
    for page in (1, 2):
        found, searches, encodings = asked.answer(Query(QUESTION, page=page))
        assert found.results.results
        assert found.experts.candidates
        assert (searches, encodings) == (1, 1)


@pytest.mark.parametrize(
    "query",
    [
        Query(QUESTION, {"source": ("notes",)}),
        Query(QUESTION, order=ResultOrder.DATE),
        Query(f"{QUESTION} auteur:martin"),
    ],
)
def test_what_narrows_or_orders_a_page_leaves_who_knows(asked: Asked, query: Query) -> None:
    """The people are those of the whole question: searched for apart, encoded once."""
    whole, _, _ = asked.answer(Query(QUESTION))
    found, searches, encodings = asked.answer(query)
    assert (searches, encodings) == (2, 1)
    assert _ids(found) == _ids(whole)


def test_one_search_finds_what_two_would(asked: Asked) -> None:
    """Page and window are those of a search for each."""
    search = asked.context.search
    for query in (Query(QUESTION), Query("bail rural", page_size=50), Query('"taxe"'), Query("")):
        hits = search.hits(query, READER, with_experts=True)
        assert search.page(hits, TODAY) == search.answer(query, READER, TODAY)
        assert search.window(hits) == search.window_of(query.text, READER)
    smoothed = search.window_of(QUESTION, READER).documents
    assert len(smoothed) > WINDOW
    assert all(one.near_hits for one in smoothed[WINDOW:])


def test_without_people_the_rankings_are_no_deeper_than_the_page(asked: Asked) -> None:
    """The API's search asks for no people."""
    shallow = asked.context.search.hits(Query(QUESTION), READER)
    deep = asked.context.search.hits(Query(QUESTION), READER, with_experts=True)
    assert len(shallow.found.lexical) == shallow.request.window < len(deep.found.lexical)
    assert len(deep.found.lexical) <= RANKING_DEPTH
    assert (shallow.found.total, shallow.found.facets) == (deep.found.total, deep.found.facets)


def test_a_question_is_noted_once(asked: Asked) -> None:
    """With whom it gave a card; a question for those who know, with whom it named."""
    asked.log.noted.clear()
    found, _, _ = asked.answer(Query(SURE))
    cards = tuple(one.candidate.agent.id for one in found.people.cards)
    assert cards
    knowing = who_knows(asked.context, READER, Query(SURE), limit=5)
    noted = [(one.text, one.results, tuple(one.named)) for one in asked.log.noted]
    named = tuple(one.agent.id for one in knowing.experts.candidates)
    assert noted == [
        (SURE, found.results.found, cards),
        (SURE, len(named), named),
    ]


def test_the_command_line_says_what_is_incomplete(asked: Asked) -> None:
    """As the API does: the authorities that did not answer."""
    silent = replace(READER, unanswered=frozenset({"mail", "ged"}))
    knowing = who_knows(asked.context, silent, Query(QUESTION), limit=5)
    assert experts_body(knowing)["incomplete"] == ["ged", "mail"]
    found = answer_question(asked.context, silent, Query(QUESTION))
    assert results_body(found)["incomplete"] == ["ged", "mail"]


def _ids(found: QuestionAnswer) -> tuple[str, ...]:
    return tuple(one.agent.id for one in found.experts.candidates)


class LowestFirst:
    """A ranker that turns the better half of a window under the other."""

    def ranker(self, encoder: str) -> Ranker | None:
        tree = Tree(
            feature=(FEATURES.index("score"), 0, 0),
            threshold=(0.8, 0.0, 0.0),
            left=(1, 0, 0),
            right=(2, 0, 0),
            value=(0.0, 1.0, 0.0),
        )
        return Ranker(
            format=FORMAT,
            encoder=encoder,
            features=FEATURES,
            made=TODAY,
            questions=400,
            groups=40,
            before=0.4,
            after=0.5,
            p_value=0.01,
            trees=(tree,),
        )


def test_a_learned_order_changes_the_order_alone(asked: Asked) -> None:
    """The same documents, total and facets; a result that moved says so, and who knows does not."""
    plain = asked.context.search
    configuration = SearchConfiguration(order=learned_order(LowestFirst().ranker), bars=BARS)
    tuned = Search(asked.index, asked.encoder, asked.context.people, configuration)
    ranked = [search.rank(Query(QUESTION), READER, TODAY) for search in (plain, tuned)]
    before, after = [[hit.document_id for hit in hits] for hits in ranked]
    assert before != after
    assert sorted(before) == sorted(after)
    pages = [search.answer(Query(QUESTION), READER, TODAY) for search in (plain, tuned)]
    assert pages[0].counts == pages[1].counts
    assert pages[0].facets == pages[1].facets
    said = [
        any("réglé sur les questions" in sentence for sentence in explanation(one, page))
        for page in pages
        for one in page.results
    ]
    moved = [one.parts.learned != 0 for page in pages for one in page.results]
    assert said == moved
    assert any(moved)
    windows = [search.window_of(QUESTION, READER) for search in (plain, tuned)]
    assert windows[0] == windows[1]


def _question(number: int, text: str) -> Put:
    asked = Contribution("wiki:iris", ContributorRole.ASKER, last=TODAY)
    remarked = Contribution("wiki:hugo", ContributorRole.COMMENTER, last=TODAY)
    return encoded(
        put(
            f"questions:{number}",
            text,
            title=text,
            contributions=(asked, remarked),
            kind="question",
        )
    )


def test_asking_never_lowers_who_knows(asked: Asked) -> None:
    """The question stands first among the documents, unanswered; everybody stays as they were."""
    for number, text in enumerate((SURE, QUESTION, "bail rural", "taxe foncière d'un bail")):
        before = who_knows(asked.context, READER, Query(text), limit=10).experts.candidates
        cards, _, _ = asked.answer(Query(text))
        question = _question(number, text)
        assert not asked.index.index.write([question]).failed
        try:
            after = who_knows(asked.context, READER, Query(text), limit=10).experts.candidates
            again, _, _ = asked.answer(Query(text))
        finally:
            asked.index.index.write([Remove(question.indexed.document.id)])
        shown = [one.card.document_id for one in again.results.results]
        assert question.indexed.document.id in shown
        assert [(one.agent.id, one.degree) for one in after] == [
            (one.agent.id, one.degree) for one in before
        ]
        assert _cards(again) == _cards(cards)


def test_a_question_that_nothing_is_near_stays_far_once_it_is_asked(asked: Asked) -> None:
    """The document of the unanswered question has all of its words: it brings nobody near."""
    text = "xylophone hydravion scaphandre"
    bars = ModelBars(2.0, RelevanceCut(0.2, 2.0))
    search = Search(asked.index, ENCODER, asked.context.people, SearchConfiguration(bars=bars))
    assert search.window_of(text, READER).far
    question = _question(7, text)
    assert not asked.index.index.write([question]).failed
    try:
        assert search.window_of(text, READER).far
    finally:
        asked.index.index.write([Remove(question.indexed.document.id)])


@pytest.mark.parametrize("page_size", [1, 3, 10])
def test_few_documents_are_near_a_question_in_english(asked: Asked, page_size: int) -> None:
    """As many as the page has, also where it has fewer than are shown as near."""
    bars = ModelBars(2.0, RelevanceCut(0.99, 2.0))
    search = Search(asked.index, ENCODER, asked.context.people, SearchConfiguration(bars=bars))
    found = search.answer(Query("what is the recipe", page_size=page_size), READER, TODAY)
    assert not found.answered
    assert len(found.results) == min(page_size, NEAR_DOCUMENTS)
    assert (found.found, found.facets, found.more) == (0, {}, False)


def test_documents_of_another_year_are_shown_as_near(asked: Asked) -> None:
    """Although they have all other words of the question."""
    bars = ModelBars(2.0, RelevanceCut(0.2, 2.0))
    search = Search(asked.index, ENCODER, asked.context.people, SearchConfiguration(bars=bars))
    this_year = search.answer(Query(SURE), READER, TODAY)
    other = search.answer(Query(f"{SURE} {TODAY.year - 1}"), READER, TODAY)
    assert (this_year.answered, other.answered) == (True, False)
    assert other.results


def test_all_documents_are_kept_if_the_first_lacks_what_is_asked(asked: Asked) -> None:
    """They are near, and as many as without « qui », which none of them is asked."""
    bars = ModelBars(2.0, RelevanceCut(0.2, 2.0))
    search = Search(asked.index, ENCODER, asked.context.people, SearchConfiguration(bars=bars))
    sure, who = (search.answer(Query(text), READER, TODAY) for text in (SURE, f"qui {SURE}"))
    assert (sure.answered, who.answered, who.few) == (True, False, False)
    assert who.found == sure.found
    assert who.direct is None


def _cards(found: QuestionAnswer) -> list[str]:
    return [one.candidate.agent.id for one in found.people.cards]


@pytest.mark.parametrize("text", [SURE, "Claire Le Bihan", "géomètre Guingamp"])
def test_courtesy_changes_no_answer(asked: Asked, text: str) -> None:
    """Neither the documents nor the people, whom a name or a post may call."""
    plain, _, _ = asked.answer(Query(text))
    polite, _, _ = asked.answer(Query(f"Bonjour, {text} Merci d'avance, Paul"))
    assert _cards(polite) == _cards(plain)
    ids = [[one.card.document_id for one in found.results.results] for found in (plain, polite)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    "text",
    [
        f"{QUESTION} après:2090-01-01",
        f"{SURE} avant:1990-01-01",
        f"{SURE} -incendie -dégrèvement après:2090-01-01",
    ],
)
def test_nobody_stands_beside_an_empty_result(asked: Asked, text: str) -> None:
    """Operators that leave no document leave nobody either."""
    found, _, _ = asked.answer(Query(text))
    assert not found.results.found
    assert (found.people.cards, found.experts.candidates) == ((), ())


@pytest.mark.parametrize(
    "text", ["recette de cuisine au potiron", f'{QUESTION} "aucun texte ne dit cela"', QUESTION]
)
def test_everybody_named_has_evidence(asked: Asked, text: str) -> None:
    """Also where documents are only near the question, or a phrase finds none."""
    knowing = who_knows(asked.context, READER, Query(text), limit=10)
    assert all(one.evidence for one in knowing.experts.candidates)


@pytest.mark.parametrize("text", [SURE, QUESTION, "bail rural", "taxe", "xylophone"])
def test_page_and_colleagues_name_the_same_people(asked: Asked, text: str) -> None:
    """In the same order: one function decides."""
    found, _, _ = asked.answer(Query(text))
    knowing = who_knows(asked.context, READER, Query(text), limit=10)
    known = [one.agent.id for one in knowing.experts.known]
    assert _cards(found) == [id_ for id_ in known if id_ in _cards(found)]
    assert bool(_cards(found)) == bool(known)
