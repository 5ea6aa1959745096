"""Logs, on the standard error: for a person, or one JSON object a line.

Never a text, a query or a name, of a person or of a file: our own loggers put nothing of the kind
in a record. An error's own text, which may hold a query, is replaced by its class and place. So
is what a library logs (a wiki's client repeats the wiki's answer, an archive's the names in it),
from `warning` on; below, clients write what they send.
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

from search_api.wording import safe_text

log = logging.getLogger(__name__)

PACKAGES = ("connectors", "indexer", "expertise", "search_api", "quisait")
TRUSTED_LIBRARIES = ("uvicorn",)
"""Libraries whose messages are kept: they contain nothing of what was asked."""
REPEATING_CLIENTS = ("opensearch", "opensearchpy", "urllib3")
"""Libraries that warn at each attempt of a request; the caller's error tells it once."""
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
    """Keep every record, with the class and place of an error instead of its text and trace.

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
    """Writes to the standard error of the moment, and never the text of an error.

    logging's own report of a record that could not be written shows the trace of whatever error
    is being handled, and with it the query that the error repeats.
    """

    @property
    def stream(self) -> TextIO:
        """Looked up at each record: the one of start-up may have been closed since."""
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        """`StreamHandler` sets one; the standard error of the moment is what counts."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say where the record came from and what kept it from being written."""
        error = sys.exc_info()[0]
        place = f"{record.pathname}:{record.lineno}"
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"log record not written: {error and error.__name__} place={place}\n")


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """The fields that were passed as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class _Text(logging.Formatter):
    """`2026-01-31T10:00:00+01:00 WARNING indexer.crawl.pipeline: record failed failure=empty`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record in one line, its fields last."""
        moment = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")
        fields = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        line = f"{moment} {record.levelname} {record.name}: {record.getMessage()}{fields}"
        return safe_text(" ".join(line.splitlines()))


class _Json(JsonFormatter):
    """`time`, `level`, `logger`, `message`, then the fields."""

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
