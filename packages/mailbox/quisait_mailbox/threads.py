"""Group mails into threads by `Message-ID`, `In-Reply-To` and `References` (RFC 5322, 3.6.4).

A missing mail still joins the mails that refer to it. A reference that would close a loop is
ignored. Subjects are not compared: two questions may have the same subject.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from itertools import pairwise

from connectors.values import date_of_header
from quisait_mailbox.text import LONGEST_FIELD

MOST_MAILS = 200
"""Maximum number of mails in one document; a longer thread is split over several documents."""
_MOST_REFERENCES = 50
_ID = re.compile(r"<([^<>\s]{1,300})>")


@dataclass(frozen=True, slots=True)
class MailHead:
    """The fields that decide to which thread a mail belongs.

    `key` is the mail's name in its folder; a different text has a different key. `references` are
    the mails that it answers, oldest first. `attachments` are the numbers of its attached parts.
    `thanks` is the number of people who thanked for it, if the source has thanks.
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

    `name` stays the same when mails come or go. `is_whole_from_start`: the first mail answers no
    other mail.
    """

    name: str
    mails: tuple[MailHead, ...]
    is_whole_from_start: bool


def head_of(
    key: str, message: Message, received: datetime | None, attachments: tuple[str, ...] = ()
) -> MailHead:
    """Return the head of a mail; if it has no valid date, `received` is used instead."""
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
        date_of_header(_field(message, "Date")) or received,
        attachments,
    )


def threads_of(heads: Iterable[MailHead]) -> Iterator[MailThread]:
    """Return the threads of a folder, by name; the order of the mails does not matter.

    Takes nearly linear time, however long the chains of answers are.
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
    """Trees of answers, joined with union-find (Tarjan, 1975)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._first: dict[str, str] = {}
        self._size: dict[str, int] = {}

    def root(self, one: str) -> str:
        """Return the first mail of the thread that contains `one`."""
        return self._first[self._find(one)]

    def answer(self, after: str, before: str) -> None:
        """Make `after` an answer to `before`, unless it has a parent or this closes a loop."""
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
    # Message ids have no space, so no other mail can refer to this substitute.
    return head.message_id or f" {head.key}"


def _moment(head: MailHead) -> tuple[datetime, str]:
    return head.date or datetime.max.replace(tzinfo=UTC), head.key


def _field(message: Message, name: str) -> str:
    return str(message.get(name, ""))[:LONGEST_FIELD]
