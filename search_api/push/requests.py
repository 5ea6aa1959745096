"""From a request to a source and the JSON that is pushed to it: token, limits, parsing.

The token is looked at before a byte of the body is read. There is no cookie in this:
no other site can push in a person's name.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Never

from fastapi import Depends, Path, Request
from starlette.requests import ClientDisconnect

from connectors.json_size import holds_more_values
from connectors.push.values import InboxFull, InboxUnreachable
from search_api.catalogue.texts import _
from search_api.door.rates import Asker
from search_api.door.turns import charge, refuse_strangers_haste
from search_api.problems import Problem
from search_api.push.bodies import Reception
from search_api.services import services_of

RETRY_AFTER_S = 30
_NAMED = 12
"""The letters of a token that name it: `qsp_` and eight more, none of them secret."""
_MOST_VALUES = 250_000
"""So many JSON values and keys in a request: more become too much memory to be looked at."""
_DRAINED = 2
"""How many times the limit is read, and not kept, so that a sender gets to read the answer."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived, not yet parsed, from an application that may push to this source."""

    source: str
    body: bytes
    reception: Reception


def reception_of(request: Request) -> Reception:
    """The door; a problem 404 where the settings have no source that pushes."""
    reception = services_of(request).reception
    if reception is None:
        raise Problem(404, _("Aucune source ne reçoit de documents poussés."))
    return reception


@contextmanager
def waiting_turns() -> Iterator[None]:
    """What the inbox cannot take now is a problem that says when to come again."""
    again = {"Retry-After": str(RETRY_AFTER_S)}
    try:
        yield
    except InboxFull:
        detail = _("Trop de documents attendent d’être indexés : rien n’a été pris, recommencez.")
        raise Problem(429, detail, again) from None
    except InboxUnreachable:
        detail = _("La base d’état ne répond pas : rien n’a été pris, recommencez.")
        raise Problem(503, detail, again, code="inbox_unreachable") from None


def _sender(request: Request) -> str:
    """The source that the request's token opens."""
    reception = reception_of(request)
    # find's applications say Bearer or Token, or send the token alone.
    token = request.headers.get("authorization", "").rpartition(" ")[2]
    with waiting_turns():
        source = reception.source_of(token)
    if source is None:
        refuse_strangers_haste(request)
        raise Problem(401, _("Présentez un jeton de cette source (« quisait push token add »)."))
    charge(request, Asker.TOKEN, token[:_NAMED])
    return source


Sender = Annotated[str, Depends(_sender)]


def _own_source(sender: Sender, source: Annotated[str, Path()]) -> str:
    if source != sender:
        raise Problem(403, _("Ce jeton est celui d’une autre source."))
    return source


async def _delivered(request: Request, source: str) -> Delivery:
    reception = reception_of(request)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, _("Envoyez le JSON sans compression."))
    most = reception.limits.request_bytes
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= most:
                chunks.append(chunk)
            elif size > _DRAINED * most:
                break
    except ClientDisconnect:
        raise Problem(400, _("L’envoi s’est interrompu : rien n’a été pris.")) from None
    if size > most:
        raise Problem(413, _("Envoyez %(most)s octets au plus à la fois.", most=most))
    return Delivery(source, b"".join(chunks), reception)


async def _own_delivery(request: Request, source: Annotated[str, Depends(_own_source)]) -> Delivery:
    return await _delivered(request, source)


async def _senders_delivery(request: Request, source: Sender) -> Delivery:
    return await _delivered(request, source)


OwnDelivery = Annotated[Delivery, Depends(_own_delivery)]
"""What is pushed to the source of the path, by a token of that source."""

SendersDelivery = Annotated[Delivery, Depends(_senders_delivery)]
"""What is pushed to the source of the token."""


def parsed(body: bytes) -> Any:
    """The JSON of a body; a problem 400 where it is none, 413 where it has too many values.

    Half a character in a text is let through: it refuses its own document alone.
    """
    if holds_more_values(body, _MOST_VALUES):
        raise Problem(413, _("Trop de valeurs JSON à la fois : envoyez moins de documents."))
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Problem(400, _("Ce n’est pas du JSON en UTF-8.")) from None


def at_most(items: list[Any], most: int) -> list[Any]:
    """The items; a problem 413 where there are too many."""
    if len(items) > most:
        raise Problem(413, _("Envoyez %(most)s documents au plus à la fois.", most=most))
    return items


def _no_number(word: str) -> Never:
    raise ValueError(word)
