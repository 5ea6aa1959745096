"""A real Synapse with SQLite on loopback, one for a whole session of tests.

It is installed once, from its own pins, into a folder that git ignores. `ensure_matrix()` starts
it at the first call. Tests share it: each makes its own accounts and rooms.
"""

import atexit
import functools
import hashlib
import hmac
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml  # type: ignore[import-untyped]

from tests.needs import starting
from tests.own_environment import own_environment
from tests.server_process import begun, end, scratch_folder, wait_for
from tests.service.running import free_port

PINS = Path(__file__).parent / "synapse/requirements.txt"
SERVER_NAME = "tchap.test"
SECRET = "un secret d'essai"
_FREELY = {"per_second": 100_000, "burst_count": 100_000}
_SETTINGS: Mapping[str, Any] = {
    "server_name": SERVER_NAME,
    "registration_shared_secret": SECRET,
    "macaroon_secret_key": "essai",
    "form_secret": "essai",
    "report_stats": False,
    "trusted_key_servers": [],
    "suppress_key_server_warning": True,
    "bcrypt_rounds": 4,
    "enable_media_repo": False,
    "presence": {"enabled": False},
    "rc_message": _FREELY,
    "rc_registration": _FREELY,
    "rc_room_creation": _FREELY,
    "rc_joins": {"local": _FREELY, "remote": _FREELY},
    "rc_joins_per_room": _FREELY,
    "rc_admin_redaction": _FREELY,
    "rc_invites": {"per_room": _FREELY, "per_user": _FREELY, "per_issuer": _FREELY},
}


class SynapseMissingError(RuntimeError):
    """No server can be started here; the text says what is missing."""


@dataclass
class MatrixAccount:
    """An account, as its holder's client uses it."""

    server: "MatrixServer"
    user_id: str
    token: str
    numbers: Any = field(default_factory=itertools.count)

    def ask(self, method: str, path: str, content: Any = None, **params: Any) -> Any:
        """One request; one that is refused fails the test."""
        response = self.server.client.request(
            method,
            f"/_matrix/client/v3/{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            json=content if content is not None or method == "GET" else {},
            params=params,
        )
        assert response.is_success, (method, path, response.status_code, response.text)
        return response.json()

    def create(
        self,
        name: str,
        *invited: "MatrixAccount",
        visibility: str = "shared",
        encrypted: bool = False,
        **more: Any,
    ) -> str:
        """A private room; its id. Who is invited has to join."""
        state = [_state("m.room.history_visibility", history_visibility=visibility)]
        if encrypted:
            state.append(_state("m.room.encryption", algorithm="m.megolm.v1.aes-sha2"))
        said = {
            "name": name,
            "preset": "private_chat",
            "invite": [one.user_id for one in invited],
            "initial_state": state,
        }
        return str(self.ask("POST", "createRoom", said | more)["room_id"])

    def invite(self, room: str, *others: "MatrixAccount") -> None:
        for other in others:
            self.ask("POST", f"rooms/{room}/invite", {"user_id": other.user_id})

    def join(self, room: str) -> None:
        self.ask("POST", f"join/{room}")

    def leave(self, room: str) -> None:
        self.ask("POST", f"rooms/{room}/leave")

    def kick(self, room: str, other: "MatrixAccount") -> None:
        self.ask("POST", f"rooms/{room}/kick", {"user_id": other.user_id})

    def send(self, room: str, kind: str, content: Mapping[str, Any]) -> str:
        path = f"rooms/{room}/send/{kind}/n{next(self.numbers)}"
        return str(self.ask("PUT", path, content)["event_id"])

    def say(self, room: str, text: str, *, thread: str = "", reply: str = "", **more: Any) -> str:
        """A message, in a thread or as a reply; its id."""
        content: dict[str, Any] = {"msgtype": "m.text", "body": text}
        if thread:
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": thread}
        elif reply:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": reply}}
        return self.send(room, "m.room.message", content | more)

    def edit(self, room: str, event: str, text: str) -> str:
        new = {"msgtype": "m.text", "body": text}
        relation = {"rel_type": "m.replace", "event_id": event}
        said = {"msgtype": "m.text", "body": f"* {text}", "m.new_content": new}
        return self.send(room, "m.room.message", said | {"m.relates_to": relation})

    def react(self, room: str, event: str, key: str = "👍") -> str:
        relation = {"rel_type": "m.annotation", "event_id": event, "key": key}
        return self.send(room, "m.reaction", {"m.relates_to": relation})

    def redact(self, room: str, event: str) -> None:
        self.ask("PUT", f"rooms/{room}/redact/{event}/n{next(self.numbers)}")

    def set_state(self, room: str, kind: str, **content: Any) -> None:
        self.ask("PUT", f"rooms/{room}/state/{kind}/", content)

    def messages(self, room: str) -> list[Any]:
        """The newest hundred events, from the oldest."""
        answer = self.ask("GET", f"rooms/{room}/messages", dir="b", limit=100)
        return list(reversed(answer["chunk"]))


@dataclass
class MatrixServer:
    """The server at `url`."""

    run: Path
    port: int
    client: httpx.Client = field(init=False)
    numbers: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def account(self, name: str = "") -> MatrixAccount:
        """A new account: of that name, or of one that no other has."""
        said = self._registered(name or f"compte{next(self.numbers)}")
        return MatrixAccount(self, said["user_id"], said.get("access_token", ""))

    def _registered(self, name: str) -> dict[str, str]:
        nonce = self.client.get("_synapse/admin/v1/register").json()["nonce"]
        signed = "\0".join([nonce, name, "mot de passe", "notadmin"]).encode()
        answer = self.client.post(
            "_synapse/admin/v1/register",
            json={
                "nonce": nonce,
                "username": name,
                "password": "mot de passe",
                "admin": False,
                "mac": hmac.new(SECRET.encode(), signed, hashlib.sha1).hexdigest(),
            },
        )
        assert answer.is_success, answer.text
        made: dict[str, str] = answer.json()
        return made

    def accounts(self, count: int) -> Sequence[MatrixAccount]:
        return [self.account() for _ in range(count)]


@functools.cache
def ensure_matrix() -> MatrixServer:
    """The session's server; started at the first call."""
    answers = starting("matrix")
    python = own_environment("synapse", PINS) / "bin/python"
    run = scratch_folder("matrix")
    server = MatrixServer(run, free_port())
    configuration = {
        **_SETTINGS,
        "pid_file": str(run / "pid"),
        "listeners": [
            {
                "port": server.port,
                "type": "http",
                "tls": False,
                "bind_addresses": ["127.0.0.1"],
                "resources": [{"names": ["client"], "compress": False}],
            }
        ],
        "database": {"name": "sqlite3", "args": {"database": str(run / "homeserver.db")}},
        "log_config": str(run / "log.yaml"),
        "signing_key_path": str(run / "signing.key"),
    }
    logged = {
        "version": 1,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": str(run / "log")}},
        "root": {"level": "WARNING", "handlers": ["file"]},
    }
    (run / "homeserver.yaml").write_text(yaml.safe_dump(configuration), "utf-8")
    (run / "log.yaml").write_text(yaml.safe_dump(logged), "utf-8")
    (run / "signing.key").write_text(f"ed25519 a_essai {'A' * 43}\n", "utf-8")
    _serve(python, server)
    answers()
    return server


def _serve(python: Path, matrix: MatrixServer) -> None:
    log, settings = matrix.run / "output", str(matrix.run / "homeserver.yaml")
    command = [str(python), "-m", "synapse.app.homeserver", "-c", settings]
    server = begun(command, log, cwd=matrix.run)
    atexit.register(end, server)
    asked = "_matrix/client/versions"
    wait_for(server, log, lambda: matrix.client.get(asked).is_success, SynapseMissingError)


def _state(kind: str, **content: Any) -> Mapping[str, Any]:
    return {"type": kind, "state_key": "", "content": content}
