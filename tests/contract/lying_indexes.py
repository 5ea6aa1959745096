"""Indexes that break the contract, each in one way; the contract has to reject them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from connectors.values import EVERYONE, Access
from indexer.access import AccessFilter
from indexer.ports import Index
from indexer.suggestions import NearWord
from indexer.values import (
    DocumentText,
    IndexedDocument,
    IndexEntry,
    IndexFill,
    Put,
    PutAccess,
    Question,
    Remove,
    SearchAnswer,
    SearchRequest,
    ShownDocument,
    ShownPassage,
    ShowRequest,
    Suggestion,
    Write,
    WriteReport,
)
from tests.builders import ENCODER

_TRUTH_TELLERS = frozenset({EVERYONE, "agent:a", "ldap:group:tresorerie", "ldap:group:x"})
OMNISCIENT = AccessFilter(_TRUTH_TELLERS, frozenset())


class HonestIndex:
    """Passes everything on; the liars override one thing."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def write(self, batch: Sequence[Write]) -> WriteReport:
        return self.index.write(batch)

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        return self.index.kept(document_ids)

    def count(self, source: str) -> int:
        return self.index.count(source)

    def scan(self, source: str) -> Iterator[IndexEntry]:
        return self.index.scan(source)

    def sources(self) -> frozenset[str]:
        return self.index.sources()

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        return self.index.documents(document_ids)

    def denials(self, source: str) -> Mapping[str, int]:
        return self.index.denials(source)

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        return self.index.signing(accounts)

    def search(self, request: SearchRequest) -> SearchAnswer:
        return self.index.search(request)

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        return self.index.show(request)

    def read(self, access: AccessFilter, document_id: str) -> DocumentText | None:
        return self.index.read(access, document_id)

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        return self.index.suggest(access, prefix, limit)

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        return self.index.near_words(access, words)

    def flush(self) -> None:
        self.index.flush()

    def expunge(self) -> None:
        self.index.expunge()

    def fill(self) -> IndexFill | None:
        return self.index.fill()

    def probe(self) -> None:
        self.index.probe()

    def verify(self) -> None:
        self.index.verify()


class CountsTheUnreadable(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        everything = self.index.search(replace(request, access=OMNISCIENT))
        return replace(self.index.search(request), total=everything.total)


class FacetsForgetTheFilter(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        everything = self.index.search(replace(request, access=OMNISCIENT))
        return replace(self.index.search(request), facets=everything.facets)


class VectorsForgetTheFilter(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        everything = self.index.search(replace(request, access=OMNISCIENT))
        return replace(self.index.search(request), vector=everything.vector)


class FiltersAfterTheWindow(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        honest = self.index.search(replace(request, window=10_000))
        seen = {hit.document_id for hit in (*honest.lexical, *honest.vector)}
        window = self.index.search(replace(request, access=OMNISCIENT))
        return replace(honest, vector=tuple(h for h in window.vector if h.document_id in seen))


class IgnoresSilentAuthorities(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        answered = replace(request.access, unanswered=frozenset())
        return self.index.search(replace(request, access=answered))


class TakesEveryDenialForKnown(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        every = replace(request.access, known=None)
        return self.index.search(replace(request, access=every))


class CountsDenialsOnce(HonestIndex):
    def denials(self, source: str) -> Mapping[str, int]:
        return dict.fromkeys(self.index.denials(source), 1)


class KnowsEveryAccount(HonestIndex):
    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        return frozenset(accounts)


class IgnoresSources(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        anywhere = replace(request.access, sources=None)
        return self.index.search(replace(request, access=anywhere))


class IgnoresSpaces(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        anywhere = replace(request.access, spaces=None)
        return self.index.search(replace(request, access=anywhere))


class SuggestsTheUnreadable(HonestIndex):
    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        return self.index.suggest(OMNISCIENT, prefix, limit)


class SpellsFromTheUnreadable(HonestIndex):
    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        everything = self.index.near_words(OMNISCIENT, words)
        return {word: everything.get(word, ()) for word in self.index.near_words(access, words)}


class KnowsUnreadableWords(HonestIndex):
    """As an engine's suggester that is silent about words that it knows from anywhere."""

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        unknown = self.index.near_words(OMNISCIENT, words)
        return self.index.near_words(access, [word for word in words if word in unknown])


class ShowsTheUnreadable(HonestIndex):
    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        return self.index.show(replace(request, access=OMNISCIENT))


class ShowsUnreadableCards(HonestIndex):
    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        others = replace(request, document_ids=(), access=OMNISCIENT)
        return (*self.index.show(replace(request, by_card=())), *self.index.show(others))


class ReadsOutTheUnreadable(HonestIndex):
    def read(self, access: AccessFilter, document_id: str) -> DocumentText | None:
        return self.index.read(OMNISCIENT, document_id)


class ReadsOutTheBeginning(HonestIndex):
    """As an engine that gives so many nested rows at most."""

    def read(self, access: AccessFilter, document_id: str) -> DocumentText | None:
        found = self.index.read(access, document_id)
        return found and replace(found, passages=found.passages[:100])


class ForgetsWhatIsAskedByCard(HonestIndex):
    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        return self.index.show(replace(request, by_card=()))


class ForgetsRemovals(HonestIndex):
    def write(self, batch: Sequence[Write]) -> WriteReport:
        self.index.write([write for write in batch if not isinstance(write, Remove)])
        return WriteReport(written=len(batch))


class AcknowledgesTooEarly(HonestIndex):
    def __init__(self, index: Index) -> None:
        super().__init__(index)
        self.held: Sequence[Write] = ()

    def write(self, batch: Sequence[Write]) -> WriteReport:
        self.index.write(self.held)
        self.held = batch
        return WriteReport(written=len(batch))


class AppliesInAnyOrder(HonestIndex):
    def write(self, batch: Sequence[Write]) -> WriteReport:
        return self.index.write(sorted(batch, key=lambda write: isinstance(write, Put)))


class LosesVectorsWithAccess(HonestIndex):
    """What OpenSearch's derived source does to long documents."""

    def write(self, batch: Sequence[Write]) -> WriteReport:
        self._changed = any(isinstance(write, PutAccess) for write in batch)
        return self.index.write(batch)

    def search(self, request: SearchRequest) -> SearchAnswer:
        lost = self._changed and request.vector is not None
        wrong = ENCODER.queries(["lost"])[0] if lost else request.vector
        return self.index.search(replace(request, vector=wrong))


class ChangesOrderByWindow(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        answer = self.index.search(request)
        turned = request.window % 2 == 1
        return replace(answer, lexical=answer.lexical[::-1]) if turned else answer


class CountsWhatIsDeeper(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        return self.index.search(replace(request, window=request.ranked))


class RanksAloneBeforeRights(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        if request.counted:
            return self.index.search(request)
        seen = {
            hit.document_id for hit in self.index.search(replace(request, window=10_000)).lexical
        }
        crowd = self.index.search(replace(request, access=OMNISCIENT))
        kept = tuple(hit for hit in crowd.lexical if hit.document_id in seen)
        return replace(self.index.search(request), lexical=kept)


class BreaksTies(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        answer = self.index.search(request)
        order = sorted(answer.lexical, key=lambda hit: (-hit.score, hit.document_id[::-1]))
        return replace(answer, lexical=tuple(order))


class ForgetsDatesInOrder(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        return self.index.search(replace(request, newest_first=False))


class IgnoresExclusionsForVectors(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        free = replace(request.question, excluded=(), phrases=())
        loose = self.index.search(replace(request, question=free))
        return replace(self.index.search(request), vector=loose.vector)


class CountsTheWindowOnly(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        answer = self.index.search(request)
        return replace(answer, total=min(answer.total, request.window))


class HighlightsBytes(HonestIndex):
    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        return tuple(
            replace(shown, passages=tuple(map(_in_bytes, shown.passages)))
            for shown in self.index.show(request)
        )


class ForgetsContributions(HonestIndex):
    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        return tuple(
            replace(shown, card=replace(shown.card, contributions=()))
            for shown in self.index.show(request)
        )


class ScansOnePage(HonestIndex):
    def scan(self, source: str) -> Iterator[IndexEntry]:
        return iter(list(self.index.scan(source))[:1000])


class ScansWithoutAccess(HonestIndex):
    def scan(self, source: str) -> Iterator[IndexEntry]:
        return (replace(kept, access=Access()) for kept in self.index.scan(source))


class RemembersTheRemoved(HonestIndex):
    def __init__(self, index: Index) -> None:
        super().__init__(index)
        self.seen: dict[str, IndexEntry] = {}

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        self.seen |= self.index.kept(document_ids)
        return {name: self.seen[name] for name in document_ids if name in self.seen}


class KeptOnePage(HonestIndex):
    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        return self.index.kept(sorted(document_ids)[:1000])


class CountsPassages(HonestIndex):
    def count(self, source: str) -> int:
        kept = [one.document_id for one in self.index.scan(source)]
        request = ShowRequest(OMNISCIENT, tuple(kept), Question(), passages=50)
        return sum(len(shown.passages) for shown in self.index.show(request))


class DropsWordsSilently(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        return replace(self.index.search(request), terms_dropped=False)


def _in_bytes(shown: ShownPassage) -> ShownPassage:
    text = shown.passage.text
    return replace(
        shown,
        highlights=tuple(
            (len(text[:start].encode()), len(text[:end].encode()))
            for start, end in shown.highlights
        ),
    )
