"""Rendering of pages: templates that escape by default, with the filters of `wording`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from connectors.geography import area_name
from connectors.values import ContributorRole
from search_api import wording
from search_api.addresses import (
    QUESTION_SOURCE,
    agent_address,
    community_address,
    document_address,
    new_question_address,
    question_address,
)
from search_api.audit import descriptions
from search_api.features import WebFeature
from search_api.identity.identification import IN_PERSON_METHODS, Identification, identification_of
from search_api.identity.principals import Role
from search_api.markdown import marked_with_lists, rendered, with_lists
from search_api.notices import notice_of
from search_api.plain_text import unbroken
from search_api.ranking.direct_answer import unsaid_passages
from search_api.ranking.results import excerpt, explanation
from search_api.services import Services, reader_of_page, services_of
from search_api.static_files import static_address
from search_api.wording import plural, safe_text


@dataclass(frozen=True, slots=True)
class RolePage:
    """A navigation entry to a page for holders of a role. `section` is the section of the page."""

    role: Role
    path: str
    label: str
    section: str


ROLE_PAGES: tuple[RolePage, ...] = (
    RolePage(Role.ANIMATOR, "/animation", "Animation", "animation"),
    RolePage(Role.ADMINISTRATOR, "/administration", "Administration", "administration"),
    RolePage(Role.OFFICER, "/audit", "Consultations", "audit"),
)
"""Pages in the order of the navigation; each is shown to readers who may open it."""


def role_pages_of(request: Request) -> list[RolePage]:
    """Return the role pages that a request's reader may open; empty without a reader."""
    services = services_of(request)
    if not services.grants.every:
        return []
    roles = services.grants.held_by(reader_of_page(request)).roles
    return [page for page in ROLE_PAGES if page.role in roles]


class Glossed:
    """Marks the acronyms of the glossary in the texts of one page.

    Each acronym has its meaning as a title; its first occurrence can also be reached by keyboard.
    """

    def __init__(self, acronyms: Mapping[str, str]) -> None:
        self._acronyms, self._met = acronyms, set[str]()

    def __call__(self, text: str) -> Markup:
        """Return a text, or Markup whose tags are in lower case, with its acronyms as `<abbr>`."""
        safe = str(text if isinstance(text, Markup) else escape(safe_text(text)))
        return Markup(_ACRONYM.sub(self._marked, safe)) if self._acronyms else Markup(safe)  # noqa: S704

    def _marked(self, found: re.Match[str]) -> str:
        term = found[0]
        meaning = self._acronyms.get(term)
        if meaning is None:
            return term
        focus = "" if term in self._met else ' tabindex="0"'
        self._met.add(term)
        return f'<abbr title="{escape(meaning)}"{focus}>{term}</abbr>'


_ACRONYM = re.compile(r"(?<![&\w])\w*[A-Z]\w*")


def voice(role: ContributorRole, name: str) -> Markup:
    """Return who speaks in a conversation: `réponse acceptée de Claire`; `name` may be a link."""
    shown = name if isinstance(name, Markup) else safe_text(name)
    return Markup(wording.VOICES[role]).format(name=wording.of(shown))  # noqa: S704 - our own text


class _FrenchTemplates(FileSystemLoader):
    """Loads templates with no-break spaces inside their quotation marks."""

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        source, path, is_current = super().get_source(environment, template)
        return unbroken(source), path, is_current


_loader = _FrenchTemplates(Path(__file__).parent / "templates")
_environment = Environment(
    loader=_loader,
    autoescape=True,
    finalize=lambda shown: safe_text(shown) if type(shown) is str else shown,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    about=descriptions.about,
    cut_at=wording.cut_at,
    agent_address=agent_address,
    area=area_name,
    basis=wording.basis,
    mission=wording.mission,
    brief_post=wording.brief_post,
    alone=wording.alone,
    of=wording.of,
    community_address=community_address,
    contact=wording.contact,
    contribution=wording.CONTRIBUTIONS.__getitem__,
    day=wording.day,
    day_after=wording.day_after,
    day_of=wording.day_of,
    minute_of=wording.minute_of,
    degree=wording.degree,
    document_address=document_address,
    excerpt=excerpt,
    explained=explanation,
    facet_label=wording.facet_label,
    unsaid_passages=unsaid_passages,
    file_format=wording.file_format,
    icon=wording.icon,
    in_force=wording.in_force,
    initials=wording.initials,
    iso=wording.iso,
    kind=wording.kind_label,
    last_name=wording.last_name,
    mail_address=wording.mail_address,
    markdown=rendered,
    marked_with_lists=marked_with_lists,
    month=wording.month,
    number=wording.number,
    opened=descriptions.opened,
    quote_label=wording.quote_label,
    place=wording.place,
    post=wording.post,
    reasons=wording.reasons,
    recognised_text=wording.recognised_text,
    role=wording.ROLES.__getitem__,
    scope=wording.SCOPES.__getitem__,
    source=wording.source_and_space,
    place_label=wording.place_label,
    voice=voice,
    understood=wording.UNDERSTOOD.__getitem__,
    way=descriptions.way,
    with_lists=with_lists,
    workplace=wording.workplace,
    web_address=wording.web_address,
)
_environment.globals.update(
    departed_mark=wording.DEPARTED,
    first_question=wording.first_question,
    kilometres=wording.kilometres,
    distance=wording.distance,
    new_question_address=new_question_address,
    plural=plural,
    question_address=question_address,
    question_source=QUESTION_SOURCE,
    static=static_address,
)


def add_templates(feature: WebFeature) -> None:
    """Let pages use the templates and filters of a feature; those of quisait come first."""
    _environment.filters.update(
        {name: used for name, used in feature.filters.items() if name not in _environment.filters}
    )
    if feature.templates and str(feature.templates) not in _loader.searchpath:
        _loader.searchpath.append(str(feature.templates))


_REFUSED_EARLY = {421, 429, 431}
"""Statuses of refusals before the reader is identified, whose pages show nobody's data."""


def render(name: str, *, request: Request, **values: object) -> str:
    """Render a page.

    After a failure or an early refusal, the page's frame shows nothing that needs a service.
    """
    status = values.get("status", 200)
    sound = isinstance(status, int) and status < 500 and status not in _REFUSED_EARLY
    services = services_of(request)
    more = {
        **{name: value for feature in services.features for name, value in feature.values.items()},
        **{
            name: value(request) if sound else None
            for feature in reversed(services.features)
            for name, value in feature.frame.items()
        },
        "notice": notice_of(request) if sound else None,
        "glossed": Glossed(services.search.glossary.now().acronyms if sound else {}),
        "here": here(request),
        "desks": role_pages_of(request) if sound else (),
        "kept": services.questions_kept,
        "themed": services.theme is not None,
        "signed_on": _signed_on(request),
        "partial": getattr(request.state, "incomplete", False),
        "added_entries": [entry for feature in services.features for entry in feature.menu],
        "blocks": _blocks(services),
        "anchors_of": partial(_anchors_of, services),
    }
    return _environment.get_template(name).render(**more, **values)


def _blocks(services: Services) -> dict[str, list[str]]:
    """Return the templates that features include in pages, by place."""
    blocks: dict[str, list[str]] = {}
    for feature in services.features:
        for place, template in feature.blocks.items():
            blocks.setdefault(place, []).append(template)
    return blocks


def _anchors_of(services: Services, place: str) -> list[tuple[bool, str, str]]:
    """Return the entries of a list of contents for the sections that blocks add at a place."""
    found = (feature.anchors.get(place) for feature in services.features)
    return [(True, *anchor) for anchor in found if anchor]


def _signed_on(request: Request) -> Identification | None:
    """Return the person who signed on, for whom pages offer «Mes accès» and sign-out; else None."""
    who = identification_of(request)
    return who if who and who.method in IN_PERSON_METHODS else None


def here(request: Request) -> str:
    """Return the page's own path and query, to which a form returns."""
    if request.method != "GET":
        return "/"
    query = f"?{request.url.query}" if request.url.query else ""
    return request.url.path + query
