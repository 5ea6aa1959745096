"""Parse a room's events; malformed events raise, and events of other types are skipped."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeGuard

_LATEST_MS = 253_402_300_799_000  # the end of the year 9999


class EventType(StrEnum):
    """The types of events that are read; the server is asked for no others."""

    MESSAGE = "m.room.message"
    REACTION = "m.reaction"
    REDACTION = "m.room.redaction"
    MEMBER = "m.room.member"
    VISIBILITY = "m.room.history_visibility"
    ENCRYPTION = "m.room.encryption"
    NAME = "m.room.name"


class Relation(StrEnum):
    """How an event relates to its `target`."""

    NONE = ""
    REPLY = "reply"
    THREAD = "m.thread"
    EDIT = "m.replace"
    REACTION = "m.annotation"


_TYPES = {one.value for one in EventType}
_RELATIONS = {one.value for one in Relation if one not in (Relation.NONE, Relation.REPLY)}

TEXT_KINDS = frozenset({"m.text", "m.emote"})
"""Kinds of messages that people write; programs write `m.notice`."""


class MalformedEventError(ValueError):
    """The event is malformed; the text is a French reason."""


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """One event. `value` and `former` are a member's membership or the history's visibility.

    `text` is a message's text without the quotation of its parent, or an edit's new text; it is
    empty for files, notices and redacted messages. A `redacted` message has no relation any more.
    `answered` is the message to which a message in a thread replies.
    """

    id: str
    type: EventType
    sender: str
    at: datetime | None = None
    text: str = ""
    relation: Relation = Relation.NONE
    target: str = ""
    key: str = ""
    state_key: str = ""
    value: str = ""
    former: str | None = None
    mentions: frozenset[str] = frozenset()
    answered: str = ""
    redacted: bool = False


def parse_event(raw: Mapping[str, Any]) -> RoomEvent | None:
    """Return the event, or None if its type is not read. Raises `MalformedEventError`."""
    if _text(raw.get("type")) not in _TYPES or not _is_id(raw.get("event_id")):
        return None
    content = _mapping(raw.get("content"), "content")
    sender = raw.get("sender")
    if not isinstance(sender, str) or not sender.startswith("@"):
        raise MalformedEventError("l'auteur manque")
    kind = EventType(raw["type"])
    unsigned = raw.get("unsigned")
    unsigned = unsigned if isinstance(unsigned, Mapping) else {}
    redacted = "redacted_because" in unsigned
    head = {"id": raw["event_id"], "type": kind, "sender": sender, "at": _time(raw)}
    if kind is EventType.REDACTION:
        target = content.get("redacts", raw.get("redacts"))
        return RoomEvent(**head, target=target if _is_id(target) else "", redacted=redacted)
    if kind in (EventType.MEMBER, EventType.VISIBILITY):
        name = "membership" if kind is EventType.MEMBER else "history_visibility"
        former = unsigned.get("prev_content")
        return RoomEvent(
            **head,
            state_key=_text(raw.get("state_key")),
            value=_text(content.get(name)),
            former=_text(former.get(name)) or None if isinstance(former, Mapping) else None,
        )
    if redacted or not content:
        return RoomEvent(**head, redacted=True)
    if kind is EventType.REACTION:
        relation, target = _relation(content)
        key = _mapping(content.get("m.relates_to"), "m.relates_to").get("key")
        if relation is not Relation.REACTION or not isinstance(key, str):
            raise MalformedEventError("la réaction ne dit pas à quoi elle réagit")
        return RoomEvent(**head, relation=relation, target=target, key=key)
    if kind is EventType.MESSAGE:
        return _message(head, content)
    return RoomEvent(**head, state_key=_text(raw.get("state_key")))


def _message(head: Mapping[str, Any], content: Mapping[str, Any]) -> RoomEvent:
    relation, target = _relation(content)
    said = content.get("m.relates_to")
    replied = said.get("m.in_reply_to") if isinstance(said, Mapping) else None
    answered = replied.get("event_id") if isinstance(replied, Mapping) else None
    mentioned = content.get("m.mentions")
    users = mentioned.get("user_ids") if isinstance(mentioned, Mapping) else None
    mentions = [one for one in users if isinstance(one, str)] if _is_list(users) else []
    if relation is Relation.EDIT:
        content = _mapping(content.get("m.new_content"), "m.new_content")
    text = ""
    if _text(content.get("msgtype")) in TEXT_KINDS:
        text = content.get("body", "")
        if not isinstance(text, str):
            raise MalformedEventError("le texte n'en est pas un")
        if relation in (Relation.REPLY, Relation.THREAD):
            text = without_quotation(text)
    return RoomEvent(
        **head,
        text=text.strip(),
        relation=relation,
        target=target,
        mentions=frozenset(mentions),
        answered=answered if _is_id(answered) else "",
    )


def _relation(content: Mapping[str, Any]) -> tuple[Relation, str]:
    """Return how an event relates to which target; relations of other kinds are left out."""
    if "m.relates_to" not in content:
        return Relation.NONE, ""
    said = _mapping(content["m.relates_to"], "m.relates_to")
    named, target = said.get("rel_type"), said.get("event_id")
    if named is None:
        if "m.in_reply_to" not in said:
            return Relation.NONE, ""
        answered = _mapping(said["m.in_reply_to"], "m.in_reply_to").get("event_id")
        if not _is_id(answered):
            raise MalformedEventError("la réponse ne dit pas à quoi elle répond")
        return Relation.REPLY, answered
    if not isinstance(named, str) or not _is_id(target):
        raise MalformedEventError("la relation ne dit pas à quoi")
    return (Relation(named), target) if named in _RELATIONS else (Relation.NONE, "")


def without_quotation(text: str) -> str:
    """Return a reply's own text: older clients put a quotation of its parent in front, after `> `.

    This is the fallback of the Matrix specification before 1.13 (Rich replies).
    """
    if not text.startswith("> <") and not text.startswith("> * <"):
        return text
    lines = text.split("\n")
    own = next((at for at, line in enumerate(lines) if not line.startswith(">")), len(lines))
    return "\n".join(lines[own:])


def _time(raw: Mapping[str, Any]) -> datetime | None:
    """Return when the author's server sent the event, or None if the timestamp is invalid."""
    at_ms = raw.get("origin_server_ts")
    if not isinstance(at_ms, int) or not 0 < at_ms <= _LATEST_MS:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MalformedEventError(f"« {name} » n'est pas un objet")
    return value


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 1 < len(value) <= 255 and value.startswith("$")


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
