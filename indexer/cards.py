"""Data that both engines store beside a document's text: its card and keys of contributors.

A card is a line of JSON. Together with the access it restores the document without sections.
"""

import hashlib
import json
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import numpy as np

from connectors.values import ROLES_BY_NAME, Access, Contribution, Document, EvidencePolicy
from indexer.centroids import quantised
from indexer.french.analysis import folded_words
from indexer.passages import passage_text
from indexer.ports import Encoder
from indexer.values import Card, IndexedDocument, Passage, Vectors

MOST_NAME_WORDS = 20
"""Number of words of a name that are stored; further words are ignored."""

NAME_SLOP = 50
"""Largest distance between matching words of one name; words of two names are 100 places apart.

Words are sorted in stored and in queried names, so that given and family name match in any order.
"""

CARDS_KEPT = 2_000
"""Number of decoded cards that a process caches: successive questions often find the same
documents.
"""


def account_key(account: str) -> str:
    """Return the search term for an account: its SHA-256 in hexadecimal."""
    return hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()


def either_form(accounts: Collection[str]) -> dict[str, str]:
    """Return accounts by the terms of their NFC and NFD forms: a source may use either form."""
    return {
        account_key(unicodedata.normalize(form, account)): account
        for account in accounts
        for form in ("NFC", "NFD")
    }


def account_keys(contributions: Sequence[Contribution]) -> list[str]:
    """Return the distinct terms of all accounts."""
    return list(dict.fromkeys(account_key(row.account) for row in contributions))


def name_lines(contributions: Sequence[Contribution]) -> list[str]:
    """Return, for each displayed name, its words in alphabetical order, without duplicate lines."""
    names = dict.fromkeys(row.label or row.account.partition(":")[2] for row in contributions)
    lines = (" ".join(name_words(folded_words(name))) for name in names)
    return list(dict.fromkeys(filter(None, lines)))


def name_words(words: Sequence[str]) -> list[str]:
    """Return the words of a name as they are stored and queried: distinct and sorted."""
    return sorted(set(words[:MOST_NAME_WORDS]))


def card_line(indexed: IndexedDocument) -> str:
    """Return the card of a document as a line of JSON."""
    document = indexed.document
    return json.dumps(
        {
            "document_id": document.id,
            **shared_fields(document),
            "contributions": [_contribution_row(row) for row in document.contributions],
            "signed": has_several_authors(indexed.passages),
        }
    )


def has_several_authors(passages: Sequence[Passage]) -> bool:
    """Return whether these passages name more than one account as author."""
    return len({passage.author for passage in passages if passage.author}) > 1


_SHARED = tuple(
    attribute.name
    for attribute in fields(Card)
    if attribute.name not in ("document_id", "contributions", "signed")
)


def shared_fields(document: Document) -> dict[str, Any]:
    """Return the fields that a card and a document share by name, with dates as ISO 8601."""
    values = {name: getattr(document, name) for name in _SHARED}
    return {
        name: _iso(value) if isinstance(value, date) else value for name, value in values.items()
    }


def _contribution_row(row: Contribution) -> list[Any]:
    first, last = _iso(row.first), _iso(row.last)
    cells = [row.account, row.role, row.label, row.count, first, last, row.years, row.thanks]
    return cells if row.volume is None else [*cells, row.volume]


@lru_cache(maxsize=CARDS_KEPT)
def card_of(encoded: str) -> Card:
    """Return the card that a line of JSON encodes."""
    values: dict[str, Any] = json.loads(encoded)
    rows = values.pop("contributions")
    for name in ("created", "modified"):
        values[name] = values[name] and datetime.fromisoformat(values[name])
    values["replaces"] = tuple(values["replaces"])
    values["questions"] = tuple(values.get("questions", ()))  # older rows have none
    return Card(**values, contributions=tuple(_contribution(row) for row in rows))


def _contribution(row: Sequence[Any]) -> Contribution:
    account, role, label, count, first, last, years = row[:7]
    thanks = row[7] if len(row) > 7 else 0  # older rows have no thanks
    volume = row[8] if len(row) > 8 else None
    return Contribution(
        account,
        ROLES_BY_NAME[role],
        label,
        count,
        first and date.fromisoformat(first),
        last and date.fromisoformat(last),
        tuple(map(tuple, years)),
        thanks,
        volume,
    )


def _iso(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None


def document_of(card: Card, access: Access) -> Document:
    """Return the document of a card, without its version and sections (see its passages)."""
    values = {name: getattr(card, name) for name in _SHARED}
    values |= {"valid_from": _day(card.valid_from), "valid_until": _day(card.valid_until)}
    values["evidence"] = EvidencePolicy(card.evidence)
    return Document(id=card.document_id, access=access, contributions=card.contributions, **values)


def encoded_texts(documents: Sequence[IndexedDocument]) -> list[str]:
    """Return the text of each passage of each document, as an encoder reads it."""
    return [
        passage_text(document.document.title, passage)
        for document in documents
        for passage in document.passages
    ]


def expected_questions(documents: Sequence[IndexedDocument]) -> list[str]:
    """Return all expected questions of these documents, in their order, as texts to encode."""
    return [question for document in documents for question in document.document.questions]


def re_encoded(encoder: Encoder, documents: Sequence[IndexedDocument]) -> list[IndexedDocument]:
    """Return the documents with vectors of this encoder, which encodes all passages in one call."""
    counts = [len(document.passages) for document in documents]
    each = _split(encoder.passages(encoded_texts(documents)), counts)
    again = [replace(document, vectors=own) for document, own in zip(documents, each, strict=True)]
    return with_question_vectors(encoder, again)


def with_question_vectors(
    encoder: Encoder, documents: Sequence[IndexedDocument]
) -> list[IndexedDocument]:
    """Return the documents with the vectors of their expected questions, encoded in one call."""
    counts = [len(document.document.questions) for document in documents]
    if not sum(counts):
        return [replace(document, question_vectors=b"") for document in documents]
    each = _split(encoder.passages(expected_questions(documents)), counts)
    return [
        replace(document, question_vectors=quantised(own))
        for document, own in zip(documents, each, strict=True)
    ]


def _split(vectors: Vectors, counts: Sequence[int]) -> list[Vectors]:
    return np.split(vectors, np.cumsum(counts, dtype=np.int64)[:-1]) if counts else []


def _day(day: str | None) -> date | None:
    return date.fromisoformat(day) if day else None
