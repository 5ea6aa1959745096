"""A MediaWiki as a source: its pages with history and files, and the groups of its accounts.

`WikiSource.listing` shows the flow. `pages` decides the readers and converts pages to documents,
`client` talks to the wiki.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from queue import Empty, LifoQueue

from connectors.http_limits import HttpLimits
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Listed,
    Malformed,
    OutsideOf,
    RecordUnreadable,
    RecordVanished,
    SourceUnreachable,
)
from connectors.values import Access, Document
from quisait_mediawiki.client import PageError, WikiClient
from quisait_mediawiki.config import WikiConfig, wiki_config
from quisait_mediawiki.options import WikiOptions
from quisait_mediawiki.pages import (
    NamespaceAccess,
    PageConverter,
    UserGroups,
    WikiPage,
    namespace_access,
)

NOT_IN_NAMES = frozenset("#<>[]|{}/\x1f\0")
"""Characters that no account's name contains; a `|` would query several accounts."""


class WikiGroups:
    """Returns the principals `name:group:…` of agents with accounts in the wiki `name`."""

    def __init__(self, name: str, config: WikiConfig) -> None:
        self._name, self._config = name, config
        self._idle: LifoQueue[WikiClient] = LifoQueue()

    @property
    def name(self) -> str:
        """The source's name, with which its principals start."""
        return self._name

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        """Return the groups of an agent's accounts in this wiki; without any, sends no request.

        Raises `SourceUnreachable` or `SourceRefused`.
        """
        pairs = (account.partition(":") for account in accounts)
        own = {_normalize_account(name) for source, _, name in pairs if source == self._name}
        names = sorted(name for name in own if name and not NOT_IN_NAMES.intersection(name))
        if not names:
            return frozenset()
        with self._api() as api:
            users = "|".join(names)
            rows = list(api.rows(UserGroups, "users", list="users", ususers=users, usprop="groups"))
        # Other accounts in the response are ignored.
        own_rows = [row for row in rows if _normalize_account(row.name) in names]
        return frozenset(f"{self._name}:group:{group}" for row in own_rows for group in row.groups)

    @contextmanager
    def _api(self) -> Iterator[WikiClient]:
        """Lend a session for one query; if the query fails, the session is not used again."""
        try:
            api = self._idle.get_nowait()
        except Empty:
            api = WikiClient(self._config)
        try:
            yield api
        except PageError as error:
            raise SourceUnreachable(
                f"Le wiki {api.transport.host} ne dit pas les groupes d'un compte ({error.code})."
            ) from error
        self._idle.put(api)


def _normalize_account(name: str) -> str:
    """Return the name as the wiki writes it: spaces, a capital first letter, NFC.

    Another form could name another account, whose groups the agent would get.
    """
    plain = " ".join(unicodedata.normalize("NFC", name).replace("_", " ").split())
    return plain[:1].upper() + plain[1:]


MAX_READS = 3
"""Maximum number of readings of a page that changes meanwhile; then a later crawl reads it."""


@dataclass(slots=True)
class WikiSource:
    """Lists the pages and files of a wiki with the readers of their namespaces."""

    source: str
    config: WikiConfig
    _wiki: WikiClient = field(init=False)
    _access: NamespaceAccess = field(init=False)
    _converter: PageConverter = field(init=False)

    def listing(self) -> Iterator[Listed | Malformed]:
        """Yield every page that is no redirect. Raises `SourceUnreachable` or `SourceRefused`.

        The wiki changes the time `touched` whenever a page, its history or a template in it
        changes. The time is in seconds: a page that was touched in the current second may change
        again unnoticed, so the next crawl reads it again.
        """
        wiki = self._wiki = WikiClient(self.config)
        self._access = namespace_access(self.config, wiki.site())
        self._converter = PageConverter(
            self.source, wiki.bots(), lambda page: wiki.download(page.imageinfo[0])
        )
        listed: set[int] = set()
        for namespace, access in self._access.items():
            for pages, now in wiki.listed(namespace):
                for page in pages:
                    if page.pageid in listed:
                        continue  # it moved meanwhile
                    listed.add(page.pageid)
                    document_id = f"{self.source}:{page.pageid}"
                    if self._has_file_elsewhere(page):
                        yield Malformed(f"page {page.pageid}", _FILE_ELSEWHERE, document_id)
                    yield Listed(document_id, self._version(page, now), access, page.pageid)

    def read(self, listed: Listed) -> Document:
        """Return a page as it is now. Raises `SourceError`.

        Its readers are its namespace's readers: if it changed between the queries for the page and
        for its text, it is read again.
        """
        for _ in range(MAX_READS):
            page = self._wiki.page(listed.place)
            if page is None or page.redirect or page.ns not in self._access:
                raise RecordVanished("la page n'est plus dans ce qui est lu")
            try:
                rendering = self._wiki.rendering(page.pageid)
            except PageError as error:
                raise RecordUnreadable(
                    f"le wiki ne rend pas cette page ({error.code}) : voyez-la dans le wiki"
                ) from error
            if page.lastrevid in (0, rendering.revid):
                if self._has_file_elsewhere(page):
                    page = page.model_copy(update={"imageinfo": ()})
                return self._converter.document(page, rendering, self._access[page.ns])
        raise RecordUnreadable("la page change sans cesse : elle sera relue")

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return each page's readers: those of its current namespace. Raises `SourceError`."""
        namespaces = self._wiki.namespaces(one.place for one in items)
        return {
            one.id: self._access[namespaces[one.place]]
            for one in items
            if namespaces.get(one.place) in self._access
        }

    def left_out(self) -> Callable[[str], bool]:
        """Return a function that is true for all ids: pages not listed were deleted or moved."""
        return OutsideOf(frozenset())

    def count_pending(self, since: str | None) -> int | None:
        """Return the wiki's number of pages before the first crawl, None for later crawls."""
        return None if since else WikiClient(self.config).site().statistics.pages

    def _version(self, page: WikiPage, now: datetime) -> bytes:
        if page.touched is None or page.touched >= now:
            return b""
        redirects = sorted(one.title for one in page.redirects)
        parts = (self.config.root, page.title, page.lastrevid, page.touched, redirects)
        return repr(parts).encode()

    def _has_file_elsewhere(self, page: WikiPage) -> bool:
        host = self._wiki.transport
        return bool(page.imageinfo) and not host.same_host(page.imageinfo[0].url)


_FILE_ELSEWHERE = "le fichier est sur un autre hôte que celui de « url » : seule sa page est lue"


def open_wiki(place: SourcePlace, options: WikiOptions) -> WikiSource:
    """Return the source of one wiki; no request is sent yet. Raises `SourceRefused`."""
    return WikiSource(place.source, wiki_config(place, options))


def open_groups(place: SourcePlace, options: WikiOptions, limits: HttpLimits) -> WikiGroups:
    """Return the groups of a wiki's accounts; no request is sent yet. Raises `SourceRefused`."""
    return WikiGroups(place.source, replace(wiki_config(place, options), limits=limits))


KIND = ConnectorKind(
    "wiki MediaWiki",
    WikiOptions,
    open_wiki,
    about="Les pages et fichiers d’un wiki. Un espace de noms est lu par ceux que vous dites.",
    credential="le mot de passe de robot du compte",
    groups=open_groups,
    capitalized_accounts=True,
    has_no_secret_option=True,
)
