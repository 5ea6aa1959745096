"""The questions that are asked of a wiki."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from connectors.errors import RecordVanished
from connectors.mediawiki.answers import FileVersion, Page, Rendering, Site, User
from connectors.mediawiki.api import Api, PageFault

BATCH = 50
"""How many pages one question may name, for an account without higher limits."""
GONE = {"nosuchpageid", "missingtitle", "nosuchrevid"}
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
class Wiki:
    """A wiki, asked through its API."""

    api: Api

    def site(self) -> Site:
        """What the wiki says of itself."""
        answer = next(
            self.api.query(meta="siteinfo", siprop="namespaces|namespacealiases|statistics")
        )
        return self.api.one(Site, answer.get("query"), "siteinfo")

    def page(self, page_id: int) -> Page | None:
        """A page with its whole history, its redirects and its file's versions, or None."""
        whole: Page | None = None
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
            for part in self.api.understood(Page, answer, "pages"):
                whole = part if whole is None else _joined(whole, part)
        return None if whole is None or whole.missing else whole

    def pages(self, ids: Iterable[int], *, follow: bool = False) -> Iterator[Page]:
        """What is said of the pages of these ids, missing ones included.

        `follow`: in place of redirects, the pages that they lead to.
        """
        for some in _batches(sorted(ids)):
            named = "|".join(map(str, some))
            yield from self.api.rows(
                Page, "pages", prop="info", pageids=named, redirects=1 if follow else None
            )

    def titled(self, titles: Iterable[str]) -> Iterator[Page]:
        """What is said of the pages of these titles, missing ones included."""
        for some in _batches(sorted(titles)):
            # By POST: fifty accented titles are longer than an address may be.
            yield from self.api.rows(Page, "pages", prop="info", titles="|".join(some), post=True)

    def listed(self, namespace: int, title: str, size: int) -> Iterator[tuple[list[Page], str]]:
        """The pages of a namespace from a title on, redirects aside, by at most `size`.

        With each batch the title that follows it, empty after the last.
        """
        held: dict[int, Page] = {}
        for answer in self.api.query(
            generator="allpages",
            gapnamespace=namespace,
            gapfrom=title or None,
            gapfilterredir="nonredirects",
            gaplimit=size,
            prop="info",
        ):
            held |= {page.pageid: page for page in self.api.understood(Page, answer, "pages")}
            if answer.get("batchcomplete"):
                yield list(held.values()), str(answer.get("continue", {}).get("gapcontinue", ""))
                held = {}

    def ids(self, namespace: int) -> Iterator[int]:
        """The ids of all pages of a namespace, redirects aside."""
        for page in self.api.rows(
            Page,
            "allpages",
            list="allpages",
            apnamespace=namespace,
            apfilterredir="nonredirects",
            aplimit="max",
        ):
            yield page.pageid

    def bots(self) -> frozenset[str]:
        """The accounts that the wiki calls bots, and those that it acts under itself."""
        users = self.api.rows(User, "allusers", list="allusers", augroup="bot", aulimit="max")
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
        except PageFault as fault:
            if fault.code in GONE:
                raise RecordVanished("la page a été supprimée pendant la lecture") from fault
            raise
        return self.api.one(Rendering, answer.get("parse"), "parse")

    def download(self, file: FileVersion) -> bytes:
        """A file's bytes, from the wiki's own host. Raises `RecordVanished` or as `ask`."""
        if file.size > self.api.channel.manners.max_bytes:
            raise RecordVanished(f"le fichier dépasse {self.api.channel.manners.max_bytes} octets")
        answer = self.api.channel.request("GET", file.url)
        if answer.status_code == HTTPStatus.FORBIDDEN and self.api.user:
            self.api.login()
            answer = self.api.channel.request("GET", file.url)
        if answer.status_code != HTTPStatus.OK:
            raise RecordVanished(f"le wiki ne rend pas le fichier (réponse {answer.status_code})")
        if file.sha1 and hashlib.sha1(answer.content, usedforsecurity=False).hexdigest() != (
            file.sha1.lower()
        ):
            raise RecordVanished("le fichier reçu n'est pas celui que le wiki annonce")
        return answer.content


def _joined(whole: Page, part: Page) -> Page:
    """A page whose lists came in several parts."""
    return whole.model_copy(
        update={
            "revisions": whole.revisions + part.revisions,
            "redirects": whole.redirects + part.redirects,
            "imageinfo": whole.imageinfo + part.imageinfo,
        }
    )


def _batches(names: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (names[start : start + BATCH] for start in range(0, len(names), BATCH))
