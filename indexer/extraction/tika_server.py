"""Extraction by a Tika server (3.2): attachments come as parts of their own."""

import json
import logging
import os
import time
from typing import Any
from urllib.parse import quote

# The client reads these when it is imported: it must neither fetch nor start a server,
# nor write a log file of its own.
os.environ["TIKA_CLIENT_ONLY"] = "true"
os.environ["TIKA_LOG_FILE"] = ""

import requests
import tika.parser
import tika.tika
from urllib3.exceptions import NewConnectionError

from indexer.errors import ExtractionFailed, ExtractorUnreachable
from indexer.extraction.plain_text import utf16_as_utf8
from indexer.extraction.tika_answer import TikaPart, read_answer
from indexer.values import Extracted, Failure

logging.getLogger("tika.tika").handlers.clear()  # the application says where logs go

MAX_BYTES = 100_000_000
_CONNECT_TIMEOUT_S = 5.0
_RESTART_S = 20.0
_MAX_CHARACTERS = 20_000_000
_OK, _NO_CONTENT, _TOO_LARGE, _UNSUPPORTED, _UNPROCESSABLE, _BUSY = 200, 204, 413, 415, 422, 503
_SERVER_ERRORS = 500


class TikaServerExtractor:
    """A client of one Tika server; safe for several threads.

    `timeout_s` bounds one file; keep the server's own `taskTimeoutMillis` near it, since
    the server goes on with a file after its client has left.
    """

    def __init__(self, url: str, timeout_s: float = 120.0, max_bytes: int = MAX_BYTES) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Raises `ExtractionFailed` (this file) or `ExtractorUnreachable` (any file)."""
        if not content:
            raise ExtractionFailed(Failure.EMPTY, "Le fichier est vide.")
        if len(content) > self._max_bytes:
            raise ExtractionFailed(
                Failure.TOO_LARGE, f"Le fichier dépasse {self._max_bytes} octets."
            )
        status, answer = self._ask(utf16_as_utf8(content), filename)
        if status in {_OK, _UNPROCESSABLE}:
            return read_answer(_parts(answer), content)
        raise self._refused(status)

    def _ask(self, content: bytes, filename: str) -> tuple[int, str]:
        """Asks a second time where the server fell: perhaps another file was the cause."""
        for _ in range(2):
            try:
                return self._put(content, filename)
            except (requests.ConnectTimeout, requests.exceptions.InvalidURL) as error:
                raise self._unreachable() from error
            except requests.Timeout as error:
                raise ExtractionFailed(
                    Failure.TIMED_OUT, f"Tika n'a pas lu le fichier en {self._timeout_s} s."
                ) from error
            except requests.RequestException as error:
                if _is_refusal(error) or not self._is_back():
                    raise self._unreachable() from error
        raise ExtractionFailed(
            Failure.UNREADABLE, "Le serveur Tika est tombé deux fois sur ce fichier."
        )

    def _put(self, content: bytes, filename: str) -> tuple[int, str]:
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
            "X-Tika-OCRskipOcr": "true",
            "X-Tika-PDFOcrStrategy": "no_ocr",
            "writeLimit": str(_MAX_CHARACTERS),
        }
        answer: tuple[int, str] = tika.parser.from_buffer(
            content,
            serverEndpoint=self._url,
            xmlContent=True,
            headers=headers,
            requestOptions=self._options(self._timeout_s),
            raw_response=True,
        )
        return answer

    def _options(self, timeout_s: float) -> dict[str, Any]:
        # The client turns certificate checks off unless told otherwise.
        return {
            "timeout": (min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s),
            "verify": True,
            "allow_redirects": False,
        }

    def _is_back(self) -> bool:
        """Waits while the server restarts its child."""
        deadline = time.monotonic() + _RESTART_S
        while time.monotonic() < deadline:
            try:
                status, _ = tika.tika.callServer(
                    "get", self._url, "/version", None, {}, requestOptions=self._options(2.0)
                )
            except requests.RequestException:
                status = _BUSY
            if status == _OK:
                return True
            time.sleep(0.5)
        return False

    def _unreachable(self) -> ExtractorUnreachable:
        return ExtractorUnreachable(
            f"Le serveur Tika ne répond pas à {self._url} : démarrez-le, ou réglez [extractor] url."
        )

    def _refused(self, status: int) -> ExtractionFailed | ExtractorUnreachable:
        if status == _NO_CONTENT:
            return ExtractionFailed(Failure.EMPTY, "Le fichier ne contient pas de texte.")
        if status == _TOO_LARGE:
            return ExtractionFailed(Failure.TOO_LARGE, "Fichier trop gros pour le serveur Tika.")
        if status == _UNSUPPORTED or (status >= _SERVER_ERRORS and status != _BUSY):
            return ExtractionFailed(Failure.UNREADABLE, f"Le serveur Tika a répondu {status}.")
        return ExtractorUnreachable(
            f"Le serveur Tika ({self._url}) a répondu {status} : réessayez plus tard, ou lisez son "
            "journal."
        )


def _is_refusal(error: requests.RequestException) -> bool:
    """Nobody listens there, as against a connection that broke."""
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)


def _parts(answer: str) -> list[TikaPart]:
    try:
        found: list[dict[str, Any]] = json.loads(answer)
    except ValueError as error:
        raise ExtractionFailed(
            Failure.UNREADABLE, "La réponse du serveur Tika n'est pas du JSON."
        ) from error
    return [
        TikaPart(
            xhtml=part.get("X-TIKA:content", ""),
            metadata=part,
            path=part.get("X-TIKA:embedded_resource_path", "").lstrip("/"),
        )
        for part in found
    ]
