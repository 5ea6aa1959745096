"""A question of a reader becomes a page of documents. Read `Search.answer` first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum

from connectors.values import Agent, Contribution
from expertise.ports import AgentBook
from expertise.values import RankedDocument, Window
from expertise.votes import VOTERS
from indexer.access import AccessFilter, Reader, access_filter
from indexer.ports import Encoder, IndexReader
from indexer.spelling import NearWord
from indexer.values import (
    Card,
    Question,
    SearchAnswer,
    SearchRequest,
    Shown,
    ShowRequest,
    Suggestion,
    Vectors,
)
from search_api.best_bets import shown_bets
from search_api.fusion import FusedHit, fuse, in_order, nearness
from search_api.guidance import Guidance
from search_api.query import Query, read_prefix, was_shortened
from search_api.results import Author, BestBet, Reference, Result, Results
from search_api.understanding import Reading, Understanding


class Retriever(StrEnum):
    """Which rankings answer; `hybrid`, both fused, is what readers get."""

    LEXICAL = "lexical"
    VECTOR = "vector"
    HYBRID = "hybrid"


class Search:
    """Search under a reader's rights; also the `DocumentRanker` of expertise."""

    def __init__(
        self,
        index: IndexReader,
        encoder: Encoder,
        book: AgentBook,
        guidance: Guidance = Guidance(),  # noqa: B008 - frozen, and without a state
    ) -> None:
        self._index, self._encoder, self._book = index, encoder, book
        self._best_bets = guidance.best_bets
        self._understanding = Understanding(index, guidance.authors, guidance.glossary)

    def answer(self, query: Query, reader: Reader, today: date) -> Results:
        """One page of the fused window; order and scores are the same on every page.

        Raises `IndexUnreachable`.
        """
        access = access_filter(reader)
        reading = self._understanding.read(query.text, access, query.filters)
        question = reading.question
        request = self._request(reading, access)
        found = self._index.search(request)
        window = _window(question, found)
        first = (query.page - 1) * query.page_size
        page = window[first : first + query.page_size]
        shown = self._index.show(
            ShowRequest(access, tuple(hit.document_id for hit in page), question, request.vector)
        )
        return Results(
            question=question,
            results=self._results(page, shown, self._named(shown, access), today),
            total=found.total,
            reachable=len(window),
            page=query.page,
            page_size=query.page_size,
            facets=found.facets,
            shortened=was_shortened(query.text) or found.terms_dropped,
            incomplete=tuple(sorted(reader.unanswered)),
            understood=reading.parts,
            best_bets=self._bets(question, access) if query.page == 1 else (),
        )

    def rank(
        self, query: Query, reader: Reader, retriever: Retriever = Retriever.HYBRID
    ) -> tuple[FusedHit, ...]:
        """The whole window that `answer` pages through, or one ranking of it alone.

        Raises `IndexUnreachable`.
        """
        access = access_filter(reader)
        reading = self._understanding.read(query.text, access, query.filters)
        request = self._request(reading, access, retriever)
        return _window(reading.question, self._index.search(replace(request, facets=())))

    def window(self, topic: str, reader: Reader) -> Window:
        """The fused window of voters with its cards. Empty where no topic is named."""
        access = access_filter(reader)
        reading = self._understanding.read(topic, access)
        if not reading.question.names_something:
            return Window(())
        request = self._request(reading, access)
        found = self._index.search(replace(request, window=VOTERS, facets=(), with_cards=True))
        ranked = fuse(found.lexical, found.vector, VOTERS)
        near = nearness(found.vector)
        documents = tuple(
            RankedDocument(found.cards[hit.document_id], hit.score, near.get(hit.document_id, 0.0))
            for hit in ranked
            if hit.document_id in found.cards
        )
        return Window(documents, compared=len(found.vector))

    def suggest(self, prefix: str, reader: Reader, limit: int = 8) -> tuple[Suggestion, ...]:
        """Titles that the reader may read and that begin with what is being typed."""
        return self._index.suggest(access_filter(reader), read_prefix(prefix), limit)

    def near_words(
        self, words: Sequence[str], reader: Reader
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """For each folded word that no document of the reader has, near ones that some has."""
        return self._index.near_words(access_filter(reader), words)

    def _request(
        self, reading: Reading, access: AccessFilter, retriever: Retriever = Retriever.HYBRID
    ) -> SearchRequest:
        lexical_only = retriever is Retriever.LEXICAL
        return SearchRequest(
            access,
            reading.question,
            vector=None if lexical_only else self._encoded(reading.question),
            lexical=retriever is not Retriever.VECTOR,
            filters=reading.filters,
            bylines=reading.bylines,
            period=reading.period,
        )

    def _encoded(self, question: Question) -> Vectors | None:
        """Of the words typed: an expansion says the same to a vector."""
        words = question.words
        return self._encoder.queries([words])[0] if words else None

    def _bets(self, question: Question, access: AccessFilter) -> tuple[BestBet, ...]:
        return shown_bets(self._best_bets.bets(question), self._index, access)

    def _named(self, shown: Sequence[Shown], access: AccessFilter) -> dict[str, Reference]:
        """The documents that these replace or belong to, as far as the reader may read them."""
        wanted = {name for one in shown for name in (*one.card.replaces, one.card.part_of) if name}
        if not wanted:
            return {}
        request = ShowRequest(access, tuple(sorted(wanted)), Question())
        return {one.card.document_id: _reference(one.card) for one in self._index.show(request)}

    def _results(
        self,
        page: Sequence[FusedHit],
        shown: Sequence[Shown],
        named: Mapping[str, Reference],
        today: date,
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
                replaces=tuple(named[name] for name in one.card.replaces if name in named),
                replaced_by=tuple(
                    _reference(other.card)
                    for other in shown
                    if one.card.document_id in other.card.replaces
                ),
                part_of=named.get(one.card.part_of),
            )
            for one in shown
        )


def _reference(card: Card) -> Reference:
    return Reference(card.document_id, card.title, card.url)


def _window(question: Question, found: SearchAnswer) -> tuple[FusedHit, ...]:
    return (
        fuse(found.lexical, found.vector) if question.names_something else in_order(found.lexical)
    )


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
