"""Receive documents in the format of La Suite's `find` (suitenumerique/find).

docs/pousser.md says what its fields mean here; all other fields (`depth`, `path`, `numchild`,
`size`, …) are ignored.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from quisait_export.schema import (
    AttachmentLine,
    ContributorLine,
    DeletedLine,
    RecordLine,
    SectionLine,
    Text,
)
from quisait_push.addresses import has_readable_type, origin_of
from quisait_push.inbox import Inbox
from quisait_push.items import PushedItem, PushReceipt, encode_item, id_of, refused_receipt

from connectors.faults import expected
from connectors.readers import FailFastList, Name, Readers
from connectors.values import EVERYONE, MAX_PRINCIPALS, ContributorRole, account_principal


@dataclass(frozen=True, slots=True)
class SuiteRules:
    """Settings of a source for La Suite's documents.

    `open_reach` are the values of `reach` (`public`, `authenticated`) that let every agent find a
    document. `link` is a template of a document's URL with `{id}`, or empty. `file_origins` are the
    origins (`https://host`, with its port) from which files of any pushed document may be fetched.
    """

    open_reach: frozenset[str] = frozenset()
    link: str = ""
    file_origins: frozenset[str] = frozenset()


class SuiteDocuments:
    """Stores and finds documents pushed by La Suite; `rules` are its settings by source name."""

    def __init__(self, inbox: Inbox, rules: Mapping[str, SuiteRules], document_bytes: int) -> None:
        self._inbox, self._rules, self._document_bytes = inbox, rules, document_bytes

    def receive(self, source: str, items: Sequence[object]) -> tuple[PushReceipt, ...]:
        """Store documents in find's format. Raises `InboxFull`, `InboxUnreachable`."""
        rules = self._rules[source]
        parsed = [parse_find_item(item, source, rules, self._document_bytes) for item in items]
        return self._inbox.receive(source, parsed)

    def tagged(
        self, source: str, tags: Collection[str], *, attachments: bool = True
    ) -> tuple[str, ...]:
        """Return the ids of a source's documents and attachments that have one of these tags.

        Raises `InboxUnreachable`.
        """
        return self._inbox.tagged(source, tags, attachments=attachments)

    def read_by(self, source: str, ids: Sequence[str], principals: Container[str]) -> list[str]:
        """Return those of the ids whose document names one of these principals as a reader.

        Raises `InboxUnreachable`.
        """
        stored = self._inbox.stored(source, ids)
        records = {name: document.record() for name, document in stored.items()}
        return [
            name
            for name in ids
            if (record := records.get(name))
            and record.readers
            and any(principal in principals for principal in record.readers.allowed)
        ]


_TITLE_CHARACTERS = 200

Identity = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]


_MOST_CONTRIBUTORS = 1_000
_MOST_TAGS = 100


class _FindDocument(BaseModel):
    """One document of `/documents/index/`. Other fields are ignored.

    `creator` and `contributors` are accounts, like `users`. Both are missing in find's own schema;
    applications may send them to name the authors. `url` is missing there too: it is the URL of a
    file whose text is not in `content`. The file is not fetched if `url`, `mimetype` or `size` is
    invalid.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    id: Name
    title: Text
    content: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    users: FailFastList[Identity] = []
    groups: FailFastList[Identity] = []
    reach: Literal["public", "authenticated", "restricted"] | None = "restricted"
    is_active: bool
    description: str = ""
    url: object = None
    mimetype: object = None
    size: object = None
    creator: Identity | None = None
    contributors: Annotated[FailFastList[Identity], Field(max_length=_MOST_CONTRIBUTORS)] = []
    tags: Annotated[FailFastList[Identity], Field(max_length=_MOST_TAGS)] = []


def parse_find_item(
    item: object, source: str, rules: SuiteRules, document_bytes: int
) -> PushedItem | PushReceipt:
    """Parse a document of La Suite's find API; return its item, or a receipt that refuses it.

    The item has no version: `updated_at` does not change when the readers do.
    """
    text = encode_item(item, document_bytes)
    if isinstance(text, PushReceipt):
        return text
    try:
        document = _FindDocument.model_validate_json(text)
    except ValidationError as error:
        # The reason names the field and what it expects, never the value.
        first = error.errors(include_input=False, include_url=False)[0]
        place = str(first["loc"][0]) if first["loc"] else ""
        reason = f"« {place} » : {expected(first)}"
        assert isinstance(item, dict)  # noqa: S101 - `encode_item` refuses everything else
        return refused_receipt(id_of(item), first["type"], reason, place)
    if not document.is_active:
        return PushedItem(DeletedLine(type="deleted", id=document.id))
    if not document.title and not document.content:
        return refused_receipt(document.id, "malformed", "ni titre ni contenu", "title")
    allowed = _find_principals(document, source, rules)
    if len(allowed) > MAX_PRINCIPALS:
        reason = f"plus de {MAX_PRINCIPALS} lecteurs : nommez un groupe"
        return refused_receipt(document.id, "too_long", reason, "users")
    tags = tuple(dict.fromkeys(document.tags))
    return PushedItem(_find_record(document, allowed, rules), tags=tags)


def _find_record(document: _FindDocument, allowed: list[str], rules: SuiteRules) -> RecordLine:
    description = document.description.strip()
    first_line = document.content.replace("\0", " ").partition("\n")[0].strip()
    return RecordLine(
        type="page",
        kind="document",
        id=document.id,
        title=document.title or first_line[:_TITLE_CHARACTERS] or document.id,
        text=document.content,
        sections=[SectionLine(text=description, heading="Description")] if description else [],
        author=document.creator,
        contributors=_editors(document),
        attachments=_file_of(document, rules),
        readers=Readers(allowed=allowed),
        created=document.created_at,
        modified=document.updated_at,
        url=rules.link.replace("{id}", document.id) if rules.link else "",
    )


def _file_of(document: _FindDocument, rules: SuiteRules) -> list[AttachmentLine]:
    """Return the file of a document without a text, if it may be fetched; the title names it."""
    url, kind, size = document.url, document.mimetype, document.size
    if document.content.strip() or not isinstance(url, str) or not isinstance(kind, str):
        return []
    if isinstance(size, bool) or not isinstance(size, int) or not has_readable_type(kind):
        return []
    if origin_of(url, rules.file_origins) is None:
        return []
    try:
        # Drive puts a file's description below its title.
        name = document.title.partition("\n")[0].strip() or document.id
        return [AttachmentLine(name=name, url=url, size=size, media_type=kind)]
    except ValidationError:
        return []


def _editors(document: _FindDocument) -> list[ContributorLine]:
    """Return each contributor once, as editor; the creator is the author."""
    names = dict.fromkeys(one for one in document.contributors if one != document.creator)
    last = document.updated_at.date()
    return [ContributorLine(account=name, role=ContributorRole.EDITOR, last=last) for name in names]


def _find_principals(document: _FindDocument, source: str, rules: SuiteRules) -> list[str]:
    """Return the principals of users (accounts of the source) and groups (of the source).

    A document open to all by its link is found by every agent only if the settings say so: find
    itself shows it only to users who have opened it.
    """
    allowed = {account_principal(f"{source}:{user}") for user in document.users}
    allowed |= {f"{source}:group:{group}" for group in document.groups}
    if document.reach in rules.open_reach:
        allowed.add(EVERYONE)
    return sorted(allowed)
