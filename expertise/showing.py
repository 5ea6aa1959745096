"""Who may be named to a reader, and who may be shown: every answer asks here.

The agents come from a book, so that what they wish is in `listed` already (`consenting`); the
conditions of SQL say the same of the directory's rows.
"""

from datetime import date

import sqlalchemy as sa

from connectors.values import Agent
from expertise.consenting import has_withdrawn


def may_be_named(agent: Agent) -> bool:
    """Whether the directory's name may stand beside what an agent wrote, in post or gone.

    Of others a reader sees the name that the source shows, and finds them by that name alone.
    """
    return agent.listed


def may_be_shown(agent: Agent, today: date, reader_id: str | None = None) -> bool:
    """Whether an agent may be proposed, counted and have a page: who may be named and is in post.

    One who is in post may always be shown to themselves.
    """
    return not agent.departed(today) and (may_be_named(agent) or agent.id == reader_id)


def named_rows(agents: sa.Table) -> sa.ColumnElement[bool]:
    """The rows of those who may be named."""
    return sa.and_(agents.c.listed, ~has_withdrawn(agents.c.key))


def shown_rows(agents: sa.Table, today: date) -> sa.ColumnElement[bool]:
    """The rows of those who may be shown to others."""
    stays = sa.or_(agents.c.departure.is_(None), agents.c.departure > today)
    return sa.and_(named_rows(agents), stays)
