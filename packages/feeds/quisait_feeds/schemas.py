"""The agent's token in their own data, and in the API's description of them."""

from datetime import date
from typing import Any

from pydantic import Field
from pydantic.json_schema import models_json_schema

from search_api.bodies import Body

TOKENS = "feed_tokens"
"""Field of the token in `GET /api/v1/me`."""


class FeedTokenBody(Body):
    """The valid token of the reader's feeds. Its secret is not stored."""

    made: date
    ends: date
    last_used: date | None = Field(description="null: never")


def describe_token(schema: dict[str, Any]) -> None:
    """Add the token to the agent's own data in the API's description."""
    _, bodies = models_json_schema(
        [(FeedTokenBody, "serialization")], ref_template="#/components/schemas/{model}"
    )
    schemas = schema["components"]["schemas"]
    schemas |= bodies["$defs"]
    schemas["MeBody"]["properties"][TOKENS] = {
        "title": "Feed Tokens",
        "description": "the token of your Atom feeds; empty without one",
        "type": "array",
        "items": {"$ref": "#/components/schemas/FeedTokenBody"},
    }
