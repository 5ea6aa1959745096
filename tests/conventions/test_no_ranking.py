"""No endpoint ranks or lists agents by volume: stated over the API's own description."""

from collections.abc import Iterator
from datetime import date
from typing import Any, cast

import pytest
from quisait_moderation.web import moderation_web

from indexer.access import NOBODY
from search_api.app import Services, create_app

pytestmark = pytest.mark.trust

Schema = dict[str, Any]

SAID_OF_AGENTS = {
    ("CandidateBody", "score"): "nearness of their documents to the question, with explain",
    ("CandidatePartsBody", "votes"): "the same, told apart",
    ("CandidatePartsBody", "walk"): "the same, told apart",
    ("CandidatePartsBody", "documents"): "how many of the documents that are listed beside",
    ("AloneBody", "distance_km"): "a distance",
    ("AloneBody", "share"): "of the topic's people, how many show: not of the agent",
    ("PeerBody", "distance_km"): "a distance",
    ("PeersBody", "following"): "where the next page begins",
    ("PersonBody", "distance_km"): "a distance",
    ("OwnTopicBody", "strength"): "told to the agent alone",
    ("EvidenceBody", "weight"): "of a document, not of an agent",
}
"""Every figure that may stand with an agent, and what it is. A new one must be thought of here."""
FREE = {"limit", "offset", "page", "page_size", "before"}
"""Parameters that cut an answer and do not order it."""
ORDERED = {"/api/v1/search", "/scim/v2/Groups"}
"""Whose `sort` or `order` is of documents, whose `count` is of an application's groups."""


@pytest.fixture(scope="module")
def api() -> Schema:
    nothing = cast(Any, None)
    services = Services(
        nothing,
        nothing,
        reader_of=lambda _: NOBODY,
        today=lambda: date(2026, 1, 1),
        features=(moderation_web(),),
    )
    return create_app(services).openapi()


def named(schema: Any) -> Iterator[str]:
    """The names of the schemas that one refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from named(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from named(value)


def figures(schema: Schema) -> list[str]:
    """Properties that are numbers."""

    def is_number(of: Any) -> bool:
        kinds = [of.get("type"), *(one.get("type") for one in of.get("anyOf", ()))]
        return bool({"integer", "number"} & set(kinds))

    return [name for name, of in schema.get("properties", {}).items() if is_number(of)]


def about_agents(schemas: dict[str, Schema]) -> set[str]:
    """Schemas of one agent (an id, a name or an agent inside), and what they are made of."""
    one = {
        name
        for name, schema in schemas.items()
        if {"agent_id", "agent", "family_name"} & schema.get("properties", {}).keys()
        or name in ("AgentBody", "PersonBody")
    }
    parts = {part for name in one for part in named(schemas[name]) if part.endswith("PartsBody")}
    return one | parts


def test_no_figure_of_volume_stands_with_an_agent(api: Schema) -> None:
    """Counting what somebody wrote is how one would rank them."""
    schemas = api["components"]["schemas"]
    about = about_agents(schemas)
    assert {"CandidateBody", "PeerBody", "AloneBody", "AuthorBody"} <= about, (
        "it looks at something"
    )
    found = {(name, figure) for name in about for figure in figures(schemas[name])}
    assert found - SAID_OF_AGENTS.keys() == set()


def test_nobody_chooses_the_order_of_agents(api: Schema) -> None:
    """No parameter sorts, counts or compares them."""
    telling = ("sort", "order", "rank", "by", "most", "top", "count", "least")
    found = {
        (path, one["name"])
        for path, operations in api["paths"].items()
        if path not in ORDERED
        for operation in operations.values()
        for one in operation.get("parameters", ())
        if one["name"] not in FREE and any(word in one["name"].split("_") for word in telling)
    }
    assert found == set()


def test_a_ranking_would_be_seen() -> None:
    """The check above bites."""
    schemas: dict[str, Schema] = {
        "WriterBody": {"properties": {"agent_id": {"type": "string"}, "posts": {"type": "integer"}}}
    }
    assert about_agents(schemas) == {"WriterBody"}
    assert figures(schemas["WriterBody"]) == ["posts"]
