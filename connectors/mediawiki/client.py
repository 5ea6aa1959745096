"""A client of a wiki's api.php through mwclient: login, continuation, errors and queries."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import mwclient
import requests
from pydantic import BaseModel, TypeAdapter, ValidationError

from connectors.mediawiki.models import FileVersion, Rendering, SiteInfo, WikiPage, WikiUser
from connectors.mediawiki.transport import WikiTransport
from connectors.ports import RecordVanished, SourceRefused, SourceUnreachable

log = logging.getLogger(__name__)

MIN_VERSION = (1, 31)
"""The oldest MediaWiki whose answers are understood."""
MAX_BACKOFF_S = 64.0
LOGIN_NEEDED_CODES = {"assertuserfailed", "assertnameduserfailed", "readapidenied"}

Model = TypeVar("Model", bound=BaseModel)


class PageError(Exception):
    """The wiki cannot show one page: `code` is the API's word for it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class WikiApi:
    """A wiki's api.php, as one account sees it; without a user, as anybody does."""

    transport: WikiTransport
    user: str = ""
    password: str = field(default="", repr=False)
    _site: Any = None

    def ask(self, action: str, *, post: bool = False, **said: object) -> dict[str, Any]:
        """One question to the API. Raises `SourceUnreachable`, `SourceRefused`, `PageFault`."""
        waited, wait_s, logged_in_again = 0.0, 2.0, False
        while True:
            answer = self._asked(action, post, said)
            code = _error_code(answer)
            if not code:
                return answer
            if code == "ratelimited" and waited < self.transport.limits.max_wait_s:
                self.transport.wait(wait_s)
                waited, wait_s = waited + wait_s, min(2 * wait_s, MAX_BACKOFF_S)
            elif code in LOGIN_NEEDED_CODES and self.user and not logged_in_again:
                logged_in_again = True
                self.login()
            else:
                raise self._refusal(code)

    def query(self, *, post: bool = False, **said: object) -> Iterator[dict[str, Any]]:
        """Every part of a query's answer, along its continuations. Raises as `ask`."""
        going_on: dict[str, Any] = {}
        while True:
            try:
                answer = self.ask("query", post=post, **said, **going_on)
            except PageError as fault:
                raise self._garbage(fault.code) from fault
            yield answer
            following = answer.get("continue")
            if following is None:
                return
            if not isinstance(following, dict) or following == going_on:
                raise self._garbage("continue")
            going_on = following

    def rows(
        self, of: type[Model], name: str, *, post: bool = False, **said: object
    ) -> Iterator[Model]:
        """The rows of a list, page by page, under the name that the answer gives it."""
        for answer in self.query(post=post, **said):
            yield from self.understood(of, answer, name)

    def understood(self, of: type[Model], answer: dict[str, Any], name: str) -> list[Model]:
        """What an answer holds under a name. Raises `SourceUnreachable` where it is no such."""
        inside = answer.get("query", {})
        raw = inside.get(name, []) if isinstance(inside, dict) else None
        try:
            return TypeAdapter(list[of]).validate_python(raw)  # type: ignore[valid-type]
        except ValidationError as error:
            raise self._garbage(name) from error

    def _asked(self, action: str, post: bool, said: dict[str, object]) -> dict[str, Any]:
        if self._site is None:
            self.login()
        given = {name: value for name, value in said.items() if value is not None}
        given |= {"formatversion": 2, "maxlag": self.transport.limits.maxlag_s}
        given |= {"assert": "user"} if self.user else {}
        answer = self._guarded(
            lambda: self._site.raw_api(action, "POST" if post else "GET", False, **given)
        )
        if not isinstance(answer, dict):
            raise self._garbage("pas un objet")
        return answer

    def login(self) -> None:
        """Begin a session anew, under the account if there is one."""
        address = urlsplit(self.transport.root)
        self._site = mwclient.Site(
            address.netloc,
            path=address.path,
            scheme=address.scheme,
            pool=self.transport,
            do_init=False,
            max_retries=0,  # the transport's own patience is enough
        )
        # A private wiki does not tell its version before the login, which depends on it.
        self._site.version = MIN_VERSION
        if self.user:
            self._guarded(self._logged_in)
        log.info("wiki opened", extra={"host": self.transport.host, "logged_in": bool(self.user)})

    def _logged_in(self) -> None:
        """By a bot password (`account@name`) or the account's own; raises as mwclient."""
        if "@" in self.user:
            self._site.login(self.user, self.password)
        elif self._site.clientlogin(username=self.user, password=self.password) is not True:
            raise SourceRefused(
                f"Le wiki {self.transport.host} demande plus qu'un mot de passe : donnez-lui un "
                "mot de passe de robot (Spécial:Mots de passe de robots)."
            )

    def _guarded(self, call: Callable[[], Any]) -> Any:
        """What mwclient answers, its faults told as a source's."""
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
            known = not isinstance(refusal, PageError)
            raise (refusal if known else self._garbage(str(error.code))) from error
        except (mwclient.errors.MwClientError, ValueError, LookupError, TypeError) as error:
            raise self._garbage(type(error).__name__) from error

    def one(self, of: type[Model], raw: object, name: str) -> Model:
        """One thing of an answer. Raises `SourceUnreachable` where it is no such."""
        try:
            return of.model_validate(raw)
        except ValidationError as error:
            raise self._garbage(name) from error

    def _garbage(self, what: str) -> SourceUnreachable:
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


def _error_code(answer: dict[str, Any]) -> str:
    """The code of an answer's error, empty where it has none."""
    error = answer.get("error")
    if error is None:
        return ""
    return str(error.get("code", "?")) if isinstance(error, dict) else "?"


PAGES_PER_QUERY = 50
"""How many pages one question may name, for an account without higher limits."""
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


@dataclass(frozen=True, slots=True)
class WikiClient:
    """A wiki, asked through its API."""

    api: WikiApi

    def site(self) -> SiteInfo:
        """What the wiki says of itself."""
        answer = next(
            self.api.query(meta="siteinfo", siprop="namespaces|namespacealiases|statistics")
        )
        return self.api.one(SiteInfo, answer.get("query"), "siteinfo")

    def page(self, page_id: int) -> WikiPage | None:
        """A page with its whole history, its redirects and its file's versions, or None."""
        whole: WikiPage | None = None
        for answer in self.api.query(
            pageids=page_id,
            prop="info|revisions|redirects|imageinfo",
            inprop="url",
            rvprop="ids|timestamp|user|flags",
            rvlimit="max",
            rdprop="title",
            rdshow="!fragment",
            rdlimit="max",
            iiprop="timestamp|user|url|size|sha1|mime|mediatype",
            iilimit="max",
        ):
            for part in self.api.understood(WikiPage, answer, "pages"):
                whole = part if whole is None else _merge_parts(whole, part)
        return None if whole is None or whole.missing else whole

    def pages(self, ids: Iterable[int], *, follow: bool = False) -> Iterator[WikiPage]:
        """What is said of the pages of these ids, missing ones included.

        `follow`: in place of redirects, the pages that they lead to.
        """
        for some in _batches(sorted(ids)):
            named = "|".join(map(str, some))
            yield from self.api.rows(
                WikiPage, "pages", prop="info", pageids=named, redirects=1 if follow else None
            )

    def titled(self, titles: Iterable[str]) -> Iterator[WikiPage]:
        """What is said of the pages of these titles, missing ones included."""
        for some in _batches(sorted(titles)):
            # By POST: fifty accented titles are longer than an address may be.
            yield from self.api.rows(
                WikiPage, "pages", prop="info", titles="|".join(some), post=True
            )

    def listed(self, namespace: int, title: str, size: int) -> Iterator[tuple[list[WikiPage], str]]:
        """The pages of a namespace from a title on, redirects aside, by at most `size`.

        With each batch the title that follows it, empty after the last.
        """
        held: dict[int, WikiPage] = {}
        for answer in self.api.query(
            generator="allpages",
            gapnamespace=namespace,
            gapfrom=title or None,
            gapfilterredir="nonredirects",
            gaplimit=size,
            prop="info",
        ):
            held |= {page.pageid: page for page in self.api.understood(WikiPage, answer, "pages")}
            if answer.get("batchcomplete"):
                yield list(held.values()), str(answer.get("continue", {}).get("gapcontinue", ""))
                held = {}

    def ids(self, namespace: int) -> Iterator[int]:
        """The ids of all pages of a namespace, redirects aside."""
        for page in self.api.rows(
            WikiPage,
            "allpages",
            list="allpages",
            apnamespace=namespace,
            apfilterredir="nonredirects",
            aplimit="max",
        ):
            yield page.pageid

    def bots(self) -> frozenset[str]:
        """The accounts that the wiki calls bots, and those that it acts under itself."""
        users = self.api.rows(WikiUser, "allusers", list="allusers", augroup="bot", aulimit="max")
        return SYSTEM_ACCOUNTS | {user.name for user in users}

    def rendering(self, page_id: int) -> Rendering:
        """A page as the wiki renders it. Raises `RecordVanished`, `PageFault` or as `ask`."""
        try:
            answer = self.api.ask(
                "parse",
                pageid=page_id,
                prop="text|categories|revid",
                disableeditsection=1,
                disabletoc=1,
                disablelimitreport=1,
            )
        except PageError as fault:
            if fault.code in DELETED_CODES:
                raise RecordVanished("la page a été supprimée pendant la lecture") from fault
            raise
        return self.api.one(Rendering, answer.get("parse"), "parse")

    def download(self, file: FileVersion) -> bytes:
        """A file's bytes, from the wiki's own host. Raises `RecordVanished` or as `ask`."""
        if file.size > self.api.transport.limits.max_bytes:
            raise RecordVanished(f"le fichier dépasse {self.api.transport.limits.max_bytes} octets")
        answer = self.api.transport.request("GET", file.url)
        if answer.status_code == HTTPStatus.FORBIDDEN and self.api.user:
            self.api.login()
            answer = self.api.transport.request("GET", file.url)
        if answer.status_code != HTTPStatus.OK:
            raise RecordVanished(f"le wiki ne rend pas le fichier (réponse {answer.status_code})")
        if file.sha1 and hashlib.sha1(answer.content, usedforsecurity=False).hexdigest() != (
            file.sha1.lower()
        ):
            raise RecordVanished("le fichier reçu n'est pas celui que le wiki annonce")
        return answer.content


def _merge_parts(whole: WikiPage, part: WikiPage) -> WikiPage:
    """A page whose lists came in several parts."""
    return whole.model_copy(
        update={
            "revisions": whole.revisions + part.revisions,
            "redirects": whole.redirects + part.redirects,
            "imageinfo": whole.imageinfo + part.imageinfo,
        }
    )


def _batches(names: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (
        names[start : start + PAGES_PER_QUERY] for start in range(0, len(names), PAGES_PER_QUERY)
    )
