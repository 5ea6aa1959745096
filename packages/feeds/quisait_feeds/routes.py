"""Feeds by a secret address, the page «Mes flux», and the results of a search as CSV."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, time
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from indexer.access import Reader
from quisait_feeds.atom import ATOM, atom
from quisait_feeds.schemas import TOKENS, FeedTokenBody, describe_token
from quisait_feeds.service import (
    Feed,
    Feeds,
    all_results,
    feed_addresses,
    questions_feed,
    search_feed,
    topic_feed,
)
from search_api.access import token_forms
from search_api.addresses import document_address
from search_api.context import AnswerContext
from search_api.features import MenuEntry, WebFeature, service_of
from search_api.limits import RequesterKind, RequestKind
from search_api.middleware.request_limits import charge, refuse_over_limit
from search_api.notices import noticed
from search_api.parameters import INCOMPLETE, AskingReader, AsTyped, NamedReader, Searched, turn
from search_api.problems import Problem
from search_api.services import services_of
from search_api.templating import render
from search_api.topics.spreadsheets import table
from search_api.wording import iso

PAGE = "/flux"
"""Path of the page, and beginning of the feeds' addresses."""
COLUMNS = ("titre", "adresse", "date", "nature", "source")
UNKNOWN = (
    "Ce flux n’existe pas : son adresse est échue, remplacée, supprimée ou mal recopiée. Faites-en "
    "une autre dans « Mes flux »."
)


def _site(request: Request) -> str:
    """Return this site's origin as its readers know it, without a final slash."""
    sign_on = services_of(request).sign_on
    return (sign_on.address if sign_on else "") or str(request.base_url).rstrip("/")


def _reader_of_token(request: Request, token: str) -> Reader:
    """Return the token's agent with their present rights. Raises a problem: 404 or 429.

    A token that is unknown, expired or revoked has the same answer as that of an agent who left.
    """
    feeds = service_of(request, Feeds)
    found = feeds.tokens.find(token)
    reader = feeds.reader_of(found.agent_id) if found else Reader()
    if reader.agent_id is None:
        refuse_over_limit(request)
        raise Problem(404, UNKNOWN)
    charge(request, RequesterKind.READER, reader.agent_id)
    return reader


async def _feed_reader(
    request: Request, reader: Annotated[Reader, Depends(_reader_of_token)]
) -> AsyncIterator[Reader]:
    async with turn(request, RequestKind.QUESTION, reader):
        yield reader


FeedReader = Annotated[Reader, Depends(_feed_reader, scope="function")]
feeds_router = APIRouter(prefix=PAGE + "/{token}", include_in_schema=False)


@feeds_router.get("/recherche")
def feed_of_search(request: Request, reader: FeedReader, query: Searched) -> Response:
    """Return the newest documents of the search with the same parameters."""
    return _atom(request, reader, search_feed(services_of(request), reader, query))


@feeds_router.get("/sujet/{topic_id:path}")
def feed_of_topic(request: Request, reader: FeedReader, topic_id: str) -> Response:
    """Return the newest documents on a topic."""
    return _atom(request, reader, topic_feed(services_of(request), reader, topic_id))


@feeds_router.get("/questions")
def feed_of_questions(request: Request, reader: FeedReader) -> Response:
    """Return the newest open questions."""
    return _atom(request, reader, questions_feed(services_of(request), reader))


def _atom(request: Request, reader: Reader, feed: Feed) -> Response:
    """Return the feed; 304 without a body if the feed reader has this state of it."""
    today = datetime.combine(services_of(request).today(), time.min, UTC)
    body = atom(feed, _site(request), today)
    etag = f'"{sha256(body).hexdigest()}"'
    # The address of a feed is a secret, which no page that it leads to may learn.
    headers = {"ETag": etag, "Referrer-Policy": "no-referrer", **_incomplete(reader)}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=ATOM, headers=headers)


def _incomplete(reader: Reader) -> dict[str, str]:
    return {INCOMPLETE: ", ".join(sorted(reader.unanswered))} if reader.unanswered else {}


csv_router = APIRouter(include_in_schema=False)


@csv_router.get("/recherche.csv")
def results_table(
    request: Request, reader: AskingReader, query: Searched, as_typed: AsTyped = False
) -> Response:
    """Return the results of all pages of a search as CSV."""
    site = _site(request)
    found = all_results(services_of(request), reader, query.but(as_typed=as_typed))
    text = table(
        COLUMNS,
        (
            (
                one.title,
                site + document_address(one.id),
                iso(one.modified or one.created),
                one.kind_label,
                one.source,
            )
            for one in found
        ),
    )
    headers = {"Content-Disposition": 'attachment; filename="recherche.csv"'}
    headers |= _incomplete(reader)
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _in_person(request: Request, reader: NamedReader) -> Reader:
    """Return a reader with a browser: a program with a token may not make another token."""
    if not services_of(request).demo:
        token_forms.identified_in_person(request)
    return reader


InPerson = Annotated[Reader, Depends(_in_person)]
pages_router = APIRouter(include_in_schema=False)


class FeedAction(StrEnum):
    """Action of a form: make a token in place of the former one, or revoke it."""

    RENEW = "renew"
    REVOKE = "revoke"


@pages_router.get(PAGE, response_class=HTMLResponse)
def feeds_page(
    request: Request, reader: InPerson, page: Annotated[str, Query(max_length=8_000)] = ""
) -> str:
    """Show the agent's token and the feeds that they may want, that of `page` first."""
    return _page(request, reader, page)


@pages_router.post(PAGE, response_model=None)
def change_token(
    request: Request,
    reader: InPerson,
    act: Annotated[FeedAction, Form()],
    page: Annotated[str, Form(max_length=8_000)] = "",
) -> Response:
    """Make a token, which is shown on this page and never again; or revoke the agent's token."""
    tokens, agent_id = service_of(request, Feeds).tokens, reader.agent_id or ""
    if act is FeedAction.RENEW:
        return HTMLResponse(_page(request, reader, page, tokens.make(agent_id)))
    tokens.revoke(agent_id)
    return noticed(request, PAGE, "feeds.revoke")


def _page(request: Request, reader: Reader, page: str, made: str = "") -> str:
    tokens = service_of(request, Feeds).tokens
    return render(
        "feeds.html",
        request=request,
        token=tokens.of(reader.agent_id or ""),
        days=tokens.days,
        addresses=feed_addresses(services_of(request), reader, page),
        start=f"{_site(request)}{PAGE}/",
        page=page,
        made=made,
    )


def web_feature(feeds: Feeds | None) -> WebFeature:
    """Return what feeds add to pages and API; without `feeds`, nobody may make a token."""
    search = {"search.after_results": "feeds_search.html"}
    templates, values = Path(__file__).parent / "templates", {"feeds_offered": feeds is not None}
    if feeds is None:
        return WebFeature(routers=(csv_router,), templates=templates, blocks=search, values=values)
    tokens = feeds.tokens

    def own_data(_: AnswerContext, agent_id: str) -> Mapping[str, Sequence[FeedTokenBody]]:
        found = tokens.of(agent_id)
        return {TOKENS: [FeedTokenBody.model_validate(found)] if found else []}

    return WebFeature(
        routers=(csv_router, pages_router, feeds_router),
        service=feeds,
        templates=templates,
        blocks=search
        | {"me.after_tokens": "feeds_me.html", "questions.lists": "feeds_questions.html"},
        values=values,
        notices={"feeds.revoke": "Vos flux ne s’ouvrent plus par cette adresse."},
        menu=(MenuEntry(path=PAGE, label="Mes flux", section="feeds", below="me"),),
        describe=describe_token,
        own_data=own_data,
        programs={f"{PAGE}/": None},
    )
