"""What administrators and the data-protection officer see: the system's state, the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from expertise.values import AgentDirectory
from search_api.answers.context import AnswerContext, NotFound, RoleHolder
from search_api.audit.port import Audit, AuditEntry, AuditIntegrity
from search_api.system_status import SystemStatus

AUDIT_PAGE = 100
"""Entries of one page."""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first, and whether the whole log is as it was written.

    `names` are those of the actors whom the directory knows, by id. `following`: before which
    number the next page begins, None at the end.
    """

    entries: tuple[AuditEntry, ...]
    integrity: AuditIntegrity
    following: int | None
    names: Mapping[str, str] = field(default_factory=dict)


def system_status(context: AnswerContext, administrator: RoleHolder) -> SystemStatus:
    """Sources with their last run and remedies, engines, files, questions without an answer.

    Raises `NotFound` where nothing watches them.
    """
    if context.administration is None:
        raise NotFound("")
    return context.administration()


def audit_page(
    context: AnswerContext, officer: RoleHolder, limit: int = AUDIT_PAGE, before: int | None = None
) -> AuditPage:
    """The audit log, newest first; opening it is in it."""
    return read_audit(context.audit, limit, before, context.people)


def read_audit(
    audit: Audit, limit: int, before: int | None = None, people: AgentDirectory | None = None
) -> AuditPage:
    """The same from the log alone, for who may open the database."""
    entries = tuple(audit.newest(limit, before))
    known = people.agents(entry.actor for entry in entries) if people else {}
    more = len(entries) == limit and entries[-1].number > 1
    return AuditPage(
        entries,
        audit.verify(),
        entries[-1].number if more else None,
        {id_: agent.name for id_, agent in known.items()},
    )
