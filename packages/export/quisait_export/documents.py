"""Turn one export record into documents: the record itself and its attachments."""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import Path

from connectors.contributions import Act, contributions_of
from connectors.files import FileState, UnsafePath, read_contained, regular_file_status
from connectors.markdown import looks_like_markdown, read_markdown
from connectors.ports import Malformed
from connectors.readers import access_of
from connectors.values import (
    CONVERSATION_HEADINGS,
    COPIED_FIELDS,
    Content,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
    assume_utc,
)
from quisait_export.schema import (
    AttachmentLine,
    RecordLine,
    Reply,
    SpaceLine,
    TextFormat,
    attachment_id,
)


@dataclass(frozen=True, slots=True)
class RecordContext:
    """The data that documents need besides their record: source, folder, labels, spaces.

    `fetcher` returns a function that downloads an attachment from its address; it raises
    `UnsafePath` if the settings do not allow the address. Exports have no fetcher.
    """

    source: str
    folder: Path
    labels: Mapping[str, str]
    spaces: Mapping[str, SpaceLine]
    fetcher: Callable[[AttachmentLine, RecordLine], Callable[[], bytes]] | None = None

    def qualified(self, name: str) -> str:
        """Return an id or account with the source's name in front; an empty name stays empty."""
        return f"{self.source}:{name}" if name else ""


def documents_of(
    record: RecordLine, context: RecordContext, where: str
) -> Iterator[Document | Malformed]:
    """Yield the record's document, then one for each attachment, which is part of it."""
    space = context.spaces.get(record.space)
    document = Document(
        id=context.qualified(record.id),
        source=context.source,
        title=record.title,
        access=access_of(record.readers or (space.readers if space else None)),
        sections=tuple(_sections(record, context)),
        url=record.url,
        kind=record.kind or record.type,
        created=assume_utc(record.created) if record.created else None,
        modified=_modified(record),
        replaces=tuple(map(context.qualified, record.replaces)),
        space=space.title if space else record.space,
        part_of=context.qualified(record.part_of),
        evidence=record.evidence or (space.evidence if space else EvidencePolicy.YES),
        contributions=_contributions(record, context),
        **{name: getattr(record, name) for name in COPIED_FIELDS},
    )
    yield document
    names: set[str] = set()
    for attachment in record.attachments:
        own_id = attachment_id(document.id, attachment.name)
        if attachment.name in names:
            yield Malformed(where, "deux pièces jointes portent le même nom", own_id)
            continue
        names.add(attachment.name)
        try:
            read, version = _attachment_reader(attachment, record, context)
        except (OSError, RuntimeError, ValueError) as error:
            # A missing file, or an unsafe path; only `UnsafePath` has a French reason.
            reason = str(error) if isinstance(error, UnsafePath) else "illisible"
            yield Malformed(where, f"pièce jointe : {reason}", own_id)
            continue
        yield replace(
            document,
            id=own_id,
            title=attachment.name,
            sections=(),
            content=Content(
                attachment.name,
                read,
                attachment.media_type,
                attachment.size if attachment.url is not None else None,
            ),
            kind="document",
            replaces=(),
            part_of=document.id,
            contributions=contributions_of(_uploads(record, context)),
            version=version,
        )


def _attachment_reader(
    attachment: AttachmentLine, record: RecordLine, context: RecordContext
) -> tuple[Callable[[], bytes], str]:
    """Return a function that reads the attachment, and its version.

    Raises OSError or ValueError.
    """
    folder = context.folder
    if context.fetcher is not None and attachment.url is not None:
        version = f"{attachment.url}:{attachment.size}:{_modified(record)}"
        return context.fetcher(attachment, record), version
    if attachment.url is not None or (attachment.path is None) == (attachment.base64 is None):
        raise UnsafePath("il faut « path » ou « base64 », l'un des deux")
    if attachment.path is not None:
        path = attachment.path
        status = regular_file_status(folder, path)
        listed = FileState(status.st_size, status.st_mtime_ns)
        return (lambda: read_contained(folder, path, listed), f"{listed.size}:{listed.mtime_ns}")
    content = base64.b64decode(attachment.base64 or "", validate=True)
    return lambda: content, hashlib.blake2b(content, digest_size=16).hexdigest()


def _sections(record: RecordLine, context: RecordContext) -> Iterator[Section]:
    def section(heading: str, text: str, author: str | None, page: int | None = None) -> Section:
        account = context.qualified(author) if author else None
        return Section(text.replace("\0", " "), heading, account, page)

    if record.type != "thread" and _is_markdown(record.text, record.format):
        for part in read_markdown(record.text).parts:
            yield section(part.heading, part.text, record.author)
    else:
        yield from _with_text(section("", _plain(record.text, record), record.author))
    # Answers have a fixed heading, so headings inside an answer stay in its text.
    for one in record.sections:
        yield from _with_text(section(one.heading, _plain(one.text, record), one.author, one.page))
    for answer in record.answers:
        heading = CONVERSATION_HEADINGS[_answering(answer)]
        yield from _with_text(section(heading, _plain(answer.text, record), answer.author))
    for comment in record.comments:
        heading = CONVERSATION_HEADINGS[ContributorRole.COMMENTER]
        yield from _with_text(section(heading, _plain(comment.text, record), comment.author))


def _with_text(section: Section) -> Iterator[Section]:
    if section.text.strip():
        yield section


def _plain(text: str, record: RecordLine) -> str:
    return read_markdown(text).plain if _is_markdown(text, record.format) else text


def _is_markdown(text: str, declared: TextFormat | None) -> bool:
    return declared is TextFormat.MARKDOWN or (declared is None and looks_like_markdown(text))


def _answering(answer: Reply) -> ContributorRole:
    return ContributorRole.ACCEPTED_ANSWERER if answer.accepted else ContributorRole.ANSWERER


@dataclass(slots=True)
class _RoleTally:
    """Number of contributions of one account in one role, by year if the dates are known."""

    count: int = 0
    days: list[date] = field(default_factory=list)
    years: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    thanks: int = 0
    volume: int | None = None

    def add(self, count: int, first: date | None, last: date | None) -> None:
        first, last = first or last, last or first
        self.count += count
        if first is None or last is None:
            return
        first, last = min(first, last), max(first, last)
        self.days += [first, last]
        # The distribution over years is unknown: spread evenly, the remainder on the last years.
        span = range(last.year, first.year - 1, -1)
        share, remainder = divmod(count, len(span))
        for place, year in enumerate(span[: count if share == 0 else None]):
            self.years[year] += share + (place < remainder)

    def contribution(
        self, account: str, role: ContributorRole, context: RecordContext
    ) -> Contribution:
        return Contribution(
            account=context.qualified(account),
            role=role,
            label=context.labels.get(account, ""),
            count=self.count,
            first=min(self.days, default=None),
            last=max(self.days, default=None),
            years=tuple(sorted(self.years.items())),
            thanks=self.thanks,
            volume=self.volume,
        )


def _contributions(record: RecordLine, context: RecordContext) -> tuple[Contribution, ...]:
    tallies: dict[tuple[str, ContributorRole], _RoleTally] = defaultdict(_RoleTally)

    def add(account: str, role: ContributorRole, on: datetime | None, thanks: int = 0) -> None:
        day = on.date() if on else None
        tallies[account, role].add(1, day, day)
        tallies[account, role].thanks += thanks

    if record.author:
        asked = record.type == "thread"
        role = ContributorRole.ASKER if asked else ContributorRole.AUTHOR
        add(record.author, role, record.created)
    for answer in record.answers:
        add(answer.author, _answering(answer), answer.created, answer.thanks)
    for comment in record.comments:
        add(comment.author, ContributorRole.COMMENTER, comment.created, comment.thanks)
    for line in record.contributors:
        tally = tallies[line.account, line.role]
        tally.add(line.count, line.first, line.last)
        if line.volume is not None:
            tally.volume = (tally.volume or 0) + line.volume
    named = {account for account, _ in tallies}
    for section in record.sections:
        if section.author and section.author not in named:
            add(section.author, ContributorRole.AUTHOR, record.created)
    return tuple(tallies[key].contribution(*key, context) for key in sorted(tallies))


def _uploads(record: RecordLine, context: RecordContext) -> Iterator[Act]:
    if record.author:
        account, label = context.qualified(record.author), context.labels.get(record.author, "")
        yield Act(account, ContributorRole.UPLOADER, label, record.created)


def _modified(record: RecordLine) -> datetime | None:
    """Return the record's modification time, or else the latest date in the record."""
    if record.modified:
        return assume_utc(record.modified)
    moments = [record.created]
    moments += [reply.created for reply in (*record.answers, *record.comments)]
    moments += [datetime.combine(c.last, time()) for c in record.contributors if c.last]
    return max((assume_utc(moment) for moment in moments if moment), default=None)
