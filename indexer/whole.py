"""Kept documents made whole again, and encoded for another generation."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from connectors.values import Access, Document, EvidencePolicy
from indexer.passages import passage_text
from indexer.ports import Encoder
from indexer.values import Card, IndexedDocument


def document_of(card: Card, access: Access) -> Document:
    """The document behind a card; its sections are in its passages, and its version is not kept."""
    return Document(
        id=card.document_id,
        source=card.source,
        title=card.title,
        access=access,
        url=card.url,
        kind=card.kind,
        language=card.language,
        created=card.created,
        modified=card.modified,
        valid_from=_day(card.valid_from),
        valid_until=_day(card.valid_until),
        replaces=card.replaces,
        space=card.space,
        part_of=card.part_of,
        entity=card.entity,
        area=card.area,
        evidence=EvidencePolicy(card.evidence),
        contributions=card.contributions,
    )


def encoded_by(encoder: Encoder, documents: Sequence[IndexedDocument]) -> list[IndexedDocument]:
    """The same documents with that encoder's vectors, all their passages in one go."""
    texts = [
        passage_text(one.document.title, passage) for one in documents for passage in one.passages
    ]
    vectors = encoder.passages(texts)
    ends = np.cumsum([len(one.passages) for one in documents])[:-1]
    each = np.split(vectors, ends) if documents else []
    return [replace(one, vectors=own) for one, own in zip(documents, each, strict=True)]


def _day(day: str | None) -> date | None:
    return date.fromisoformat(day) if day else None
