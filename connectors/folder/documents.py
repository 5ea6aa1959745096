"""Turn a file of a tree into a document, with the metadata of its rule."""

import json
from dataclasses import dataclass, fields
from datetime import datetime

from connectors.contributions import Act, contributions_of
from connectors.folder.rules import Rule
from connectors.options import filled
from connectors.values import (
    COPIED_FIELDS,
    Access,
    Content,
    ContributorRole,
    Document,
    EvidencePolicy,
    assume_utc,
)


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file at `path`, in NFC, below its source's root.

    `modified` and `link` are used if no rule sets them; `{path}` in `link` stands for the path.
    """

    path: str
    content: Content
    modified: datetime | None
    link: str
    version: str


def ruled_document(source: str, file: ReadFile, rule: Rule | None, access: Access) -> Document:
    """Return the document of a file, with what its rule sets."""
    rule, path = rule or Rule(), file.path
    modified = rule.modified or file.modified
    authors = contributions_of(
        Act(f"{source}:{name}", ContributorRole.AUTHOR, name, rule.created or modified)
        for name in dict.fromkeys(rule.author or ())
    )
    copied = {n: value for n in COPIED_FIELDS if (value := getattr(rule, n))}
    return Document(
        id=f"{source}:{path}",
        source=source,
        title=rule.title or "",
        access=access,
        content=file.content,
        url=filled(rule.url or file.link, path=path),
        kind=rule.kind or "document",
        created=assume_utc(rule.created) if rule.created else None,
        modified=assume_utc(modified) if modified else None,
        replaces=tuple(f"{source}:{name}" for name in rule.replaces or ()),
        space=rule.space or "",
        part_of=f"{source}:{rule.part_of}" if rule.part_of else "",
        evidence=rule.evidence or EvidencePolicy.YES,
        contributions=authors,
        version=file.version,
        **copied,
    )


_NOT_METADATA = {"id", "source", "access", "sections", "content", "contributions", "version"}
_METADATA = [field.name for field in fields(Document) if field.name not in _NOT_METADATA]


def described(document: Document) -> str:
    """Return a text that changes with the version, metadata or accounts, but not the readers."""
    metadata = [_json_value(getattr(document, name)) for name in _METADATA]
    accounts = [contribution.account for contribution in document.contributions]
    return json.dumps([document.version, *metadata, accounts])


def _json_value(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, str) else str(value)
