"""Fetch files that a pushed document names by URL, while the source is read.

Only the origins in the settings are asked, each with its own token. A fetched file is indexed only
if it matches the pushed description: same size and media type, and not modified later.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus

from quisait_export.schema import AttachmentLine

from connectors.http_host import HttpHost, HttpResponse, ResponseTooLarge
from connectors.http_limits import HttpLimits
from connectors.ports import RecordUnreachable, RecordVanished, SourceRefused, SourceUnreachable
from connectors.values import assume_utc, date_of_header
from quisait_push.addresses import bare_type, origin_of

FILE_LIMITS = HttpLimits(timeout_s=10.0, total_timeout_s=120.0, max_wait_s=1.0)
"""Limits that allow one try per reading of the source: the next reading tries again."""

MOST_FAILURES = 3
"""After this many files in a row that an origin fails to give, this reading stops asking it."""

_UNKNOWN_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Media types that say nothing about a file."""


@dataclass(frozen=True, slots=True)
class FileOrigin:
    """A server of files. `token` is read when first needed, and may be empty."""

    token: Callable[[], str] = lambda: ""
    ca_file: str = ""


@dataclass(slots=True)
class PushedFiles:
    """Fetches files from the origins of one source, one file at a time from each origin.

    A new instance is made for each reading of the source.
    """

    origins: Mapping[str, FileOrigin]
    limits: HttpLimits = FILE_LIMITS
    _hosts: dict[str, HttpHost] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(init=False)
    _failures: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._locks = {origin: threading.Lock() for origin in self.origins}

    def admits(self, attachment: AttachmentLine) -> bool:
        """Return whether the URL of an attachment is on an origin in the settings."""
        return origin_of(attachment.url or "", self.origins) is not None

    def read(self, attachment: AttachmentLine, modified: datetime | None) -> bytes:
        """Return a file's bytes, if they match its pushed description; `admits` must allow its URL.

        `modified` is the date of the pushed version. Raises `RecordUnreachable` if the origin does
        not answer or refuses the token, `RecordVanished` if it gives another file or none.
        """
        assert attachment.url is not None  # noqa: S101 - `admits` says so
        assert attachment.size is not None  # noqa: S101 - `parse_item` requires it
        origin = origin_of(attachment.url, self.origins)
        assert origin is not None  # noqa: S101 - `admits` says so
        with self._locks[origin]:
            if self._failures[origin] >= MOST_FAILURES:
                raise RecordUnreachable(f"{_named(origin)} ne répond pas : il sera relu plus tard.")
            try:
                found = self._response(origin, attachment.url, attachment.size)
            except RecordUnreachable:
                self._failures[origin] += 1
                raise
            self._failures[origin] = 0
        if problem := _difference(found, attachment, modified):
            raise RecordVanished(f"{_named(origin)} {problem}")
        return found.content

    def _response(self, origin: str, url: str, size: int) -> HttpResponse:
        host = self._host(origin)
        host.limits = replace(self.limits, max_bytes=size)
        token = self._token(origin)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            found = host.request("GET", url, headers=headers)
        except ResponseTooLarge as error:
            raise RecordVanished(
                f"{_named(origin)} rend un fichier plus grand que celui qui a été annoncé."
            ) from error
        except SourceUnreachable as error:
            raise RecordUnreachable(str(error)) from error
        except SourceRefused as error:
            raise RecordVanished(str(error)) from error
        if found.status_code == HTTPStatus.UNAUTHORIZED:
            raise RecordUnreachable(
                f"{_named(origin)} refuse le jeton (401) : vérifiez « file_hosts »."
            )
        return found

    def _host(self, origin: str) -> HttpHost:
        if origin not in self._hosts:
            called, ca_file = "Le serveur de fichiers", self.origins[origin].ca_file
            self._hosts[origin] = HttpHost(f"{origin}/", self.limits, ca_file, called)
        return self._hosts[origin]

    def _token(self, origin: str) -> str:
        try:
            token = self.origins[origin].token()
        except (OSError, UnicodeDecodeError) as error:
            raise RecordUnreachable(
                f"Le jeton de {_named(origin)} ne se lit pas : vérifiez « file_hosts »."
            ) from error
        if token and not re.fullmatch(r"[!-~]+", token):
            raise RecordUnreachable(
                f"Le jeton de {_named(origin)} n'est pas une ligne en ASCII : vérifiez son fichier."
            )
        return token


def _named(origin: str) -> str:
    return origin.partition("://")[2]


def _difference(found: HttpResponse, attachment: AttachmentLine, modified: datetime | None) -> str:
    """Return how a response differs from the pushed file, in French; empty if it does not."""
    if found.status_code != HTTPStatus.OK:
        return f"ne rend pas le fichier (réponse {found.status_code})."
    kind = bare_type(found.headers.get("Content-Type", ""))
    if kind not in _UNKNOWN_TYPES and kind != bare_type(attachment.media_type or ""):
        return "rend autre chose que le type de fichier annoncé, peut-être une page de connexion."
    if len(found.content) != attachment.size:
        return "rend un fichier d'une autre taille que celle annoncée."
    changed = date_of_header(found.headers.get("Last-Modified", ""))
    if modified and changed and changed > assume_utc(modified).astimezone(UTC):
        return "rend un fichier changé depuis qu'il a été poussé : poussez-le à nouveau."
    return ""
