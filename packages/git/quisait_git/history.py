"""Find the contributors of each page, from the repository's log."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.values import Contribution, ContributorRole

MOST_CONTRIBUTORS = 1_000
"""Maximum number of contributors to a page; those with the most commits are kept."""
_BOT_NAMES = frozenset({"bot", "no-reply", "noreply"})
_CONTACT = re.compile(r"([^<>\n]*)<\s*([^<>\s]{1,254})\s*>\s*")
_LONGEST_NAME = 200
_ADDRESS = re.compile(r"(?=.{1,254}$)[^\s@:/]+@[^\s@:/]+")
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Person:
    """An author or co-author of a commit."""

    mail: str
    name: str

    @property
    def is_bot(self) -> bool:
        """Whether the contact is a program of a forge, by its name or address."""
        local = self.mail.partition("@")[0].rpartition("+")[2]
        return "[bot]" in f"{self.name} {local}".lower() or local in _BOT_NAMES


@dataclass(slots=True)
class _Share:
    """The commits of one person to one page."""

    name: str
    count: int = 0
    moments: list[datetime] = field(default_factory=list)
    is_bot: bool = False


@dataclass(slots=True)
class PageHistory:
    """The commits of one page, by person.

    `begun` are the people who created the page; it is empty if a bulk commit created it.
    """

    shares: dict[str, _Share] = field(default_factory=dict)
    begun: frozenset[str] = frozenset()
    first: datetime | None = None
    last: datetime | None = None

    def contributions(
        self, source: str, is_counted: Callable[[str], bool]
    ) -> tuple[Contribution, ...]:
        """Return contributions by account: authors created the page, editors changed it later."""
        rows = [
            self._contribution(source, mail, share)
            for mail, share in self.shares.items()
            if is_counted(mail)
        ]
        most = sorted(rows, key=lambda row: (-row.count, row.account))[:MOST_CONTRIBUTORS]
        return tuple(sorted(most, key=lambda row: row.account))

    def _contribution(self, source: str, mail: str, share: _Share) -> Contribution:
        years = Counter(moment.year for moment in share.moments)
        days = [moment.date() for moment in share.moments]
        role = ContributorRole.EDITOR
        if share.is_bot:
            role = ContributorRole.BOT
        elif mail in self.begun:
            role = ContributorRole.AUTHOR
        elif not share.count:
            role = ContributorRole.UPLOADER
        dated = len(share.moments) == max(share.count, 1)
        return Contribution(
            f"{source}:{mail}",
            role,
            share.name,
            max(share.count, 1),
            min(days, default=None),
            max(days, default=None),
            tuple(sorted(years.items())) if dated else (),
        )


@dataclass(frozen=True, slots=True)
class _Commit:
    oid: str
    moment: datetime | None
    people: tuple[Person, ...]


def histories(
    tokens: Iterator[bytes],
    paths: Iterable[bytes],
    *,
    ignored: frozenset[str],
    bulk: int,
    mapped: Callable[[list[str]], list[str]],
    now: datetime,
) -> dict[bytes, PageHistory]:
    """Return the history of each of these paths at the tip, following renames backwards.

    `tokens` come from `RepositoryCopy.log`, newest commit first. People in a commit of more than
    `bulk` of these pages count as uploaders, not as writers; a commit in `ignored` does not count
    at all. `mapped` returns co-authors' contacts as the mailmap writes them.
    """
    found = {path: PageHistory() for path in paths}
    names = {path: path for path in found}
    """Path in the current commit → path at the tip."""
    coauthors = _Mapped(mapped)
    for commit, changes in _commits(tokens, now, coauthors):
        touched = [change for change in changes if change.new in names]
        is_bulk = len(touched) > bulk
        for change in touched:
            page = found[names[change.new]]
            written = change.edits and commit.oid not in ignored
            if written:
                _note(page, commit, is_bulk=is_bulk)
            if change.status == "A":
                if written:
                    people = frozenset(one.mail for one in commit.people)
                    page.begun = frozenset() if is_bulk else people
                page.first = commit.moment or page.first
        # Applied after all changes: a commit may swap two names.
        before = {}
        for change in touched:
            if change.status == "R":
                before[change.old] = names[change.new]
        for change in touched:
            if change.status in "AR":
                names.pop(change.new, None)
        names |= before
    return found


@dataclass(frozen=True, slots=True)
class _Change:
    status: str
    old: bytes
    new: bytes
    edits: bool


def _note(page: PageHistory, commit: _Commit, *, is_bulk: bool) -> None:
    if commit.moment:
        page.last = max(page.last or commit.moment, commit.moment)
    for person in commit.people:
        share = page.shares.setdefault(person.mail, _Share(person.name, is_bot=person.is_bot))
        if is_bulk and share.count:
            continue
        if not is_bulk:
            if not share.count:
                share.moments.clear()
            share.count += 1
        if commit.moment and (not is_bulk or not share.moments):
            share.moments.append(commit.moment)


class _Mapped:
    """Co-authors as the mailmap writes them; each contact is looked up once."""

    def __init__(self, mapped: Callable[[list[str]], list[str]]) -> None:
        self._ask, self._known = mapped, dict[str, Person | None]()

    def __call__(self, trailers: str) -> list[Person]:
        written = [one for line in trailers.splitlines()[:50] if (one := _contact(line))]
        unknown = list(dict.fromkeys(one for one in written if one not in self._known))
        if unknown:
            for asked, answer in zip(unknown, self._ask(unknown), strict=True):
                name, mail = _parsed(answer) or ("", "")
                self._known[asked] = _person(mail, name)
        return [person for one in written if (person := self._known[one])]


def _contact(line: str) -> str:
    parsed = None if "\0" in line else _parsed(line)
    return f"{parsed[0]} <{parsed[1]}>".strip() if parsed else ""


def _parsed(contact: str) -> tuple[str, str] | None:
    """Return the name and address of `name <address>`, or None if either is malformed."""
    found = _CONTACT.fullmatch(contact)
    name = found[1].strip() if found else ""
    return (name, found[2]) if found and len(name) <= _LONGEST_NAME else None


def _person(mail: str, name: str) -> Person | None:
    address = mail.strip().lower()
    return Person(address, name[:_LONGEST_NAME]) if _ADDRESS.fullmatch(address) else None


def _commits(
    tokens: Iterator[bytes], now: datetime, coauthors: _Mapped
) -> Iterator[tuple[_Commit, list[_Change]]]:
    """Yield each commit with its changes. Paths are recognized by position, never by text."""
    commit: _Commit | None = None
    changes: list[_Change] = []
    for token in tokens:
        bare = token.lstrip(b"\n")
        if bare.startswith(b":"):
            _, _, old_oid, new_oid, status = bare.decode().split(" ")
            old = new = next(tokens, b"")
            if status[0] in "RC":
                new = next(tokens, b"")
            changes.append(_Change(status[0], old, new, old_oid != new_oid))
        elif bare.startswith(b"\x01"):
            if commit:
                yield commit, changes
            commit, changes = _commit(bare[1:], now, coauthors), []
    if commit:
        yield commit, changes


def _commit(head: bytes, now: datetime, coauthors: _Mapped) -> _Commit:
    fields = head.decode("utf-8", "replace").split("\x1f", 5)
    oid, *rest = fields
    if len(rest) != 5:
        return _Commit(oid, None, ())
    written, kept, mail, name, trailers = rest
    author = _person(mail, name)
    people = dict.fromkeys(one for one in (author, *coauthors(trailers)) if one)
    by_mail = {one.mail: one for one in reversed(people)}
    moment = _moment(written, now) or _moment(kept, now)
    return _Commit(oid, moment, tuple(by_mail.values()))


def _moment(seconds: str, now: datetime) -> datetime | None:
    """Return the moment, or None if the clock was wrong: before 1990, or after tomorrow."""
    if not seconds.lstrip("-").isdecimal() or len(seconds) > 11:
        return None
    value = int(seconds)
    earliest = 631_152_000  # 1990
    if not earliest <= value <= now.timestamp() + _DAY_S:
        return None
    return datetime.fromtimestamp(value, tz=UTC)
