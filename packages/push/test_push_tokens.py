"""Tokens of pushing applications: each opens one source, and only its hash is stored."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from quisait_push.tokens import PushTokens

pytestmark = [pytest.mark.sources, pytest.mark.trust]


def test_a_token_opens_its_source_until_it_is_revoked(engine: sa.Engine) -> None:
    """And none but it; another of the same source goes on."""
    tokens = PushTokens(engine)
    docs, other, drive = tokens.add("docs", "Docs"), tokens.add("docs", ""), tokens.add("drive", "")
    assert [tokens.source_of(token) for token in (docs, other, drive)] == ["docs", "docs", "drive"]
    first, _ = tokens.of("docs")
    assert (first.label, first.id in docs) == ("Docs", True)
    assert not tokens.revoke("drive", first.id)
    assert tokens.revoke("docs", first.id)
    assert not tokens.revoke("docs", first.id)
    assert [tokens.source_of(token) for token in (docs, other, drive)] == [None, "docs", "drive"]


def test_no_token_is_kept(engine: sa.Engine) -> None:
    """Neither whole nor its secret part: a copy of the database opens nothing."""
    tokens = PushTokens(engine)
    token = tokens.add("docs", "Docs")
    secret = token.rpartition("_")[2] if "_" not in token[13:] else token[13:]
    with engine.connect() as connection:
        kept = repr(connection.execute(sa.text("select * from push_tokens")).all())
    assert token[:12].split("_")[1] in kept
    assert secret not in kept
    assert token[13:] not in kept


def test_what_is_not_a_token_opens_nothing(engine: sa.Engine) -> None:
    """Whatever a header holds: never an error, never a source."""
    tokens = PushTokens(engine)
    token = tokens.add("docs", "")
    changed = token[:-1] + ("a" if token[-1] != "a" else "b")
    hostile = ["", " ", token[:-1], f"{token} ", f"{token}\n", token.upper(), changed, "qsp_", "\0"]
    hostile += ["qsp_00000000_" + "a" * 43, "é" * 56, "\udcff", "' or 1=1 --", token * 100]
    assert [tokens.source_of(one) for one in hostile] == [None] * len(hostile)


def test_rotation_overlaps(engine: sa.Engine) -> None:
    """Both open until the time is over, then the new one alone; no rotation lengthens an end."""
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    tokens = PushTokens(engine, lambda: now)
    old = tokens.add("docs", "Docs")
    name = old[4:12]
    assert tokens.rotate("drive", name, timedelta(days=1)) is None
    new = tokens.rotate("docs", name, timedelta(days=1))
    assert new is not None
    again = tokens.rotate("docs", name, timedelta(days=30))
    assert again is not None
    assert [tokens.source_of(one) for one in (old, new, again)] == ["docs"] * 3
    rows = {row.id: row for row in tokens.of("docs")}
    assert rows[name].ends == now + timedelta(days=1)
    assert {row.label for row in rows.values()} == {"Docs"}
    now += timedelta(days=1)
    assert [tokens.source_of(one) for one in (old, new, again)] == [None, "docs", "docs"]
    assert tokens.revoke("docs", name)
    assert tokens.rotate("docs", name, timedelta(days=1)) is None


def test_the_day_of_the_last_use_is_told(engine: sa.Engine) -> None:
    """So that whoever rotates sees when the old one is no longer needed."""
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    tokens = PushTokens(engine, lambda: now)
    token = tokens.add("docs", "")
    assert tokens.of("docs")[0].used is None
    tokens.source_of(token)
    now += timedelta(days=3)
    tokens.source_of(token[:-1] + "-")
    assert str(tokens.of("docs")[0].used) == "2026-03-10"
    tokens.source_of(token)
    assert str(tokens.of("docs")[0].used) == "2026-03-13"


def test_digests_are_compared_in_constant_time(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `hmac.compare_digest` and nothing else: taken away, no token opens."""
    tokens = PushTokens(engine)
    token = tokens.add("docs", "")
    compared: list[tuple[str, str]] = []

    def never(one: str, other: str) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr("quisait_push.tokens.hmac.compare_digest", never)
    assert tokens.source_of(token) is None
    ((kept, shown),) = compared
    assert kept == shown
    assert token[13:] not in kept
