"""Which mails belong together, by `Message-ID`, `In-Reply-To` and `References` (RFC 5322, 3.6.4).

A mail that is named and missing still joins those that name it. A loop is cut where it would
close. Subjects are not compared: two questions may have the same.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from itertools import pairwise

from connectors.mail.text import LONGEST_FIELD
from connectors.values import assume_utc

MOST_MAILS = 200
"""In one document: a longer thread goes on in another."""
_MOST_REFERENCES = 50
_ID = re.compile(r"<([^<>\s]{1,300})>")
_LONGEST_DATE = 100


@dataclass(frozen=True, slots=True)
class MailHead:
    """What tells where a mail belongs.

    `key` is what its folder calls it: another text has another key. `references` are the mails
    that it answers, oldest first. `attachments` are the numbers of its attached parts. `thanks` is
    how many thanked for it, where the source says so.
    """

    key: str
    message_id: str = ""
    references: tuple[str, ...] = ()
    date: datetime | None = None
    attachments: tuple[str, ...] = ()
    thanks: int = 0

    @property
    def state(self) -> str:
        """A text that changes when the mail has to be read again."""
        return f"{self.key} {self.thanks}" if self.thanks else self.key


@dataclass(frozen=True, slots=True)
class MailThread:
    """Mails that answer one another, oldest first.

    `name` stays the same when mails come or go. `is_whole_from_start`: its first mail answers none.
    """

    name: str
    mails: tuple[MailHead, ...]
    is_whole_from_start: bool


def head_of(
    key: str, message: Message, received: datetime | None, attachments: tuple[str, ...] = ()
) -> MailHead:
    """The head of a mail; the moment when it was received stands in for a date that is none."""
    ids = _ID.findall(_field(message, "Message-ID"))
    named = _ID.findall(_field(message, "References"))
    answered = _ID.findall(_field(message, "In-Reply-To"))[:1]
    references = [*(one for one in named if one not in answered), *answered]
    if len(references) > _MOST_REFERENCES:
        references = [references[0], *references[1 - _MOST_REFERENCES :]]
    return MailHead(
        key,
        ids[0] if ids else "",
        tuple(dict.fromkeys(references)),
        date_of(_field(message, "Date")) or received,
        attachments,
    )


def date_of(written: str) -> datetime | None:
    """The moment of a field `Date`; None for one that is none, or lies ahead of all calendars."""
    try:
        return assume_utc(parsedate_to_datetime(written[:_LONGEST_DATE])).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def threads_of(heads: Iterable[MailHead]) -> Iterator[MailThread]:
    """The threads of a folder, by name; the same whatever the order of the mails.

    In nearly linear time: chains of answers may be as long as somebody wants them.
    """
    mails = sorted({head.key: head for head in heads}.values(), key=_moment)
    together = _Forest()
    for head in mails:
        chain = [*head.references, _own_id(head)]
        for before, after in pairwise(chain):
            together.answer(after, before)
    members: Mapping[str, list[MailHead]] = defaultdict(list)
    for head in mails:
        members[together.root(_own_id(head))].append(head)
    threads = (
        thread for first, found in members.items() for thread in _in_lengths(first, tuple(found))
    )
    return iter(sorted(threads, key=lambda thread: thread.name))


def _in_lengths(first: str, mails: tuple[MailHead, ...]) -> Iterator[MailThread]:
    name = hashlib.sha256(first.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    for number, at in enumerate(range(0, len(mails), MOST_MAILS), 1):
        part = mails[at : at + MOST_MAILS]
        whole = number == 1 and _own_id(part[0]) == first
        yield MailThread(name if number == 1 else f"{name}-{number}", part, whole)


class _Forest:
    """Trees of answers, joined as union-find joins sets (Tarjan, 1975)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._first: dict[str, str] = {}
        self._size: dict[str, int] = {}

    def root(self, one: str) -> str:
        """The first mail of its thread."""
        return self._first[self._find(one)]

    def answer(self, after: str, before: str) -> None:
        """`after` answers `before`, unless it answers another already, or that closes a loop."""
        below, above = self._find(after), self._find(before)
        if below == above or self._first[below] != after:
            return
        first = self._first[above]
        if self._size[below] > self._size[above]:
            below, above = above, below
        self._parent[below] = above
        self._size[above] += self._size[below]
        self._first[above] = first

    def _find(self, one: str) -> str:
        if one not in self._parent:
            self._parent[one], self._first[one], self._size[one] = one, one, 1
        while (up := self._parent[one]) != one:
            self._parent[one] = self._parent[up]
            one = up
        return one


def _own_id(head: MailHead) -> str:
    # No id has a space: a mail without one is alone, and no other can name it.
    return head.message_id or f" {head.key}"


def _moment(head: MailHead) -> tuple[datetime, str]:
    return head.date or datetime.max.replace(tzinfo=UTC), head.key


def _field(message: Message, name: str) -> str:
    return str(message.get(name, ""))[:LONGEST_FIELD]
