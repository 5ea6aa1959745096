"""Group a room's events into conversations: threads, chains of replies, or single messages.

A conversation is a root message that answers no other, with everything below it. Its text is the
current one: edits are applied, and redacted messages left out.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from connectors.contributions import Act, contributions_of
from connectors.options import filled
from connectors.values import (
    CONVERSATION_HEADINGS,
    Access,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
)
from quisait_matrix.accounts import AccountNames
from quisait_matrix.events import EventType, Relation, RoomEvent
from quisait_matrix.rooms import RoomState

THANKS = frozenset("👍🙏❤👏💯💚💙🤝")
"""Reactions that count as thanks, without modifiers for skin tone and presentation."""
ACCEPTS = frozenset("✅✔☑")
"""Reactions by which the asker marks the answer that helped."""
_EMOJI_MARKS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
LONGEST_TITLE = 80


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it is shown now. `thanks` counts users; `accepted`: the asker marked it."""

    event: RoomEvent
    text: str
    position: int
    modified: datetime | None
    thanks: int = 0
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages under one root, in order. The text of the root may be missing."""

    root: RoomEvent
    messages: tuple[Message, ...]

    @property
    def positions(self) -> list[int]:
        """The positions of its messages in the timeline."""
        return [message.position for message in self.messages]


@dataclass(slots=True)
class Timeline:
    """Events of a room in order, from the oldest requested event up to now.

    `own` is the id of the reading account. Its own messages, and messages that mention it or that
    it answered, are left out of conversations.
    """

    events: Sequence[RoomEvent]
    own: str = ""
    _by_id: dict[str, RoomEvent] = field(init=False)
    _roots: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_id = {event.id: event for event in self.events}

    def root_of(self, event: RoomEvent) -> str:
        """Return the id of the message at the root of this event's conversation."""
        path: dict[str, None] = {}
        current = event
        while current.id not in self._roots and current.id not in path:
            path[current.id] = None
            parent = self._by_id.get(current.target) if current.target else None
            if parent is None or parent.type is not EventType.MESSAGE:
                break
            current = parent
        root = self._roots.get(current.id, current.id)
        self._roots.update(dict.fromkeys(path, root))
        return root

    def conversations(self) -> Iterator[Conversation]:
        """Yield the conversations that have a text, by the position of their first message."""
        edits: dict[str, RoomEvent] = {}
        reactions: dict[str, list[RoomEvent]] = defaultdict(list)
        under: dict[str, list[tuple[int, RoomEvent]]] = {}
        for position, event in enumerate(self.events):
            target = self._by_id.get(event.target)
            if event.type is EventType.REACTION and not event.redacted:
                reactions[event.target].append(event)
            elif event.type is not EventType.MESSAGE:
                continue
            elif event.relation is not Relation.EDIT:
                # An answer may come before its root, in the order of another server.
                under.setdefault(self.root_of(event), []).append((position, event))
            elif target is not None and target.sender == event.sender and not target.redacted:
                edits[target.id] = event
        answered = {event.answered for event in self.events if event.sender == self.own}
        for root_id, talk in under.items():
            root = self._by_id[root_id]
            shown = (
                _shown(event, position, edits.get(event.id), reactions[event.id], root.sender)
                for position, event in talk
                if event.sender != self.own
                and self.own not in event.mentions
                and event.id not in answered
            )
            messages = tuple(message for message in shown if message.text)
            if messages:
                yield Conversation(root, messages)


def _shown(
    event: RoomEvent,
    position: int,
    edit: RoomEvent | None,
    reactions: Iterable[RoomEvent],
    asker: str,
) -> Message:
    keys: dict[str, set[str]] = defaultdict(set)
    for reaction in reactions:
        if reaction.sender != event.sender:
            keys[_EMOJI_MARKS.sub("", reaction.key)].add(reaction.sender)
    thanking = frozenset().union(*(keys[key] for key in THANKS & keys.keys()))
    accepted = any(asker in keys[key] for key in ACCEPTS & keys.keys())
    # An edit may empty a text; files and notices stay without text.
    text = edit.text if edit is not None and event.text else event.text
    modified = edit.at if edit is not None and edit.at is not None else event.at
    return Message(event, text, position, modified, len(thanking), accepted)


@dataclass(frozen=True, slots=True)
class DocumentMaker:
    """Converts conversations of one source to documents."""

    source: str
    names: AccountNames
    link: str
    evidence: Callable[[str], EvidencePolicy]

    def id(self, room_id: str, event_id: str) -> str:
        """Return the id of the conversation under a message."""
        return f"{self.root(room_id)}/{event_id}"

    def root(self, room_id: str) -> str:
        """Return the prefix of the ids of a room's documents, without the slash."""
        return f"{self.source}:{room_id}"

    def document(self, state: RoomState, said: Conversation, access: Access) -> Document:
        """Return the conversation's document."""
        roles = list(_roles(said))
        sections = tuple(
            Section(
                message.text,
                heading=CONVERSATION_HEADINGS.get(role, ""),
                author=self.names.account(message.event.sender),
            )
            for message, role in zip(said.messages, roles, strict=True)
        )
        moments = [m.event.at for m in said.messages if m.event.at is not None]
        changed = [m.modified for m in said.messages if m.modified is not None]
        return Document(
            id=self.id(state.id, said.root.id),
            source=self.source,
            title=_title(state.name, said.messages[0].text),
            access=access,
            sections=sections,
            url=filled(self.link, safe="", room=state.id, event=said.root.id),
            kind="thread" if len(said.messages) > 1 else "message",
            created=moments[0] if moments else None,
            modified=max(changed, default=None),
            space=state.name,
            evidence=self.evidence(state.id),
            contributions=contributions_of(map(partial(self._act, state), said.messages, roles)),
        )

    def _act(self, state: RoomState, message: Message, role: ContributorRole) -> Act:
        user, at = message.event.sender, message.event.at
        label = state.names.get(user) or user.removeprefix("@").partition(":")[0]
        return Act(
            self.names.account(user), role, label, at, message.thanks, volume=len(message.text)
        )


def _roles(said: Conversation) -> Iterator[ContributorRole]:
    """Yield the role of each message's author.

    If the root asks a question, other authors are answerers, and the asker marks accepted answers.
    Otherwise the root's author is an author and other authors are commenters.
    """
    asker = said.root.sender
    first = said.messages[0]
    asks = first.event.id == said.root.id and "?" in first.text
    for message in said.messages:
        own = message.event.sender == asker
        if own and asks:
            yield ContributorRole.ASKER
        elif own:
            yield ContributorRole.AUTHOR
        elif not asks:
            yield ContributorRole.COMMENTER
        elif message.accepted:
            yield ContributorRole.ACCEPTED_ANSWERER
        else:
            yield ContributorRole.ANSWERER


def _title(room: str, text: str) -> str:
    """Return the room's name, and the beginning of the first message."""
    line = " ".join(text.split("\n", 1)[0].split())
    if len(line) > LONGEST_TITLE:
        line = line[:LONGEST_TITLE].rpartition(" ")[0] or line[:LONGEST_TITLE]
        line += "…"
    return f"{room} : {line}"
