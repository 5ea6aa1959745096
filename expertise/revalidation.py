"""Check a build's holders against the index and the directory as they are now.

A deletion, a narrower access list or a withdrawal takes effect from the next answer on.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from connectors.values import Agent
from expertise.build_tables import HASH_PREFIX_CHARS, NO_EVIDENCE, CellEvidence, CellRecord
from expertise.corpus import asks_for_a_skill, is_universal
from expertise.holders import Basis, TopicNames, discounted_strength, stated_topics
from expertise.values import AgentDirectory, DocumentLookup
from expertise.visibility import may_be_shown
from expertise.votes import counting_contributions
from indexer.access import Reader, access_filter
from indexer.values import Card, Question, ShowRequest

ROUNDS = 6
"""Number of rounds in which documents are checked for one answer. A cell that is undecided after
them counts as no longer valid, until the next build.
"""


@dataclass(frozen=True, slots=True)
class CurrentHolder:
    """A cell that is still valid, with the agent as they are in the directory now.

    Its basis is the present basis: an agent whose evidence is gone may hold the topic by métier.
    """

    cell: CellRecord
    agent: Agent

    @property
    def holds(self) -> bool:
        """Whether the agent holds the topic, and does not only declare it."""
        return self.cell.basis != Basis.DECLARED


@dataclass(frozen=True, slots=True)
class Revalidation:
    """Checks whether cells are still valid, with as few documents as possible."""

    index: DocumentLookup
    book: AgentDirectory
    universal: frozenset[str]
    least_strength: float
    names: TopicNames
    today: date
    asking: frozenset[str] = frozenset()

    def current_holders(self, cells: Sequence[CellRecord]) -> tuple[CurrentHolder, ...]:
        """Return the cells that are still valid, in their order. Raises `IndexUnreachable`.

        Every page takes a topic's holders, and the basis of each, from this method.
        """
        agents = self.book.agents(cell.agent_id for cell in cells)
        present = [
            CurrentHolder(cell, agents[cell.agent_id])
            for cell in cells
            if cell.agent_id in agents
            and may_be_shown(agents[cell.agent_id], self.today)
            and cell.topic_id not in {topic.id for topic in agents[cell.agent_id].refused}
        ]
        shown = [holder for holder in present if holder.cell.basis == Basis.DEMONSTRATED]
        standing = self._demonstrated([holder.cell for holder in shown])
        return tuple(
            current
            for holder in present
            if (current := self._as_stated(holder, standing=standing)) is not None
        )

    def _as_stated(
        self, holder: CurrentHolder, *, standing: Collection[tuple[str, str]]
    ) -> CurrentHolder | None:
        """Return the cell with its present basis, or None if it has no basis any more."""
        if (holder.cell.topic_id, holder.cell.agent_id) in standing:
            return holder
        basis = stated_topics(holder.agent, self.names, self.today).get(holder.cell.topic_id)
        if basis is None or basis == holder.cell.basis:
            return holder if basis else None
        cell = replace(holder.cell, basis=basis, strength=0.0, evidence=NO_EVIDENCE)
        return CurrentHolder(cell, holder.agent)

    def still_holding(self, cells: Sequence[CellRecord]) -> tuple[CurrentHolder, ...]:
        """Return the valid cells, without agents who only declare the topic."""
        return tuple(holder for holder in self.current_holders(cells) if holder.holds)

    def readable_by_all(self, document_ids: Iterable[str]) -> tuple[str, ...]:
        """Return those of these documents that every agent may still read, in order."""
        wanted = list(dict.fromkeys(document_ids))
        entries = self.index.kept(wanted) if wanted else {}
        return tuple(
            id_
            for id_ in wanted
            if id_ in entries and is_universal(entries[id_].access, self.universal)
        )

    def open_cards(self, document_ids: Iterable[str]) -> tuple[Card, ...]:
        """Return the cards of the documents that every agent may read now, each once."""
        wanted = self.readable_by_all(document_ids)
        if not wanted:
            return ()
        everyone = access_filter(Reader("everyone", self.universal))
        shown = self.index.show(ShowRequest(everyone, wanted, Question()))
        return tuple(document.card for document in shown)

    def _demonstrated(self, cells: Sequence[CellRecord]) -> set[tuple[str, str]]:
        """Return (topic, agent) of the cells whose documents still reach the threshold."""
        standing: set[tuple[str, str]] = set()
        pending = [_PendingCell(cell, self.least_strength) for cell in cells]
        known: dict[tuple[str, str], bool] = {}
        for _ in range(ROUNDS):
            wanted = [(pending_cell, pending_cell.next_proofs()) for pending_cell in pending]
            self._learn(
                {(p.document_id, p.account): p for _, proofs in wanted for p in proofs}, known
            )
            owners = self.book.by_account({p.account for _, proofs in wanted for p in proofs})
            pending = []
            for pending_cell, proofs in wanted:
                for proof in proofs:
                    owner = owners.get(proof.account)
                    owned = (
                        owner is not None
                        and owner.id == pending_cell.cell.agent_id
                        and proof.document_id not in owner.disowned
                    )
                    pending_cell.take(proof, owned and known[proof.document_id, proof.account])
                if pending_cell.stands:
                    standing.add((pending_cell.cell.topic_id, pending_cell.cell.agent_id))
                elif proofs:
                    pending.append(pending_cell)
            if not pending:
                break
        return standing

    def _learn(
        self, proofs: Mapping[tuple[str, str], CellEvidence], known: dict[tuple[str, str], bool]
    ) -> None:
        """Check whether each (document, account) still counts, and add it to `known`."""
        new = {key: proof for key, proof in proofs.items() if key not in known}
        if not new:
            return
        entries = self.index.kept({document_id for document_id, _ in new})
        changed: set[str] = set()
        for (document_id, account), proof in new.items():
            now = entries.get(document_id)
            counts = now is not None and is_universal(now.access, self.universal)
            known[document_id, account] = counts
            if counts and now is not None and now.record_hash[:HASH_PREFIX_CHARS] != proof.mark:
                changed.add(document_id)
        counting = self._counting(changed)
        for document_id, account in new:
            if document_id in changed:
                known[document_id, account] = account in counting.get(document_id, ())

    def _counting(self, document_ids: set[str]) -> dict[str, set[str]]:
        """Return the accounts that count in each document that changed since the build."""
        if not document_ids:
            return {}
        everyone = access_filter(Reader("everyone", self.universal))
        shown = self.index.show(ShowRequest(everyone, tuple(sorted(document_ids)), Question()))
        return {
            document.card.document_id: {
                row.account for row in counting_contributions(document.card)
            }
            for document in shown
            if not asks_for_a_skill(document.card.kind, self.asking)
        }


@dataclass(slots=True)
class _PendingCell:
    """A cell being checked: weights confirmed so far, and evidence not checked yet."""

    cell: CellRecord
    least: float
    checked: int = 0
    weights: list[float] = field(default_factory=list)

    @property
    def stands(self) -> bool:
        return discounted_strength(self.weights) >= self.least - 1e-6

    def next_proofs(self) -> Sequence[CellEvidence]:
        """Return as much more evidence as would reach the threshold if all of it counts."""
        hoped, taken = list(self.weights), self.checked
        while discounted_strength(hoped) < self.least - 1e-6 and taken < len(self.cell.evidence):
            hoped.append(self.cell.evidence[taken].weight)
            taken += 1
        proofs = self.cell.evidence[self.checked : taken]
        self.checked = taken
        return proofs

    def take(self, proof: CellEvidence, counts: bool) -> None:
        if counts:
            self.weights.append(proof.weight)
