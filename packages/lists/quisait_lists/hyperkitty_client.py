"""A client of HyperKitty: its REST interface, and its export as mbox.

A session gives access to both for private lists. The REST interface alone would give no attached
files, and only one message per request.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import quote, urljoin

from connectors.http_host import HttpHost, HttpResponse, ResponseTooLarge
from connectors.ports import SourceRefused, SourceUnreachable
from connectors.values import date_of_iso
from quisait_lists.archives import MOST_BYTES, NoArchive, split_mbox

MOST_EXPORTED = 2 * MOST_BYTES
"""Maximum bytes of one thread's mails, decompressed; mails of a larger thread are exported one by
one.
"""
MOST_LISTED = 1_000_000
"""Maximum number of mails of a list, to bound the memory; no known archive has as many."""
_MOST_REQUESTS = 20_000
_PAGE = 500
_HASH = re.compile(r"\w{1,255}")
_INPUT = re.compile(r"<input\b[^<>]{0,1000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(name|value)\s*=\s*["']([^"']{0,500})["']""", re.IGNORECASE)
_CSRF_FIELD = "csrfmiddlewaretoken"
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class ArchiveRefused(Exception):
    """The account may not read the list's archive; the text is a French reason."""


class ExportFailed(Exception):
    """A mail or thread cannot be exported, while others can."""


class ExportTooLarge(ExportFailed):
    """The exported mail or thread is larger than the limit in memory."""


@dataclass(frozen=True, slots=True)
class ArchivedMail:
    """A mail in HyperKitty's list of mails; all ids are digests of `Message-ID`s.

    `thread` is its thread's first mail, which may be deleted; `parent` is the mail that it answers,
    or empty.
    """

    hash: str
    thread: str
    parent: str
    date: datetime | None


@dataclass(slots=True)
class HyperkittyClient:
    """Requests to one HyperKitty, in one session. `login` is the path of the login page."""

    host: HttpHost
    login: str
    user: str = ""
    password: Callable[[], str] = field(default=str, repr=False)
    _logins: int = field(default=0, init=False)

    def is_there(self) -> bool:
        """Return whether HyperKitty answers at all, after it failed for one list."""
        try:
            answer = self.host.request("GET", f"{self.host.root}api/lists/", {"limit": 1})
        except (SourceRefused, SourceUnreachable):
            return False
        return answer.status_code == HTTPStatus.OK

    def policy(self, name: str) -> str:
        """Return HyperKitty's copy of a list's policy. Raises `ArchiveRefused`, `SourceError`."""
        return str(self._json(name, "").get("archive_policy", ""))

    def newest(self, name: str) -> str:
        """Return a text that changes when mails come or go.

        Raises `ArchiveRefused`, `SourceError`.
        """
        seen = []
        for what in ("emails", "threads"):
            said = self._json(name, f"{what}/", {"limit": 1})
            first = self._entries(said) or [{}]
            names = ("message_id_hash", "thread_id", "date_active", "replies_count", "votes_total")
            seen.append(f"{said.get('count')} {[first[0].get(one) for one in names]}")
        return " ".join(seen)

    def mails(self, name: str) -> list[ArchivedMail]:
        """Return every mail of a list. Raises `ArchiveRefused`, `SourceError`.

        Pages are cut by offsets: if mails come or go meanwhile, or have the same date, some mails
        appear twice and others are missing. The mails are then requested again, in the end as one
        page.
        """
        for page in (_PAGE, _PAGE, 0):
            found, whole = self._results(name, "emails/", page)
            mails = {one.hash: one for one in map(_mail, found)}
            if whole and len(mails) == len(found):
                return list(mails.values())
        raise self._unexpected("la liste des messages change pendant la lecture")

    def voted_threads(self, name: str) -> frozenset[str]:
        """Return threads whose sum of votes is not 0. Raises `ArchiveRefused`, `SourceError`."""
        found, _ = self._results(name, "threads/", _PAGE)
        return frozenset(
            str(one.get("thread_id")) for one in found if one.get("votes_total") not in (0, None)
        )

    def likes(self, name: str, mail: str) -> int:
        """Return how many people liked a mail; 0 if it was deleted."""
        try:
            votes = self._json(name, f"email/{mail}/").get("votes")
        except ArchiveRefused:
            return 0
        count = votes.get("likes") if isinstance(votes, dict) else 0
        return min(max(count, 0), 1_000_000) if isinstance(count, int) else 0

    def exported(self, name: str, **which: str) -> list[bytes]:
        """Return the mails of a `thread`, or of one `message`, as in an mbox file.

        Raises `ExportFailed`, `ArchiveRefused`, `SourceRefused`, `SourceUnreachable`.
        """
        path = f"list/{quote(name, safe='@')}/export/quisait.mbox.gz"
        try:
            answer = self._answer(path, which)
        except ResponseTooLarge as error:
            raise ExportTooLarge("trop grand") from error
        if answer.status_code == HTTPStatus.BAD_REQUEST:
            raise SourceRefused(
                f"{self.host.called} {self.host.host} n'exporte pas ses archives : retirez "
                "HYPERKITTY_MBOX_EXPORT de ses réglages, ou mettez-le à True."
            )
        if answer.status_code != HTTPStatus.OK:
            raise ExportFailed(f"réponse {answer.status_code}")
        try:
            mails = list(split_mbox(_Unzipped(answer.content)))
        except (OSError, EOFError, zlib.error, NoArchive) as error:
            raise ExportFailed("l'export ne se lit pas") from error
        if not all(mail.is_whole for mail in mails):
            raise ExportTooLarge("trop grand")
        return [mail.held for mail in mails]

    def _results(self, name: str, path: str, page: int) -> tuple[list[Mapping[str, Any]], bool]:
        """Return (entries, whether these are all entries)."""
        found: list[Mapping[str, Any]] = []
        total = None
        for _ in range(_MOST_REQUESTS):
            asked = {"limit": page or (total or 10_000_000), "offset": len(found)}
            said = self._json(name, path, asked)
            results, count = self._entries(said), said.get("count")
            if not isinstance(count, int):
                raise self._unexpected("réponse inattendue")
            if count > MOST_LISTED:
                raise ArchiveRefused(f"plus de {MOST_LISTED} messages : l'archive n'est pas lue")
            if total not in (None, count) or not results:
                return found, count == len(found) == (total or 0)
            total = count
            found += results
            if len(found) >= total:
                return found, len(found) == total
        raise self._unexpected("la liste des messages ne finit pas")

    def _entries(self, said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return the entries of a listing. Raises `SourceUnreachable` if it is malformed."""
        results = said.get("results")
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            raise self._unexpected("réponse inattendue")
        return results

    def _json(
        self, name: str, path: str, parameters: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        answer = self._answer(f"api/list/{quote(name, safe='@')}/{path}", parameters)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise ArchiveRefused("HyperKitty n'a pas d'archive de cette liste")
        said = answer.json
        if answer.status_code != HTTPStatus.OK or not isinstance(said, dict):
            raise self._unexpected(f"réponse {answer.status_code}")
        return said

    def _answer(self, path: str, parameters: Mapping[str, object] | None = None) -> HttpResponse:
        """Return the answer to a request; logs in again if the session ended."""
        if self.user and not self._logins:
            self._log_in()
        answer = self.host.request("GET", f"{self.host.root}{path}", parameters)
        if answer.status_code in _REFUSED and self.user and self._logins < 2:
            self._log_in()
            answer = self.host.request("GET", f"{self.host.root}{path}", parameters)
        if answer.status_code in _REFUSED:
            raise ArchiveRefused(
                f"archive privée, et le compte « {self.user} » n'y est pas abonné : abonnez-le"
                if self.user
                else "archive privée : réglez « user », un compte abonné à la liste"
            )
        return answer

    def _log_in(self) -> None:
        """Log in with the page's own form. Raises `SourceRefused`, `SourceUnreachable`."""
        self._logins += 1
        url = urljoin(self.host.root, self.login)
        page = self.host.request("GET", url)
        fields = dict(_fields_of(page.text))
        name = next((one for one in ("login", "username") if one in fields), "")
        if page.status_code != HTTPStatus.OK or not name or _CSRF_FIELD not in fields:
            if self._logins > 1:
                return  # still logged in: the account may not read this archive
            raise SourceRefused(
                f"{self.host.host} n'a pas de formulaire de connexion à {self.login} : réglez "
                "« login » (avec Debian, « /mailman3/accounts/login/ »)."
            )
        given = {_CSRF_FIELD: fields[_CSRF_FIELD], name: self.user, "password": self.password()}
        answer = self.host.request("POST", url, data=given, headers={"Referer": url})
        if answer.status_code not in range(300, 400) or "confirm" in answer.headers.get(
            "Location", ""
        ):
            raise SourceRefused(
                f"{self.host.host} refuse le compte « {self.user} » : vérifiez son mot de passe, "
                "et que son adresse est confirmée."
            )

    def _unexpected(self, reason: str) -> SourceUnreachable:
        return SourceUnreachable(
            f"{self.host.called} {self.host.host} : {reason}. Il sera relu plus tard."
        )


def _mail(entry: Mapping[str, Any]) -> ArchivedMail:
    own = entry.get("message_id_hash")
    thread, parent = _last(entry.get("thread")), _last(entry.get("parent"))
    if not isinstance(own, str) or not _HASH.fullmatch(own) or not thread:
        raise SourceUnreachable(
            "HyperKitty nomme un message sans empreinte ou sans fil. Il sera relu plus tard."
        )
    return ArchivedMail(own, thread, parent, date_of_iso(entry.get("date")))


def _last(url: Any) -> str:
    """Return the last part of a URL, which is a digest; empty if it is not."""
    last = url.rstrip("/").rpartition("/")[2] if isinstance(url, str) else ""
    return last if _HASH.fullmatch(last) else ""


def _fields_of(page: str) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of the inputs in a page's forms."""
    for found in _INPUT.findall(page[:1_000_000]):
        said = {name.lower(): value for name, value in _ATTRIBUTE.findall(found)}
        if "name" in said:
            yield said["name"], said.get("value", "")


class _Unzipped:
    """Decompresses while reading; raises `ExportTooLarge` beyond `MOST_EXPORTED` bytes."""

    def __init__(self, content: bytes) -> None:
        self._opened = gzip.GzipFile(fileobj=BytesIO(content))
        self._left = MOST_EXPORTED

    def readline(self, size: int, /) -> bytes:
        line = self._opened.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise ExportTooLarge("trop grand")
        return line
