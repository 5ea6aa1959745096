"""The `Index` on OpenSearch: sends requests and reads their answers."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from opensearchpy import OpenSearch

from connectors.batches import batches
from connectors.values import Access
from indexer.access import AccessFilter
from indexer.cards import either_form
from indexer.highlighting import question_terms
from indexer.opensearch import access_changes, answers, contents, requests
from indexer.opensearch.access_changes import PAGE, AccessLists, DocumentPlacement
from indexer.opensearch.access_lists import (
    ListKey,
    ReadableLists,
    lists_index_body,
    readable_lists,
)
from indexer.opensearch.alias import Alias
from indexer.opensearch.bulk import BulkAction, last_words, move_line, put_line, remove_line
from indexer.opensearch.schema import ADDED_FIELDS, Body, index_body, quantisation_of
from indexer.quantisation import WHOLE_INDEX, IndexLayout
from indexer.relevance import aside_parts
from indexer.suggestions import NearWord, max_edits
from indexer.values import (
    FACETS,
    WITHHELD,
    DocumentText,
    IndexedDocument,
    IndexEntry,
    Put,
    PutAccess,
    Remove,
    SearchAnswer,
    SearchRequest,
    ShownDocument,
    ShowRequest,
    Suggestion,
    Write,
    WriteReport,
)

CARDS_AT_ONCE = 200
"""Number of documents that one search unpacks; further searches run in parallel."""

READERS_REMEMBERED, LISTS_REMEMBERED = 64, 1_000
"""Number of readers whose lists are cached, and the maximum number of lists of such a reader."""

Request = tuple[Body, Body]
"""A search as (header, body); the header says how and where to search."""

BACK_OFF_S = 0.5
"""First pause before a rejected write is sent again, in seconds; it doubles."""


class OpenSearchIndex:
    """Documents behind an alias, and their access lists behind `{alias}-access`.

    A source has one writer at a time: two writers could count a list's documents while the other
    adds some. An index of another schema is refused.
    """

    def __init__(
        self,
        client: OpenSearch,
        alias: str,
        dimension: int,
        layout: IndexLayout = WHOLE_INDEX,
        *,
        replicas: int | None = None,
        back_off_s: float = BACK_OFF_S,
    ) -> None:
        """`layout` only applies if the index is created.

        `replicas` applies to existing indexes too (None: unchanged).
        """
        self._documents = Alias(client, alias, back_off_s)
        self._lists = AccessLists(Alias(client, f"{alias}-access", back_off_s))
        self._dimension, self._replicas = dimension, replicas
        self._shards, self._quantisation = layout.shards, layout.quantisation
        self._ensured = self._copies_kept = False
        self._lacking: frozenset[str] = frozenset()
        self._last_lists: dict[AccessFilter, ReadableLists] = {}

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Apply the batch in order; durable and visible to the next search on return.

        The batch is reduced to one write per document, so that the order of writes does not matter.
        Lists are written before the documents that name them: an interruption only leaves lists
        that no document names. Raises `IndexUnreachable` or `IndexRefused`.
        """
        if not batch:
            return WriteReport(0)
        self._ensure()
        self._keep_copies()
        # Writes of an interrupted writer may not be visible yet, but count.
        self._documents.refresh()
        self._lists.alias.refresh()
        last = last_words(batch).values()
        failed = self._put_and_remove([w for w in last if not isinstance(w, PutAccess)])
        failed |= self._change_access(
            {w.document_id: w.access for w in last if isinstance(w, PutAccess)}
        )
        written = sum(write.document_id not in failed for write in batch)
        return WriteReport(written, tuple(failed.items()))

    def _put_and_remove(self, writes: Sequence[Put | Remove]) -> dict[str, str]:
        """Write and delete documents; return (document id → reason of refusal)."""
        if not writes:
            return {}
        keys = {
            write.indexed.document.id: ListKey(
                write.indexed.document.source,
                write.indexed.document.space,
                write.indexed.document.access,
            )
            for write in writes
            if isinstance(write, Put)
        }
        names, failed = self._lists_for(keys)
        # Built one by one while they are sent: vectors as text are large.
        lines = (
            _line(write, names, self._lacking)
            for write in writes
            if write.document_id not in failed
        )
        return failed | self._documents.send(lines)

    def _change_access(self, changes: Mapping[str, Access]) -> dict[str, str]:
        """Change the access of documents; return (document id → reason of refusal)."""
        if not changes:
            return {}
        placements = self._placements(list(changes))
        names = {placement.access_list for placement in placements.values()}
        plan = access_changes.plan(
            changes, placements, self._sizes(names), self._lists.held_by(names)
        )
        refused = self._lists.rewrite(plan.rewritten)
        failed = {
            document_id: refused[placement.access_list]
            for document_id, placement in placements.items()
            if placement.access_list in refused
        }
        # Only now, since rewritten lists must not be joined.
        names_of, unlisted = self._lists_for(plan.moved)
        moves = [move_line(document_id, name) for document_id, name in names_of.items()]
        return failed | unlisted | (self._documents.send(moves) if moves else {})

    def _lists_for(self, keys: Mapping[str, ListKey]) -> tuple[dict[str, str], dict[str, str]]:
        """Return (document id → list) and (document id → reason why it has none)."""
        joined = self._lists.join(keys.values())
        names = {id_: joined.names[key] for id_, key in keys.items() if key in joined.names}
        failed = {id_: joined.refused[key] for id_, key in keys.items() if key in joined.refused}
        return names, failed

    def _placements(self, document_ids: Sequence[str]) -> dict[str, DocumentPlacement]:
        placements: dict[str, DocumentPlacement] = {}
        for page in batches(document_ids, PAGE):
            answer = self._documents.search(access_changes.placements_of(page))
            placements |= access_changes.read_placements(answer)
        return placements

    def _sizes(self, names: set[str]) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for page in batches(sorted(names), PAGE):
            answer = self._documents.search(access_changes.sizes_of(page))
            sizes |= access_changes.read_sizes(answer)
        return sizes

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """Return the entries of these documents by id, without documents that are not indexed."""
        self._ensure()
        # Writes of an interrupted writer may not be visible yet, but count.
        self._documents.refresh()
        hits: list[Body] = []
        for page in batches(document_ids, PAGE):
            hits += self._documents.search(contents.kept_documents(page))["hits"]["hits"]
        held = self._lists.held_by({answers.list_of(hit) for hit in hits})
        return {entry.document_id: entry for entry in (answers.entry_of(hit, held) for hit in hits)}

    def flush(self) -> None:
        """Finish or refuse pending writes; delete lists that no document names.

        No other writer may be active, because it could use a list that is being deleted.
        """
        self._ensure()
        self._lists.alias.flush()
        self._documents.flush()
        for names in batches(sorted(self._lists.names()), PAGE):
            named = self._sizes(set(names))
            self._lists.forget([name for name in names if not named.get(name)])

    def expunge(self) -> None:
        """Erase deleted documents from disk; this takes at least half a minute."""
        self._ensure()
        self._documents.expunge()

    def fill(self) -> None:
        """Return None, because a cluster has no fixed limit."""

    def probe(self) -> None:
        """Do nothing: see `Index.probe`."""

    def verify(self) -> None:
        """Do nothing: see `Index.verify`."""

    def count(self, source: str) -> int:
        """Return the number of indexed documents of a source."""
        self._ensure()
        return int(self._documents.search(contents.counted(source))["hits"]["total"]["value"])

    def sources(self) -> frozenset[str]:
        """Return the sources that have at least one indexed document."""
        self._ensure()
        self._documents.refresh()
        return contents.read_sources(self._documents.search(contents.sources_kept()))

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """Yield these documents as they are indexed now.

        Few are read at once: vectors are large.
        """
        self._ensure()
        self._documents.refresh()
        wanted = list(document_ids)
        for page in batches(wanted, contents.WHOLE_PAGE):
            answer = self._documents.search(contents.whole_documents(page))
            held = self._lists.held_by(contents.lists_named(answer))
            yield from contents.read_whole(answer, held, self._dimension)

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield every indexed document of a source by id; the engine keeps no state."""
        self._ensure()
        held = self._lists.of_source(source)
        for hit in self._documents.each(contents.scanned(source)):
            yield answers.entry_of(hit, held)

    def denials(self, source: str) -> Mapping[str, int]:
        """Return the denied principals of a source, and how many documents deny each."""
        self._ensure()
        self._documents.refresh()
        held = self._lists.of_source(source)
        denying = {name: access.denied for name, access in held.items() if access.denied}
        counted: Counter[str] = Counter()
        for name, count in self._sizes_in(source, denying):
            counted.update(dict.fromkeys(denying[name], count))
        return dict(counted)

    def without_readers(self, source: str) -> int:
        """Return how many documents of a source name no reader."""
        self._ensure()
        self._documents.refresh()
        held = self._lists.of_source(source)
        closed = [
            name for name, access in held.items() if not access.allowed and access != WITHHELD
        ]
        return sum(count for _, count in self._sizes_in(source, closed))

    def _sizes_in(self, source: str, lists: Collection[str]) -> Iterator[tuple[str, int]]:
        """Yield (name, number of the source's documents with it) of access lists."""
        for page in batches(sorted(lists), PAGE):
            answer = self._documents.search(access_changes.sizes_in(source, page))
            yield from access_changes.read_sizes(answer).items()

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Return the accounts that contributed to at least one indexed document."""
        keys = either_form(accounts)
        self._ensure()
        signed: set[str] = set()
        for page in batches(sorted(keys), PAGE):
            signed |= contents.read_signed(self._documents.search(contents.signed_by(page)))
        return frozenset(keys[key] for key in signed)

    def search(self, request: SearchRequest) -> SearchAnswer:
        """Return rankings and counts, if possible from one round trip."""
        made: list[requests.Searches] = []

        def ask(lists: ReadableLists) -> list[Request]:
            made.append(requests.searches(request, lists, self._shards, self._quantisation))
            return requests.together(made[-1], request.question)

        lists, answered = self._under_lists(request.access, ask)
        searches, parts = made[-1], iter(answered)
        bodies = (searches.lexical, searches.vector, searches.counts, searches.weights)
        *rankings, weights = (next(parts) if body else None for body in bodies)
        answer = answers.search_answer(searches, *rankings)
        if weights:
            return self._cut(request, lists, answer, weights)
        return self._counted(request, lists, answer) if searches.counted_after else answer

    def _under_lists(
        self, access: AccessFilter, ask: Callable[[ReadableLists], list[Request]]
    ) -> tuple[ReadableLists, list[Body]]:
        """Return the lists that the reader may read now, and the answers under these lists.

        The request is sent with the lists of the reader's last request, and together with a request
        for the current lists. If they differ, the answers are discarded and requested again.
        """
        self._ensure()
        expected = self._last_lists.get(access)
        if expected is None:
            lists = self._lists.readable(access)
        else:
            sent = [({"index": self._lists.alias.name}, readable_lists(access)), *ask(expected)]
            confirming, *answered = self._documents.search_many(sent)
            lists = self._lists.read(confirming, access)
            if lists == expected:
                return lists, answered
        self._remember(lists)
        return lists, self._documents.search_many(ask(lists))

    def _remember(self, lists: ReadableLists) -> None:
        """Remember the lists for the reader's next request, which checks them again."""
        if len(self._last_lists) >= READERS_REMEMBERED:
            self._last_lists.clear()
        self._last_lists.pop(lists.access, None)
        if 0 < len(lists.names) <= LISTS_REMEMBERED:
            self._last_lists[lists.access] = lists

    def _counted(
        self, request: SearchRequest, lists: ReadableLists, answer: SearchAnswer
    ) -> SearchAnswer:
        """Add total and facets, now that the first answer gave the W nearest documents."""
        body = requests.counts_of(request, lists, (), answers.close(answer, request))
        return replace(answer, **answers.counted(self._documents.search(body)))

    def _cut(
        self, request: SearchRequest, lists: ReadableLists, answer: SearchAnswer, weights: Body
    ) -> SearchAnswer:
        """Apply the cut, which needs the weights of the words: a second round trip."""
        shares = answers.shares(weights, len(aside_parts(request.question)))
        close = answers.close(answer, request)
        worded = [hit.document_id for hit in answer.lexical[: request.window]]
        sent: list[Request] = []
        if worded:
            sent.append(({}, requests.members_of(request, lists, shares, worded)))
        if request.counted:
            sent.append(({}, requests.counts_of(request, lists, shares, close)))
        parts = self._documents.search_many(sent) if sent else []
        shares_by_id = answers.document_shares(parts[0]) if worded else {}
        counted = answers.counted(parts[-1]) if request.counted else {}
        shares_of_hits = {id_: min(share, 1.0) for id_, share in shares_by_id.items() if share > 0}
        return replace(
            answer, members=frozenset({*shares_by_id, *close}), said=shares_of_hits, **counted
        )

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """Return the documents in the order of `document_ids`, then of `by_card`.

        Documents that the reader may not read are left out. All requests share one round trip;
        cards are split over several requests, which the engine runs in parallel.
        """
        whole, alone = request.document_ids, request.by_card
        if not request.passages and not request.successors:
            whole, alone = (), (*whole, *alone)
        if not whole and not alone:
            return ()
        pages_of_cards = [
            replace(request, document_ids=tuple(ids)) for ids in batches(alone, CARDS_AT_ONCE)
        ]
        same = requests.same_copies(request.question)

        def ask(lists: ReadableLists) -> list[Request]:
            sent = [(same, requests.shown_documents(request, lists))] if whole else []
            if whole and request.successors:
                sent.append((same, requests.successors_of(request, lists)))
            return [*sent, *(({}, requests.cards(page, lists)) for page in pages_of_cards)]

        _, answered = self._under_lists(request.access, ask)
        cut = len(answered) - len(pages_of_cards)
        documents, others = answered[:cut], answered[cut:]
        terms = question_terms(request.question) if request.marked else frozenset()
        shown_by_id = answers.shown(documents[0], terms, *documents[1:]) if documents else {}
        cards = {card.document_id: card for answer in others for card in answers.cards(answer)}
        shown = [shown_by_id[id_] for id_ in whole if id_ in shown_by_id]
        return (*shown, *(ShownDocument(cards[id_], ()) for id_ in alone if id_ in cards))

    def read(self, access: AccessFilter, document_id: str) -> DocumentText | None:
        """Return the document and its passages, from one request with the reader's lists."""
        _, answered = self._under_lists(
            access, lambda lists: [({}, requests.document_text(access, lists, document_id))]
        )
        return answers.document_text(answered[0])

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Return titles with words that begin with the typed ones, ignoring accents and case."""
        _, answered = self._under_lists(
            access, lambda lists: [({}, requests.suggested_titles(access, lists, prefix))]
        )
        return answers.suggestions(answered[0], prefix, limit)

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """Return similar words for each word that no readable document has."""
        if not words:
            return {}
        lists, answered = self._under_lists(
            access, lambda lists: [({}, contents.word_request(access, lists, w)) for w in words]
        )
        pairs = zip(words, answered, strict=True)
        near: dict[str, tuple[NearWord, ...]] = {
            w: () for w, a in pairs if not contents.word_found(a)
        }
        for slips in (1, 2):
            missing = [w for w, ones in near.items() if not ones and max_edits(w) >= slips]
            sent: list[Request] = [
                ({}, contents.near_documents(access, lists, w, slips)) for w in missing
            ]
            answered = self._documents.search_many(sent) if sent else []
            pairs = zip(missing, answered, strict=True)
            near |= {w: contents.near(answer, w, slips) for w, answer in pairs}
        return near

    def _ensure(self) -> None:
        """Create missing indexes. Raises `IndexRefused` for those of another schema."""
        if self._ensured:
            return
        self._lists.alias.ensure(lists_index_body(self._replicas))
        body = index_body(self._dimension, self._shards, self._replicas, self._quantisation)
        made = self._documents.ensure(body)
        self._shards = int(made["settings"]["index"]["number_of_shards"])
        self._quantisation = quantisation_of(made["mappings"])
        self._lacking = ADDED_FIELDS.union(FACETS) - made["mappings"]["properties"].keys()
        self._ensured = True

    def _keep_copies(self) -> None:
        """Set the number of replicas, once in each writing process; the engine makes them later."""
        if self._replicas is not None and not self._copies_kept:
            self._lists.alias.keep_copies(self._replicas)
            self._documents.keep_copies(self._replicas)
        self._copies_kept = True


def _line(write: Put | Remove, names: Mapping[str, str], lacking: Collection[str]) -> BulkAction:
    if isinstance(write, Put):
        return put_line(write.indexed, names[write.indexed.document.id], lacking)
    return remove_line(write.document_id)
