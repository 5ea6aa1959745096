"""Pushed documents pass the contract of connectors, and its checks reject faulty ones."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from quisait_connector_kit.connector_contract import ConnectorHarness
from quisait_push.connector import PushConnector
from quisait_push.documents import push_documents
from quisait_push.inbox import Inbox
from quisait_push.items import PushOutcome, PushReceipt, parse_item

from connectors.ports import Connector
from connectors.values import Document
from quisait.application.database import migrate
from tests.contract.connector_harnesses import COMPLETE_LINE, COMPLETE_SECTIONS, complete_document

pytestmark = pytest.mark.sources

HOSTILE: tuple[object, ...] = (
    None, [], "text", 1, {}, {"type": "post"}, {"type": "no", "id": "n"},
    {"type": "post", "id": "\ud800", "title": "t"},
    {"type": "post", "id": "p", "title": "t", "readers": {"allowed": ["tous"]}},
    {"type": "post", "id": "q", "title": "t", "created": "hier"},
    {"type": "post", "id": "r", "title": "t", "attachments": [{"name": "f", "path": "../x"}]},
    {"type": "post", "id": "u", "title": "t", "attachments": [
        {"name": "f", "url": "https://f.example/f", "size": 1, "media_type": "application/pdf"}]},
    {"type": "header", "version": 1}, {"type": "space", "id": "s", "title": "s"},
)  # fmt: skip

UNDURABLE = "pragma synchronous = off"


@dataclass
class PushHarness:
    """An inbox in a temporary database."""

    root: Path
    resumable_count: int = 450
    engine: sa.Engine = field(init=False)
    inbox: Inbox = field(init=False)

    def __post_init__(self) -> None:
        self.engine = migrate(sa.create_engine(f"sqlite:///{self.root / 'state.sqlite'}"))
        # Hundreds of transactions: do not wait for the disk.
        sa.event.listen(self.engine, "connect", lambda raw, _: raw.execute(UNDURABLE))
        self.inbox = Inbox(self.engine, lambda source: None, 10_000)

    def connector(self) -> Connector:
        return PushConnector("t", self.inbox)

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def _push(self, item: object) -> PushReceipt:
        (receipt,) = self.inbox.receive("t", [parse_item(item, 100_000)])
        return receipt

    def _accepted(self, item: dict[str, Any]) -> None:
        receipt = self._push(item)
        assert receipt.outcome is PushOutcome.ACCEPTED, receipt

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        line = {"type": "post", "id": name, "title": name, "text": text, "author": "a"}
        self._accepted(line | ({"readers": {"allowed": list(allowed)}} if allowed else {}))

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self._accepted({"type": "access", "id": name, "readers": {"allowed": list(allowed)}})

    def remove(self, name: str) -> None:
        self._accepted({"type": "deleted", "id": name})

    def add_invalid_records(self) -> int:
        """Invalid items are refused: only an older release can have stored such lines."""
        for item in HOSTILE:
            assert self._push(item).outcome is PushOutcome.REFUSED, item
        for number, line in enumerate(("{", '{"type":"post","id":"x"}', "null")):
            name = f"vieux-{number}"
            self.add(name, "texte", ("everyone",))
            own = push_documents.c.id == name
            with self.engine.begin() as connection:
                connection.execute(sa.update(push_documents).where(own).values(line=line))
        return 3

    def add_complete_document(self) -> Document:
        self._accepted(COMPLETE_LINE)
        return complete_document("t:été", COMPLETE_SECTIONS, "", "https://f.example/e", "")


def test_pushed_documents_hold_to_the_contract(
    connector_check: Callable[[ConnectorHarness], None], tmp_path: Path
) -> None:
    connector_check(PushHarness(tmp_path))


def test_the_complete_document_sets_every_field(tmp_path: Path) -> None:
    """So that `check_carries_all_fields` notices a new field that a connector forgets."""
    document = PushHarness(tmp_path).add_complete_document()
    unset = {
        field.name for field in fields(Document) if getattr(document, field.name) == field.default
    }
    assert unset <= {"content", "version", "questions"}  # a pushed record has no expected questions
