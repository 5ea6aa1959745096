"""Run the contract on a forum of some answers: a kind of source takes two files."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from quisait_connector_kit.connector_contract import ConnectorHarness
from quisait_connector_kit.memory_seen import MemorySeen

from connectors.http_host import HttpHost, HttpResponse
from connectors.snapshot import Snapshot
from connectors.values import Access, Contribution, ContributorRole, Document, Section
from tests.forum.quisait_forum import ForumSource, Options

DAY = datetime(2019, 5, 4, tzinfo=UTC)
ASKER = ContributorRole.ASKER
Check = Callable[[ConnectorHarness], None]
CATEGORIES = {("everyone",): 1, ("test:group:a",): 2, ("test:group:b",): 3, (): 4}


@dataclass
class ForumHarness:
    """A forum with a category for each set of readers."""

    topics: dict[int, dict[str, Any]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    odd: list[Any] = field(default_factory=list)
    seen: MemorySeen = field(default_factory=MemorySeen)
    resumable_count: int = 110

    def connector(self) -> Snapshot:
        readers = {f"c{number}": list(allowed) for allowed, number in CATEGORIES.items()}
        options = Options(url="https://forum.example/", readers=readers)
        return Snapshot(ForumSource("t", options, HttpHost(options.url)), self.seen)

    def document_id(self, name: str) -> str:
        return f"t:{self.numbers[name]}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        number = self.numbers.setdefault(name, len(self.numbers) + 1)
        said = {"username": "ana", "created_at": DAY.isoformat(), "post_number": 1}
        self.topics[number] = {
            "id": number, "title": name, "excerpt": text, "created_at": DAY.isoformat(),
            "category_id": CATEGORIES[allowed], "posts": [said | {"cooked": f"<p>{text}"}],
        }  # fmt: skip

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.topics[self.numbers[name]]["category_id"] = CATEGORIES[allowed]

    def remove(self, name: str) -> None:
        del self.topics[self.numbers[name]]

    def add_invalid_records(self) -> int:
        self.odd = [None, {"id": "x"}]
        return len(self.odd)

    def add_complete_document(self) -> Document:
        self.add("Bornage", "Que faire ?", ("everyone",))
        return Document(
            id=self.document_id("Bornage"), source="t", title="Bornage", kind="thread",
            access=Access(frozenset({"everyone"})), created=DAY,
            sections=(Section("Que faire ?", "", "t:ana"),),
            url=f"https://forum.example/t/{self.numbers['Bornage']}",
            contributions=(Contribution("t:ana", ASKER, first=DAY.date(), last=DAY.date()),),
        )  # fmt: skip

    def answer(self, path: str) -> Any:
        if path == "categories.json":
            return {"category_list": {"categories": [{"id": n, "slug": f"c{n}"} for n in range(5)]}}
        if path.startswith("latest.json"):
            listed = [
                {k: v for k, v in one.items() if k != "posts"} for one in self.topics.values()
            ]
            return {"topic_list": {"topics": self.odd + listed if path.endswith("page=0") else []}}
        topic = self.topics[int(path.removeprefix("t/").removesuffix(".json"))]
        return topic | {"post_stream": {"posts": topic["posts"]}}


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> ForumHarness:
    made = ForumHarness()

    def request(host: HttpHost, method: str, url: str) -> HttpResponse:
        return HttpResponse(200, {}, json.dumps(made.answer(url.removeprefix(host.root))).encode())

    monkeypatch.setattr(HttpHost, "request", request)
    return made


def test_contract(connector_check: Check, harness: ForumHarness) -> None:
    """Run every check of the contract on the forum."""
    connector_check(harness)


def test_contract_notices_a_lie(connector_lie: Check, harness: ForumHarness) -> None:
    """Check that the contract finds each fault put into the forum on purpose."""
    connector_lie(harness)
