"""Try a source without storing anything: read its first documents and their readers."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from connectors.ports import (
    Change,
    Connector,
    Malformed,
    RecordVanished,
    SourceError,
    SupportsCheck,
    SupportsCount,
    Upsert,
)
from connectors.values import Document, EvidencePolicy
from indexer.crawl.batches import prepare
from indexer.errors import ExtractionFailed, ExtractorUnreachable
from indexer.ports import Extractor
from quisait_desk.values import SourceTrial, TriedDocument

Sign = tuple[str, object]
"""One finding of a trial: the name of a field of `SourceTrial`, and one value for it."""


def try_source(connector: Connector, count: int, extractor: Extractor) -> SourceTrial:
    """Read the first `count` documents from the beginning, and store nothing.

    Errors of the source are in the result, and not raised.
    """
    return gathered(connector.source, trial_signs(connector, count, extractor))


def trial_signs(connector: Connector, count: int, extractor: Extractor) -> Iterator[Sign]:
    """Yield findings one by one, so that a stopped trial still has its first findings."""
    try:
        if isinstance(connector, SupportsCheck):
            yield from (("missing", sentence) for sentence in connector.check())
        for change in _until(connector.changes(None), count):
            if isinstance(change, Upsert):
                yield "documents", _tried(change.document, extractor)
            elif isinstance(change, Malformed):
                yield "unread", (change.where, change.reason)
        if isinstance(connector, SupportsCount):
            yield "expected", connector.count_pending(None)
    except (SourceError, ExtractorUnreachable) as error:
        yield "stopped", str(error)


def gathered(source: str, signs: Iterator[Sign]) -> SourceTrial:
    """Return the trial made of these findings."""
    found: dict[str, list[Any]] = defaultdict(list)
    for name, one in signs:
        found[name].append(one)
    return SourceTrial(
        source,
        tuple(found["documents"]),
        tuple(found["unread"]),
        tuple(found["missing"]),
        (found["stopped"] or [""])[-1],
        (found["expected"] or [None])[-1],
    )


def _until(changes: Iterator[Change], count: int) -> Iterator[Change]:
    """Yield changes up to the last requested document, or 100 times as many other changes."""
    documents = others = 0
    for change in changes:
        yield change
        documents += isinstance(change, Upsert)
        others += not isinstance(change, Upsert)
        if documents >= count or others >= 100 * count:
            return


def _tried(document: Document, extractor: Extractor) -> TriedDocument:
    """Return a document with the length of its text. Raises `ExtractorUnreachable`."""
    counts = document.evidence is EvidencePolicy.YES
    content, unread = document.content, ""
    try:
        document = prepare(document, extractor).document
    except (ExtractionFailed, RecordVanished) as error:
        unread = str(error)
    return TriedDocument(
        id=document.id,
        title=document.title or (content.default_title if content else ""),
        url=document.url,
        kind=document.kind,
        modified=document.modified,
        allowed=tuple(sorted(document.access.allowed)),
        denied=tuple(sorted(document.access.denied)),
        authors=tuple(one.account for one in document.contributions) if counts else (),
        characters=sum(len(section.text) for section in document.sections),
        filename=content.filename if content else "",
        unread=unread,
    )
