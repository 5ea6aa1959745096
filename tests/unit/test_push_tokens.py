"""Tokens of applications that push: one source each, known by their hash alone."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from connectors.push.tokens import PushTokens

pytestmark = [pytest.mark.sources, pytest.mark.trust]


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(database_url)
    yield engine
    engine.dispose()


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
