"""The input of a build in memory: contributions that every agent may read, as arrays.

Also the documents that no topic's label names, and the items that could not be read.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from connectors.values import Access, Document
from expertise.topics import label_key
from expertise.votes import (
    WHOLE_PARTS,
    contribution_weight,
    is_open_question,
    known_contributions,
    shares_of_text,
)
from indexer.errors import IndexerError
from indexer.values import IndexedDocument

LARGEST_SKIPPED_SHARE = 0.1
FEW_SKIPPED = 20
"""The build fails if more documents than this are skipped, and more than the share
`LARGEST_SKIPPED_SHARE` of all: the cause is then general.
"""


class SkippedKind(StrEnum):
    """The kind of a skipped item."""

    DOCUMENT = "document"
    AGENT = "agent"
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """A document, agent or topic that a build skipped, with the reason in French."""

    part: SkippedKind
    id: str
    reason: str


MOST_LISTED = 10
"""Number of skipped items listed in one sentence; the build's JSON report lists all."""


def skipped_text(skipped: Sequence[SkippedItem]) -> str:
    """Return the number of items of each kind and the first ids, in French; empty without items.

    For a terminal only: ids of documents and agents do not belong in a log.
    """
    if not skipped:
        return ""
    counts = Counter(item.part for item in skipped)
    summary = ", ".join(
        f"{counts[part]} {_IN_FRENCH[part]}" for part in SkippedKind if counts[part]
    )
    named = " ; ".join(
        " ".join(f"{item.id} : {item.reason}".split()) for item in skipped[:MOST_LISTED]
    )
    return f"{summary} : {named}{' ; …' if len(skipped) > MOST_LISTED else ''}"


_IN_FRENCH = {
    SkippedKind.DOCUMENT: "document(s)",
    SkippedKind.AGENT: "agent(s)",
    SkippedKind.TOPIC: "sujet(s)",
}


@dataclass(slots=True)
class SkippedItems:
    """Collects the items that one build skips."""

    items: list[SkippedItem] = field(default_factory=list)

    def add(self, part: SkippedKind, id_: str, reason: str) -> None:
        """Record a skipped item."""
        self.items.append(SkippedItem(part, id_, reason))

    @contextmanager
    def instead(self, part: SkippedKind, id_: str) -> Iterator[None]:
        """Record the item as skipped if the block fails, and continue after the block.

        Errors of the index or of the machine are raised.
        """
        try:
            yield
        except (IndexerError, OSError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this one thing's
            self.add(part, id_, f"ne peut pas être lu ({type(error).__name__})")

    def check_share(self, counted: int) -> None:
        """Raise `ValueError` if too many documents failed in addition to the `counted` ones."""
        failed = sum(item.part is SkippedKind.DOCUMENT for item in self.items)
        documents = counted + failed
        if failed > FEW_SKIPPED and failed > LARGEST_SKIPPED_SHARE * documents:
            reasons = sorted(
                {item.reason for item in self.items if item.part is SkippedKind.DOCUMENT}
            )
            raise ValueError(
                f"{failed} documents sur {documents} n'ont pas pu être comptés : "
                f"{' ; '.join(reasons[:3])}. La cartographie précédente reste en service. "
                "Lancez « quisait check », puis « quisait reindex » si l'index est en cause."
            )


MOST_UNLABELLED = 4_000
"""Number of documents that are clustered; clustering is quadratic in it. If there are more, those
with the smallest hashes are taken, so that another build takes the same sample.
"""
TEXT_CHARS = 1_500
"""Characters of each document that are read for the terms of its cluster."""


@dataclass(frozen=True, slots=True)
class UnlabelledDocument:
    """A document with the beginning of its text and the mean of its vectors, scaled to length 1."""

    document_id: str
    mark: str
    title: str
    text: str
    vector: NDArray[np.float32]


@dataclass(slots=True)
class UnlabelledSample:
    """A sample of the documents added, in any order; `kept` returns it sorted by id."""

    most: int = MOST_UNLABELLED
    _heap: list[tuple[int, str, UnlabelledDocument]] = field(default_factory=list)

    def take(self, document: IndexedDocument) -> None:
        """Add a document; ignore it if it has no vector or is not part of the sample."""
        id_ = document.document.id
        place = -int.from_bytes(hashlib.sha256(id_.encode()).digest()[:8])
        full = len(self._heap) == self.most
        if not len(document.vectors) or (full and place < self._heap[0][0]):
            return
        mean = document.vectors.mean(axis=0)
        length = float(np.linalg.norm(mean))
        if not length:
            return
        unlabelled = UnlabelledDocument(
            id_,
            document.record_hash,
            document.document.title,
            "\n".join(passage.text for passage in document.passages)[:TEXT_CHARS],
            (mean / length).astype(np.float32),
        )
        push = heapq.heappushpop if full else heapq.heappush
        push(self._heap, (place, id_, unlabelled))

    def documents(self) -> tuple[UnlabelledDocument, ...]:
        """Return the sample sorted by id."""
        return tuple(document for _, _, document in sorted(self._heap, key=lambda entry: entry[1]))


IntArray = NDArray[np.int64]


def asking_kinds(kinds: Iterable[str]) -> frozenset[str]:
    """Return the kinds as `asks_for_a_skill` compares them, without plurals and accents."""
    return frozenset(filter(None, map(label_key, kinds)))


@lru_cache(maxsize=1024)
def asks_for_a_skill(kind: str, asking: frozenset[str]) -> bool:
    """Return whether documents of this kind ask for a skill instead of showing it."""
    return label_key(kind) in asking


def is_universal(access: Access, universal: frozenset[str]) -> bool:
    """Return whether every agent may read: a universal principal is allowed, nobody is denied."""
    return not access.denied and not universal.isdisjoint(access.allowed)


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """One document's input of a build; `rows` are (account, weight, own)."""

    id: str
    mark: str
    dated: int
    open_question: bool
    asks: bool
    rows: tuple[tuple[str, float, bool], ...]

    @classmethod
    def of(
        cls, document: Document, mark: str, today: date, asking: frozenset[str]
    ) -> "DocumentEntry":
        """Return the entry of a document, with the weights of its contributions today."""
        shown = document.modified or document.created
        shares = shares_of_text(document.contributions)
        return cls(
            document.id,
            mark,
            shown.date().toordinal() if shown else 0,
            is_open_question(document.contributions),
            asks_for_a_skill(document.kind, asking),
            tuple(
                (
                    row.account,
                    contribution_weight(row, today, shares.get(row.account)),
                    row.role in WHOLE_PARTS,
                )
                for row in known_contributions(document.title, document.contributions)
            ),
        )
