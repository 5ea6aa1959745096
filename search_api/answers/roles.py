"""What a role opens: the role is checked, and the access written to the audit log first.

Whatever a role opens asks for a `RoleHolder`, and only `open_by_role` makes one.
"""

from dataclasses import dataclass

from indexer.access import Reader
from search_api.answers.context import AnswerContext, NotAllowed, NotAudited
from search_api.audit.port import AuditUnwritable, PrivilegedAccess
from search_api.identity.grants import HeldRoles, Role

ROLE_NAMES: dict[Role, str] = {
    Role.AGENT: "agent",
    Role.ANIMATOR: "animation de réseau",
    Role.ADMINISTRATOR: "administration",
    Role.OFFICER: "protection des données",
}
"""Roles as a person reads them: what is done, which fits everybody."""


@dataclass(frozen=True, slots=True)
class RoleHolder:
    """A reader who holds a role, whose access is written down."""

    reader: Reader
    role: Role
    held: HeldRoles


def open_by_role(
    context: AnswerContext, reader: Reader, role: Role, access: str, subject: str = ""
) -> RoleHolder:
    """The holder of a role, once their access is in the audit log.

    `access` is a route (`GET /audit`) or a command (`quisait topics risks`), `subject` whom or
    what it is about (`topic_id:…`). Raises `NotAllowed` for who does not hold the role, which is
    written down too, and `NotAudited`.
    """
    held = context.grants.held_by(reader)
    if role not in held.roles:
        note_refusal(context, reader, role, access)
        name = ROLE_NAMES[role]
        raise NotAllowed(f"Cette page est réservée au rôle « {name} ».")
    holder = RoleHolder(reader, role, held)
    note_access(context, holder, access, subject)
    return holder


def note_access(context: AnswerContext, holder: RoleHolder, access: str, subject: str) -> None:
    """Write down what the holder is about to see or do. Raises `NotAudited`."""
    actor = holder.reader.agent_id or ""
    try:
        context.audit.write(PrivilegedAccess(actor, holder.role, access, subject))
    except AuditUnwritable as error:
        raise NotAudited(
            "Cette lecture doit être consignée, et n’a pas pu l’être. Réessayez bientôt."
        ) from error


def note_refusal(context: AnswerContext, reader: Reader, role: Role, access: str) -> None:
    """Write down that a role's page was asked for by who may not open it."""
    context.refusals.note(context.audit, reader.agent_id or "", role, access)
