"""A real wiki for the connector contract, changed by editors.

A page's readers are those of its namespace: a document is added to the namespace of its first
readers, and later readers are a change of the namespace's access.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_mediawiki.config import WikiConfig
from quisait_mediawiki.connector import WikiSource

from connectors.http_limits import HttpLimits
from connectors.ports import Connector
from connectors.snapshot import Snapshot
from connectors.values import Access, Contribution, ContributorRole, Document, Section
from tests.recorded_servers import Check
from tests.wiki_server import EDITOR, PASSWORD, READER, ROBOT, WikiServer, ensure_wiki

pytestmark = pytest.mark.sources

SPACES: dict[tuple[str, ...], str] = {
    ("everyone",): "",
    (): "Silence",
    ("test:group:a",): "Équipe",
}
QUICK = HttpLimits(rate_per_s=0)


@dataclass
class WikiConnectorHarness:
    """Collects additions until the wiki is read; the same ones are restored from a snapshot."""

    wiki: WikiServer = field(default_factory=ensure_wiki)
    resumable_count: int = 12
    rules: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {name: allowed for allowed, name in SPACES.items()}
    )
    spaces: dict[str, str] = field(default_factory=dict)
    texts: list[tuple[str, str]] = field(default_factory=list)
    untouched: bool = True
    seen: MemorySeen = field(default_factory=MemorySeen)

    def __post_init__(self) -> None:
        self.wiki.reset()

    def connector(self) -> Connector:
        self._add_pages()
        self.wiki.settle()
        config = WikiConfig(self.wiki.url, READER, PASSWORD, self.rules, limits=QUICK)
        return Snapshot(WikiSource("t", config), self.seen)

    def document_id(self, name: str) -> str:
        self._add_pages()
        return f"t:{self.wiki.page_id(self._title(name))}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        space, former = SPACES[allowed], self.spaces.get(name)
        if former not in (None, space):
            self._add_pages()
            old = self._title(name)
            self.spaces[name] = space
            self.wiki.move(old, self._title(name), noredirect=1)
        self.spaces[name] = space
        self.texts.append((self._title(name), text))

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        space = self.spaces[name]
        assert list(self.spaces.values()).count(space) == 1, "other documents would change too"
        self.rules[space] = allowed

    def remove(self, name: str) -> None:
        self._add_pages()
        self.wiki.delete(self._title(name))

    def add_invalid_records(self) -> int:
        """Add two pages without text in the database, listed before all others."""
        self._add_pages()
        for title in ("Aaa", "Aab"):
            self.wiki.edit(title, "perdu")
            self.wiki.damage(title)
        return 2

    def add_complete_document(self) -> Document:
        self._add_pages()
        title = "Équipe:L’été"
        edits = [
            (EDITOR, "Début {{absent}}", {}),
            (READER, "Début", {}),
            (ROBOT, "Début\n== Suite ==\nFin", {"bot": 1}),
            (EDITOR, "Corps\n== Suite ==\n''Fin''\n[[Catégorie:Cadastre]]", {"minor": 1}),
        ]
        done: list[Any] = [self.wiki.edit(title, text, who, **how) for who, text, how in edits]
        self.wiki.edit("Équipe:Canicule", f"#REDIRECTION [[{title}]]")
        created, modified = (datetime.fromisoformat(done[i]["newtimestamp"]) for i in (0, -1))
        day, year = created.date(), created.year
        return Document(
            id=f"t:{done[0]['pageid']}", source="t", title="L’été", kind="page", language="fr",
            sections=(
                Section("Corps"), Section("Fin", "Suite"), Section("Canicule", "Autres titres"),
            ),
            url=f"{self.wiki.url}index.php/%C3%89quipe:L%E2%80%99%C3%A9t%C3%A9",
            access=Access(frozenset({"test:group:a"})), created=created, modified=modified,
            space="Équipe", version=f"{done[-1]['newrevid']}:",
            contributions=tuple(
                Contribution(f"t:{who}", role, who, 1, day, day, ((year, 1),), volume=volume)
                for who, role, volume in (
                    (EDITOR, ContributorRole.AUTHOR, 6),
                    (READER, ContributorRole.EDITOR, 0),
                    (ROBOT, ContributorRole.BOT, 16),
                    (EDITOR, ContributorRole.BOT, 27),
                )
            ),
        )  # fmt: skip

    def _title(self, name: str) -> str:
        space = self.spaces[name]
        return f"{space}:{name}" if space else name

    def _add_pages(self) -> None:
        """Add the collected pages to the wiki."""
        texts, self.texts = self.texts, []
        if not texts:
            return
        key = hashlib.sha1(repr(texts).encode(), usedforsecurity=False).hexdigest()
        if self.untouched and self.wiki.reset(key):
            self.untouched = False
            return
        for title, text in texts:
            self.wiki.edit(title, text)
        if self.untouched:
            self.wiki.snapshot(key)
        self.untouched = False


def test_wiki_holds_to_the_contract(connector_check: Check) -> None:
    """On a real MediaWiki."""
    connector_check(WikiConnectorHarness())
