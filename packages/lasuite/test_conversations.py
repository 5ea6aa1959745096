"""La Suite's assistant (Conversations) with its files kept by quisait, by the requests it sends.

Until July 2026 Conversations could keep the files of a conversation in find (its `FindRagBackend`):
the requests below have its addresses, fields and headers, and what it reads of the answers.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from quisait_lasuite.documents import SuiteDocuments, SuiteRules
from quisait_lasuite.introspection import ApplicationReaders, IntrospectionRules
from quisait_lasuite.service import LaSuite
from quisait_lasuite.web import lasuite_web
from quisait_push.connector import PushConnector
from quisait_push.inbox import Inbox, PushService
from quisait_push.items import PushLimits
from quisait_push.tokens import PushTokens
from quisait_push.web import push_web

from expertise.directory import SqlDirectory
from indexer.access import NOBODY
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.state import State
from quisait.application.database import migrate
from search_api.app import Services, create_app
from search_api.engine import Search
from search_api.identity.readers import NO_AUTHORITIES
from search_api.sign_on.provider import Provider, ProviderRules
from tests.builders import Listed
from tests.encoders import FakeEncoder
from tests.lying_provider import CLIENT_ID, LyingProvider, lying_provider
from tests.pages.administration import AGENTS, TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SOURCE = "conversations"
ENCODER = FakeEncoder(dimension=64)
USERS = Listed(
    *(
        replace(agent, accounts=(f"{SOURCE}:{sub}",))
        for agent, sub in ((AGENTS[0], "claire"), (AGENTS[3], "iris"))
    )
)
"""Claire and Iris, known to Conversations by their `sub`."""


@dataclass
class Assistant:
    """Conversations with one collection, for one person at a time."""

    client: TestClient
    provider: LyingProvider
    inbox: Inbox
    crawling: CrawlDependencies
    key: str

    def store(self, collection: str, name: str, content: str, sub: str) -> None:
        answer = self.client.post(
            "/api/v1.0/documents/index/",
            headers={"Authorization": f"Bearer {self.key}"},
            json={
                "id": str(uuid4()),
                "title": name,
                "depth": 0,
                "path": name,
                "numchild": 0,
                "content": content,
                "created_at": "2026-01-01T10:00:00+00:00",
                "updated_at": "2026-01-01T10:00:00.000001+00:00",
                "tags": [f"collection-{collection}"],
                "size": len(content),
                "users": [sub],
                "groups": [],
                "reach": "authenticated",
                "is_active": True,
            },
        )
        answer.raise_for_status()

    def crawl(self) -> None:
        crawl(PushConnector(SOURCE, self.inbox), self.crawling, guard_share=1.0)

    def _as(self, sub: str, path: str, body: dict[str, Any]) -> Any:
        self.provider.token_claims["sub"] = sub
        answer = self.client.post(path, headers={"Authorization": "Bearer jeton-oidc"}, json=body)
        answer.raise_for_status()
        return answer.json()

    def search(self, query: str, collections: list[str], sub: str, k: int = 4) -> list[str]:
        """The titles, with all that Conversations reads of a result."""
        body = {"q": query or "*", "tags": [f"collection-{one}" for one in collections], "k": k}
        hits = self._as(sub, "/api/v1.0/documents/search/", body)
        for hit in hits:
            assert isinstance(hit["_score"], float)
            assert hit["_source"]["content.fr"]
        return [hit["_source"]["title.fr"] for hit in hits]

    def delete(self, collection: str, sub: str) -> int:
        body = {"tags": [f"collection-{collection}"], "service": "conversations"}
        found: int = self._as(sub, "/api/v1.0/documents/delete/", body)["nb-deleted-documents"]
        return found


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[Assistant]:
    engine = migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"))
    index = EmbeddedIndex(tmp_path / "index", ENCODER.dimension)
    book = SqlDirectory(engine)
    book.replace(USERS)
    state = State(engine)
    inbox = Inbox(engine, state.load, 1_000)
    tokens = PushTokens(engine)
    limits = PushLimits(10**6, 10**5, 100)
    reception = PushService(inbox, tokens, {SOURCE: frozenset()}, limits)
    documents = SuiteDocuments(inbox, {SOURCE: SuiteRules()}, limits.document_bytes)
    with lying_provider() as provider:
        rules = ProviderRules(provider.issuer, CLIENT_ID, "secret", "http://testserver/x")
        readers = ApplicationReaders(
            Provider(rules, lambda: int(time.time())),
            IntrospectionRules({"docs-app": SOURCE}),
            book,
            NO_AUTHORITIES,
            lambda: int(time.time()),
            lambda: TODAY,
        )
        services = Services(
            Search(index, ENCODER, book),
            book,
            reader_of=lambda _: NOBODY,
            today=lambda: TODAY,
            features=(push_web(reception), lasuite_web(LaSuite(documents, readers=readers))),
        )
        crawling = CrawlDependencies(None, ENCODER, index, state, state)  # type: ignore[arg-type]
        client = TestClient(create_app(services))
        yield Assistant(client, provider, inbox, crawling, tokens.add(SOURCE, ""))
    engine.dispose()


def test_a_conversation_searches_its_own_files(assistant: Assistant) -> None:
    """Those of its collections, by their person alone, and at most `k`."""
    for number in range(3):
        assistant.store("a", f"bornage-{number}.md", f"Le bornage, partie {number}.", "claire")
    assistant.store("b", "autre.md", "Le bornage d’une autre conversation.", "claire")
    assistant.store("a", "secret.md", "Le bornage secret.", "iris")
    assistant.crawl()
    own = {"bornage-0.md", "bornage-1.md", "bornage-2.md"}
    assert set(assistant.search("bornage", ["a"], "claire")) == own
    assert set(assistant.search("", ["a"], "claire")) == own
    assert set(assistant.search("bornage", ["a", "b"], "claire", k=10)) == own | {"autre.md"}
    assert len(assistant.search("bornage", ["a"], "claire", k=2)) == 2
    assert assistant.search("bornage", ["a"], "iris") == ["secret.md"]
    assert assistant.search("bornage", ["inconnue"], "claire") == []


def test_a_person_deletes_a_collection_of_their_own(assistant: Assistant) -> None:
    """As in find: what names them as a user goes, what another person stored stays."""
    assistant.store("a", "bornage.md", "Le bornage.", "claire")
    assistant.store("a", "secret.md", "Le bornage secret.", "iris")
    assistant.store("b", "autre.md", "Le bornage, ailleurs.", "claire")
    assistant.crawl()
    assert assistant.delete("a", "claire") == 1
    assistant.crawl()
    assert assistant.search("bornage", ["a", "b"], "claire") == ["autre.md"]
    assert assistant.search("bornage", ["a"], "iris") == ["secret.md"]
    assert assistant.delete("a", "claire") == 0


def test_a_person_names_the_source_that_they_delete_from(assistant: Assistant) -> None:
    assistant.store("a", "bornage.md", "Le bornage.", "claire")
    for body in ({"tags": ["collection-a"], "service": "docs"}, {"service": SOURCE}):
        assistant.provider.token_claims["sub"] = "claire"
        answer = assistant.client.post(
            "/api/v1.0/documents/delete/", headers={"Authorization": "Bearer x"}, json=body
        )
        assert answer.status_code == 400, answer.text


def test_a_document_has_the_tags_it_was_last_pushed_with(assistant: Assistant) -> None:
    """A document that only changes its tags is found by the new ones, at once."""
    document = {"id": "x", "title": "t", "content": "Le bornage.", "users": ["claire"],
                "created_at": "2026-01-01T10:00:00Z", "updated_at": "2026-01-01T10:00:00Z",
                "is_active": True}  # fmt: skip
    for tags in (["collection-a", "collection-b"], ["collection-b"]):
        answer = assistant.client.post(
            "/api/v1.0/documents/index/",
            headers={"Authorization": f"Bearer {assistant.key}"},
            json=document | {"tags": tags},
        )
        assert answer.status_code == 201
    assistant.crawl()
    assert assistant.search("bornage", ["a"], "claire") == []
    assert assistant.search("bornage", ["b"], "claire") == ["t"]
