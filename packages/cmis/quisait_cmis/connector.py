"""Read a CMIS repository: `CmisConnector.changes` shows the flow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from connectors.folder.documents import described
from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    AccessChanged,
    Change,
    Checkpoint,
    ContentStale,
    Delete,
    Listing,
    Malformed,
    SubtreeHidden,
    Upsert,
    is_under,
)
from connectors.titles import title_of_path
from connectors.values import (
    Access,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
)
from quisait_cmis.client import CmisClient, LogEntry, LogUnreadable, ObjectUnreadable
from quisait_cmis.cursor import (
    UNKNOWN,
    CmisCursor,
    DocumentMarks,
    access_mark,
    path_key,
    read_cursor,
    state_mark,
)
from quisait_cmis.objects import DOCUMENT, CmisObject
from quisait_cmis.options import CmisOptions
from quisait_cmis.readers import AccessReading
from quisait_cmis.walk import ListedObject, UnlistedObjects, is_read, paths_of, walk

CHECKPOINT_DOCUMENTS = 50
CHECK_DOCUMENTS = 50
MOST_LOGGED = 1_000
"""Maximum number of log entries that are followed one by one; with more, everything is walked."""
_NAMED = 10


@dataclass(frozen=True, slots=True)
class CmisConnector:
    """Reads every selected document in and below one folder of a repository.

    An unchanged document is not read again; its access list is requested in every walk. `password`
    belongs to the account in the options.
    """

    source: str
    options: CmisOptions
    default_access: Access
    password: str = field(default="", repr=False)
    ca_file: str = ""
    limits: HttpLimits = field(default_factory=HttpLimits)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), compare=False)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield changes from the log if it suffices, else from a walk. Raises `SourceError`."""
        client = self.client()
        reading = _Reading(self, client, read_cursor(since), self.now())
        logged = reading.logged()
        if logged is not None:
            yield from reading.read(logged)
        else:
            yield from reading.walk()

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield these documents as they are now. Raises `SourceError`."""
        wanted = {one.removeprefix(f"{self.source}:") for one in document_ids}

        def entered(folder: str) -> bool:
            return any(path.startswith(f"{folder}/") for path in wanted)

        client = self.client()
        reading = _Reading(self, client, CmisCursor(), self.now())
        root = client.root(self.options.folder)
        for seen in walk(client, root, self.options.selection, entered):
            if isinstance(seen, ListedObject) and seen.path in wanted:
                yield from (one for one in reading.document(seen) if isinstance(one, Upsert))

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
        """Return a client for one reading."""
        account = (self.options.user, self.password)
        host = HttpHost(
            self.options.url.rstrip("/"), self.limits, self.ca_file, "Le dépôt", account
        )
        return CmisClient(host, self.options.repository)

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
            id=f"{self.source}:{path}",
            source=self.source,
            title=self._title(found) or ("" if content else title_of_path(path)),
            access=access,
            sections=(Section(text),) if text else (),
            content=content,
            url=self._url(client, path, found),
            created=found.moment("cmis:creationDate"),
            modified=found.moment("cmis:lastModificationDate"),
            evidence=EvidencePolicy(self.options.evidence),
            contributions=tuple(self._contributions(found)),
            version=found.version,
        )

    def _title(self, found: CmisObject) -> str:
        return found.text(self.options.title).strip() if self.options.title else ""

    def _url(self, client: CmisClient, path: str, found: CmisObject) -> str:
        if not self.options.link:
            asked = urlencode({"cmisselector": "content", "objectId": found.id})
            return f"{client.repository.root_url}?{asked}"
        named = {
            "{id}": found.id,
            "{series}": found.text("cmis:versionSeriesId") or found.id,
            "{path}": path,
        }
        link = self.options.link
        for name, value in named.items():
            link = link.replace(name, quote(value))
        return link

    def _contributions(self, found: CmisObject) -> Iterator[Contribution]:
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
            day = moment.date() if moment else None
            years = ((day.year, 1),) if day else ()
            counted = ContributorRole.BOT if name in self.options.bots else as_role
            yield Contribution(f"{self.source}:{name}", counted, name, 1, day, day, years)


@dataclass(slots=True)
class _Reading:
    """One reading: the former cursor, and the state so far."""

    connector: CmisConnector
    client: CmisClient
    before: CmisCursor
    began: datetime
    rights: AccessReading = field(init=False)
    settings: str = field(init=False)
    documents: dict[bytes, DocumentMarks] = field(default_factory=dict)
    existing: set[str] = field(default_factory=set)
    told: set[tuple[str, str]] = field(default_factory=set)
    access: dict[str, Access] = field(default_factory=dict)
    """The access of the document that was read last, by id."""
    token: str = field(init=False)

    def __post_init__(self) -> None:
        self.rights = self.connector.reading(self.client)
        stated = self.connector.default_access
        options = self.connector.options.model_dump_json()
        self.settings = access_mark(stated.allowed | {options}, stated.denied).hex()
        # Taken first: the log after this token contains all changes during the reading.
        self.token = self.client.repository.log_token

    def logged(self) -> dict[str, str] | None:
        """Return the paths of the documents in the log, each with its object's id.

        Returns None if a walk is needed: no log, no recent walk, changed settings, or log entries
        about folders, deletions or moves, which only a walk can locate.
        """
        connector, walked = self.connector, self.before.walked_at()
        every = timedelta(hours=connector.options.walk_every_h)
        if (
            connector.options.changes != "log"
            or not self.client.repository.has_log
            or not self.before.log
            or self.before.settings != self.settings
            or walked is None
            or not timedelta(0) <= self.began - walked < every
        ):
            return None
        if self.before.log == self.token:
            return {}
        try:
            entries = self.client.log_since(self.before.log, MOST_LOGGED)
            return self._placed(entries)
        except (LogUnreadable, ObjectUnreadable):
            return None

    def _placed(self, entries: list[LogEntry]) -> dict[str, str]:
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
            found = self.client.object_of(object_id)
            if found.base != DOCUMENT or "deleted" in said:
                raise LogUnreadable
            if found.flag("cmis:isPrivateWorkingCopy"):
                continue
            places = paths_of(self.client, object_id, self.connector.options.folder)
            known = all(path_key(path) in self.before.documents for path in places)
            if "created" not in said and not (places and known):
                raise LogUnreadable  # it may have been moved into or out of the folder
            selection = self.connector.options.selection
            paths |= {path: object_id for path in places if selection.takes(tuple(path.split("/")))}
        return paths

    def read(self, paths: dict[str, str]) -> Iterator[Change]:
        """Read the documents that the log names."""
        self.documents.update(self.before.documents)
        for path, object_id in paths.items():
            listed = CmisObject({"cmis:objectId": object_id})
            yield from self.document(ListedObject(path, listed))
            if f"{self.connector.source}:{path}" not in self.existing:
                self.documents.pop(path_key(path), None)
                yield Delete(f"{self.connector.source}:{path}")
        yield Checkpoint(self._cursor(self.token, self.before.walked).text())

    def walk(self) -> Iterator[Change]:
        """Look at every document, then yield the listing."""
        unlisted: list[str] = []
        partly: set[str] = set()
        seen_below: dict[str, Access] = {}
        pending = 0
        root = self.client.root(self.connector.options.folder)
        for seen in walk(self.client, root, self.connector.options.selection):
            document_id = f"{self.connector.source}:{seen.path}"
            if isinstance(seen, UnlistedObjects):
                if not seen.path and not seen.partly:
                    raise self.client.unread_root(seen.reason, seen.error)
                unlisted.append(document_id)
                yield Malformed(seen.path or "/", seen.reason, kind="closed_folder")
                if seen.partly:
                    partly.add(document_id)
                else:
                    yield SubtreeHidden(document_id)
                continue
            if path_key(seen.path) in self.documents:
                yield Malformed(seen.path, "deux objets ont ce chemin : un seul est lu")
                continue
            yield from self.document(seen)
            if document_id in self.access and is_under(document_id, partly):
                seen_below[document_id] = self.access[document_id]
            self.access.clear()
            pending += 1
            # The cursor grows with the repository, so it is written less often in large ones.
            if pending >= max(CHECKPOINT_DOCUMENTS, len(self.documents) // 10):
                pending = 0
                # Once a folder was hidden, the former marks are no longer valid.
                known = {} if unlisted else dict(self.before.documents)
                yield Checkpoint(CmisCursor(known | self.documents).text())
        yield from self._closed_again(partly, seen_below)
        yield Checkpoint(CmisCursor(self.documents).text())
        left_out = self.connector.options.selection.left_out(self.connector.source)
        yield Listing(frozenset(self.existing), tuple(unlisted), left_out)
        # After an incomplete walk the next reading walks again: the log is not enough.
        walked = "" if unlisted else self.began.isoformat()
        yield Checkpoint(self._cursor(self.token, walked).text())

    def _closed_again(self, partly: set[str], seen: dict[str, Access]) -> Iterator[Change]:
        """Hide everything in partly listed folders, except documents that were `seen`."""
        if not partly:
            return
        source = f"{self.connector.source}:"
        opened = {path_key(one.removeprefix(source)) for one in seen}
        # If the reading is interrupted before they are reopened, the next one reads them anew.
        known = {key: one for key, one in self.documents.items() if key not in opened}
        yield Checkpoint(CmisCursor(known).text())
        yield from map(SubtreeHidden, sorted(partly))
        for document_id, access in seen.items():
            yield AccessChanged(document_id, access)

    def document(self, listed: ListedObject) -> Iterator[Change]:
        """Yield the changes of a document, and note its digests for the cursor."""
        document_id, key = f"{self.connector.source}:{listed.path}", path_key(listed.path)
        former = self.before.documents.get(key, UNKNOWN)
        major = self.connector.options.versions == "major"
        try:
            both = self.client.document(listed.found, major=major)
            if both is None or not is_read(both[1]):
                return  # a draft, or somebody's working copy
        except ObjectUnreadable as error:
            if error.gone:
                return
            self.existing.add(document_id)
            self.documents[key] = UNKNOWN
            yield ContentStale(document_id)
            yield Malformed(listed.path, f"le document ou ses droits : {error}", document_id)
            return
        version, current = both
        access, problem = self.rights.readers(current)
        if version is not current:  # only readers of both, since a draft may have fewer readers
            older, why = self.rights.readers(version)
            access, problem = access.narrowed_to(older), problem or why
        made = self.connector.made(self.client, listed.path, version, access)
        marks = DocumentMarks(
            state_mark(described(made)), access_mark(access.allowed, access.denied)
        )
        self.existing.add(document_id)
        self.documents[key] = marks
        self.access[document_id] = access
        if marks.state != former.state:
            yield Upsert(made)
        elif marks.access != former.access:
            yield AccessChanged(document_id, access)
        folder = listed.path.rpartition("/")[0]
        if problem and marks != former and (folder, problem) not in self.told:
            self.told.add((folder, problem))
            yield Malformed(listed.path, problem, document_id)

    def _cursor(self, log: str, walked: str) -> CmisCursor:
        return CmisCursor(self.documents, log, walked, self.settings)


def open_cmis(place: SourcePlace, options: CmisOptions) -> CmisConnector:
    """Return the connector of one source; no request is sent yet. Raises `SourceRefused`."""
    ca_file = str(place.folder / options.ca_file) if options.ca_file else ""
    limits = HttpLimits(rate_per_s=options.rate_per_s)
    return CmisConnector(
        place.source, options, place.default_access, place.password(), ca_file, limits
    )


KIND = ConnectorKind(
    "dépôt CMIS",
    CmisOptions,
    open_cmis,
    about="Les documents d'un dossier d'Alfresco, de Nuxeo ou d'un autre dépôt CMIS 1.1. Un "
    "document est lu par ceux que sa liste d'accès nomme.",
)
