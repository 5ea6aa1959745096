"""A client of a wiki's api.php, based on mwclient: login, continuation, errors and queries."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import mwclient
import requests
from pydantic import TypeAdapter, ValidationError

from connectors.batches import batches
from connectors.http_host import HttpHost
from connectors.ports import RecordVanished, SourceRefused, SourceUnreachable
from quisait_mediawiki.config import WikiConfig
from quisait_mediawiki.pages import (
    FILES,
    FileVersion,
    Rendering,
    SiteInfo,
    UserGroups,
    WikiPage,
)

log = logging.getLogger(__name__)

MIN_VERSION = (1, 31)
"""The oldest supported MediaWiki."""
MAX_BACKOFF_S = 64.0
_PAGES_AT_ONCE = 50
"""Number of pages in one query; a wiki allows more only to some accounts."""
MAXLAG_S = 5
"""Maximum lag of the wiki's replicas, in seconds; requests wait while it is larger."""
LOGIN_NEEDED_CODES = {"assertuserfailed", "assertnameduserfailed", "readapidenied"}
DELETED_CODES = {"nosuchpageid", "missingtitle", "nosuchrevid"}
SYSTEM_ACCOUNTS = frozenset(
    {
        "Delete page script",
        "Maintenance script",
        "MediaWiki default",
        "MediaWiki message delivery",
        "Move page script",
        "Redirect fixer",
    }
)

Value = TypeVar("Value")


class PageError(Exception):
    """The wiki cannot return one page; `code` is the API's error code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class WikiClient:
    """A session with a wiki's api.php, which connects at its first request.

    The session is anonymous if the configuration names no `user`.
    """

    config: WikiConfig
    transport: HttpHost = field(init=False)
    _site: Any = None

    def __post_init__(self) -> None:
        config = self.config
        self.transport = HttpHost(config.root, config.limits, config.ca_file, "Le wiki")

    def ask(self, action: str, **parameters: object) -> dict[str, Any]:
        """Send one request. Raises `SourceUnreachable`, `SourceRefused`, `PageError`."""
        waited, wait_s, logged_in_again = 0.0, 2.0, False
        while True:
            answer = self._send(action, parameters)
            code = _error_code(answer)
            if not code:
                return answer
            if code == "ratelimited" and waited < self.transport.limits.max_wait_s:
                self.transport.wait(wait_s)
                waited, wait_s = waited + wait_s, min(2 * wait_s, MAX_BACKOFF_S)
            elif code in LOGIN_NEEDED_CODES and self.config.user and not logged_in_again:
                logged_in_again = True
                self.login()
            else:
                raise self._refusal(code)

    def query(self, **parameters: object) -> Iterator[dict[str, Any]]:
        """Yield every part of a query's answer, following `continue`. Raises as `ask` does."""
        position: dict[str, Any] = {}
        while True:
            try:
                answer = self.ask("query", **parameters, **position)
            except PageError as error:
                raise self._unexpected(error.code) from error
            yield answer
            following = answer.get("continue")
            if following is None:
                return
            if not isinstance(following, dict) or following == position:
                raise self._unexpected("continue")
            position = following

    def rows(self, of: type[Value], name: str, **parameters: object) -> Iterator[Value]:
        """Yield the rows of a query's list `name`, over all continuations."""
        for answer in self.query(**parameters):
            yield from self.parse_list(of, answer, name)

    def parse_list(self, of: type[Value], answer: dict[str, Any], name: str) -> list[Value]:
        """Return the list `name` of a query's answer.

        Raises `SourceUnreachable` if it is invalid.
        """
        result = answer.get("query", {})
        raw = result.get(name, []) if isinstance(result, dict) else None
        return self.parse(list[of], raw, name)  # type: ignore[valid-type]

    def _send(self, action: str, parameters: dict[str, object]) -> dict[str, Any]:
        if self._site is None:
            self.login()
        sent = {name: value for name, value in parameters.items() if value is not None}
        sent |= {"formatversion": 2, "maxlag": MAXLAG_S}
        sent |= {"assert": "user"} if self.config.user else {}
        answer = self._source_errors(lambda: self._site.raw_api(action, "GET", False, **sent))
        if not isinstance(answer, dict):
            raise self._unexpected("pas un objet")
        return answer

    def login(self) -> None:
        """Start a new session, with the account if there is one."""
        address = urlsplit(self.transport.root)
        self._site = mwclient.Site(
            address.netloc,
            path=address.path,
            scheme=address.scheme,
            pool=self.transport,
            do_init=False,
            max_retries=0,  # the transport retries
        )
        # mwclient's login depends on the version, which a private wiki tells only after login.
        self._site.version = MIN_VERSION
        if self.config.user:
            self._source_errors(self._log_in)
        log.info(
            "wiki opened", extra={"host": self.transport.host, "logged_in": bool(self.config.user)}
        )

    def _log_in(self) -> None:
        """Log in with a bot password (`account@name`) or the account's own.

        Raises as mwclient does.
        """
        if "@" in self.config.user:
            self._site.login(self.config.user, self.config.password)
        elif (
            self._site.clientlogin(username=self.config.user, password=self.config.password)
            is not True
        ):
            raise SourceRefused(
                f"Le wiki {self.transport.host} demande plus qu'un mot de passe : donnez-lui un "
                "mot de passe de robot (Spécial:Mots de passe de robots)."
            )

    def _source_errors(self, call: Callable[[], Any]) -> Any:
        """Call mwclient and convert its exceptions to `SourceError`."""
        try:
            return call()
        except mwclient.errors.LoginError as error:
            raise SourceRefused(
                f"Le wiki {self.transport.host} refuse le compte : vérifiez « user » et le mot de "
                "passe."
            ) from error
        except mwclient.errors.APIDisabledError as error:
            raise SourceRefused(f"L'API du wiki {self.transport.host} est fermée.") from error
        except requests.HTTPError as error:
            raise SourceRefused(
                f"{self.transport.root}api.php répond {error} : vérifiez « url »."
            ) from error
        except mwclient.errors.APIError as error:
            refusal = self._refusal(str(error.code))
            if isinstance(refusal, PageError):
                refusal = self._unexpected(refusal.code)
            raise refusal from error
        except (mwclient.errors.MwClientError, ValueError, LookupError, TypeError) as error:
            raise self._unexpected(type(error).__name__) from error

    def parse(self, of: type[Value], raw: object, name: str) -> Value:
        """Return a part of the wiki's answer as a value.

        Raises `SourceUnreachable` if it is invalid.
        """
        try:
            return TypeAdapter(of).validate_python(raw)
        except ValidationError as error:
            raise self._unexpected(name) from error

    def _unexpected(self, what: str) -> SourceUnreachable:
        return SourceUnreachable(
            f"Le wiki {self.transport.host} a répondu quelque chose qui ne se comprend pas "
            f"({what}) : il sera relu plus tard. Si cela dure, vérifiez « url » et les journaux "
            "du wiki."
        )

    def _refusal(self, code: str) -> Exception:
        if code in LOGIN_NEEDED_CODES:
            return SourceRefused(
                f"Le wiki {self.transport.host} est privé : réglez « user » et son mot de passe, "
                "et donnez à ce compte le droit de lire."
            )
        if code == "ratelimited":
            return SourceUnreachable(
                f"Le wiki {self.transport.host} limite le rythme des lectures : réduisez "
                "« rate_per_s »."
            )
        if code in ("maxlag", "readonly") or code.startswith("internal_api_error_DB"):
            return SourceUnreachable(f"Le wiki {self.transport.host} est occupé ({code}).")
        return PageError(code)

    def site(self) -> SiteInfo:
        """Return the wiki's namespaces and statistics."""
        answer = next(self.query(meta="siteinfo", siprop="namespaces|namespacealiases|statistics"))
        return self.parse(SiteInfo, answer.get("query"), "siteinfo")

    def page(self, page_id: int) -> WikiPage | None:
        """Return a page with its whole history, its redirects and its file's versions, or None."""
        whole: WikiPage | None = None
        for answer in self.query(
            pageids=page_id,
            prop="info|revisions|redirects|imageinfo",
            inprop="url",
            rvprop="ids|timestamp|user|flags|size|sha1",
            rvlimit="max",
            rdprop="title",
            rdshow="!fragment",
            rdlimit="max",
            iiprop="timestamp|user|url|size|sha1|mime|mediatype",
            iilimit="max",
        ):
            for part in self.parse_list(WikiPage, answer, "pages"):
                whole = part if whole is None else _merge_parts(whole, part)
        return None if whole is None or whole.missing else whole

    def namespaces(self, page_ids: Iterable[int]) -> dict[int, int]:
        """Return the namespaces of pages, by page id, without deleted pages and redirects."""
        found: dict[int, int] = {}
        for some in batches(page_ids, _PAGES_AT_ONCE):
            pages = self.rows(WikiPage, "pages", pageids="|".join(map(str, some)), prop="info")
            found |= {one.pageid: one.ns for one in pages if not (one.missing or one.redirect)}
        return found

    def listed(self, namespace: int) -> Iterator[tuple[list[WikiPage], datetime]]:
        """Yield batches of a namespace's pages, without redirects, each with the query's time.

        The pages have their basic properties, the titles of their redirects, and their file's
        address.
        """
        pages: dict[int, WikiPage] = {}
        for answer in self.query(
            generator="allpages",
            gapnamespace=namespace,
            gapfilterredir="nonredirects",
            gaplimit="max",
            prop="info|redirects|imageinfo" if namespace == FILES else "info|redirects",
            rdprop="title",
            rdshow="!fragment",
            rdlimit="max",
            iiprop="timestamp|url",
            curtimestamp=1,
        ):
            if not pages:
                now = self.parse(datetime, answer.get("curtimestamp"), "curtimestamp")
            for part in self.parse_list(WikiPage, answer, "pages"):
                whole = pages.get(part.pageid)
                pages[part.pageid] = part if whole is None else _merge_parts(whole, part)
            if answer.get("batchcomplete"):
                yield list(pages.values()), now
                pages = {}

    def bots(self) -> frozenset[str]:
        """Return the accounts in the wiki's group of bots, and accounts of the software."""
        users = self.rows(UserGroups, "allusers", list="allusers", augroup="bot", aulimit="max")
        return SYSTEM_ACCOUNTS | {user.name for user in users}

    def rendering(self, page_id: int) -> Rendering:
        """Return a page as the wiki renders it. Raises `RecordVanished`, or as `ask` does."""
        try:
            answer = self.ask(
                "parse",
                pageid=page_id,
                prop="text|categories|revid",
                disableeditsection=1,
                disabletoc=1,
                disablelimitreport=1,
            )
        except PageError as error:
            if error.code in DELETED_CODES:
                raise RecordVanished("la page a été supprimée pendant la lecture") from error
            raise
        return self.parse(Rendering, answer.get("parse"), "parse")

    def download(self, file: FileVersion) -> bytes:
        """Return a file's bytes, from the wiki's own host.

        Raises `RecordVanished`, or as `ask` does.
        """
        transport = self.transport
        if file.size > transport.limits.max_bytes:
            raise RecordVanished(f"le fichier dépasse {transport.limits.max_bytes} octets")
        response = transport.request("GET", file.url)
        if response.status_code == HTTPStatus.FORBIDDEN and self.config.user:
            self.login()
            response = transport.request("GET", file.url)
        if response.status_code != HTTPStatus.OK:
            raise RecordVanished(f"le wiki ne rend pas le fichier (réponse {response.status_code})")
        digest = hashlib.sha1(response.content, usedforsecurity=False).hexdigest()
        if file.sha1 and digest != file.sha1.lower():
            raise RecordVanished("le fichier reçu n'est pas celui que le wiki annonce")
        return response.content


def _error_code(answer: dict[str, Any]) -> str:
    """Return the code of an answer's error, or an empty text if it has none."""
    error = answer.get("error")
    if error is None:
        return ""
    return str(error.get("code", "?")) if isinstance(error, dict) else "?"


def _merge_parts(whole: WikiPage, part: WikiPage) -> WikiPage:
    """Return the page with the lists of both parts, which came in several answers."""
    return whole.model_copy(
        update={
            "revisions": whole.revisions + part.revisions,
            "redirects": whole.redirects + part.redirects,
            "imageinfo": whole.imageinfo + part.imageinfo,
        }
    )
