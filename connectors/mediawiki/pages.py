"""A page of a wiki as a document: its text, its people, its file."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from connectors.mediawiki.answers import Page, Rendering, Revision
from connectors.mediawiki.html import sections_of
from connectors.mediawiki.rules import FILES, MAIN
from connectors.values import Access, Content, Contribution, Document, Role, Section

WITHOUT_TEXT = {"3D", "AUDIO", "BITMAP", "DRAWING", "EXECUTABLE", "VIDEO"}
"""MediaWiki's media types of files that have no text: what the page says of them is kept."""
OTHER_TITLES = "Autres titres"


@dataclass(frozen=True, slots=True)
class Author:
    """How a document is made of a page of one source; `bots` are accounts that are no person."""

    source: str
    bots: frozenset[str]
    read: Callable[[Page], bytes]

    def document(self, page: Page, rendering: Rendering, access: Access) -> Document:
        """The document of a page that is no redirect."""
        space, title = _named(page)
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

    def _content(self, page: Page, filename: str) -> Content | None:
        if page.ns != FILES or not page.imageinfo or not page.imageinfo[0].url:
            return None
        file = page.imageinfo[0]
        if file.mediatype in WITHOUT_TEXT:
            return None
        return Content(filename, lambda: self.read(page), file.mime)

    def _contributions(self, page: Page) -> tuple[Contribution, ...]:
        """One row per account and role; hidden and anonymous editors are nobody's account."""
        uploaders = {version.account for version in page.imageinfo}
        moments: dict[tuple[str, Role], list[datetime]] = {}
        # A wiki lists the newest first; of two in one second the higher id is the later one.
        oldest_first = sorted(page.revisions, key=lambda r: (r.timestamp, r.revid))
        for place, revision in enumerate(oldest_first):
            if revision.account:
                role = self._role(revision, uploaders, first=place == 0)
                moments.setdefault((revision.account, role), []).append(revision.timestamp)
        return tuple(self._row(user, role, when) for (user, role), when in moments.items())

    def _role(self, revision: Revision, uploaders: Iterable[str], *, first: bool) -> Role:
        if revision.user in self.bots:
            return Role.BOT
        if revision.user in uploaders:
            return Role.UPLOADER
        if first:
            return Role.AUTHOR
        return Role.BOT if revision.minor else Role.EDITOR

    def _row(self, user: str, role: Role, moments: list[datetime]) -> Contribution:
        return Contribution(
            account=f"{self.source}:{user}",
            role=role,
            label=user,
            count=len(moments),
            first=min(moments).date(),
            last=max(moments).date(),
            years=tuple(sorted(Counter(moment.year for moment in moments).items())),
        )


def _named(page: Page) -> tuple[str, str]:
    """(namespace, title below it): the wiki's titles begin with their namespace's name."""
    if page.ns == MAIN:
        return "", page.title
    space, _, title = page.title.partition(":")
    return (space, title) if title else ("", page.title)


def _category(rendering: Rendering) -> str:
    """The first category that the page names and the wiki shows."""
    shown = (link.category for link in rendering.categories if not link.hidden)
    return re.sub(r"_+", " ", next(shown, "")).strip()


def _other_titles(page: Page) -> tuple[Section, ...]:
    """The titles that lead here, those of the same namespace: others have other readers."""
    space, _ = _named(page)
    titles = [
        redirect.title.removeprefix(f"{space}:") if space else redirect.title
        for redirect in page.redirects
        if redirect.ns == page.ns
    ]
    return (Section("\n".join(sorted(titles)), heading=OTHER_TITLES),) if titles else ()
