"""No tool of assistants shows, counts or proposes by what a reader or their token may not open."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

import pytest
from mcp import Client, MCPError
from quisait_mcp.server import mcp_server
from quisait_mcp.service import (
    RESOURCE,
    TOOLS,
    AssistantReader,
    Body,
    call_tool,
    read_resource,
)
from quisait_mcp.storage import SqlAssistantCalls

from connectors.values import Access, Contribution, ContributorRole
from indexer.access import Reader
from indexer.values import Put
from search_api.app import Services
from tests.builders import indexed, make_document
from tests.each import each
from tests.judging import engine_index
from tests.oracle import knowing, may_read
from tests.own_loop import run_apart
from tests.pages.asking_site import AGENTS, ASKER, asking_site, notes
from tests.planted import ENCODER
from tests.property.test_no_leak import UNKNOWN, random_access, random_reader

pytestmark = pytest.mark.trust

DOCUMENTS = 160
READERS = 12
SOURCES, SPACES = ("wiki", "forum", "notes"), 6


@dataclass(frozen=True)
class Planted:
    """A document whose title has a word of its own; it supports one agent."""

    number: int
    source: str
    access: Access

    @property
    def id(self) -> str:
        return f"{self.source}:p{self.number}"

    @property
    def word(self) -> str:
        return f"zq{self.number}q"

    @property
    def space(self) -> str:
        return f"coin{self.number % SPACES}"

    @property
    def author(self) -> str:
        return AGENTS[self.number % len(AGENTS)].id

    def put(self) -> Put:
        rows = (Contribution(f"wiki:a{self.author[3:]}", ContributorRole.AUTHOR),)
        title = f"Le cadastre commun et {self.word}"
        fields = {"title": title, "access": self.access, "space": self.space}
        document = make_document(self.id, contributions=rows, **fields)
        return Put(indexed(document, f"Corriger le cadastre d'une parcelle, {self.word}."))


@dataclass(frozen=True)
class World:
    """Services over planted documents and the notes of the asking site, which are open to all."""

    services: Services
    calls: SqlAssistantCalls
    planted: tuple[Planted, ...]

    def readable(self, reader: Reader) -> dict[str, str]:
        """Ids and authors of the documents that the reader may read, notes included."""
        mine = {
            one.id: one.author
            for one in self.planted
            if may_read(reader, one.access, one.source, one.space, UNKNOWN)
        }
        for note in (one.indexed.document for one in notes()):
            if may_read(reader, note.access, note.source, note.space, UNKNOWN):
                mine[note.id] = "".join(f"ag-{row.account[6:]}" for row in note.contributions)
        return mine

    def client(self, reader: Reader) -> Client:
        asking = AssistantReader(reader, "t", "t", "http://x")

        def call(name: str, arguments: Mapping[str, Any]) -> Body:
            return call_tool(self.services, self.calls, asking, name, arguments)

        def read(uri: str) -> str:
            return read_resource(self.services, self.calls, asking, uri)

        return Client(mcp_server(call, read))


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder, draw = tmp_path_factory.mktemp("assistants"), random.Random(11)
    planted = tuple(Planted(n, draw.choice(SOURCES), random_access(draw)) for n in range(DOCUMENTS))
    with (
        engine_index(request.param, folder, ENCODER.dimension) as index,
        asking_site(folder, index=knowing(index, UNKNOWN)) as site,
    ):
        yield filled(site, planted)


def filled(site: Any, planted: tuple[Planted, ...]) -> World:
    assert not site.index.write([one.put() for one in planted]).failed
    return World(site.services, SqlAssistantCalls(site.engine, lambda: 0), planted)


def readers() -> list[Reader]:
    """Drawn readers, most of them by a token that opens some sources, some spaces, or both."""
    draw = random.Random(12)
    found = []
    for number in range(READERS):
        reader = replace(random_reader(draw), agent_id=ASKER)
        sources = frozenset(draw.sample(SOURCES, draw.randint(0, 2)))
        spaces = frozenset(f"coin{n}" for n in draw.sample(range(SPACES), draw.randint(0, 4)))
        kind = number % 4
        reader = replace(reader, sources=sources if kind % 2 else None)
        found.append(replace(reader, spaces=spaces if kind > 1 else None))
    return found


def questions(world: World, draw: random.Random) -> list[str]:
    some = draw.sample(world.planted, 4)
    return ["cadastre commun", "corriger le cadastre d'une parcelle", *(one.word for one in some)]


def leaks(world: World, readable: Mapping[str, str], text: str, typed: str) -> list[str]:
    hidden = [one for one in world.planted if one.id not in readable]
    secrets = [word for one in hidden for word in (one.word, one.id) if word not in typed]
    return [secret for secret in secrets if f'{secret}"' in text or f"{secret}." in text]


def test_no_tool_leaks(world: World) -> None:
    """Readers, questions and documents are drawn; every tool is asked by the SDK's own client."""
    each(enumerate(readers()), lambda reader: run_apart(check(world, reader)))


async def check(world: World, reader: Reader) -> None:
    readable, draw = world.readable(reader), random.Random(13)
    async with world.client(reader) as client:

        async def ask(tool: str, **arguments: Any) -> Any:
            answer: Any = await client.call_tool(tool, arguments)
            links = [unquote(link.model_dump_json()) for link in answer.content[1:]]
            texts = (answer.content[0].text, json.dumps(answer.structured_content), *links)
            said = "\n".join(texts)
            typed = " ".join(map(str, arguments.values()))
            assert leaks(world, readable, said, typed) == [], (tool, arguments)
            return answer.structured_content

        for question in questions(world, draw):
            everything = ["people", "facets", "why"]
            found = await ask("search", query=question, k=20, include=everything)
            assert {one["id"] for one in found["documents"]} <= readable.keys()
            brief = await ask("search", query=question, k=20)
            assert [brief[one] for one in ("people", "near_subject", "facets")] == [[], [], {}]
            narrowed = {"since": "2000-01-01", "sort": "date", "kinds": [*found["facets"]["kind"]]}
            narrower = await ask("search", query=question, k=20, **narrowed)
            assert {one["id"] for one in narrower["documents"]} <= readable.keys()
            assert found["total"] <= len(readable)
            for facet in ("source", "space"):
                assert sum(found["facets"].get(facet, {}).values()) <= len(readable)
            if found["direct_answer"]:
                assert found["direct_answer"]["document"]["id"] in readable
            cards = [*found["people"], *found["near_subject"]]
            known = await ask("who_knows", query=question, k=20)
            lists = ("candidates", "near", "named", "nearly_named", "stated")
            shown = [*cards, *(person for name in lists for person in known[name])]
            evidence = {one["id"] for person in shown for one in person["evidence"]}
            assert evidence <= readable.keys()
            assert {one["id"] for one in known["nearest"]} <= readable.keys()
            draft = await ask("prepare_question", title=f"{question} ?")
            assert {one["id"] for one in draft["existing"]} <= readable.keys()
            if reader.limited:  # nobody is proposed but by documents of the token's places
                proposed = {one["agent"]["id"] for one in shown}
                proposed |= {one["id"] for one in draft["recipients"]}
                assert proposed <= set(readable.values())
        for one in draw.sample(world.planted, 12):
            answer = await client.call_tool("read_document", {"document": one.id})
            assert answer.is_error == (one.id not in readable)
            resource = client.read_resource(RESOURCE + one.id)
            if one.id in readable:
                read: Any = await resource
                assert one.word in read.contents[0].text
            else:
                with pytest.raises(MCPError):
                    await resource


def test_the_draw_is_worth_something(world: World) -> None:
    """Readers differ, limits narrow, and every tool answers something to somebody."""
    sizes = [len(world.readable(reader)) for reader in readers()]
    assert max(sizes) > 30
    assert min(sizes) < max(sizes) / 2
    whole = [world.readable(replace(one, sources=None, spaces=None)) for one in readers()]
    assert all(
        world.readable(one).keys() <= all_.keys()
        for one, all_ in zip(readers(), whole, strict=True)
    )
    assert set(TOOLS) == {"search", "read_document", "who_knows", "prepare_question"}

    async def answers() -> None:
        async with world.client(Reader(ASKER, frozenset({"everyone"}))) as client:
            asked = {"query": "corriger le cadastre d'une parcelle"}
            assert (await client.call_tool("search", asked)).structured_content["total"] > 10
            known = await client.call_tool("who_knows", asked)
            assert any(one["evidence"] for one in known.structured_content["candidates"])
            draft = {"title": "Comment corriger le cadastre d'une parcelle ?"}
            made = await client.call_tool("prepare_question", draft)
            assert made.structured_content["recipients"]

    run_apart(answers())
