"""The whole schema in OpenSearch, and the conversion of documents to it."""

import hashlib
import json
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np

from connectors.values import Contribution
from indexer.cards import account_keys, card_line, has_several_authors, name_lines, shared_fields
from indexer.centroids import centroid
from indexer.french.analysis import BESIDE, NOTHING, analyse, encoded, folded_words
from indexer.near_duplicates import signature
from indexer.opensearch.client import OrjsonSerializer
from indexer.quantisation import SEVEN_BITS, WHOLE_VECTORS, Quantisation
from indexer.values import (
    BEGUN_CHARACTERS,
    FACETS,
    HitAttributes,
    IndexedDocument,
    Passage,
    Vectors,
    dated_of,
    facet_values,
)

_READER = OrjsonSerializer()


def hit_attributes_column(indexed: IndexedDocument) -> str:
    """Return Base64 of a line of JSON, a zero byte (never in JSON), and bytes.

    The bytes are the signature, the vectors of expected questions, and the centroid.
    """
    document, text_signature = indexed.document, signature(indexed.passages)
    attributes = [
        document.source,
        dated_of(document),
        document.valid_from and document.valid_from.isoformat(),
        document.valid_until and document.valid_until.isoformat(),
        document.replaces,
        len(text_signature),
        len(indexed.question_vectors),
    ]
    line = json.dumps(attributes).encode()
    numbers = text_signature + indexed.question_vectors + centroid(indexed.vectors)
    return b64encode(line + b"\0" + numbers).decode()


def hit_attributes_of(column: str, title: str = "", area: str = "") -> HitAttributes:
    """Decode the column of attributes, which the engine returns unpadded.

    Title and area have other columns.
    """
    line, _, numbers = a2b_base64(column + "==").partition(b"\0")
    source, dated, begins, ends, replaces, signed, *rest = _READER.loads(line.decode())
    asked = rest[0] if rest else 0  # columns of former versions have no expected questions
    return HitAttributes(
        source,
        dated,
        begins,
        ends,
        tuple(replaces),
        numbers[:signed],
        numbers[signed + asked :],
        title,
        area,
        numbers[signed : signed + asked],
    )


Body = dict[str, Any]
"""JSON to or from the engine."""

FORMAT = 9
"""Increment this number if indexes of the former schema cannot be used with the new one."""

ADDED_FIELDS = frozenset({"questions", "question_terms"})
"""Fields that an index of this format may lack, as facets, until `quisait reindex`."""

VECTOR_DECIMALS = 7
"""Decimals of a vector's components: as precise as float32, with half the bytes."""

# Texts are sent as lines of terms from indexer/french/analysis.py: a piece per place, with
# its alternative terms, and a sign that keeps the place of a stop word.
LINES_OF_TERMS: Body = {
    "tokenizer": {"places": {"type": "whitespace", "max_token_length": 4096}},
    "filter": {
        "terms_of_a_place": {
            "type": "pattern_capture",
            "preserve_original": False,
            "patterns": [f"([^{BESIDE}]+)"],
        },
        "places_without_terms": {"type": "stop", "stopwords": [NOTHING]},
    },
    "analyzer": {
        "terms": {
            "type": "custom",
            "tokenizer": "places",
            "filter": ["terms_of_a_place", "places_without_terms"],
        }
    },
}

KEYWORD: Body = {"type": "keyword"}
SHOWN_ONLY: Body = {"type": "keyword", "index": False, "doc_values": False}
DATE: Body = {"type": "date"}
TERMS: Body = {"type": "text", "analyzer": "terms"}

COLUMNS_ALONE: Body = {"stored_fields": "_none_"}
"""Option for hits without source, and without `_id`. `_id` is stored beside the document's source,
so that the engine would read and unpack the vectors of each hit.
"""


def copies(replicas: int | None) -> Body:
    """Return the settings for the number of replicas.

    If it is None, the engine decides: no replica on one data node, one replica from two data nodes
    on.
    """
    if replicas is None:
        return {"auto_expand_replicas": "0-1"}
    return {"auto_expand_replicas": "false", "number_of_replicas": replicas}


SAME_AT_ONCE: Body = {"replication.type": "DOCUMENT"}
"""Setting by which each copy indexes the writes itself. If copies fetched segments instead, as a
cluster may do by default, a copy that is behind would show deleted documents even after a refresh.
"""


SMALL_VECTORS: Body = {
    "name": "sq",
    # The whole range of values. With the default interval of 3.6.0, small vectors find .61 of
    # the ten nearest instead of .96 (`benchmarks.quantisation --intervals`).
    "parameters": {"bits": 7, "confidence_interval": 1.0},
}
"""Setting of the small vectors that the engine compares first; it also stores full vectors."""


def index_body(
    dimension: int,
    shards: int = 1,
    replicas: int | None = None,
    quantisation: Quantisation = WHOLE_VECTORS,
) -> Body:
    """Return settings and mapping of an index of vectors with `dimension` components."""
    return {
        "settings": {
            "index": {
                "number_of_shards": shards,
                **copies(replicas),
                **SAME_AT_ONCE,
                "knn": True,
                # If enabled, a document of 150 passages got another document's vectors.
                "knn.derived_source.enabled": False,
                "analysis": LINES_OF_TERMS,
            }
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {"format": FORMAT, "dimension": dimension},
            "properties": _fields(dimension, quantisation),
        },
    }


def quantisation_of(mappings: Body) -> Quantisation:
    """Return the quantisation of an index from its mapping."""
    passages: Body = mappings["properties"]["passages"]["properties"]
    parameters = passages["vector"]["method"].get("parameters", {})
    return SEVEN_BITS if "encoder" in parameters else WHOLE_VECTORS


def _fields(dimension: int, quantisation: Quantisation) -> Body:
    return {
        **dict.fromkeys(FACETS, KEYWORD),
        "id": KEYWORD,
        "title": SHOWN_ONLY,
        "title_terms": TERMS,
        "title_words": TERMS,
        # Columns, since suggestions read hundreds of titles without their documents.
        "title_begun": {"type": "keyword", "index": False},
        "title_length": {"type": "integer", "index": False},
        "url": SHOWN_ONLY,
        "language": KEYWORD,
        "created": DATE,
        "modified": DATE,
        "dated": DATE,
        "valid_from": SHOWN_ONLY,
        "valid_until": SHOWN_ONLY,
        "replaces": KEYWORD,
        "part_of": KEYWORD,
        "evidence": KEYWORD,
        "version": SHOWN_ONLY,
        "signed": {"type": "boolean", "index": False, "doc_values": False},
        # Columns, since a source holds the vectors too: the attributes of a hit, and the card, of
        # which expert search reads hundreds. Binary: a keyword column looks up each value.
        "mark": {"type": "binary", "doc_values": True},
        "card": {"type": "binary", "doc_values": True},
        "content_hash": KEYWORD,
        "record_hash": KEYWORD,
        # Only a list's name: a change of the document would index its vectors again.
        "access_list": KEYWORD,
        # Not nested: nested rows would count against the limit of 10 000 per document.
        "contributions": {"type": "object", "enabled": False},
        # Search keys of contributors: a hash of each account, the words of each name.
        "account_hash": KEYWORD,
        "label_words": TERMS,
        # Filled from headings and passages, so that `_source` holds each text once.
        "text": TERMS,
        "heading_terms": {**TERMS, "index": False, "copy_to": "text"},
        "questions": SHOWN_ONLY,
        "question_terms": TERMS,
        "passages": {"type": "nested", "properties": _passage_fields(dimension, quantisation)},
    }


def _passage_fields(dimension: int, quantisation: Quantisation) -> Body:
    small = {} if quantisation == WHOLE_VECTORS else {"parameters": {"encoder": SMALL_VECTORS}}
    return {
        "text": SHOWN_ONLY,
        "terms": {**TERMS, "copy_to": "text"},
        "heading": SHOWN_ONLY,
        "author": SHOWN_ONLY,
        "page": {"type": "integer", "index": False, "doc_values": False},
        "path": SHOWN_ONLY,
        "vector": {
            "type": "knn_vector",
            "dimension": dimension,
            # Always Lucene: the plugin's artifact has no native library.
            "method": {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil", **small},
        },
    }


def engine_id(document_id: str) -> str:
    """Return the engine's `_id`: a hash of the document's id, which may exceed its 512 bytes."""
    return hashlib.sha256(document_id.encode("utf-8", "surrogatepass")).hexdigest()


def by_ids(document_ids: Iterable[str]) -> Body:
    """Return the clause that matches these documents."""
    return {"ids": {"values": [engine_id(id_) for id_ in document_ids]}}


def document_source(indexed: IndexedDocument, access_list: str) -> Body:
    """Return a document as it is sent; empty fields are left out and make no facet."""
    document = indexed.document
    dated = document.modified or document.created
    headings = dict.fromkeys(p.heading for p in indexed.passages if p.heading)
    source = {
        "id": document.id,
        **shared_fields(document),
        "version": document.version,
        "dated": dated and dated.isoformat(),
        **facet_values(document),
        "mark": hit_attributes_column(indexed),
        "card": b64encode(card_line(indexed).encode()).decode(),
        "signed": has_several_authors(indexed.passages),
        "access_list": access_list,
        "content_hash": indexed.content_hash,
        "record_hash": indexed.record_hash,
        "contributions": [_contribution_row(c) for c in document.contributions],
        "account_hash": account_keys(document.contributions),
        "label_words": name_lines(document.contributions),
        "title_terms": encoded(analyse(document.title)),
        "title_words": " ".join(folded_words(document.title)),
        "title_begun": document.title[:BEGUN_CHARACTERS],
        "title_length": len(document.title),
        "heading_terms": [encoded(analyse(heading)) for heading in headings],
        "question_terms": [encoded(analyse(question)) for question in document.questions],
        "passages": _passage_rows(indexed.passages, indexed.vectors),
    }
    return {name: value for name, value in source.items() if value not in ("", None, [], ())}


def _contribution_row(contribution: Contribution) -> Body:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in asdict(contribution).items()
    }


def _passage_rows(passages: tuple[Passage, ...], vectors: Vectors) -> list[Body]:
    rounded = np.round(np.ascontiguousarray(vectors, dtype=np.float32), VECTOR_DECIMALS)
    return [
        {
            "text": passage.text,
            "terms": encoded(analyse(passage.text)),
            "heading": passage.heading,
            "author": passage.author,
            "page": passage.page,
            "path": passage.path,
            "vector": vector,
        }
        for passage, vector in zip(passages, rounded, strict=True)
    ]
