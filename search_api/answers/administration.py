"""Answers for administrators and the data-protection officer: system state and audit log."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from expertise.values import AgentDirectory
from search_api.answers.context import (
    AnswerContext,
    InvalidParameter,
    NotFound,
    RoleHolder,
    Stale,
)
from search_api.audit.port import Audit, AuditEntry, AuditIntegrity
from search_api.system_status import FileChanged, SearchFile, SystemStatus

AUDIT_PAGE = 100
"""Number of entries on one page."""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first, and whether the whole log is unaltered.

    `names`: names of the actors in the directory, by id. `following`: number before which the next
    page begins, None at the end.
    """

    entries: tuple[AuditEntry, ...]
    integrity: AuditIntegrity
    following: int | None
    names: Mapping[str, str] = field(default_factory=dict)


def system_status(context: AnswerContext, administrator: RoleHolder) -> SystemStatus:
    """Return sources with last run and remedies, engines, files, unanswered questions.

    Raises `NotFound` if the state is not available here.
    """
    if context.administration is None:
        raise NotFound("")
    return context.administration()


def request_reading(context: AnswerContext, administrator: RoleHolder, source: str) -> None:
    """Request a crawl of a source as soon as a worker is free. Raises `NotFound`."""
    try:
        if context.read_soon is None:
            raise KeyError(source)
        context.read_soon(source)
    except KeyError:
        raise NotFound("Les réglages ne nomment pas cette source.") from None


def edited_files(context: AnswerContext, administrator: RoleHolder) -> Mapping[str, str]:
    """Return the names of the files that administrators edit, by label."""
    return context.search_files.names() if context.search_files else {}


def search_file(context: AnswerContext, administrator: RoleHolder, name: str) -> SearchFile:
    """Return the glossary or the best bets, with the lines that are ignored.

    Raises `NotFound` for a file that the settings do not name, `InvalidParameter` for an unreadable
    file.
    """
    if context.search_files is None:
        raise NotFound("")
    try:
        return context.search_files.read(name)
    except KeyError:
        raise NotFound("Les réglages ne nomment pas ce fichier.") from None
    except ValueError as error:
        raise InvalidParameter(str(error)) from error


def write_search_file(
    context: AnswerContext, administrator: RoleHolder, name: str, text: str, version: str
) -> None:
    """Replace the text of a file; it applies from the next question on.

    Raises `NotFound`; `InvalidParameter` if a line is wrong or the file cannot be written; `Stale`
    if the file changed since `version`. Nothing is changed then.
    """
    if context.search_files is None:
        raise NotFound("")
    try:
        context.search_files.write(name, text, version)
    except KeyError:
        raise NotFound("Les réglages ne nomment pas ce fichier.") from None
    except FileChanged as error:
        raise Stale(str(error)) from error
    except ValueError as error:
        raise InvalidParameter(str(error)) from error


def audit_page(
    context: AnswerContext, officer: RoleHolder, limit: int = AUDIT_PAGE, before: int | None = None
) -> AuditPage:
    """Return a page of the audit log, newest first; its opening is an entry itself."""
    return read_audit(context.audit, limit, before, context.people)


def read_audit(
    audit: Audit, limit: int, before: int | None = None, people: AgentDirectory | None = None
) -> AuditPage:
    """Return a page of an audit log, for commands with access to the database."""
    entries = tuple(audit.newest(limit, before))
    known = people.agents(entry.actor for entry in entries) if people else {}
    more = len(entries) == limit and entries[-1].number > 1
    return AuditPage(
        entries,
        audit.verify(),
        entries[-1].number if more else None,
        {id_: agent.name for id_, agent in known.items()},
    )
