"""API and page of the reader's follows and their news, which other readers do not see."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from search_api.addresses import local_path
from search_api.authorization import IN_PERSON
from search_api.bodies import PROBLEMS
from search_api.context import required
from search_api.following.schemas import FollowRequest, NewsBody, OwnFollowsBody
from search_api.following.service import FollowAction, change_follow, news, own_follows
from search_api.following.storage import FollowKind
from search_api.notices import Undo, noticed
from search_api.parameters import AskingReader, NamedReader
from search_api.services import services_of
from search_api.templating import render

api_router = APIRouter(prefix="/api/v1", responses=PROBLEMS, dependencies=IN_PERSON)


@api_router.get("/follows")
def follows(request: Request, reader: NamedReader) -> OwnFollowsBody:
    """Return the topics, communities, questions and searches that the reader follows."""
    return OwnFollowsBody.of(required(own_follows(services_of(request), reader)))


@api_router.post("/follows", status_code=204)
def follow(request: Request, reader: NamedReader, asked: FollowRequest) -> None:
    """Follow an item, stop following it, or mark the news as read."""
    change_follow(services_of(request), reader, asked.action, asked.kind, asked.subject)


@api_router.get("/news")
def whats_new(request: Request, reader: AskingReader) -> NewsBody:
    """Return the news of what the reader follows since they last marked it as read."""
    return NewsBody.model_validate(news(services_of(request), reader))


router = APIRouter(include_in_schema=False, dependencies=IN_PERSON)


@router.get("/suivis", response_class=HTMLResponse)
def news_page(request: Request, reader: NamedReader) -> str:
    """Show the news of everything that the reader follows. The home page shows a few of them."""
    found = news(services_of(request), reader)
    return render("news.html", request=request, news=found)


@router.post("/suivis")
def follow_on_page(
    request: Request,
    reader: NamedReader,
    act: Annotated[FollowAction, Form()],
    kind: Annotated[FollowKind, Form()] = FollowKind.SEARCH,
    subject: Annotated[str, Form(max_length=8_000)] = "",
    back: Annotated[str, Form(max_length=8_000)] = "/",
) -> RedirectResponse:
    """Change a follow from a page's button, then return to the page."""
    change_follow(services_of(request), reader, act, kind, subject)
    reverse = _REVERSES.get(act)
    fields = {"act": reverse or "", "kind": kind, "subject": subject, "back": back}
    undo = Undo("/suivis", fields) if reverse else None
    return noticed(request, local_path(back), f"follow.{act}", undo)


_REVERSES = {FollowAction.FOLLOW: FollowAction.UNFOLLOW, FollowAction.UNFOLLOW: FollowAction.FOLLOW}
