"""Sessions and personal tokens, on both databases: found, limited, ended, and kept as digests."""

from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from search_api.sign_on.sessions import (
    DAY_S,
    MAX_TOKENS,
    SEEN_RESOLUTION_S,
    SessionLimits,
    SqlPersonalTokens,
    SqlSessions,
    TooManyTokens,
)
from search_api.sign_on.sessions import MAX_SESSIONS as MOST_SESSIONS

pytestmark = pytest.mark.trust

IDLE_S, ABSOLUTE_S = 600, 3_600


@dataclass(slots=True)
class Kept:
    engine: sa.Engine
    at_s: int = 1_770_000_000

    def now_s(self) -> int:
        return self.at_s

    @property
    def sessions(self) -> SqlSessions:
        return SqlSessions(self.engine, SessionLimits(IDLE_S, ABSOLUTE_S), self.now_s)

    @property
    def tokens(self) -> SqlPersonalTokens:
        return SqlPersonalTokens(self.engine, 90, self.now_s)

    def everything(self) -> str:
        """All that a copy of the database would show."""
        tables = sa.MetaData()
        tables.reflect(self.engine)
        with self.engine.connect() as connection:
            return str([connection.execute(sa.select(one)).all() for one in tables.sorted_tables])


@pytest.fixture
def kept(engine: sa.Engine) -> Kept:
    return Kept(engine)


def test_a_session_from_beginning_to_end(kept: Kept) -> None:
    """Two never share an id; one that ended, or never was, is nobody's."""
    first, second = kept.sessions.begin("ag-1", "jeton"), kept.sessions.begin("ag-1")
    assert first != second
    found = kept.sessions.find(first)
    assert found is not None
    assert (found.agent_id, found.id_token) == ("ag-1", "jeton")
    kept.sessions.end(first)
    assert kept.sessions.find(first) is None
    assert kept.sessions.find(second) is not None
    for other in ("", "x", second[:-1], second + "x", second.swapcase(), "é" * 50):
        assert kept.sessions.find(other) is None


def test_limits(kept: Kept) -> None:
    """Idle counts from the last use, known to a minute; the absolute limit from the beginning."""
    begun_s, session_id = kept.at_s, kept.sessions.begin("ag-1")
    for _ in range(ABSOLUTE_S // (IDLE_S - SEEN_RESOLUTION_S)):
        kept.at_s += IDLE_S - SEEN_RESOLUTION_S
        assert kept.sessions.find(session_id) is not None
    kept.at_s = begun_s + ABSOLUTE_S
    assert kept.sessions.find(session_id) is None
    assert kept.sessions.of() == ()
    session_id = kept.sessions.begin("ag-1")
    kept.at_s += IDLE_S
    assert kept.sessions.find(session_id) is None


def test_what_is_over_is_forgotten(kept: Kept) -> None:
    """The next sign-on, whoever's, leaves no trace of who was signed on before."""
    kept.sessions.begin("ag-zanzibar", "jeton-zanzibar")
    kept.at_s += IDLE_S
    kept.sessions.begin("ag-2")
    assert "zanzibar" not in kept.everything()


def test_a_new_session_takes_the_place_of_the_browsers_old_one(kept: Kept) -> None:
    """Whoever's it was."""
    old = kept.sessions.begin("ag-1")
    new = kept.sessions.begin("ag-2", instead_of=old)
    assert kept.sessions.find(old) is None
    assert kept.sessions.find(new) is not None


def test_revoking(kept: Kept) -> None:
    """One's own by its short name, all of one's but this one, an agent's, everybody's."""
    ids = [kept.sessions.begin("ag-1") for _ in range(3)]
    other = kept.sessions.begin("ag-2")
    one = kept.sessions.find(ids[0])
    assert one is not None
    assert not kept.sessions.revoke("ag-2", one.short)
    assert not kept.sessions.revoke("ag-1", "%")
    assert kept.sessions.revoke("ag-1", one.short)
    assert kept.sessions.find(ids[0]) is None
    kept_one = kept.sessions.find(ids[1])
    assert kept_one is not None
    assert kept.sessions.revoke_all("ag-1", but=kept_one.key) == 1
    assert kept.sessions.find(ids[1]) is not None
    assert kept.sessions.find(other) is not None
    assert kept.sessions.revoke_all() == 2
    assert kept.sessions.of() == ()


def test_an_agents_sessions_are_bounded(kept: Kept) -> None:
    """The next one ends the one that was used longest ago."""
    ids = []
    for _ in range(MOST_SESSIONS + 1):
        kept.at_s += 1
        ids.append(kept.sessions.begin("ag-1"))
    assert kept.sessions.find(ids[0]) is None
    assert kept.sessions.find(ids[1]) is not None
    assert len(kept.sessions.of("ag-1")) == MOST_SESSIONS


def test_a_copy_of_the_database_opens_nothing(kept: Kept) -> None:
    """Neither a session's id nor a token stands in it; nor does the short name open anything."""
    session_id, token = kept.sessions.begin("ag-1"), kept.tokens.make("ag-1", "tableur", 30)
    everything = kept.everything()
    assert session_id not in everything
    assert token not in everything
    (session,), (made,) = kept.sessions.of("ag-1"), kept.tokens.of("ag-1")
    assert kept.sessions.find(session.key) is None
    assert kept.sessions.find(session.short) is None
    assert kept.tokens.agent_id(made.short) is None


def test_a_token_from_making_to_end(kept: Kept) -> None:
    """It names its agent until its last second; its last use is known by day."""
    token = kept.tokens.make("ag-1", "  tableur ", 30)
    assert kept.tokens.of("ag-1")[0].label == "tableur"
    assert kept.tokens.of("ag-1")[0].last_used is None
    kept.at_s += 30 * DAY_S - 1
    assert kept.tokens.agent_id(token) == "ag-1"
    used = kept.tokens.of("ag-1")[0].last_used
    assert used is not None
    assert used.isoformat() == "2026-03-04"
    kept.at_s += 1
    assert kept.tokens.agent_id(token) is None
    assert kept.tokens.of("ag-1") == ()


@pytest.mark.parametrize(
    ("label", "days"), [("", 1), ("  ", 1), ("x" * 81, 1), ("a", 0), ("a", 91), ("a", -1)]
)
def test_a_token_out_of_bounds_is_not_made(kept: Kept, label: str, days: int) -> None:
    """Neither without a name nor for ever."""
    with pytest.raises(ValueError, match="bounds"):
        kept.tokens.make("ag-1", label, days)
    assert kept.tokens.of() == ()


def test_tokens_are_bounded_and_revoked_by_their_agent_alone(kept: Kept) -> None:
    """A withdrawn one makes room for another."""
    made = [kept.tokens.make("ag-1", f"jeton {n}", 1) for n in range(MAX_TOKENS)]
    with pytest.raises(TooManyTokens):
        kept.tokens.make("ag-1", "un de trop", 1)
    kept.tokens.make("ag-2", "un autre", 1)
    first = kept.tokens.of("ag-1")[0]
    assert not kept.tokens.revoke("ag-2", first.short)
    assert kept.tokens.revoke("ag-1", first.short)
    assert sum(kept.tokens.agent_id(one) is None for one in made) == 1
    kept.tokens.make("ag-1", "de nouveau", 1)
    assert kept.tokens.revoke_all("ag-1") == MAX_TOKENS
    assert kept.tokens.revoke_all() == 1
