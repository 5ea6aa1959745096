"""A real share for the connector contract: its files' readers are entries of their access lists."""

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_smb.client import FileTimes, Share, ShareEntry
from quisait_smb.connector import ShareSource
from quisait_smb.descriptors import NEEDED
from quisait_smb.readers import ALL, SidReading

from connectors.ports import Connector
from connectors.snapshot import Snapshot
from connectors.values import Access, Contribution, ContributorRole, Document, Section
from tests.recorded_servers import Seam
from tests.samba_server import ADMINISTRATOR, READER, SambaServer, ace

SHARE, FOLDER = "commun", "contrat"
SIDS = {
    "everyone": ALL,
    "test:group:a": "S-1-5-21-7-7-7-1001",
    "test:group:b": "S-1-5-21-7-7-7-1002",
}

_FORM = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


def _seam(method: str, answer: Any) -> Seam:
    form: TypeAdapter[Any] = TypeAdapter(answer, config=_FORM)
    return Seam(
        Share,
        method,
        lambda path, *_, **__: f"{method} {path}",
        lambda given: form.dump_python(given, mode="json"),
        lambda kept, _: form.validate_python(kept),
    )


ASKED = (
    _seam("entries", list[ShareEntry]),
    _seam("descriptor", tuple[bytes, FileTimes]),
    _seam("content", bytes),
)
"""What a share is asked: its messages are signed and encrypted, and are no two times the same."""


@dataclass
class ShareHarness:
    samba: SambaServer
    resumable_count: int = 160
    seen: MemorySeen = field(default_factory=MemorySeen)

    def __post_init__(self) -> None:
        root = self.samba.folder(SHARE) / FOLDER
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        self.samba.set_list(SHARE, FOLDER, [ace(ALL, 0x1F01FF)])

    def connector(self) -> Connector:
        principals = {sid: [name] for name, sid in SIDS.items()}
        place = self.samba.place(SHARE, ADMINISTRATOR, folder=FOLDER)
        return Snapshot(ShareSource("t", place, SidReading("", principals)), self.seen)

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        self.samba.write(SHARE, f"{FOLDER}/{name}", text.encode(), _aces(allowed))

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.samba.set_list(SHARE, f"{FOLDER}/{name}", _aces(allowed))

    def remove(self, name: str) -> None:
        (self.samba.folder(SHARE) / FOLDER / name).unlink(missing_ok=True)  # where it is recorded

    def add_invalid_records(self) -> int:
        """A refusal of who is nobody here, and a condition; a link leads nowhere."""
        refused = [ace("S-1-5-32-545", NEEDED, 1), ace(ALL, NEEDED)]
        on_condition = [
            ace(ALL, NEEDED, 9, more=b"artx\0\0\0\0"),
            ace(SIDS["test:group:a"], NEEDED),
        ]
        for name, aces in (("refus.txt", refused), ("condition.txt", on_condition)):
            self.samba.write(SHARE, f"{FOLDER}/{name}", b"x", aces)
        (self.samba.folder(SHARE) / FOLDER / "nulle-part.txt").symlink_to("absent")
        return 2

    def add_complete_document(self) -> Document:
        self.samba.write(SHARE, f"{FOLDER}/Été 2.txt", b"corps", _aces(("test:group:a",)))
        share = Share(self.samba.place(SHARE, ADMINISTRATOR, folder=FOLDER))
        (entry,) = (one for one in share.entries("") if one.name == "Été 2.txt")
        created, modified = (_moment(entry.times.created), _moment(entry.times.modified))
        day = created.date()
        return Document(
            id="t:Été 2.txt",
            source="t",
            title="",
            access=Access(frozenset({"test:group:a"})),
            sections=(Section("Été 2.txt"), Section("corps")),
            url=f"file://{self.samba.address}/{SHARE}/{FOLDER}/%C3%89t%C3%A9%202.txt",
            created=created,
            modified=modified,
            version=f"5:{entry.times.modified}:{entry.number}",
            contributions=(
                Contribution(
                    f"t:{self.samba.sid_of(READER)}",
                    ContributorRole.AUTHOR,
                    first=day,
                    last=day,
                    years=((day.year, 1),),
                ),
            ),
        )


def _moment(filetime: int) -> datetime:
    return datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=filetime // 10)


def _aces(allowed: tuple[str, ...]) -> list[bytes]:
    return [ace(SIDS[name], NEEDED) for name in allowed]
