"""A client of a Matrix server, with the requests needed to read rooms and to answer in them.

Uses `HttpHost` instead of matrix-nio: a dozen plain requests need neither an event loop nor
encryption, and `HttpHost` has the same limits, waits and refusals as every other source.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from connectors.http_host import HttpHost
from connectors.ports import SourceRefused, SourceUnreachable
from quisait_matrix.events import EventType

API = "_matrix/client/v3"
PAGE_EVENTS = 500
_TYPES = [one.value for one in EventType]


class RoomClosedError(Exception):
    """The account is not, or no longer, in the room, or may not see the event."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation to a room, by `sender`; `encrypted` if the room is known to be encrypted."""

    room_id: str
    sender: str
    encrypted: bool


@dataclass(frozen=True, slots=True)
class SyncAnswer:
    """Events since a token: rooms with new events, rooms that were left, invitations."""

    token: str
    changed: tuple[str, ...]
    left: tuple[str, ...]
    invitations: tuple[Invitation, ...]


@dataclass(slots=True)
class MatrixClient:
    """Requests of one account, authorized by its access token."""

    host: HttpHost
    token: str = field(repr=False)

    def user_id(self) -> str:
        """Return the account's full name, `@name:server`. Raises `SourceError`."""
        return str(self._member(self._ask("account/whoami"), "user_id", str))

    def joined_rooms(self) -> list[str]:
        """Return the ids of the rooms that the account is in, sorted. Raises `SourceError`."""
        return sorted(map(str, self._member(self._ask("joined_rooms"), "joined_rooms", list)))

    def sync(self, since: str | None, wait_s: float = 0.0) -> SyncAnswer | None:
        """Return the events since a token, waiting up to `wait_s`; None if the token is unknown.

        Without a token, returns the current token with all rooms and invitations. A server may
        answer a repeated request from its cache (Synapse: for two minutes), for instance after a
        killed reading; then users who left a room meanwhile would keep their access. A random
        filter forces a new answer.
        """
        nothing: dict[str, list[str]] = {"types": []}
        unheard = f"quisait.{secrets.token_hex(8)}"
        timeline = {"limit": 1, "types": _TYPES, "not_types": [unheard]}
        room = {
            "timeline": timeline,
            "state": nothing,
            "ephemeral": nothing,
            "account_data": nothing,
        }
        said = {
            "filter": json.dumps({"presence": nothing, "account_data": nothing, "room": room}),
            "timeout": str(int(wait_s * 1000)),
            "set_presence": "offline",
        }
        if since is not None:
            said["since"] = since
        answer = self._ask("sync", said, none_for=None if since is None else HTTPStatus.BAD_REQUEST)
        if answer is None:
            return None
        rooms = answer.get("rooms") or {}
        return SyncAnswer(
            str(self._member(answer, "next_batch", str)),
            tuple(sorted(rooms.get("join") or {})),
            tuple(sorted(rooms.get("leave") or {})),
            tuple(
                _invitation(room_id, said) for room_id, said in (rooms.get("invite") or {}).items()
            ),
        )

    def join(self, room_id: str) -> None:
        """Accept an invitation. Raises `RoomClosedError` if it is refused."""
        self._ask_room("POST", f"join/{_quoted(room_id)}", content={})

    def state(self, room_id: str) -> list[Mapping[str, Any]]:
        """Return the state events of a room. Raises `RoomClosedError`."""
        answer = self._ask_room("GET", f"rooms/{_quoted(room_id)}/state")
        if not isinstance(answer, list):
            raise self._odd()
        return [one for one in answer if isinstance(one, Mapping)]

    def event(self, room_id: str, event_id: str) -> Mapping[str, Any]:
        """Return one event. Raises `RoomClosedError` if the account may not see it."""
        answer = self._ask_room("GET", f"rooms/{_quoted(room_id)}/event/{_quoted(event_id)}")
        if not isinstance(answer, Mapping):
            raise self._odd()
        return answer

    def pages(
        self, room_id: str, before: str | None = None, after: str | None = None
    ) -> Iterator[list[Mapping[str, Any]]]:
        """Yield pages of events, newest first: from now or the token `before`, back to `after`.

        Raises `RoomClosedError`.
        """
        said = {
            "dir": "b",
            "limit": str(PAGE_EVENTS),
            "filter": json.dumps({"types": _TYPES}),
            **({"to": after} if after else {}),
        }
        token: object = before
        while True:
            start = {"from": token} if isinstance(token, str) else {}
            answer = self._ask_room("GET", f"rooms/{_quoted(room_id)}/messages", {**said, **start})
            chunk = self._member(answer, "chunk", list)
            yield [one for one in chunk if isinstance(one, Mapping)]
            following = answer.get("end")
            if not isinstance(following, str) or following == token or (after and not chunk):
                return
            token = following

    def send(self, room_id: str, transaction: str, content: Mapping[str, Any]) -> None:
        """Send a message; the server accepts each `transaction` of an account only once.

        Raises `RoomClosedError`.
        """
        path = f"rooms/{_quoted(room_id)}/send/{EventType.MESSAGE}/{_quoted(transaction)}"
        self._ask_room("PUT", path, content=content)

    def _ask(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        none_for: HTTPStatus | None = None,
    ) -> Any:
        """Return the answer about the account, or None for one status. Raises `SourceError`."""
        try:
            return self._ask_room("GET", path, params, none_for=none_for)
        except RoomClosedError as error:
            raise self._odd() from error

    def _ask_room(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        content: Mapping[str, Any] | None = None,
        none_for: HTTPStatus | None = None,
    ) -> Any:
        """Return the answer to a request about a room, or None for one status.

        Raises `SourceError`, or `RoomClosedError` for 403 and 404.
        """
        response = self.host.request(
            method,
            f"{self.host.root}{API}/{path}",
            params,
            None if content is None else json.dumps(content).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        status = response.status_code
        if status == none_for:
            return None
        if status == HTTPStatus.UNAUTHORIZED:
            raise SourceRefused(
                f"{self.host.called} {self.host.host} refuse le jeton du compte : faites-en un "
                "nouveau, et mettez-le dans « password_file »."
            )
        if status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise RoomClosedError
        if status != HTTPStatus.OK:
            raise SourceUnreachable(
                f"{self.host.called} {self.host.host} répond {status} : il sera relu plus tard."
            )
        if (said := response.json) is None:
            raise self._odd()
        return said

    def _member(self, answer: Any, name: str, kind: type) -> Any:
        value = answer.get(name) if isinstance(answer, Mapping) else None
        if not isinstance(value, kind):
            raise self._odd()
        return value

    def _odd(self) -> SourceUnreachable:
        return SourceUnreachable(
            f"{self.host.called} {self.host.host} ne répond pas comme un serveur Matrix : vérifiez "
            "« url »."
        )


def _invitation(room_id: str, said: Any) -> Invitation:
    """Return an invitation from its stripped state; `sender` is empty if it names none."""
    state = said.get("invite_state") if isinstance(said, Mapping) else None
    events = state.get("events") if isinstance(state, Mapping) else None
    sender, encrypted = "", False
    for event in events if isinstance(events, list) else []:
        if not isinstance(event, Mapping):
            continue
        encrypted = encrypted or event.get("type") == EventType.ENCRYPTION
        content = event.get("content")
        membership = content.get("membership") if isinstance(content, Mapping) else ""
        if event.get("type") == EventType.MEMBER and membership == "invite":
            sender = str(event.get("sender") or "")
    return Invitation(room_id, sender, encrypted)


def _quoted(part: str) -> str:
    return quote(part, safe="")
