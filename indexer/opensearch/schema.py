"""What OpenSearch keeps: the whole schema in one declaration, and documents written to it."""

import hashlib
from typing import Any

import numpy as np

from connectors.values import Contribution, Document
from indexer.french import ELISIONS, SHORTEST_STEMMED, STOP_WORDS
from indexer.values import IndexedDocument, Passage, Vectors

Body = dict[str, Any]
"""JSON towards or from the engine; it does not leave this package."""

FORMAT = 2
"""Raise it when an index made by the former schema cannot serve this one."""

VECTOR_DECIMALS = 7
"""As precise as a float32 of a unit vector, at half the bytes."""

# The same steps as indexer/french.py, which says why; accents are folded after the stemmer.
FRENCH_ANALYSIS: Body = {
    "char_filter": {
        "one_apostrophe": {
            "type": "mapping",
            "mappings": ["\\u2019=>'", "\\u02bc=>'", "\\u2027=>\\u00b7", "\\u200d=>"],
        },
        "without_inclusive_endings": {
            "type": "pattern_replace",
            "pattern": r"(?<=[\p{L}\p{N}])(?:·\p{L}+)+",
            "replacement": "",
        },
        "joined_acronyms": {
            "type": "pattern_replace",
            "pattern": r"(?<=(?<![\p{L}\p{N}])\p{L})\.(?=\p{L}(?![\p{L}\p{N}]))",
            "replacement": "",
        },
        # The standard tokenizer keeps «fin.Début» and «service:budget» in one piece.
        "parted_words": {
            "type": "pattern_replace",
            "pattern": r"(?<=\p{L})[.:](?=\p{L})",
            "replacement": " ",
        },
    },
    "filter": {
        "french_elision": {
            "type": "elision",
            "articles": sorted(ELISIONS),
            "articles_case": True,
        },
        "french_stop": {"type": "stop", "stopwords": sorted(STOP_WORDS)},
        "short_words_whole": {
            "type": "keyword_marker",
            "keywords_pattern": f"^.{{1,{SHORTEST_STEMMED - 1}}}$",
        },
        "french_stem": {"type": "stemmer", "language": "french"},
    },
    "analyzer": {
        "french": {
            "type": "custom",
            "char_filter": [
                "one_apostrophe",
                "without_inclusive_endings",
                "joined_acronyms",
                "parted_words",
            ],
            "tokenizer": "standard",
            "filter": [
                "french_elision",
                "lowercase",
                "french_stop",
                "short_words_whole",
                "french_stem",
                "asciifolding",
            ],
        },
        "folded": {
            "type": "custom",
            "char_filter": [
                "one_apostrophe",
                "without_inclusive_endings",
                "joined_acronyms",
                "parted_words",
            ],
            "tokenizer": "standard",
            "filter": ["french_elision", "lowercase", "asciifolding"],
        },
    },
}

KEYWORD: Body = {"type": "keyword"}
SHOWN_ONLY: Body = {"type": "keyword", "index": False, "doc_values": False}
DATE: Body = {"type": "date"}
FRENCH: Body = {"type": "text", "analyzer": "french"}

NOT_IN_CARDS = ["passages", "headings", "access_list", "*_hash", "dated", "year"]
"""What a card's `_source` leaves out: text, vectors, rights, and what only the engine needs."""


def index_body(dimension: int, shards: int = 1, replicas: int = 0) -> Body:
    """Declare settings and mapping of an index whose vectors have `dimension` numbers."""
    return {
        "settings": {
            "index": {
                "number_of_shards": shards,
                "number_of_replicas": replicas,
                "knn": True,
                # With it, a document of 150 passages got another document's vectors.
                "knn.derived_source.enabled": False,
                "analysis": FRENCH_ANALYSIS,
            }
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {"format": FORMAT, "dimension": dimension},
            "properties": _fields(dimension),
        },
    }


def _fields(dimension: int) -> Body:
    return {
        "id": KEYWORD,
        "source": KEYWORD,
        "title": {**FRENCH, "fields": {"prefix": {"type": "text", "analyzer": "folded"}}},
        "url": SHOWN_ONLY,
        "kind": KEYWORD,
        "language": KEYWORD,
        "created": DATE,
        "modified": DATE,
        "dated": DATE,
        "year": KEYWORD,
        "valid_from": DATE,
        "valid_until": DATE,
        "replaces": KEYWORD,
        "space": KEYWORD,
        "part_of": KEYWORD,
        "entity": KEYWORD,
        "area": KEYWORD,
        "evidence": KEYWORD,
        "version": SHOWN_ONLY,
        "content_hash": KEYWORD,
        "record_hash": KEYWORD,
        # Who may read stands in that list: to change a document is to index its vectors anew.
        "access_list": KEYWORD,
        # Plain rows: nested ones would count against the 10 000 of a document.
        "contributions": {"type": "object", "enabled": False},
        # Filled by headings and passages, so that `_source` keeps each once.
        "text": FRENCH,
        "headings": {**FRENCH, "index": False, "copy_to": "text"},
        "passages": {"type": "nested", "properties": _passage_fields(dimension)},
    }


def _passage_fields(dimension: int) -> Body:
    return {
        "text": {**FRENCH, "copy_to": "text"},
        "heading": SHOWN_ONLY,
        "author": SHOWN_ONLY,
        "page": {"type": "integer", "index": False, "doc_values": False},
        "path": SHOWN_ONLY,
        "vector": {
            "type": "knn_vector",
            "dimension": dimension,
            # Lucene always: the plugin's artifact carries no native library.
            "method": {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"},
        },
    }


def engine_id(document_id: str) -> str:
    """Give the engine's `_id`, which may not exceed 512 bytes as a document's id may."""
    return hashlib.sha256(document_id.encode("utf-8", "surrogatepass")).hexdigest()


def document_source(indexed: IndexedDocument, access_list: str) -> Body:
    """Give a document as it is sent; what is empty is left out and makes no facet."""
    document = indexed.document
    dated = document.modified or document.created
    source = {
        **_plain_fields(document),
        "created": document.created and document.created.isoformat(),
        "modified": document.modified and document.modified.isoformat(),
        "dated": dated and dated.isoformat(),
        "year": dated and f"{dated.year:04}",
        "valid_from": document.valid_from and document.valid_from.isoformat(),
        "valid_until": document.valid_until and document.valid_until.isoformat(),
        "access_list": access_list,
        "content_hash": indexed.content_hash,
        "record_hash": indexed.record_hash,
        "contributions": [_contribution_row(c) for c in document.contributions],
        "headings": list(dict.fromkeys(p.heading for p in indexed.passages if p.heading)),
        "passages": _passage_rows(indexed.passages, indexed.vectors),
    }
    return {name: value for name, value in source.items() if value not in ("", None, [])}


def _plain_fields(document: Document) -> Body:
    return {
        "id": document.id,
        "source": document.source,
        "title": document.title,
        "url": document.url,
        "kind": document.kind,
        "language": document.language,
        "replaces": list(document.replaces),
        "space": document.space,
        "part_of": document.part_of,
        "entity": document.entity,
        "area": document.area,
        "evidence": document.evidence.value,
        "version": document.version,
    }


def _contribution_row(contribution: Contribution) -> Body:
    return {
        "account": contribution.account,
        "role": contribution.role.value,
        "label": contribution.label,
        "count": contribution.count,
        "first": contribution.first and contribution.first.isoformat(),
        "last": contribution.last and contribution.last.isoformat(),
        "years": [list(pair) for pair in contribution.years],
    }


def _passage_rows(passages: tuple[Passage, ...], vectors: Vectors) -> list[Body]:
    rounded = np.round(np.asarray(vectors, dtype=np.float64), VECTOR_DECIMALS).tolist()
    return [
        {
            "text": passage.text,
            "heading": passage.heading,
            "author": passage.author,
            "page": passage.page,
            "path": passage.path,
            "vector": vector,
        }
        for passage, vector in zip(passages, rounded, strict=True)
    ]
