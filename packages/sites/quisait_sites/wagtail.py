"""Read a Wagtail site by its API v2: `WagtailSource.listing` shows the flow.

The API only shows public pages, and gives their last change only if the site adds that field. So
all pages are requested at each reading, many at once. A page that is no longer public counts as
deleted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from itertools import chain
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic import Field, ValidationError

from connectors.digests import digest_of
from connectors.html import sections_of
from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import Listed, Malformed, SourceRefused, SourceUnreachable
from connectors.values import Access, Document, EvidencePolicy
from quisait_sites.json_api import (
    Address,
    Answered,
    JsonAnswer,
    Moment,
    ask_json,
    invalid_field,
)
from quisait_sites.listing import ItemsPage, whole_listing
from quisait_sites.options import WagtailOptions
from quisait_sites.pages import plain_path, signed_by
from quisait_sites.sections import is_in_a_section, readers_by_path
from quisait_sites.wagtail_text import html_of, names_of

PER_REQUEST = 100
"""Number of pages in the first request. A site allows 20 by default, and states its limit in the
refusal.
"""
_MOST_BYTES = 50 * 1024 * 1024
_LIMIT = re.compile(r"cannot be higher than (\d{1,6})")
_MODIFIED = ("last_published_at", "latest_revision_created_at")


class _Meta(Answered):
    type: str
    html_url: Address | None = None
    first_published_at: Moment = None
    last_published_at: Moment = None
    latest_revision_created_at: Moment = None
    locale: str | None = None


class WagtailPage(Answered):
    """The fields that the API gives of every page."""

    id: int = Field(gt=0)
    title: str = ""
    meta: _Meta
    last_published_at: Moment = None
    latest_revision_created_at: Moment = None

    @property
    def path(self) -> str:
        """The path of the page's URL, or an empty text if it has none."""
        return plain_path(self.meta.html_url) if self.meta.html_url else ""

    @property
    def modified(self) -> datetime | None:
        """When the page was last published, or None if the site does not tell."""
        said = [getattr(where, name) for where in (self, self.meta) for name in _MODIFIED]
        return next(filter(None, said), None)


class _NoAddress(Exception):
    """A page has no URL, although the settings state readers by path."""


@dataclass(slots=True)
class WagtailSource:
    """Lists the public pages of a site, by their numbers.

    `titles` and `addresses` contain all public pages of the last listing. `absent` are types in the
    settings of which no page exists.
    """

    source: str
    options: WagtailOptions
    default_access: Access
    host: HttpHost
    per_request: int = field(init=False)
    asked: int = field(init=False)
    titles: dict[str, str] = field(init=False)
    addresses: dict[int, str] = field(init=False)
    absent: tuple[str, ...] = field(init=False)
    failures: FailuresInARow = field(init=False)

    def listing(self) -> Iterator[Listed | Malformed]:
        """Yield every public page of the types in the settings. Raises `SourceError`."""
        self.per_request, self.asked, self.failures = PER_REQUEST, 0, FailuresInARow()
        pages, closed = self.pages()
        yield from closed
        self.titles = {page.path: page.title for page in pages.values()}
        self.addresses = {
            number: page.meta.html_url for number, page in pages.items() if page.meta.html_url
        }
        by_type: dict[str, set[int]] = {}
        for number, page in pages.items():
            by_type.setdefault(page.meta.type, set()).add(number)
        known = self.options.types
        self.absent = tuple(sorted(set(known) - by_type.keys()))
        for name, wanted in sorted(by_type.items()):
            if not known or name in known:
                yield from self.of_type(name, wanted)

    def read(self, listed: Listed) -> Document:
        """Return a page as its listing gave it."""
        return self.document(listed.place)

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access | None]:
        """Return the readers of the answers that gave the texts, each with its page's address."""
        return {one.id: one.access for one in items}

    def check(self) -> Iterator[str]:
        """Yield a French sentence for each unread page or missing field. Raises `SourceError`."""
        with_text: dict[str, bool] = {}
        dated = signed = False
        for item in self.listing():
            match item:
                case Malformed(where, reason):
                    yield f"{where} : {reason}"
                case Listed(number, problem=problem) if problem:
                    yield f"{number} : {problem}"
                case Listed(place=raw) if raw:
                    name, made = raw["meta"]["type"], self.document(raw)
                    with_text[name] = with_text.get(name, False) or bool(made.sections)
                    dated = dated or made.modified is not None
                    signed = signed or bool(made.contributions)
        for name in self.absent:
            yield f"aucune page publique de type « {name} » (« types »)"
        if not with_text:
            yield "aucune page publique"
            return
        yield from self._about_addresses()
        yield from _about_texts(with_text, dated=dated, signed=signed)
        if self.per_request < PER_REQUEST and self.asked > PER_REQUEST:
            yield (
                f"{self.asked} demandes à chaque lecture, {self.per_request} pages au plus par "
                "réponse : WAGTAILAPI_LIMIT_MAX du site peut en permettre "
                f"{PER_REQUEST}"
            )

    def _about_addresses(self) -> Iterator[str]:
        own = urlsplit(self.options.url).netloc.lower()
        hosts = {urlsplit(one).netloc.lower() for one in self.addresses.values()}
        for host in sorted(hosts - {own}):
            yield (
                f"les adresses de pages sont sur {host}, non sur {own} : corrigez le site dans "
                "Wagtail si vos agents ne l'atteignent pas"
            )
        for section in self.options.sections:
            paths = map(plain_path, self.addresses.values())
            if not any(is_in_a_section(path, {section: ()}) for path in paths):
                yield (
                    f"aucune page sous « {section} » : si elle a changé d'adresse, celles en "
                    "dessous ont les lecteurs d'ailleurs"
                )

    def _id(self, number: int) -> str:
        return f"{self.source}:{number}"

    def ask(self, path: str, **params: object) -> JsonAnswer:
        """Send one request. Raises `SourceUnreachable`, `SourceRefused`."""
        self.asked += 1
        return ask_json(self.host, urljoin(self.host.root, path), params)

    def pages(self) -> tuple[dict[int, WagtailPage], list[Listed]]:
        """Return every public page without its fields, and the pages that could not be parsed.

        Raises `SourceUnreachable`, `SourceRefused`.
        """

        def ask(offset: int) -> ItemsPage:
            answer = self.ask("pages/", limit=self.per_request, offset=offset, order="id")
            if limit := _LIMIT.search(answer.message):
                self.per_request = max(1, int(limit[1]))
                answer = self.ask("pages/", limit=self.per_request, offset=offset, order="id")
            return _page_of(answer, self.host)

        found: dict[int, WagtailPage] = {}
        closed = []
        for number, one in whole_listing(ask, self.host.host).items():
            try:
                found[number] = WagtailPage.model_validate(one)
            except ValidationError as error:
                closed.append(
                    self.closed(number, f"l'interface la donne mal ({invalid_field(error)})")
                )
        return found, closed

    def of_type(self, name: str, wanted: set[int]) -> Iterator[Listed | Malformed]:
        """Yield these pages of a type: request many at once, then missing pages one by one."""
        missing = set(wanted)
        try:
            for offset in range(0, len(wanted), self.per_request):
                answer = self.ask(
                    "pages/",
                    type=name,
                    fields="*",
                    limit=self.per_request,
                    offset=offset,
                    order="id",
                )
                for one in _page_of(answer, self.host).items:
                    number = one.get("id")
                    if type(number) is int and number in missing and self._is_of(one, name):
                        missing.discard(number)
                        yield self.listed(number, one)
        except (SourceUnreachable, SourceRefused):
            pass  # one page or field fails: request the pages one by one
        for number in sorted(missing):
            yield from self.page(number)

    def page(self, number: int) -> Iterator[Listed | Malformed]:
        """Yield one page. Raises `SourceUnreachable` if several in a row do not answer."""
        try:
            answer = self.ask(f"pages/{number}/")
        except SourceUnreachable as error:
            self.failures.note(error)
            document_id = self._id(number)
            yield Malformed(f"page {number}", str(error), document_id)
            yield Listed(document_id, None)  # what was known of it stays
            return
        self.failures.end()
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return
        said = answer.said
        if answer.status != HTTPStatus.OK or not isinstance(said, dict) or said.get("id") != number:
            yield self.closed(number, f"l'interface ne la donne pas (réponse {answer.status})")
        else:
            yield self.listed(number, said)

    def listed(self, number: int, raw: Mapping[str, Any]) -> Listed:
        """Return a page from its fields."""
        try:
            made = self.document(raw)
        except ValidationError as error:
            return self.closed(number, f"l'interface la donne mal ({invalid_field(error)})")
        except _NoAddress:
            return self.closed(number, "elle n'a pas d'adresse : sa section n'est pas sûre")
        version = digest_of([repr(replace(made, access=Access()))], 16)
        return Listed(made.id, version, made.access, raw)

    def closed(self, number: int, reason: str) -> Listed:
        """Return a page that nobody may read, and why."""
        return Listed(self._id(number), b"", problem=reason)

    def _is_of(self, raw: Mapping[str, Any], name: str) -> bool:
        """Return whether a page has exactly this type: subtypes have further fields."""
        meta = raw.get("meta")
        return isinstance(meta, dict) and meta.get("type") == name

    def document(self, raw: Mapping[str, Any]) -> Document:
        """Return a page's document. Raises `ValidationError`, `_NoAddress`."""
        options = self.options
        page = WagtailPage.model_validate(raw)
        if not page.path and options.sections:
            raise _NoAddress
        access = readers_by_path(page.path, options.sections, self.default_access)
        created = page.meta.first_published_at
        names = chain.from_iterable(names_of(raw.get(one)) for one in options.author_fields)
        return Document(
            id=self._id(page.id),
            source=self.source,
            title=page.title,
            sections=sections_of(
                html_of(raw, options.fields, (*options.author_fields, *_MODIFIED))
            ),
            access=access,
            url=page.meta.html_url or "",
            kind="page",
            language=(page.meta.locale or "fr")[:2],
            created=created,
            modified=page.modified,
            space=self._space(page.path, access),
            evidence=EvidencePolicy(options.evidence),
            contributions=signed_by(self.source, [*names], created, page.modified or created),
        )

    def _space(self, path: str, access: Access) -> str:
        """Return the title of the top-level page above the page, which may be the page itself.

        The result is empty if a reader of the page may not read the top-level page.
        """
        first = f"/{path.lstrip('/').partition('/')[0]}/"
        own = readers_by_path(first, self.options.sections, self.default_access)
        return self.titles.get(first, "") if access.narrowed_to(own) == access else ""


def _about_texts(with_text: Mapping[str, bool], *, dated: bool, signed: bool) -> Iterator[str]:
    """Yield a French sentence for each field that no page gives."""
    for name, has_text in sorted(with_text.items()):
        if not has_text:
            yield (
                f"l'interface ne donne aucun texte des pages « {name} » : ajoutez leurs champs "
                "à « api_fields » du modèle"
            )
    if not dated:
        yield (
            "l'interface ne dit pas la dernière publication des pages : ajoutez "
            'APIField("last_published_at") à « api_meta_fields » des modèles'
        )
    if not signed:
        yield "aucune page ne nomme d'auteur (« author_fields »)"


def _page_of(answer: JsonAnswer, host: HttpHost) -> ItemsPage:
    """Return the items of a listing. Raises `SourceRefused` with a French remedy."""
    said = answer.said if isinstance(answer.said, dict) else {}
    items, meta = said.get("items"), said.get("meta")
    total = meta.get("total_count") if isinstance(meta, dict) else None
    if answer.status == HTTPStatus.OK and isinstance(items, list) and type(total) is int:
        return ItemsPage(tuple(one for one in items if isinstance(one, dict)), total)
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise SourceRefused(
            f"{host.host} ferme son interface (réponse {answer.status}) : demandez que l'API v2 "
            "soit ouverte à cette machine."
        )
    if answer.status == HTTPStatus.BAD_REQUEST and answer.message:
        raise SourceRefused(
            f"{host.host} refuse la demande de l'API v2 ({answer.message[:200]}) : demandez à qui "
            "tient le site quelle extension la change."
        )
    raise SourceRefused(
        f"{host.host} ne répond pas comme l'API v2 de Wagtail (réponse {answer.status}) : donnez "
        "son adresse par « url », comme https://…/api/v2/, ou lisez le site par son plan (kind = "
        "« site ») s'il n'en a pas."
    )


def open_wagtail(place: SourcePlace, options: WagtailOptions) -> WagtailSource:
    """Return the connector of one source; no request is sent yet."""
    host = place.http(options, max_bytes=_MOST_BYTES)
    return WagtailSource(place.source, options, place.default_access, host)


KIND = ConnectorKind(
    "site Wagtail",
    WagtailOptions,
    open_wagtail,
    about="Les pages publiques d'un site Wagtail, par son API. Elles sont lues par ceux que vous "
    "dites, par section.",
    credential="",
)
