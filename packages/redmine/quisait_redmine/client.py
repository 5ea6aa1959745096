"""The requests that are sent to Redmine's REST interface."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.ports import RecordVanished, SourceRefused, SourceUnreachable

Row = dict[str, Any]
"""An object of an answer."""

PAGE_ROWS = 100
"""The most that Redmine gives at once."""
MOST_ROWS = 5_000_000
_TRIES = 3
_ABSENT = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


@dataclass(slots=True)
class RedmineApi:
    """One Redmine, asked with one account's key; without a key, as nobody."""

    host: HttpHost
    key: str = field(default="", repr=False)
    failures: FailuresInARow = field(default_factory=FailuresInARow, init=False)
    now: datetime | None = field(default=None, init=False)
    """The server's clock at its last answer."""

    def get(self, path: str, parameters: Row | None = None) -> Row | None:
        """An answer; None for what is not there or the account may not see.

        Raises `SourceUnreachable`, `SourceRefused`.
        """
        answer = self.host.request(
            "GET", f"{self.host.root}{path}.json", parameters, headers=self._headers()
        )
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise SourceRefused(
                f"{self.host.host} refuse la clé d'API : vérifiez-la, et que l'interface REST est "
                "ouverte (Administration > Configuration > API)."
            )
        if answer.status_code in _ABSENT:
            return None
        self.now = _date(answer.headers.get("Date", "")) or self.now
        try:
            said = json.loads(answer.content)
        except (ValueError, RecursionError):
            said = None
        if answer.status_code != HTTPStatus.OK or not isinstance(said, dict):
            raise SourceUnreachable(
                f"{self.host.host} ne répond pas comme un Redmine (réponse {answer.status_code}) : "
                "vérifiez « url » ; il sera relu plus tard."
            )
        return said

    def rows(self, path: str, name: str, parameters: Row | None = None) -> list[Row] | None:
        """Every row of a list; None as for `get`. Raises as `get` does.

        A list that changes while it is read is read again: a row that moved to a page already
        read would count as deleted.
        """
        for _ in range(_TRIES):
            found: dict[str, Row] = {}
            total, offset = 1, 0
            while offset < min(total, MOST_ROWS):
                asked = {**(parameters or {}), "limit": PAGE_ROWS, "offset": offset}
                answer = self.get(path, asked)
                if answer is None:
                    return None
                rows = listed(answer, name)
                found |= {str(row.get("id", row.get("title"))): row for row in rows}
                if not isinstance(answer.get("total_count"), int):
                    return rows
                total, offset = answer["total_count"], offset + max(len(rows), 1)
                if not rows:
                    break
            if len(found) == total or not total:
                return list(found.values())
        raise SourceUnreachable(
            f"{self.host.host} : une liste change sans cesse ; elle sera relue plus tard."
        )

    def issues(self, parameters: Row) -> Iterator[Row]:
        """Every issue that the account sees, by number. Raises as `get` does.

        Each request begins after the last number, and not at a count of rows that deletions move.
        """
        last = 0
        while True:
            asked = {"sort": "id", "limit": PAGE_ROWS, "issue_id": f">={last + 1}"}
            answer = self.get("issues", parameters | asked)
            if answer is None:  # what was not listed would count as deleted
                raise SourceUnreachable(f"{self.host.host} ne liste plus ses demandes.")
            listing = listed(answer, "issues")
            rows = [row for row in listing if isinstance(row.get("id"), int)]
            after = [row for row in rows if row["id"] > last]
            yield from after
            total = answer.get("total_count")
            # A server, or what stands before it, may give fewer at once than were asked for.
            if not listing or (isinstance(total, int) and total <= len(listing)):
                return
            if not after:
                raise SourceUnreachable(f"{self.host.host} : la liste des demandes n'avance pas.")
            last = max(row["id"] for row in after)

    def file(self, number: int, name: str, size: int) -> bytes:
        """An attachment. Raises `RecordVanished`, `SourceUnreachable`."""
        answer = self.failures.ask(
            lambda: self.host.request(
                "GET",
                f"{self.host.root}attachments/download/{number}",
                headers=self._headers(),
            ),
            RecordVanished,
        )
        if answer.status_code != HTTPStatus.OK:
            raise RecordVanished(f"Redmine ne rend pas le fichier ({answer.status_code})")
        if len(answer.content) != size:
            raise RecordVanished("le fichier n'a pas la taille que Redmine dit")
        return answer.content

    def _headers(self) -> dict[str, str]:
        return {"X-Redmine-API-Key": self.key} if self.key else {}


def listed(answer: Row, name: str) -> list[Row]:
    """The objects of a list in an answer."""
    rows = answer.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def named(row: Row, name: str) -> Row:
    """An object of an answer, empty where there is none."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def text_of(row: Row, name: str) -> str:
    """A text of an answer, empty where there is none."""
    value = row.get(name)
    return value.replace("\0", "") if isinstance(value, str) else ""


def moment_of(row: Row, name: str) -> datetime | None:
    """A moment of an answer."""
    try:
        moment = datetime.fromisoformat(text_of(row, name))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        return None
