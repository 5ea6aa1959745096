"""A question of a reader becomes a page of documents. Read `Search.answer` first."""

from collections.abc import Mapping, Sequence
from datetime import date

from connectors.values import Agent, Contribution
from expertise.ports import AgentBook
from expertise.values import RankedDocument, Window
from indexer.access import Reader, access_filter
from indexer.ports import Encoder, IndexReader
from indexer.values import (
    WINDOW,
    Question,
    SearchAnswer,
    SearchRequest,
    Shown,
    ShowRequest,
    Suggestion,
    Vectors,
)
from search_api.fusion import FusedHit, fuse, in_order
from search_api.query import Query, read_question, was_shortened
from search_api.results import Author, Result, Results


class Search:
    """Search under a reader's rights; also the `DocumentRanker` of expertise."""

    def __init__(self, index: IndexReader, encoder: Encoder, book: AgentBook) -> None:
        self._index, self._encoder, self._book = index, encoder, book

    def answer(self, query: Query, reader: Reader, today: date) -> Results:
        """One page of the fused window; order and scores are the same on every page.

        Raises `IndexUnreachable`.
        """
        access = access_filter(reader)
        question = read_question(query.text)
        vector = self._encoded(question)
        found = self._index.search(
            SearchRequest(access, question, vector, filters=dict(query.filters))
        )
        window = _window(question, found)
        first = (query.page - 1) * query.page_size
        page = window[first : first + query.page_size]
        shown = self._index.show(
            ShowRequest(access, tuple(hit.document_id for hit in page), question, vector)
        )
        return Results(
            question=question,
            results=self._results(page, shown, today),
            total=found.total,
            reachable=len(window),
            page=query.page,
            page_size=query.page_size,
            facets=found.facets,
            shortened=was_shortened(query.text) or found.terms_dropped,
            incomplete=tuple(sorted(reader.unanswered)),
        )

    def window(self, topic: str, reader: Reader) -> Window:
        """The fused window with its cards, for votes. Empty where nothing is asked."""
        question = read_question(topic)
        if question.empty:
            return Window(())
        found = self._index.search(
            SearchRequest(
                access_filter(reader),
                question,
                self._encoded(question),
                facets=(),
                with_cards=True,
            )
        )
        ranked = fuse(found.lexical, found.vector, WINDOW)
        return Window(
            tuple(
                RankedDocument(found.cards[hit.document_id], hit.score)
                for hit in ranked
                if hit.document_id in found.cards
            )
        )

    def suggest(self, prefix: str, reader: Reader, limit: int = 8) -> tuple[Suggestion, ...]:
        """Titles that the reader may read and that begin with what is being typed."""
        return self._index.suggest(access_filter(reader), prefix, limit)

    def _encoded(self, question: Question) -> Vectors | None:
        words = " ".join((question.text, *question.phrases)).strip()
        return self._encoder.queries([words])[0] if words else None

    def _results(
        self, page: Sequence[FusedHit], shown: Sequence[Shown], today: date
    ) -> tuple[Result, ...]:
        parts = {hit.document_id: hit for hit in page}
        agents = self._book.by_account(
            row.account for one in shown for row in one.card.contributions
        )
        return tuple(
            Result(
                card=one.card,
                authors=_authors(one.card.contributions, agents, today),
                passages=one.passages,
                parts=parts[one.card.document_id],
            )
            for one in shown
        )


def _window(question: Question, found: SearchAnswer) -> tuple[FusedHit, ...]:
    asked = bool(question.text or question.phrases)
    return fuse(found.lexical, found.vector) if asked else in_order(found.lexical)


def _authors(
    rows: Sequence[Contribution], agents: Mapping[str, Agent], today: date
) -> tuple[Author, ...]:
    """In the source's order, each person once, in their first role."""
    authors: dict[str, Author] = {}
    for row in rows:
        agent = agents.get(row.account)
        authors.setdefault(
            agent.id if agent else row.account,
            Author(
                name=agent.name if agent else row.label or row.account.partition(":")[2],
                role=row.role,
                agent=agent,
                departed=agent is not None and agent.departed(today),
            ),
        )
    return tuple(authors.values())
