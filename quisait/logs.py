"""The journals, on the standard error: for a person, or one JSON object a line.

Never a text, a query or a name: our own loggers put nothing of the kind in a record, those
of libraries speak from `warning` on only (below, clients write what they send), and an
error's own text, which may hold a query, is replaced by its kind and place.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from search_api.neutral import neutral

ROOMS = ("connectors", "indexer", "expertise", "search_api", "quisait")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up_logs(form: str, level: str) -> None:
    """Write the journals of this process, `form` being `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json() if form == "json" else _Text())
    handler.addFilter(without_texts)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for room in ROOMS:
        logging.getLogger(room).setLevel(level.upper())


def without_texts(record: logging.LogRecord) -> bool:
    """Let every record pass, an error's text and trace replaced by its kind and place."""
    if record.exc_info and record.exc_info[0]:
        last = traceback.extract_tb(record.exc_info[2])[-1:]
        record.error = record.exc_info[0].__name__
        record.place = "".join(f"{frame.filename}:{frame.lineno}" for frame in last)
        if record.name.partition(".")[0] not in ROOMS:
            record.msg, record.args = "unexpected error", ()
    record.exc_info = record.exc_text = record.stack_info = None
    return True


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """What was passed as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class _Text(logging.Formatter):
    """`2026-01-31T10:00:00+01:00 WARNING indexer.pipeline: record failed failure=empty`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, the fields last."""
        moment = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")
        fields = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        line = f"{moment} {record.levelname} {record.name}: {record.getMessage()}{fields}"
        return neutral(" ".join(line.splitlines()))


class _Json(JsonFormatter):
    """`time`, `level`, `logger`, `message`, then the fields."""

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Times in UTC, as RFC 3339 has them."""
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
