"""Ask a site's JSON interface; an answer that is no JSON is told from one that is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.http_host import HttpHost


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """A status, its headers, and what was said: None where it was no JSON."""

    status: int
    said: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The name of an error of WordPress, or nothing."""
        code = self.said.get("code") if isinstance(self.said, dict) else ""
        return code if isinstance(code, str) else ""

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
