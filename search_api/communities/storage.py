"""Community pages: the documents that animators pin, and which communities are closed."""

from collections.abc import Callable, Collection
from datetime import datetime

import sqlalchemy as sa

from indexer import sql
from indexer.state import digest, storable

metadata = sa.MetaData()

community_pins = sa.Table(
    "community_pins",
    metadata,
    sa.Column("topic_id", sa.String(200), primary_key=True),
    sa.Column("document_key", sa.String(64), primary_key=True),
    sa.Column("document_id", sa.Text, nullable=False),
    sa.Column("pinned", sql.Moment, nullable=False),
)

closed_communities = sa.Table(
    "closed_communities",
    metadata,
    sa.Column("topic_id", sa.String(200), primary_key=True),
    sa.Column("closed", sql.Moment, nullable=False),
)


class SqlCommunityPages:
    """Pins and closures by the community's topic id, in the state's database."""

    def __init__(self, engine: sa.Engine, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now

    def pins(self, topic_id: str) -> tuple[str, ...]:
        """Return the ids of the pinned documents, newest pin first."""
        query = sa.select(community_pins.c.document_id).where(community_pins.c.topic_id == topic_id)
        newest = (community_pins.c.pinned.desc(), community_pins.c.document_key)
        return tuple(sql.scalars(self._engine, query.order_by(*newest)))

    def pin(self, topic_id: str, document_id: str) -> None:
        """Pin a document, once."""
        row = {"topic_id": topic_id, "document_key": digest(document_id)}
        values = {"document_id": storable(document_id), "pinned": self._now()}
        sql.put_alone(self._engine, community_pins, row | values)

    def unpin(self, topic_id: str, document_id: str) -> None:
        """Remove a pin, if there is one."""
        sql.execute(self._engine, sa.delete(community_pins).where(_pin(topic_id, document_id)))

    def closed(self) -> frozenset[str]:
        """Return the topics whose communities are closed."""
        found = sql.scalars(self._engine, sa.select(closed_communities.c.topic_id))
        return frozenset(found)

    def close(self, topic_id: str, closed: bool) -> None:
        """Close a community, or open it again if `closed` is false."""
        own = closed_communities.c.topic_id == topic_id
        with self._engine.begin() as connection:
            connection.execute(sa.delete(closed_communities).where(own))
            if closed:
                row = {"topic_id": topic_id, "closed": self._now()}
                connection.execute(sa.insert(closed_communities).values(row))


def documents_pinned(engine: sa.Engine) -> frozenset[str]:
    """Return the ids of all pinned documents."""
    return frozenset(sql.scalars(engine, sa.select(community_pins.c.document_id)))


def forget_pins(engine: sa.Engine, document_ids: Collection[str]) -> None:
    """Remove the pins of documents that no longer exist."""
    keys = [digest(one) for one in document_ids]
    with engine.begin() as connection:
        gone = community_pins.c.document_key.in_(keys)
        connection.execute(sa.delete(community_pins).where(gone))


def _pin(topic_id: str, document_id: str) -> sa.ColumnElement[bool]:
    column = community_pins.c
    return (column.topic_id == topic_id) & (column.document_key == digest(document_id))
