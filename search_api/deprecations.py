"""Deprecated addresses, their removal dates and their successors. docs/api.md lists them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime


@dataclass(frozen=True, slots=True)
class Deprecation:
    """A deprecated address: its successor, the day of its deprecation, and its last day."""

    successor: str
    since: datetime
    sunset: datetime

    @property
    def headers(self) -> dict[str, str]:
        """`Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link` of each answer."""
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": format_datetime(self.sunset, usegmt=True),
            "Link": f'<{self.successor}>; rel="successor-version"',
        }


DEPRECATED = {
    "/api/v1/openapi.json": Deprecation(
        "/openapi.json", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC)
    )
}
"""The deprecated addresses, by the path of the route."""


def deprecation_headers(path: str) -> dict[str, str]:
    """Return the headers for answers of a deprecated path; empty for other paths."""
    found = DEPRECATED.get(path)
    return found.headers if found else {}
