"""Request a site's JSON interface, and recognize answers that are not JSON."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

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
"""A moment; UTC if it has no time zone."""
Address = Annotated[str, AfterValidator(_address)]
"""A web URL, or an empty text if it is invalid."""


class Answered(BaseModel):
    """The fields of an answer that are used; others are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def invalid_field(error: ValidationError) -> str:
    """Return the path of the first invalid field of an answer."""
    return ".".join(map(str, error.errors(include_input=False)[0]["loc"]))


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """An answer's status, headers and parsed JSON, which is None if it is not JSON."""

    status: int
    said: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The code of a WordPress error, or an empty text."""
        code = self.said.get("code") if isinstance(self.said, dict) else ""
        return code[:_LONGEST_CODE] if isinstance(code, str) else ""

    @property
    def message(self) -> str:
        """The message of a Wagtail error, or an empty text."""
        message = self.said.get("message") if isinstance(self.said, dict) else ""
        return message if isinstance(message, str) else ""


def ask_json(host: HttpHost, url: str, params: Mapping[str, object]) -> JsonAnswer:
    """Send one request. Raises `SourceUnreachable`, `SourceRefused`."""
    # A cache would still show deleted entries.
    headers = {"Accept": "application/json", "Cache-Control": "no-cache"}
    answer = host.request("GET", url, params, headers=headers)
    return JsonAnswer(answer.status_code, answer.json, answer.headers)
