"""Push of documents to a source by applications.

Accepted documents are stored durably and indexed by the next crawl of the source. The token is
checked before the body is read. No cookie is used, so that other sites cannot push in a person's
name.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Never

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from connectors.tables import exceeds_json_values
from quisait_push.items import InboxFull, InboxUnreachable, PushOutcome, PushReceipt
from quisait_push.schemas import PushBody, PushReceiver, push_answer
from search_api.bodies import problem_responses
from search_api.features import service_of
from search_api.limits import RequesterKind
from search_api.middleware.request_limits import charge, refuse_over_limit
from search_api.problems import Problem

RETRY_AFTER_S = 30
_TOKEN_NAME_CHARS = 12
"""Characters at the beginning of a token (`qsp_` and eight more) that name it and are not secret.
"""
_MAX_JSON_VALUES = 250_000
"""Maximum JSON values and keys of a request: parsing more would take too much memory."""
_DRAIN_FACTOR = 2
"""A body up to this multiple of the limit is read and dropped, so that the sender reads the
response.
"""


@dataclass(frozen=True, slots=True)
class PushRequest:
    """The unparsed body that an application pushes to one of its sources."""

    source: str
    body: bytes
    receiver: PushReceiver


@dataclass(frozen=True, slots=True)
class PushReception:
    """What the routes need; `receiver` is None if no source accepts pushes."""

    receiver: PushReceiver | None


def receiver_of(request: Request) -> PushReceiver:
    """Return the receiver; raise a problem 404 if no source in the settings accepts pushes."""
    receiver = service_of(request, PushReception).receiver
    if receiver is None:
        raise Problem(404, "Aucune source ne reçoit de documents poussés.")
    return receiver


@contextmanager
def inbox_problems() -> Iterator[None]:
    """Turn errors of the inbox into problems with `Retry-After`."""
    retry = {"Retry-After": str(RETRY_AFTER_S)}
    try:
        yield
    except InboxFull:
        detail = "Trop de documents attendent d’être indexés : rien n’a été pris, recommencez."
        raise Problem(429, detail, retry) from None
    except InboxUnreachable:
        detail = "La base d’état ne répond pas : rien n’a été pris, recommencez."
        raise Problem(503, detail, retry, code="inbox_unreachable") from None


def sender_of(request: Request) -> str:
    """Return the source that the request's token belongs to."""
    receiver = receiver_of(request)
    # Applications of La Suite send `Bearer`, `Token`, or the token alone.
    token = request.headers.get("authorization", "").rpartition(" ")[2]
    with inbox_problems():
        source = receiver.source_of(token)
    if source is None:
        refuse_over_limit(request)
        raise Problem(401, "Présentez un jeton de cette source (« quisait push token add »).")
    charge(request, RequesterKind.TOKEN, token[:_TOKEN_NAME_CHARS])
    return source


Sender = Annotated[str, Depends(sender_of)]


def _own_source(sender: Sender, source: Annotated[str, Path()]) -> str:
    if source != sender:
        raise Problem(403, "Ce jeton est celui d’une autre source.")
    return source


async def _push_request(request: Request, source: str) -> PushRequest:
    receiver = receiver_of(request)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "Envoyez le JSON sans compression.")
    most = receiver.limits.request_bytes
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= most:
                chunks.append(chunk)
            elif size > _DRAIN_FACTOR * most:
                break
    except ClientDisconnect:
        raise Problem(400, "L’envoi s’est interrompu : rien n’a été pris.") from None
    if size > most:
        raise Problem(413, f"Envoyez {most} octets au plus à la fois.")
    return PushRequest(source, b"".join(chunks), receiver)


async def _own_push_request(
    request: Request, source: Annotated[str, Depends(_own_source)]
) -> PushRequest:
    return await _push_request(request, source)


async def _senders_push_request(request: Request, source: Sender) -> PushRequest:
    return await _push_request(request, source)


OwnPushRequest = Annotated[PushRequest, Depends(_own_push_request)]
"""A push to the source of the path, with a token of that source."""

SendersPushRequest = Annotated[PushRequest, Depends(_senders_push_request)]
"""A push to the source of the token."""


def parsed(body: bytes) -> Any:
    """Return the JSON of a body; raise a problem 400 if it is not JSON, 413 for too many values.

    A lone surrogate in a text is not an error here, because only its own document is refused later.
    """
    if exceeds_json_values(body, _MAX_JSON_VALUES):
        raise Problem(413, "Trop de valeurs JSON à la fois : envoyez moins de documents.")
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Problem(400, "Ce n’est pas du JSON en UTF-8.") from None


def at_most(items: list[Any], most: int) -> list[Any]:
    """Return the items; raise a problem 413 if there are too many."""
    if len(items) > most:
        raise Problem(413, f"Envoyez {most} documents au plus à la fois.")
    return items


def _no_number(word: str) -> Never:
    raise ValueError(word)


PUSH_PROBLEMS: dict[int | str, dict[str, Any]] = problem_responses(
    {
        400: "not JSON",
        401: "no token, or none of ours",
        403: "the token of another source",
        404: "no source takes in what is pushed",
        408: "too slow",
        413: "too many bytes or documents",
        415: "a compressed body",
        422: "a single document that is refused",
        429: "too much waits, or too often: nothing was taken, see Retry-After",
        503: "the inbox does not answer: nothing was taken",
    }
)
JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}}

router = APIRouter(responses=PUSH_PROBLEMS)


@router.post(
    "/api/v1/push/{source}",
    openapi_extra=JSON_BODY,
    response_model=PushBody,
    responses={207: {"model": PushBody, "description": "some items are refused"}},
)
def push(delivery: OwnPushRequest) -> JSONResponse:
    """Accept one record, tombstone or access line of the export's schema, or `documents`.

    200: all are accepted or known. 207: some items are refused, the others are accepted. A single
    document that is refused is a problem 422, or 413 if it is too large.
    """
    body = parsed(delivery.body)
    several = (
        body.get("documents") if isinstance(body, dict) and set(body) == {"documents"} else None
    )
    if isinstance(several, list):
        items = at_most(several, delivery.receiver.limits.documents)
    elif isinstance(body, dict) and several is None:
        items = [body]
    else:
        raise Problem(400, 'Envoyez un document, ou {"documents": […]}.')
    with inbox_problems():
        receipts = delivery.receiver.receive(delivery.source, items)
    if several is None and receipts[0].outcome is PushOutcome.REFUSED:
        raise _refusal(receipts[0])
    answer = push_answer(receipts)
    return JSONResponse(answer.model_dump(), status_code=207 if answer.refused else 200)


def _refusal(receipt: PushReceipt) -> Problem:
    status = 413 if receipt.code == "too_large" else 422
    return Problem(status, receipt.reason, code=receipt.code)
