"""Search under a reader's rights: the hits of a query, a page and a window. Read `Search` first."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Protocol

from expertise.places import place_in
from expertise.values import AccountDirectory, RankedDocument, Window
from expertise.votes import (
    RANKING_DEPTH,
    VOTERS,
    WHOLE_PARTS,
    counting_contributions,
    only_asks,
)
from indexer.access import NOBODY, AccessFilter, Reader, access_filter
from indexer.french.stop_words import ENGLISH_WORDS
from indexer.near_duplicates import same_text, signature
from indexer.passages import passage_text
from indexer.ports import Encoder, IndexReader, Probed
from indexer.relevance import says_nothing
from indexer.suggestions import NearWord
from indexer.values import (
    Byline,
    Card,
    DateRange,
    DocumentText,
    IndexEntry,
    Passage,
    Question,
    RelevanceCut,
    SearchAnswer,
    SearchHit,
    SearchRequest,
    ShownDocument,
    ShownPassage,
    ShowRequest,
    Suggestion,
    Vectors,
)
from search_api.questions.query import Query, ResultOrder, read_prefix, was_shortened
from search_api.questions.query_parser import ParsedQuery, QueryParser
from search_api.ranking.answered import FIRST_ANSWERS, NEAR_DOCUMENTS, any_answers, features
from search_api.ranking.fusion import (
    FusedHit,
    ModelBars,
    fuse,
    known_bars,
    nearness,
    requiring_all_words,
    unfused,
)
from search_api.ranking.placed import placed
from search_api.ranking.reranking import (
    RankedResult,
    Successors,
    grouped_by_date,
    reranked,
    reranked_documents,
)
from search_api.ranking.results import (
    CONVERSATION_PASSAGES,
    PASSAGES,
    BestBet,
    DocumentAuthor,
    Result,
    ResultCounts,
    Results,
    conversations,
    page_marks,
    page_results,
    passage_author,
    replacing,
)
from search_api.ranking.search_configuration import SearchConfiguration, shown_bets
from search_api.ranking.second_model import reread
from search_api.ranking.window import near_hits, tuned_window
from search_api.wording import in_force

PASSAGES_READ_OF = 50
"""Of so many first documents the passages are read."""

LEAST_SAID = 0.2
"""Share of a question's information from which a document counts if no cut is known for the encoder
(decision 35)."""

_NEAR_IN_NO_CASE = 2.0
"""No cosine is as high."""

PARTS_READ = 3
"""A question resembles itself more than its answers: these stand behind it."""


def with_several_authors(cards: Sequence[Card]) -> tuple[str, ...]:
    """The ids of the first documents that several accounts wrote parts of."""
    return tuple(
        card.document_id
        for card in cards[:PASSAGES_READ_OF]
        if card.signed and len(_writers(card)) > 1
    )


def answering_accounts(shown: Iterable[ShownDocument]) -> Mapping[str, str]:
    """By document, the account that wrote the best of its passages that such an account wrote."""
    found = {}
    for one in shown:
        writers = _writers(one.card)
        named = (each.passage.author for each in one.passages)
        if account := next((author for author in named if author in writers), None):
            found[one.card.document_id] = account
    return found


def _writers(card: Card) -> set[str]:
    return {row.account for row in counting_contributions(card) if row.role in WHOLE_PARTS}


MOST_COPIES = 50
"""So many other places of a text are named."""

OF_A_PERSON = 30
"""So many documents are shown at most, on all pages together, of a question that is narrowed to
a person: the last page would else count what they wrote."""


class Retriever(StrEnum):
    """Which rankings answer; `hybrid`, both fused, is what readers get."""

    LEXICAL = "lexical"
    VECTOR = "vector"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class SearchHits:
    """The hits of one search for a reader: a page and the window of who knows come from them.

    `request` is what the index was asked, `found` its two rankings; where these are `deep`, the
    window of who knows needs no search of its own.
    """

    query: Query
    reader: Reader
    parsed: ParsedQuery
    request: SearchRequest
    found: SearchAnswer
    deep: bool


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A document whole. `voices[i]` is whose words `passages[i]` is, in a conversation.

    `answering` is the passage that answers the question, None where nothing was asked.
    """

    result: Result
    question: Question
    passages: tuple[Passage, ...]
    voices: tuple[DocumentAuthor | None, ...]
    answering: ShownPassage | None


class SearchIndex(IndexReader, Protocol):
    """The sides of an index that a search uses."""

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """See `IndexWriter`."""
        ...


class Search:
    """Search under a reader's rights. Read `hits`, then `page` and `window`."""

    def __init__(
        self,
        index: SearchIndex,
        encoder: Encoder,
        directory: AccountDirectory,
        configuration: SearchConfiguration = SearchConfiguration(),  # noqa: B008 - frozen, and without a state
    ) -> None:
        self._index, self._encoder, self._directory = index, encoder, directory
        self._best_bets, self._preferences = configuration.best_bets, configuration.preferences
        self._ranker = configuration.ranker
        self._parser = QueryParser(index, configuration.authors, configuration.glossary)
        self._measured, self._second_model = configuration.bars, configuration.second_model

    def probe(self) -> None:
        """Check the index, then search a word with the rights of nobody, which finds nothing.

        Raises what a search raises, and `IndexDamaged`.
        """
        if isinstance(self._index, Probed):
            self._index.probe()
        nobody = access_filter(NOBODY)
        self._index.search(SearchRequest(nobody, Question("service"), window=1, facets=()))

    def answer(self, query: Query, reader: Reader, today: date) -> Results:
        """One page of results alone. Raises `IndexUnreachable`."""
        return self.page(self.hits(query, reader), today)

    def hits(self, query: Query, reader: Reader, *, with_experts: bool = False) -> SearchHits:
        """Parse, encode and search a query, once.

        `with_experts`: the rankings are deep enough for `window`, unless the page is narrowed or
        ordered otherwise than who knows is. Raises `IndexUnreachable`.
        """
        access = access_filter(reader)
        parsed = self._parser.read(query.text, access, query.filters)
        request = self._request(parsed, access, order=query.order)
        request = replace(request, documents=query.only)
        if says_nothing(parsed.question):
            return SearchHits(query, reader, parsed, request, SearchAnswer((), (), 0, {}), False)
        if not query.wide and not _by_date(query, parsed.question):
            request = replace(request, cut=self._bars.cut)
        deep = with_experts and not (
            query.filters
            or parsed.bylines
            or query.only is not None
            or _by_date(query, parsed.question)
        )
        depth = RANKING_DEPTH if deep else 0
        counted = not parsed.of_a_person
        found = self._index.search(replace(request, depth=depth, counted=counted))
        return SearchHits(query, reader, parsed, request, found, deep)

    def page(self, hits: SearchHits, today: date) -> Results:
        """Return one page of the fused window, and whether its documents answer.

        Order and scores are the same on every page. Raises `IndexUnreachable`.
        """
        return self._judged(hits, self._page(hits, today), today)

    def _page(self, hits: SearchHits, today: date) -> Results:
        """Return the page without estimating whether its documents answer."""
        query, parsed, request = hits.query, hits.parsed, hits.request
        found = _first_of(hits.found, request.window)
        window = self._reranked(query, request, found, today)
        if parsed.of_a_person:
            window = window[:OF_A_PERSON]
        first = (query.page - 1) * query.page_size
        page = window[first : first + query.page_size]
        shown, named = self._shown(page, request)
        marks = {**found.attributes, **page_marks(shown, named)}
        successors = Successors(marks, self._preferences.trust, today)
        agents = self._directory.by_account(
            row.account for one in shown for row in one.card.contributions
        )
        return Results(
            question=parsed.question,
            order=query.order,
            results=page_results(page, shown, named, agents, today, successors),
            counts=None if parsed.of_a_person else _counts(found, request, len(window)),
            more=first + query.page_size < len(window),
            wide=query.wide,
            wider=_left_out(found),
            page=query.page,
            page_size=query.page_size,
            facets=found.facets,
            shortened=was_shortened(query.text) or found.terms_dropped or self._cut(request),
            incomplete=tuple(sorted(hits.reader.unanswered)),
            understood=parsed.parts,
            best_bets=self._bets(parsed.question, request.access) if query.page == 1 else (),
        )

    def _judged(self, hits: SearchHits, results: Results, today: date) -> Results:
        """Add to the first page whether its documents answer; if none does, cut it to a few.

        A search that filters, operators or quotes narrow keeps all of its documents: they are what
        was asked for. A page is returned unchanged if the encoder has no known bars, or `wide`
        asks for near documents too.
        """
        query, parsed, request = hits.query, hits.parsed, hits.request
        if request.cut is None or request.vector is None or query.page > 1:
            return results
        bar = self._bars.far_cosine
        vector = hits.found.vector[: request.window]
        found = features(results.results, vector, parsed.question, bar)
        results = replace(results, features=found)
        narrowed = query.filters or parsed.narrowed or query.only is not None
        exact = parsed.question.phrases or parsed.question.any_of or parsed.question.excluded
        if narrowed or exact or any_answers(found):
            return replace(results, first_answers=FIRST_ANSWERS.holds(found))
        return self._near(hits, results, today)

    def _near(self, hits: SearchHits, results: Results, today: date) -> Results:
        """Return the page with only the few nearest documents, without counts and facets."""
        near, most = results.results, min(NEAR_DOCUMENTS, hits.query.page_size)
        asked = hits.parsed.question.text.lower().split()
        # A question in English shares no words with French documents: sense alone finds them.
        if len(near) < most and not ENGLISH_WORDS.isdisjoint(asked):
            wide, found = replace(hits.query, wide=True), replace(hits.found, members=None)
            others = self._page(replace(hits, query=wide, found=found), today).results
            shown = {one.card.document_id for one in near}
            near = (*near, *(one for one in others if one.card.document_id not in shown))
        return replace(
            results,
            results=near[:most],
            answered=False,
            counts=NOTHING_COUNTED,
            facets={},
            more=False,
        )

    def window(self, hits: SearchHits) -> Window:
        """The fused window of voters with its cards. Empty where no topic is named.

        Unanswered questions are left out: they show no knowledge, and scores are relative, so that
        they would lower the people who have it.

        Who knows is asked of everybody: neither the facets that narrow the page, nor its order,
        nor a person whom the question is narrowed to narrow the votes, which would count what
        that person wrote. Then, and where the rankings are not deep, this searches once more.
        Raises `IndexUnreachable`.
        """
        parsed = hits.parsed
        if not parsed.question.names_something or says_nothing(parsed.question):
            return Window(())
        request, found = replace(hits.request, cut=None), hits.found
        if not hits.deep:
            parsed = replace(parsed, filters=parsed.typed_filters, bylines=())
            request = self._request(parsed, request.access, vector=request.vector)
            found = self._index.search(self._deep(request))
        ranked = fuse(found.lexical, found.vector, VOTERS)
        ids = tuple(hit.document_id for hit in ranked)
        shown = self._index.show(ShowRequest(request.access, ids, Question(), passages=0))
        cards = {one.card.document_id: one.card for one in shown}
        asking = {id_ for id_, card in cards.items() if only_asks(card)}
        if asking:
            found = _without(found, asking)
            ranked = fuse(found.lexical, found.vector, VOTERS)
        near, authors = nearness(found.vector), self._answering(request, list(cards.values()))
        read = [hit for hit in ranked if hit.document_id in cards]
        gains = near_hits(read, found.attributes) if request.vector is not None else {}
        said = self._said(request, found)
        documents = tuple(
            RankedDocument(
                cards[hit.document_id],
                hit.score,
                near.get(hit.document_id, 0.0),
                authors.get(hit.document_id, ""),
                gains.get(hit.document_id, 0.0),
                said.get(hit.document_id, 0.0),
            )
            for hit in read
        )
        closest = found.vector[0].score if found.vector else 1.0
        far = closest < self._bars.far_cosine and not self._has_all_words(request, asking)
        return Window(documents, compared=len(found.vector), closest=closest, far=far)

    def window_of(self, text: str, reader: Reader) -> Window:
        """The window of a question that asks for no page. Raises `IndexUnreachable`."""
        access = access_filter(reader)
        parsed = replace(self._parser.read(text, access), bylines=())
        if not parsed.question.names_something or says_nothing(parsed.question):
            return Window(())
        request = self._request(parsed, access)
        found = self._index.search(self._deep(request))
        return self.window(SearchHits(Query(text), reader, parsed, request, found, deep=True))

    def open(
        self, document_id: str, text: str, reader: Reader, today: date
    ) -> OpenedDocument | None:
        """A document whole, with the passage that answers; None where the reader may not read it.

        Raises `IndexUnreachable`.
        """
        access = access_filter(reader)
        read = self._index.read(access, document_id)
        if read is None:
            return None
        question = self._parser.read(text, access).question
        vector = self._encoded(question)
        signed = signature(read.passages)
        copies = self._copies(read, signed, access) if signed else ()
        hit = FusedHit(document_id, 0.0, 0.0, None, 0.0, None)
        request = SearchRequest(access, question, vector)
        shown, named = self._shown((RankedResult(hit, copies),), request)
        if not shown:
            return None  # lost meanwhile
        marks = page_marks(shown, named)
        successors = Successors(marks, self._preferences.trust, today)
        others = tuple(one for one in copies if not successors.related(document_id, one))
        card = read.card
        agents = self._directory.by_account(row.account for row in card.contributions)
        page = (RankedResult(hit, others),)
        (result,) = page_results(page, shown, named, agents, today, successors)
        return OpenedDocument(
            result=replace(result, card=card),
            question=question,
            passages=read.passages,
            voices=tuple(passage_author(one, card, agents, today) for one in read.passages),
            answering=result.answering[0][0]
            if question.names_something and result.answering
            else None,
        )

    def rank(
        self,
        query: Query,
        reader: Reader,
        today: date,
        retriever: Retriever = Retriever.HYBRID,
    ) -> tuple[FusedHit, ...]:
        """The documents of the window that `answer` pages through, or of one ranking alone.

        Copies, which a page shows as one result, have each their own place here.

        Raises `IndexUnreachable`.
        """
        access = access_filter(reader)
        parsed = self._parser.read(query.text, access, query.filters)
        request = self._request(parsed, access, retriever, query.order)
        found = self._index.search(replace(request, counted=False))
        if _by_date(query, parsed.question):
            return unfused(found.lexical)
        hits = self._window(request, found)
        if retriever is Retriever.HYBRID:
            hits = self._reread(hits, request, query)
        return reranked_documents(hits, found.attributes, self._preferences, today)

    def has_all_words(self, text: str, reader: Reader) -> bool:
        """Whether a document that the reader may read has all the words of a question."""
        access = access_filter(reader)
        parsed = self._parser.read(text, access)
        return self._has_all_words(self._request(parsed, access, Retriever.LEXICAL))

    def contributed(self, accounts: Sequence[str], reader: Reader) -> Mapping[str, int]:
        """By source, how many documents that the reader may read these accounts contributed to."""
        if not accounts:
            return {}
        by = (Byline(tuple(sorted(accounts))),)
        access = access_filter(reader)
        asked = SearchRequest(access, Question(), bylines=by, window=1, facets=("source",))
        found = self._index.search(asked).facets.get("source", ())
        return {one.value: one.count for one in found}

    def cards(self, document_ids: Sequence[str], reader: Reader) -> Mapping[str, Card]:
        """By id, those of these documents that the reader may read now."""
        if not document_ids:
            return {}
        asked = ShowRequest(access_filter(reader), tuple(document_ids), Question(), passages=0)
        return {one.card.document_id: one.card for one in self._index.show(asked)}

    def text_hashes(self, document_ids: Collection[str]) -> Mapping[str, str]:
        """By id, the hash of the title and text of documents that the reader was shown.

        No rights are asked for: the ids come from an answer under them. Raises `IndexUnreachable`.
        """
        kept = self._index.kept(list(document_ids)) if document_ids else {}
        return {id_: one.content_hash for id_, one in kept.items()}

    def written_before(
        self, accounts: Collection[str], reader: Reader, before: date
    ) -> Mapping[str, Card]:
        """The newest W documents dated before a day to which these accounts contributed.

        Of those that the reader may read. Raises `IndexUnreachable`.
        """
        if not accounts:
            return {}
        request = SearchRequest(
            access_filter(reader),
            Question(),
            bylines=(Byline(tuple(sorted(accounts))),),
            period=DateRange(before=before),
            newest_first=True,
            counted=False,
        )
        found = self._index.search(request).lexical
        return self.cards([one.document_id for one in found], reader)

    def suggest(self, prefix: str, reader: Reader, limit: int = 8) -> tuple[Suggestion, ...]:
        """Titles that the reader may read and that begin with what is being typed."""
        return self._index.suggest(access_filter(reader), read_prefix(prefix), limit)

    def past(self, document_ids: Sequence[str], reader: Reader, today: date) -> frozenset[str]:
        """Those of these documents that are not in force, or that a readable one replaces."""
        if not document_ids:
            return frozenset()
        asked = ShowRequest(access_filter(reader), tuple(document_ids), Question(), passages=0)
        shown = self._index.show(replace(asked, successors=True))
        successors = Successors(page_marks(shown, {}), self._preferences.trust, today)
        return frozenset(
            one.card.document_id
            for one in shown
            if not in_force(one.card, today) or replacing(one, successors)
        )

    def near_words(
        self, words: Sequence[str], reader: Reader
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """For each folded word that no document of the reader has, near ones that some has."""
        return self._index.near_words(access_filter(reader), words)

    def _request(
        self,
        parsed: ParsedQuery,
        access: AccessFilter,
        retriever: Retriever = Retriever.HYBRID,
        order: ResultOrder = ResultOrder.RELEVANCE,
        vector: Vectors | None = None,
    ) -> SearchRequest:
        """By date, words alone decide: what is merely near in sense is not what is newest.

        `vector` is the question's, where it was encoded already.
        """
        by_date = order is ResultOrder.DATE
        if by_date or retriever is Retriever.LEXICAL:
            vector = None
        elif vector is None:
            vector = self._encoded(parsed.question)
        return SearchRequest(
            access,
            parsed.question,
            vector=vector,
            lexical=retriever is not Retriever.VECTOR,
            filters=parsed.filters,
            bylines=parsed.bylines,
            period=parsed.period,
            with_attributes=True,
            newest_first=by_date,
        )

    def _has_all_words(self, request: SearchRequest, without: Collection[str] = ()) -> bool:
        """Return whether any document but those in `without` has all the words of the question."""
        wanted = requiring_all_words(request.question)
        if not wanted.any_of:
            return False
        found = self._index.search(
            replace(
                request,
                question=wanted,
                vector=None,
                window=1 + len(without),
                with_attributes=False,
                counted=False,
            )
        )
        return not found.terms_dropped and not _ids(found.lexical) <= set(without)

    def _said(self, request: SearchRequest, found: SearchAnswer) -> Mapping[str, float]:
        """Return the share of the question's information in each document (`SearchAnswer.said`).

        Search once more, by words alone, if the hits were found without a cut.
        """
        if found.said is None:
            alone = replace(self._deep(request), vector=None, depth=0, with_attributes=False)
            found = self._index.search(alone)
        return found.said or {}

    def _deep(self, request: SearchRequest) -> SearchRequest:
        """Return the request with rankings deep enough for `window`, and a cut to get `said`."""
        cut = self._bars.cut or RelevanceCut(LEAST_SAID, _NEAR_IN_NO_CASE)
        return replace(request, depth=RANKING_DEPTH, cut=cut, facets=(), counted=False)

    def _answering(self, request: SearchRequest, cards: Sequence[Card]) -> Mapping[str, str]:
        """Of the first documents that several wrote, whose part answers."""
        ids = with_several_authors(cards)
        asked = ShowRequest(request.access, ids, request.question, request.vector, PARTS_READ)
        asked = replace(asked, marked=False)  # only their authors are read
        return answering_accounts(self._index.show(asked)) if ids else {}

    def _reranked(
        self, query: Query, request: SearchRequest, found: SearchAnswer, today: date
    ) -> tuple[RankedResult, ...]:
        """The window: fused and reranked, or in the order of dates."""
        if _by_date(query, request.question):
            dated = unfused(found.lexical)
            return grouped_by_date(dated, found.attributes, self._preferences, today)
        # All that was fetched: copies leave room for what stands behind them.
        hits = self._window(request, found)
        if found.members is not None:
            hits = tuple(hit for hit in hits if hit.document_id in found.members)
        hits = self._reread(hits, request, query)
        return reranked(hits, found.attributes, self._preferences, today)

    def _reread(
        self, hits: tuple[FusedHit, ...], request: SearchRequest, query: Query
    ) -> tuple[FusedHit, ...]:
        """The first hits in the order of a second model, as far as there is one and in time.

        It is given the passages that the reader may read now, by the same filter.
        """
        model = self._second_model
        if model is None or not request.question.words:
            return hits
        ids = tuple(hit.document_id for hit in hits[: model.reading.documents])
        asked = ShowRequest(request.access, ids, request.question, request.vector, passages=1)
        asked = replace(asked, marked=False)
        shown = [one for one in self._index.show(asked) if one.passages] if ids else []
        texts = [passage_text(one.card.title, one.passages[0].passage) for one in shown]
        scores = model.scores(request.question.words, texts, first_page=query.page == 1)
        if scores is None:
            return hits
        told = {one.card.document_id: score for one, score in zip(shown, scores, strict=True)}
        return reread(hits, told, model.reading.weight)

    @property
    def _bars(self) -> ModelBars:
        return self._measured or known_bars(self._encoder.name)

    def _window(self, request: SearchRequest, found: SearchAnswer) -> tuple[FusedHit, ...]:
        """All that was found, in the order that serves."""
        ranker = self._ranker.ranker(self._encoder.name)
        words = request.question.words
        hits = tuned_window(found, request.vector, words, ranker)
        return placed(hits, found.attributes, place_in(words))

    def _encoded(self, question: Question) -> Vectors | None:
        """Of the words typed: an expansion says the same to a vector."""
        words = question.words
        return self._encoder.queries([words])[0] if words else None

    def _cut(self, request: SearchRequest) -> bool:
        """Whether the vector is that of a part of the question."""
        words = request.question.words
        return request.vector is not None and self._encoder.beginning(words) != words

    def _copies(self, read: DocumentText, signed: bytes, access: AccessFilter) -> tuple[str, ...]:
        """Other places of a text that are readable, among the nearest to its beginning."""
        nearest = SearchRequest(
            access,
            Question(),
            vector=read.beginning,
            with_attributes=True,
            counted=False,
            facets=(),
        )
        found = self._index.search(nearest)
        return tuple(
            hit.document_id
            for hit in found.vector
            if hit.document_id != read.card.document_id
            and (mark := found.attributes.get(hit.document_id))
            and same_text(signed, mark.text_signature)
        )

    def _bets(self, question: Question, access: AccessFilter) -> tuple[BestBet, ...]:
        return shown_bets(self._best_bets.bets(question), self._index, access)

    def _shown(
        self, page: Sequence[RankedResult], request: SearchRequest
    ) -> tuple[Sequence[ShownDocument], dict[str, Card]]:
        """(the page's documents, cards of these, of their copies and of what they name).

        As far as the reader may read them.
        """
        ids = tuple(one.hit.document_id for one in page)
        copies = tuple(copy for one in page for copy in one.copies[:MOST_COPIES])
        asked = ShowRequest(request.access, ids, request.question, request.vector, PASSAGES)
        found = self._index.show(replace(asked, successors=True, by_card=copies))
        on_page = set(ids)
        shown = [one for one in found if one.card.document_id in on_page]
        if threads := conversations(one.card for one in shown):
            whole = replace(asked, document_ids=threads, passages=CONVERSATION_PASSAGES)
            # What may not be read any more since the first reading is left out.
            read = {one.card.document_id: one.passages for one in self._index.show(whole)}
            shown = [
                replace(one, passages=read.get(one.card.document_id, one.passages))
                for one in shown
                if one.card.document_id in read or one.card.document_id not in threads
            ]
        cards = {one.card.document_id: one.card for one in found}
        said = {name for one in shown for name in (*one.card.replaces, one.card.part_of) if name}
        if missing := tuple(sorted(said - cards.keys())):
            others = self._index.show(ShowRequest(request.access, missing, Question(), passages=0))
            cards |= {one.card.document_id: one.card for one in others}
        return shown, cards


NOTHING_COUNTED = ResultCounts(0, 0, worded_more=False, reachable=0, beyond=False)
"""The counts of a page whose documents are only near the question."""


def _counts(found: SearchAnswer, request: SearchRequest, reachable: int) -> ResultCounts:
    """A ranking shorter than the window has everything that matches, as has a set within it."""
    members = _ids(found.lexical) | _ids(found.vector) if found.members is None else found.members
    worded = len(_ids(found.lexical) & members)
    return ResultCounts(
        total=found.total,
        worded=max(worded, found.total - len(_ids(found.vector) & members)),
        worded_more=len(found.lexical) >= request.window and found.total > len(members),
        reachable=reachable,
        beyond=found.total > len(members),
    )


def _left_out(found: SearchAnswer) -> bool:
    """Whether the rankings hold something that is not in the result set."""
    ranked = _ids(found.lexical) | _ids(found.vector)
    return found.members is not None and bool(ranked - found.members)


def _without(found: SearchAnswer, ids: Collection[str]) -> SearchAnswer:
    """Return the answer with these documents removed from both rankings."""
    lexical, vector = (
        tuple(hit for hit in ranking if hit.document_id not in ids)
        for ranking in (found.lexical, found.vector)
    )
    return replace(found, lexical=lexical, vector=vector)


def _ids(ranking: Sequence[SearchHit]) -> frozenset[str]:
    return frozenset(hit.document_id for hit in ranking)


def _first_of(found: SearchAnswer, window: int) -> SearchAnswer:
    """The first hits of each ranking, which its total and facets are of, with their marks."""
    if max(len(found.lexical), len(found.vector)) <= window:
        return found
    lexical, vector = found.lexical[:window], found.vector[:window]
    kept = found.attributes.keys() & (_ids(lexical) | _ids(vector))
    attributes = {id_: mark for id_, mark in found.attributes.items() if id_ in kept}
    return replace(found, lexical=lexical, vector=vector, attributes=attributes)


def _by_date(query: Query, question: Question) -> bool:
    return query.order is ResultOrder.DATE or not question.names_something
