"""Search under a reader's rights: hits of a query, result pages, windows. Read `Search` first."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from expertise.places import place_in
from expertise.values import AccountDirectory, RankedDocument, Window
from expertise.votes import RANKING_DEPTH, VOTERS, WHOLE_PARTS, counting_contributions, only_asks
from indexer.access import NOBODY, AccessFilter, Reader, access_filter
from indexer.french.stop_words import ENGLISH_WORDS
from indexer.near_duplicates import same_text, signature
from indexer.passages import passage_text
from indexer.ports import Encoder, Index
from indexer.relevance import says_nothing
from indexer.suggestions import NearWord
from indexer.values import (
    Byline,
    Card,
    DateRange,
    DocumentText,
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
from search_api.query.parser import ParsedQuery, QueryParser
from search_api.query.query import Query, ResultOrder, read_prefix, was_shortened
from search_api.ranking.answered import (
    ANSWERED,
    NEAR_DOCUMENTS,
    any_answers,
    features,
    lack_what_is_asked,
)
from search_api.ranking.direct_answer import read_sentences
from search_api.ranking.fusion import (
    FusedHit,
    ModelBars,
    fuse,
    known_bars,
    requiring_all_words,
    unfused,
)
from search_api.ranking.pinned import MOST_PINNED, matching_pins
from search_api.ranking.placed import placed
from search_api.ranking.reranking import (
    Successors,
    grouped_by_date,
    reranked,
    reranked_documents,
)
from search_api.ranking.results import (
    CONVERSATION_PASSAGES,
    PASSAGES,
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
from search_api.ranking.search_configuration import SearchConfiguration
from search_api.ranking.window import (
    MOST_ON_TOPIC,
    answering,
    expecting,
    near_hits,
    on_topic,
    ordered_window,
)
from search_api.wording import in_force

PASSAGES_READ_OF = 50
"""Number of first documents whose passages are read to find who wrote the answer."""

LEAST_SAID = 0.2
"""Minimum share of a question's information that a document must contain, if no cut is known for
the encoder (decision 35).
"""

_NEAR_IN_NO_CASE = 2.0
"""A threshold above any cosine."""

PARTS_READ = 3
"""Passages read of each document: the question itself is the most similar, answers come after it.
"""


def with_several_authors(cards: Sequence[Card]) -> tuple[str, ...]:
    """Return the ids of the first documents whose parts were written by several accounts."""
    return tuple(
        card.document_id
        for card in cards[:PASSAGES_READ_OF]
        if card.signed and len(_writers(card)) > 1
    )


def answering_accounts(shown: Iterable[ShownDocument]) -> Mapping[str, str]:
    """Return, by document, the account that wrote the best passage of a counting contributor."""
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
"""Maximum number of other places of a text that are shown."""

JUDGED = 10
"""Number of first documents by which the engine estimates whether documents answer."""

OF_A_PERSON = 30
"""Maximum number of documents, on all pages together, for a query narrowed to a person: otherwise
the last page would tell how many documents they wrote.
"""


class Retriever(StrEnum):
    """Rankings that are used; `hybrid`, both rankings fused, is what readers get."""

    LEXICAL = "lexical"
    VECTOR = "vector"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class SearchHits:
    """The hits of one search for a reader, from which a page and the experts' window are made.

    `request` is the request to the index, `found` its two rankings. They are `deep` enough for the
    experts' window if the request is for the question alone (see `Search.unnarrowed`). `pinned`:
    ids of the documents that come first by a pinned question.
    """

    query: Query
    reader: Reader
    parsed: ParsedQuery
    request: SearchRequest
    found: SearchAnswer
    deep: bool
    pinned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A whole document. `voices[i]` is the author of `passages[i]` in a conversation.

    `answering` is the passage that answers the question, None without a question.
    """

    result: Result
    question: Question
    passages: tuple[Passage, ...]
    voices: tuple[DocumentAuthor | None, ...]
    answering: ShownPassage | None


class Search:
    """Searches under a reader's rights. Read `hits`, then `page` and `window`."""

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        directory: AccountDirectory,
        configuration: SearchConfiguration = SearchConfiguration(),  # noqa: B008 - frozen, and without a state
    ) -> None:
        self._index, self._encoder, self._directory = index, encoder, directory
        self._configuration = configuration
        self._preferences = configuration.preferences
        self._order, self._topics = configuration.order, configuration.topics
        self._pinned_questions = configuration.pinned
        self._parser = QueryParser(index, configuration.authors, configuration.glossary)
        self._measured, self.reranker = configuration.bars, configuration.reranker
        self.glossary = configuration.glossary

    def on(self, index: Index) -> "Search":
        """Return the same search on another index, for an evaluation."""
        return Search(index, self._encoder, self._directory, self._configuration)

    def probe(self) -> None:
        """Check the index, then search a word without any rights, which finds nothing.

        Raises the errors of a search, and `IndexDamaged`.
        """
        self._index.probe()
        nobody = access_filter(NOBODY)
        self._index.search(SearchRequest(nobody, Question("service"), window=1, facets=()))

    def answer(self, query: Query, reader: Reader, today: date) -> Results:
        """Return one page of results. Raises `IndexUnreachable`."""
        return self.page(self.hits(query, reader), today)

    def hits(self, query: Query, reader: Reader, *, with_experts: bool = False) -> SearchHits:
        """Parse, encode and search a query, once.

        `with_experts`: make the rankings deep enough for `window`, unless the page is narrowed,
        widened or ordered in a way that the search for experts ignores. Raises `IndexUnreachable`.
        """
        access = access_filter(reader)
        parsed = self._parser.read(query.text, access, query.filters)
        request = self._request(parsed, access, order=query.order)
        request = replace(request, documents=query.only)
        if says_nothing(parsed.question):
            return SearchHits(query, reader, parsed, request, SearchAnswer((), (), 0, {}), False)
        usual = not query.wide and not _by_date(query, parsed.question)
        if usual:
            request = replace(request, cut=self._bars.cut)
        narrowed = query.filters or parsed.bylines or query.only is not None
        deep = with_experts and usual and not narrowed
        depth = RANKING_DEPTH if deep else 0
        counted = not parsed.of_a_person
        found = self._index.search(replace(request, depth=depth, counted=counted))
        if query.wide:
            found = self._with_said(request, found)
        return SearchHits(query, reader, parsed, request, found, deep)

    def unnarrowed(self, hits: SearchHits) -> SearchHits:
        """Return the hits of the question alone, for its first page.

        They decide whether documents answer and who knows. Filters, order, width and number of the
        page do not change them; only operators in the question itself narrow them. Hits of a
        question without a word are returned unchanged. Raises `IndexUnreachable`.
        """
        query, parsed = hits.query, hits.parsed
        if not parsed.question.names_something or says_nothing(parsed.question):
            return hits
        if hits.deep and query.page == 1 and query.page_size >= JUDGED and not parsed.narrowed:
            return hits
        query, parsed = Query(query.text), replace(parsed, parts=())
        if hits.deep:
            return replace(hits, query=query, parsed=parsed)
        parsed = replace(parsed, filters=parsed.typed_filters, bylines=())
        request = self._request(parsed, hits.request.access, vector=hits.request.vector)
        found = self._index.search(self._deep(request))
        if self._bars.cut is None:
            found = replace(found, members=None)
        request = replace(request, cut=self._bars.cut)
        return SearchHits(query, hits.reader, parsed, request, found, deep=True)

    def page(self, hits: SearchHits, today: date) -> Results:
        """Return one page of the fused window, and whether its documents answer.

        Order and scores are the same on every page. Raises `IndexUnreachable`.
        """
        hits = self._with_pinned(hits)
        window = self._in_order(hits, today)
        return self._judged(hits, window, self._page(hits, window, today), today)

    def _with_pinned(self, hits: SearchHits) -> SearchHits:
        """Return the hits with the documents that pinned questions put first.

        These are documents that the reader may read and that the query's filters and operators
        admit, if their text is still the one that answers. A query in date order has none.
        """
        request, found, question = hits.request, hits.found, hits.parsed.question
        if _by_date(hits.query, question) or says_nothing(question):
            return hits
        pins = matching_pins(self._pinned_questions(), question.words)
        admitted = pins.keys() if request.documents is None else pins.keys() & request.documents
        if not admitted:
            return hits
        only = replace(
            request,
            question=replace(question, text="", expansions=()),
            vector=None,
            documents=tuple(sorted(admitted)),
            cut=None,
            newest_first=True,
            counted=False,
            facets=(),
        )
        readable = self._index.search(only)
        texts = self.text_hashes([hit.document_id for hit in readable.lexical])
        pinned = tuple(id_ for id_, text in sorted(texts.items()) if text in pins[id_])[
            :MOST_PINNED
        ]
        ranked = _ids(found.lexical) | _ids(found.vector)
        missing = tuple(SearchHit(id_, 0.0) for id_ in pinned if id_ not in ranked)
        first = found.lexical[: request.window - len(missing)]
        members = found.members if found.members is None else found.members | set(pinned)
        found = replace(
            found,
            lexical=(*first, *missing),
            total=max(found.total, len(ranked | set(pinned) if members is None else members)),
            attributes={**readable.attributes, **found.attributes},
            members=members,
        )
        return replace(hits, found=found, pinned=pinned)

    def _in_order(self, hits: SearchHits, today: date) -> tuple[FusedHit, ...]:
        """Return all hits of the window in the order of the pages."""
        found = _first_of(hits.found, hits.request.window)
        window = self._reranked(hits.query, hits.request, found, today, hits.pinned)
        return window[:OF_A_PERSON] if hits.parsed.of_a_person else window

    def _page(self, hits: SearchHits, window: Sequence[FusedHit], today: date) -> Results:
        """Return the page without estimating whether its documents answer."""
        query, parsed, request = hits.query, hits.parsed, hits.request
        found = _first_of(hits.found, request.window)
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
        )

    def _judged(
        self, hits: SearchHits, window: Sequence[FusedHit], results: Results, today: date
    ) -> Results:
        """Estimate whether the first documents answer; keep only a few if none comes near enough.

        The estimate is the same on every page and for every size of a page. A search narrowed by
        filters, operators or quotes keeps all of its documents, because they were asked for; so
        does a page that `wide` asks for or that is ordered by date. Without known bars of the
        encoder, any document counts as an answer.
        """
        query, parsed, request = hits.query, hits.parsed, hits.request
        if request.cut is None or request.vector is None:
            return replace(results, answered=bool(window))
        first = results
        if query.page > 1 or query.page_size < JUDGED:
            begun = replace(query, page=1, page_size=JUDGED)
            first = self._page(replace(hits, query=begun), window, today)
        vector = hits.found.vector[: request.window]
        bar = self._bars.far_cosine
        values = features(first.results[:JUDGED], vector, parsed.question, bar)
        if query.page == 1:
            results = replace(results, features=values)
        lacking = lack_what_is_asked(first.results, parsed.question, today)
        asked_for = (
            query.filters,
            parsed.narrowed,
            parsed.question.phrases,
            parsed.question.any_of,
        )
        chosen = hits.pinned or query.only is not None or any(asked_for)
        if not chosen and (lacking or not any_answers(values)):
            return self._near(hits, results, today)
        reading = read_sentences(replace(first, features=values), today)
        sure = any_answers(values, ANSWERED) and not reading.lacks
        answered = bool(first.results) and (bool(chosen) or sure)
        direct = reading.direct if query.page == 1 else None
        return replace(results, answered=answered, direct=direct)

    def _near(self, hits: SearchHits, results: Results, today: date) -> Results:
        """Return the page with only the few nearest documents, without counts and facets."""
        most = min(NEAR_DOCUMENTS, hits.query.page_size) if hits.query.page == 1 else 0
        near = results.results[:most]
        asked = hits.parsed.question.text.lower().split()
        # A question in another language shares no words with French documents: only vectors find
        # them. A single unknown word has no near documents.
        by_sense = len(asked) > 1 if not near else not ENGLISH_WORDS.isdisjoint(asked)
        if len(near) < most and by_sense:
            wide, found = replace(hits.query, wide=True), replace(hits.found, members=None)
            widened = replace(hits, query=wide, found=found)
            others = self._page(widened, self._in_order(widened, today), today).results
            shown = {one.card.document_id for one in near}
            near = (*near, *(one for one in others if one.card.document_id not in shown))
        return replace(
            results,
            results=near[:most],
            answered=False,
            few=True,
            counts=NOTHING_COUNTED,
            facets={},
            more=False,
        )

    def window(self, hits: SearchHits) -> Window:
        """Return the fused window of voting documents, with their cards.

        It is empty if the question has no topic. Unanswered questions are left out: they show no
        knowledge, and because scores are relative, they would lower the people who have it.

        It is the window of the `unnarrowed` hits: under a filter by person, the votes would only
        count what that person wrote. Raises `IndexUnreachable`.
        """
        question = hits.parsed.question
        if not question.names_something or says_nothing(question):
            return Window(())
        hits = self.unnarrowed(hits)
        request, found = replace(hits.request, cut=None), hits.found
        ranked = fuse(found.lexical, found.vector, VOTERS)
        ids = tuple(hit.document_id for hit in ranked)
        shown = self._index.show(ShowRequest(request.access, ids, Question(), passages=0))
        cards = {one.card.document_id: one.card for one in shown}
        asking = {id_ for id_, card in cards.items() if only_asks(card)}
        if asking:
            found = _without(found, asking)
            ranked = fuse(found.lexical, found.vector, VOTERS)
        authors = self._answering(request, list(cards.values()))
        read = [hit for hit in ranked if hit.document_id in cards]
        gains = near_hits(read, found.attributes) if request.vector is not None else {}
        said = self._said(request, found)
        gained = [hit._replace(score=hit.score + gains.get(hit.document_id, 0.0)) for hit in read]
        paged = answering(gained, replace(found, said=said))
        if request.vector is not None and self._bars.spread is not None:
            paged = expecting(paged, found.attributes, request.vector)
        places = {hit.document_id: place for place, hit in enumerate(paged, 1)}
        documents = tuple(
            RankedDocument(
                cards[hit.document_id],
                hit.score,
                authors.get(hit.document_id, ""),
                gains.get(hit.document_id, 0.0),
                said.get(hit.document_id, 0.0),
                places[hit.document_id],
            )
            for hit in read
        )
        closest = found.vector[0].score if found.vector else 1.0
        far = closest < self._bars.far_cosine and not self._has_all_words(request, asking)
        return Window(documents, closest=closest, far=far)

    def window_of(self, text: str, reader: Reader) -> Window:
        """Return the window of a question without a result page. Raises `IndexUnreachable`."""
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
        """Return a whole document with the passage that answers; None if it is not readable.

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
        hit = FusedHit(document_id, 0.0, 0.0, None, 0.0, None, copies=copies)
        request = SearchRequest(access, question, vector)
        shown, named = self._shown((hit,), request)
        if not shown:
            return None  # the reader lost access meanwhile
        marks = page_marks(shown, named)
        successors = Successors(marks, self._preferences.trust, today)
        others = tuple(one for one in copies if not successors.related(document_id, one))
        card = read.card
        agents = self._directory.by_account(row.account for row in card.contributions)
        page = (hit._replace(copies=others),)
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
        self, query: Query, reader: Reader, today: date, retriever: Retriever = Retriever.HYBRID
    ) -> tuple[FusedHit, ...]:
        """Return the documents of the window that `answer` pages through, or of one ranking.

        Each copy has its own place here; a page shows copies as one result. Raises
        `IndexUnreachable`.
        """
        access = access_filter(reader)
        parsed = self._parser.read(query.text, access, query.filters)
        request = self._request(parsed, access, retriever, query.order)
        found = self._index.search(replace(request, counted=False))
        if _by_date(query, parsed.question):
            return unfused(found.lexical)
        if retriever is Retriever.HYBRID:
            found = self._with_said(request, found)
        hits = self._window(request, found, today)
        if retriever is Retriever.HYBRID:
            hits = self._reread(hits, request, query)
        return reranked_documents(hits, found.attributes, self._preferences, today)

    def has_all_words(self, text: str, reader: Reader) -> bool:
        """Return whether a document that the reader may read has all words of a question."""
        access = access_filter(reader)
        parsed = self._parser.read(text, access)
        return self._has_all_words(self._request(parsed, access, Retriever.LEXICAL))

    def contributed(self, accounts: Sequence[str], reader: Reader) -> Mapping[str, int]:
        """Return, by source, how many readable documents these accounts contributed to."""
        if not accounts:
            return {}
        by = (Byline(tuple(sorted(accounts))),)
        access = access_filter(reader)
        asked = SearchRequest(access, Question(), bylines=by, window=1, facets=("source",))
        found = self._index.search(asked).facets.get("source", ())
        return {one.value: one.count for one in found}

    def readable_values(
        self, facets: Sequence[str], reader: Reader
    ) -> Mapping[str, tuple[str, ...]]:
        """Return, by facet, the sorted values of the documents that the reader may read."""
        found = self._parser.readable_values(facets, access_filter(reader))
        return {name: tuple(sorted(values)) for name, values in found.items()}

    def cards(self, document_ids: Sequence[str], reader: Reader) -> Mapping[str, Card]:
        """Return, by id, the cards of the documents that the reader may read now."""
        if not document_ids:
            return {}
        asked = ShowRequest(access_filter(reader), tuple(document_ids), Question(), passages=0)
        return {one.card.document_id: one.card for one in self._index.show(asked)}

    def text_hashes(self, document_ids: Collection[str]) -> Mapping[str, str]:
        """Return, by id, the hash of title and text of documents that the reader was shown.

        Rights are not checked: the ids come from an answer under rights. Raises `IndexUnreachable`.
        """
        kept = self._index.kept(list(document_ids)) if document_ids else {}
        return {id_: one.content_hash for id_, one in kept.items()}

    def written_before(
        self, accounts: Collection[str], reader: Reader, before: date
    ) -> Mapping[str, Card]:
        """Return the newest W documents of these accounts dated before a day, by id.

        Only documents that the reader may read. Raises `IndexUnreachable`.
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
        """Return titles that the reader may read and that begin with the typed text."""
        return self._index.suggest(access_filter(reader), read_prefix(prefix), limit)

    def past(self, document_ids: Sequence[str], reader: Reader, today: date) -> frozenset[str]:
        """Return the documents that are not in force or are replaced by a readable document."""
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
        """Return similar words for each folded word that no readable document contains."""
        return self._index.near_words(access_filter(reader), words)

    def _request(
        self,
        parsed: ParsedQuery,
        access: AccessFilter,
        retriever: Retriever = Retriever.HYBRID,
        order: ResultOrder = ResultOrder.RELEVANCE,
        vector: Vectors | None = None,
    ) -> SearchRequest:
        """Build the request. In date order only words count, because near documents are not news.

        `vector` is the question's vector, if it is encoded already.
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

    def _with_said(self, request: SearchRequest, found: SearchAnswer) -> SearchAnswer:
        """Return the answer with `said`, which orders its hits, although it has no cut."""
        if request.vector is None or self._bars.cut is None:
            return found
        return replace(found, said=self._said(request, found))

    def _deep(self, request: SearchRequest) -> SearchRequest:
        """Return the request with rankings deep enough for `window`, and a cut to get `said`."""
        cut = self._bars.cut or RelevanceCut(LEAST_SAID, _NEAR_IN_NO_CASE)
        return replace(request, depth=RANKING_DEPTH, cut=cut, facets=(), counted=False)

    def _answering(self, request: SearchRequest, cards: Sequence[Card]) -> Mapping[str, str]:
        """Return who wrote the answering part of the first documents with several authors."""
        ids = with_several_authors(cards)
        asked = ShowRequest(request.access, ids, request.question, request.vector, PARTS_READ)
        asked = replace(asked, marked=False)  # only their authors are read
        return answering_accounts(self._index.show(asked)) if ids else {}

    def _reranked(
        self,
        query: Query,
        request: SearchRequest,
        found: SearchAnswer,
        today: date,
        pinned: Collection[str] = (),
    ) -> tuple[FusedHit, ...]:
        """Return the window: fused and reranked, or in date order."""
        if _by_date(query, request.question):
            dated = unfused(found.lexical)
            return grouped_by_date(dated, found.attributes, self._preferences, today)
        # Use all fetched hits: grouped copies make room for the hits after them.
        hits = self._window(request, found, today)
        if found.members is not None:
            hits = tuple(hit for hit in hits if hit.document_id in found.members)
        hits = self._reread(hits, request, query)
        return reranked(hits, found.attributes, self._preferences, today, pinned=pinned)

    def _reread(
        self, hits: tuple[FusedHit, ...], request: SearchRequest, query: Query
    ) -> tuple[FusedHit, ...]:
        """Return the hits, the first ones in the order of the reranker.

        It gets the passages that the reader may read now, by the same filter.
        """
        ids = tuple(hit.document_id for hit in hits[: self.reranker.documents])
        if not ids or not request.question.words:
            return hits
        asked = ShowRequest(request.access, ids, request.question, request.vector, passages=1)
        passages = {
            shown.card.document_id: passage_text(shown.card.title, shown.passages[0].passage)
            for shown in self._index.show(replace(asked, marked=False))
            if shown.passages
        }
        first = query.page == 1
        return self.reranker.reordered(hits, request.question.words, passages, first_page=first)

    @property
    def _bars(self) -> ModelBars:
        return self._measured or known_bars(self._encoder.name)

    def _window(
        self, request: SearchRequest, found: SearchAnswer, today: date
    ) -> tuple[FusedHit, ...]:
        """Return all hits, fused, in the order of the configuration."""
        words = request.question.words
        encoder, spread = self._encoder.name, self._bars.spread
        hits = ordered_window(found, request.vector, words, encoder, self._order, spread)
        hits = placed(hits, found.attributes, place_in(words))
        if self._topics is None:
            return hits
        ids = [hit.document_id for hit in hits[:MOST_ON_TOPIC]]
        return on_topic(hits, self._topics.topics_of(ids, today))

    def _encoded(self, question: Question) -> Vectors | None:
        """Return the vector of the typed words; expansions would not change their meaning."""
        words = question.words
        return self._encoder.queries([words])[0] if words else None

    def _cut(self, request: SearchRequest) -> bool:
        """Return whether the vector covers only the beginning of the question."""
        words = request.question.words
        return request.vector is not None and self._encoder.beginning(words) != words

    def _copies(self, read: DocumentText, signed: bytes, access: AccessFilter) -> tuple[str, ...]:
        """Return readable copies of a text, among the documents nearest to its beginning."""
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

    def _shown(
        self, page: Sequence[FusedHit], request: SearchRequest
    ) -> tuple[Sequence[ShownDocument], dict[str, Card]]:
        """Return (documents of the page, cards of these, of their copies and of named documents).

        Only documents that the reader may read.
        """
        ids = tuple(one.document_id for one in page)
        copies = tuple(copy for one in page for copy in one.copies[:MOST_COPIES])
        asked = ShowRequest(request.access, ids, request.question, request.vector, PASSAGES)
        found = self._index.show(replace(asked, successors=True, by_card=copies))
        on_page = set(ids)
        shown = [one for one in found if one.card.document_id in on_page]
        if threads := conversations(one.card for one in shown):
            whole = replace(asked, document_ids=threads, passages=CONVERSATION_PASSAGES)
            # Leave out documents that the reader lost access to since the first reading.
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
"""Counts of a page whose documents are only near the question."""


def _counts(found: SearchAnswer, request: SearchRequest, reachable: int) -> ResultCounts:
    """Return the counts, given that a ranking or result set smaller than the window is complete."""
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
    """Return whether the rankings contain documents outside the result set."""
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
    """Return the first `window` hits of each ranking; total and facets stay the same."""
    if max(len(found.lexical), len(found.vector)) <= window:
        return found
    lexical, vector = found.lexical[:window], found.vector[:window]
    kept = found.attributes.keys() & (_ids(lexical) | _ids(vector))
    attributes = {id_: mark for id_, mark in found.attributes.items() if id_ in kept}
    return replace(found, lexical=lexical, vector=vector, attributes=attributes)


def _by_date(query: Query, question: Question) -> bool:
    return query.order is ResultOrder.DATE or not question.names_something
