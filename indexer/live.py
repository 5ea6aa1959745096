"""The index as the house sees it: it reads one generation, and writes to all of them."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from connectors.values import Access
from indexer.access import AccessFilter
from indexer.cards import re_encoded
from indexer.copying import COMPARED, pieces, settled
from indexer.errors import IndexRefused, IndexUnreachable
from indexer.generations import (
    EncoderRecord,
    Encoders,
    Gate,
    Generation,
    GenerationWorks,
    Signature,
    Standing,
)
from indexer.ports import Expungeable, Index
from indexer.suggestions import NearWord
from indexer.values import (
    WITHHELD,
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

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

UNSURE = Access(frozenset({"generations:differ:"}))
"""Who reads what two generations hold otherwise: nobody, and no source says so.

It equals no access that is written, so that one that is narrowed or withheld is written to
both; `WITHHELD` would be taken for withheld in both already.
"""


class LiveIndex:
    """Adapter of `Index` over generations, for a process that encodes with `own`.

    What is asked goes to the live generation, or to the former one while the live one has
    another encoder than this process. Which is which is read anew each time, so that
    processes follow a reindex without a restart.
    """

    def __init__(
        self, generations: GenerationWorks, encoders: Encoders, gate: Gate, own: EncoderRecord
    ) -> None:
        self._generations, self._encoders, self._gate = generations, encoders, gate
        self._made = generations.signature(own)
        self._told: set[str] = set()

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Apply to every generation, the live one first; what one refuses is refused.

        Readers are not given to a text that the two generations hold otherwise: one of the
        texts is a former one, and it is withheld until a document is put.

        Raises `IndexUnreachable` or `IndexRefused`: nothing is acknowledged then, though
        one generation may have what another has not. A swap mends that first.
        """
        if not batch:
            return WriteReport(0)
        self._standing()
        failed: dict[str, str] = {}
        with self._gate.writing():
            standing = self._generations.standing()
            if standing is None:
                raise IndexUnreachable("L'index vient de disparaître : relancez plus tard.")
            standing = self._kept_up(standing)
            batch = self._guarded(standing, batch)
            for generation in standing.written:
                filling = generation is standing.filling
                translated = self._translated(batch, generation, filling=filling)
                failed |= dict(self._generations.index(generation).write(translated).failed)
        written = sum(_id_of(write) not in failed for write in batch)
        return WriteReport(written, tuple(failed.items()))

    def settle(self) -> None:
        """In every generation that is written to, while nobody else writes."""
        self._standing()
        with self._gate.alone():
            standing = self._generations.standing()
            for generation in self._kept_up(standing).written if standing else ():
                settled(self._generations.index(generation))

    def expunge(self) -> None:
        """In every generation that is written to."""
        self._standing()
        standing = self._generations.standing()
        for generation in self._kept_up(standing).written if standing else ():
            index = self._generations.index(generation)
            if isinstance(index, Expungeable):
                index.expunge()

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """As the live generation has it.

        Where the former one, which may still be asked, has it otherwise (a writer was
        killed between the two), no write is taken for one that changes nothing. What both
        withhold is withheld, whichever text each of them has.
        """
        return self._steady(lambda standing: self._agreed(standing, document_ids))

    def count(self, source: str) -> int:
        """As the live generation has it."""
        return self._live().count(source)

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """As the live generation has it, and what the former one alone still has."""
        yield from self._live().scan(source)
        yield from self._steady(lambda standing: self._former_alone(standing, source))

    def sources(self) -> frozenset[str]:
        """As the live generation has it."""
        return self._live().sources()

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """As the live generation has it."""
        return self._live().documents(document_ids)

    def denials(self, source: str) -> Mapping[str, int]:
        """As the live generation has it."""
        return self._live().denials(source)

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """As the live generation has it."""
        return self._live().signing(accounts)

    def search(self, request: SearchRequest) -> SearchAnswer:
        """Ask the generation whose vectors this process can be asked by."""
        return self._asked(lambda index: index.search(request))

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """Ask the same generation."""
        return self._asked(lambda index: index.show(request))

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Ask the same generation."""
        return self._asked(lambda index: index.suggest(access, prefix, limit))

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """Ask the same generation."""
        return self._asked(lambda index: index.near_words(access, words))

    def _agreed(
        self, standing: Standing, document_ids: Collection[str]
    ) -> Mapping[str, IndexEntry]:
        here = self._generations.index(standing.live).kept(document_ids)
        if standing.former is None:
            return here
        there = self._generations.index(standing.former).kept(document_ids)
        return {
            document_id: _both(document_id, here.get(document_id), there.get(document_id))
            for document_id in here.keys() | there.keys()
        }

    def _guarded(self, standing: Standing, batch: Sequence[Write]) -> Sequence[Write]:
        """The same writes; readers of what is not one text in both generations are nobody."""
        changed = [write.document_id for write in batch if isinstance(write, PutAccess)]
        if standing.former is None or not changed:
            return batch
        here, there = (
            self._generations.index(one).kept(changed) for one in (standing.live, standing.former)
        )
        apart = {one for one in changed if _other_texts(here.get(one), there.get(one))}
        guarded: list[Write] = []
        for write in batch:
            if isinstance(write, PutAccess) and write.document_id in apart:
                guarded.append(PutAccess(write.document_id, WITHHELD))
                continue
            if isinstance(write, Put):
                apart.discard(write.indexed.document.id)
            guarded.append(write)
        return guarded

    def _former_alone(self, standing: Standing, source: str) -> list[IndexEntry]:
        if standing.former is None:
            return []
        live, former = map(self._generations.index, (standing.live, standing.former))
        return [
            _both(row.document_id, None, row)
            for rows in pieces(former.scan(source), COMPARED)
            for here in (live.kept([row.document_id for row in rows]),)
            for row in rows
            if row.document_id not in here
        ]

    def _steady(self, ask: Callable[[Standing], Answer]) -> Answer:
        """Ask again where a generation has made way for another meanwhile."""
        standing = self._standing()
        try:
            return ask(standing)
        except (IndexUnreachable, IndexRefused):
            instead = self._standing()
            if instead == standing:
                raise
            return ask(instead)

    def _asked(self, ask: Callable[[Index], Answer]) -> Answer:
        """Ask again where the generation that was asked has made way for another meanwhile."""
        generation = self._readable()
        try:
            return ask(self._generations.index(generation))
        except (IndexUnreachable, IndexRefused):
            instead = self._readable()
            if instead == generation:
                raise
            return ask(self._generations.index(instead))

    def _readable(self) -> Generation:
        standing = self._standing()
        mine = self._made.encoder.name
        if standing.live.made.encoder.name == mine:
            return standing.live
        self._tell_once(standing.live)
        if standing.former and standing.former.made.encoder.name == mine:
            return standing.former
        raise IndexRefused(
            "L'index a été refait avec un autre encodeur que celui de ce programme : redémarrez-le "
            "(ou lancez « quisait reindex » si vos réglages sont les bons)."
        )

    def _tell_once(self, live: Generation) -> None:
        if live.name not in self._told:
            self._told.add(live.name)
            log.warning(
                "the index has another encoder: restart this process",
                extra={"encoder": live.made.encoder.name, "own_encoder": self._made.encoder.name},
            )

    def _live(self) -> Index:
        return self._generations.index(self._standing().live)

    def _standing(self) -> Standing:
        """Make the first generation where there is none; take in one of a former version."""
        standing = self._generations.standing()
        if standing is None or _unrecorded(standing, self._made):
            standing = self._begun()
        if standing.live.made.format != self._made.format:
            raise IndexRefused(
                "L'index est d'une autre version que ce programme : s'il est le plus récent des "
                "deux, lancez « quisait reindex » ; sinon redémarrez-le dans l'autre."
            )
        return self._kept_up(standing)

    def _kept_up(self, standing: Standing) -> Standing:
        """Without one beside that this code cannot write to.

        A former one's rights go stale; a reindex compares all with the one that it fills.
        """
        other = standing.other
        strange = other is not None and other.made.format != self._made.format
        return Standing(standing.live) if strange else standing

    def _begun(self) -> Standing:
        with self._gate.alone():
            standing = self._generations.standing()
            if standing is None:
                self._generations.begin(self._made)
            elif _unrecorded(standing, self._made):
                former = standing.live.made
                self._generations.record(
                    Signature(self._made.encoder, former.analysis, former.format)
                )
            standing = self._generations.standing()
        if standing is None:
            raise IndexUnreachable("L'index vient de disparaître : relancez plus tard.")
        return standing

    def _translated(
        self, batch: Sequence[Write], generation: Generation, *, filling: bool
    ) -> Sequence[Write]:
        """The same writes with that generation's vectors.

        Text that this code analyses otherwise than the reindex under way does is withdrawn
        from what that fills: it copies the text itself before it ends.
        """
        made = generation.made
        if filling and (made.analysis, made.format) != (self._made.analysis, self._made.format):
            return [_withdrawn(write) for write in batch]
        documents = [write.indexed for write in batch if isinstance(write, Put)]
        if made.encoder.name == self._made.encoder.name or not documents:
            return batch
        encoded = iter(re_encoded(self._encoders(made.encoder), documents))
        return [Put(next(encoded)) if isinstance(write, Put) else write for write in batch]


def _unrecorded(standing: Standing, made: Signature) -> bool:
    """Whether an older version made it, with what can only be this process's own encoder."""
    kept = standing.live.made
    return not kept.encoder.name and kept.encoder.dimension == made.encoder.dimension


def _both(document_id: str, here: IndexEntry | None, there: IndexEntry | None) -> IndexEntry:
    """What two generations have, of which one at least has it."""
    if here is not None and here == there:
        return here
    withheld = all(one.access == WITHHELD for one in (here, there) if one is not None)
    return IndexEntry(document_id, "", "", WITHHELD if withheld else UNSURE)


def _other_texts(here: IndexEntry | None, there: IndexEntry | None) -> bool:
    """Whether readers may not be given: the texts differ, or one generation withholds its own."""
    if here is None or there is None:
        return here is not there
    if (here.content_hash, here.record_hash) != (there.content_hash, there.record_hash):
        return True
    return here.access != there.access and WITHHELD in (here.access, there.access)


def _withdrawn(write: Write) -> Write:
    return Remove(write.indexed.document.id) if isinstance(write, Put) else write


def _id_of(write: Write) -> str:
    return write.indexed.document.id if isinstance(write, Put) else write.document_id
