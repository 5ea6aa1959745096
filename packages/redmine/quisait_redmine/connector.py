"""Read a Redmine: `RedmineSource.listing` and `read` show the flow."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote

from connectors.batches import batches
from connectors.contributions import Act, contributions_of
from connectors.digests import hash_of
from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Listed,
    Malformed,
    OutsideOf,
    RecordUnreadable,
    RecordVanished,
    SourceUnreachable,
    Unlisted,
)
from connectors.titles import title_of_path
from connectors.values import (
    Access,
    Content,
    ContributorRole,
    Document,
    EvidencePolicy,
    account_principal,
)
from quisait_redmine.client import PAGE_ROWS, RedmineApi, Row, listed, moment_of, named, text_of
from quisait_redmine.documents import conversation_of, sections_of
from quisait_redmine.options import RedmineOptions
from quisait_redmine.rights import MODULES, IssueSight, ProjectRights, RightsReader

_ASKED = ("issue", "page")
"""Items that are requested one by one; all others are complete in their listing."""
FRESH = timedelta(seconds=10)
"""An item that changed less than this time ago is read again at the next reading: Redmine's times
have whole seconds, so another change in the same second would go unnoticed.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A kind of a project: `root` is the id below which its documents are."""

    number: int
    identifier: str
    name: str
    kind: str
    root: str
    rights: ProjectRights


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """An item that exists now. `row` is its entry in the listing."""

    id: str
    version: bytes
    place: Place
    access: Access
    row: Row
    what: str
    part_of: str = ""


@dataclass(slots=True)
class _Seen:
    """The items of a Redmine as listed, before any text is read."""

    places: dict[str, Place] = field(default_factory=dict)
    items: list[ListedRecord] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    problems: list[Malformed] = field(default_factory=list)


@dataclass(slots=True)
class RedmineSource:
    """Lists the projects that the key's account sees and that the settings name."""

    source: str
    options: RedmineOptions
    key: str = field(default="", repr=False)
    limits: HttpLimits = field(default_factory=HttpLimits)
    ca_file: str = ""
    reader: RightsReader = field(init=False)
    _api: RedmineApi = field(init=False)
    _failures: FailuresInARow = field(init=False)
    _closed: frozenset[str] = field(init=False)
    _items: dict[str, ListedRecord] = field(init=False)
    _roots: frozenset[str] = field(init=False)

    def listing(self) -> Iterator[Listed | Unlisted | Malformed]:
        """Yield every item with its readers. Raises `SourceError`."""
        seen = self._look()
        self._items = {one.id: one for one in seen.items}
        self._roots = frozenset(map(self._id, [*seen.places, *seen.closed]))
        yield from seen.problems
        yield from (Unlisted(self._id(root)) for root in sorted(seen.closed))
        yield from (Listed(one.id, one.version, one.access) for one in seen.items)

    def left_out(self) -> Callable[[str], bool]:
        """Return whether a document is in no project and kind that exists, after the listing."""
        return OutsideOf(self._roots)

    def read(self, listed: Listed) -> Document:
        """Return an item as it is now.

        Raises `RecordVanished` if it moved, `RecordUnreadable` if Redmine fails to show it, or
        another `SourceError` if Redmine is down.
        """
        item = self._items[listed.id]
        try:
            made = self._made(item)
        except SourceUnreachable as error:
            self._failures.note(error)
            raise RecordUnreadable(str(error)) from error
        if item.what in _ASKED:
            self._failures.end()
        if made is None:
            raise RecordVanished("Redmine ne le montre plus, ou ailleurs.")
        none = self.options.evidence == "none"
        return replace(made, evidence=EvidencePolicy.NONE if none else EvidencePolicy.YES)

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the current readers of listed items. Raises `SourceError`."""
        records = [self._items[one.id] for one in items]
        (reader := self.reader.again()).load()
        projects = {row["id"]: row for row in self._projects()}
        numbers = {one.place.number for one in records} & projects.keys()
        rights = {number: reader.of_project(projects[number]) for number in sorted(numbers)}
        issues = {one.id: self._issue_of(one) for one in records if one.place.kind == "issues"}
        rows = self._issue_rows(sorted(set(issues.values())))
        readers: dict[str, Access] = {}
        for one in records:
            of_project = rights.get(one.place.number)
            if of_project is None or not _has_module(projects[one.place.number], one.place.kind):
                continue
            if one.place.kind != "issues":
                readers[one.id] = of_project.of_kind(one.place.kind)
                continue
            row = rows.get(issues[one.id])
            if row and named(row, "project").get("id") == one.place.number:
                readers[one.id] = self._issue_access(of_project, row)
        return readers

    def check(self) -> Iterator[str]:
        """Yield a French sentence per unread project or missing reader. Raises `SourceError`."""
        options = self.options
        if options.url.startswith("http:"):
            yield "la clé d'API part en clair : réglez « url » en https://"
        seen = self._look()
        yield from (f"{one.where} : {one.reason}" for one in seen.problems)
        if "issues" in options.read and not options.trackers:
            yield (
                "les demandes ne sont pas lues : nommez dans « trackers » les suivis que voit tout "
                "rôle qui a « Voir les demandes »"
            )
        if self.reader.is_admin:
            yield (
                "la clé est celle d'un administrateur : un compte membre des seuls projets à lire "
                "suffit"
            )
        if missing := set(options.projects) - {one.identifier for one in seen.places.values()}:
            names = ", ".join(sorted(missing))
            yield f"projets que le compte ne voit pas, ou sans rien à lire : {names}"
        for place in seen.places.values():
            if not place.rights.of_kind(place.kind).allowed:
                yield f"{place.identifier} ({place.kind}) : aucun lecteur, personne ne le trouvera"
        if unnamed := self.reader.unnamed():
            yield f"{unnamed} comptes dont Redmine ne dit pas « {options.account} »"

    def _id(self, root: str) -> str:
        return f"{self.source}:{root}"

    def _opened(self, key: str) -> RedmineApi:
        return RedmineApi(HttpHost(self.options.url, self.limits, self.ca_file, "Redmine"), key)

    def _look(self) -> _Seen:
        """List everything that exists, with its readers. Raises `SourceError`."""
        self._api, self._failures, seen = self._opened(self.key), FailuresInARow(), _Seen()
        self.reader = RightsReader(self._api, self._opened(""), self.source, self.options)
        self.reader.load()
        statuses = self._api.rows("issue_statuses", "issue_statuses") or []
        self._closed = frozenset(str(one.get("id")) for one in statuses if one.get("is_closed"))
        for project in self._projects():
            rights = self.reader.of_project(project)
            for kind in self.options.read:
                if not _has_module(project, kind) or (
                    kind == "issues" and not self.options.trackers
                ):
                    continue
                root = f"{project['id']}/{kind}"
                if rights is None:
                    seen.closed.append(root)
                    reason = "le compte n'en voit pas les membres : personne ne le lit"
                    problem = Malformed(text_of(project, "identifier"), reason)
                    if problem not in seen.problems:
                        seen.problems.append(problem)
                    continue
                seen.places[root] = Place(
                    project["id"],
                    text_of(project, "identifier"),
                    text_of(project, "name"),
                    kind,
                    root,
                    rights,
                )
        for place in list(seen.places.values()):
            items = self._listed(place)
            if items is None:
                self._close(seen, place, f"le compte n'en voit pas : {place.kind}")
            else:
                seen.items += items
        seen.items += self._issues(seen)
        seen.items = sorted({one.id: one for one in seen.items}.values(), key=lambda one: one.id)
        seen.problems += self.reader.problems
        self.reader.problems.clear()
        return seen

    def _made(self, item: ListedRecord) -> Document | None:
        match item.what:
            case "issue":
                return self._issue_document(item)
            case "page":
                return self._page_document(item)
            case "news":
                return self._news_document(item)
            case _:
                return self._file_document(item)

    def _projects(self) -> Iterator[Row]:
        rows = self._api.rows("projects", "projects", _PROJECTS)
        if rows is None:  # otherwise everything would count as deleted
            raise SourceUnreachable(f"{self._api.host.host} ne liste pas ses projets.")
        for row in sorted(rows, key=lambda row: str(row.get("id"))):
            name = text_of(row, "identifier")
            wanted = not self.options.projects or name in self.options.projects
            if isinstance(row.get("id"), int) and wanted and name not in self.options.exclude:
                yield row

    def _listed(self, place: Place) -> list[ListedRecord] | None:
        """Return pages, news or files of a project, or None if the account may not list them."""
        match place.kind:
            case "wiki":
                return self._pages(place)
            case "news":
                return self._news(place)
            case "files":
                answer = self._api.get(f"projects/{place.number}/files")
                if answer is None:
                    return None
                return self._files(place, listed(answer, "files"), place.rights.of_kind("files"))
            case _:
                return []

    def _pages(self, place: Place) -> list[ListedRecord] | None:
        answer = self._api.get(f"projects/{place.number}/wiki/index")
        if answer is None:
            return None
        access = place.rights.of_kind("wiki")
        found = []
        for row in listed(answer, "wiki_pages"):
            title = text_of(row, "title")
            if not title:
                continue
            page = self._item(place, f"{place.root}/{title}", access, row, "page")
            found.append(page)
            if self.options.wiki_files:
                whole = self._page(place, title, {"include": "attachments"})
                rows = listed(_titled(whole, title), "attachments")
                found += self._files(place, rows, access, page.id)
        return found

    def _news(self, place: Place) -> list[ListedRecord] | None:
        rows = self._api.rows(f"projects/{place.number}/news", "news")
        if rows is None:
            return None
        access = place.rights.of_kind("news")
        # A project's list may include news of its subprojects.
        own = [row for row in rows if named(row, "project").get("id") == place.number]
        return [
            self._item(place, f"{place.root}/{row['id']}", access, row, "news")
            for row in own
            if isinstance(row.get("id"), int)
        ]

    def _close(self, seen: _Seen, place: Place, reason: str) -> None:
        del seen.places[place.root]
        seen.closed.append(place.root)
        seen.problems.append(Malformed(place.identifier, f"{reason} ; personne ne le lit"))

    def _issues(self, seen: _Seen) -> list[ListedRecord]:
        places = {one.number: one for one in seen.places.values() if one.kind == "issues"}
        if not places:
            return []
        if self._api.get("issues", {"status_id": "*", "limit": 1}) is None:
            for one in places.values():
                self._close(seen, one, "le compte n'en voit aucune demande")
            return []
        for one in places.values():
            if one.rights.own.issues < IssueSight.ALL:
                reason = "le compte n'y voit pas toutes les demandes : son rôle doit les montrer"
                seen.problems.append(Malformed(one.identifier, reason))
        found = []
        every = "*" in self.options.trackers
        for row in self._api.issues({"status_id": "*", "include": "attachments"}):
            place = places.get(named(row, "project").get("id", 0))
            tracker = text_of(named(row, "tracker"), "name")
            if place is None or not (every or tracker in self.options.trackers):
                continue
            access = self._issue_access(place.rights, row)
            issue = self._item(place, f"{place.root}/{row['id']}", access, row, "issue")
            # Descriptions are dropped to save memory: each is read again in its turn.
            found.append(replace(issue, row={"id": row["id"]}))
            found += self._files(place, listed(row, "attachments"), access, issue.id)
        return found

    def _files(
        self, place: Place, rows: list[Row], access: Access, part_of: str = ""
    ) -> list[ListedRecord]:
        above = part_of.removeprefix(f"{self.source}:") or place.root
        return [
            replace(
                self._item(place, f"{above}/file/{row['id']}", access, row, "file"),
                part_of=part_of,
            )
            for row in rows
            if isinstance(row.get("id"), int) and isinstance(row.get("filesize"), int)
        ]

    def _item(self, place: Place, path: str, access: Access, row: Row, what: str) -> ListedRecord:
        document_id = f"{self.source}:{path}"
        counted = {name: value for name, value in row.items() if name not in _UNCOUNTED}
        settings = [place.name, self.options.model_dump(mode="json", include=_COUNTED)]
        updated = moment_of(row, "updated_on")
        fresh = bool(updated and self._api.now and updated > self._api.now - FRESH)
        is_fresh = what == "issue" and (fresh or not self.options.notes_days)
        turn = self._turn(row["id"]) if what == "issue" else 0
        told = json.dumps([counted, settings, turn], sort_keys=True, default=str)
        return ListedRecord(
            document_id, b"" if is_fresh else hash_of(told), place, access, row, what
        )

    def _turn(self, number: int) -> int:
        """Return a number that changes every `notes_days` days, at a different hour per issue.

        It makes the issue be read again, because a note that is edited, removed or made private
        does not change the issue's `updated_on`.
        """
        hours = int((self._api.now or datetime.now(UTC)).timestamp()) // 3600
        return (hours + number) // (24 * max(self.options.notes_days, 1))

    def _issue_of(self, item: ListedRecord) -> int:
        """Return the number of an issue, or of the issue that a file is attached to."""
        number: int = self._items[item.part_of or item.id].row["id"]
        return number

    def _issue_rows(self, numbers: Sequence[int]) -> dict[int, Row]:
        """Return these issues as they are now, by number, without hidden ones."""
        rows: dict[int, Row] = {}
        for some in batches(numbers, PAGE_ROWS):
            missing = set(some)
            while missing:  # a server or proxy may return fewer rows than were requested
                names = ",".join(map(str, sorted(missing)))
                asked = {"status_id": "*", "issue_id": names, "limit": PAGE_ROWS}
                answer = self._api.get("issues", asked) or {}
                given = {
                    row["id"]: row for row in listed(answer, "issues") if row.get("id") in missing
                }
                rows |= given
                missing -= given.keys()
                if not given or answer.get("total_count") == len(given):
                    break
        return rows

    def _issue_access(self, rights: ProjectRights, row: Row) -> Access:
        people = [named(row, "author"), named(row, "assigned_to")]
        own = [account_principal(self.reader.account(one)) for one in people if one]
        # An issue counts as private unless Redmine states that it is public.
        return rights.of_issue(is_private=row.get("is_private") is not False, own=own)

    def _issue_document(self, item: ListedRecord) -> Document | None:
        answer = self._api.get(f"issues/{item.row['id']}", {"include": "journals"})
        row = named(answer or {}, "issue")
        if not row or named(row, "project").get("id") != item.place.number:
            return None
        said = conversation_of(row, self._closed, self.options.rejected, self.reader.account)
        asked = sections_of(text_of(row, "description"), self.options.text)
        return Document(
            id=item.id,
            source=self.source,
            title=text_of(row, "subject"),
            access=item.access,
            sections=(*(replace(one, author=said.asker) for one in asked), *said.sections()),
            url=f"{self.options.url}issues/{row['id']}",
            kind="thread",
            created=moment_of(row, "created_on"),
            modified=moment_of(row, "updated_on"),
            space=item.place.name,
            contributions=contributions_of(said.acts()),
        )

    def _page(self, place: Place, title: str, parameters: Row | None = None) -> Row | None:
        return self._api.get(f"projects/{place.number}/wiki/{quote(title, safe='')}", parameters)

    def _page_document(self, item: ListedRecord) -> Document | None:
        title = text_of(item.row, "title")
        row = _titled(self._page(item.place, title), title)
        if not row:
            return None
        address = f"projects/{item.place.identifier}/wiki/{quote(title, safe='')}"
        return Document(
            id=item.id,
            source=self.source,
            title=title.replace("_", " "),
            access=item.access,
            sections=sections_of(text_of(row, "text"), self.options.text),
            url=f"{self.options.url}{address}",
            kind="page",
            created=moment_of(row, "created_on"),
            modified=moment_of(row, "updated_on"),
            space=item.place.name,
            contributions=contributions_of(self._versions(item.place, title, row)),
        )

    def _versions(self, place: Place, title: str, row: Row) -> Iterator[Act]:
        """Yield each version's writer, if the account may ask; the first is the page's author."""
        last = row.get("version")
        last = last if isinstance(last, int) else 1
        asked = sorted({1, *range(max(1, last - self.options.versions), last)})
        authors = set()
        for version in asked if self.options.versions and last > 1 else ():
            said = self._api.get(f"projects/{place.number}/wiki/{quote(title, safe='')}/{version}")
            former = named(said or {}, "wiki_page")
            if author := named(former, "author"):
                if version == 1:
                    authors.add(self.reader.account(author))
                yield self._wrote(former, authors)
        if author := named(row, "author"):
            if last == 1:
                authors.add(self.reader.account(author))
            yield self._wrote(row, authors)

    def _wrote(self, row: Row, authors: set[str]) -> Act:
        is_author = self.reader.account(named(row, "author")) in authors
        role = ContributorRole.AUTHOR if is_author else ContributorRole.EDITOR
        return self._act(row, role, "updated_on")

    def _act(self, row: Row, role: ContributorRole, when: str = "created_on") -> Act:
        author = named(row, "author")
        account, label = self.reader.account(author), text_of(author, "name")
        return Act(account, role, label, moment_of(row, when))

    def _news_document(self, item: ListedRecord) -> Document:
        row, created = item.row, moment_of(item.row, "created_on")
        written = "\n\n".join(filter(None, (text_of(row, "summary"), text_of(row, "description"))))
        return Document(
            id=item.id,
            source=self.source,
            title=text_of(row, "title"),
            access=item.access,
            sections=sections_of(written, self.options.text),
            url=f"{self.options.url}news/{row['id']}",
            kind="post",
            created=created,
            modified=created,
            space=item.place.name,
            contributions=contributions_of([self._act(row, ContributorRole.AUTHOR)]),
        )

    def _file_document(self, item: ListedRecord) -> Document:
        row = item.row
        number, name, size = row["id"], text_of(row, "filename") or "fichier", row["filesize"]
        created = moment_of(row, "created_on")
        return Document(
            id=item.id,
            source=self.source,
            title="",
            access=item.access,
            content=Content(
                name, partial(self._api.file, number, name, size), None, size, title_of_path(name)
            ),
            url=f"{self.options.url}attachments/{number}",
            created=created,
            modified=created,
            space=item.place.name,
            part_of=item.part_of,
            version=f"{number}:{size}",
            contributions=contributions_of([self._act(row, ContributorRole.UPLOADER)]),
        )


def _has_module(project: Row, kind: str) -> bool:
    return MODULES[kind] in {text_of(one, "name") for one in listed(project, "enabled_modules")}


def _titled(answer: Row | None, title: str) -> Row:
    """Return the page of an answer; empty if a renamed page redirected to another."""
    row = named(answer or {}, "wiki_page")
    return row if text_of(row, "title") == title else {}


_PROJECTS = {"include": "enabled_modules", "status": "1|5"}
"""Parameters for active and closed projects: by default, Redmine lists no closed project."""
_UNCOUNTED = frozenset(
    {
        *("attachments", "downloads"),
        *("spent_hours", "total_spent_hours", "estimated_hours", "total_estimated_hours"),
    }
)
"""Fields of a list's row that do not change the document."""
_COUNTED = {"url", "text", "evidence", "versions", "account", "rejected"}
"""Settings that change documents although the texts are the same."""


def open_redmine(place: SourcePlace, options: RedmineOptions) -> RedmineSource:
    """Return the connector of one source; no request is sent yet."""
    limits, ca_file = HttpLimits(options.rate_per_s), place.file(options.ca_file)
    return RedmineSource(place.source, options, place.password(), limits, ca_file)


KIND = ConnectorKind(
    "Redmine",
    RedmineOptions,
    open_redmine,
    about="Le wiki, les demandes, les annonces et les fichiers d'un Redmine. Ils sont lus par "
    "ceux que les membres et les rôles de chaque projet disent.",
    credential="la clé d'API du compte qui lit",
)
