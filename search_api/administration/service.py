"""Answers for administrators and the data-protection officer: system state and audit log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from connectors.ports import SourceError
from expertise.values import AgentDirectory
from indexer.errors import IndexerError
from indexer.french.analysis import fold
from indexer.values import Card
from search_api.administration.system_status import Administration, SystemStatus
from search_api.administration.tables import (
    ChangePreview,
    EditedTable,
    EditedTables,
    FileChanged,
    TableChange,
    TableEntry,
)
from search_api.audit.port import Audit, AuditEntry, AuditIntegrity
from search_api.context import (
    AnswerContext,
    InvalidParameter,
    NotFound,
    RoleHolder,
    Stale,
    note_access,
    required,
)

AUDIT_PAGE = 100
"""Number of entries on one page."""
TABLE_PAGE = 100
"""Number of entries of a table on one page."""
UNKNOWN_SOURCE = "Les réglages ne nomment pas cette source."


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first, and whether the whole log is unaltered.

    `names`: names of the actors in the directory, by id. `following`: number of the entry before
    which the next page begins, None at the end. `directory`: in French, when the directory was last
    read and how that ended.
    """

    entries: tuple[AuditEntry, ...]
    integrity: AuditIntegrity
    following: int | None
    names: Mapping[str, str] = field(default_factory=dict)
    directory: str = ""


def system_status(context: AnswerContext, administrator: RoleHolder) -> SystemStatus:
    """Return sources with last run and remedies, engines, files, unanswered questions.

    Raises `NotFound` if the state is not available here.
    """
    return required(context.part(Administration)).status()


def readable_missing(
    context: AnswerContext, administrator: RoleHolder, status: SystemStatus
) -> Mapping[str, Card]:
    """Return, by key, the cards of the missing documents that the administrator may read."""
    troubles = (trouble for source in status.sources for trouble in source.troubles)
    keys = [one.key for trouble in troubles for one in trouble.oldest]
    try:
        return context.search.cards(keys, administrator.reader)
    except IndexerError:  # the page says so of the index itself
        return {}


def request_reading(context: AnswerContext, administrator: RoleHolder, source: str) -> None:
    """Request a crawl of a source as soon as a worker is free. Raises `NotFound`."""
    try:
        required(context.part(Administration)).read_soon(source)
    except KeyError:
        raise NotFound(UNKNOWN_SOURCE) from None


def request_rereading(
    context: AnswerContext, administrator: RoleHolder, source: str, folder: str | None
) -> None:
    """Request that a folder, or a whole source if it is None, is read again.

    The audit log names the folder first. Raises `NotFound` for an unknown source,
    `InvalidParameter` if the folder cannot be read again now.
    """
    if folder == "":
        raise InvalidParameter("Écrivez le dossier à relire, ou demandez toute la source.")
    if folder:
        note_access(context, administrator, "source folder", f"source:{source}, {folder}")
    try:
        required(context.part(Administration)).read_again(source, folder or "")
    except KeyError:
        raise NotFound(UNKNOWN_SOURCE) from None
    except (SourceError, ValueError) as error:
        raise InvalidParameter(str(error)) from error


def edited_files(context: AnswerContext, administrator: RoleHolder) -> Mapping[str, str]:
    """Return the names of the tables that administrators edit, by label."""
    return required(context.part(Administration)).tables.names()


@dataclass(frozen=True, slots=True)
class TablePage:
    """A page of a table's entries.

    `found` is the number of all entries that match; `more` tells whether further entries follow.
    """

    table: EditedTable
    entries: tuple[TableEntry, ...]
    found: int
    more: bool


def table_page(
    context: AnswerContext, administrator: RoleHolder, name: str, words: str = "", page: int = 1
) -> TablePage:
    """Return the entries that contain these words, in the file's order.

    Raises `NotFound` for a table that the settings do not name, `InvalidParameter` for an
    unreadable file.
    """
    with _table_refusals(context) as tables:
        table = tables.read(name)
    typed = fold(words.strip().lower())
    matching = [one for one in table.entries if typed in fold(" ".join(one.cells).lower())]
    shown = tuple(matching[(page - 1) * TABLE_PAGE : page * TABLE_PAGE])
    return TablePage(table, shown, len(matching), len(matching) > page * TABLE_PAGE)


def preview_change(
    context: AnswerContext, administrator: RoleHolder, name: str, change: TableChange
) -> ChangePreview:
    """Return the effects of a change of one entry, without writing it.

    Raises `NotFound`; `InvalidParameter` if the entry is wrong or the file cannot be written;
    `Stale` if the file changed since the change's version.
    """
    with _table_refusals(context) as tables:
        return tables.preview(name, change)


def write_change(
    context: AnswerContext, administrator: RoleHolder, name: str, change: TableChange
) -> ChangePreview:
    """Write a change of one entry, which the audit log names first. Raises as `preview_change`."""
    preview = preview_change(context, administrator, name, change)
    note_access(context, administrator, f"entry {preview.act}", f"entry:{name} {preview.entry}")
    with _table_refusals(context) as tables:
        return tables.write(name, change)


@contextmanager
def _table_refusals(context: AnswerContext) -> Iterator[EditedTables]:
    """Yield the edited tables, and turn their errors into refusals of an answer."""
    tables = required(context.part(Administration)).tables
    try:
        yield tables
    except KeyError:
        raise NotFound("Les réglages ne nomment pas ce fichier.") from None
    except FileChanged as error:
        raise Stale(str(error)) from error
    except ValueError as error:
        raise InvalidParameter(str(error)) from error


def audit_page(
    context: AnswerContext, officer: RoleHolder, limit: int = AUDIT_PAGE, before: int | None = None
) -> AuditPage:
    """Return a page of the audit log, newest first. Opening the page is logged, too."""
    found = read_audit(context.audit, limit, before, context.people)
    administration = context.part(Administration)
    return replace(found, directory=administration.directory_reading()) if administration else found


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
