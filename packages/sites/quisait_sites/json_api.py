"""Ask a site's JSON interface; an answer that is no JSON is told from one that is."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from connectors.http_host import HttpHost
from connectors.values import assume_utc

_LONGEST_CODE = 100


def _moment(written: Any) -> datetime | None:
    if written and not isinstance(written, str):
        raise ValueError("no date")
    try:
        return assume_utc(datetime.fromisoformat(written)).astimezone(UTC) if written else None
    except OverflowError as error:
        raise ValueError("out of any calendar") from error


def _address(written: str) -> str:
    with suppress(ValueError):
        if urlsplit(written).scheme in ("http", "https"):
            return written
    return ""


Moment = Annotated[datetime | None, BeforeValidator(_moment)]
"""A moment, in UTC where it does not say so."""
Address = Annotated[str, AfterValidator(_address)]
"""A web address, or nothing where it is none."""


class Answered(BaseModel):
    """What is taken from an answer; its other fields are left."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """A status, its headers, and what was said: None where it was no JSON."""

    status: int
    said: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The name of an error of WordPress, as far as it is one, or nothing."""
        code = self.said.get("code") if isinstance(self.said, dict) else ""
        return code[:_LONGEST_CODE] if isinstance(code, str) else ""

    @property
    def message(self) -> str:
        """What an error of Wagtail says, or nothing."""
        message = self.said.get("message") if isinstance(self.said, dict) else ""
        return message if isinstance(message, str) else ""


def ask_json(host: HttpHost, url: str, params: Mapping[str, object]) -> JsonAnswer:
    """One answer. Raises `SourceUnreachable`, `SourceRefused`."""
    # A cache between would show what has been deleted.
    headers = {"Accept": "application/json", "Cache-Control": "no-cache"}
    answer = host.request("GET", url, params, headers=headers)
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        said = None
    return JsonAnswer(answer.status_code, said, answer.headers)
