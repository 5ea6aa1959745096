"""Where decisions on proposed communities are kept: one row for each topic's."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from expertise.decisions import Verdict
from indexer.state import digest

metadata = sa.MetaData()

gatherings = sa.Table(
    "community_decisions",
    metadata,
    sa.Column("topic_key", sa.String(64), primary_key=True),
    sa.Column("topic_id", sa.Text, nullable=False),
    sa.Column("verdict", sa.String(20), nullable=False),
    sa.Column("day", sa.Date, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Gathering:
    """A verdict on the community of a topic. Who decided is not kept here: the audit knows."""

    topic_id: str
    verdict: Verdict
    day: date


class SqlGatherings:
    """Verdicts in the state database; SQLite or PostgreSQL."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        metadata.create_all(engine)

    def all(self) -> dict[str, Gathering]:
        """Every decision, by the topic's id."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(gatherings)).mappings().all()
        return {
            row["topic_id"]: Gathering(row["topic_id"], Verdict(row["verdict"]), row["day"])
            for row in rows
        }

    def keep(self, made: Gathering) -> None:
        """Write a decision down; the last one on a topic stands."""
        key = digest(made.topic_id)
        row = {
            "topic_key": key,
            "topic_id": made.topic_id,
            "verdict": made.verdict.value,
            "day": made.day,
        }
        with self._engine.begin() as connection:
            connection.execute(sa.delete(gatherings).where(gatherings.c.topic_key == key))
            connection.execute(sa.insert(gatherings), row)

    def forget(self, topic_id: str) -> bool:
        """Take a decision back; False where there was none."""
        gone = sa.delete(gatherings).where(gatherings.c.topic_key == digest(topic_id))
        with self._engine.begin() as connection:
            return connection.execute(gone).rowcount > 0
