"""Decide which files of pushed documents may be fetched, by URL and by media type."""

import re
from collections.abc import Iterable

_ORIGIN = re.compile(
    r"https?://(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[1-9][0-9]{0,4})?"
)
_LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")
_ADDRESS = re.compile(r"[!-\[\]-~]{1,2000}")  # ASCII, neither spaces nor backslash

_READ_FAMILIES = (
    "text/",
    "application/vnd.oasis.opendocument.",
    "application/vnd.openxmlformats-officedocument.",
)
_READ_TYPES = frozenset(
    {
        "application/pdf",
        "application/rtf",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.ms-outlook",
        "application/epub+zip",
        "application/xhtml+xml",
        "message/rfc822",
    }
)


def is_origin(written: str) -> bool:
    """Return whether this is `https://host` or `https://host:port`; http only for localhost."""
    return bool(_ORIGIN.fullmatch(written)) and (
        written.startswith("https://") or bool(_LOOPBACK.fullmatch(written))
    )


def origin_of(address: str, origins: Iterable[str]) -> str | None:
    """Return the origin that an address is on, or None if it is on no listed origin.

    Origins are compared literally: another port, account, spelling of the host or IP address does
    not match.
    """
    if not _ADDRESS.fullmatch(address):
        return None
    return next((origin for origin in origins if address.startswith(f"{origin}/")), None)


def has_readable_type(media_type: str) -> bool:
    """Return whether files of this type contain a text that an extractor reads."""
    kind = bare_type(media_type)
    return kind in _READ_TYPES or kind.startswith(_READ_FAMILIES)


def bare_type(media_type: str) -> str:
    """Return the media type without its parameters."""
    return media_type.partition(";")[0].strip().lower()
