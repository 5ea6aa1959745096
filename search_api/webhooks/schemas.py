"""API schemas of the body of a webhook's request."""

from datetime import datetime

from pydantic import Field

from search_api.bodies import Body
from search_api.webhooks.storage import WebhookKind


class WebhookSubjectBody(Body):
    """The question or topic of an event, as its id and the address of its page."""

    id: str = Field(description="the question's or topic's id")
    url: str = Field(description="its page, for who may read it")


class WebhookBody(Body):
    """An event, as Standard Webhooks 1.0 writes it."""

    type: WebhookKind
    timestamp: datetime = Field(description="when it happened")
    data: WebhookSubjectBody
