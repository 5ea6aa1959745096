"""Read a list's archive policy and subscribers from Mailman's REST interface.

HyperKitty's copy of the policy may be older than Mailman's, or may never have been fetched. Only
GET requests are sent, because the interface's account may do everything.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from connectors.http_host import HttpHost
from connectors.ports import SourceError, SourceUnreachable
from connectors.values import MAX_PRINCIPALS

POLICIES = ("never", "private", "public")
"""Archive policies, from the narrowest to the widest."""
ROSTERS = ("member", "owner", "moderator")
"""Lists of addresses that may read a private archive in HyperKitty."""
_PAGE = 500


class ListUnknown(Exception):
    """Mailman's data about the list could not be read; the text is a French reason."""


@dataclass(slots=True)
class MailmanCore:
    """The REST interface of Mailman, for one reading."""

    host: HttpHost
    _away: str = field(default="", init=False)

    def policy(self, name: str) -> str:
        """Return one of `POLICIES`. Raises `ListUnknown`."""
        said = self._asked(f"lists/{quote(name, safe='@')}/config/archive_policy")
        if said.get("archive_policy") not in POLICIES:
            raise ListUnknown("Mailman ne dit pas sa politique d'archivage")
        return str(said["archive_policy"])

    def subscribers(self, name: str) -> frozenset[str]:
        """Return the addresses on all rosters in lower case; stops soon after `MAX_PRINCIPALS`.

        Raises `ListUnknown`.
        """
        found: set[str] = set()
        for roster in ROSTERS:
            read, page, total = 0, 1, 1
            while read < total and len(found) <= MAX_PRINCIPALS:
                path = f"lists/{quote(name, safe='@')}/roster/{roster}"
                said = self._asked(path, {"count": _PAGE, "page": page})
                entries, size = said.get("entries", []), said.get("total_size")
                if not isinstance(size, int) or not isinstance(entries, list):
                    raise ListUnknown("Mailman ne dit pas ses abonnés")
                total = size
                if read < total and not entries:
                    raise ListUnknown("Mailman ne dit pas tous ses abonnés")
                found.update(map(_address, entries))
                read, page = read + len(entries), page + 1
                if len(found) <= MAX_PRINCIPALS < read // 2:
                    raise ListUnknown("Mailman nomme sans fin les mêmes abonnés")
        return frozenset(found)

    def _asked(self, path: str, parameters: dict[str, object] | None = None) -> dict[str, Any]:
        if self._away:
            raise ListUnknown(self._away)
        try:
            answer = self.host.request("GET", f"{self.host.root}{path}", parameters)
        except SourceUnreachable as error:
            reason = f"l'interface REST de Mailman ne répond pas ({error})"
            if not self._is_there():
                self._away = reason
            raise ListUnknown(reason) from error
        except SourceError as error:
            raise ListUnknown(str(error)) from error
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise ListUnknown("Mailman refuse « core_user » ou son mot de passe")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise ListUnknown("Mailman ne connaît pas cette liste")
        said = answer.json
        if answer.status_code != HTTPStatus.OK or not isinstance(said, dict):
            raise ListUnknown(f"Mailman ne répond pas comme attendu ({answer.status_code})")
        return said

    def _is_there(self) -> bool:
        """Return whether Mailman answers at all, after it failed for one list."""
        try:
            answer = self.host.request("GET", f"{self.host.root}system/versions")
        except SourceError:
            return False
        return answer.status_code == HTTPStatus.OK


def _address(entry: Any) -> str:
    address = entry.get("email") if isinstance(entry, dict) else None
    if not isinstance(address, str) or "@" not in address or len(address) > 320:
        raise ListUnknown("Mailman nomme un abonné sans adresse")
    return address.strip().lower()
