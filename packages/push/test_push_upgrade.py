"""An installation from before the package keeps what was pushed to it."""

import pytest
import sqlalchemy as sa
from quisait_lasuite.group_values import GroupMember
from quisait_lasuite.groups import PushedGroups
from quisait_push.inbox import Inbox
from quisait_push.items import parse_item
from quisait_push.tokens import PushTokens

from quisait.application.database import feature_schemas, migrate
from tests.pushed_documents import post

pytestmark = [pytest.mark.sources, pytest.mark.trust]


def test_documents_tokens_and_groups_of_an_older_quisait_stay(engine: sa.Engine) -> None:
    """Its tables are those of the package, which only notes that they exist."""
    inbox = Inbox(engine, lambda _: None, 10)
    inbox.receive("docs", [parse_item(post("a"), 10_000)])
    token = PushTokens(engine).add("docs", "Docs")
    PushedGroups(engine).create("docs", "g", "", [GroupMember("ana")])
    moved = feature_schemas.c.name.in_(["push", "lasuite"])
    with engine.begin() as connection:
        assert connection.execute(sa.delete(feature_schemas).where(moved)).rowcount == 2
    migrate(engine)
    assert set(inbox.standing("docs")) == {"a"}
    assert PushTokens(engine).source_of(token) == "docs"
    assert [group.name for group in PushedGroups(engine).found("docs")] == ["g"]
    with engine.connect() as connection:
        assert len(connection.execute(sa.select(feature_schemas).where(moved)).all()) == 2
