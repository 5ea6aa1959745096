"""Convert the texts of a Redmine to sections, and issues to conversations with contributions."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from connectors.contributions import Act
from connectors.markdown import read_markdown
from connectors.values import CONVERSATION_HEADINGS, ContributorRole, Section
from quisait_redmine.client import Row, listed, moment_of, named, text_of

MOST_TEXT = 2_000_000
"""Maximum number of characters of one text; a longer text is cut."""
_HEADING = re.compile(r"h[1-6]\.[ \t]+(.+)")
_LINK = re.compile(r"\[\[(?:[^\[\]|\n]{1,200}\|)?([^\[\]|\n]{1,200})\]\]")
_MACRO = re.compile(r"\{\{[\w>]{1,60}(?:\([^(){}\n]{0,300}\))?\}\}")
_QUOTED = re.compile(r"[ \t]*>")
_SAID = re.compile(r"(?:.{0,200} (?:a écrit|wrote)\s?:|bq\. .*)[ \t]*")
"""The line that Redmine's «Citer» writes before a quotation, in French and in English."""


def sections_of(text: str, form: str) -> tuple[Section, ...]:
    """Return a text as sections, one per heading."""
    text = text[:MOST_TEXT].replace("\r\n", "\n")
    if form == "markdown":
        parts = [(one.heading, one.text) for one in read_markdown(text).parts]
    else:
        parts, heading, held = [], "", list[str]()
        for line in [*text.split("\n"), "h1. \0"]:
            if found := _HEADING.match(line):
                parts.append((heading, "\n".join(held).strip()))
                heading, held = found[1].strip(), []
            else:
                held.append(line)
    return tuple(
        Section(_plain(body), _plain(heading)) for heading, body in parts if body or heading
    )


def own_words(text: str) -> str:
    """Return a note without quotations of others."""
    lines = text[:MOST_TEXT].replace("\r\n", "\n").split("\n")
    kept = []
    for at, line in enumerate(lines):
        following = lines[at + 1] if at + 1 < len(lines) else ""
        before_quotation = _SAID.fullmatch(line) and _QUOTED.match(following)
        if not _QUOTED.match(line) and not before_quotation:
            kept.append(line)
    return _plain("\n".join(kept)).strip()


def _plain(text: str) -> str:
    return _LINK.sub(r"\1", _MACRO.sub("", text)).strip()


@dataclass(frozen=True, slots=True)
class Note:
    """A public note of an issue."""

    account: str
    label: str
    text: str
    moment: datetime | None
    closes: bool


@dataclass(frozen=True, slots=True)
class IssueThread:
    """An issue: the question, the answers, and the answer that solved it.

    The accepted answer is the last public note by somebody other than the asker, up to the note
    that closed the issue. If nobody else wrote a note, the accepted answer is the asker's note that
    closed the issue. An issue that is open, or was closed as rejected, has no accepted answer.
    """

    asker: str
    asker_label: str
    asked: datetime | None
    notes: tuple[Note, ...]
    is_solved: bool

    @property
    def accepted(self) -> Note | None:
        """The note that is the accepted answer, or None."""
        closing = [at for at, note in enumerate(self.notes) if note.closes]
        if not self.is_solved or not closing:
            return None
        until = [note for note in self.notes[: closing[-1] + 1] if note.text]
        others = [note for note in until if note.account != self.asker]
        if others:
            return others[-1]
        return until[-1] if until and until[-1].closes else None

    def sections(self) -> tuple[Section, ...]:
        """Return the notes as sections, with a heading for their role."""
        return tuple(
            Section(note.text, CONVERSATION_HEADINGS.get(self._role(note), ""), note.account)
            for note in self.notes
            if note.text
        )

    def acts(self) -> Iterator[Act]:
        """Yield the question and the answers."""
        yield Act(self.asker, ContributorRole.ASKER, self.asker_label, self.asked)
        for note in self.notes:
            if note.text and (role := self._role(note)) is not ContributorRole.COMMENTER:
                yield Act(note.account, role, note.label, note.moment)

    def _role(self, note: Note) -> ContributorRole:
        if note == self.accepted:
            return ContributorRole.ACCEPTED_ANSWERER
        if note.account == self.asker:
            return ContributorRole.COMMENTER
        return ContributorRole.ANSWERER


def conversation_of(
    issue: Row, closed: frozenset[str], rejected: Iterable[str], account: Callable[[Row], str]
) -> IssueThread:
    """Return an issue's conversation, with public notes only.

    `closed` are ids of closing statuses.
    """
    notes = []
    for journal in listed(issue, "journals"):
        moves = [
            str(detail.get("new_value"))
            for detail in listed(journal, "details")
            if detail.get("property") == "attr" and detail.get("name") == "status_id"
        ]
        closes = any(one in closed for one in moves)
        # Only if Redmine states that it is public; a missing field counts as private.
        public = journal.get("private_notes") is False
        text = own_words(text_of(journal, "notes")) if public else ""
        user = named(journal, "user")
        if (text or closes) and user:
            notes.append(
                Note(
                    account(user),
                    text_of(user, "name"),
                    text,
                    moment_of(journal, "created_on"),
                    closes,
                )
            )
    status = named(issue, "status")
    author = named(issue, "author")
    is_solved = str(status.get("id")) in closed and text_of(status, "name") not in set(rejected)
    return IssueThread(
        account(author),
        text_of(author, "name"),
        moment_of(issue, "created_on"),
        tuple(notes),
        is_solved,
    )
