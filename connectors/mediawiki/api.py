"""A wiki's api.php through mwclient: login, continuation, and faults told as a source's errors."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import mwclient
import requests
from pydantic import BaseModel, TypeAdapter, ValidationError

from connectors.errors import SourceRefused, SourceUnreachable
from connectors.mediawiki.channel import Channel

log = logging.getLogger(__name__)

OLDEST = (1, 31)
"""The oldest MediaWiki whose answers are understood."""
LONGEST_WAIT_S = 64.0
LOST = {"assertuserfailed", "assertnameduserfailed", "readapidenied"}

Model = TypeVar("Model", bound=BaseModel)


class PageFault(Exception):
    """The wiki cannot show one page: `code` is the API's word for it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Api:
    """A wiki's api.php, as one account sees it; without a user, as anybody does."""

    channel: Channel
    user: str = ""
    password: str = field(default="", repr=False)
    _site: Any = None

    def ask(self, action: str, *, post: bool = False, **said: object) -> dict[str, Any]:
        """One question to the API. Raises `SourceUnreachable`, `SourceRefused`, `PageFault`."""
        waited, wait_s, logged_in_again = 0.0, 2.0, False
        while True:
            answer = self._asked(action, post, said)
            code = _fault(answer)
            if not code:
                return answer
            if code == "ratelimited" and waited < self.channel.manners.patience_s:
                self.channel.wait(wait_s)
                waited, wait_s = waited + wait_s, min(2 * wait_s, LONGEST_WAIT_S)
            elif code in LOST and self.user and not logged_in_again:
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
            except PageFault as fault:
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
        given |= {"formatversion": 2, "maxlag": self.channel.manners.maxlag_s}
        given |= {"assert": "user"} if self.user else {}
        answer = self._guarded(
            lambda: self._site.raw_api(action, "POST" if post else "GET", False, **given)
        )
        if not isinstance(answer, dict):
            raise self._garbage("pas un objet")
        return answer

    def login(self) -> None:
        """Begin a session anew, under the account if there is one."""
        address = urlsplit(self.channel.root)
        self._site = mwclient.Site(
            address.netloc,
            path=address.path,
            scheme=address.scheme,
            pool=self.channel,
            do_init=False,
            max_retries=0,  # the channel's own patience is enough
        )
        # A private wiki does not tell its version before the login, which depends on it.
        self._site.version = OLDEST
        if self.user:
            self._guarded(self._logged_in)
        log.info("wiki opened", extra={"host": self.channel.host, "logged_in": bool(self.user)})

    def _logged_in(self) -> None:
        """By a bot password (`account@name`) or the account's own; raises as mwclient."""
        if "@" in self.user:
            self._site.login(self.user, self.password)
        elif self._site.clientlogin(username=self.user, password=self.password) is not True:
            raise SourceRefused(
                f"Le wiki {self.channel.host} demande plus qu'un mot de passe : donnez-lui un "
                "mot de passe de robot (Spécial:Mots de passe de robots)."
            )

    def _guarded(self, call: Callable[[], Any]) -> Any:
        """What mwclient answers, its faults told as a source's."""
        try:
            return call()
        except mwclient.errors.LoginError as error:
            raise SourceRefused(
                f"Le wiki {self.channel.host} refuse le compte : vérifiez « user » et le mot de "
                "passe."
            ) from error
        except mwclient.errors.APIDisabledError as error:
            raise SourceRefused(f"L'API du wiki {self.channel.host} est fermée.") from error
        except requests.HTTPError as error:
            raise SourceRefused(
                f"{self.channel.root}api.php répond {error} : vérifiez « url »."
            ) from error
        except mwclient.errors.APIError as error:
            refusal = self._refusal(str(error.code))
            known = not isinstance(refusal, PageFault)
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
            f"Le wiki {self.channel.host} a répondu quelque chose qui ne se comprend pas ({what}) "
            ": il sera relu plus tard. Si cela dure, vérifiez « url » et les journaux du wiki."
        )

    def _refusal(self, code: str) -> Exception:
        if code in LOST:
            return SourceRefused(
                f"Le wiki {self.channel.host} est privé : réglez « user » et son mot de passe, "
                "et donnez à ce compte le droit de lire."
            )
        if code == "ratelimited":
            return SourceUnreachable(
                f"Le wiki {self.channel.host} limite le rythme des lectures : réduisez "
                "« rate_per_s »."
            )
        if code in ("maxlag", "readonly") or code.startswith("internal_api_error_DB"):
            return SourceUnreachable(f"Le wiki {self.channel.host} est occupé ({code}).")
        return PageFault(code)


def _fault(answer: dict[str, Any]) -> str:
    """The code of an answer's error, empty where it has none."""
    error = answer.get("error")
    if error is None:
        return ""
    return str(error.get("code", "?")) if isinstance(error, dict) else "?"
