"""Open the inbox and its limits from the settings."""

import sqlalchemy as sa

from indexer.state import State
from quisait.settings import Settings
from quisait_push.inbox import Inbox
from quisait_push.items import PushLimits
from quisait_push.settings import PushSettings


def open_inbox(settings: Settings, database: sa.Engine) -> Inbox:
    """Return the inbox of pushed documents."""
    return Inbox(database, State(database).load, settings.table(PushSettings).max_waiting)


def push_limits(settings: Settings) -> PushLimits:
    """Return the limits of a request."""
    most = settings.table(PushSettings)
    return PushLimits(most.max_request_bytes, most.max_document_bytes, most.max_documents)
