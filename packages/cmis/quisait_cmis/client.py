"""A client of a repository: CMIS 1.1, browser binding."""

import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from connectors.http_failures import FailuresInARow
from connectors.http_host import HttpHost
from connectors.ports import RecordVanished, SourceError, SourceRefused, SourceUnreachable
from connectors.values import Content
from quisait_cmis.objects import (
    CmisObject,
    ObjectUnreadable,
    latest_major,
    parse_answer,
    read_listed,
    read_object,
)

PAGE = 200
"""Objects per page, of a folder or of the change log."""
MOST_PAGES = 5_000
_TRIES = 3
"""Number of times that a folder is listed if it changes meanwhile."""
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class CmisRepository:
    """A repository's description of itself; `log_token` is the token of the newest log entry."""

    id: str
    url: str
    root_url: str
    root_id: str
    has_access_lists: bool
    log_token: str
    has_log: bool
    anyone: frozenset[str]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the change log."""

    kind: str
    object_id: str
    base: str


class LogUnreadable(Exception):
    """The log is incomplete since a token, so that a walk is needed."""


@dataclass(slots=True)
class CmisClient:
    """Requests to one repository; distinguishes a failing object from a server that is down."""

    host: HttpHost
    repository_id: str = ""
    failures: FailuresInARow = field(default_factory=FailuresInARow, init=False)
    _repository: CmisRepository | None = field(default=None, init=False)

    @property
    def repository(self) -> CmisRepository:
        """The repository's description, requested once.

        Raises `SourceRefused`, `SourceUnreachable`.
        """
        if self._repository is None:
            self._repository = self._asked_repository()
        return self._repository

    def root(self, path: str) -> CmisObject:
        """Return the folder to read. Raises `SourceRefused`, `SourceUnreachable`."""
        try:
            if path == "/":
                return self.object_of(self.repository.root_id)
            # Step by step, since servers interpret a path in the URL differently.
            folder = self.object_of(self.repository.root_id)
            for name in path.strip("/").split("/"):
                children, _ = self.children(folder)
                folder = next(one for one in children if one.segment == name)
            return folder
        except StopIteration:
            raise SourceRefused(
                f"Le dépôt de {self.host.host} n'a pas de dossier « {path} », ou ne le montre pas "
                "au compte : vérifiez « folder »."
            ) from None
        except ObjectUnreadable as error:
            raise self.unread_root(str(error), error) from error

    def unread_root(self, reason: str, error: ObjectUnreadable | None = None) -> SourceError:
        """Return the error to raise if the folder to read cannot be listed."""
        if error and isinstance(error.__cause__, SourceUnreachable):
            return error.__cause__
        return SourceRefused(
            f"{self.host.host} ne rend pas le dossier à lire : {reason}. Vérifiez « folder » et "
            "les droits du compte."
        )

    def object_of(self, object_id: str) -> CmisObject:
        """Return an object with its access list. Raises `ObjectUnreadable`, `SourceUnreachable`."""
        return read_object(self._asked("object", objectId=object_id, includeACL="true"))

    def document(self, listed: CmisObject, *, major: bool) -> tuple[CmisObject, CmisObject] | None:
        """Return the version to read, and the listed object, each with its access list.

        Returns None if `major` is set and there is no major version. Raises as `object_of` does.
        """
        current = self.object_of(listed.id)
        if not major or current.flag("cmis:isLatestMajorVersion") is not False:
            return current, current
        found = latest_major(read_listed(self._asked("versions", objectId=listed.id), ""))
        return (self.object_of(found.id), current) if found else None

    def children(self, folder: CmisObject) -> tuple[list[CmisObject], int]:
        """Return a folder's objects, and how many of them could not be read.

        Raises `ObjectUnreadable`, `SourceUnreachable`.
        """
        for _ in range(_TRIES):
            found = self._listed_once(folder)
            if found is not None:
                return found
        raise ObjectUnreadable("ce dossier change sans cesse pendant qu'il est listé")

    def parents(self, object_id: str) -> list[CmisObject]:
        """Return the folders that an object is in; `segment` is the object's name in each.

        Raises as `object_of` does.
        """
        found = self._asked("parents", objectId=object_id, includeRelativePathSegment="true")
        return read_listed(found, "object")

    def read(self, found: CmisObject) -> bytes:
        """Return a document's file. Raises `RecordVanished`."""
        parameters = {"cmisselector": "content", "objectId": found.id}
        answer = self.failures.ask(
            lambda: self.host.request("GET", self.repository.root_url, parameters), RecordVanished
        )
        if answer.status_code != HTTPStatus.OK:
            raise RecordVanished(f"le dépôt ne rend pas le fichier ({answer.status_code})")
        if found.number("cmis:contentStreamLength") not in (None, -1, len(answer.content)):
            raise RecordVanished("le fichier n'a pas la taille que dit le dépôt")
        return answer.content

    def content(self, found: CmisObject, title: str) -> Content | None:
        """Return a document's file, to be read later, or None if it has no file."""
        size = found.number("cmis:contentStreamLength")
        name = found.text("cmis:contentStreamFileName")
        media_type = found.text("cmis:contentStreamMimeType")
        if not (name or media_type or size):
            return None
        return Content(
            name or found.text("cmis:name") or "document",
            lambda: self.read(found),
            media_type or None,
            size if size is not None and size >= 0 else None,
            title,
        )

    def log_since(self, token: str, most: int) -> list[LogEntry]:
        """Return the log's entries since a token. Raises `LogUnreadable`, `SourceUnreachable`."""
        entries: list[LogEntry] = []
        for _ in range(math.ceil(most / PAGE) + 1):
            parameters = {
                "cmisselector": "contentChanges",
                "changeLogToken": token,
                "maxItems": PAGE,
                "succinct": "true",
            }
            answer = self.failures.ask(
                lambda asked=parameters: self.host.request(  # type: ignore[misc]
                    "GET", self.repository.url, asked
                ),
                ObjectUnreadable,
            )
            if answer.status_code != HTTPStatus.OK:
                raise LogUnreadable
            try:
                said = parse_answer(answer.content)
                entries += [_log_entry(one) for one in said["objects"]]
                more, following = said.get("hasMoreItems"), said.get("changeLogToken")
            except (ObjectUnreadable, LookupError, TypeError, AttributeError) as error:
                raise LogUnreadable from error
            if not more:
                return entries
            if not isinstance(following, str) or following == token:
                raise LogUnreadable  # the log does not advance
            token = following
        raise LogUnreadable

    def _listed_once(self, folder: CmisObject) -> tuple[list[CmisObject], int] | None:
        """Return the result of `children`, or None if the folder changed between two pages.

        Each page begins with the last object of the page before, so that a shift is noticed.
        """
        found: dict[str, CmisObject] = {}
        odd, skipped, last = 0, 0, ""
        for _ in range(MOST_PAGES):
            answer = self._asked(
                "children",
                objectId=folder.id,
                includePathSegment="true",
                maxItems=PAGE,
                skipCount=skipped,
            )
            raw = answer.get("objects") if isinstance(answer, dict) else None
            if not isinstance(raw, list):
                raise ObjectUnreadable("le dépôt ne le liste pas")
            page: list[CmisObject] = []
            for one in raw:
                try:
                    page += read_listed([one], "object")
                except ObjectUnreadable:
                    odd += 1
            if last and (not page or page[0].id != last):
                return None
            fresh = [one for one in page if one.id not in found]
            found |= {one.id: one for one in fresh}
            if answer.get("hasMoreItems") is not True:
                return list(found.values()), odd
            if not fresh:
                raise ObjectUnreadable("la liste de ce dossier ne finit pas")
            skipped, last = skipped + len(raw) - 1, page[-1].id
        raise ObjectUnreadable("ce dossier a trop d'objets")

    def _asked(self, selector: str, **parameters: object) -> Any:
        """Return a JSON answer. Raises `ObjectUnreadable`, `SourceUnreachable`."""
        asked = {"cmisselector": selector, "succinct": "true", **parameters}
        answer = self.failures.ask(
            lambda: self.host.request("GET", self.repository.root_url, asked), ObjectUnreadable
        )
        status = answer.status_code
        if status in _REFUSED:
            raise ObjectUnreadable(f"le dépôt le refuse au compte (réponse {status})")
        if status != HTTPStatus.OK:
            gone = status == HTTPStatus.NOT_FOUND
            raise ObjectUnreadable(f"le dépôt ne le rend pas (réponse {status})", gone=gone)
        return parse_answer(answer.content)

    def _asked_repository(self) -> CmisRepository:
        answer = self.host.request("GET", self.host.root.rstrip("/"))
        if answer.status_code in _REFUSED:
            raise SourceRefused(
                f"{self.host.host} refuse le compte : vérifiez « user » et son mot de passe."
            )
        if answer.status_code != HTTPStatus.OK:
            raise SourceRefused(
                f"{self.host.host} n'a pas de service CMIS à cette adresse (réponse "
                f"{answer.status_code}) : vérifiez « url »."
            )
        try:
            told = parse_answer(answer.content)
            known = {str(name): _repository(one) for name, one in told.items()}
        except (ObjectUnreadable, LookupError, TypeError, AttributeError) as error:
            raise SourceRefused(
                f"{self.host.host} ne répond pas comme un service CMIS 1.1 « browser binding » : "
                "vérifiez « url »."
            ) from error
        wanted = self.repository_id or (next(iter(known)) if len(known) == 1 else "")
        if wanted not in known:
            raise SourceRefused(
                f"{self.host.host} a ces dépôts : {', '.join(sorted(known)[:20])}. Nommez-en un "
                "par « repository »."
            )
        return known[wanted]


def _repository(raw: Any) -> CmisRepository:
    said = raw["capabilities"]
    names = raw.get("principalIdAnyone"), raw.get("principalIdAnonymous")
    return CmisRepository(
        id=str(raw["repositoryId"]),
        url=str(raw["repositoryUrl"]),
        root_url=str(raw["rootFolderUrl"]),
        root_id=str(raw["rootFolderId"]),
        has_access_lists=said.get("capabilityACL") in ("discover", "manage"),
        log_token=str(raw.get("latestChangeLogToken") or ""),
        has_log=said.get("capabilityChanges") not in (None, "none"),
        anyone=frozenset(name for name in names if isinstance(name, str) and name),
    )


def _log_entry(raw: Any) -> LogEntry:
    found = read_object(raw)
    return LogEntry(str(raw["changeEventInfo"]["changeType"]), found.id, found.base)
