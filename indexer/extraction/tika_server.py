"""Extraction by a Tika server (3.2), which returns attachments as separate parts.

A file that may have crashed the server is sent again alone, so that a crash costs one file.
"""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from urllib3 import BaseHTTPResponse, PoolManager, Timeout, exceptions

from connectors.certificates import certificate_fault
from indexer.errors import ExtractionFailed, ExtractorUnreachable
from indexer.extraction.files import ExtractionLimits, utf16_as_utf8
from indexer.extraction.tika_answer import (
    STOPPED,
    TikaPart,
    first,
    read_answer,
    refuse_by_size,
    server_paths,
)
from indexer.values import Extracted, Failure


class Quarantine:
    """A lock with several shared holders (`among`) or a single exclusive one (`alone`)."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._among = 0
        self._alone = False

    @contextmanager
    def among(self) -> Iterator[None]:
        """Hold the lock together with others."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._among += 1
        try:
            yield
        finally:
            with self._changed:
                self._among -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock exclusively."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: self._among == 0)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()


_CONNECTIONS = 8
"""Number of connections kept open; further threads open a connection for each file."""
_CONNECT_TIMEOUT_S = 5.0
_PATIENCE_S = 2.0
"""Timeout, in seconds, of a restarting server's answer to a request for its version."""
_OK, _NO_CONTENT, _TOO_LARGE, _UNSUPPORTED, _UNPROCESSABLE, _BUSY = 200, 204, 413, 415, 422, 503
_SERVER_ERRORS = 500
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_NEARLY = 0.9


class _Fallen(Exception):
    """The server closed the connection, because of this file or of another concurrent one."""


class TikaServerExtractor:
    """A client of one Tika server; safe for several threads.

    `limits.timeout_s` is also sent to the server, which then ends its child. A server that has
    answered before gets `restart_s` seconds to come back.
    """

    def __init__(
        self,
        url: str,
        limits: ExtractionLimits | None = None,
        restart_s: float = 60.0,
        ca_file: str = "",
    ) -> None:
        self._url = url.rstrip("/")
        self._limits = limits or ExtractionLimits()
        self.max_bytes = self._limits.max_bytes
        self._restart_s = restart_s
        self._connections = PoolManager(maxsize=_CONNECTIONS, ca_certs=ca_file or None)
        self._has_answered = False
        self._quarantine = Quarantine()

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Return the file's text.

        Raises `ExtractionFailed` (this file) or `ExtractorUnreachable` (any file).
        """
        refuse_by_size(len(content), self.max_bytes)
        status, answer = self._ask(utf16_as_utf8(content), filename)
        if status in {_OK, _UNPROCESSABLE}:
            parts = list(_parts(answer, self._limits.max_depth))
            return read_answer(parts, content, self._limits, filename)
        raise self._refused(status)

    def _ask(self, content: bytes, filename: str) -> tuple[int, str]:
        """Send a file.

        If the server crashes, send it again alone: another file may be the cause.
        """
        try:
            with self._quarantine.among():
                return self._put(content, filename)
        except _Fallen:
            self._await_return()
        try:
            with self._quarantine.alone():
                return self._put_when_back(content, filename)
        except _Fallen as fallen:
            raise ExtractionFailed(
                Failure.UNREADABLE, "Le serveur Tika est tombé deux fois sur ce fichier."
            ) from fallen

    def _put_when_back(self, content: bytes, filename: str) -> tuple[int, str]:
        try:
            return self._put(content, filename)
        except ExtractorUnreachable:
            self._await_return()  # it fell again before this file's turn
            return self._put(content, filename)

    def _put(self, content: bytes, filename: str) -> tuple[int, str]:
        """Send a file once. Raises `_Fallen`, `ExtractionFailed` or `ExtractorUnreachable`."""
        began = time.monotonic()
        try:
            status, answer = self._call(content, filename)
        except exceptions.SSLError as error:
            fault = certificate_fault(error, "réglez [extractor] ca_file ou url")
            raise ExtractorUnreachable(f"Le certificat de {self._url} {fault}.") from error
        except exceptions.NewConnectionError as error:  # nobody listens there
            raise (_Fallen() if self._has_answered else self._unreachable()) from error
        except (exceptions.ConnectTimeoutError, exceptions.LocationValueError) as error:
            raise self._unreachable() from error
        except exceptions.TimeoutError as error:
            raise self._timed_out() from error
        except exceptions.HTTPError as error:
            if time.monotonic() - began > _NEARLY * self._limits.timeout_s:
                raise self._timed_out() from error  # the server's timeout came first
            raise _Fallen from error
        if status >= _SERVER_ERRORS and (status != _BUSY or self._has_answered):
            raise _Fallen
        self._has_answered = True
        return status, answer

    def _call(self, content: bytes, filename: str) -> tuple[int, str]:
        headers = {
            "Accept": "application/json",
            "Content-Disposition": f"attachment; filename*=UTF-8''{_kind_of_name(filename)}",
            "X-Tika-OCRskipOcr": "true",
            "X-Tika-PDFOcrStrategy": "no_ocr",
            "X-Tika-Timeout-Millis": str(int(self._limits.timeout_s * 1000)),
            "writeLimit": str(self._limits.max_characters),
            "maxEmbeddedResources": str(self._limits.max_parts),
        }
        answer = self._ask_server("PUT", "/rmeta/xml", self._limits.timeout_s, headers, content)
        return answer.status, answer.data.decode("utf-8", "replace")

    def _ask_server(
        self,
        method: str,
        path: str,
        timeout_s: float,
        headers: Mapping[str, str],
        content: bytes | None = None,
    ) -> BaseHTTPResponse:
        return self._connections.request(
            method,
            self._url + path,
            body=content,
            headers=headers,
            timeout=Timeout(connect=min(_CONNECT_TIMEOUT_S, timeout_s), read=timeout_s),
            redirect=False,
            retries=False,
        )

    def _await_return(self) -> None:
        """Wait while the server restarts its child. Raises `ExtractorUnreachable`."""
        deadline = time.monotonic() + self._restart_s
        while time.monotonic() < deadline:
            with suppress(exceptions.HTTPError):
                if self._ask_server("GET", "/version", _PATIENCE_S, {}).status == _OK:
                    return
            time.sleep(0.3)
        raise self._unreachable()

    def _unreachable(self) -> ExtractorUnreachable:
        return ExtractorUnreachable(
            f"Le serveur Tika ne répond pas à {self._url} : démarrez-le, ou réglez [extractor] url."
        )

    def _timed_out(self) -> ExtractionFailed:
        return ExtractionFailed(
            Failure.TIMED_OUT, f"Tika n'a pas lu le fichier en {self._limits.timeout_s:g} s."
        )

    def _refused(self, status: int) -> ExtractionFailed | ExtractorUnreachable:
        if status == _NO_CONTENT:
            return ExtractionFailed(Failure.EMPTY, "Le fichier ne contient pas de texte.")
        if status == _TOO_LARGE:
            return ExtractionFailed(Failure.TOO_LARGE, "Fichier trop gros pour le serveur Tika.")
        if status == _UNSUPPORTED:
            return ExtractionFailed(Failure.UNREADABLE, f"Le serveur Tika a répondu {status}.")
        return ExtractorUnreachable(
            f"Le serveur Tika ({self._url}) a répondu {status} : réessayez plus tard, ou lisez son "
            "journal."
        )


def _kind_of_name(filename: str) -> str:
    """Return a neutral name with the file's suffix, which helps to detect the format.

    The server logs the names of files that it cannot read, and they may contain a person's name.
    """
    ending = _ENDING.search(filename)
    return f"document{ending[0].lower()}" if ending else "document"


def _parts(answer: str, max_depth: int) -> Iterator[TikaPart]:
    """Yield the file, then its parts.

    A part that is nested too deep is reported; the parts inside it are not.
    """
    try:
        metadata: list[dict[str, Any]] = json.loads(answer)
    except ValueError as error:
        raise ExtractionFailed(
            Failure.UNREADABLE, "La réponse du serveur Tika n'est pas du JSON."
        ) from error
    for part, path in zip(metadata, server_paths(metadata), strict=True):
        depth = int(first(part, "X-TIKA:embedded_depth") or 0)
        if depth <= max_depth:
            yield TikaPart(part.get("X-TIKA:content", ""), part, path)
        elif depth == max_depth + 1:
            yield TikaPart("", {STOPPED: "true"}, path)
