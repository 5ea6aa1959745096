"""API schemas of what the reader follows, and its news."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from search_api.answers.following import (
    FollowAction,
    FollowNews,
    News,
    NewsKind,
    OwnFollows,
    ShownFollow,
)
from search_api.following import FollowKind


class _FollowingSchema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FollowRequest(_FollowingSchema):
    """What to follow or to stop following."""

    action: FollowAction
    kind: FollowKind = Field(FollowKind.SEARCH, description="not read for `forget` and `seen`")
    subject: str = Field(
        "",
        max_length=8_000,
        description="a topic's id, of a community too; a question's id; or the address of a "
        "search's page, as `/?q=…`",
    )


class FollowBody(_FollowingSchema):
    """An item that the reader follows."""

    kind: FollowKind
    subject: str | None = Field(description="null where you may not see it any more")
    title: str
    address: str = Field(description="its page here")
    since: datetime


class OwnFollowsBody(_FollowingSchema):
    """Everything that the reader follows; only they see it."""

    follows: list[FollowBody]
    seen: datetime | None = Field(description="until when the news was seen; null for never")


class NewsItemBody(_FollowingSchema):
    """One piece of news."""

    kind: NewsKind = Field(description="`waiting`: a question without answer")
    title: str
    address: str = Field(description="its page here")
    moment: datetime


class FollowNewsBody(_FollowingSchema):
    """The news of one followed item, newest first."""

    follow: FollowBody
    items: list[NewsItemBody]
    more: bool = Field(description="there is more than was looked through")


class NewsBody(_FollowingSchema):
    """The news of all followed items, under the reader's rights; each document once."""

    news: list[FollowNewsBody]
    count: int
    since: datetime | None = Field(description="null where one follows nothing")


def own_follows_body(found: OwnFollows) -> OwnFollowsBody:
    """Return the response body for the reader's follows; hidden ones have only kind and date."""
    hidden = [
        FollowBody(kind=one.kind, subject=None, title="", address="", since=one.since)
        for one in found.hidden
    ]
    return OwnFollowsBody(follows=[*map(_follow, found.follows), *hidden], seen=found.seen)


def news_body(found: News) -> NewsBody:
    """Return the response body for the reader's news."""
    return NewsBody(news=list(map(_news, found.found)), count=found.count, since=found.since)


def _follow(one: ShownFollow) -> FollowBody:
    return FollowBody(
        kind=one.follow.kind,
        subject=one.follow.subject,
        title=one.title,
        address=one.address,
        since=one.follow.since,
    )


def _news(one: FollowNews) -> FollowNewsBody:
    return FollowNewsBody(
        follow=_follow(one.shown),
        items=[
            NewsItemBody(kind=item.kind, title=item.title, address=item.address, moment=item.moment)
            for item in one.items
        ],
        more=one.more,
    )
