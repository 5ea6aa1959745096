"""A wiki that is read again and again, as crawls do, and what is kept of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from quisait_connector_kit.connector_contract import apply
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_mediawiki.config import WikiConfig
from quisait_mediawiki.connector import WikiSource

from connectors.http_limits import HttpLimits
from connectors.ports import Change, Checkpoint, Upsert
from connectors.snapshot import Snapshot
from connectors.values import Document
from tests.wiki_server import PASSWORD, READER, WikiServer

QUICK = HttpLimits(rate_per_s=0)
RULES = {"": ("everyone",), "Équipe": ("test:group:a",), "Fichier": ("everyone",)}


@dataclass
class WikiReading:
    wiki: WikiServer
    rules: Mapping[str, Sequence[str]] = field(default_factory=lambda: dict(RULES))
    url: str = ""
    limits: HttpLimits = QUICK
    kept: dict[str, Document] = field(default_factory=dict)
    cursor: str | None = None
    user: str = READER
    password: str = PASSWORD
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self) -> Snapshot:
        self.wiki.settle()
        place = WikiConfig(
            self.url or self.wiki.url, self.user, self.password, self.rules, limits=self.limits
        )
        return Snapshot(WikiSource("w", place), self.seen)

    def read(self) -> list[Change]:
        """Take the changes in."""
        taken = list(self.connector().changes(self.cursor))
        self.kept = apply(taken, self.kept)
        cursors = [change.cursor for change in taken if isinstance(change, Checkpoint)]
        self.cursor = cursors[-1] if cursors else self.cursor
        return taken

    def titles(self) -> list[str]:
        return sorted(document.title for document in self.kept.values())

    def document(self, title: str) -> Document:
        (found,) = [one for one in self.kept.values() if one.title == title]
        return found

    def text(self, title: str) -> str:
        return "\n".join(section.text for section in self.document(title).sections)

    def as_if_new(self) -> dict[str, Document]:
        """Return the documents that a first reading of the present wiki would store."""
        fresh = replace(self, kept={}, cursor=None, seen=MemorySeen())
        fresh.read()
        return fresh.kept


def read_documents(changes: Sequence[Change]) -> set[str]:
    """The titles of the documents that came."""
    return {change.document.title for change in changes if isinstance(change, Upsert)}
