"""The calls that assistants made in an agent's name: when, which tool, by which token."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from indexer import sql
from indexer.state import digest

metadata = sa.MetaData()

assistant_calls = sa.Table(
    "assistant_calls",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("moment_s", sa.BigInteger, nullable=False, index=True),
    sa.Column("tool", sa.String(40), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
)
"""The rows contain neither queries nor texts, and only the agent sees them."""

MOST_CALLS = 200
"""Number of calls that the agent's page lists."""


@dataclass(frozen=True, slots=True)
class AssistantCall:
    """A call. `label` is the token's name, empty for a token that the administration signed."""

    moment_s: int
    tool: str
    label: str


class SqlAssistantCalls:
    """Stores calls and lists them for their agent."""

    def __init__(self, engine: sa.Engine, now_s: Callable[[], int]) -> None:
        self._engine, self._now_s = engine, now_s

    def note(self, agent_id: str, tool: str, label: str) -> None:
        """Store a call."""
        row = {
            # Ascending, so that calls of the same second keep their order.
            "id": f"{time.time_ns():016x}{secrets.token_hex(8)}",
            "agent_key": digest(agent_id),
            "agent_id": agent_id,
            "moment_s": self._now_s(),
            "tool": tool,
            "label": label,
        }
        sql.execute(self._engine, sa.insert(assistant_calls).values(row))

    def of(self, agent_id: str, most: int | None = None) -> tuple[AssistantCall, ...]:
        """Return the agent's calls, latest first."""
        table = assistant_calls.c
        query = sa.select(table.moment_s, table.tool, table.label).limit(most)
        query = query.where(table.agent_key == digest(agent_id)).order_by(
            table.moment_s.desc(), table.id.desc()
        )
        return sql.values(self._engine, AssistantCall, query)


def forget_calls(engine: sa.Engine, before_s: int) -> None:
    """Delete the calls before a moment."""
    sql.execute(engine, sa.delete(assistant_calls).where(assistant_calls.c.moment_s < before_s))
