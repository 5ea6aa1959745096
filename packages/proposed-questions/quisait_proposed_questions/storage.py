"""Which texts a model has been asked about, how many requests were sent, how the last one ended.

No row names an agent or has a word of a text: a document is known by the digest of its id.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from connectors.batches import batches
from indexer import sql
from indexer.state import digest
from indexer.values import IndexEntry

_AT_ONCE = 500
"""Number of documents per statement."""

metadata = sa.MetaData()

proposed_documents = sa.Table(
    "proposed_documents",
    metadata,
    sa.Column("document_key", sa.String(64), primary_key=True),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
)
"""`done`: the model has answered about the text with this hash. Otherwise the text may not be sent,
or the request failed; it is tried again on a later day than `day`.
"""

proposed_requests = sa.Table(
    "proposed_requests",
    metadata,
    sa.Column("period", sa.String(16), primary_key=True),
    sa.Column("requests", sa.Integer, nullable=False),
)
"""`period`: a day (`2026-12-01`) or a minute (`2026-12-01T23:59`)."""

proposed_state = sa.Table(
    "proposed_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("waiting", sa.Integer, nullable=False),
    sa.Column("refusal", sa.Text, nullable=False),
)
"""One row. `refusal`: why the last request failed, empty if it did not."""


@dataclass(frozen=True, slots=True)
class ProposalState:
    """Numbers of documents that were asked about and that wait, and of today's requests."""

    done: int
    waiting: int
    requests: int
    refusal: str


class SqlProposals:
    """Stores the progress of proposals. One process writes at a time: the worker's task."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def waiting(self, entries: Sequence[IndexEntry], today: date) -> list[str]:
        """Return the ids of the entries whose present text the model should be asked about."""
        column = proposed_documents.c
        keys = [digest(entry.document_id) for entry in entries]
        query = sa.select(column.document_key, column.content_hash).where(
            column.document_key.in_(keys), column.done | (column.day >= today)
        )
        settled = {tuple(row) for row in sql.rows(self._engine, query)}
        return [
            entry.document_id
            for entry in entries
            if (digest(entry.document_id), entry.content_hash) not in settled
        ]

    def note(self, document_id: str, content_hash: str, day: date, *, done: bool) -> None:
        """Note whether the model has answered about this text of a document."""
        row = {
            "document_key": digest(document_id),
            "content_hash": content_hash,
            "day": day,
            "done": done,
        }
        with self._engine.begin() as connection:
            sql.put(connection, proposed_documents, row)

    def keep_only(self, document_ids: Collection[str]) -> None:
        """Delete the rows of all other documents."""
        column = proposed_documents.c.document_key
        present = {digest(id_) for id_ in document_ids}
        gone = set(sql.scalars(self._engine, sa.select(column))) - present
        for keys in batches(sorted(gone), _AT_ONCE):
            sql.execute(self._engine, sa.delete(proposed_documents).where(column.in_(keys)))

    def take_request(self, moment: datetime, per_minute: int, per_day: int) -> bool:
        """Count a request that is about to be sent; return False if a budget is used up.

        It is counted before it is sent, so that a killed process never exceeds a budget.
        """
        column, most = proposed_requests.c, _periods(moment, per_minute, per_day)
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(proposed_requests).where(column.period.in_(most)))
            counts = {row.period: row.requests for row in rows}
            if any(counts.get(period, 0) >= limit for period, limit in most.items()):
                return False
            connection.execute(sa.delete(proposed_requests).where(column.period.not_in(most)))
            for period in most:
                row = {"period": period, "requests": counts.get(period, 0) + 1}
                sql.put(connection, proposed_requests, row)
        return True

    def note_round(self, waiting: int, refusal: str | None) -> None:
        """Note how many documents wait; `refusal` None if no request was sent."""
        row = {"id": 1, "waiting": waiting, "refusal": refusal or ""}
        with self._engine.begin() as connection:
            if refusal is None:
                previous = connection.execute(sa.select(proposed_state.c.refusal)).scalar()
                row["refusal"] = previous or ""
            sql.put(connection, proposed_state, row)

    def state(self, moment: datetime) -> ProposalState | None:
        """Return the progress, or None before the first round."""
        (day, *_) = _periods(moment, 0, 0)
        sent = sa.select(proposed_requests.c.requests).where(proposed_requests.c.period == day)
        counted = sa.select(sa.func.count()).where(proposed_documents.c.done)
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(proposed_state)).first()
            if row is None:
                return None
            done = connection.execute(counted).scalar() or 0
            requests = connection.execute(sent).scalar() or 0
        return ProposalState(done, row.waiting, requests, row.refusal)


def _periods(moment: datetime, per_minute: int, per_day: int) -> dict[str, int]:
    """Return the present day and minute with their budgets."""
    return {f"{moment:%Y-%m-%d}": per_day, f"{moment:%Y-%m-%dT%H:%M}": per_minute}
