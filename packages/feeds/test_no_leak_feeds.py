"""No feed and no table of results shows or counts what its reader may not open."""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import pytest
from fastapi.testclient import TestClient
from quisait_feeds.routes import web_feature
from quisait_feeds.service import MOST_ENTRIES, Feeds
from quisait_feeds.storage import SqlFeedTokens, metadata

from connectors.values import Access, Contribution, ContributorRole
from indexer.access import Reader
from indexer.values import Put
from search_api.app import create_app
from search_api.parameters import INCOMPLETE
from tests.builders import indexed, make_document
from tests.each import each
from tests.judging import engine_index
from tests.oracle import knowing, may_read
from tests.pages.asking_site import AGENTS, asking_site
from tests.planted import ENCODER
from tests.property.test_no_leak import UNKNOWN, random_access, random_reader

pytestmark = [pytest.mark.pages, pytest.mark.trust]

HOST = "http://127.0.0.1"
DOCUMENTS = 300
READERS = 12
SOURCES, SPACES = ("wiki", "forum", "notes"), 6
COMMON = "xylophone"
"""A word of every planted document, and of nothing else."""


@dataclass(frozen=True)
class Planted:
    """A document on the cadastre with a word of its own; the greater its number, the newer."""

    number: int
    source: str
    access: Access

    @property
    def word(self) -> str:
        return f"zq{self.number}q"

    @property
    def space(self) -> str:
        return f"coin{self.number % SPACES}"

    @property
    def title(self) -> str:
        return f"Le cadastre, le {COMMON} et {self.word}"

    @property
    def page(self) -> str:
        return f"{HOST}/documents/{self.source}:p{self.number}"

    def put(self) -> Put:
        author = AGENTS[self.number % len(AGENTS)].id.removeprefix("ag-")
        document = make_document(
            f"{self.source}:p{self.number}",
            title=self.title,
            access=self.access,
            space=self.space,
            modified=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=self.number),
            contributions=(Contribution(f"wiki:a{author}", ContributorRole.AUTHOR),),
        )
        return Put(indexed(document, f"Corriger le cadastre, le {COMMON}, {self.word}."))


@dataclass(frozen=True)
class World:
    """Pages and feeds over planted documents; `readers` by the ids of their agents."""

    client: TestClient
    feeds: Feeds
    planted: tuple[Planted, ...]
    readers: dict[str, Reader]

    def readable(self, reader: Reader) -> list[Planted]:
        """Return what the reader may read, the newest first."""
        mine = (
            one
            for one in self.planted
            if may_read(reader, one.access, one.source, one.space, UNKNOWN)
        )
        return sorted(mine, key=lambda one: one.number, reverse=True)

    def feed(self, token: str, path: str) -> Any:
        answer = self.client.get(f"/flux/{token}/{path}")
        assert answer.status_code == 200, answer.text
        return feedparser.parse(answer.content)

    def table(self, reader: Reader, query: str) -> list[dict[str, str]]:
        asked = {"x-agent": reader.agent_id or ""}
        answer = self.client.get(f"/recherche.csv?{query}", headers=asked)
        assert answer.status_code == 200, answer.text
        text = answer.content.decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def drawn_readers() -> dict[str, Reader]:
    """Return readers, half of them by a token that opens some sources, some spaces, or both."""
    draw = random.Random(12)
    found = {}
    for number in range(READERS):
        sources = frozenset(draw.sample(SOURCES, draw.randint(1, 2)))
        spaces = frozenset(f"coin{n}" for n in draw.sample(range(SPACES), draw.randint(1, 4)))
        id_, kind = f"r{number}", number % 4
        found[id_] = replace(
            random_reader(draw),
            agent_id=id_,
            sources=sources if kind % 2 else None,
            spaces=spaces if kind > 1 else None,
        )
    return found


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder, draw = tmp_path_factory.mktemp("feeds"), random.Random(11)
    planted = tuple(Planted(n, draw.choice(SOURCES), random_access(draw)) for n in range(DOCUMENTS))
    with (
        engine_index(request.param, folder, ENCODER.dimension) as index,
        asking_site(folder, index=knowing(index, UNKNOWN)) as site,
    ):
        yield filled(site, planted)


def filled(site: Any, planted: tuple[Planted, ...]) -> World:
    assert not site.index.write([one.put() for one in planted]).failed
    metadata.create_all(site.engine)
    readers = drawn_readers()
    feeds = Feeds(SqlFeedTokens(site.engine, 180, lambda: 0), readers.__getitem__)
    services = replace(
        site.services,
        features=(web_feature(feeds),),
        reader_of=lambda asked: readers.get(asked.headers.get("x-agent", ""), Reader()),
    )
    return World(TestClient(create_app(services), HOST), feeds, planted, readers)


def test_nothing_leaks(world: World) -> None:
    """Every feed and table is exactly what the plan says, in its order, for every drawn reader."""
    each(world.readers.items(), lambda reader: check(world, reader))


def check(world: World, reader: Reader) -> None:
    readable = world.readable(reader)
    titles, pages = ([getattr(one, name) for one in readable] for name in ("title", "page"))
    token, search = world.feeds.tokens.make(reader.agent_id or ""), f"recherche?q={COMMON}"
    entries = world.feed(token, search).entries
    assert [one.title for one in entries] == titles[:MOST_ENTRIES]
    assert [one.link for one in entries] == pages[:MOST_ENTRIES]
    rows = world.table(reader, f"q={COMMON}&sort=date")
    assert [row["adresse"] for row in rows] == pages
    assert [row["titre"] for row in rows] == titles
    for space in {one.space for one in readable}:
        narrowed = [one.title for one in readable if one.space == space]
        assert [one.title for one in world.feed(token, f"{search}&space={space}").entries] == (
            narrowed[:MOST_ENTRIES]
        )
    no_words = world.feed(token, "recherche?q=zzzzzzzz")
    hidden = [one for one in world.planted if one not in readable]
    for one in random.Random(13).sample(world.planted, 12):
        found = world.feed(token, f"recherche?q={one.word}")
        assert [entry.title for entry in found.entries] == ([one.title] if one in readable else [])
        if one in hidden:
            assert found.feed.updated == no_words.feed.updated
        assert (one.page in {row["adresse"] for row in world.table(reader, f"q={one.word}")}) == (
            one in readable
        )
    texts = [world.client.get(f"/flux/{token}/{path}") for path in (search, "sujet/cadastre")]
    for query in (COMMON, "corriger+le+cadastre", ""):  # with what is near in meaning
        sent = {"x-agent": reader.agent_id or ""}
        texts.append(world.client.get(f"/recherche.csv?q={query}", headers=sent))
    for answer in texts:
        assert answer.status_code == 200
        assert [one.word for one in hidden if one.word in answer.text] == []
        assert answer.headers.get(INCOMPLETE, "") == ", ".join(sorted(reader.unanswered))


def test_the_draw_is_worth_something(world: World) -> None:
    """Readers differ, some read more than a feed holds, and some read nothing of a space."""
    sizes = [len(world.readable(reader)) for reader in world.readers.values()]
    assert max(sizes) > MOST_ENTRIES
    assert min(sizes) < max(sizes) / 2
    assert any(reader.unanswered for reader in world.readers.values())


def test_narrowed_rights_narrow_the_next_answer(world: World) -> None:
    """By as much, and without a new token; the feed reader is not told that nothing changed."""
    agent_id, reader = max(world.readers.items(), key=lambda one: len(world.readable(one[1])))
    token, path = world.feeds.tokens.make(agent_id), f"recherche?q={COMMON}"
    before = world.client.get(f"/flux/{token}/{path}")
    narrowed = replace(reader, spaces=frozenset({"coin1"}))
    world.readers[agent_id] = narrowed
    try:
        entries = world.feed(token, path).entries
        assert [one.title for one in entries] == [one.title for one in world.readable(narrowed)]
        kept = {"If-None-Match": before.headers["etag"]}
        assert world.client.get(f"/flux/{token}/{path}", headers=kept).status_code == 200
    finally:
        world.readers[agent_id] = reader
