"""Converts documents to SQLite rows and back. Pure functions."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from connectors.values import Access
from indexer.cards import card_line, card_of, document_of
from indexer.centroids import centroid
from indexer.french.analysis import analyse, encoded, folded_words
from indexer.near_duplicates import signature
from indexer.values import (
    BEGUN_CHARACTERS,
    UNDATED,
    HitAttributes,
    IndexedDocument,
    Passage,
    Vectors,
    dated_of,
    facet_values,
)

WholeRow = tuple[str, str, str, str, str, bytes, str]
"""(card, content hash, record hash, access key, passages, vectors, facets) of a stored document."""


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
        facets=_facets_line(indexed),
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
    card, content_hash, record_hash, key, passages, vectors, facets = row
    _, _, attributes = facets_of(facets)
    return IndexedDocument(
        document=document_of(card_of(card), access_of(key)),
        passages=passages_of(passages),
        vectors=vectors_of(vectors, dimension),
        content_hash=content_hash,
        record_hash=record_hash,
        question_vectors=_question_vectors(attributes),
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


PLACED_FACETS = ("source", "kind", "space", "entity", "area", "year")
"""Facets whose values stand at the beginning of a row's `facets`, in this order, which never
changes. Further facets follow the attributes by name: rows of before may lack them.
"""


def facets_of(encoded: str) -> tuple[Mapping[str, str], str, Sequence[Any]]:
    """Decode a row's `facets`: (value by name of each facet it has, title, encoded attributes).

    Rows of versions without attributes have an empty sequence.
    """
    values = json.loads(encoded)
    title, *rest = values[len(PLACED_FACETS) :]
    attributes = rest[0] if rest else ()
    further = rest[1] if len(rest) > 1 else {}
    return {**dict(zip(PLACED_FACETS, values, strict=False)), **further}, title, attributes


def hit_attributes_of(
    encoded: Sequence[Any], facets: Mapping[str, str], title: str, newest: float, vectors: Vectors
) -> HitAttributes:
    """Decode the attributes of a hit; from an empty `encoded`, most of them stay unset.

    `facets`: values by name. The centroid is computed from the vectors, which are read
    anyway, so that rows of all versions have a centroid.
    """
    valid_from, valid_until, replaces, text_signature = encoded[:4] or (None, None, (), "")
    return HitAttributes(
        source=facets["source"],
        area=facets["area"],
        title=title[:BEGUN_CHARACTERS],
        dated=None if newest == UNDATED else newest,
        valid_from=valid_from,
        valid_until=valid_until,
        replaces=tuple(replaces),
        text_signature=b64decode(text_signature),
        centroid=centroid(vectors),
        questions=_question_vectors(encoded),
    )


def _question_vectors(attributes: Sequence[Any]) -> bytes:
    """Return the vectors of expected questions; rows of former versions have none."""
    return b64decode(attributes[4]) if len(attributes) > 4 else b""


def _hit_attributes(indexed: IndexedDocument) -> list[Any]:
    document = indexed.document
    attributes = [
        _iso(document.valid_from),
        _iso(document.valid_until),
        document.replaces,
        b64encode(signature(indexed.passages)).decode(),
    ]
    if indexed.question_vectors:
        attributes.append(b64encode(indexed.question_vectors).decode())
    return attributes


def _facets_line(indexed: IndexedDocument) -> str:
    """Encode the facets, the title and the attributes of a document; see `facets_of`."""
    values = facet_values(indexed.document)
    placed = [values.pop(name) for name in PLACED_FACETS]
    further = [values] if values else []
    return json.dumps([*placed, indexed.document.title, _hit_attributes(indexed), *further])


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
