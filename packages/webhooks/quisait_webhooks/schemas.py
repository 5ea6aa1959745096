"""Body of a webhook's request, and its place in the API's description."""

from datetime import datetime
from typing import Any

from pydantic import Field
from pydantic.json_schema import models_json_schema

from quisait_webhooks.storage import WebhookKind
from search_api.bodies import Body


class WebhookSubjectBody(Body):
    """The question or topic of an event, as its id and the address of its page."""

    id: str = Field(description="the question's or topic's id")
    url: str = Field(description="its page, for who may read it")


class WebhookBody(Body):
    """An event, as Standard Webhooks 1.0 writes it."""

    type: WebhookKind
    timestamp: datetime = Field(description="when it happened")
    data: WebhookSubjectBody


_WEBHOOKS = {
    WebhookKind.ANSWERED: ("questions", "A question has a new answer"),
    WebhookKind.TOPIC: ("topics", "A topic's holders, or who is alone on it, changed at a build"),
}


def describe_webhooks(schema: dict[str, Any]) -> None:
    """Add the requests that applications of the settings receive to the API's description."""
    _, bodies = models_json_schema(
        [(WebhookBody, "serialization")], ref_template="#/components/schemas/{model}"
    )
    schema["components"]["schemas"] |= bodies["$defs"]
    schema["webhooks"] = {kind.value: {"post": _webhook(kind)} for kind in WebhookKind}


def _webhook(kind: WebhookKind) -> dict[str, Any]:
    tag, summary = _WEBHOOKS[kind]
    headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    reference = {"$ref": "#/components/schemas/WebhookBody"}
    return {
        "operationId": f"webhook_{kind.value.replace('.', '_')}",
        "tags": [tag],
        "summary": summary,
        "description": "Signed as Standard Webhooks 1.0 says; the id is that of each attempt.",
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
            for name in headers
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference}}},
        "responses": {"2XX": {"description": "the event is taken; it is tried again otherwise"}},
    }
