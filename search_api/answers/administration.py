"""What administrators and the data-protection officer see: the system's state, the audit log."""

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


def request_reading(context: AnswerContext, administrator: RoleHolder, source: str) -> None:
    """Have a source read as soon as a worker can. Raises `NotFound`."""
    try:
        if context.read_soon is None:
            raise KeyError(source)
        context.read_soon(source)
    except KeyError:
        raise NotFound("Les réglages ne nomment pas cette source.") from None


def edited_files(context: AnswerContext, administrator: RoleHolder) -> Mapping[str, str]:
    """By label, the names of the files that administrators edit."""
    return context.search_files.names() if context.search_files else {}


def search_file(context: AnswerContext, administrator: RoleHolder, name: str) -> SearchFile:
    """The glossary or the best bets, with the lines that are left out.

    Raises `NotFound` for a file that the settings do not name, `InvalidParameter` for one that
    cannot be read.
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
    """Put a text in place of the file's, which acts at the next question.

    Raises `NotFound`; `InvalidParameter` where a line is wrong or the file cannot be written;
    `Stale` where it changed since `version`: nothing is changed then.
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
