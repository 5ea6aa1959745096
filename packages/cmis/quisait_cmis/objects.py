"""Parse a repository's answers: objects with their access lists (CMIS 1.1, 5.2)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.tables import exceeds_json_values

MOST_VALUES = 2_000_000
"""Maximum number of values in one answer; a page of `PAGE` objects has some thousands."""
FOLDER, DOCUMENT = "cmis:folder", "cmis:document"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ObjectUnreadable(Exception):
    """An object was not read; `gone` is true if it does not exist. The text is a French reason."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One entry of an access list: a principal of the repository, and its permissions."""

    principal: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class CmisObject:
    """An object; `entries` is None if the answer has no access list.

    `exact` is true if the list alone decides who reads the object (CMIS 1.1, 2.1.12.1).
    """

    properties: Mapping[str, Any] = field(repr=False)
    entries: tuple[AccessEntry, ...] | None = None
    exact: bool = False
    segment: str = ""

    def text(self, name: str) -> str:
        """Return a property's text (the first of several), or an empty text."""
        value = self.properties.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        """Return a property's integer, or None."""
        value = self.properties.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, name: str) -> bool | None:
        """Return a boolean property, or None if the repository does not give it."""
        value = self.properties.get(name)
        return value if isinstance(value, bool) else None

    def moment(self, name: str) -> datetime | None:
        """Return a property in milliseconds since 1970 (the browser binding's simple form)."""
        value = self.number(name)
        try:
            return _EPOCH + timedelta(milliseconds=value) if value is not None else None
        except OverflowError:
            return None

    @property
    def id(self) -> str:
        """The repository's id of the object."""
        return self.text("cmis:objectId")

    @property
    def base(self) -> str:
        """The id of the object's base type, such as `cmis:document`."""
        return self.text("cmis:baseTypeId")

    @property
    def version(self) -> str:
        """A text that changes when the object's content or properties do."""
        told = (
            self.id,
            self.text("cmis:changeToken"),
            self.number("cmis:contentStreamLength"),
            self.number("cmis:lastModificationDate"),
        )
        return ":".join("" if one is None else str(one) for one in told)


def parse_answer(content: bytes) -> Any:
    """Parse the JSON of an answer. Raises `ObjectUnreadable`."""
    if exceeds_json_values(content, MOST_VALUES):
        raise ObjectUnreadable("une réponse du dépôt a trop de valeurs")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ObjectUnreadable("la réponse du dépôt n'est pas du JSON") from error


def read_object(raw: Any, segment: str = "") -> CmisObject:
    """Parse an object of an answer with `succinct`. Raises `ObjectUnreadable`."""
    properties = raw.get("succinctProperties") if isinstance(raw, dict) else None
    if not isinstance(properties, dict):
        raise ObjectUnreadable("la réponse du dépôt n'est pas un objet CMIS 1.1")
    made = CmisObject(properties, _entries(raw.get("acl")), raw.get("exactACL") is True, segment)
    if not made.id or "\0" in made.id:
        raise ObjectUnreadable("un objet du dépôt n'a pas d'identifiant")
    return made


def _entries(raw: Any) -> tuple[AccessEntry, ...] | None:
    listed = raw.get("aces") if isinstance(raw, dict) else None
    if not isinstance(listed, list):
        return None
    return tuple(map(_entry, listed))


def _entry(raw: Any) -> AccessEntry:
    try:
        principal, permissions = raw["principal"]["principalId"], raw["permissions"]
    except (TypeError, LookupError) as error:
        raise ObjectUnreadable("une liste d'accès du dépôt ne se lit pas") from error
    if not isinstance(principal, str) or not isinstance(permissions, list):
        raise ObjectUnreadable("une liste d'accès du dépôt ne se lit pas")
    return AccessEntry(principal, frozenset(one for one in permissions if isinstance(one, str)))


def read_listed(raw: Any, wrapped: str) -> list[CmisObject]:
    """Parse the objects of a list, each inside the key `wrapped`. Raises `ObjectUnreadable`."""
    if not isinstance(raw, list):
        raise ObjectUnreadable("la réponse du dépôt n'est pas une liste")
    return [_listed(one, wrapped) for one in raw]


def _listed(raw: Any, wrapped: str) -> CmisObject:
    if not wrapped:
        return read_object(raw)
    if not isinstance(raw, dict):
        raise ObjectUnreadable("un objet de la liste ne se lit pas")
    segment = raw.get("pathSegment") or raw.get("relativePathSegment")
    return read_object(raw.get(wrapped), segment if isinstance(segment, str) else "")


def latest_major(versions: Iterable[CmisObject]) -> CmisObject | None:
    """Return the last major version that is not a working copy, or None."""
    major = [
        one
        for one in versions
        if one.flag("cmis:isMajorVersion") and not one.flag("cmis:isPrivateWorkingCopy")
    ]
    said = [one for one in major if one.flag("cmis:isLatestMajorVersion")]
    return next(iter(said or sorted(major, key=_made, reverse=True)), None)


def _made(version: CmisObject) -> int:
    return version.number("cmis:creationDate") or 0
