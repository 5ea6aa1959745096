"""Converts documents to SQLite rows and back. Pure functions."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from connectors.values import Access, Document
from indexer.cards import card_line, card_of, document_of
from indexer.centroids import centroid
from indexer.french.analysis import analyse, encoded, folded_words
from indexer.near_duplicates import signature
from indexer.values import (
    BEGUN_CHARACTERS,
    FACETS,
    UNDATED,
    HitAttributes,
    IndexedDocument,
    Passage,
    Vectors,
    dated_of,
)

WholeRow = tuple[str, str, str, str, str, bytes]
"""(card, content hash, record hash, access key, passages, vectors) of a stored document."""


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """All columns of a document except its access and its sequence number.

    `title_terms`, `body_terms`: lines from `indexer.french.analysis.encoded`, with one per passage
    in `body_terms`. `facets`: see `facets_of`.
    """

    id: str
    source: str
    card: str
    facets: str
    newest: float
    content_hash: str
    record_hash: str
    title_terms: str
    title_words: str
    body_terms: str
    passages: str
    vectors: bytes


def document_row(indexed: IndexedDocument) -> DocumentRow:
    """Analyse and encode a document: the slow part of a write, done before its transaction."""
    document = indexed.document
    return DocumentRow(
        id=document.id,
        source=document.source,
        card=card_line(indexed),
        facets=json.dumps([*_facets(document), document.title, _hit_attributes(indexed)]),
        newest=UNDATED if (dated := dated_of(document)) is None else dated,
        content_hash=indexed.content_hash,
        record_hash=indexed.record_hash,
        title_terms=encoded(analyse(document.title)),
        title_words=" ".join(folded_words(document.title)),
        body_terms="\n".join(_body(indexed.passages)),
        passages=json.dumps(
            [[p.text, p.heading, p.author, p.page, p.path] for p in indexed.passages]
        ),
        vectors=np.ascontiguousarray(indexed.vectors, dtype="<f4").tobytes(),
    )


def indexed_of(row: WholeRow, dimension: int) -> IndexedDocument:
    """Return the document of a row."""
    card, content_hash, record_hash, key, passages, vectors = row
    return IndexedDocument(
        document=document_of(card_of(card), access_of(key)),
        passages=passages_of(passages),
        vectors=vectors_of(vectors, dimension),
        content_hash=content_hash,
        record_hash=record_hash,
    )


def access_key(access: Access) -> str:
    """Encode an access list; equal lists have equal keys."""
    return json.dumps([sorted(access.allowed), sorted(access.denied)])


def access_of(key: str) -> Access:
    """Decode what `access_key` encoded."""
    allowed, denied = json.loads(key)
    return Access(frozenset(allowed), frozenset(denied))


def passages_of(encoded: str) -> tuple[Passage, ...]:
    """Decode a document's passages, in reading order."""
    return tuple(Passage(*fields) for fields in json.loads(encoded))


def vectors_of(encoded: bytes, dimension: int) -> Vectors:
    """Return float32 (n, dimension), read-only."""
    return np.frombuffer(encoded, dtype="<f4").reshape(-1, dimension)


def facets_of(encoded: str) -> tuple[list[str], str, Sequence[Any]]:
    """Decode a row's `facets`: (value of each of FACETS, title, encoded attributes).

    Rows of versions without attributes have an empty sequence.
    """
    decoded = [*json.loads(encoded), ()]
    end = len(FACETS)
    return decoded[:end], decoded[end], decoded[end + 1]


def hit_attributes_of(
    encoded: Sequence[Any], facets: Sequence[str], title: str, newest: float, vectors: Vectors
) -> HitAttributes:
    """Decode the attributes of a hit; from an empty `encoded`, most of them stay unset.

    `facets`: the value of each of FACETS. The centroid is computed from the vectors, which are read
    anyway, so that rows of all versions have a centroid.
    """
    valid_from, valid_until, replaces, text_signature = encoded or (None, None, (), "")
    return HitAttributes(
        source=facets[FACETS.index("source")],
        area=facets[FACETS.index("area")],
        title=title[:BEGUN_CHARACTERS],
        dated=None if newest == UNDATED else newest,
        valid_from=valid_from,
        valid_until=valid_until,
        replaces=tuple(replaces),
        text_signature=b64decode(text_signature),
        centroid=centroid(vectors),
    )


def _hit_attributes(indexed: IndexedDocument) -> list[Any]:
    document = indexed.document
    return [
        _iso(document.valid_from),
        _iso(document.valid_until),
        document.replaces,
        b64encode(signature(indexed.passages)).decode(),
    ]


def _facets(document: Document) -> list[str]:
    """Return the document's value of each facet, in the order of FACETS, or an empty string."""
    shown = document.modified or document.created
    values = {name: getattr(document, name) for name in FACETS if name != "year"}
    values["year"] = str(shown.year) if shown else ""
    return [values[name] for name in FACETS]


def _body(passages: Sequence[Passage]) -> list[str]:
    """Return the terms of each passage.

    A heading counts once, in the first passage of its section.
    """
    lines, heading = [], ""
    for passage in passages:
        begins = passage.heading and passage.heading != heading
        text = f"{passage.heading}\n{passage.text}" if begins else passage.text
        heading = passage.heading
        lines.append(encoded(analyse(text)))
    return lines


def _iso(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None
