"""How applications push documents to a source: our own way, and the way of La Suite's find.

Accepting is durable, indexing follows with the next reading of the source.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from connectors.push.values import Outcome, Receipt
from search_api.bodies import ProblemBody
from search_api.catalogue.texts import _
from search_api.problems import Problem
from search_api.push.bodies import PushBody, find_answer, find_fault, push_answer
from search_api.push.requests import (
    Delivery,
    OwnDelivery,
    SendersDelivery,
    at_most,
    parsed,
    waiting_turns,
)

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "model": ProblemBody,
        "description": meaning,
        "content": {"application/problem+json": {}},
    }
    for status, meaning in (
        (400, "not JSON"),
        (401, "no token, or none of ours"),
        (403, "the token of another source"),
        (404, "no source takes in what is pushed"),
        (408, "too slow"),
        (413, "too many bytes or documents"),
        (415, "a compressed body"),
        (422, "a single document that is refused"),
        (429, "too much waits, or too often: nothing was taken, see Retry-After"),
        (503, "the inbox does not answer: nothing was taken"),
    )
}
_JSON = {"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}}
_FIND_FAULTS: dict[str, Any] = {
    "description": "not JSON, or find's list of what it refuses",
    "content": {"application/json": {"schema": {}}, "application/problem+json": {"schema": {}}},
}

router = APIRouter(responses=_PROBLEMS)


@router.post(
    "/api/v1/push/{source}",
    openapi_extra=_JSON,
    response_model=PushBody,
    responses={207: {"model": PushBody, "description": "some items are refused"}},
)
def push(delivery: OwnDelivery) -> JSONResponse:
    """Take in one record, tombstone or access line of the export's schema, or `documents`.

    200: all is taken or known. 207: some items are refused, the others are taken. A
    single document that is refused is a problem 422, or 413 where it is too large.
    """
    body = parsed(delivery.body)
    several = (
        body.get("documents") if isinstance(body, dict) and set(body) == {"documents"} else None
    )
    if isinstance(several, list):
        items = at_most(several, delivery.reception.limits.documents)
    elif isinstance(body, dict) and several is None:
        items = [body]
    else:
        raise Problem(400, _('Envoyez un document, ou {"documents": […]}.'))
    with waiting_turns():
        receipts = delivery.reception.receive(delivery.source, items)
    if several is None and receipts[0].outcome is Outcome.REFUSED:
        raise _refusal(receipts[0])
    answer = push_answer(receipts)
    return JSONResponse(answer.model_dump(), status_code=207 if answer.refused else 200)


def _refusal(receipt: Receipt) -> Problem:
    status = 413 if receipt.code == "too_large" else 422
    return Problem(status, receipt.reason, code=receipt.code)


@router.post(
    "/api/v1.0/documents/index/",
    openapi_extra=_JSON,
    status_code=201,
    response_model=None,
    responses={400: _FIND_FAULTS},
)
def index(delivery: SendersDelivery) -> JSONResponse:
    """Take in one document or a list, as La Suite's find does, with its answers.

    201, or 400 where any is refused; unlike find, what is not refused is taken then too:
    a narrowing does not wait for another document's mistake.
    """
    body = parsed(delivery.body)
    single = not isinstance(body, list)
    items = [body] if single else at_most(body, delivery.reception.limits.documents)
    with waiting_turns():
        receipts = delivery.reception.receive_find(delivery.source, items)
    refused = any(receipt.outcome is Outcome.REFUSED for receipt in receipts)
    status = 400 if refused else 201
    if not single:
        return JSONResponse(find_answer(receipts), status_code=status)
    if refused:
        return JSONResponse([find_fault(receipts[0]).model_dump()], status_code=status)
    taken = {"status": "created", "_id": receipts[0].document_id}
    return JSONResponse(taken, status_code=status)


@router.post("/api/v1.0/documents/delete/", openapi_extra=_JSON, response_model=None)
def delete(delivery: SendersDelivery) -> JSONResponse:
    """Delete by `document_ids`, as find does, but with the source's own token.

    Find asks for a person's token; `tags` are not kept here and are refused.
    """
    body = parsed(delivery.body)
    ids = body.get("document_ids") if isinstance(body, dict) else None
    if not isinstance(ids, list) or not all(map(_named, ids)) or not ids or body.get("tags"):
        raise Problem(400, _("Donnez « document_ids », une liste, et elle seule."))
    receipts = _deleted(delivery, at_most(ids, delivery.reception.limits.documents))
    kept = [name for name, receipt in zip(ids, receipts, strict=True) if _refused(receipt)]
    body = {"nb-deleted-documents": len(ids) - len(kept), "undeleted-document-ids": kept}
    return JSONResponse(body)


def _named(name: object) -> bool:
    """Whether it can be said again in an answer: half a character cannot."""
    return isinstance(name, str) and name.encode("utf-8", "replace").decode() == name


def _deleted(delivery: Delivery, ids: list[Any]) -> tuple[Receipt, ...]:
    with waiting_turns():
        return delivery.reception.delete(delivery.source, ids)


def _refused(receipt: Receipt) -> bool:
    return receipt.outcome is Outcome.REFUSED
