"""Read the tickets of a Request Tracker from its database: `RtSource` shows the flow.

RT's web interfaces do not tell who has which right, but its database does.
"""

import binascii
import quopri
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from quisait_mailbox.text import own_text

from connectors.html import sections_of
from connectors.installed import SourcePlace
from connectors.ports import (
    Listed,
    Malformed,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
)
from connectors.values import (
    CONVERSATION_HEADINGS,
    MAX_PRINCIPALS,
    Access,
    Contribution,
    ContributorRole,
    Document,
    Section,
    assume_utc,
)
from quisait_rt.connector import RtOptions
from quisait_rt.rights import TicketRights, rows_of

_BY = ContributorRole


@dataclass(slots=True)
class RtSource:
    """Lists the tickets of a Request Tracker, with the accounts that may see each."""

    source: str
    options: RtOptions
    url: sa.URL = field(repr=False)
    _asked: dict[int, set[int]] = field(default_factory=dict)
    """The numbers of the users who asked for each ticket."""
    _names: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """Login and displayed name of every user, by number."""

    def roots(self) -> Sequence[Path]:
        """Return the file of an SQLite database."""
        is_file = self.url.get_backend_name() == "sqlite" and self.url.database
        return (Path(self.url.database),) if is_file and self.url.database else ()

    def listing(self) -> Iterator[Listed | Malformed]:
        """Yield every ticket with its readers. Raises `SourceError`."""
        with self._opened() as database:
            rights = TicketRights(database, self.source, self.options.groups)
            self._names, queues = rights.names, self._queues(database)
            rows = rows_of(
                database,
                "SELECT t.id, t.queue, t.creator, t.subject, t.status, t.created, t.resolved,"
                " t.lastupdated, MAX(x.id) AS last, COUNT(x.id) AS number FROM {Tickets} t"
                " LEFT JOIN {Transactions} x ON x.objectid = t.id AND x.objecttype = 'RT::Ticket'"
                " WHERE t.effectiveid = t.id AND t.type = 'ticket' AND t.status <> 'deleted'"
                " GROUP BY t.id, t.queue, t.creator, t.subject, t.status, t.created, t.resolved,"
                " t.lastupdated ORDER BY t.id",
            )
            for row in rows:
                if row.queue not in queues:
                    continue
                allowed = rights.readers(row.id, row.queue)
                if len(allowed) > MAX_PRINCIPALS:
                    reason = f"plus de {MAX_PRINCIPALS} lecteurs : personne ; réglez « groups »"
                    yield Malformed(f"file {queues[row.queue]}", reason)
                self._asked[row.id] = {*rights.of_role("Requestor", row.id), row.creator}
                version = f"{row.subject}:{row.status}:{row.lastupdated}:{row.last}:{row.number}"
                place = [row.id, queues[row.queue]]
                yield Listed(f"{self.source}:{row.id}", version.encode(), _access(allowed), place)

    def read(self, listed: Listed) -> Document:
        """Return a ticket as it is now: its request and the answers. Raises `SourceError`."""
        number, name = listed.place
        with self._opened() as database:
            rows = rows_of(
                database,
                "SELECT id, queue, subject, status, created, resolved, lastupdated FROM {Tickets}"
                " WHERE id = :id AND effectiveid = id AND status <> 'deleted'",
                id=number,
            )
            row = next(rows, None)
            if row is None:
                raise RecordVanished("le ticket n'est plus là")
            said = self._posts(database, number)
        roles = self._roles(row, said)
        return Document(
            id=listed.id,
            source=self.source,
            title=row.subject or f"Ticket {number}",
            access=listed.access or Access(),
            sections=tuple(
                Section(one.text, CONVERSATION_HEADINGS.get(role, ""), self._account(one.by))
                for one, role in zip(said, roles, strict=True)
                if one.text
            ),
            url=f"{self.options.link}Ticket/Display.html?id={number}" if self.options.link else "",
            kind="thread",
            space=name,
            created=_moment(row.created),
            modified=_moment(row.lastupdated),
            contributions=self._contributions(said, roles),
        )

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the readers of listed tickets as they are now. Raises `SourceError`."""
        numbers = [one.place[0] for one in items]
        with self._opened() as database:
            queues = self._queues(database)
            rights = TicketRights(database, self.source, self.options.groups, numbers)
            rows = rows_of(
                database,
                "SELECT id, queue FROM {Tickets} WHERE id IN :ids AND effectiveid = id"
                " AND status <> 'deleted'",
                ids=numbers,
            )
            return {
                f"{self.source}:{row.id}": _access(rights.readers(row.id, row.queue))
                for row in rows
                if row.queue in queues
            }

    def check(self) -> Iterator[str]:
        """Yield a French sentence per queue of the settings that does not exist."""
        with self._opened() as database:
            found = set(self._queues(database).values())
        if missing := sorted({*self.options.queues} - found):
            yield f"files que RT n'a pas, ou désactivées : {', '.join(missing)}"

    def _queues(self, database: sa.Connection) -> dict[int, str]:
        rows = rows_of(database, "SELECT id, name FROM {Queues} WHERE disabled = 0")
        wanted, left = set(self.options.queues), set(self.options.exclude)
        return {
            row.id: row.name
            for row in rows
            if row.name not in left and (not wanted or row.name in wanted)
        }

    def _posts(self, database: sa.Connection, number: int) -> list["_Post"]:
        """Return the request and the answers, oldest first; comments and files are not read."""
        rows = rows_of(
            database,
            "SELECT x.id, x.type, x.creator, x.created, a.contenttype, a.contentencoding, a.content"
            " FROM {Transactions} x LEFT JOIN {Attachments} a ON a.transactionid = x.id"
            " AND (a.filename IS NULL OR a.filename = '') AND a.content IS NOT NULL"
            " AND a.contenttype IN ('text/plain', 'text/html')"
            " WHERE x.objecttype = 'RT::Ticket' AND x.objectid = :id"
            " AND x.type IN ('Create', 'Correspond') ORDER BY x.id, a.id",
            id=number,
        )
        parts: dict[int, list[Any]] = defaultdict(list)
        for row in rows:
            parts[row.id].append(row)
        return [
            _Post(rows[0].creator, _moment(rows[0].created), _text(rows)) for rows in parts.values()
        ]

    def _roles(self, ticket: Any, said: Sequence["_Post"]) -> list[ContributorRole]:
        """Return the role of each text; the accepted answer is the last one up to the solution."""
        asked, solved = self._asked.get(ticket.id, set()), _moment(ticket.resolved)
        roles = [_BY.COMMENTER if one.by in asked else _BY.ANSWERER for one in said]
        if ticket.status in self.options.solved and solved:
            for at in reversed(range(1, len(said))):
                moment = said[at].moment
                if roles[at] is _BY.ANSWERER and said[at].text and moment and moment <= solved:
                    roles[at] = _BY.ACCEPTED_ANSWERER
                    break
        return [_BY.ASKER, *roles[1:]]

    def _contributions(
        self, said: Sequence["_Post"], roles: Sequence[ContributorRole]
    ) -> tuple[Contribution, ...]:
        days: dict[tuple[int, ContributorRole], list[date]] = defaultdict(list)
        for one, role in zip(said, roles, strict=True):
            if role is not _BY.COMMENTER and one.moment and (one.text or role is _BY.ASKER):
                days[one.by, role].append(one.moment.date())
        return tuple(
            Contribution(
                self._account(by), role, self._names.get(by, ("", ""))[1],
                len(of_role), min(of_role), max(of_role),
            )
            for (by, role), of_role in days.items()
        )  # fmt: skip

    def _account(self, number: int) -> str:
        # No login begins with « # », so a number never equals another account's login.
        return f"{self.source}:{self._names.get(number, ('', ''))[0] or f'#{number}'}"

    @contextmanager
    def _opened(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine(self.url)
        try:
            with engine.connect() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            raise SourceUnreachable(
                f"{self.source} : la base de RT ne répond pas. Vérifiez « database », le compte et "
                "le réseau."
            ) from error
        except sa.exc.SQLAlchemyError as error:
            raise SourceRefused(
                f"{self.source} : la base n'est pas celle d'un RT 5, ou le compte n'y lit pas "
                "tout. Vérifiez « database » et les droits du compte."
            ) from error
        finally:
            engine.dispose()


@dataclass(frozen=True, slots=True)
class _Post:
    """A request or an answer: its author's number, its time, and its text without quotations."""

    by: int
    moment: datetime | None
    text: str


def _access(allowed: frozenset[str]) -> Access:
    """Return the access of a ticket's readers; nobody's if there are too many of them."""
    return Access(allowed if len(allowed) <= MAX_PRINCIPALS else frozenset())


def _text(parts: Sequence[Any]) -> str:
    """Return the text of a transaction: the plain text parts, else the HTML parts."""
    read = [(one.contenttype, _decoded(one)) for one in parts if one.content is not None]
    plain = [text for kind, text in read if kind == "text/plain"]
    html = [part.text for kind, text in read if kind == "text/html" for part in sections_of(text)]
    return own_text("\n\n".join(plain or html)).strip()


def _decoded(part: Any) -> str:
    raw = part.content.encode() if isinstance(part.content, str) else bytes(part.content)
    encoding = (part.contentencoding or "").lower()
    try:
        raw = binascii.a2b_base64(raw) if encoding == "base64" else raw
    except binascii.Error:
        return ""
    raw = quopri.decodestring(raw) if encoding == "quoted-printable" else raw
    return "" if encoding == "external" else raw.decode("utf-8", "replace")


def _moment(value: object) -> datetime | None:
    """Return a time in UTC, from SQLite's text too; None for 1970, which RT writes for no time."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return assume_utc(found) if isinstance(found, datetime) and found.year > 1970 else None


def open_rt(place: SourcePlace, options: RtOptions) -> RtSource:
    """Return the source; nothing is read yet. Raises `SourceRefused` for a wrong address."""
    try:
        url = sa.make_url(options.database)
        if url.password:
            raise ValueError
        if url.get_backend_name() == "sqlite":
            return RtSource(place.source, options, url)
        return RtSource(place.source, options, url.set(password=place.password()))
    except (ValueError, sa.exc.ArgumentError) as error:
        raise SourceRefused(
            f"{place.source} : « database » s'écrit postgresql+psycopg://compte@serveur/rt5, sans "
            "mot de passe : il va dans « password_file »."
        ) from error
