"""Logs on standard error, as text for a person or as one JSON object per line.

Logs contain no document text, no query and no name of a person or file. Our own loggers put none of
these in a record. The text of an error may repeat a query, so it is replaced by the error's class
and place. Messages of libraries from `warning` on are replaced, too: a wiki's client repeats the
wiki's answer, an archive library repeats the names in the archive. Messages of libraries below
`warning` are not logged, because clients log the content of their requests.
"""

import contextlib
import logging
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from search_api.plain_text import safe_text

log = logging.getLogger(__name__)

PACKAGES = ("connectors", "indexer", "expertise", "search_api", "quisait")
TRUSTED_LIBRARIES = ("uvicorn",)
"""Libraries whose messages are logged, because they do not repeat queries."""
REPEATING_CLIENTS = ("opensearch", "opensearchpy", "urllib3")
"""Libraries that warn at each failed attempt; the caller logs the error once."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up_logs(form: str, level: str) -> None:
    """Write the log of this process, in the form `text` or `json`."""
    handler = _StandardError()
    handler.setFormatter(_json() if form == "json" else _Text())
    handler.addFilter(without_texts)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_ended
    for package in PACKAGES:
        logging.getLogger(package).setLevel(level.upper())
    for client in REPEATING_CLIENTS:
        logging.getLogger(client).setLevel(logging.ERROR)


def without_texts(record: logging.LogRecord) -> bool:
    """Keep every record; replace the text and trace of an error by its class and place.

    A library's message is replaced by its place.
    """
    package, error = record.name.partition(".")[0], bool(record.exc_info and record.exc_info[0])
    if record.exc_info and record.exc_info[0]:
        last = traceback.extract_tb(record.exc_info[2])[-1:]
        record.error = record.exc_info[0].__name__
        record.place = "".join(f"{frame.filename}:{frame.lineno}" for frame in last)
    if package not in PACKAGES and (error or package not in TRUSTED_LIBRARIES):
        record.msg, record.args = "unexpected error" if error else "said by a library", ()
        if not error:
            record.place = f"{record.pathname}:{record.lineno}"
    record.exc_info = record.exc_text = record.stack_info = None
    return True


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    """Log the class and place of the error that ended a thread."""
    if ended.exc_type is not SystemExit:
        error = (ended.exc_type, ended.exc_value, ended.exc_traceback)
        log.error("thread ended", exc_info=error)  # type: ignore[arg-type]


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to the current `sys.stderr`, but never the text of an error.

    If a record cannot be written, logging's own report would show the traceback of the error being
    handled, and the query that this error repeats.
    """

    @property
    def stream(self) -> TextIO:
        """The current `sys.stderr`: the stream of start-up may have been closed since."""
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        """Ignore the stream that `StreamHandler` sets."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Write the record's place, and the class of the error for which it was not logged."""
        error = sys.exc_info()[0]
        place = f"{record.pathname}:{record.lineno}"
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"log record not written: {error and error.__name__} place={place}\n")


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return the record's fields that were passed as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class _Text(logging.Formatter):
    """Format as one line of text: `TIME WARNING indexer.crawl.pipeline: message failure=empty`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, its fields last."""
        moment = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")
        fields = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        line = f"{moment} {record.levelname} {record.name}: {record.getMessage()}{fields}"
        return safe_text(" ".join(line.splitlines()))


class _Json(JsonFormatter):
    """Format as a JSON object with `time`, `level`, `logger`, `message`, then the fields."""

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Add the fields; the time is in UTC, as in RFC 3339."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data |= {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }


def _json() -> logging.Formatter:
    return _Json(json_ensure_ascii=False)
