"""A document's card as one line, and back: what both engines keep beside the text."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from connectors.values import ROLES, Contribution, Document
from indexer.values import Card, IndexedDocument, Passage


def card_line(indexed: IndexedDocument) -> str:
    """Encode a document without its text."""
    return json.dumps({**_fields(indexed.document), "signed": signed(indexed.passages)})


def signed(passages: Sequence[Passage]) -> bool:
    """Whether several accounts are named as authors of these."""
    return len({passage.author for passage in passages if passage.author}) > 1


def _fields(document: Document) -> dict[str, Any]:
    return {
        "document_id": document.id,
        "source": document.source,
        "title": document.title,
        "url": document.url,
        "kind": document.kind,
        "language": document.language,
        "space": document.space,
        "part_of": document.part_of,
        "entity": document.entity,
        "area": document.area,
        "created": _iso(document.created),
        "modified": _iso(document.modified),
        "valid_from": _iso(document.valid_from),
        "valid_until": _iso(document.valid_until),
        "replaces": document.replaces,
        "evidence": document.evidence,
        "contributions": [
            [c.account, c.role, c.label, c.count, _iso(c.first), _iso(c.last), c.years, c.thanks]
            for c in document.contributions
        ],
    }


def card_of(encoded: str) -> Card:
    """Decode a card."""
    fields: dict[str, Any] = json.loads(encoded)
    rows = fields.pop("contributions")
    for name in ("created", "modified"):
        fields[name] = fields[name] and datetime.fromisoformat(fields[name])
    fields["replaces"] = tuple(fields["replaces"])
    return Card(**fields, contributions=tuple(_contribution(row) for row in rows))


def _contribution(row: Sequence[Any]) -> Contribution:
    account, role, label, count, first, last, years = row[:7]
    thanks = row[7] if len(row) > 7 else 0  # a row from before there were thanks has none
    return Contribution(
        account,
        ROLES[role],
        label,
        count,
        first and date.fromisoformat(first),
        last and date.fromisoformat(last),
        tuple(map(tuple, years)),
        thanks,
    )


def _iso(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None
