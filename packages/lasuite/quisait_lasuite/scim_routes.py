"""SCIM 2.0 (RFC 7644): an application pushes its groups, with the token of its source.

A group becomes a principal of the source, and its members read the documents that name it from the
next request on. No cookie is used, so that other sites cannot push in a person's name.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from quisait_push.routes import Sender, SendersPushRequest, inbox_problems, parsed

from quisait_lasuite.group_values import (
    GroupDescribed,
    GroupNameTaken,
    GroupUnknown,
    MembersReplaced,
    PushedGroup,
    TooManyMembers,
)
from quisait_lasuite.scim_values import (
    GROUP,
    MOST_LISTED,
    MOST_LISTED_MEMBERS,
    GroupReceiver,
    ScimRefused,
    group_schema,
    listed,
    may_make,
    read_filter,
    read_group,
    read_patch,
    read_search,
    resource_type,
    service_configuration,
    spelled,
)
from quisait_lasuite.service import LaSuite
from search_api.bodies import problem_responses
from search_api.features import service_of
from search_api.problems import Problem

SCIM = "application/scim+json"


class _ScimJson(JSONResponse):
    """JSON under SCIM's own media type."""

    media_type = SCIM


_MOST = 1_000_000_000
"""Bound for numbers, which only excludes huge values. SCIM reads values below 1 as 1."""
_NO_GROUP = "Il n'y a pas de groupe de cet identifiant."
_NOT_HERE = "Cette adresse ne tient que des groupes : /scim/v2/Groups."

_PROBLEMS = problem_responses(
    {
        400: "no JSON, or not as SCIM says: an error of SCIM",
        401: "no token",
        403: "the settings of this token's source take no groups",
        404: "no such group: an error of SCIM",
        409: "another group has that name: an error of SCIM",
        413: "too many bytes, groups or members",
        422: "a parameter of the address that is not valid",
        429: "too often: see Retry-After",
        503: "the state's database does not answer",
    }
)
_ERROR = {"type": "object", "required": ["schemas", "status", "detail"]}
_FORMS = {SCIM: {"schema": _ERROR}, "application/problem+json": {"schema": {"type": "object"}}}
for _status in (400, 404, 409, 413):  # an error of SCIM, or a problem raised before the route
    _PROBLEMS[_status] = {"description": _PROBLEMS[_status]["description"], "content": _FORMS}


class _ScimRoute(APIRoute):
    """A route that answers `ScimRefused` with an error in SCIM's format."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except ScimRefused as refusal:
                return _ScimJson(refusal.body(), refusal.status)

        return answer


router = APIRouter(
    prefix="/scim/v2",
    responses=_PROBLEMS,
    default_response_class=_ScimJson,
    route_class=_ScimRoute,
)


@dataclass(frozen=True, slots=True)
class ScimSender:
    """The source whose groups are requested, their store, and the address of this service."""

    source: str
    receiver: GroupReceiver
    base: str
    only: frozenset[str] | None
    without: frozenset[str]

    def answer(self, group: PushedGroup, status: int = 200) -> Response:
        """Return a response with the requested attributes of a group."""
        body = spelled(group, self.base, self.only, self.without)
        headers = {"Location": f"{self.base}/Groups/{group.id}"} if status == 201 else {}
        return _scim_response(body, status, headers)


def _scim_sender(
    request: Request,
    source: Sender,
    attributes: Annotated[str, Query(max_length=1000)] = "",
    excludedAttributes: Annotated[str, Query(max_length=1000)] = "",  # noqa: N803 - SCIM's name
) -> ScimSender:
    groups = service_of(request, LaSuite).groups
    if groups is None or source not in groups.sources:
        raise Problem(403, "Cette source ne prend pas de groupes : réglez « scim = true ».")
    base = f"{str(request.base_url).rstrip('/')}/scim/v2"
    only = _names(attributes) if attributes.strip() else None
    return ScimSender(source, groups.receiver, base, only, _names(excludedAttributes))


FromApplication = Annotated[ScimSender, Depends(_scim_sender)]


def _names(text: str) -> frozenset[str]:
    """Return the requested attributes in lower case, without the prefix of the group's schema."""
    return frozenset(one.strip().rpartition(":")[2].lower() for one in text.split(","))


def _group_id(group_id: str) -> str:
    if "\0" in group_id:  # PostgreSQL does not accept it
        raise ScimRefused(404, _NO_GROUP)
    return group_id


GroupId = Annotated[str, Depends(_group_id)]


def _scim_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return _ScimJson(body, status, headers)


@contextmanager
def _scim_errors() -> Iterator[None]:
    try:
        with inbox_problems():
            yield
    except GroupUnknown:
        raise ScimRefused(404, _NO_GROUP) from None
    except GroupNameTaken:
        raise ScimRefused(409, "Un autre groupe porte ce nom.", "uniqueness") from None
    except TooManyMembers:
        raise ScimRefused(413, "Trop de groupes, ou trop de membres dans un groupe.") from None


@router.get("/ServiceProviderConfig", response_model=None)
def configuration(sender: FromApplication) -> Response:
    """Return the features of this service."""
    return _scim_response(service_configuration(sender.base))


@router.get("/ResourceTypes", response_model=None)
def resource_types(sender: FromApplication) -> Response:
    """Return the resource types: only groups."""
    return _scim_response(listed([resource_type(sender.base)], 1, 1))


@router.get("/ResourceTypes/{name}", response_model=None)
def one_resource_type(sender: FromApplication, name: str) -> Response:
    """Return the resource type of groups."""
    if name != "Group":
        raise ScimRefused(404, _NOT_HERE)
    return _scim_response(resource_type(sender.base))


@router.get("/Schemas", response_model=None)
def schemas(sender: FromApplication) -> Response:
    """Return the schemas: the attributes of a group that are stored."""
    return _scim_response(listed([group_schema(sender.base)], 1, 1))


@router.get("/Schemas/{name}", response_model=None)
def one_schema(sender: FromApplication, name: str) -> Response:
    """Return the schema of groups."""
    if name != GROUP:
        raise ScimRefused(404, _NOT_HERE)
    return _scim_response(group_schema(sender.base))


@router.get("/Groups", response_model=None)
def groups(
    sender: FromApplication,
    filter: Annotated[str, Query(max_length=1000)] = "",  # noqa: A002 - SCIM's name
    startIndex: Annotated[int, Query(ge=-_MOST, le=_MOST)] = 1,  # noqa: N803 - SCIM's name
    count: Annotated[int, Query(ge=-_MOST, le=_MOST)] = MOST_LISTED,
) -> Response:
    """Return the source's groups, page by page."""
    return _listed(sender, filter, startIndex, count)


@router.post("/.search", response_model=None)
@router.post("/Groups/.search", response_model=None)
def search(sender: FromApplication, delivery: SendersPushRequest) -> Response:
    """Return the source's groups, page by page, by a search in the body."""
    asked = read_search(parsed(delivery.body))
    only = _names(",".join(asked.attributes)) if asked.attributes else None
    without = _names(",".join(asked.excludedattributes))
    shown = replace(sender, only=only, without=without)
    return _listed(shown, asked.filter, asked.startindex, asked.count)


def _listed(sender: ScimSender, asked: str, start: int, count: int) -> Response:
    start, most = max(1, start), max(0, min(count, MOST_LISTED))
    with _scim_errors():
        found = _found(sender, asked)
        page = found[start - 1 : start - 1 + most]
        if "members" not in sender.without and (sender.only is None or "members" in sender.only):
            page = _with_members(sender, page)
    bodies = [spelled(one, sender.base, sender.only, sender.without) for one in page]
    return _scim_response(listed(bodies, len(found), start))


def _with_members(sender: ScimSender, page: Sequence[PushedGroup]) -> tuple[PushedGroup, ...]:
    """Return the page's groups with members; it may end early (RFC 7644, 3.4.2.4)."""
    whole: list[PushedGroup] = []
    members = 0
    for one in page:
        if members >= MOST_LISTED_MEMBERS:
            break
        whole.append(sender.receiver.group(sender.source, one.id))
        members += len(whole[-1].members)
    return tuple(whole)


def _found(sender: ScimSender, asked: str) -> tuple[PushedGroup, ...]:
    receiver, source = sender.receiver, sender.source
    if not asked.strip():
        return receiver.found(source)
    attribute, value = read_filter(asked)
    if attribute == "displayname":
        return receiver.found(source, name=value)
    if attribute == "externalid":
        return receiver.found(source, external_id=value) if value else ()
    return tuple(one for one in receiver.found(source) if one.id == value)


@router.get("/Groups/{group_id}", response_model=None)
def group(sender: FromApplication, group_id: GroupId) -> Response:
    """Return one group with its members."""
    with _scim_errors():
        return sender.answer(sender.receiver.group(sender.source, group_id))


@router.post("/Groups", status_code=201, response_model=None)
def create(sender: FromApplication, delivery: SendersPushRequest) -> Response:
    """Create a group."""
    told = read_group(parsed(delivery.body))
    with _scim_errors():
        made = sender.receiver.create(sender.source, *told)
    return sender.answer(made, 201)


@router.put("/Groups/{group_id}", response_model=None)
def put(sender: FromApplication, delivery: SendersPushRequest, group_id: GroupId) -> Response:
    """Replace a group; an unknown group is created if its name equals its id."""
    name, external_id, members = read_group(parsed(delivery.body))
    changes = (GroupDescribed(name, external_id), MembersReplaced(members))
    make = name == group_id and may_make(group_id, ())
    with _scim_errors():
        changed = sender.receiver.change(sender.source, group_id, changes, make=make)
    return sender.answer(changed)


@router.patch("/Groups/{group_id}", response_model=None)
def patch(sender: FromApplication, delivery: SendersPushRequest, group_id: GroupId) -> Response:
    """Add or remove members, or rename a group; the application People sends its changes here."""
    changes = read_patch(parsed(delivery.body))
    make = may_make(group_id, changes)
    with _scim_errors():
        changed = sender.receiver.change(sender.source, group_id, changes, make=make)
    return sender.answer(changed)


@router.delete("/Groups/{group_id}", status_code=204, response_model=None)
def delete(sender: FromApplication, group_id: GroupId) -> Response:
    """Delete a group with its memberships."""
    with _scim_errors():
        sender.receiver.delete(sender.source, group_id)
    return Response(status_code=204)


@router.get("/{rest:path}", response_model=None, include_in_schema=False)
def elsewhere(sender: FromApplication, rest: str) -> Response:
    """Answer that users and other resources are not stored."""
    raise ScimRefused(404, _NOT_HERE)
