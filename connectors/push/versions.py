"""Which of two versions of a document is the newer."""

import re
from datetime import UTC, datetime
from enum import Enum


class Order(Enum):
    """How a version that arrives stands to the one that was last accepted."""

    OLDER = "older"
    EQUAL = "equal"
    NEWER = "newer"


def order(kept: str, given: str) -> Order:
    """Integers compare as numbers, ISO 8601 dates as moments (without a zone: UTC).

    Any other two versions that differ have no order: the one that arrives is the newer.
    """
    if kept == given:
        return Order.EQUAL
    for measure in (_number, _moment):
        before, after = measure(kept), measure(given)
        if before is not None and after is not None:
            if before == after:
                return Order.EQUAL
            return Order.OLDER if after < before else Order.NEWER
    return Order.NEWER


def _number(version: str) -> float | int | None:
    return int(version) if re.fullmatch(r"-?[0-9]{1,40}", version) else None


def _moment(version: str) -> float | int | None:
    """Seconds since year 1, exact to the microsecond."""
    if _number(version) is not None:
        return None
    try:
        read = datetime.fromisoformat(version)
    except ValueError:
        return None
    aware = read if read.tzinfo else read.replace(tzinfo=UTC)
    since = aware - datetime(1, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
