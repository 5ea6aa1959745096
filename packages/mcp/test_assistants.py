"""Assistants: their tokens, their tools by the SDK's own client, and what is noted of them."""

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from quisait_mcp.routes import web_feature
from quisait_mcp.server import mcp_server
from quisait_mcp.service import READ_CHARS, RESOURCE, TOOLS, Assistants
from quisait_mcp.storage import SqlAssistantCalls, assistant_calls, forget_calls

from indexer.values import Put
from search_api.app import create_app
from search_api.middleware.request_limits import MAX_FORM_BYTES
from search_api.questions.storage import Asking
from search_api.sign_on.sessions import SqlPersonalTokens, personal_tokens
from tests.builders import Listed, indexed, make_document
from tests.own_loop import run_apart
from tests.pages.asking_site import (
    AGENTS,
    ASKER,
    MAPPER,
    QUESTION,
    AskingSite,
    asking_site,
)
from tests.pages.conftest import served
from tests.planted import TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

HOST = "http://127.0.0.1"
LONG = "Un paragraphe sur la voirie.\n\n" * 1_500
START = 1_770_000_000


@dataclass
class Site:
    """The asking site with assistants; `now_s` is moved by a test."""

    asking: AskingSite
    tokens: SqlPersonalTokens
    assistants: Assistants
    now_s: int = START

    def app(self, **changes: Any) -> Any:
        features = (web_feature(replace(self.assistants, **changes)),)
        return create_app(replace(self.asking.services, features=features, demo=True))

    def token(self, **limits: Any) -> str:
        return self.tokens.make(ASKER, "mon assistant", 30, assistant=True, **limits)

    def post(self, token: str, app: Any = None) -> tuple[int, str]:
        """A search by a token: the status, and the sentence of a refusal."""
        client = TestClient(app or self.app(), HOST, client=("127.0.0.1", 5))
        answer = client.post("/mcp", json=CALL, headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.json().get("error", {}).get("message", "")


CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "search", "arguments": {"query": "cadastre"}},
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with asking_site(tmp_path) as asking:
        places = {"wiki:secret": "rh", "notes:une": "", "notes:longue": "voirie"}
        asking.index.write(
            [
                Put(indexed(make_document(id_, title=f"Le cadastre, {id_}", space=space), text))
                for (id_, space), text in zip(places.items(), ("rh", "une", LONG), strict=True)
            ]
        )
        tokens = SqlPersonalTokens(asking.engine, 90, lambda: made.now_s)
        calls = SqlAssistantCalls(asking.engine, lambda: made.now_s)
        reader = asking.services.part(Asking)
        assert reader
        made = Site(asking, tokens, Assistants(tokens, calls, reader.reader_of, 30))
        yield made


def test_a_message_over_the_limit_is_413(site: Site) -> None:
    """With a said length and without one, as an error of JSON-RPC."""
    client, padding = TestClient(site.app(), HOST, client=("127.0.0.1", 5)), "x" * MAX_FORM_BYTES
    whole = json.dumps(CALL | {"padding": padding}).encode()
    headers = {"Authorization": f"Bearer {site.token()}", "Content-Type": "application/json"}
    for content in (whole, iter([whole[:1000], whole[1000:]])):
        answer = client.post("/mcp", content=content, headers=headers)
        assert (answer.status_code, answer.headers["connection"]) == (413, "close")
        assert answer.json()["error"]["message"]
    assert site.post(site.token())[0] == 200


@asynccontextmanager
async def connected(address: str, token: str, mode: str = "auto") -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(f"{address}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def run(work: Callable[[], Awaitable[None]]) -> None:
    run_apart(work())  # type: ignore[arg-type]


def ids(answer: Any) -> set[str]:
    return {one["id"] for one in answer.structured_content["documents"]}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_uses_every_tool_over_http(site: Site, mode: str) -> None:
    """By the SDK's client, in the protocol's present form and in the former one."""
    token = site.token()
    with served(site.app()) as address:

        async def work() -> None:
            async with connected(address, token, mode) as client:
                tools = (await client.list_tools()).tools
                assert [one.name for one in tools] == list(TOOLS)
                assert all(one.annotations.read_only_hint for one in tools)
                found = await client.call_tool("search", {"query": "cadastre", "k": 20})
                assert {"wiki:secret", "notes:une", "notes:longue"} <= ids(found)
                page = found.structured_content["documents"][0]["page"]
                assert page.startswith(f"{address}/documents/")
                assert json.loads(found.content[0].text)["total"] == len(ids(found))
                read = await client.call_tool("read_document", {"document": page})
                assert read.structured_content["text"].startswith("# ")
                known = await client.call_tool("who_knows", {"query": QUESTION})
                people = known.structured_content["candidates"]
                assert MAPPER in [one["agent"]["id"] for one in people]
                resource = await client.read_resource(f"{RESOURCE}notes%3Aune")
                assert resource.contents[0].text.startswith("# Le cadastre, notes:une")
                templates = await client.list_resource_templates()
                assert templates.resource_templates[0].uri_template.startswith(RESOURCE)

        run(work)
    assert [one.tool for one in site.assistants.calls.of(ASKER)] == [
        *("read_document", "who_knows", "read_document", "search"),
    ]
    assert site.assistants.calls.of(MAPPER) == ()


def test_a_long_document_is_read_in_several_calls(site: Site) -> None:
    """The parts together are the whole text, as the resource has it."""
    with served(site.app()) as address:

        async def work() -> None:
            async with connected(address, site.token()) as client:
                start, text = 0, ""
                while start is not None:
                    asked = {"document": "notes:longue", "start": start}
                    body = (await client.call_tool("read_document", asked)).structured_content
                    assert len(body["text"]) <= READ_CHARS
                    start, text = body["following"], text + body["text"]
                whole = (await client.read_resource(f"{RESOURCE}notes:longue")).contents[0].text
                assert text == whole
                assert len(text) > 2 * READ_CHARS

        run(work)


def test_a_question_is_prepared_and_not_sent(site: Site) -> None:
    """The draft says whom it would go to, as the form behind its address does."""
    with served(site.app()) as address:

        async def work() -> None:
            async with connected(address, site.token()) as client:
                asked = {"title": QUESTION, "text": "Elle est à Lannion."}
                body = (await client.call_tool("prepare_question", asked)).structured_content
                assert body["sent"] is False
                assert MAPPER in [one["id"] for one in body["recipients"]]
                form = TestClient(site.app(), HOST, client=("127.0.0.1", 5)).get(
                    body["form"].removeprefix(address), headers={"x-agent": ASKER}
                )
                assert form.status_code == 200
                assert "Elle est à Lannion." in form.text

        run(work)
    asked_so_far = TestClient(site.app(), HOST, headers={"x-agent": ASKER}).get("/api/v1/questions")
    assert asked_so_far.json()["mine"] == []


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_answers_have_the_announced_form(site: Site, mode: str) -> None:
    """The SDK's client validates each answer by its tool's schema, which is in French."""
    with served(site.app()) as address:

        async def work() -> None:
            async with connected(address, site.token(), mode) as client:
                assert client.server_info.version == version("quisait")
                tools = {one.name: one for one in (await client.list_tools()).tools}
                for asked, arguments in (
                    ("search", {"query": "cadastre", "k": 20}),
                    ("search", {"query": QUESTION, "include": ["people", "facets", "why"]}),
                    ("search", {"query": 'auteur:"Inconnue"'}),
                    ("search", {"query": "zzzzz"}),
                    ("read_document", {"document": "notes:longue"}),
                    ("who_knows", {"query": QUESTION}),
                    ("who_knows", {"query": "zzzzz"}),
                    ("prepare_question", {"title": QUESTION}),
                ):
                    answer = await client.call_tool(asked, arguments)
                    assert not answer.is_error, answer.content
                    schema = tools[asked].output_schema
                    assert set(answer.structured_content) == set(schema["properties"])
                schemas = [(one.input_schema, one.output_schema) for one in tools.values()]
                assert not re.search(r" (the|of|is|not) |[tT]itle\": \"[A-Z]", json.dumps(schemas))

        run(work)

    async def another_form() -> None:
        async with Client(mcp_server(lambda *_: {"documents": []}, str)) as client:
            with pytest.raises(RuntimeError, match="Invalid structured content"):
                await client.call_tool("search", {})

    run(another_form)


def test_a_search_is_short_and_links_its_documents(site: Site) -> None:
    """At most 6 kB, however long the documents are; each link opens by `read_document`."""
    site.asking.index.write(
        [
            Put(
                indexed(
                    make_document(f"wiki:long{number}", title=f"La voirie {'communale ' * 8}"),
                    "La voirie communale est élargie après enquête. " * 300,
                )
            )
            for number in range(8)
        ]
    )
    with served(site.app()) as address:

        async def work() -> None:
            async with connected(address, site.token()) as client:
                question = "Comment élargir la voirie communale après enquête ? " * 20
                answer = await client.call_tool("search", {"query": question, "k": 5})
                body, (text, *links) = answer.structured_content, answer.content
                assert len(body["documents"]) == 5
                assert len(text.text.encode()) <= 6_000
                assert len(json.dumps(body, ensure_ascii=False).encode()) <= 6_000
                assert (body["people"], body["near_subject"], body["facets"]) == ([], [], {})
                assert not any(one["why"] for one in body["documents"])
                for document, link in zip(body["documents"], links, strict=True):
                    assert link.name == document["title"]
                    assert document["page"].startswith(f"{address}/documents/")
                    page = f"{document['page']}?q=la+voirie#reponse"
                    for written in (link.uri, page, document["id"]):
                        read = await client.call_tool("read_document", {"document": written})
                        assert read.structured_content["id"] == document["id"]
                    assert (await client.read_resource(link.uri)).contents[0].text
                assert set(read.structured_content) == {*document, "text", "following"} - {
                    *("passage", "why")
                }
                asked = {"query": QUESTION, "include": ["people", "facets", "why"]}
                more = (await client.call_tool("search", asked)).structured_content
                assert MAPPER in [one["agent"]["id"] for one in more["people"]]
                assert all(one["sure"] for one in more["people"])
                assert not any(one["sure"] for one in more["near_subject"])
                assert more["facets"]["source"]
                assert any(one["why"] for one in more["documents"])

        run(work)


def test_a_search_is_narrowed_as_on_the_page(site: Site) -> None:
    """By kind, days, statements of authors and area, and sorted by date."""
    days = {"old": datetime(2020, 5, 1, tzinfo=UTC), "new": datetime(2024, 5, 1, tzinfo=UTC)}
    documents = [
        make_document(
            f"wiki:{name}", title=f"Le bornage {name}", kind=name, area="22", modified=day
        )
        for name, day in days.items()
    ]
    site.asking.index.write([Put(indexed(one, "Le bornage des chemins.")) for one in documents])
    with served(site.app()) as address:

        async def work() -> None:
            async with connected(address, site.token()) as client:
                for narrowed, found in (
                    ({}, ["old", "new"]),
                    ({"kinds": ["old"]}, ["old"]),
                    ({"since": "2024-05-01"}, ["new"]),
                    ({"before": "2024-05-01"}, ["old"]),
                    ({"since": "2020-05-02", "before": "2024-05-01"}, []),
                    ({"areas": ["22"], "sort": "date"}, ["new", "old"]),
                    ({"areas": ["23"]}, []),
                    ({"verified": True}, []),
                ):
                    asked = {"query": "bornage des chemins", **narrowed}
                    answer = await client.call_tool("search", asked)
                    got = [one["id"] for one in answer.structured_content["documents"]]
                    got = [one.removeprefix("wiki:") for one in got if "wiki:" in one]
                    got = [one for one in got if one in days]
                    ordered = got if "sort" in narrowed else sorted(got, reverse=True)
                    assert ordered == found, narrowed

        run(work)


def test_prompts_lead_to_the_tools(site: Site) -> None:
    """Both are listed with their argument, and say which tool to call."""
    with served(site.app()) as address:

        async def work() -> None:
            async with connected(address, site.token()) as client:
                prompts = (await client.list_prompts()).prompts
                assert [one.title for one in prompts] == ["Qui sait… ?", "Préparer une question"]
                for prompt, tool in zip(prompts, ("who_knows", "prepare_question"), strict=True):
                    said = {prompt.arguments[0].name: "le {bornage}"}
                    (message,) = (await client.get_prompt(prompt.name, said)).messages
                    assert "« le {bornage} »" in message.content.text
                    assert tool in message.content.text

        run(work)


def test_a_limited_token_narrows_every_answer(site: Site) -> None:
    """Counts, facets, documents, evidence, people and corrections are those of its places."""
    with served(site.app()) as address:

        async def work() -> None:
            for limits, found in (
                ({"sources": ["notes"]}, {"notes:une", "notes:longue"}),
                ({"sources": ["notes"], "spaces": ["voirie"]}, {"notes:longue"}),
                ({"spaces": ["rh"]}, {"wiki:secret"}),
                ({"sources": ["jamais"]}, set()),
            ):
                async with connected(address, site.token(**limits)) as client:
                    asked = {"query": "cadastre", "k": 20, "include": ["facets", "people"]}
                    answer = await client.call_tool("search", asked)
                    assert ids(answer) == found
                    assert answer.structured_content["total"] == len(found)
                    sources = answer.structured_content["facets"]["source"]
                    assert sum(sources.values()) == len(found)
                    known = await client.call_tool("who_knows", {"query": QUESTION})
                    assert known.structured_content["candidates"] == []
                    assert known.structured_content["stated"] == []
                    assert {one["id"] for one in known.structured_content["nearest"]} <= found
                    draft = await client.call_tool("prepare_question", {"title": QUESTION})
                    assert draft.structured_content["recipients"] == []
                    existing = draft.structured_content["existing"]
                    assert {one["id"] for one in existing} <= found
                    for id_ in ("wiki:secret", "notes:une", "notes:longue", "wiki:0"):
                        read = await client.call_tool("read_document", {"document": id_})
                        assert read.is_error == (id_ not in found)

        run(work)


def test_wrong_arguments_are_answered_with_what_to_do(site: Site) -> None:
    """One French sentence that names the argument, and never repeats what was asked."""
    cases: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("search", {"query": "  "}, "query"),
        ("search", {}, "query"),
        ("search", {"query": "x", "k": 21}, "k"),
        ("search", {"query": "x", "k": "beaucoup"}, "k"),
        ("search", {"query": "x" * 5_000}, "query"),
        ("search", {"query": "x", "sources": "wiki"}, "sources"),
        ("search", {"query": "x", "limite": 3}, "limite"),
        ("search", {"query": "x", "since": "hier"}, "since"),
        ("search", {"query": "mot " * 30, "before": "2024-01-01"}, "before"),
        ("search", {"query": "x", "sort": "taille"}, "sort"),
        ("search", {"query": "x", "include": ["tout"]}, "include"),
        ("search", {"query": "x", "areas": ["999"]}, "999"),
        ("who_knows", {"query": "x", "area": "999"}, "area"),
        ("who_knows", {"query": ""}, "query"),
        ("read_document", {"document": "wiki:jamais"}, ""),
        ("read_document", {"document": "wiki:0", "start": -1}, "start"),
        ("prepare_question", {"title": ""}, "title"),
        ("effacer", {"document": "wiki:0"}, ""),
    )
    with served(site.app()) as address:

        async def work() -> None:
            async with connected(address, site.token()) as client:
                for tool, arguments, named in cases:
                    answer = await client.call_tool(tool, arguments)
                    sentence = answer.content[0].text
                    assert answer.is_error, (tool, arguments)
                    assert answer.structured_content is None
                    assert sentence.endswith("."), sentence
                    assert f"« {named} »" in sentence or not named
                    assert "xxxx" not in sentence
                with pytest.raises(MCPError):
                    await client.read_resource(f"{RESOURCE}wiki%3Ajamais")
                for name, arguments in (
                    ("qui_sait", {}),
                    ("qui_sait", {"sujet": "x" * 5_000}),
                    ("jamais", {"sujet": "x"}),
                ):
                    with pytest.raises(MCPError, match=r"\.$"):
                        await client.get_prompt(name, arguments)

        run(work)
    assert [one.tool for one in site.assistants.calls.of(ASKER)] == [
        *("read_document", "read_document", "who_knows", "search", "search"),
    ]


def test_a_token_opens_nothing_once_it_ended(site: Site) -> None:
    """Revoked, expired, misspelt, of an agent who left: refused with one sentence, from then on."""
    revoked = site.token()
    assert site.post(revoked)[0] == 200
    assert site.tokens.revoke(ASKER, site.tokens.of(ASKER)[0].short)
    expired = site.token()
    site.now_s += int(timedelta(days=31).total_seconds())
    gone = site.token()
    book = site.asking.services.people
    left = [replace(one, departure=TODAY - timedelta(days=1)) for one in AGENTS if one.id == ASKER]

    assert site.post(gone)[0] == 200
    book.replace(Listed(*left, *(one for one in AGENTS if one.id != ASKER)))
    client = TestClient(site.app(), HOST, client=("127.0.0.1", 5))
    for token in (revoked, expired, gone, "qsp_nimporte"):
        status, sentence = site.post(token)
        assert status == 401, token
        assert sentence.endswith(".")
        refused = client.post("/mcp", json=CALL, headers={"Authorization": f"Bearer {token}"})
        assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_without_a_token_nobody_asks(site: Site) -> None:
    features = (web_feature(site.assistants),)
    app = create_app(replace(site.asking.services, features=features))
    answer = TestClient(app, HOST).post("/mcp", json=CALL)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["message"].endswith(".")
    assert TestClient(app, HOST).get("/mcp").status_code == 405


def test_an_assistants_token_opens_the_tools_alone(site: Site) -> None:
    """It is no personal token: what a program reads by the API it does not read."""
    token, program = site.token(), site.tokens.make(ASKER, "un programme", 30)
    assert site.tokens.agent_id(token) is None
    assert site.tokens.agent_id(program) == ASKER
    assert site.post(program)[0] == 200


def test_calls_by_one_token_are_limited(site: Site) -> None:
    """The tools say when to go on; another token goes on at once."""
    app = site.app(per_minute=3)
    busy, other = site.token(), site.token()
    client = TestClient(app, HOST, client=("127.0.0.1", 5))

    def errors(token: str, times: int) -> list[bool]:
        headers = {"Authorization": f"Bearer {token}"}
        answers = [client.post("/mcp", json=CALL, headers=headers) for _ in range(times)]
        return [one.json()["result"]["isError"] for one in answers]

    assert errors(busy, 5) == [False] * 3 + [True] * 2
    assert errors(other, 1) == [False]


def test_what_was_asked_is_neither_kept_nor_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is a message that cannot be read."""
    caplog.set_level(logging.DEBUG)
    word = "xylophone-inavouable"
    call = {**CALL, "params": {"name": "search", "arguments": {"query": word}}}
    broken = {**CALL, "params": {"name": "search", "arguments": word}}
    client = TestClient(site.app(), HOST, client=("127.0.0.1", 5))
    headers = {"Authorization": f"Bearer {site.token()}"}
    for one in (call, broken, {**call, "method": word}, [word]):
        assert client.post("/mcp", json=one, headers=headers).status_code < 500
    assert word not in caplog.text
    with site.asking.engine.connect() as connection:
        for table in (assistant_calls, personal_tokens):
            assert word not in str(connection.execute(sa.select(table)).all())


def test_calls_are_forgotten_and_exported(site: Site) -> None:
    """The agent carries them away, and they end with their time."""
    assert site.post(site.token())[0] == 200
    me = TestClient(site.app(), HOST, client=("127.0.0.1", 5), headers={"x-agent": ASKER})
    (call,) = me.get("/api/v1/me").json()["assistant_calls"]
    assert call == {"moment_s": START, "tool": "search", "label": "mon assistant"}
    (token,) = me.get("/api/v1/me").json()["tokens"]
    assert token["assistant"] is True
    assert "1 appel" in me.get("/mes-donnees").text
    forget_calls(site.asking.engine, START)
    assert len(site.assistants.calls.of(ASKER)) == 1
    forget_calls(site.asking.engine, START + 1)
    assert site.assistants.calls.of(ASKER) == ()


def test_the_page_makes_shows_and_revokes_tokens(site: Site) -> None:
    """The token is shown once; its limits and its calls are shown to its agent alone."""
    app = site.app()
    own = {"Origin": HOST, "x-agent": ASKER}
    me = TestClient(app, HOST, client=("127.0.0.1", 5), headers=own, follow_redirects=False)
    form = {
        "label": "éditeur du bureau",
        "days": "7",
        "sources": ["notes"],
        "spaces": ["voirie", ""],
    }
    made = me.post("/assistants/tokens", data=form)
    found = re.search(r'id="jeton-fait">(qsp_[^<]+)', made.text)
    assert found
    token = found[1]
    assert site.post(token, app)[0] == 200
    page = me.get("/assistants").text
    assert token not in page
    assert "sources : notes" in page
    assert "espaces : voirie" in page
    assert TOOLS["search"].title in page
    other = TestClient(app, HOST, client=("127.0.0.1", 5), headers={**own, "x-agent": MAPPER})
    assert "éditeur du bureau" not in other.get("/assistants").text
    short = site.tokens.of(ASKER)[0].short
    assert other.post("/assistants/tokens/revoke", data={"token": short}).status_code == 404
    assert me.post("/assistants/tokens/revoke", data={"token": short}).status_code == 303
    assert site.post(token, app)[0] == 401
    for bad in ({"label": "", "days": "7"}, {"label": "x", "days": "0"}):
        assert me.post("/assistants/tokens", data=bad).status_code == 400


def test_without_assistants_there_is_no_page(site: Site) -> None:
    """Where the package is missing, or the settings say no."""
    app = create_app(replace(site.asking.services, demo=True))
    client = TestClient(app, HOST, client=("127.0.0.1", 5), headers={"x-agent": ASKER})
    assert client.get("/assistants").status_code == 404
    assert client.post("/mcp", json=CALL).status_code == 404
    assert "/assistants" not in client.get("/preferences").text


def command(address: str, token: str) -> StdioServerParameters:
    source = "from quisait.cli import app; app()"
    environment = {**os.environ, "QUISAIT_TOKEN": token}
    return StdioServerParameters(
        command=sys.executable, args=["-c", source, "mcp", address], env=environment
    )


def test_a_client_uses_the_tools_over_stdio(site: Site) -> None:
    """`quisait mcp` relays what the site answers, refusals too."""
    token = site.token(sources=["notes"])
    with served(site.app()) as address:

        async def work() -> None:
            async with Client(command(address, token)) as client:
                assert [one.name for one in (await client.list_tools()).tools] == list(TOOLS)
                found = await client.call_tool("search", {"query": "cadastre"})
                assert ids(found) == {"notes:une", "notes:longue"}
                assert (await client.call_tool("search", {"query": ""})).is_error
                assert client.server_info
                assert client.server_info.version == version("quisait")
                prompt: Any = await client.get_prompt("qui_sait", {"sujet": "le bornage"})
                assert "le bornage" in prompt.messages[0].content.text
                resource: Any = await client.read_resource(f"{RESOURCE}notes%3Aune")
                assert resource.contents[0].text.startswith("# ")
                site.tokens.revoke_all()
                with pytest.raises(MCPError, match="jeton"):
                    await client.call_tool("search", {"query": "cadastre"})

        run(work)


async def exit_of(address: str, token: str) -> tuple[int | None, str]:
    started = command(address, token)
    process = await asyncio.create_subprocess_exec(
        started.command,
        *started.args,
        env=started.env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    assert out == b""
    return process.returncode, said.decode().strip()


def test_the_command_says_what_is_missing(site: Site) -> None:
    """One sentence each: no token, a bad one and no site."""
    with served(site.app()) as address:

        async def work() -> None:
            for place, token, said in (
                (address, "", "QUISAIT_TOKEN"),
                (address, "qsp_faux", "jeton"),
                ("http://127.0.0.1:9", "qsp_x", "ne répond pas"),
                ("quisait.exemple.fr", "qsp_x", "https://"),
            ):
                status, sentence = await exit_of(place, token)
                assert status == 1
                assert said in sentence
                assert len(sentence.splitlines()) == 1

        run(work)


def test_the_page_of_documentation_works(site: Site) -> None:
    """Its configuration for stdio and its `curl`, as they are written."""
    page = (Path(__file__).parents[2] / "docs/assistants.md").read_text("utf-8")
    blocks = dict(re.findall(r"```(json|sh)\n(.*?)```", page, re.DOTALL))
    with served(site.app()) as address:
        said = {"https://quisait.exemple.fr": address, "qsp_…": site.token()}
        for written, meant in said.items():
            blocks = {kind: text.replace(written, meant) for kind, text in blocks.items()}
        server = json.loads(blocks["json"])["mcpServers"]["quisait"]
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        server["env"] = {**os.environ, **server["env"], "PATH": path}

        async def work() -> None:
            async with Client(StdioServerParameters(**server)) as client:
                assert (await client.list_tools()).tools

        run(work)
        answer = subprocess.run(
            ["bash", "-c", blocks["sh"]], capture_output=True, check=True, timeout=60
        )
        assert len(json.loads(answer.stdout)["result"]["structuredContent"]["documents"]) == 3


def test_the_library_is_imported_by_the_first_call_alone() -> None:
    """A command, the application and the demonstration do not pay for it."""
    source = "import sys, quisait.cli, quisait.server.app, quisait_demo.command, search_api.app"
    source += ", quisait_mcp.command, quisait_mcp.routes"
    source += "; print('mcp' in sys.modules, 'mcp_types' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)
    assert done.stdout.decode().split() == ["False", "False"]
