"""What a route asks of a role: `require`. All that it opens is in the audit first.

@router.get("/desk")
def desk(request: Request, animator: Annotated[Holder, require(Role.ANIMATOR)]) -> str:
    if not animator.held.animates_topic(topic): ...
"""

from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request

from indexer.access import Reader
from search_api.audit.port import AuditUnwritable, Reading
from search_api.catalogue.texts import _, marked
from search_api.desks.opened import NAMES, held_by
from search_api.identity.grants import Held, Role
from search_api.problems import Problem
from search_api.questions.asked import NamedReader
from search_api.services import Services, services_of
from search_api.sign_on.identified import Way, identified

__all__ = ["Held", "Holder", "Role", "RoleRequired", "held_by", "require"]


IN_PERSON_ONLY = marked("Un jeton personnel n’ouvre pas ce qu’un rôle ouvre : connectez-vous.")


@dataclass(frozen=True, slots=True)
class Holder:
    """A reader who holds a role, as a route is given them."""

    reader: Reader
    role: Role
    held: Held

    def wrote(self, request: Request, act: str, subject: str) -> None:
        """Written down what is about to be done, beyond its route. Raises a problem 503."""
        actor = self.reader.agent_id or ""
        _written(services_of(request), Reading(actor, self.role, act, subject))


@dataclass(frozen=True, slots=True)
class RoleRequired:
    """The dependency. `subject` is the path's parameter that says whom or what is read of."""

    role: Role
    subject: str = ""

    def __call__(self, request: Request, reader: NamedReader) -> Holder:
        """The holder, their reading written down.

        Raises a problem: 401 for nobody, 403 for who does not hold the role, 503 where
        the audit cannot be written.
        """
        services, actor = services_of(request), reader.agent_id or ""
        template = getattr(request.scope.get("route"), "path", "")
        reading = f"{request.method} {template}"
        held = services.grants.held_by(reader)
        refusal = self._refusal(request, held)
        if refusal:
            services.refusals.note(services.audit, actor, self.role, reading)
            raise refusal
        named = request.path_params.get(self.subject, "") if self.subject else ""
        subject = f"{self.subject}:{named}" if named else ""
        _written(services, Reading(actor, self.role, reading, subject))
        return Holder(reader, self.role, held)

    def _refusal(self, request: Request, held: Held) -> Problem | None:
        who = identified(request)
        if who and who.way is Way.PERSONAL_TOKEN:
            return Problem(403, _(IN_PERSON_ONLY), code="in_person")
        if self.role not in held.roles:
            role = _(NAMES[self.role])
            return Problem(403, _("Cette page est réservée au rôle « %(role)s ».", role=role))
        return None


def _written(services: Services, reading: Reading) -> None:
    try:
        services.audit.write(reading)
    except AuditUnwritable as error:
        detail = _("Cette lecture doit être consignée, et n’a pas pu l’être. Réessayez bientôt.")
        raise Problem(503, detail, code="audit_unwritable") from error


def require(role: Role, subject: str = "") -> Any:
    """A dependency on a role; see `RoleRequired`."""
    return Depends(RoleRequired(role, subject))
