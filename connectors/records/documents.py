"""Turn one export record into documents: the record itself and its attachments."""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from connectors.files import FileState, UnsafePath, read_contained, regular_file_status
from connectors.ports import Malformed
from connectors.records.schema import (
    AccessLine,
    AttachmentLine,
    InvalidLine,
    Readers,
    RecordLine,
    SpaceLine,
    attachment_id,
)
from connectors.values import (
    Access,
    Content,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
)


@dataclass(frozen=True, slots=True)
class RecordContext:
    """What a record's reading takes from around it: source, folder, names, spaces."""

    source: str
    folder: Path
    labels: Mapping[str, str]
    spaces: Mapping[str, SpaceLine]

    def qualified(self, name: str) -> str:
        """An id or account under the source's name; nothing stays nothing."""
        return f"{self.source}:{name}" if name else ""


def access_of(readers: Readers | None) -> Access:
    """No readers: nobody."""
    if readers is None:
        return Access()
    return Access(frozenset(readers.allowed), frozenset(readers.denied))


def access_of_line(line: AccessLine | InvalidLine) -> Access:
    """The readers that an access line gives; nobody where it could not be understood."""
    return access_of(line.readers) if isinstance(line, AccessLine) else Access()


def documents_of(
    record: RecordLine, setting: RecordContext, where: str
) -> Iterator[Document | Malformed]:
    """The record's document, then its attachments, each a document that is part of it."""
    space = setting.spaces.get(record.space)
    readers = record.readers or (space.readers if space else None)
    evidence = record.evidence or (space.evidence if space else EvidencePolicy.YES)
    whole = Document(
        id=setting.qualified(record.id),
        source=setting.source,
        title=record.title,
        access=access_of(readers),
        sections=tuple(_sections(record, setting)),
        url=record.url,
        kind=record.kind or record.type,
        language=record.language,
        created=_aware(record.created),
        modified=_modified(record),
        valid_from=record.valid_from,
        valid_until=record.valid_until,
        replaces=tuple(map(setting.qualified, record.replaces)),
        space=space.title if space else record.space,
        part_of=setting.qualified(record.part_of),
        entity=record.entity,
        area=record.area,
        evidence=evidence,
        contributions=_contributions(record, setting),
    )
    yield whole
    names: set[str] = set()
    for attachment in record.attachments:
        own_id = attachment_id(whole.id, attachment.name)
        if attachment.name in names:
            yield Malformed(where, "deux pièces jointes portent le même nom", own_id)
            continue
        names.add(attachment.name)
        try:
            yield _attachment_document(attachment, own_id, whole, record, setting)
        except (OSError, RuntimeError, ValueError) as error:
            # A missing file, or a path that leads out: the reasons are our own words.
            reason = str(error) if isinstance(error, UnsafePath) else "illisible"
            yield Malformed(where, f"pièce jointe : {reason}", own_id)


def _attachment_document(
    attachment: AttachmentLine,
    own_id: str,
    whole: Document,
    record: RecordLine,
    setting: RecordContext,
) -> Document:
    read, version = _attachment_reader(attachment, setting.folder)
    return Document(
        id=own_id,
        source=whole.source,
        title=attachment.name,
        access=whole.access,
        content=Content(attachment.name, read, attachment.media_type),
        url=whole.url,
        language=whole.language,
        created=whole.created,
        modified=whole.modified,
        valid_from=whole.valid_from,
        valid_until=whole.valid_until,
        space=whole.space,
        part_of=whole.id,
        entity=whole.entity,
        area=whole.area,
        evidence=whole.evidence,
        contributions=_upload_contribution(record, setting),
        version=version,
    )


def _attachment_reader(attachment: AttachmentLine, folder: Path) -> tuple[Callable[[], bytes], str]:
    """How to read an attachment, and its version. Raises OSError or ValueError."""
    if (attachment.path is None) == (attachment.base64 is None):
        raise UnsafePath("il faut « path » ou « base64 », l'un des deux")
    if attachment.path is not None:
        path = attachment.path
        status = regular_file_status(folder, path)
        listed = FileState(status.st_size, status.st_mtime_ns)
        return (
            lambda: read_contained(folder, path, listed),
            f"{listed.size}:{listed.mtime_ns}",
        )
    content = base64.b64decode(attachment.base64 or "", validate=True)
    return lambda: content, hashlib.blake2b(content, digest_size=16).hexdigest()


def _sections(record: RecordLine, setting: RecordContext) -> Iterator[Section]:
    def account(name: str | None) -> str | None:
        return setting.qualified(name) if name else None

    sections = [Section(record.text, author=account(record.author))]
    sections += [Section(s.text, s.heading, account(s.author), s.page) for s in record.sections]
    for answer in record.answers:
        heading = "Réponse acceptée" if answer.accepted else "Réponse"
        sections.append(Section(answer.text, heading, account(answer.author)))
    sections += [Section(c.text, "Commentaire", account(c.author)) for c in record.comments]
    for section in sections:
        if section.text.strip():
            yield Section(
                section.text.replace("\0", " "), section.heading, section.author, section.page
            )


@dataclass(slots=True)
class _Tally:
    """Counts of one account in one role, by year where the year is known."""

    count: int = 0
    days: list[date] = field(default_factory=list)
    years: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    thanks: int = 0

    def add(self, count: int, first: date | None, last: date | None) -> None:
        first, last = first or last, last or first
        self.count += count
        if first is None or last is None:
            return
        first, last = min(first, last), max(first, last)
        self.days += [first, last]
        # Nothing says how a span is filled: evenly, the remainder to its latest years.
        span = range(last.year, first.year - 1, -1)
        share, more = divmod(count, len(span))
        for place, year in enumerate(span[: count if share == 0 else None]):
            self.years[year] += share + (place < more)


def _contributions(record: RecordLine, setting: RecordContext) -> tuple[Contribution, ...]:
    tallies: dict[tuple[str, ContributorRole], _Tally] = defaultdict(_Tally)

    def did(account: str, role: ContributorRole, on: datetime | None, thanks: int = 0) -> None:
        day = on.date() if on else None
        tallies[account, role].add(1, day, day)
        tallies[account, role].thanks += thanks

    if record.author:
        role = ContributorRole.ASKER if record.type == "thread" else ContributorRole.AUTHOR
        did(record.author, role, record.created)
    for answer in record.answers:
        role = ContributorRole.ACCEPTED_ANSWERER if answer.accepted else ContributorRole.ANSWERER
        did(answer.author, role, answer.created, answer.thanks)
    for comment in record.comments:
        did(comment.author, ContributorRole.COMMENTER, comment.created, comment.thanks)
    for line in record.contributors:
        tallies[line.account, line.role].add(line.count, line.first, line.last)
    named = {account for account, _ in tallies}
    for section in record.sections:
        if section.author and section.author not in named:
            did(section.author, ContributorRole.AUTHOR, record.created)
    return tuple(
        _contribution(key, tally, setting) for key, tally in sorted(tallies.items(), key=_by_key)
    )


def _by_key(item: tuple[tuple[str, ContributorRole], _Tally]) -> tuple[str, ContributorRole]:
    return item[0]


def _contribution(
    key: tuple[str, ContributorRole], tally: _Tally, setting: RecordContext
) -> Contribution:
    account, role = key
    return Contribution(
        account=setting.qualified(account),
        role=role,
        label=setting.labels.get(account, ""),
        count=tally.count,
        first=min(tally.days, default=None),
        last=max(tally.days, default=None),
        years=tuple(sorted(tally.years.items())),
        thanks=tally.thanks,
    )


def _upload_contribution(record: RecordLine, setting: RecordContext) -> tuple[Contribution, ...]:
    if not record.author:
        return ()
    tally = _Tally()
    day = record.created.date() if record.created else None
    tally.add(1, day, day)
    return (_contribution((record.author, ContributorRole.UPLOADER), tally, setting),)


def _aware(moment: datetime | None) -> datetime | None:
    """A time without a zone reads as UTC, so that all can be compared."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _modified(record: RecordLine) -> datetime | None:
    """As given, or the latest date inside."""
    if record.modified:
        return _aware(record.modified)
    replies = [*record.answers, *record.comments]
    inside = [record.created, *(reply.created for reply in replies)]
    inside += [
        datetime(c.last.year, c.last.month, c.last.day, tzinfo=UTC)
        for c in record.contributors
        if c.last
    ]
    return max((aware for moment in inside if (aware := _aware(moment))), default=None)
