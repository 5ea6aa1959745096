"""The time of this machine, as parts of the application are given it."""

import time
from datetime import UTC, date, datetime


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


def now_s() -> int:
    """Whole seconds since 1970."""
    return int(time.time())


def today() -> date:
    """The day, in the time zone of this machine."""
    return date.today()
