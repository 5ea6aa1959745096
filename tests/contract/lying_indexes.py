"""Indexes that break the contract, each in one way; the contract has to reject them.

A lie replaces methods of an honest index by functions of that index and the method's arguments.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from connectors.values import EVERYONE, Access
from indexer.access import AccessFilter
from indexer.centroids import centroid
from indexer.ports import Index
from indexer.suggestions import NearWord
from indexer.values import (
    Byline,
    DateRange,
    HitAttributes,
    IndexedDocument,
    IndexEntry,
    Put,
    PutAccess,
    Question,
    Remove,
    SearchAnswer,
    SearchRequest,
    ShownDocument,
    ShownPassage,
    ShowRequest,
    Write,
    WriteReport,
)
from tests.builders import ENCODER

_TRUTH_TELLERS = frozenset({EVERYONE, "agent:a", "ldap:group:tresorerie", "ldap:group:x"})
OMNISCIENT = AccessFilter(_TRUTH_TELLERS, frozenset())

Lie = Mapping[str, Callable[..., Any]]
"""By the name of a method: what stands in its place."""
Change = Callable[[SearchRequest], SearchRequest]


class LyingIndex:
    """Passes everything on to an honest index, but for the methods of a lie."""

    def __init__(self, index: Index, lie: Lie) -> None:
        self._index, self._lie = index, lie

    def __getattr__(self, name: str) -> Any:
        lie = self._lie.get(name)
        return partial(lie, self._index) if lie else getattr(self._index, name)


def unfiltered(request: SearchRequest) -> SearchRequest:
    return replace(request, access=OMNISCIENT)


def access_with(**fields: Any) -> Change:
    return lambda request: replace(request, access=replace(request.access, **fields))


def question_with(**fields: Any) -> Change:
    return lambda request: replace(request, question=replace(request.question, **fields))


def asks(change: Change) -> Lie:
    """Search for something else than what is asked."""
    return {"search": lambda index, request: index.search(change(request))}


def takes(field: str, change: Change) -> Lie:
    """Take a field of the answer from the answer to another request."""

    def search(index: Index, request: SearchRequest) -> SearchAnswer:
        other = getattr(index.search(change(request)), field)
        return replace(index.search(request), **{field: other})

    return {"search": search}


def answers(change: Callable[[SearchRequest, SearchAnswer], SearchAnswer]) -> Lie:
    """Change the answer of a search."""
    return {"search": lambda index, request: change(request, index.search(request))}


def marks(change: Callable[[HitAttributes], HitAttributes]) -> Lie:
    """Change the marks of each hit."""
    return answers(
        lambda _, answer: replace(
            answer, attributes={id_: change(mark) for id_, mark in answer.attributes.items()}
        )
    )


def shows(**fields: Any) -> Lie:
    """Show what another request asks for."""
    return {"show": lambda index, request: index.show(replace(request, **fields))}


def shown(change: Callable[[ShownDocument], ShownDocument]) -> Lie:
    """Change each document that is shown."""
    return {"show": lambda index, request: tuple(map(change, index.show(request)))}


def documents(change: Callable[[IndexedDocument], IndexedDocument]) -> Lie:
    """Change each whole document."""
    return {"documents": lambda index, ids: map(change, index.documents(ids))}


def filters_after_the_window(index: Index, request: SearchRequest) -> SearchAnswer:
    honest = index.search(replace(request, window=10_000))
    seen = {hit.document_id for hit in (*honest.lexical, *honest.vector)}
    window = index.search(unfiltered(request))
    return replace(honest, vector=tuple(h for h in window.vector if h.document_id in seen))


def ranks_alone_before_rights(index: Index, request: SearchRequest) -> SearchAnswer:
    if request.counted:
        return index.search(request)
    seen = {hit.document_id for hit in index.search(replace(request, window=10_000)).lexical}
    crowd = index.search(unfiltered(request))
    kept = tuple(hit for hit in crowd.lexical if hit.document_id in seen)
    return replace(index.search(request), lexical=kept)


def changes_order_by_window(request: SearchRequest, answer: SearchAnswer) -> SearchAnswer:
    turned = request.window % 2 == 1
    return replace(answer, lexical=answer.lexical[::-1]) if turned else answer


def breaks_ties(_: SearchRequest, answer: SearchAnswer) -> SearchAnswer:
    order = sorted(answer.lexical, key=lambda hit: (-hit.score, hit.document_id[::-1]))
    return replace(answer, lexical=tuple(order))


def brings_the_best_passage(request: SearchRequest, answer: SearchAnswer) -> SearchAnswer:
    """Return as centroid that of a question which happens to be asked."""
    if request.vector is None:
        return answer
    nearest = centroid(request.vector[None, :])
    found = {one: mark._replace(centroid=nearest) for one, mark in answer.attributes.items()}
    return replace(answer, attributes=found)


def any_word_of_a_name(request: SearchRequest) -> SearchRequest:
    loose = tuple(Byline(one.accounts, one.words[:1]) for one in request.bylines)
    return replace(request, bylines=loose)


def without_the_end(request: SearchRequest) -> SearchRequest:
    return replace(request, period=request.period and DateRange(request.period.since))


def alternatives_as_words(request: SearchRequest) -> SearchRequest:
    asked = request.question
    return replace(request, question=replace(asked, text=asked.words, any_of=()))


def expansions_as_words(request: SearchRequest) -> SearchRequest:
    """Expansions count like typed words, so that many of them outweigh one word."""
    asked = request.question
    others = [other for one in asked.expansions for other in one.others]
    return replace(request, question=Question(" ".join((asked.text, *others))))


def spells_from_the_unreadable(
    index: Index, access: AccessFilter, words: Sequence[str]
) -> Mapping[str, tuple[NearWord, ...]]:
    everything = index.near_words(OMNISCIENT, words)
    return {word: everything.get(word, ()) for word in index.near_words(access, words)}


def knows_unreadable_words(
    index: Index, access: AccessFilter, words: Sequence[str]
) -> Mapping[str, tuple[NearWord, ...]]:
    """Words of unreadable documents count as known, as in an engine's suggester."""
    unknown = index.near_words(OMNISCIENT, words)
    return index.near_words(access, [word for word in words if word in unknown])


def shows_unreadable_cards(index: Index, request: ShowRequest) -> tuple[ShownDocument, ...]:
    others = replace(request, document_ids=(), access=OMNISCIENT)
    return (*index.show(replace(request, by_card=())), *index.show(others))


def names_unreadable_heirs(index: Index, request: ShowRequest) -> tuple[ShownDocument, ...]:
    everything = {
        one.card.document_id: one.successors
        for one in index.show(replace(request, access=OMNISCIENT))
    }
    return tuple(
        replace(one, successors=everything.get(one.card.document_id, ()))
        for one in index.show(request)
    )


def reads_out_the_beginning(index: Index, access: AccessFilter, document_id: str) -> Any:
    """Only the first passages are returned, as by an engine with a limit of nested rows."""
    found = index.read(access, document_id)
    return found and replace(found, passages=found.passages[:100])


def forgets_removals(index: Index, batch: Sequence[Write]) -> WriteReport:
    index.write([write for write in batch if not isinstance(write, Remove)])
    return WriteReport(written=len(batch))


def applies_in_any_order(index: Index, batch: Sequence[Write]) -> WriteReport:
    return index.write(sorted(batch, key=lambda write: isinstance(write, Put)))


def acknowledges_too_early() -> Lie:
    held: list[Sequence[Write]] = [()]

    def write(index: Index, batch: Sequence[Write]) -> WriteReport:
        index.write(held.pop())
        held.append(batch)
        return WriteReport(written=len(batch))

    return {"write": write}


def loses_vectors_with_access() -> Lie:
    """Long documents lose vectors, as with OpenSearch's derived source."""
    changed: list[bool] = []

    def write(index: Index, batch: Sequence[Write]) -> WriteReport:
        changed[:] = [any(isinstance(write, PutAccess) for write in batch)]
        return index.write(batch)

    def search(index: Index, request: SearchRequest) -> SearchAnswer:
        lost = changed[0] and request.vector is not None
        wrong = ENCODER.queries(["lost"])[0] if lost else request.vector
        return index.search(replace(request, vector=wrong))

    return {"write": write, "search": search}


def remembers_the_removed() -> Lie:
    seen: dict[str, IndexEntry] = {}

    def kept(index: Index, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        seen.update(index.kept(document_ids))
        return {name: seen[name] for name in document_ids if name in seen}

    return {"kept": kept}


def remembers_sources() -> Lie:
    """A source that is empty by now is still named."""
    seen: set[str] = set()

    def sources(index: Index) -> frozenset[str]:
        seen.update(index.sources())
        return frozenset(seen)

    return {"sources": sources}


def gives_the_readers_of_the_put() -> Lie:
    """The rights that a document came with, whatever changed since."""
    put: dict[str, Access] = {}

    def write(index: Index, batch: Sequence[Write]) -> WriteReport:
        for one in batch:
            if isinstance(one, Put):
                put[one.indexed.document.id] = one.indexed.document.access
        return index.write(batch)

    def documents(index: Index, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        for one in index.documents(document_ids):
            document = replace(one.document, access=put[one.document.id])
            yield replace(one, document=document)

    return {"write": write, "documents": documents}


def gives_others_vectors(one: IndexedDocument) -> IndexedDocument:
    """A long document gets vectors of other passages, as derived sources did."""
    return replace(one, vectors=one.vectors[::-1] if len(one.passages) >= 150 else one.vectors)


def counts_passages(index: Index, source: str) -> int:
    kept = [one.document_id for one in index.scan(source)]
    request = ShowRequest(OMNISCIENT, tuple(kept), Question(), passages=50)
    return sum(len(shown.passages) for shown in index.show(request))


def highlights_bytes(document: ShownDocument) -> ShownDocument:
    return replace(document, passages=tuple(map(_in_bytes, document.passages)))


def _in_bytes(shown: ShownPassage) -> ShownPassage:
    text = shown.passage.text
    return replace(
        shown,
        highlights=tuple(
            (len(text[:start].encode()), len(text[:end].encode()))
            for start, end in shown.highlights
        ),
    )
