"""Groups in the format of SCIM 2.0 (RFC 7643, RFC 7644): reading requests, building responses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.faults import expected
from quisait_lasuite.group_values import (
    GroupChange,
    GroupDescribed,
    GroupMember,
    MembersAdded,
    MembersRemoved,
    MembersReplaced,
    PushedGroup,
)

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_CORE = "urn:ietf:params:scim:schemas:core:2.0"
_MESSAGES = "urn:ietf:params:scim:api:messages:2.0"
MOST_LISTED = 50
"""Maximum number of groups on one page of a list."""
MOST_LISTED_MEMBERS = 100_000
"""Maximum number of members on one page of groups, unless the page has a single larger group."""
_MOST_OPERATIONS = 1_000
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""Name of a group in find's documents."""
_PATH = re.compile(rf"(?:{re.escape(GROUP)}:)?(\w+)(?:\[\s*(\w+)\s+eq\s+\"([^\"]*)\"\s*\])?", re.I)
_FILTER = re.compile(r'(?:urn:[\w:.]+:)?(\w+)\s+eq\s+"((?:[^"\\]|\\.)*)"', re.IGNORECASE)


class GroupReceiver(Protocol):
    """Stores pushed groups durably; every method may raise `InboxUnreachable`."""

    def found(
        self, source: str, *, name: str | None = None, external_id: str | None = None
    ) -> tuple[PushedGroup, ...]:
        """Return the source's groups without members: all groups, or by name or external id."""

    def group(self, source: str, group_id: str) -> PushedGroup:
        """Return one group with its members. Raises `GroupUnknown`."""

    def create(
        self, source: str, name: str, external_id: str, members: Sequence[GroupMember]
    ) -> PushedGroup:
        """Create a group and return it. Raises `GroupNameTaken`, `TooManyMembers`."""

    def change(
        self, source: str, group_id: str, changes: Sequence[GroupChange], *, make: bool = False
    ) -> PushedGroup:
        """Apply all changes or none, and return the group. `make`: create an unknown group.

        Raises `GroupNameTaken`, `TooManyMembers`, `GroupUnknown`.
        """

    def delete(self, source: str, group_id: str) -> None:
        """Delete a group with its members. Raises `GroupUnknown`."""


@dataclass(frozen=True, slots=True)
class SuiteGroups:
    """The store of groups, and the sources whose settings accept groups."""

    receiver: GroupReceiver
    sources: frozenset[str]


class ScimRefused(Exception):
    """A request answered with a SCIM error; `kind` is its `scimType`, the text is French."""

    def __init__(self, status: int, detail: str, kind: str = "") -> None:
        super().__init__(detail)
        self.status, self.kind = status, kind

    def body(self) -> dict[str, object]:
        """Return the error in the format of RFC 7644, 3.12."""
        kind = {"scimType": self.kind} if self.kind else {}
        return {
            "schemas": [f"{_MESSAGES}:Error"],
            "status": str(self.status),
            "detail": str(self),
            **kind,
        }


Name = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]


class _Scim(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)


_Form = TypeVar("_Form", bound=_Scim)


class _Member(_Scim):
    value: Name
    email: str = Field("", max_length=320, pattern=r"^[^\x00]*$")
    type: str = "User"


class _Group(_Scim):
    displayname: Name
    externalid: str = Field("", max_length=300, pattern=r"^[^\x00]*$")
    members: list[_Member] = []


def read_group(body: object) -> tuple[str, str, tuple[GroupMember, ...]]:
    """Return a request's group: its name, external id and members. Raises `ScimRefused`."""
    found = _valid(_Group, _lower(body))
    return found.displayname, found.externalid, _members(found.members)


def read_patch(body: object) -> tuple[GroupChange, ...]:
    """Return the changes of a PATCH (RFC 7644, 3.5.2), in order. Raises `ScimRefused`.

    In addition to the RFC, `remove` on `members` may list the leaving members in `value`, as People
    and other applications do.
    """
    told = _lower(body)
    operations = told.get("operations") if isinstance(told, dict) else None
    if not isinstance(operations, list) or not 0 < len(operations) <= _MOST_OPERATIONS:
        reason = f"« Operations » : une liste, de {_MOST_OPERATIONS} éléments au plus"
        raise ScimRefused(400, reason, "invalidSyntax")
    return tuple(change for one in operations for change in _operation(one))


def may_make(group_id: str, changes: Sequence[GroupChange]) -> bool:
    """Return whether these changes may create an unknown group.

    The changes may only add members, and the id must be plain. The application People never creates
    a group by itself, because it only knows the addresses of its webhooks.
    """
    plain = _SLUG.fullmatch(group_id) is not None and len(group_id) <= 100
    return plain and all(isinstance(one, MembersAdded) for one in changes)


class GroupSearch(_Scim):
    """The parameters of `.search` (RFC 7644, 3.4.3)."""

    attributes: list[str] = []
    excludedattributes: list[str] = []
    filter: str = ""
    startindex: int = 1
    count: int = MOST_LISTED


def read_search(body: object) -> GroupSearch:
    """Return the search of a request. Raises `ScimRefused`."""
    return _valid(GroupSearch, _lower(body))


def read_filter(text: str) -> tuple[str, str]:
    """Return an attribute in lower case and the value it must equal. Raises `ScimRefused`."""
    found = _FILTER.fullmatch(text.strip())
    if found is None or "\0" in text or found[1].lower() not in ("displayname", "externalid", "id"):
        reason = "filtres pris : displayName, externalId ou id, suivi de eq et d'un texte"
        raise ScimRefused(400, reason, "invalidFilter")
    return found[1].lower(), re.sub(r"\\(.)", r"\1", found[2])


def spelled(
    group: PushedGroup, base: str, only: frozenset[str] | None, without: frozenset[str]
) -> dict[str, object]:
    """Return a group as JSON; `only` and `without`: names of attributes in lower case."""
    whole: dict[str, object] = {
        "displayName": group.name,
        "members": [{"value": one.value} for one in group.members],
        "meta": {
            "resourceType": "Group",
            "created": group.created.isoformat(),
            "lastModified": group.modified.isoformat(),
            "location": f"{base}/Groups/{group.id}",
        },
    }
    if group.external_id:
        whole["externalId"] = group.external_id
    kept = {
        name: value
        for name, value in whole.items()
        if (only is None or name.lower() in only) and name.lower() not in without
    }
    return {"schemas": [GROUP], "id": group.id, **kept}


def listed(resources: Sequence[object], total: int, start: int) -> dict[str, object]:
    """Return a list response (RFC 7644, 3.4.2)."""
    return {
        "schemas": [f"{_MESSAGES}:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(resources),
        "Resources": list(resources),
    }


def service_configuration(base: str) -> dict[str, object]:
    """Return the features of this service (RFC 7643, 5)."""
    return {
        "schemas": [f"{_CORE}:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MOST_LISTED},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": False},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Jeton de la source",
                "description": "Le jeton que « quisait push token add » a donné.",
            }
        ],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": f"{base}/ServiceProviderConfig",
        },
    }


def resource_type(base: str) -> dict[str, object]:
    """Return the only resource type (RFC 7643, 6)."""
    return {
        "schemas": [f"{_CORE}:ResourceType"],
        "id": "Group",
        "name": "Group",
        "endpoint": "/Groups",
        "schema": GROUP,
        "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/Group"},
    }


def group_schema(base: str) -> dict[str, object]:
    """Return the attributes of a group that are stored (RFC 7643, 7)."""
    value = _attribute("value", "Le compte, comme l'application le nomme.", mutability="immutable")
    members = _attribute("members", "Les membres : des comptes, jamais des groupes.", "complex")
    return {
        "schemas": [f"{_CORE}:Schema"],
        "id": GROUP,
        "name": "Group",
        "description": "Un groupe de l'application, lecteur des documents qu'elle pousse.",
        "attributes": [
            _attribute("displayName", "Le nom, que portent les documents.", required=True),
            members | {"multiValued": True, "subAttributes": [value]},
        ],
        "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{GROUP}"},
    }


def _attribute(
    name: str,
    description: str,
    kind: str = "string",
    *,
    required: bool = False,
    mutability: str = "readWrite",
) -> dict[str, object]:
    return {
        "name": name,
        "type": kind,
        "multiValued": False,
        "description": description,
        "required": required,
        "caseExact": True,
        "mutability": mutability,
        "returned": "default",
        "uniqueness": "server" if name == "displayName" else "none",
    }


def _operation(raw: object) -> list[GroupChange]:
    if not isinstance(raw, dict) or not isinstance(raw.get("op"), str):
        raise ScimRefused(400, "une opération n'a pas de « op »", "invalidSyntax")
    verb, path, value = raw["op"].lower(), raw.get("path"), raw.get("value")
    if verb not in ("add", "remove", "replace"):
        raise ScimRefused(400, "« op » : add, remove ou replace", "invalidSyntax")
    if path is None:
        if verb == "remove":
            raise ScimRefused(400, "« remove » demande un « path »", "noTarget")
        if not isinstance(value, dict):
            raise ScimRefused(400, "sans « path », « value » est un objet", "invalidValue")
        return [_change(verb, str(name), one) for name, one in value.items()]
    found = _PATH.fullmatch(path.strip()) if isinstance(path, str) else None
    if found is None:
        raise ScimRefused(400, "« path » ne se lit pas", "invalidPath")
    attribute, field, wanted = found[1].lower(), found[2], found[3]
    if field is None:
        return [_change(verb, attribute, value)]
    if attribute != "members" or verb != "remove" or field.lower() not in ("value", "email"):
        raise ScimRefused(400, "ce filtre n'est pris que pour ôter un membre", "invalidPath")
    if field.lower() == "value":
        return [MembersRemoved(_several({"value": wanted}))]
    (meant,) = _several({"value": "x", "email": wanted})
    return [MembersRemoved((GroupMember("", meant.email),))]


def _change(verb: str, attribute: str, value: object) -> GroupChange:
    match verb, attribute.lower():
        case "remove", "members" if value is None:
            return MembersRemoved(None)
        case "remove", "members":
            return MembersRemoved(_several(value))
        case "add", "members":
            return MembersAdded(_several(value))
        case "replace", "members":
            return MembersReplaced(_several(value, may_be_empty=True))
        case "remove", "externalid":
            return GroupDescribed(external_id="")
        case "remove", "displayname":
            raise ScimRefused(400, "« displayName » est exigé", "mutability")
        case _, "displayname":
            return GroupDescribed(name=_valid(_Group, {"displayname": value}).displayname)
        case _, "externalid":
            told = _valid(_Group, {"displayname": "x", "externalid": value})
            return GroupDescribed(external_id=told.externalid)
    raise ScimRefused(400, "attributs pris : displayName, externalId, members", "invalidPath")


def _several(value: object, *, may_be_empty: bool = False) -> tuple[GroupMember, ...]:
    several = value if isinstance(value, list) else [value]
    if not several and not may_be_empty:
        raise ScimRefused(400, "« value » ne nomme aucun membre", "invalidValue")
    return _members(_valid(_Group, {"displayname": "x", "members": several}).members)


def _members(found: Sequence[_Member]) -> tuple[GroupMember, ...]:
    if any(one.type.lower() != "user" for one in found):
        raise ScimRefused(400, "un membre est un compte, jamais un groupe", "invalidValue")
    return tuple(GroupMember(one.value, one.email.strip()) for one in found)


def _valid(kind: type[_Form], values: object) -> _Form:
    """Return a value made from JSON.

    Raises `ScimRefused`, which names the attribute and the expected value, but not the given value.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    raise ScimRefused(400, f"« {place} » : {expected(first)}", "invalidValue")


def _lower(value: Any, depth: int = 0) -> Any:
    """Return the value with attribute names in lower case, because case does not matter."""
    if depth > 8:
        raise ScimRefused(400, "trop de niveaux d'objets", "invalidSyntax")
    if isinstance(value, list):
        return [_lower(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {str(name).lower(): _lower(one, depth + 1) for name, one in value.items()}
    return value
