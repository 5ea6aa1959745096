"""Models of the API's answers, as far as they are used (formatversion 2, MediaWiki ≥ 1.31)."""

import re
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_TEMPORARY_ACCOUNT = re.compile(r"~\d{4}-\d")
"""The name that a wiki gives to an editor without an account (MediaWiki ≥ 1.42)."""


def account_named(user: str) -> str:
    """The name if it is an account's of this wiki; empty if it cannot be one.

    With `>` it is another wiki's (imported revisions), and not of an account here with that name.
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
    """The number of pages of all kinds, with redirects and talk pages."""

    pages: int = 0


class SiteInfo(_ApiModel):
    """A wiki's namespaces and statistics."""

    namespaces: dict[str, Namespace]
    namespacealiases: tuple[NamespaceAlias, ...] = ()
    statistics: Statistics = Statistics()


class Revision(_ApiModel):
    """One edit; without `user` if the wiki hides who made it."""

    revid: int
    timestamp: datetime
    user: str = ""
    userhidden: bool = False
    minor: bool = False
    anon: bool = False
    temp: bool = False

    @property
    def account(self) -> str:
        """The account that made it; empty if it is hidden or there is none on this wiki."""
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
        """The account that uploaded it, empty as for a revision."""
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


class WikiUser(_ApiModel):
    """An account of the wiki."""

    name: str


class UserGroups(_ApiModel):
    """An account and its groups; none if there is no such account."""

    name: str
    groups: tuple[str, ...] = ()


class CategoryLink(_ApiModel):
    """A category of a page; they are listed in the page's order."""

    category: str
    hidden: bool = False


class Rendering(_ApiModel):
    """A page as the wiki renders it: `text` is HTML."""

    pageid: int
    revid: int = 0
    text: str
    categories: tuple[CategoryLink, ...] = ()


class RecentChange(_ApiModel):
    """A row of the recent changes."""

    rcid: int
    timestamp: datetime
    pageid: int = 0


class LogEvent(_ApiModel):
    """A row of the logs; without `title` if it is hidden.

    `logpage` is the id that the page had when the event happened, `pageid` that of the
    page which has the title now.
    """

    logid: int
    timestamp: datetime
    type: str = ""
    title: str = ""
    pageid: int = 0
    logpage: int = 0
    params: Any = Field(default_factory=dict)

    @property
    def titles(self) -> frozenset[str]:
        """Every title that the event names: a move and a merge name two."""
        params = self.params if isinstance(self.params, dict) else {}
        titles = (self.title, params.get("target_title"), params.get("dest_title"))
        return frozenset(str(title) for title in titles if title)
