"""A client of WordPress's REST interface, and the reasons for refused requests."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

from pydantic import Field

from connectors.batches import batches
from connectors.http_host import HttpHost
from connectors.ports import SourceRefused, SourceUnreachable
from quisait_sites.json_api import Address, Answered, JsonAnswer, Moment, ask_json
from quisait_sites.listing import ItemsPage, whole_listing

PER_REQUEST = 100
"""The maximum number of entries in one answer of WordPress."""
NAMESPACE = "wp/v2"
_LONGEST_TOTAL = 18
"""Maximum digits of a number of entries."""
_TAG = re.compile("<[^<>]*>")
_PRIVATE = re.compile(r"^(?:Private|Privé)\s?: ")
_CLOSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_LISTED = (
    "id", "date_gmt", "modified_gmt", "status", "slug", "link", "parent", "author", "categories",
    "title.rendered", "content.protected",
)  # fmt: skip
_READ = (*_LISTED, "content.rendered", "_links", "_embedded")


class Rendered(Answered):
    """A text as HTML.

    `protected` is true if it needs a password, None if the site does not tell.
    """

    rendered: str = ""
    protected: bool | None = None


class WordPressEntry(Answered):
    """A post, a page, or an entry of another type.

    `parent` is None if its type has no hierarchy, `categories` is None if its type has none.
    """

    id: int = Field(gt=0)
    date_gmt: Moment = None
    modified_gmt: Moment = None
    status: str = ""
    slug: str = ""
    link: Address = ""
    parent: int | None = None
    author: int = 0
    categories: tuple[int, ...] | None = None
    title: Rendered = Rendered()
    content: Rendered = Rendered()
    embedded: Mapping[str, Any] = Field({}, alias="_embedded")

    @property
    def plain_title(self) -> str:
        """The title without tags, and without WordPress's prefix of private titles."""
        title = plain(self.title.rendered)
        return _PRIVATE.sub("", title) if self.status == "private" else title

    @property
    def is_open(self) -> bool:
        """Whether the entry is certainly neither a draft nor protected by a password."""
        return self.status in ("publish", "private") and self.content.protected is False


class Category(Answered):
    """A category of posts; `parent` is the category above it, or 0."""

    id: int = Field(gt=0)
    name: str = ""
    slug: str = ""
    parent: int = 0


class Author(Answered):
    """An author, as the site names them."""

    id: int = Field(gt=0)
    name: str = ""
    slug: str = ""


@dataclass(frozen=True, slots=True)
class WordPressApi:
    """The REST interface of one site, at `/wp-json/` or else at `?rest_route=`."""

    host: HttpHost
    readable: bool

    def ask(self, route: str, params: Mapping[str, object]) -> JsonAnswer:
        """Send one request. Raises `SourceUnreachable`, `SourceRefused`."""
        if self.readable:
            return ask_json(self.host, urljoin(self.host.root, f"wp-json/{route}"), params)
        return ask_json(self.host, self.host.root, {"rest_route": f"/{route}", **params})

    def listed(
        self, route: str, fields: Sequence[str], status: str = ""
    ) -> tuple[dict[int, Mapping[str, Any]], str]:
        """Return every item of a route by its id, and the site's clock when the listing began.

        Raises `SourceUnreachable`, or `SourceRefused` if the interface is closed.
        """
        clock = ""

        def ask(offset: int) -> ItemsPage:
            nonlocal clock
            answer = self.ask(
                f"{NAMESPACE}/{route}",
                {
                    "per_page": PER_REQUEST,
                    "offset": offset,
                    "orderby": "id",
                    "order": "asc",
                    "_fields": ",".join(fields),
                }
                | ({"status": status} if status else {}),
            )
            items = self._items(answer, route)
            total = answer.headers.get("X-WP-Total", "")
            if not total.isdecimal() or len(total) > _LONGEST_TOTAL:
                raise SourceRefused(
                    f"{self.host.host} : le nombre de contenus (en-tête X-WP-Total) manque, qu'un "
                    "cache ou un pare-feu retire : sans lui, une liste coupée aurait l'air entière."
                )
            clock = clock or answer.headers.get("Date", "")
            return ItemsPage(items, int(total))

        return whole_listing(ask, self.host.host), clock

    def contents(self, route: str, status: str = "") -> tuple[dict[int, Mapping[str, Any]], str]:
        """Return every entry of a type, without its text, as `listed` does."""
        return self.listed(route, _LISTED, status)

    def some_contents(
        self, route: str, ids: Iterable[int], status: str = ""
    ) -> dict[int, Mapping[str, Any]]:
        """Return these entries without their texts, by id. Raises as `listed` does."""
        found: dict[int, Mapping[str, Any]] = {}
        for some in batches(sorted(ids), PER_REQUEST):
            params = {
                "include": ",".join(map(str, some)),
                "per_page": PER_REQUEST,
                "_fields": ",".join(_LISTED),
            } | ({"status": status} if status else {})
            rows = self._items(self.ask(f"{NAMESPACE}/{route}", params), route)
            found |= {row["id"]: row for row in rows if type(row.get("id")) is int}
        return found

    def read(
        self, route: str, ids: Iterable[int], status: str = ""
    ) -> tuple[Mapping[str, Any], ...]:
        """Return these entries with their texts, without deleted ones. Raises as `listed` does."""
        wanted = sorted(ids)
        answer = self.ask(
            f"{NAMESPACE}/{route}",
            {
                "include": ",".join(map(str, wanted)),
                "per_page": len(wanted),
                "_embed": "author",
                "_fields": ",".join(_READ),
            }
            | ({"status": status} if status else {}),
        )
        return self._items(answer, route)

    def count(self, route: str, status: str) -> int:
        """Return how many entries of a type have this status; 0 if the account may not ask."""
        params = {"status": status, "per_page": 1, "_fields": "id"}
        answer = self.ask(f"{NAMESPACE}/{route}", params)
        total = answer.headers.get("X-WP-Total", "")
        is_said = total.isdecimal() and len(total) <= _LONGEST_TOTAL
        return int(total) if answer.status == HTTPStatus.OK and is_said else 0

    def types(self) -> dict[str, str]:
        """Return the types of entries that the interface shows, by their name in URLs."""
        answer = self.ask(f"{NAMESPACE}/types", {})
        said = answer.said if isinstance(answer.said, dict) else {}
        return {
            one["rest_base"]: str(one.get("name", ""))
            for one in said.values()
            if isinstance(one, dict)
            and isinstance(one.get("rest_base"), str)
            and one.get("rest_namespace", NAMESPACE) == NAMESPACE
        }

    def check_account(self) -> None:
        """Raise `SourceRefused` if the site does not accept the settings' account.

        With a wrong password, WordPress may answer as to an anonymous visitor, and everything that
        only the account may read would count as deleted.
        """
        answer = self.ask(f"{NAMESPACE}/users/me", {"_fields": "id"})
        if answer.status in _CLOSED:
            code = f" (« {answer.code} »)" if answer.code else ""
            raise SourceRefused(
                f"{self.host.host} refuse le compte{code} : vérifiez « user » et son mot de passe "
                "d'application (WordPress le fait dans le profil du compte ; celui de connexion ne "
                "convient pas). Il demande https, et un serveur qui transmet l'en-tête "
                "Authorization."
            )

    def _items(self, answer: JsonAnswer, route: str) -> tuple[Mapping[str, Any], ...]:
        if answer.status == HTTPStatus.OK and isinstance(answer.said, list):
            return tuple(one for one in answer.said if isinstance(one, dict))
        if answer.code == "rest_no_route":
            known = ", ".join(sorted(self.types().keys() - _NOT_READ))[:500]
            raise SourceRefused(
                f"{self.host.host} ne donne pas « {route} » : corrigez « types » (le site a : "
                f"{known}), ou demandez quelle extension l'a retiré de l'interface REST."
            )
        if answer.code in ("rest_invalid_param", "rest_forbidden_status"):
            raise SourceRefused(
                f"{self.host.host} refuse de donner « {route} » ({answer.code}) : pour « private "
                "», le compte doit pouvoir modifier les contenus de ce type."
            )
        raise refusal(self.host, (answer,))


_NOT_READ = frozenset(
    {
        *("media", "menu-items", "blocks", "templates", "template-parts", "navigation"),
        *("global-styles", "font-families", "font-faces", "users", "comments"),
    }
)
"""Types in every WordPress that contain no text of a page."""


def other_types(api: WordPressApi, types: Sequence[str]) -> dict[str, str]:
    """Return the types of the site that are not in the settings."""
    return {
        name: called
        for name, called in sorted(api.types().items())
        if name not in _NOT_READ and name not in types and "(" not in name
    }


def open_api(host: HttpHost) -> WordPressApi:
    """Return the interface at the address that works.

    Raises `SourceRefused`, `SourceUnreachable`.
    """
    answers = []
    for readable in (True, False):
        api = WordPressApi(host, readable)
        answers.append(api.ask("", {"_fields": "namespaces"}))
        said = answers[-1].said
        names = said.get("namespaces") if isinstance(said, dict) else None
        if isinstance(names, list) and NAMESPACE in names:
            return api
    raise refusal(host, answers)


def refusal(host: HttpHost, answers: Sequence[JsonAnswer]) -> Exception:
    """Return the error for these invalid answers, with a French remedy."""
    name = host.host
    closed = [one for one in answers if one.status in _CLOSED]
    if closed:
        code = f", « {closed[0].code} »" if closed[0].code else ""
        return SourceRefused(
            f"{name} ferme son interface REST (réponse {closed[0].status}{code}), sans doute par "
            "une extension de sécurité : donnez un compte (« user » et un mot de passe "
            "d'application), ou demandez que /wp/v2/ soit ouverte à cette machine."
        )
    if any(one.status == HTTPStatus.OK and one.said is None for one in answers):
        return SourceRefused(
            f"{name} répond par une page à la place de son interface REST : une connexion, une "
            "maintenance ou un pare-feu la cache. Demandez qu'elle soit ouverte à cette machine."
        )
    if all(one.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE) for one in answers):
        return SourceRefused(
            f"{name} ne répond ni à wp-json/ ni à ?rest_route= : corrigez « url » si WordPress "
            "est plus bas, ou lisez le site par son plan (kind = « site ») s'il a retiré "
            "l'interface REST."
        )
    status = answers[-1].status
    return SourceUnreachable(
        f"{name} ne donne pas ses contenus (réponse {status}) : rien n'a été supprimé, il sera "
        "relu plus tard."
    )


def plain(rendered: str) -> str:
    """Return a name or title without entities and tags, on one line."""
    return " ".join(unescape(_TAG.sub("", rendered)).split())
