"""Models of the API's answers (pages, revisions, files), and their conversion to documents."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from connectors.contributions import Act, contributions_of
from connectors.html import sections_of
from connectors.ports import SourceRefused
from connectors.values import Access, Content, Contribution, ContributorRole, Document, Section
from quisait_mediawiki.config import WikiConfig

_TEMPORARY_ACCOUNT = re.compile(r"~\d{4}-\d")
"""The name that a wiki gives to an editor without an account (MediaWiki ≥ 1.42)."""


def account_named(user: str) -> str:
    """Return the name if it is an account of this wiki, or an empty text if it cannot be.

    A name with `>` belongs to another wiki (imported revisions), whatever accounts exist here.
    """
    return "" if ">" in user or _TEMPORARY_ACCOUNT.match(user) else user


class _ApiModel(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Namespace(_ApiModel):
    """A namespace of the wiki: `name` as the wiki shows it, `canonical` in English."""

    id: int
    name: str = ""
    canonical: str = ""


class NamespaceAlias(_ApiModel):
    """One more name of a namespace."""

    id: int
    alias: str


class Statistics(_ApiModel):
    """The number of pages of all kinds, including redirects and talk pages."""

    pages: int = 0


class SiteInfo(_ApiModel):
    """A wiki's namespaces and statistics."""

    namespaces: dict[str, Namespace]
    namespacealiases: tuple[NamespaceAlias, ...] = ()
    statistics: Statistics = Statistics()


class Revision(_ApiModel):
    """One edit; `user` is empty if the wiki hides who made it.

    `size` is the size of the whole page after the edit, in bytes; `sha1` is empty if the wiki hides
    it.
    """

    revid: int
    timestamp: datetime
    user: str = ""
    userhidden: bool = False
    minor: bool = False
    anon: bool = False
    temp: bool = False
    size: int | None = None
    sha1: str = ""

    @property
    def account(self) -> str:
        """The account that made the edit; empty if it is hidden or not an account of this wiki."""
        return "" if self.userhidden or self.anon or self.temp else account_named(self.user)


class FileVersion(_ApiModel):
    """One version of a file; the first of a list is the current one."""

    timestamp: datetime
    user: str = ""
    userhidden: bool = False
    url: str = ""
    size: int = 0
    sha1: str = ""
    mime: str | None = None
    mediatype: str = ""

    @property
    def account(self) -> str:
        """The account that uploaded the version; empty if hidden or not an account of this wiki."""
        return "" if self.userhidden else account_named(self.user)


class RedirectTitle(_ApiModel):
    """The title of a redirect."""

    title: str
    ns: int = 0


class WikiPage(_ApiModel):
    """A page with the properties that were queried.

    `pageid` is 0 and `missing` true if a title or id names no page. `lastrevid` is the
    revision that the page shows now, 0 if that was not queried.
    """

    pageid: int = 0
    lastrevid: int = 0
    ns: int = 0
    title: str = ""
    missing: bool = False
    redirect: bool = False
    touched: datetime | None = None
    pagelanguage: str = ""
    fullurl: str = ""
    revisions: tuple[Revision, ...] = ()
    redirects: tuple[RedirectTitle, ...] = ()
    imageinfo: tuple[FileVersion, ...] = ()


class UserGroups(_ApiModel):
    """An account and its groups; empty if there is no such account, or they were not queried."""

    name: str
    groups: tuple[str, ...] = ()


class CategoryLink(_ApiModel):
    """A category of a page. Categories are listed in the order of the page."""

    category: str
    hidden: bool = False


class Rendering(_ApiModel):
    """A page as the wiki renders it: `text` is HTML."""

    pageid: int
    revid: int = 0
    text: str
    categories: tuple[CategoryLink, ...] = ()


MAIN = 0
FILES = 6
MAIN_NAMES = {"", "principal", "main"}

NamespaceAccess = Mapping[int, Access]
"""The access of each namespace that is read, by number."""


def namespace_access(config: WikiConfig, site: SiteInfo) -> dict[int, Access]:
    """Return the access of each namespace that is read.

    The main namespace has the readers of `allowed` unless `namespaces` names it. Namespaces are
    given by the wiki's names, by English names, by aliases or by numbers. Raises `SourceRefused`
    for a name that the wiki does not know, or a namespace that is named twice.
    """
    known = dict(_namespace_names(site))
    found: dict[int, Access] = {}
    for name, principals in config.namespaces.items():
        number = known.get(_normalize_namespace(name))
        if number is None or number < MAIN:
            raise SourceRefused(
                f"« namespaces » : le wiki n'a pas d'espace de noms « {name} ». Il a : "
                f"{', '.join(_namespace_labels(site))}."
            )
        if number in found:
            raise SourceRefused(f"« namespaces » nomme deux fois l'espace {number} (« {name} »).")
        found[number] = Access(frozenset(principals))
    found.setdefault(MAIN, Access(config.allowed))
    return dict(sorted(found.items()))


def _namespace_names(site: SiteInfo) -> Iterator[tuple[str, int]]:
    for name in MAIN_NAMES:
        yield name, MAIN
    for alias in site.namespacealiases:
        yield _normalize_namespace(alias.alias), alias.id
    for namespace in site.namespaces.values():
        yield _normalize_namespace(namespace.canonical or namespace.name), namespace.id
        yield _normalize_namespace(namespace.name), namespace.id
        yield str(namespace.id), namespace.id


def _normalize_namespace(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()


def _namespace_labels(site: SiteInfo) -> list[str]:
    spaces = sorted(site.namespaces.values(), key=lambda namespace: namespace.id)
    return [f"{n.name or 'principal'} ({n.id})" for n in spaces if n.id >= MAIN]


MEDIA_TYPES_WITHOUT_TEXT = {"3D", "AUDIO", "BITMAP", "DRAWING", "EXECUTABLE", "VIDEO"}
"""MediaWiki's media types of files without text; only their page is indexed."""
OTHER_TITLES = "Autres titres"


@dataclass(frozen=True, slots=True)
class PageConverter:
    """Converts pages of one source to documents; `bots` are accounts of programs."""

    source: str
    bots: frozenset[str]
    read: Callable[[WikiPage], bytes]

    def document(self, page: WikiPage, rendering: Rendering, access: Access) -> Document:
        """Return the document of a page that is not a redirect."""
        space, title = _split_title(page)
        file = page.imageinfo[0] if page.ns == FILES and page.imageinfo else None
        moments = [revision.timestamp for revision in page.revisions]
        moments += [version.timestamp for version in page.imageinfo]
        return Document(
            id=f"{self.source}:{page.pageid}",
            source=self.source,
            title=title,
            access=access,
            sections=sections_of(rendering.text) + _other_titles(page),
            content=self._content(page, title),
            url=page.fullurl if page.fullurl.startswith(("https://", "http://")) else "",
            kind="file" if file else "page",
            language=page.pagelanguage.partition("-")[0] or "fr",
            created=min(moments, default=None),
            modified=max(moments, default=None),
            space=_category(rendering) or space if page.ns in (MAIN, FILES) else space,
            contributions=self._contributions(page),
            version=f"{rendering.revid}:{file.sha1 if file else ''}",
        )

    def _content(self, page: WikiPage, filename: str) -> Content | None:
        if page.ns != FILES or not page.imageinfo or not page.imageinfo[0].url:
            return None
        file = page.imageinfo[0]
        if file.mediatype in MEDIA_TYPES_WITHOUT_TEXT:
            return None
        return Content(filename, lambda: self.read(page), file.mime)

    def _contributions(self, page: WikiPage) -> tuple[Contribution, ...]:
        """Return one contribution per account and role, without hidden and anonymous editors."""
        uploaders = {version.account for version in page.imageinfo}
        # Of two revisions within one second the one with the higher id is later.
        oldest_first = sorted(page.revisions, key=lambda r: (r.timestamp, r.revid))
        standing = standing_bytes(oldest_first)
        known = bool(standing) and _by_accounts(oldest_first, standing)
        return contributions_of(
            Act(
                f"{self.source}:{revision.account}",
                self._role(revision, uploaders, first=number == 0),
                revision.account,
                revision.timestamp,
                volume=standing[number] if known else None,
            )
            for number, revision in enumerate(oldest_first)
            if revision.account
        )

    def _role(
        self, revision: Revision, uploaders: Iterable[str], *, first: bool
    ) -> ContributorRole:
        if revision.user in self.bots:
            return ContributorRole.BOT
        if revision.user in uploaders:
            return ContributorRole.UPLOADER
        if first:
            return ContributorRole.AUTHOR
        return ContributorRole.BOT if revision.minor else ContributorRole.EDITOR


def _by_accounts(revisions: Sequence[Revision], standing: Sequence[int]) -> bool:
    """Return whether one account wrote at least as much as all editors without an account.

    If not, the accounts' shares would mislead.
    """
    wrote: Counter[str] = Counter()
    for revision, size in zip(revisions, standing, strict=True):
        wrote[revision.account] += size
    nobodys = wrote.pop("", 0)
    return nobodys <= max(wrote.values(), default=0)


def standing_bytes(oldest_first: Sequence[Revision]) -> list[int]:
    """Return how many bytes of each revision are still in the last revision, estimated from sizes.

    Undone revisions do not count: if a text comes back (same `sha1`), the revisions in between are
    skipped. Removed bytes are taken from all earlier revisions in proportion. A text rewritten at
    the same length counts for nothing. Returns an empty list if a size is unknown. Comparing the
    texts would be more accurate, but would take many requests. The time is linear in the number of
    revisions.
    """
    sizes = [revision.size for revision in oldest_first]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return []
    firsts: dict[str, int] = {}
    for at, revision in enumerate(oldest_first):
        firsts.setdefault(revision.sha1 or f"revision {at}", at)
    standing = [0] * len(known)
    kept, at = 1.0, len(known) - 1
    while at >= 0:
        at = firsts.get(oldest_first[at].sha1, at)
        before = known[at - 1] if at else 0
        if known[at] >= before:
            standing[at] = round((known[at] - before) * kept)
        else:
            kept *= known[at] / before
        at -= 1
    return standing


def _split_title(page: WikiPage) -> tuple[str, str]:
    """Return (namespace, title without it): the wiki's titles begin with their namespace."""
    if page.ns == MAIN:
        return "", page.title
    space, _, title = page.title.partition(":")
    return (space, title) if title else ("", page.title)


def _category(rendering: Rendering) -> str:
    """Return the page's first category that is not hidden."""
    shown = (link.category for link in rendering.categories if not link.hidden)
    return re.sub(r"_+", " ", next(shown, "")).strip()


def _other_titles(page: WikiPage) -> tuple[Section, ...]:
    """Return the titles of redirects from the page's namespace, which have the same readers."""
    space, _ = _split_title(page)
    titles = [
        redirect.title.removeprefix(f"{space}:") if space else redirect.title
        for redirect in page.redirects
        if redirect.ns == page.ns
    ]
    return (Section("\n".join(sorted(titles)), heading=OTHER_TITLES),) if titles else ()
