"""What an installed feature adds to pages and API (`quisait.features`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel

if TYPE_CHECKING:
    from indexer.access import Reader
    from search_api.context import AnswerContext

Service = TypeVar("Service")

ProblemBodyOf: TypeAlias = Callable[[str], object]
"""Returns the JSON body of a problem from its French sentence."""
OwnField: TypeAlias = Sequence[BaseModel] | BaseModel | None
"""Rows of a field of the agent's own data, or its one object; None for an object that is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuEntry:
    """An entry of the navigation. `label` is French, `section` the section that its page sets.

    `below` is the section under which the entry stands (`me`), `demo` for the bar of the demo, or
    empty for the main navigation.
    """

    path: str
    label: str
    section: str
    below: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicesForm:
    """Fields that a feature adds to the form «Préférences», in the block `preferences.form`.

    `fields` is the model of these fields. `present` returns the reader's present choices, None if
    there is nothing to choose. `store` stores the choices of a form if they differ from these.
    """

    fields: type[BaseModel]
    present: "Callable[[AnswerContext, Reader], BaseModel | None]"
    store: "Callable[[AnswerContext, Reader, Any], object]"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFeature:
    """What a feature adds to pages and API.

    `service` is what the routes need: `service_of` returns it by its class. `templates` is the
    folder of the feature's templates, `static` that of its scripts, at `/static`. `blocks` names
    templates by the place of quisait's pages at which they are included; `values` are what these
    templates use, by name. `anchors`: the id and title of the section that the block of a place
    adds, for the page's list of contents. `frame` are functions by name: every page may use what
    they return for its request, or None on a page about a failure. `filters` are filters of
    templates. `accesses` are French descriptions of entries of the audit log, by route or command.
    `notices` are French lines that confirm actions, by the action's key (`noticed`). `describe`
    completes the API's description (OpenAPI). `tags`: the tag of the description for paths that
    match a regular expression. `large_bodies`: beginnings of paths whose routes limit the size of
    the body themselves.
    """

    routers: Sequence[APIRouter] = ()
    service: object = None
    templates: Path | None = None
    static: Path | None = None
    blocks: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)
    anchors: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    frame: Mapping[str, Callable[[Request], object]] = field(default_factory=dict)
    filters: Mapping[str, Callable[..., object]] = field(default_factory=dict)
    accesses: Mapping[str, str] = field(default_factory=dict)
    notices: Mapping[str, str] = field(default_factory=dict)
    menu: Sequence[MenuEntry] = ()
    describe: Callable[[dict[str, Any]], None] = lambda _: None
    own_data: "Callable[[AnswerContext, str], Mapping[str, OwnField]]" = lambda *_: {}
    """Returns what is stored about the agent of an id, by field of `GET /api/v1/me`.

    Rows of a field that quisait has are added to its own; `describe` describes other fields. Blocks
    of the pages «Ce qui est tenu de moi» (`me.html`) and «Préférences» show them, as
    `own.added.FIELD`.
    """
    choices: ChoicesForm | None = None
    programs: Mapping[str, ProblemBodyOf | None] = field(default_factory=dict)
    """Beginnings of paths for programs, which never get a page, and the bodies of problems there;
    None for the API's usual body.
    """
    tags: Mapping[str, str] = field(default_factory=dict)
    large_bodies: Sequence[str] = ()


def service_of(request: Request, kind: type[Service]) -> Service:
    """Return the service of this class, of the feature whose route handles the request."""
    features: Sequence[WebFeature] = request.app.state.services.features
    return next(one.service for one in features if isinstance(one.service, kind))
