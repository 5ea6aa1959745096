"""Rooms of a Matrix server as a source. `_RoomsReading.changes` shows the flow.

`rooms` decides who reads, `conversations` makes documents, `client` talks to the server.
"""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.account_linking import digest
from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Change,
    Checkpoint,
    Delete,
    Listing,
    Malformed,
    OutsideOf,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
)
from connectors.values import MAX_PRINCIPALS, Access, EvidencePolicy
from quisait_matrix.accounts import AccountNames, server_of
from quisait_matrix.client import Invitation, MatrixClient, RoomClosedError, SyncAnswer
from quisait_matrix.conversations import DocumentMaker, Timeline
from quisait_matrix.cursor import ALL, ROOMS, MatrixCursor, read_cursor
from quisait_matrix.events import EventType, MalformedEventError, RoomEvent, parse_event
from quisait_matrix.options import MatrixOptions
from quisait_matrix.rooms import AccessRules, RoomState, room_readers, room_state

CHECKPOINT_DOCUMENTS = 20
FULL_READING_EVERY = timedelta(days=1)
"""Interval at which all rooms are read, whatever changes the server reports. This finds reactions
that were taken back, messages that the server no longer keeps, and late events.
"""
CALLED = "Le serveur Matrix"


@dataclass(frozen=True, slots=True)
class MatrixConnector:
    """Reads the rooms that an account was invited to. `token` is its access token."""

    source: str
    options: MatrixOptions
    token: str = field(repr=False)
    default_access: Access = field(default_factory=Access)
    limits: HttpLimits = field(default_factory=HttpLimits)
    ca_file: str = ""

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield the changes since the cursor. Raises `SourceUnreachable` or `SourceRefused`."""
        reading = self._reading()
        yield from reading.changes(read_cursor(since, reading.own))

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these conversations as they are now. Raises `SourceError`."""
        reading = self._reading()
        for room_id in reading.client.joined_rooms():
            wanted = {
                one.partition("/")[2]
                for one in document_ids
                if one.startswith(f"{reading.documents.root(room_id)}/")
            }
            if wanted:
                yield from reading.conversations(room_id, wanted)

    def check(self) -> Iterator[str]:
        """Yield a French sentence for each room that is not read, without joining rooms.

        Raises `SourceError`.
        """
        if self.options.url.startswith("http:"):
            yield "le jeton du compte part en clair : réglez « url » en https://"
        reading = self._reading()
        read = 0
        for room_id in reading.client.joined_rooms():
            state = reading.state(room_id)
            if state is None or state.is_space:
                continue
            if state.unread_reason:
                yield f"« {state.name} » ({room_id}) : {state.unread_reason}"
                continue
            read += 1
            if len(state.joined) - 1 > MAX_PRINCIPALS:
                yield f"« {state.name} » ({room_id}) : {reading.too_many(state)}"
        answer = reading.client.sync(None)
        for invitation in answer.invitations if answer else ():
            yield f"{invitation.room_id} : {reading.refusal(invitation) or _TO_ACCEPT}"
        if not read:
            yield f"aucun salon à lire : invitez-y {reading.own}"

    def client(self) -> MatrixClient:
        """Return a client for the account; no request is sent yet."""
        host = HttpHost(self.options.url, self.limits, self.ca_file, CALLED)
        return MatrixClient(host, self.token)

    def names(self, own: str) -> AccountNames:
        """Return the naming of accounts; `own` is the user that reads."""
        servers = frozenset(self.options.servers) or frozenset({server_of(own)})
        return AccountNames(self.source, servers, frozenset(self.options.mail_domains))

    def _reading(self) -> "_RoomsReading":
        client = self.client()
        own = client.user_id()
        options = self.options
        names = self.names(own)
        rules = AccessRules(own, names, options.open_rooms, self.default_access.allowed)
        documents = DocumentMaker(self.source, names, options.link, self._evidence)
        return _RoomsReading(
            client=client,
            own=own,
            rules=rules,
            documents=documents,
            inviting=frozenset(options.invitations_from) or frozenset({server_of(own)}),
            rules_digest=digest(
                sorted(names.servers),
                sorted(options.mail_domains),
                sorted(options.open_rooms.items()),
                sorted(self.default_access.allowed),
                sorted(options.evidence_by_room.items()),
                sorted(options.invitations_from),
                (options.evidence, options.link),
            )[:16],
        )

    def _evidence(self, room_id: str) -> EvidencePolicy:
        return EvidencePolicy(self.options.evidence_by_room.get(room_id, self.options.evidence))


_TO_ACCEPT = "invitation que la prochaine lecture acceptera"


CursorSteps = Generator[Change, None, MatrixCursor]
"""Yields changes and returns the cursor after them."""


@dataclass(slots=True)
class _RoomsReading:
    """One reading of all rooms, with the current settings."""

    client: MatrixClient
    own: str
    rules: AccessRules
    documents: DocumentMaker
    inviting: frozenset[str]
    rules_digest: str
    known: dict[str, list[str]] = field(default_factory=dict)
    """Room → ids of all its documents, for each room that this reading read completely."""

    def changes(self, cursor: MatrixCursor | None) -> Iterator[Change]:
        """Finish an earlier interrupted reading, then read all new events."""
        due = cursor is not None and self._due(cursor)
        if cursor is not None and cursor.pending:
            if cursor.removing:
                # Only the interrupted reading knew what vanished in the rooms that it had read:
                # all rooms are read again the next time.
                cursor = replace(cursor, listed=None)
            cursor = yield from self._read_pending(cursor)
        answer = self.client.sync(cursor.sync) if cursor else None
        if answer is None:
            cursor, answer = None, self.client.sync(None)
        if answer is None:
            raise SourceUnreachable(f"{CALLED} ne dit pas où il en est : il sera relu plus tard.")
        for room_id in answer.left:
            yield from self._close(room_id)
        invitations = answer.invitations
        if cursor is None or due:
            # The server reports each invitation only once, unless it is asked for all.
            every = self.client.sync(None) if cursor else None
            invitations = every.invitations if every else invitations
            rooms = dict.fromkeys(self.client.joined_rooms(), "")
            now = datetime.now(UTC)
            cursor = MatrixCursor(self.own, self.rules_digest, answer.token, "", rooms, ALL, now)
        else:
            cursor = _advanced(cursor, answer)
        cursor = yield from self._read_pending(cursor)
        # Rooms are joined last: a trial reads only the first change, and must join no room.
        if (yield from self._accept(invitations)):
            joined = self.client.sync(cursor.sync)
            if joined is not None:
                yield from self._read_pending(_advanced(cursor, joined))

    def _due(self, cursor: MatrixCursor) -> bool:
        """Return whether all rooms have to be read."""
        listed = cursor.listed
        return (
            cursor.rules != self.rules_digest
            or listed is None
            or datetime.now(UTC) - listed >= FULL_READING_EVERY
        )

    def _accept(self, invitations: Iterable[Invitation]) -> Generator[Change, None, bool]:
        """Join the rooms that may be read and report the others; return whether any was joined."""
        joined = False
        for invitation in sorted(invitations, key=lambda one: one.room_id):
            reason = self.refusal(invitation)
            if not reason:
                try:
                    self.client.join(invitation.room_id)
                    joined = True
                except RoomClosedError:
                    reason = "le serveur refuse l'entrée : faites renouveler l'invitation"
            if reason:
                yield Malformed(_where(invitation.room_id), reason)
        return joined

    def refusal(self, invitation: Invitation) -> str:
        """Return why an invitation is not accepted, in French; empty if it is accepted."""
        if invitation.encrypted:
            return "invitation dans un salon chiffré, qui n'est pas lu"
        server = server_of(invitation.sender) or "inconnu"
        if server not in self.inviting:
            return f"invitation du serveur {server}, que « invitations_from » ne nomme pas"
        return ""

    def _read_pending(self, cursor: MatrixCursor) -> CursorSteps:
        """Read the pending rooms, then remove vanished documents."""
        for room_id in sorted(cursor.pending):
            try:
                if cursor.pending[room_id] is None:
                    cursor = yield from self._news(room_id, cursor)
                if cursor.pending[room_id] is not None:
                    cursor = yield from self._whole(room_id, cursor)
            except RoomClosedError:  # the account was removed from the room meanwhile
                yield from self._close(room_id)
                cursor = replace(cursor, removing=cursor.removing or ROOMS)
            left = {room: after for room, after in cursor.pending.items() if room != room_id}
            cursor = replace(cursor, pending=left)
            if left:
                yield Checkpoint(cursor.to_json())
        if cursor.removing:
            yield self._listing()
        cursor = replace(cursor, removing="")
        yield Checkpoint(cursor.to_json())
        return cursor

    def _listing(self) -> Listing:
        """Return the listing of known documents; incompletely read rooms are unlisted."""
        ids = (
            self.documents.id(room_id, event_id)
            for room_id, events in self.known.items()
            for event_id in events
        )
        others = (room for room in self.client.joined_rooms() if room not in self.known)
        unlisted = tuple(map(self.documents.root, others))
        roots = {self.documents.root(room_id) for room_id, events in self.known.items() if events}
        return Listing(frozenset(ids), unlisted, OutsideOf(frozenset(roots.union(unlisted))))

    def _close(self, room_id: str) -> Iterator[Change]:
        """Hide a room that is no longer read; its documents are removed by the next listing."""
        self.known[room_id] = []
        yield SubtreeHidden(self.documents.root(room_id))

    def state(self, room_id: str) -> RoomState | None:
        """Return the room's state, or None if the account is not in it."""
        try:
            return room_state(room_id, self.client.state(room_id))
        except RoomClosedError:
            return None

    def too_many(self, state: RoomState) -> str:
        """Return the French reason why nobody reads a room with too many members."""
        return (
            f"{len(state.joined)} membres, plus que les {MAX_PRINCIPALS} qu'une liste de lecteurs "
            "peut nommer : personne n'y lit ce que tous liraient"
        )

    def _news(self, room_id: str, cursor: MatrixCursor) -> CursorSteps:
        """Read the conversations that changed; mark the room if it has to be read completely.

        A room is read completely if its readers, name or visibility changed, or if a message was
        redacted, because the server no longer says in which conversation that message was.
        """
        whole = replace(cursor, pending={**cursor.pending, room_id: ""})
        state = self.state(room_id)
        if state is None or not state.is_read:
            yield from self._close(room_id)
            return replace(whole, removing=cursor.removing or ROOMS)
        window = _Events()
        for page in self.client.pages(room_id, cursor.sync, cursor.since):
            window.add(page)
        redacted = [event.target for event in window.of(EventType.REDACTION) if event.target]
        redacted = [one for one in redacted if not self._is_reaction(room_id, one)]
        if redacted or any(map(_changes_the_room, window.newest_first)):
            yield from (Delete(self.documents.id(room_id, one)) for one in redacted)
            # Messages below a redacted message may no longer have a root.
            removing = cursor.removing or (ROOMS if redacted else "")
            return replace(whole, removing=removing)
        talk = [*window.of(EventType.MESSAGE), *window.of(EventType.REACTION)]
        events = self._loaded(room_id, {event.id for event in talk})
        timeline = Timeline(events, self.own)
        roots = {timeline.root_of(event) for event in talk}
        yield from _reports(room_id, window)
        found = yield from self._documents(state, timeline, roots)
        messages = {event.id for event in events if event.type is EventType.MESSAGE}
        for gone in sorted(roots & messages - set(found)):
            yield Delete(self.documents.id(room_id, gone))
        return cursor

    def _is_reaction(self, room_id: str, event_id: str) -> bool:
        """Return whether a redacted event was a reaction.

        The reaction still counts until all rooms are read.
        """
        try:
            return self.client.event(room_id, event_id).get("type") == EventType.REACTION
        except RoomClosedError:
            return False

    def _whole(self, room_id: str, cursor: MatrixCursor) -> CursorSteps:
        """Read all conversations of a room, or those after the root in the cursor."""
        state = self.state(room_id)
        if state is None or not state.is_read:
            self.known[room_id] = []
            if state is not None and state.unread_reason:
                yield Malformed(_where(room_id), state.unread_reason)
            return cursor
        events = _Events()
        for page in self.client.pages(room_id):
            events.add(page)
        timeline = Timeline(events.in_order(), self.own)
        said = list(timeline.conversations())
        roots = [one.root.id for one in said]
        self.known[room_id] = roots
        after = cursor.pending[room_id]
        start = roots.index(after) + 1 if after in roots else 0
        if not start:
            yield from _reports(room_id, events)
        readers = room_readers(state, timeline.events)
        too_many = False
        for at in range(start, len(said)):
            if at > start and (at - start) % CHECKPOINT_DOCUMENTS == 0:
                cursor = replace(cursor, pending={**cursor.pending, room_id: roots[at - 1]})
                yield Checkpoint(cursor.to_json())
            access = self.rules.access(readers, said[at].positions)
            too_many = too_many or access is None
            yield Upsert(self.documents.document(state, said[at], access or Access()))
        if too_many:
            yield Malformed(_where(room_id), self.too_many(state))
        return cursor

    def conversations(self, room_id: str, wanted: Collection[str]) -> Iterator[Change]:
        """Yield the conversations under these roots as they are now."""
        state = self.state(room_id)
        if state is None or not state.is_read:
            return
        with suppress(RoomClosedError):
            yield from self._documents(state, Timeline(self._loaded(room_id), self.own), wanted)

    def _documents(
        self, state: RoomState, timeline: Timeline, wanted: Collection[str]
    ) -> Generator[Change, None, list[str]]:
        """Yield the conversations under the wanted roots; return the roots that have a text."""
        readers = room_readers(state, timeline.events)
        found, too_many = [], False
        for said in timeline.conversations():
            if said.root.id in wanted:
                found.append(said.root.id)
                access = self.rules.access(readers, said.positions)
                too_many = too_many or access is None
                yield Upsert(self.documents.document(state, said, access or Access()))
        if too_many:
            yield Malformed(_where(state.id), self.too_many(state))
        return found

    def _loaded(self, room_id: str, wanted: Collection[str] | None = None) -> list[RoomEvent]:
        """Return events up to now, from the oldest root of the wanted events; None wants all.

        The room's state was requested before: its members joined before the newest of these events.
        """
        events, missing = _Events(), set(wanted or ())
        for page in self.client.pages(room_id):
            for event_id, event in events.add(page):
                if event_id in missing:
                    missing.discard(event_id)
                    if event is not None and event.target and event.target not in events.ids:
                        missing.add(event.target)
            if wanted is not None and not missing:
                break
        return events.in_order()


def _advanced(cursor: MatrixCursor, answer: SyncAnswer) -> MatrixCursor:
    """Return the cursor at the server's current token, with the rooms that have new events."""
    return replace(
        cursor,
        since=cursor.sync,
        sync=answer.token,
        pending=dict.fromkeys(answer.changed),
        removing=ROOMS if answer.left else "",
    )


@dataclass(slots=True)
class _Events:
    """Events that were read backwards, each once, and reasons for malformed events."""

    newest_first: list[RoomEvent] = field(default_factory=list)
    malformed: list[tuple[str, str]] = field(default_factory=list)
    """The malformed events, as (event's id, reason) pairs."""
    ids: set[str] = field(default_factory=set)

    def add(self, page: Iterable[Mapping[str, Any]]) -> list[tuple[str, RoomEvent | None]]:
        """Add a page, newest first. Return (id, event) of new events; a malformed event is None."""
        added: list[tuple[str, RoomEvent | None]] = []
        for raw in page:
            event_id = str(raw.get("event_id"))
            if event_id in self.ids:
                continue
            try:
                event = parse_event(raw)
            except MalformedEventError as error:
                self.malformed.append((event_id, str(error)))
                event = None
            else:
                if event is None:
                    continue
                self.newest_first.append(event)
            self.ids.add(event_id)
            added.append((event_id, event))
        return added

    def of(self, kind: EventType) -> list[RoomEvent]:
        """Return the events of one type."""
        return [event for event in self.newest_first if event.type is kind]

    def in_order(self) -> list[RoomEvent]:
        """Return all events, oldest first."""
        return self.newest_first[::-1]


def _changes_the_room(event: RoomEvent) -> bool:
    """Return whether an event changes the readers or title of all conversations of the room."""
    if event.type is EventType.MEMBER:
        return event.value != event.former
    return event.type in (EventType.VISIBILITY, EventType.NAME, EventType.ENCRYPTION)


def _reports(room_id: str, events: _Events) -> Iterator[Change]:
    for event_id, reason in reversed(events.malformed):
        yield Malformed(f"{_where(room_id)}, message {event_id}", reason)


def _where(room_id: str) -> str:
    return f"salon {room_id}"


def open_rooms(place: SourcePlace, options: MatrixOptions) -> MatrixConnector:
    """Return the connector of one source; no request is sent yet. Raises `SourceRefused`."""
    return MatrixConnector(
        place.source,
        options,
        place.password(),
        place.default_access,
        HttpLimits(rate_per_s=options.rate_per_s),
        place.file(options.ca_file),
    )


KIND = ConnectorKind(
    "salons Matrix (Tchap)",
    MatrixOptions,
    open_rooms,
    about="Les salons où le compte a été invité, et qui ne sont pas chiffrés. "
    "Un échange est lu par les membres de son salon.",
    credential="le jeton d'accès du compte",
    personal_data="Salons (Matrix, Tchap) où le compte est invité : messages, comptes et noms "
    "affichés de leurs auteurs, nombre de remerciements, membres qui en sont les lecteurs.",
)
"""The kind of source `matrix`."""
