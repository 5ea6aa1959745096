"""Calls of assistants in the agent's own data, and in the API's description of them."""

from typing import Any

from pydantic import Field
from pydantic.json_schema import models_json_schema

from search_api.bodies import Body

CALLS = "assistant_calls"
"""Field of the calls in `GET /api/v1/me`."""


class AssistantCallBody(Body):
    """A call of a tool by an assistant in the reader's name, without its arguments."""

    moment_s: int = Field(description="seconds since 1970")
    tool: str
    label: str = Field(description="the token's name; empty: signed by the administration")


def describe_calls(schema: dict[str, Any]) -> None:
    """Add the calls to the agent's own data in the API's description."""
    _, bodies = models_json_schema(
        [(AssistantCallBody, "serialization")], ref_template="#/components/schemas/{model}"
    )
    schemas = schema["components"]["schemas"]
    schemas |= bodies["$defs"]
    schemas["MeBody"]["properties"][CALLS] = {
        "title": "Assistant Calls",
        "description": "what assistants asked in your name, latest first",
        "type": "array",
        "items": {"$ref": "#/components/schemas/AssistantCallBody"},
    }
