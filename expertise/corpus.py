"""What a build counts: the contributions that every agent may read, as arrays."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from connectors.values import Access, Document, EvidencePolicy, Role
from expertise.assignment import Assignment, Confidences
from expertise.left_out import Omissions, Part
from expertise.leftovers import Leftover, Leftovers
from expertise.weights import ROLE_WEIGHTS, contribution_weight
from indexer.values import IndexedDocument

Numbers = NDArray[np.int64]

_ANSWERS = frozenset({Role.ANSWERER, Role.ACCEPTED_ANSWERER})


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Documents by ascending id, and one row for each counting contribution.

    `document`, `account` and `weight` have shape (rows,): positions in `document_ids`
    and `accounts`, and role times recency. `marks` are the record hashes, by which a
    later change is noticed. `dated` and `open_question` have shape (documents,).
    """

    document_ids: Sequence[str]
    marks: Sequence[str]
    topics: Confidences
    dated: Numbers
    open_question: NDArray[np.bool_]
    accounts: Sequence[str]
    document: Numbers
    account: Numbers
    weight: NDArray[np.float64]
    contributions_seen: int

    @property
    def share_used(self) -> float:
        """The share of all contributions that counts, from 0 to 1."""
        return len(self.document) / self.contributions_seen if self.contributions_seen else 0.0


def is_universal(access: Access, universal: frozenset[str]) -> bool:
    """Whether every agent may read: a principal that everyone has, and no denial at all."""
    return not access.denied and not universal.isdisjoint(access.allowed)


def gather(
    documents: Iterable[IndexedDocument],
    assignment: Assignment,
    universal: frozenset[str],
    today: date,
    leftovers: Leftovers | None = None,
    omissions: Omissions | None = None,
) -> Corpus:
    """Read every document once; what not every agent may read leaves nothing but a count.

    What no label names, and somebody contributed to, is kept in `leftovers`. A document that
    fails is noted in `omissions` and counts for nothing else.
    """
    read, omissions = _Reading(), omissions or Omissions()
    for one in documents:
        kept = one.document
        read.seen += len(kept.contributions)
        if is_universal(kept.access, universal) and kept.evidence == EvidencePolicy.YES:
            with omissions.instead(Part.DOCUMENT, kept.id):
                # What may fail comes before what is kept: half of a document counts nowhere.
                counted = _Counted.of(kept, one.record_hash, today)
                labelled = assignment.add(one)
                read.take(counted)
                if leftovers is not None and not labelled and counted.rows:
                    leftovers.take(one)
    return read.corpus(assignment.confidences())


def uncovered(leftovers: Sequence[Leftover], corpus: Corpus) -> tuple[Leftover, ...]:
    """Those that no topic was assigned to by vector either."""
    topics = np.diff(corpus.topics.indptr)
    bare = {id_ for id_, count in zip(corpus.document_ids, topics, strict=True) if not count}
    return tuple(one for one in leftovers if one.document_id in bare)


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a corpus keeps of one document; `rows` are (account, weight)."""

    id: str
    mark: str
    dated: int
    open_question: bool
    rows: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, document: Document, mark: str, today: date) -> "_Counted":
        shown = document.modified or document.created
        roles = {row.role for row in document.contributions}
        return cls(
            document.id,
            mark,
            shown.date().toordinal() if shown else 0,
            Role.ASKER in roles and roles.isdisjoint(_ANSWERS),
            tuple(
                (row.account, contribution_weight(row, today))
                for row in document.contributions
                if ROLE_WEIGHTS[row.role] > 0
            ),
        )


@dataclass(slots=True)
class _Reading:
    seen: int = 0
    ids: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    dated: list[int] = field(default_factory=list)
    open_question: list[bool] = field(default_factory=list)
    accounts: dict[str, int] = field(default_factory=dict)
    # One place for each counting contribution: three million of them as tuples would not fit.
    document: "array[int]" = field(default_factory=lambda: array("q"))
    account: "array[int]" = field(default_factory=lambda: array("q"))
    weight: "array[float]" = field(default_factory=lambda: array("d"))

    def take(self, one: _Counted) -> None:
        number = len(self.ids)
        self.ids.append(one.id)
        self.marks.append(one.mark)
        self.dated.append(one.dated)
        self.open_question.append(one.open_question)
        for account, weight in one.rows:
            self.document.append(number)
            self.account.append(self.accounts.setdefault(account, len(self.accounts)))
            self.weight.append(weight)

    def corpus(self, topics: Confidences) -> Corpus:
        """Put in the order of ids and accounts: a scan has none."""
        order, document_place = _sorted(self.ids)
        account_order, account_place = _sorted(list(self.accounts))
        names = list(self.accounts)
        return Corpus(
            document_ids=[self.ids[n] for n in order],
            marks=[self.marks[n] for n in order],
            topics=topics[order],
            dated=np.array(self.dated, dtype=np.int64)[order],
            open_question=np.array(self.open_question, dtype=np.bool_)[order],
            accounts=[names[n] for n in account_order],
            document=document_place[np.array(self.document, dtype=np.int64)],
            account=account_place[np.array(self.account, dtype=np.int64)],
            weight=np.array(self.weight, dtype=np.float64),
            contributions_seen=self.seen,
        )


def topics_in_row(
    topics: Confidences, row: int, names: Sequence[str]
) -> tuple[tuple[str, float], ...]:
    """What a document is about: (name, confidence to the hundredth)."""
    here = slice(int(topics.indptr[row]), int(topics.indptr[row + 1]))
    found = zip(topics.indices[here].tolist(), topics.data[here].tolist(), strict=True)
    return tuple((names[topic], round(sure, 2)) for topic, sure in found)


def _sorted(names: Sequence[str]) -> tuple[Numbers, Numbers]:
    """(numbers in the order of names, the place of each number in that order)."""
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return order, place
