"""Read a WordPress by its REST interface: `WordPressSource.listing_since` shows the flow.

All entries are listed at each reading, without their texts: only this shows at once what was
deleted, unpublished, protected or moved to another category, which `modified_after` would not. Then
only the texts of changed entries are requested.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from connectors.digests import hash_of
from connectors.html import sections_of
from connectors.http_failures import FailuresInARow
from connectors.http_host import USER_AGENT, HttpHost
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Former,
    Listed,
    ListingItem,
    OutsideOf,
    RecordKept,
    RecordUnreadable,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
)
from connectors.values import Access, Contribution, Document, EvidencePolicy, date_of_header
from quisait_sites.json_api import invalid_field
from quisait_sites.options import WordPressOptions
from quisait_sites.pages import signed_by
from quisait_sites.sections import is_in_a_section
from quisait_sites.sitemap import robots_of
from quisait_sites.wordpress_api import (
    Author,
    Category,
    WordPressApi,
    WordPressEntry,
    open_api,
    other_types,
    plain,
)
from quisait_sites.wordpress_files import FIELDS, FileSource, JoinedFile
from quisait_sites.wordpress_rights import NotExpressed, WordPressRights

READ_PER_REQUEST = 20
_SETTLED_AFTER_S = 60
"""An entry that changed less than this many seconds before it was read is read again: dates have
whole seconds, and the machines of a site have no common clock.
"""
_CHECKED_TEXTS = 20
_PUBLISHED = ("publish", "private")
_MOST_BYTES = 50 * 1024 * 1024
_SHORTCODE = re.compile(
    r"\[/[a-z][\w-]{0,60}\]|\[[a-z][\w-]{0,60}(?:[ \n][^\[\]=]{0,2000}=[^\[\]]{0,4000})?/?\]"
)
"""A code that a plug-in replaces with text, unless it is inactive in the interface."""


@dataclass(slots=True)
class WordPressSource:
    """Lists the published entries of the types in the settings, by their numbers."""

    source: str
    options: WordPressOptions
    default_access: Access
    host: HttpHost
    _reading: "_EntryReader" = field(init=False)

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        """Yield every entry, and note the entries to read. Raises `SourceError`."""
        site = self._look()
        listed = {
            number: Listed(self._id(number), entry.version, entry.access, number)
            for number, entry in site.entries.items()
        }
        known = former.known(one for one in listed.values() if one.version)
        waiting = [
            number
            for number, one in listed.items()
            if one.id not in known and former.enters(one.id)
        ]
        self._reading = _EntryReader(site, waiting)
        for number, reason in site.closed.items():
            yield Listed(self._id(number), b"", problem=reason)
        yield from listed.values()

    def left_out(self) -> Callable[[str], bool]:
        """Return a function that tells whether a document is no longer listed, so not public."""
        site = self._reading.site
        return OutsideOf(frozenset(map(self._id, site.entries.keys() | site.closed.keys())))

    def read(self, listed: Listed) -> Document:
        """Return an entry as it is now. Raises `SourceError`."""
        return self._reading.document(listed.place)

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the current readers of listed entries. Raises `SourceError`."""
        readers = self._reading.site.rights_now([one.place for one in items])
        return {one.id: readers[one.place] for one in items if one.place in readers}

    def check(self) -> Iterator[str]:
        """Yield a French sentence per missing right or unread entry. Raises `SourceError`."""
        if self.options.user and self.options.url.startswith("http:"):
            yield "le mot de passe part en clair : réglez « url » en https://"
        site = self._look()
        yield from _robots(site.api)
        yield from self._about_the_account(site)
        yield from (f"{number} : {reason}" for number, reason in site.closed.items())
        if site.protected:
            yield f"{site.protected} contenus protégés par un mot de passe, qui ne sont pas lus"
        for name, called in other_types(site.api, self.options.types).items():
            yield f"le type « {name} » ({called}) n'est pas lu : « types » peut l'ajouter"
        for section in self.options.sections:
            if not any(is_in_a_section(path, {section: ()}) for path in site.paths):
                yield (
                    f"aucun contenu sous « {section} » : si la page a changé d'adresse, celles en "
                    "dessous ont les lecteurs d'ailleurs"
                )
        for host in sorted(site.hosts - {urlsplit(self.options.url).netloc.lower(), ""}):
            yield (
                f"les adresses des contenus sont sur {host} : corrigez celle du site dans "
                "WordPress si vos agents ne l'atteignent pas"
            )
        if not site.entries:
            yield "aucun contenu publié"
        yield from self._about_texts(site)

    def _about_the_account(self, site: "_Site") -> Iterator[str]:
        if self.options.user and not self.options.private:
            private = sum(site.api.count(kind, "private") for kind in self.options.types)
            if private:
                yield f"{private} contenus privés, qui ne sont pas lus (« private »)"
        if site.authors is None:
            yield (
                "le site ne liste pas ses auteurs (une extension de sécurité le lui interdit) : "
                "seuls comptent ceux qu'il joint à leurs textes ; un compte (« user ») les "
                "obtient d'ordinaire"
            )
        for name in sorted(site.homonyms):
            yield (
                f"plusieurs auteurs affichent le nom « {name} » : leurs textes ne disent pas qui "
                "sait. Réglez accounts = « slug »"
            )

    def _about_texts(self, site: "_Site") -> Iterator[str]:
        empty = coded = 0
        numbers = sorted(site.entries.keys() - site.files)[-_CHECKED_TEXTS:]
        reading = _EntryReader(site, numbers, keep_codes=True)
        for number in numbers:
            with suppress(RecordVanished, RecordUnreadable, RecordKept):
                sections = reading.document(number).sections
                empty += not sections
                coded += any(_SHORTCODE.search(one.text) for one in sections)
        if empty:
            yield (
                f"{empty} des {len(numbers)} derniers contenus n'ont pas de texte dans l'interface "
                "(constructeur de pages ?) : le plan du site (kind = « site ») les donnerait"
            )
        if coded:
            yield (
                f"{coded} des {len(numbers)} derniers textes contiennent des codes courts entre "
                "crochets que l'interface ne rend pas : ils sont ôtés, avec ce qu'ils montreraient"
            )

    def _look(self) -> "_Site":
        api = open_api(self.host)
        if self.options.user:
            api.check_account()
        return _look(self, api)

    def _id(self, number: int) -> str:
        return f"{self.source}:{number}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry as listed, its readers, and its version.

    The version is empty if the entry may still change without a change of its listed fields.
    """

    kind: str
    access: Access
    version: bytes


@dataclass(slots=True)
class _Site:
    """The result of listing a site. `authors` is None if the site does not list them.

    `closed` maps entries that nobody may read to the reason.
    """

    connector: WordPressSource
    api: WordPressApi
    rights: WordPressRights
    authors: Mapping[int, Author] | None
    homonyms: frozenset[str] = frozenset()
    entries: dict[int, _Entry] = field(default_factory=dict)
    closed: dict[int, str] = field(default_factory=dict)
    protected: int = 0
    files: dict[int, JoinedFile] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)

    def look_at(self, kind: str, item: WordPressEntry, now: datetime) -> None:
        """Add an entry with its readers, unless it is no longer public."""
        if item.content.protected:
            self.protected += 1
            return
        if item.status not in _PUBLISHED:
            return
        try:
            if not item.is_open:
                raise NotExpressed("le site ne dit pas s'il est protégé par un mot de passe")
            access = self.rights.access(kind, item)
        except NotExpressed as error:
            self.closed[item.id] = str(error)
            return
        version = self._version(item, access) if _is_settled(item, now) else b""
        self.entries[item.id] = _Entry(kind, access, version)
        self.paths |= set(self.rights.paths(item))
        self.hosts.add(urlsplit(item.link).netloc.lower())

    def look_at_files(self, now: datetime) -> None:
        """Add the files attached to listed entries; no setting gives readers to other files."""
        listed, _ = self.api.listed("media", FIELDS)
        for number, raw in listed.items():
            try:
                file = JoinedFile.model_validate(raw)
            except ValidationError as error:
                self.closed[number] = f"l'interface le donne mal ({invalid_field(error)})"
                continue
            entry = self.entries.get(file.post or 0)
            if file.has_text and entry is not None and entry.kind != "media":
                self.files[number] = file
                told = f"{file} {self.space_of(file, entry.access)}"
                version = hash_of(told) if _is_settled(file, now) else b""
                self.entries[number] = _Entry("media", entry.access, version)

    def space_of(self, file: JoinedFile, access: Access) -> str:
        """Return the space of the entry that a file is attached to."""
        item = self.rights.items.get(file.post or 0)
        return self.rights.space(item, access) if item else ""

    def rights_now(self, numbers: Sequence[int]) -> dict[int, Access]:
        """Ask again for entries and the pages above them; return the readers of open entries."""
        options = self.connector.options
        owners = {one: self.files[one].post or 0 if one in self.files else one for one in numbers}
        asked: dict[str, set[int]] = {}
        for number in owners.values():
            kind = self.entries[number].kind if number in self.entries else options.types[0]
            above = self.rights.above(self.rights.items[number])
            asked.setdefault(kind, set()).update([number, *(one.id for one in above)])
        items = dict(self.rights.items)
        for kind, wanted in asked.items():
            given = self.api.some_contents(kind, wanted, _status(options))
            for number in wanted:
                items.pop(number, None)
                with suppress(ValidationError, KeyError):
                    items[number] = WordPressEntry.model_validate(given[number])
        categories = self.rights.categories
        if options.categories:
            categories = (
                _listed(self.api, "categories", ("id", "name", "slug", "parent"), Category) or {}
            )
        rights = WordPressRights(options, self.connector.default_access, categories, items)
        readers: dict[int, Access] = {}
        for number, owner in owners.items():
            if owner in items and items[owner].is_open:
                with suppress(NotExpressed):
                    readers[number] = rights.access(self.entries[owner].kind, items[owner])
        return readers

    def _version(self, item: WordPressEntry, access: Access) -> bytes:
        """Return a digest that changes with every listed field but the readers."""
        signed = [one.account for one in self.signed(item)]
        said = (
            item.id,
            item.modified_gmt,
            item.plain_title,
            item.link,
            self.rights.space(item, access),
        )
        return hash_of(f"{said} {signed}")

    def signed(self, item: WordPressEntry) -> tuple[Contribution, ...]:
        """Return the author's contribution, from the site's list or from the entry itself."""
        author = (self.authors or {}).get(item.author) or _joined(item)
        if author is None or (name := plain(author.name)) in self.homonyms:
            return ()
        account = name if self.connector.options.accounts == "name" else author.slug
        last = item.modified_gmt or item.date_gmt
        signed = signed_by(self.connector.source, [account], item.date_gmt, last)
        return tuple(replace(one, label=name) for one in signed)


def _look(connector: WordPressSource, api: WordPressApi) -> _Site:
    """List everything that exists, with its readers. Raises `SourceError`."""
    options = connector.options
    listed: dict[str, dict[int, Mapping[str, Any]]] = {}
    clock = ""
    for kind in options.types:
        listed[kind], began = api.contents(kind, _status(options))
        clock = clock or began
    now = date_of_header(clock) or datetime.now(UTC)
    categories = _listed(api, "categories", ("id", "name", "slug", "parent"), Category)
    if categories is None and options.categories:
        raise SourceRefused(
            f"{api.host.host} ne liste pas ses catégories, dont « categories » règle les lecteurs "
            ": rien n'est lu sans elles. Demandez que /wp/v2/categories soit ouverte à cette "
            "machine."
        )
    authors = _listed(api, "users", ("id", "name", "slug"), Author)
    rights = WordPressRights(options, connector.default_access, categories or {}, {})
    rights.check_categories()
    by_name = options.accounts == "name"
    site = _Site(
        connector, api, rights, authors, _homonyms(authors or {}) if by_name else frozenset()
    )
    for found in listed.values():
        for number, raw in found.items():
            try:
                rights.items[number] = WordPressEntry.model_validate(raw)
            except ValidationError as error:
                site.closed[number] = f"l'interface le donne mal ({invalid_field(error)})"
    for kind, found in listed.items():
        for number in found.keys() & rights.items.keys():
            site.look_at(kind, rights.items[number], now)
    if options.files:
        site.look_at_files(now)
    return site


def _status(options: WordPressOptions) -> str:
    return "publish,private" if options.private else ""


def _listed(
    api: WordPressApi, route: str, fields: tuple[str, ...], model: type[Any]
) -> dict[int, Any] | None:
    """Return the items of a route, or None if the site does not list them."""
    try:
        found, _ = api.listed(route, fields)
        return {number: model.model_validate(one) for number, one in found.items()}
    except (SourceRefused, ValidationError):
        return None


def _is_settled(item: WordPressEntry | JoinedFile, now: datetime) -> bool:
    modified = item.modified_gmt
    return modified is None or abs((now - modified).total_seconds()) >= _SETTLED_AFTER_S


def _homonyms(authors: Mapping[int, Author]) -> frozenset[str]:
    names = [plain(one.name) for one in authors.values()]
    times = Counter(name.casefold() for name in names)
    return frozenset(name for name in names if times[name.casefold()] > 1)


def _joined(item: WordPressEntry) -> Author | None:
    joined = item.embedded.get("author")
    for one in joined if isinstance(joined, list) else ():
        try:
            author = Author.model_validate(one)
        except ValidationError:
            continue
        if author.id == item.author:
            return author
    return None


@dataclass(slots=True)
class _EntryReader:
    """Reads the texts of entries; `waiting` entries are requested several at once, in order."""

    site: _Site
    waiting: list[int]
    keep_codes: bool = False
    failures: FailuresInARow = field(default_factory=FailuresInARow)
    _given: dict[int, Mapping[str, Any] | None] = field(default_factory=dict)
    """Answers that were received together with another entry's, by number."""
    _requested_singly: set[int] = field(default_factory=set)
    """Entries whose joint request failed: each is requested by itself."""

    def document(self, number: int) -> Document:
        """Return an entry's document.

        Raises `RecordVanished`, `RecordUnreadable`, `RecordKept`, `SourceUnreachable` or
        `SourceRefused`.
        """
        kind = self.site.entries[number].kind
        if kind == "media":
            return self._file(number)
        if number not in self._given:
            self._given = self._ask(kind, number)
        raw = self._given.pop(number)
        if raw is None:
            raise RecordVanished("l'interface ne le donne plus")
        try:
            item = WordPressEntry.model_validate(raw)
            if not item.is_open:
                raise RecordVanished("il n'est plus public")
            return self._document(item, self.site.entries[number].access)
        except ValidationError as error:
            reason = f"l'interface le donne mal ({invalid_field(error)})"
            raise RecordUnreadable(reason) from error

    def _ask(self, kind: str, number: int) -> dict[int, Mapping[str, Any] | None]:
        """Request an entry, together with the next waiting entries of its type."""
        wanted = [number]
        if number in self._requested_singly:
            self._requested_singly.remove(number)
        elif number in self.waiting:
            after = self.waiting[self.waiting.index(number) :]
            same = (one for one in after if self.site.entries[one].kind == kind)
            wanted = list(islice(same, READ_PER_REQUEST))
        try:
            given = self.site.api.read(kind, wanted, _status(self.site.connector.options))
        except SourceUnreachable as error:
            if len(wanted) > 1:
                self._requested_singly.update(wanted)
                return self._ask(kind, number)
            self.failures.note(error)
            raise RecordKept(str(error)) from error
        self.failures.end()
        by_number = {one["id"]: one for one in given if type(one.get("id")) is int}
        return {one: by_number.get(one) for one in wanted}

    def _file(self, number: int) -> Document:
        file, access = self.site.files[number], self.site.entries[number].access
        options = self.site.connector.options
        where = FileSource(
            self.site.connector.source, self.site.api.host, options.evidence, self.failures
        )
        return where.document(file, access, self.site.space_of(file, access))

    def _document(self, item: WordPressEntry, access: Access) -> Document:
        html = item.content.rendered
        if not self.keep_codes:
            html = _SHORTCODE.sub(" ", html)
        return Document(
            id=self.site.connector._id(item.id),
            source=self.site.connector.source,
            title=item.plain_title,
            sections=sections_of(html),
            access=access,
            url=_address(self.site.connector.options.url, item),
            kind="page",
            created=item.date_gmt,
            modified=item.modified_gmt,
            space=self.site.rights.space(item, access),
            evidence=EvidencePolicy(self.site.connector.options.evidence),
            contributions=self.site.signed(item),
        )


def _address(root: str, item: WordPressEntry) -> str:
    """Return the entry's own URL, or a URL made from its number."""
    return item.link or f"{root}?p={item.id}"


def _robots(api: WordPressApi) -> Iterator[str]:
    parser, _ = robots_of(api.host)
    if not parser.can_fetch(USER_AGENT, urljoin(api.host.root, "wp-json/")):
        yield (
            "robots.txt ferme l'interface REST aux robots : assurez-vous de l'accord de qui tient "
            "le site"
        )


def open_wordpress(place: SourcePlace, options: WordPressOptions) -> WordPressSource:
    """Return the connector of one source; no request is sent yet."""
    host = place.http(options, user=options.user, max_bytes=_MOST_BYTES)
    return WordPressSource(place.source, options, place.default_access, host)


KIND = ConnectorKind(
    "site WordPress",
    WordPressOptions,
    open_wordpress,
    about="Les articles et les pages d'un WordPress, par son interface REST. Ils sont lus par "
    "ceux que vous dites, par catégorie ou par section.",
    credential="le mot de passe d'application du compte qui lit",
)
