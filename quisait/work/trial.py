"""A source tried before anything of it is kept: its first documents and who would read them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from connectors.ports import Change, Connector, Malformed, SourceError, SupportsCheck, Upsert
from connectors.values import Document, EvidencePolicy


@dataclass(frozen=True, slots=True)
class TriedDocument:
    """A document as the source gives it. `authors` are accounts that would count as evidence."""

    id: str
    title: str
    url: str
    kind: str
    modified: datetime | None
    allowed: tuple[str, ...]
    denied: tuple[str, ...]
    authors: tuple[str, ...]
    characters: int
    """Of the text that the source gives itself; a file's text is not extracted."""
    filename: str

    @property
    def read_by_nobody(self) -> bool:
        """Whether the source names no reader."""
        return not self.allowed


@dataclass(frozen=True, slots=True)
class SourceTrial:
    """What a first reading would begin with.

    `unread` are records that could not be read, with place and reason. `missing` says what the
    account may not do, and `stopped` why the source could not be read further, if so.
    """

    source: str
    documents: tuple[TriedDocument, ...]
    unread: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    stopped: str = ""


def try_source(connector: Connector, count: int) -> SourceTrial:
    """Read the first `count` documents from the beginning, and keep nothing.

    Raises nothing: what the source refuses is in the answer.
    """
    documents: list[TriedDocument] = []
    unread: list[tuple[str, str]] = []
    missing: list[str] = []
    stopped = ""
    try:
        if isinstance(connector, SupportsCheck):
            missing += connector.check()
        for change in _until(connector.changes(None), count):
            if isinstance(change, Upsert):
                documents.append(_tried(change.document))
            elif isinstance(change, Malformed):
                unread.append((change.where, change.reason))
    except SourceError as error:
        stopped = str(error)
    return SourceTrial(connector.source, tuple(documents), tuple(unread), tuple(missing), stopped)


def _until(changes: Iterator[Change], count: int) -> Iterator[Change]:
    """Up to the last document that was asked for; a source of records without any is left too."""
    documents = others = 0
    for change in changes:
        yield change
        documents += isinstance(change, Upsert)
        others += not isinstance(change, Upsert)
        if documents >= count or others >= 100 * count:
            return


def _tried(document: Document) -> TriedDocument:
    counts = document.evidence is EvidencePolicy.YES
    content = document.content
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
    )
