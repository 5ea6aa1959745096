"""Cut one agent's access at once, whatever the directory says, or undo this."""

import sqlalchemy as sa

from expertise.directory import SqlDirectory, set_cut
from indexer.state import State
from quisait.application.sources import DIRECTORY
from quisait.clock import today
from quisait.privacy.retention import Privacy, audit_command


def cut_agent(privacy: Privacy, database: sa.Engine, agent_id: str) -> None:
    """Make an agent departed from today on, after noting it in the register.

    Raises `ValueError` if the directory, as last read, does not list the agent.
    """
    if SqlDirectory(database).as_read(agent_id) is None:
        raise ValueError("Cet agent n'est pas dans l'annuaire lu : il n'a aucun accès.")
    audit_command(privacy, "quisait directory cut", f"agent:{agent_id}")
    privacy.register.note("cut", agent=agent_id, cut=True)
    set_cut(database, agent_id, today())


def undo_cut(privacy: Privacy, database: sa.Engine, agent_id: str) -> None:
    """Undo the cut: the next reading of the directory restores the agent as listed there."""
    audit_command(privacy, "quisait directory cut --undo", f"agent:{agent_id}")
    privacy.register.note("cut", agent=agent_id, cut=False)
    set_cut(database, agent_id, None)
    # Without this an unchanged directory would not be read again.
    State(database).save(DIRECTORY, "")
