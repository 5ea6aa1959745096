"""Retention periods of each kind of data, and the removal of expired data."""

import hashlib
import hmac
import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from expertise import consent, directory_tables
from expertise.builds import SqlBuilds, forget_in_builds
from expertise.consent import PreferenceKind, SqlConsent, forget_animator
from expertise.directory import (
    KEPT_OF_DEPARTED,
    SqlDirectory,
    has_more_than_name,
    mark_directory_changed,
    reduce_departed,
)
from expertise.directory_tables import forget_others
from expertise.topics import Topic
from indexer import sql
from indexer.ports import Index
from indexer.state import digest
from indexer.values import Remove
from quisait.application.database import TABLES
from quisait.clock import now
from quisait.features import installed_features
from quisait.privacy.register import (
    DatabaseRegisterMark,
    FileRegister,
    FileRegisterMark,
    PendingLines,
    RegisterMark,
    RegisterUnusable,
)
from quisait.settings import Settings, beside_file
from quisait.settings.sources import grant_of
from search_api.addresses import question_document
from search_api.audit.port import AuditUnwritable, PrivilegedAccess
from search_api.audit.sql import SqlAudit
from search_api.communities.storage import documents_pinned, forget_pins
from search_api.expected.storage import documents_expected, forget_expected
from search_api.favourites.storage import (
    SqlFavourites,
    SubjectKind,
    favourite_subjects,
    forget_agent,
    forget_subjects,
)
from search_api.identity.principals import Grants
from search_api.query_log.counts import COUNT_FIELDS, QueryCounts, forget_mentions, names_of
from search_api.query_log.sql import QueryLogRules, SqlQueryLog
from search_api.questions.storage import SqlQuestions
from search_api.questions.tables import renumber_texts_of
from search_api.sign_on import sessions as sign_on_tables
from search_api.verification.storage import (
    MONTH_DAYS,
    documents_verified,
    forget_documents,
    forget_openings,
)

_PURPOSE = b"quisait journal"
"""Label with which the query log's key is derived from the server's key."""


def open_query_log(settings: Settings, database: sa.Engine, book: SqlDirectory) -> SqlQueryLog:
    """Return the query log in the state's database; its key is derived from the server's."""
    asked = settings.journal
    rules = QueryLogRules(query_log_key(settings), asked.period_days, asked.keep_days)
    return SqlQueryLog(
        database, lambda: names_of(book.names()), rules, _CurrentTopics(SqlBuilds(database))
    )


def query_log_key(settings: Settings) -> bytes:
    """Return the key of the query log, which is derived from the server's key."""
    return hmac.new(settings.server.token_key.encode(), _PURPOSE, hashlib.sha256).digest()


class _CurrentTopics:
    """Finds the topics of the current build that a question names."""

    def __init__(self, builds: SqlBuilds) -> None:
        self._builds = builds
        self._known: tuple[str, tuple[Topic, ...]] = ("", ())

    def __call__(self, text: str) -> frozenset[str]:
        stamp = self._builds.current()
        if stamp is None:
            return frozenset()
        if self._known[0] != stamp.id:
            listed = tuple(topic.topic for topic in self._builds.topics(stamp.id))
            self._known = (stamp.id, listed)
        # Imported here: it imports NumPy, which most commands do not need.
        from expertise.assignment import topics_named

        return topics_named(text, self._known[1])


def frequent_queries(
    counts: Sequence[QueryCounts], order: Callable[[QueryCounts], int], limit: int
) -> list[QueryCounts]:
    """Return the most frequent queries with a text by `order`, without queries whose count is 0."""
    shown = [count for count in counts if count.text is not None and order(count)]
    return sorted(shown, key=lambda one: (-order(one), one.text, one.asked_for))[:limit]


def hidden_queries(counts: Sequence[QueryCounts]) -> QueryCounts:
    """Return the sums of all queries whose text is not shown."""
    some = [count for count in counts if count.text is None]
    return QueryCounts(
        "", None, **{name: sum(getattr(one, name) for one in some) for name in COUNT_FIELDS}
    )


@dataclass(frozen=True, slots=True)
class Privacy:
    """The granted roles, the audit log of their holders' accesses, and agents' preferences.

    `register` stores, outside the database, the changes that must be repeated on a restored
    database.
    """

    grants: Grants
    audit: SqlAudit
    consent: SqlConsent
    favourites: SqlFavourites
    register: FileRegister


def open_privacy(settings: Settings, database: sa.Engine) -> Privacy:
    """Open the services of `Privacy` from the settings."""
    grants = Grants(tuple(map(grant_of, settings.roles)))
    audit = SqlAudit(database, now, settings.privacy.audit_days)
    register = open_register(settings, database)
    consent = SqlConsent(database, now, register)
    favourites = SqlFavourites(database, now, register)
    return Privacy(grants, audit, consent, favourites, register)


def audit_command(privacy: Privacy, command: str, subject: str = "") -> None:
    """Write to the audit log that the system account reads by a command, before it shows anything.

    Raises `ValueError` if the entry cannot be written.
    """
    try:
        privacy.audit.write(PrivilegedAccess(f"system:{_account()}", "", command, subject))
    except AuditUnwritable as error:
        raise ValueError("Cette lecture doit être consignée, et n'a pas pu l'être.") from error


def _account() -> str:
    """Return the process's account, not from environment variables, which anybody can set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's account may have no name
        return str(os.getuid())


def open_register(settings: Settings, database: sa.Engine) -> FileRegister:
    """Return the register, with the marks of the database and of an embedded index."""
    known_by: list[RegisterMark] = [DatabaseRegisterMark(database)]
    if settings.index.engine == "embedded":
        known_by.append(index_register_mark(settings))
    privacy = settings.privacy
    path, waiting = beside_file(privacy.register_file), PendingLines(database)
    return FileRegister(path, known_by, now, privacy.backup_days, waiting)


def index_register_mark(settings: Settings) -> FileRegisterMark:
    """Return the mark of the embedded index, whichever engine the settings name."""
    return FileRegisterMark(beside_file(settings.folder) / "index" / "register.mark")


def register_warning(register: FileRegister, *, complete: bool = True) -> str:
    """Return a warning with the remedy if lines wait for the register's file.

    Otherwise the result is an empty text. Unless `complete`, waiting lines are only counted.
    """
    if not (count := register.complete() if complete else register.waiting()):
        return ""
    try:
        register.try_writing()
        why = (
            "Relancez la commande : le fichier vient d'être rendu."
            if complete
            else "La lecture suivante (« quisait crawl ») le complète d'elle-même."
        )
    except RegisterUnusable as error:
        why = f"{error} La lecture suivante le complète d'elle-même."
    return (
        f"Registre des suppressions, faits qui attendent d'y être notés : {count}. Ce qui est "
        "supprimé, fermé ou retiré l'est dès maintenant pour tous les lecteurs, mais une "
        f"sauvegarde restaurée le ramènerait. {why}"
    )


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """The result of a purge: removed agents, audit entries, lines of the register, questions."""

    agents: tuple[str, ...]
    entries: int
    lines: int
    questions: int = 0

    @property
    def rows(self) -> int:
        """Number of removed items of all kinds."""
        return len(self.agents) + self.entries + self.lines + self.questions


def purge_expired(
    privacy: Privacy, database: sa.Engine, index: Index, settings: Settings, today: date
) -> PurgeReport:
    """Delete everything that has expired by the settings. Raises the errors of the index.

    Principals that no document denies any more are deleted, too. Therefore `index` must contain all
    sources, including sources that the settings do not name.
    """
    days = settings.privacy.departed_days
    key = query_log_key(settings)
    agents = purge_departed(database, privacy.register, today, days, key)
    questions = _purge_old_questions(privacy.register, database, index, settings)
    done = PurgeReport(agents, privacy.audit.forget(), privacy.register.forget(), questions)
    _forget_words_on_deleted(privacy.register, database, index)
    for feature in installed_features():
        feature.purge(settings, database)
    forget_openings(database, today - timedelta(days=MONTH_DAYS))
    forget_others(
        database, lambda: {denial for name in index.sources() for denial in index.denials(name)}
    )
    return done


def _purge_old_questions(
    register: FileRegister, database: sa.Engine, index: Index, settings: Settings
) -> int:
    """Delete expired questions and their documents; return how many.

    The documents are removed from the index at once; if that fails, the next reading of the source
    removes them.
    """
    rules, questions = settings.questions, SqlQuestions(database, now, register)

    def ago(days: int) -> datetime | None:
        return now() - timedelta(days=days) if days else None

    ids = questions.retention.expired(ago(rules.unanswered_days), ago(rules.unused_days))
    for question_id in ids:
        questions.remove(question_id)
    if ids:
        index.write([Remove(question_document(one)) for one in ids])
    return len(ids)


def _forget_words_on_deleted(register: FileRegister, database: sa.Engine, index: Index) -> None:
    """Delete what is stored here about documents that were deleted at their source.

    Documents that returned keep theirs.
    """
    named = favourite_subjects(database, SubjectKind.DOCUMENT)
    named |= documents_verified(database) | documents_pinned(database)
    named |= documents_expected(database)
    if not named:
        return
    lines = (line for line in register.lines() if line["kind"] == "gone")
    deleted = named & {id_ for line in lines for id_ in line["documents"]}
    gone = sorted(deleted - index.kept(deleted).keys())
    forget_subjects(database, SubjectKind.DOCUMENT, gone)
    forget_documents(database, gone)
    forget_pins(database, gone)
    forget_expected(database, gone)


def _agent_tables(column: str) -> Iterator[sa.Table]:
    """Yield the tables with a column of this name, which identifies the agent of each row."""
    for tables in TABLES:
        yield from (table for table in tables.sorted_tables if column in table.c)


def purge_departed(
    database: sa.Engine, register: FileRegister, today: date, departed_days: int, journal: bytes
) -> tuple[str, ...]:
    """Purge agents who left, or were last known, more than `departed_days` ago; return their ids.

    Agents without anything left to delete are left out. If the directory still lists such agents,
    its next reading stores their entries again, and they are purged again.
    """
    long_ago = today - timedelta(days=departed_days)
    with database.begin() as connection:
        ids = _long_departed(connection, long_ago) | _long_missing(connection, today, long_ago)
    recorded = (
        {line["agent"] for line in register.lines() if line["kind"] == "purged"} if ids else ()
    )
    for agent_id in sorted(ids):
        if agent_id not in recorded:
            register.note("purged", agent=agent_id)
        purge_agent(database, agent_id, journal)
    return tuple(sorted(ids))


def _long_departed(connection: sa.Connection, long_ago: date) -> set[str]:
    """Return the ids of agents who left by that day and of whom more than a name is stored."""
    agents = directory_tables.agents
    left = sa.select(agents.c.id).where(agents.c.departure <= long_ago)
    ids = set(connection.execute(left.where(has_more_than_name())).scalars())
    for table in _agent_tables("agent_key"):
        rows = _purged_rows(table, departed=True)
        if rows is not None:
            theirs = left.join(table, table.c.agent_key == agents.c.key).where(rows)
            ids.update(connection.execute(theirs.distinct()).scalars())
    return ids


def _purged_rows(table: sa.Table, *, departed: bool) -> sa.ColumnElement[bool] | None:
    """Return the condition of an agent's rows that a purge deletes, or None if it deletes none."""
    if departed and table.name in KEPT_OF_DEPARTED:
        return None
    if departed and table is consent.preferences:
        return table.c.kind != PreferenceKind.WITHDRAW.value
    return sa.true()


def _long_missing(connection: sa.Connection, today: date, long_ago: date) -> set[str]:
    """Return the ids of agents with data here who are missing in the directory since `long_ago`.

    A single reading without an agent deletes nothing, because the agent may return the next day.
    """
    missing = consent.absent_agents
    known = sa.select(directory_tables.agents.c.key)
    connection.execute(sa.delete(missing).where(missing.c.agent_key.in_(known)))
    unknown: dict[str, str] = {}
    for table in _agent_tables("agent_id"):
        if "build_id" in table.c:  # the next build replaces it
            continue
        key, id_ = table.c.agent_key, table.c.agent_id
        asked = sa.select(key, id_).where(key.not_in(known), id_ != "").distinct()
        unknown |= {row[0]: row[1] for row in connection.execute(asked)}
    unknown |= _unknown_animators(connection, known)
    since = {row[0]: row[1] for row in connection.execute(sa.select(missing))}
    new = [{"agent_key": key, "since": today} for key in sorted(unknown.keys() - since.keys())]
    if new:
        connection.execute(sa.insert(missing), new)
    return {id_ for key, id_ in unknown.items() if since.get(key, today) <= long_ago}


def _unknown_animators(connection: sa.Connection, known: sa.Select[tuple[str]]) -> dict[str, str]:
    """Return the ids, by key, of unknown animators who removed somebody from a topic."""
    by = consent.preferences.c.decided_by
    asked = connection.execute(sa.select(by).where(by != "").distinct())
    keys = {digest(id_): id_ for id_ in asked.scalars()}
    there = connection.execute(known.where(directory_tables.agents.c.key.in_(keys))).scalars()
    return {key: keys[key] for key in keys.keys() - set(there)}


def purge_agent(database: sa.Engine, agent_id: str, journal: bytes) -> int:
    """Delete every row of one agent; rows of `KEPT_UNNAMED` tables only lose their agent.

    Texts that the agent wrote here stay, like documents of other sources. If the directory lists
    the agent as departed, the name and the departure stay for the documents they wrote
    (`reduce_departed`), with the withdrawals by which the agent hid this name. Returns the number
    of rows.
    """
    key = digest(agent_id)
    with database.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("pragma secure_delete = on")
        renumber_texts_of(connection, agent_id)
        rows = sum(one.forget_agent(connection, agent_id) for one in installed_features())
        departed = reduce_departed(connection, agent_id)
        for table in _agent_tables("agent_key"):
            deleted = _purged_rows(table, departed=departed)
            if deleted is None:
                continue
            mine = (table.c.agent_key == key) & deleted
            unnamed = sa.update(table).where(mine).values(agent_key="", agent_id="")
            kept = table.info.get(sql.KEPT_UNNAMED)
            rows += connection.execute(unnamed if kept else sa.delete(table).where(mine)).rowcount
        rows += forget_mentions(connection, journal, agent_id)
        rows += forget_in_builds(connection, agent_id)
        rows += forget_agent(connection, agent_id)
        forget_animator(connection, agent_id)
        mark_directory_changed(connection)
        ended = sign_on_tables.provider_sessions.c.key.not_in(
            sa.select(sign_on_tables.sessions.c.key)
        )
        connection.execute(sa.delete(sign_on_tables.provider_sessions).where(ended))
        if departed:
            return rows
        own = sa.delete(directory_tables.agents).where(directory_tables.agents.c.key == key)
        return rows + connection.execute(own).rowcount
