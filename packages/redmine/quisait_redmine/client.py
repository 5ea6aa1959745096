"""A client of Redmine's REST interface."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.ports import RecordVanished, SourceRefused, SourceUnreachable
from connectors.values import date_of_header, date_of_iso

Row = dict[str, Any]
"""A JSON object in an answer."""

PAGE_ROWS = 100
"""The maximum number of rows in one answer of Redmine."""
MOST_ROWS = 5_000_000
_TRIES = 3
_ABSENT = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


@dataclass(slots=True)
class RedmineApi:
    """Requests to one Redmine, with one account's API key, or anonymous without a key."""

    host: HttpHost
    key: str = field(default="", repr=False)
    failures: FailuresInARow = field(default_factory=FailuresInARow, init=False)
    now: datetime | None = field(default=None, init=False)
    """The server's clock at its last answer."""

    def get(self, path: str, parameters: Row | None = None) -> Row | None:
        """Return an answer, or None if the object does not exist or is hidden from the account.

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
        self.now = date_of_header(answer.headers.get("Date", "")) or self.now
        said = answer.json
        if answer.status_code != HTTPStatus.OK or not isinstance(said, dict):
            raise SourceUnreachable(
                f"{self.host.host} ne répond pas comme un Redmine (réponse {answer.status_code}) : "
                "vérifiez « url » ; il sera relu plus tard."
            )
        return said

    def rows(self, path: str, name: str, parameters: Row | None = None) -> list[Row] | None:
        """Return every row of a list, or None as `get` does. Raises as `get` does.

        A list that changes while it is read is read again: a row that moved to a page already read
        would count as deleted.
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
        """Yield every issue that the account sees, by number. Raises as `get` does.

        Each request starts after the last number instead of an offset, which deletions would shift.
        """
        last = 0
        while True:
            asked = {"sort": "id", "limit": PAGE_ROWS, "issue_id": f">={last + 1}"}
            answer = self.get("issues", parameters | asked)
            if answer is None:  # otherwise all issues would count as deleted
                raise SourceUnreachable(f"{self.host.host} ne liste plus ses demandes.")
            listing = listed(answer, "issues")
            rows = [row for row in listing if isinstance(row.get("id"), int)]
            after = [row for row in rows if row["id"] > last]
            yield from after
            total = answer.get("total_count")
            # A server or proxy may return fewer rows than were requested.
            if not listing or (isinstance(total, int) and total <= len(listing)):
                return
            if not after:
                raise SourceUnreachable(f"{self.host.host} : la liste des demandes n'avance pas.")
            last = max(row["id"] for row in after)

    def file(self, number: int, name: str, size: int) -> bytes:
        """Return an attachment's bytes. Raises `RecordVanished`, `SourceUnreachable`."""
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
    """Return the objects of a list in an answer."""
    rows = answer.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def named(row: Row, name: str) -> Row:
    """Return an object in an answer, or an empty one if there is none."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def text_of(row: Row, name: str) -> str:
    """Return a text in an answer, or an empty text if there is none."""
    value = row.get(name)
    return value.replace("\0", "") if isinstance(value, str) else ""


def moment_of(row: Row, name: str) -> datetime | None:
    """Return a moment in an answer, or None."""
    return date_of_iso(row.get(name))
