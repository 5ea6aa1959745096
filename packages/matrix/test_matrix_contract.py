"""A real Synapse for the connector contract: one message is one document.

The rooms are readable by anybody, so that the settings say who reads: a document stands in the
room of its first readers, and later readers are a change of the settings.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from quisait_matrix.connector import MatrixConnector
from quisait_matrix.options import MatrixOptions

from connectors.http_limits import HttpLimits
from connectors.ports import Connector
from connectors.values import (
    Access,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
)
from tests.matrix_server import MatrixAccount, MatrixServer, ensure_matrix
from tests.recorded_servers import Check, Tape

pytestmark = pytest.mark.sources

QUICK = HttpLimits(rate_per_s=0)


@dataclass
class MatrixConnectorHarness:
    """Accounts of its own, and a room for each list of readers."""

    matrix: MatrixServer
    resumable_count: int = 23
    rooms: dict[tuple[str, ...], str] = field(default_factory=dict)
    readers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    events: dict[str, tuple[str, str]] = field(default_factory=dict)
    reader: MatrixAccount = field(init=False)
    author: MatrixAccount = field(init=False)
    other: MatrixAccount = field(init=False)

    def __post_init__(self) -> None:
        self.reader, self.author, self.other = self.matrix.accounts(3)
        # Rooms are read by the order of their ids: what a check adds for all comes last.
        first, last = sorted(self._new_room() for _ in range(2))
        self.rooms = {("test:group:a",): first, ("everyone",): last}
        self.readers = {room: allowed for allowed, room in self.rooms.items()}

    def connector(self) -> Connector:
        options = MatrixOptions(
            url=self.matrix.url,
            open_rooms={room: list(allowed) for room, allowed in self.readers.items()},
        )
        return MatrixConnector("t", options, self.reader.token, limits=QUICK)

    def document_id(self, name: str) -> str:
        room, event = self.events[name]
        return f"t:{room}/{event}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        room = self._room(allowed)
        if name in self.events and self.events[name][0] == room:
            self.author.edit(*self.events[name], text)
            return
        if name in self.events:
            self.remove(name)
        self.events[name] = (room, self.author.say(room, text))

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        room = self.events[name][0]
        assert [one for one, _ in self.events.values()].count(room) == 1
        self.readers[room] = allowed

    def remove(self, name: str) -> None:
        self.author.redact(*self.events[name])

    def add_invalid_records(self) -> int:
        room = self._room(("everyone",))
        said = {"msgtype": "m.text", "body": "x"}
        self.author.send(room, "m.room.message", said | {"m.relates_to": "rien"})
        self.author.send(room, "m.room.message", said | {"m.relates_to": {"rel_type": 7}})
        self.author.send(room, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation"}})
        return 3

    def add_complete_document(self) -> Document:
        room = self._room(("test:group:a",))
        root = self.author.say(room, "Qui instruit une exonération ?")
        first = self.other_joined(room).say(room, "Le SIP.", thread=root)
        edit = self.other.edit(room, first, "Le SIE, depuis 2024.")
        self.author.react(room, first, "👍🏽")
        self.author.react(room, first, "✅")
        second = self.author.say(room, "> <@x:y> Le SIE\n\nMerci.", reply=first)
        at = {
            event["event_id"]: datetime.fromtimestamp(event["origin_server_ts"] / 1000, UTC)
            for event in self.author.messages(room)
        }
        author, other = (one.user_id[1:].partition(":")[0] for one in (self.author, self.other))
        answered = at[first].date()
        return Document(
            id=f"t:{room}/{root}", source="t", kind="thread", language="fr",
            title="Cadastre : Qui instruit une exonération ?",
            sections=(
                Section("Qui instruit une exonération ?", author=f"t:{author}"),
                Section("Le SIE, depuis 2024.", "Réponse acceptée", f"t:{other}"),
                Section("Merci.", author=f"t:{author}"),
            ),
            url=f"https://matrix.to/#/{room.replace('!', '%21')}/{root.replace('$', '%24')}",
            access=Access(frozenset({"test:group:a"})),
            created=at[root], modified=max(at[edit], at[second]),
            space="Cadastre", evidence=EvidencePolicy.NONE,
            contributions=(
                Contribution(
                    f"t:{author}", ContributorRole.ASKER, author, 2, at[root].date(),
                    at[second].date(), ((at[root].year, 2),), volume=36,
                ),
                Contribution(
                    f"t:{other}", ContributorRole.ACCEPTED_ANSWERER, other, 1, answered, answered,
                    ((answered.year, 1),), thanks=1, volume=20,
                ),
            ),
        )  # fmt: skip

    def other_joined(self, room: str) -> MatrixAccount:
        self.other.join(room)
        return self.other

    def _room(self, allowed: tuple[str, ...]) -> str:
        if allowed not in self.rooms:
            self.rooms[allowed] = self._new_room()
            self.readers[self.rooms[allowed]] = allowed
        return self.rooms[allowed]

    def _new_room(self) -> str:
        invited = (self.reader, self.other)
        room = self.author.create("Cadastre", *invited, visibility="world_readable")
        self.reader.join(room)
        return room


TAPE = Tape(
    Path(__file__).with_name("recorded.json.gz"),
    ((MatrixAccount, "ask"), (MatrixServer, "_registered")),
    frozenset({"room_id", "event_id", "chunk", "user_id"}),
)


def test_matrix_holds_to_the_contract(connector_check: Check) -> None:
    """On a real Synapse."""
    server = ensure_matrix()
    with TAPE.recording(connector_check, server.port):
        connector_check(MatrixConnectorHarness(server))


def test_matrix_holds_to_the_contract_as_recorded(connector_check: Check, tmp_path: Path) -> None:
    """On what that Synapse answered."""
    with TAPE.playing(connector_check):
        connector_check(MatrixConnectorHarness(MatrixServer(tmp_path, 1)))
