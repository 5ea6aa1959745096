"""Read a CMIS repository: `CmisSource.listing_since` shows the flow."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from connectors.contributions import Act, contributions_of
from connectors.digests import digest_of
from connectors.folder.documents import described
from connectors.http_host import HttpHost
from connectors.installed import ConnectorKind, SourcePlace
from connectors.options import filled
from connectors.ports import (
    Former,
    Listed,
    ListingItem,
    Malformed,
    Note,
    UnchangedFolder,
    Unlisted,
)
from connectors.titles import title_of_path
from connectors.values import (
    Access,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
)
from quisait_cmis.client import CmisClient, LogEntry, LogUnreadable
from quisait_cmis.objects import DOCUMENT, CmisObject, ObjectUnreadable
from quisait_cmis.options import CmisOptions
from quisait_cmis.readers import AccessReading
from quisait_cmis.walk import ListedObject, UnlistedObjects, is_read, paths_of, walk

CHECK_DOCUMENTS = 50
MOST_LOGGED = 1_000
"""Maximum number of log entries that are followed one by one; if there are more, all folders are
walked.
"""
_NAMED = 10


@dataclass(slots=True)
class CmisSource:
    """Lists every selected document in and below one folder of a repository.

    Each document's access list is requested in every walk.
    """

    source: str
    options: CmisOptions
    default_access: Access
    host: HttpHost
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), compare=False)
    _client: CmisClient = field(init=False, compare=False)
    _rights: AccessReading = field(init=False, compare=False)
    _told: set[tuple[str, str]] = field(init=False, compare=False)

    def listing_since(self, former: Former) -> Iterator[ListingItem]:
        """Yield the documents that the log names if it suffices, else all. Raises `SourceError`."""
        client = self._client = self.client()
        self._rights, self._told = self.reading(client), set()
        # Taken first: the log after this token contains all changes during the listing.
        note = WalkNote(client.repository.log_token, self.now().isoformat(), self._settings())
        before = read_note(former.note)
        if (logged := self._logged(before, note, former)) is not None:
            yield UnchangedFolder(f"{self.source}:")
            yield from logged
            yield Note(replace(note, walked=before.walked).text())
            return
        is_whole = True
        root = client.root(self.options.folder)
        for seen in walk(client, root, self.options.selection, self._entered(former)):
            if isinstance(seen, ListedObject):
                if former.enters(self._id(seen.path)):
                    yield from self._listed(seen)
                continue
            if not seen.path and not seen.partly:
                raise client.unread_root(seen.reason, seen.error)
            is_whole = False
            yield Unlisted(self._id(seen.path), seen.reason)
        if is_whole:  # else the next crawl walks again: the log is not enough
            yield Note(note.text())

    def read(self, listed: Listed) -> Document:
        """Return a document; its file is read later, with its readers. Raises `SourceError`."""
        found, version = listed.place
        return self.made(self._client, found.path, version, listed.access or Access())

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access | None]:
        """Return the readers that the documents' access lists now name. Raises `SourceError`."""
        again = (one for item in items for one in self._listed(item.place[0]))
        return {one.id: one.access for one in again if isinstance(one, Listed) and not one.problem}

    def left_out(self) -> Callable[[str], bool] | None:
        """Return whether the settings exclude a document."""
        return self.options.selection.left_out(self.source)

    def check(self) -> Iterator[str]:
        """Yield a French sentence per problem: missing permissions, documents without readers.

        Only the first `CHECK_DOCUMENTS` documents are tried. Raises `SourceError`.
        """
        client = self.client()
        repository, reading = client.repository, self.reading(client)
        if self.options.url.startswith("http:"):
            yield "le mot de passe part en clair : réglez « url » en https://"
        if not repository.has_access_lists and not self.default_access.allowed:
            yield "le dépôt n'a pas de listes d'accès et « allowed » est vide : personne ne lira"
        if self.options.changes == "log":
            if not repository.has_log:
                yield "le dépôt ne tient pas de journal : tout est parcouru à chaque lecture"
            else:
                yield (
                    '« changes = "log" » se fie au journal du dépôt entre deux parcours : vérifiez '
                    "qu'il dit aussi les changements de droits"
                )
        yield from self._tried(client, reading)

    def _tried(self, client: CmisClient, reading: AccessReading) -> Iterator[str]:
        tried, unread, told = 0, 0, dict[str, int]()
        for seen in walk(client, client.root(self.options.folder), self.options.selection):
            if isinstance(seen, UnlistedObjects):
                yield f"« {seen.path or self.options.folder} » n'est pas lu : {seen.reason}"
                continue
            try:
                access, problem = reading.readers(client.object_of(seen.found.id))
            except ObjectUnreadable as error:
                access, problem = Access(), str(error)
            unread += not access.allowed
            if problem:
                told[problem] = told.get(problem, 0) + 1
            tried += 1
            if tried == CHECK_DOCUMENTS:
                break
        yield from (f"{count} des {tried} premiers : {why}" for why, count in told.items())
        if unread:
            yield f"{unread} des {tried} premiers documents ne seront lus de personne"
        if reading.nobody:
            names = ", ".join(sorted(reading.nobody)[:_NAMED])
            yield f"ne sont personne ici, faute de « groups » ou de « anyone » : {names}"

    def client(self) -> CmisClient:
        """Return a client for one reading of the source."""
        return CmisClient(self.host, self.options.repository)

    def reading(self, client: CmisClient) -> AccessReading:
        """Return how access lists of this repository are read. Raises `SourceError`."""
        repository = client.repository
        stated = None if repository.has_access_lists else self.default_access
        return AccessReading(self.source, self.options, repository.anyone, stated)

    def made(self, client: CmisClient, path: str, found: CmisObject, access: Access) -> Document:
        """Return the document of an object."""
        content = client.content(found, title_of_path(path))
        text = found.text("cmis:description") if content is None else ""
        return Document(
            id=self._id(path),
            source=self.source,
            title=self._title(found) or ("" if content else title_of_path(path)),
            access=access,
            sections=(Section(text),) if text else (),
            content=content,
            url=self._url(client, path, found),
            created=found.moment("cmis:creationDate"),
            modified=found.moment("cmis:lastModificationDate"),
            evidence=EvidencePolicy(self.options.evidence),
            contributions=contributions_of(self._acts(found)),
            version=found.version,
        )

    def _title(self, found: CmisObject) -> str:
        return found.text(self.options.title).strip() if self.options.title else ""

    def _url(self, client: CmisClient, path: str, found: CmisObject) -> str:
        if not self.options.link:
            asked = urlencode({"cmisselector": "content", "objectId": found.id})
            return f"{client.repository.root_url}?{asked}"
        series = found.text("cmis:versionSeriesId") or found.id
        return filled(self.options.link, id=found.id, series=series, path=path)

    def _acts(self, found: CmisObject) -> Iterator[Act]:
        """Yield the creator, and the last editor if it is somebody else."""
        creator, editor = found.text("cmis:createdBy"), found.text("cmis:lastModifiedBy")
        role = ContributorRole(self.options.creator)
        for name, as_role, moment in (
            (creator, role, found.moment("cmis:creationDate")),
            (
                editor if editor != creator else "",
                ContributorRole.EDITOR,
                found.moment("cmis:lastModificationDate"),
            ),
        ):
            if not name.strip() or "\0" in name:
                continue
            counted = ContributorRole.BOT if name in self.options.bots else as_role
            yield Act(f"{self.source}:{name}", counted, name, moment)

    def _listed(self, listed: ListedObject) -> Iterator[Listed | Malformed]:
        """Yield a document with its readers; nothing for a draft or a deleted document.

        A list that does not say who reads is reported once per folder and reason.
        """
        document_id, folder = self._id(listed.path), listed.path.rpartition("/")[0]
        try:
            both = self._client.document(listed.found, major=self.options.versions == "major")
        except ObjectUnreadable as error:
            if not error.gone:
                reason = f"le document ou ses droits : {error}"
                yield Listed(document_id, b"", problem=reason)
            return
        if both is None or not is_read(both[1]):
            return  # a draft, or somebody's working copy
        version, current = both
        access, problem = self._rights.readers(current)
        if version is not current:  # only readers of both, since a draft may have fewer readers
            older, why = self._rights.readers(version)
            access, problem = access.narrowed_to(older), problem or why
        if problem and (folder, problem) not in self._told:
            self._told.add((folder, problem))
            yield Malformed(listed.path, problem, document_id)
        made = self.made(self._client, listed.path, version, access)
        yield Listed(document_id, described(made).encode(), access, (listed, version))

    def _logged(
        self, before: "WalkNote", now: "WalkNote", former: Former
    ) -> list[Listed | Malformed] | None:
        """Return the documents in the log.

        Returns None if a walk is needed: no log, no recent walk, changed settings, or log entries
        about folders, deletions or moves, which only a walk can locate.
        """
        if (
            self.options.changes != "log"
            or not self._client.repository.has_log
            or not before.log
            or before.settings != now.settings
            or not before.is_within(timedelta(hours=self.options.walk_every_h), now)
        ):
            return None
        if before.log == now.log:
            return []
        try:
            paths = self._placed(self._client.log_since(before.log, MOST_LOGGED), former)
        except (LogUnreadable, ObjectUnreadable):
            return None
        found: list[Listed | Malformed] = []
        for path, object_id in paths.items():
            items = list(self._listed(ListedObject(path, CmisObject({"cmis:objectId": object_id}))))
            if not items:
                return None  # it is a draft now, or gone
            found += items
        return found

    def _placed(self, entries: list[LogEntry], former: Former) -> dict[str, str]:
        """Return the paths of these entries' documents, each with its object's id.

        Raises `LogUnreadable`, `ObjectUnreadable`, `SourceUnreachable`.
        """
        paths: dict[str, str] = {}
        kinds: dict[str, set[str]] = {}
        for one in entries:
            kinds.setdefault(one.object_id, set()).add(one.kind)
        if len(kinds) > MOST_LOGGED:
            raise LogUnreadable
        for object_id, said in kinds.items():
            found = self._client.object_of(object_id)
            if found.base != DOCUMENT or "deleted" in said:
                raise LogUnreadable
            if found.flag("cmis:isPrivateWorkingCopy"):
                continue
            places = paths_of(self._client, object_id, self.options.folder)
            known = former.known([Listed(self._id(path), None) for path in places])
            if "created" not in said and not (places and len(known) == len(set(places))):
                raise LogUnreadable  # it may have been moved into or out of the folder
            selection = self.options.selection
            paths |= {path: object_id for path in places if selection.takes(tuple(path.split("/")))}
        return paths

    def _settings(self) -> str:
        stated = sorted(self.default_access.allowed), sorted(self.default_access.denied)
        return digest_of([self.options.model_dump_json(), repr(stated)], 16).hex()

    def _entered(self, former: Former) -> Callable[[str], bool]:
        return lambda path: former.enters(self._id(path))

    def _id(self, path: str) -> str:
        return f"{self.source}:{path}"


@dataclass(frozen=True, slots=True)
class WalkNote:
    """Values that a crawl stores for the next crawl.

    `log` is the token of the change log up to which everything was read, `walked` is the time at
    which the last complete walk began (ISO 8601). `settings` is a digest of the settings.
    """

    log: str = ""
    walked: str = ""
    settings: str = ""

    def text(self) -> str:
        """Return the note as text."""
        return json.dumps(astuple(self))

    def is_within(self, longest: timedelta, now: "WalkNote") -> bool:
        """Return whether the noted walk began less than `longest` before the walk of `now`."""
        try:
            since = datetime.fromisoformat(now.walked) - datetime.fromisoformat(self.walked)
        except (ValueError, TypeError):
            return False
        return timedelta(0) <= since < longest


def read_note(text: str) -> WalkNote:
    """Return the note that `WalkNote.text` wrote; an empty note for any other text."""
    try:
        log, walked, settings = map(str, json.loads(text or "[]"))
        return WalkNote(log, walked, settings)
    except (ValueError, TypeError, RecursionError):
        return WalkNote()


def open_cmis(place: SourcePlace, options: CmisOptions) -> CmisSource:
    """Return the connector of one source; no request is sent yet. Raises `SourceRefused`."""
    host = place.http(options, "Le dépôt", options.user)
    return CmisSource(place.source, options, place.default_access, host)


KIND = ConnectorKind(
    "dépôt CMIS",
    CmisOptions,
    open_cmis,
    about="Les documents d'un dossier d'Alfresco, de Nuxeo ou d'un autre dépôt CMIS 1.1. Un "
    "document est lu par ceux que sa liste d'accès nomme.",
)
