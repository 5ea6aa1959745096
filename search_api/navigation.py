"""Pages that a role opens, and which of them the reader may open."""

from dataclasses import dataclass

from fastapi import Request

from search_api.identity.grants import NO_ROLES, HeldRoles, Role
from search_api.services import services_of


@dataclass(frozen=True, slots=True)
class RolePage:
    """A page that a role opens, as an entry of the navigation. `section` is the page's own."""

    role: Role
    path: str
    label: str
    section: str


ROLE_PAGES: tuple[RolePage, ...] = (
    RolePage(Role.ANIMATOR, "/animation", "Animation", "animation"),
    RolePage(Role.ADMINISTRATOR, "/administration", "Administration", "administration"),
    RolePage(Role.OFFICER, "/audit", "Consultations", "audit"),
)
"""In the order of the navigation; each is shown to who may open it."""


def held_by(request: Request) -> HeldRoles:
    """The roles of the reader of a request; none without a reader."""
    services = services_of(request)
    if not services.grants.every:
        return NO_ROLES
    return services.grants.held_by(services.reader_of(request))


def role_pages_of(request: Request) -> list[RolePage]:
    """The pages that the reader of a request may open."""
    roles = held_by(request).roles
    return [page for page in ROLE_PAGES if page.role in roles]
