"""One document, made ready to be encoded: extracted, cut, hashed."""

import hashlib
import json
from dataclasses import dataclass, fields, replace
from typing import Any

from connectors.values import Content, Contribution, Document, Section
from indexer.errors import ExtractionFailed
from indexer.passages import cut, passage_text
from indexer.ports import Extractor
from indexer.values import (
    Extracted,
    Failure,
    IndexedDocument,
    Kept,
    Passage,
    UnreadPart,
    Vectors,
)

FORMAT = "1"
"""Part of each hash: raise it when what is kept of a document changes."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document with its passages, not yet their vectors."""

    document: Document
    passages: tuple[Passage, ...]
    content_hash: str
    record_hash: str
    unread: tuple[UnreadPart, ...] = ()

    def same_as(self, kept: Kept) -> bool:
        """Whether nothing but the access may differ from what is kept."""
        return (self.content_hash, self.record_hash) == (kept.content_hash, kept.record_hash)

    @property
    def kept(self) -> Kept:
        """What a scan will tell of it."""
        return Kept(self.document.id, self.content_hash, self.record_hash, self.document.access)

    def indexed(self, vectors: Vectors) -> IndexedDocument:
        """With its vectors, shape (number of passages, d)."""
        return IndexedDocument(
            self.document, self.passages, vectors, self.content_hash, self.record_hash
        )


def prepare(document: Document, extractor: Extractor) -> Prepared:
    """Raises `ExtractionFailed`, `ExtractorUnreachable` or `RecordVanished`."""
    whole, unread = _with_text(document, extractor)
    passages = cut(whole.sections, whole.title)
    return Prepared(
        document=whole,
        passages=passages,
        content_hash=_content_hash(whole.title, passages),
        record_hash=_record_hash(whole),
        unread=unread,
    )


def _with_text(document: Document, extractor: Extractor) -> tuple[Document, tuple[UnreadPart, ...]]:
    if document.content is None:
        return document, ()
    content: Content = document.content
    if content.size_bytes is not None and content.size_bytes > extractor.max_bytes:
        # Not even held in memory.
        raise ExtractionFailed(
            Failure.TOO_LARGE, f"Le fichier dépasse {extractor.max_bytes} octets."
        )
    extracted = extractor.extract(content.read(), content.filename, content.media_type)
    return _merge(document, extracted), extracted.unread


def _merge(document: Document, extracted: Extracted) -> Document:
    """What the source says goes before what the file says of itself."""
    return replace(
        document,
        content=None,
        sections=document.sections + extracted.sections,
        title=document.title or extracted.title,
        created=document.created or extracted.created,
        modified=document.modified or extracted.modified,
    )


def _content_hash(title: str, passages: tuple[Passage, ...]) -> str:
    """Of what is encoded, whatever the encoder: generations of an index differ in that."""
    digest = hashlib.sha256(f"{FORMAT}\0{title}".encode())
    for passage in passages:
        digest.update(b"\0" + passage_text(title, passage).encode())
    return digest.hexdigest()


def _record_hash(document: Document) -> str:
    """Of everything that is kept but the access."""
    kept = _fields(document)
    del kept["access"], kept["content"], kept["version"]
    canonical = json.dumps(kept, default=_plain, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{FORMAT}\0{canonical}".encode()).hexdigest()


def _plain(value: object) -> dict[str, Any] | str:
    """What JSON has no word for: a record is its fields, a date is what it is written as."""
    if isinstance(value, Section):
        return _fields(value)
    if isinstance(value, Contribution):
        row = _fields(value)
        if not row["thanks"]:  # so that what was kept before there were thanks is unchanged
            del row["thanks"]
        return row
    return str(value)


def _fields(record: Document | Section | Contribution) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}
