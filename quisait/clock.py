"""The time of this machine, passed to parts of the application as functions."""

import time
from datetime import UTC, date, datetime


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def now_s() -> int:
    """Return the whole seconds since 1970."""
    return int(time.time())


def today() -> date:
    """Return today's date, in the time zone of this machine."""
    return date.today()
