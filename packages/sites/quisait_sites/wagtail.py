"""Read a Wagtail site by its API v2: `WagtailConnector.changes` shows the flow.

The API shows public pages only, and does not say when they last changed unless the site adds it. So
all pages are requested at each reading, many at once, and kept in a file until it is known which
ones changed. A page that is unpublished or no longer public counts as deleted.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from itertools import chain
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

from pydantic import Field, ValidationError

from connectors.digests import digest_of
from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.installed import ConnectorKind, SourcePlace
from connectors.mediawiki.html import sections_of
from connectors.ports import (
    AccessNarrowed,
    Change,
    Checkpoint,
    ContentStale,
    Listing,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    Upsert,
)
from connectors.values import Access, Document, EvidencePolicy
from quisait_sites.cursor import in_parts, read_cursor
from quisait_sites.json_api import Address, Answered, JsonAnswer, Moment, ask_json
from quisait_sites.listing import ItemsPage, whole_listing
from quisait_sites.options import WagtailOptions
from quisait_sites.pages import plain_path, signed_by
from quisait_sites.sections import is_in_a_section, readers_by_path
from quisait_sites.wagtail_text import html_of, names_of

CHECKPOINT_PAGES = 20
PER_REQUEST = 100
"""Pages per request, tried first; a site allows 20 unless its settings differ, and says so."""
_MOST_BYTES = 50 * 1024 * 1024
_MOST_KEPT = 4 * 1024**3
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
        """The path of its URL, or an empty text if it has none."""
        return plain_path(self.meta.html_url) if self.meta.html_url else ""

    @property
    def modified(self) -> datetime | None:
        """When it was last published, or None if the site does not tell."""
        said = [getattr(where, name) for where in (self, self.meta) for name in _MODIFIED]
        return next(filter(None, said), None)


@dataclass(frozen=True, slots=True)
class WagtailConnector:
    """Reads the public pages of a site, by their numbers."""

    source: str
    options: WagtailOptions
    default_access: Access
    ca_file: str = ""
    limits: HttpLimits = field(default_factory=HttpLimits)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Request all pages, then yield changes, removed readers first. Raises `SourceError`."""
        with tempfile.TemporaryFile() as kept:
            site = _look(self, kept)
            parts = {
                part: [int(one) for one in ids]
                for part, ids in in_parts(map(str, site.pages)).items()
            }
            digests = {
                part: digest_of(site.pages[one].digest for one in numbers)
                for part, numbers in parts.items()
            }
            before = read_cursor(since)
            # Forget changed parts first: a page that is removed now may come back unchanged.
            cursor = before.only({one for one in parts if digests[one] == before.digest(one)})
            yield Checkpoint(cursor.text())
            yield from site.unread
            changed = [part for part in parts if digests[part] != cursor.digest(part)]
            for number in chain.from_iterable(parts[part] for part in changed):
                yield AccessNarrowed(self._id(number), site.pages[number].access)
            there = site.pages.keys() | site.unreadable
            yield Listing(frozenset(map(self._id, there)))
            said = 0
            for part in changed:
                for number in parts[part]:
                    yield Upsert(site.document(number))
                    said += 1
                cursor = cursor.with_part(part, digests[part])
                if said >= CHECKPOINT_PAGES:
                    said = 0
                    yield Checkpoint(cursor.text())
            yield Checkpoint(cursor.text())

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these pages as they are now. Raises `SourceError`."""
        with tempfile.TemporaryFile() as kept:
            site = _look(self, kept)
            for number in sorted(site.pages):
                if self._id(number) in document_ids:
                    yield Upsert(site.document(number))

    def check(self) -> Iterator[str]:
        """Yield a French sentence for each unread page or missing field. Raises `SourceError`."""
        with tempfile.TemporaryFile() as kept:
            site = _look(self, kept)
            yield from (
                f"{one.where} : {one.reason}" for one in site.unread if isinstance(one, Malformed)
            )
            for name in site.absent:
                yield f"aucune page publique de type « {name} » (« types »)"
            if not site.pages:
                yield "aucune page publique"
                return
            yield from self._about_addresses(site)
            yield from self._about_texts(site)
            if site.per_request < PER_REQUEST and site.asked > PER_REQUEST:
                yield (
                    f"{site.asked} demandes à chaque lecture, {site.per_request} pages au plus par "
                    "réponse : WAGTAILAPI_LIMIT_MAX du site peut en permettre "
                    f"{PER_REQUEST}"
                )

    def _about_addresses(self, site: "_Site") -> Iterator[str]:
        own = urlsplit(self.options.url).netloc.lower()
        hosts = {urlsplit(one).netloc.lower() for one in site.addresses.values()}
        for host in sorted(hosts - {own}):
            yield (
                f"les adresses de pages sont sur {host}, non sur {own} : corrigez le site dans "
                "Wagtail si vos agents ne l'atteignent pas"
            )
        for section in self.options.sections:
            paths = map(plain_path, site.addresses.values())
            if not any(is_in_a_section(path, {section: ()}) for path in paths):
                yield (
                    f"aucune page sous « {section} » : si elle a changé d'adresse, celles en "
                    "dessous ont les lecteurs d'ailleurs"
                )

    def _about_texts(self, site: "_Site") -> Iterator[str]:
        with_text: dict[str, bool] = {}
        dated = signed = False
        for number, page in site.pages.items():
            made = site.document(number)
            with_text[page.type] = with_text.get(page.type, False) or bool(made.sections)
            dated = dated or made.modified is not None
            signed = signed or bool(made.contributions)
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

    def _id(self, number: int) -> str:
        return f"{self.source}:{number}"


class _NoAddress(Exception):
    """A page has no URL, although the settings state readers by path."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A page in the file, at offset `at`, with its readers and a digest of its document."""

    type: str
    access: Access
    digest: str
    at: int


@dataclass(slots=True)
class _Site:
    """The result of reading all pages of a site.

    `titles` and `addresses` belong to all public pages; `unreadable` pages exist, but nobody may
    read them; `absent` are types in the settings that no page has.
    """

    connector: WagtailConnector
    host: HttpHost
    kept: IO[bytes]
    per_request: int = PER_REQUEST
    asked: int = 0
    pages: dict[int, _Kept] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    addresses: dict[int, str] = field(default_factory=dict)
    unread: list[Change] = field(default_factory=list)
    unreadable: set[int] = field(default_factory=set)
    absent: tuple[str, ...] = ()
    failures: FailuresInARow = field(default_factory=FailuresInARow)

    def ask(self, path: str, **params: object) -> JsonAnswer:
        """Send one request. Raises `SourceUnreachable`, `SourceRefused`."""
        self.asked += 1
        return ask_json(self.host, urljoin(self.host.root, path), params)

    def listed(self) -> dict[int, WagtailPage]:
        """Return every public page, without its fields.

        Raises `SourceUnreachable`, `SourceRefused`.
        """

        def ask(offset: int) -> ItemsPage:
            answer = self.ask("pages/", limit=self.per_request, offset=offset, order="id")
            if limit := _LIMIT.search(answer.message):
                self.per_request = max(1, int(limit[1]))
                answer = self.ask("pages/", limit=self.per_request, offset=offset, order="id")
            return _page_of(answer, self.host)

        found: dict[int, WagtailPage] = {}
        for number, one in whole_listing(ask, self.host.host).items():
            try:
                found[number] = WagtailPage.model_validate(one)
            except ValidationError as error:
                self.close(number, f"l'interface la donne mal ({_where(error)})")
        return found

    def read_type(self, name: str, wanted: set[int]) -> None:
        """Keep these pages of a type: many at once, then missing pages one by one."""
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
                    if type(number) is int and number in wanted and self._is_of(one, name):
                        self.keep(number, one)
        except (SourceUnreachable, SourceRefused):
            pass  # one page or field fails: request the pages one by one
        for number in sorted(wanted - self.pages.keys() - self.unreadable):
            self.read_page(number)

    def read_page(self, number: int) -> None:
        """Keep one page. Raises `SourceUnreachable` if several in a row do not answer."""
        try:
            answer = self.ask(f"pages/{number}/")
        except SourceUnreachable as error:
            self.failures.note(error)
            self.unreadable.add(number)
            document_id = self.connector._id(number)
            self.unread.append(Malformed(f"page {number}", str(error), document_id))
            return
        self.failures.end()
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return
        said = answer.said
        if answer.status != HTTPStatus.OK or not isinstance(said, dict) or said.get("id") != number:
            self.close(number, f"l'interface ne la donne pas (réponse {answer.status})")
        else:
            self.keep(number, said)

    def keep(self, number: int, raw: Mapping[str, Any]) -> None:
        """Keep a page in the file until it is known whether it changed."""
        if number in self.pages:
            return
        try:
            made = self._document(raw)
        except ValidationError as error:
            self.close(number, f"l'interface la donne mal ({_where(error)})")
            return
        except _NoAddress:
            self.close(number, "elle n'a pas d'adresse : sa section n'est pas sûre")
            return
        at = self.kept.tell()
        if at > _MOST_KEPT:
            raise SourceRefused(
                f"{self.host.host} : plus de {_MOST_KEPT} octets de pages ; partagez le site en "
                "sources, par « types »."
            )
        self.kept.write(json.dumps(raw).encode() + b"\n")
        self.pages[number] = _Kept(str(raw["meta"]["type"]), made.access, _digest(made), at)

    def document(self, number: int) -> Document:
        """Return the document of a kept page."""
        self.kept.seek(self.pages[number].at)
        return self._document(json.loads(self.kept.readline()))

    def close(self, number: int, reason: str) -> None:
        """Hide a page's indexed text, and report why."""
        document_id = self.connector._id(number)
        self.unreadable.add(number)
        self.unread.append(ContentStale(document_id))
        self.unread.append(Malformed(f"page {number}", reason, document_id))

    def _is_of(self, raw: Mapping[str, Any], name: str) -> bool:
        """Return whether a page has exactly this type: subtypes have further fields."""
        meta = raw.get("meta")
        return isinstance(meta, dict) and meta.get("type") == name

    def _document(self, raw: Mapping[str, Any]) -> Document:
        """Return a page's document. Raises `ValidationError`, `_NoAddress`."""
        connector, options, page = (
            self.connector,
            self.connector.options,
            WagtailPage.model_validate(raw),
        )
        if not page.path and options.sections:
            raise _NoAddress
        access = readers_by_path(page.path, options.sections, connector.default_access)
        created = page.meta.first_published_at
        last = page.modified or created
        names = chain.from_iterable(names_of(raw.get(one)) for one in options.author_fields)
        return Document(
            id=connector._id(page.id),
            source=connector.source,
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
            contributions=signed_by(
                connector.source,
                [*names],
                created.date() if created else None,
                last.date() if last else None,
            ),
        )

    def _space(self, path: str, access: Access) -> str:
        """Return the title of the top-level page above the page, which may be the page itself.

        Empty if a reader of the page may not read the top-level page.
        """
        first = f"/{path.lstrip('/').partition('/')[0]}/"
        connector = self.connector
        own = readers_by_path(first, connector.options.sections, connector.default_access)
        return self.titles.get(first, "") if access.narrowed_to(own) == access else ""


def _look(connector: WagtailConnector, kept: IO[bytes]) -> _Site:
    host = HttpHost(connector.options.url, connector.limits, connector.ca_file)
    site = _Site(connector, host, kept)
    pages = site.listed()
    site.titles = {page.path: page.title for page in pages.values()}
    site.addresses = {
        number: page.meta.html_url for number, page in pages.items() if page.meta.html_url
    }
    by_type: dict[str, set[int]] = {}
    for number, page in pages.items():
        by_type.setdefault(page.meta.type, set()).add(number)
    known = connector.options.types
    site.absent = tuple(sorted(set(known) - by_type.keys()))
    for name, wanted in sorted(by_type.items()):
        if not known or name in known:
            site.read_type(name, wanted)
    return site


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


def _digest(made: Document) -> str:
    """Return a digest of the whole document, with its readers in sorted order."""
    said = [repr(replace(made, access=Access())), *sorted(made.access.allowed)]
    return digest_of(said, 16).hex()


def _where(error: ValidationError) -> str:
    return ".".join(map(str, error.errors(include_input=False)[0]["loc"]))


def open_wagtail(place: SourcePlace, options: WagtailOptions) -> WagtailConnector:
    """Return the connector of one source; no request is sent yet."""
    ca_file = str(place.folder / options.ca_file) if options.ca_file else ""
    limits = HttpLimits(rate_per_s=options.rate_per_s, max_bytes=_MOST_BYTES)
    return WagtailConnector(place.source, options, place.default_access, ca_file, limits)


KIND = ConnectorKind(
    "site Wagtail",
    WagtailOptions,
    open_wagtail,
    about="Les pages publiques d'un site Wagtail, par son API. Elles sont lues par ceux que vous "
    "dites, par section.",
    credential="",
)
