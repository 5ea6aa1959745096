"""API schemas of the reader's follows and their news."""

from datetime import datetime
from typing import Self

from pydantic import ConfigDict, Field

from search_api.bodies import Body, Joined
from search_api.following.service import FollowAction, NewsKind, OwnFollows
from search_api.following.storage import FollowKind


class _FollowingBody(Body):
    model_config = ConfigDict(extra="forbid")


class FollowRequest(_FollowingBody):
    """A request to follow an item, or to stop following it."""

    action: FollowAction
    kind: FollowKind = Field(FollowKind.SEARCH, description="not read for `forget` and `seen`")
    subject: str = Field(
        "",
        max_length=8_000,
        description="a topic's id, of a community too; a question's id; or the address of a "
        "search's page, as `/?q=…`",
    )


class FollowBody(_FollowingBody):
    """An item that the reader follows."""

    parts_of_answer = ("follow",)
    kind: FollowKind
    subject: str | None = Field(description="null if you may not see it any more")
    title: str
    address: str = Field(description="its page here")
    since: datetime


class OwnFollowsBody(_FollowingBody):
    """Everything that the reader follows; only they see it."""

    follows: list[FollowBody]
    seen: datetime | None = Field(description="until when the news was seen; null for never")

    @classmethod
    def of(cls, found: OwnFollows) -> Self:
        """Return the body.

        Items that the reader may not see any more only have a kind and a date.
        """
        hidden = [Joined(follow=one, subject=None, title="", address="") for one in found.hidden]
        return cls.model_validate(Joined(follows=[*found.follows, *hidden], seen=found.seen))


class NewsItemBody(_FollowingBody):
    """One piece of news."""

    kind: NewsKind = Field(description="`waiting`: a question without answer")
    title: str
    address: str = Field(description="its page here")
    moment: datetime


class FollowNewsBody(_FollowingBody):
    """The news of one followed item, newest first."""

    follow: FollowBody = Field(validation_alias="shown")
    items: list[NewsItemBody]
    more: bool = Field(description="not all of its news was looked through")


class NewsBody(_FollowingBody):
    """The news of all followed items, under the reader's rights; each document once."""

    news: list[FollowNewsBody] = Field(validation_alias="found")
    count: int
    since: datetime | None = Field(description="null if the reader follows nothing")
