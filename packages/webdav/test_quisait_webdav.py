"""Files read from a real Apache, with their rules, and the faults of a server."""

import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest
from quisait_webdav.connector import WebdavConnector
from quisait_webdav.options import WebdavOptions

from connectors.http_limits import HttpLimits
from connectors.ports import (
    AccessChanged,
    Checkpoint,
    Malformed,
    RecordVanished,
    SourceRefused,
    SubtreeHidden,
    Upsert,
)
from connectors.testing.connector_contract import ConnectorHarness, apply, last_cursor, read
from connectors.values import (
    Access,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
)
from tests.dav_server import PASSWORD, USER, DavFolder, ensure_dav

pytestmark = pytest.mark.sources

QUICK = HttpLimits(rate_per_s=0, timeout_s=5, total_timeout_s=10, max_wait_s=0)


@dataclass
class DavHarness:
    """A folder of a real server, with a table of rules at its root."""

    served: DavFolder
    rules: dict[str, str] = field(default_factory=dict)
    resumable_count: int = 210

    def connector(self, **options: object) -> WebdavConnector:
        made = WebdavOptions.model_validate({"url": self.served.url, "user": USER} | options)
        return WebdavConnector("t", made, Access(), PASSWORD, limits=QUICK)

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        path = self.served.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        if self.rules.get(name) != "|".join(allowed):
            self.set_readers(name, allowed)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.rules[name] = "|".join(allowed)
        rows = "".join(f"{name},{allowed}\n" for name, allowed in self.rules.items())
        (self.served.path / "_quisait.csv").write_text(f"pattern,allowed\n{rows}", "utf-8")

    def remove(self, name: str) -> None:
        (self.served.path / name).unlink()

    def add_invalid_records(self) -> int:
        root = self.served.path
        (root / "odd.txt").write_text("x")
        (root / "odd.txt.quisait.json").write_text("{")
        (root / "a\x01b.txt").write_text("x")
        (root / os.fsdecode(b"latin\xe9.txt")).write_text("x")
        (root / "clos").mkdir(mode=0o000)
        (root / "sous").mkdir()
        (root / "sous" / "_quisait.csv").write_text("pattern,allowed\n**,personne\n")
        return 5

    def add_complete_document(self) -> Document:
        folder = self.served.path / "Études & plans"
        folder.mkdir()
        path = folder / unicodedata.normalize("NFD", "l’été 100 %#1.txt")
        path.write_text("corps", "utf-8")
        os.utime(path, (1e9, 1e9))
        (folder / f"{path.name}.quisait.json").write_text(COMPLETE, "utf-8")
        day = date(2019, 5, 4)
        return Document(
            id="t:Études & plans/l’été 100 %#1.txt", source="t", title="L’été", kind="note",
            sections=(Section("l’été 100 %#1.txt"), Section("corps")), language="br",
            url="https://f.example/%C3%89tudes%20%26%20plans/l%E2%80%99%C3%A9t%C3%A9%20100%20%25%231.txt",
            access=Access(frozenset({"everyone", "test:group:a"}), frozenset({"test:agent:x"})),
            created=datetime(2019, 5, 4, tzinfo=UTC),
            modified=datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC),
            valid_from=date(2020, 1, 1), valid_until=date(2021, 1, 1), space="Cadastre",
            replaces=("t:Études & plans/ancien.txt",), part_of="t:dossier.txt",
            entity="DGFiP/DDFiP 22", area="22", evidence=EvidencePolicy.NONE,
            version=f"5-{10**15:x}:5:2001-09-09 01:46:40+00:00",
            contributions=(
                Contribution(
                    "t:jdupont", ContributorRole.AUTHOR, "jdupont", 1, day, day, ((2019, 1),)
                ),
            ),
        )  # fmt: skip


COMPLETE = """{"allowed": "everyone|test:group:a", "denied": "test:agent:x", "kind": "note",
"space": "Cadastre", "author": "jdupont", "entity": "DGFiP/DDFiP 22", "area": "22",
"valid_from": "2020-01-01", "valid_until": "2021-01-01", "replaces": "ancien.txt",
"part_of": "/dossier.txt", "created": "2019-05-04", "title": "L’été", "language": "br",
"evidence": "none", "url": "https://f.example/{path}"}"""


@pytest.fixture
def harness() -> Iterator[DavHarness]:
    with ensure_dav().folder() as served:
        yield DavHarness(served)


def test_contract(connector_check: Callable[[ConnectorHarness], None], harness: DavHarness) -> None:
    """Every check of the contract, from a real server."""
    connector_check(harness)


def test_contract_notices_a_lie(
    connector_lie: Callable[[ConnectorHarness], None], harness: DavHarness
) -> None:
    """The same checks notice each fault, put into the connector on purpose."""
    connector_lie(harness)
