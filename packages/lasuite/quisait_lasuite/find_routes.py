"""The API of La Suite's find: an application pushes, searches and deletes its own documents.

Documents are pushed with a token of the source. To search for a person, the application sends the
access token that the identity provider gave it for that person. It searches only the source that it
pushes to, under the rights of the agent named by the token. No cookie is used, so that no other
site can search in a person's name.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.functional_validators import BeforeValidator
from quisait_push.items import TOKEN_PREFIX, PushOutcome, PushReceipt
from quisait_push.routes import (
    JSON_BODY,
    PUSH_PROBLEMS,
    RETRY_AFTER_S,
    SendersPushRequest,
    at_most,
    inbox_problems,
    parsed,
    receiver_of,
    sender_of,
)

from indexer.access import Reader
from quisait_lasuite.documents import SuiteDocuments
from quisait_lasuite.introspection import ApplicationReader
from quisait_lasuite.service import LaSuite
from search_api.bodies import problem_responses
from search_api.features import service_of
from search_api.identity.tokens import bearer_token
from search_api.limits import RequesterKind, RequestKind
from search_api.middleware.request_limits import charge, refuse_over_limit
from search_api.parameters import INCOMPLETE, turn
from search_api.problems import Problem, faults_of
from search_api.query.query import Query, ResultOrder
from search_api.ranking.results import Result
from search_api.search.service import answer_question
from search_api.services import services_of
from search_api.sign_on.errors import NotAnAgent, ProviderUnreachable, SignOnFailed
from search_api.wording import safe_text

MAX_BODY_BYTES = 1024 * 1024
"""Maximum body, in bytes: `visited`, which is not used, lists every document that the person opened
by a link.
"""

MOST_TAGGED = 65_536
"""Maximum number of documents that a search narrows to."""

EVERYTHING = "*"
"""The `q` of find that matches all documents."""


def _texts(value: object) -> object:
    """Return a list: find accepts a list, a text with commas, or null."""
    if value is None:
        return []
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class FindQuery(BaseModel):
    """The query of find's applications. Fields that quisait does not store must be absent.

    `k` is what La Suite's assistant (Conversations) sends in place of `nb_results`.
    """

    q: str
    services: Annotated[list[str], BeforeValidator(_texts)] = []
    visited: Annotated[list[str], BeforeValidator(_texts)] = []
    reach: None = None
    tags: Annotated[list[str], BeforeValidator(_texts), Field(max_length=100)] = []
    path: None = None
    order_by: Literal["relevance", "updated_at"] = "relevance"
    order_direction: Literal["desc"] = "desc"
    nb_results: Annotated[int, Field(ge=1, le=300)] = 50
    k: Annotated[int, Field(ge=1, le=300)] | None = None


class FindDeletion(BaseModel):
    """What an application deletes: ids, documents with one of the tags, or both (AND)."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "array", "minItems": 1}}}
                for name in ("document_ids", "tags")
            ]
        }
    )

    service: str = ""
    document_ids: list[str] | None = None
    tags: list[str] | None = None


class FindSource(BaseModel):
    """A document in find's format; `content` is the excerpt that answers.

    Find keeps titles and texts by language: Conversations reads `title.fr` and `content.fr`.
    """

    title: str
    title_fr: str = Field(serialization_alias="title.fr")
    content: str
    content_fr: str = Field(serialization_alias="content.fr")
    created_at: datetime | None
    updated_at: datetime | None


class FindHit(BaseModel):
    """A result in find's format; in JSON its fields begin with `_`, as in OpenSearch."""

    index: str = Field(serialization_alias="_index")
    id: str = Field(serialization_alias="_id")
    score: float = Field(serialization_alias="_score")
    source: FindSource = Field(serialization_alias="_source")


def _documents(request: Request) -> SuiteDocuments:
    """Return the store of documents; raise a problem 404 if no source accepts pushes."""
    receiver_of(request)
    documents = service_of(request, LaSuite).documents
    assert documents is not None  # noqa: S101 - there is one where a source accepts pushes
    return documents


def _application_reader(request: Request, response: Response) -> ApplicationReader:
    readers = service_of(request, LaSuite).readers
    if readers is None:
        raise Problem(404, "Aucune application ne cherche ici au nom d’un agent.")
    refuse_over_limit(request)
    token = bearer_token(request)
    if token is None:
        raise Problem(401, "Présentez le jeton d’accès de la personne (« Bearer »).")
    try:
        found = readers.reader(token)
    except ProviderUnreachable as failure:
        raise Problem(503, str(failure), {"Retry-After": str(RETRY_AFTER_S)}) from None
    except NotAnAgent as failure:
        raise Problem(403, str(failure)) from None
    except SignOnFailed as failure:
        raise Problem(401, str(failure)) from None
    charge(request, RequesterKind.READER, found.reader.agent_id or "")
    if found.reader.unanswered:
        response.headers[INCOMPLETE] = ", ".join(sorted(found.reader.unanswered))
    return found


async def _asking(
    request: Request, found: Annotated[ApplicationReader, Depends(_application_reader)]
) -> AsyncIterator[ApplicationReader]:
    async with turn(request, RequestKind.QUESTION, found.reader):
        yield found


Parsed = TypeVar("Parsed", bound=BaseModel)


async def _body(request: Request, form: type[Parsed]) -> Parsed:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Problem(413, f"Envoyez {MAX_BODY_BYTES} octets au plus.")
    try:
        return form.model_validate(parsed(bytes(body)))
    except ValidationError as error:
        raise Problem(400, faults_of(error.errors())) from None


async def _query(
    request: Request, asking: Annotated[ApplicationReader, Depends(_application_reader)]
) -> FindQuery:
    """Read and return the body, only after the token was accepted."""
    query = await _body(request, FindQuery)
    if query.services and asking.source not in query.services:
        detail = "« services » : chaque application ne cherche que dans ses documents."
        raise Problem(400, detail, code="other_source")
    return query


router = APIRouter(
    responses=problem_responses(
        {
            400: "no JSON, or something that is not offered: path, reach, other orders",
            401: "no token, or one that was not made for this application",
            403: "the token's account belongs to no agent in post",
            404: "no application searches here",
            413: "too many bytes",
            429: "too often: see Retry-After",
            503: "the provider or the engine does not answer",
        }
    )
)


def _of_json(form: type[BaseModel]) -> dict[str, Any]:
    content = {"application/json": {"schema": form.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


_FIND_FAULTS: dict[str, Any] = {
    "description": "not JSON, or find's list of what it refuses",
    "content": {"application/json": {"schema": {}}, "application/problem+json": {"schema": {}}},
}


def find_fault(receipt: PushReceipt) -> dict[str, object]:
    """Return a refusal in find's format."""
    return {"msg": receipt.reason, "type": receipt.code, "loc": [receipt.place]}


def find_answer(receipts: Sequence[PushReceipt]) -> list[dict[str, object]]:
    """Return find's response to several documents."""
    return [
        {"index": index, "status": "error", "errors": [find_fault(receipt)]}
        if receipt.outcome is PushOutcome.REFUSED
        else {"index": index, "status": "success", "_id": receipt.document_id}
        for index, receipt in enumerate(receipts)
    ]


@router.post(
    "/api/v1.0/documents/index/",
    openapi_extra=JSON_BODY,
    status_code=201,
    response_model=None,
    responses={**PUSH_PROBLEMS, 400: _FIND_FAULTS},
)
def index(request: Request, delivery: SendersPushRequest) -> JSONResponse:
    """Accept one document or a list, with requests and responses of La Suite's find.

    201, or 400 if any is refused. Unlike in find, the other documents are still accepted then, so
    that an error in one document does not delay a restriction of access to another.
    """
    body = parsed(delivery.body)
    single = not isinstance(body, list)
    items = [body] if single else at_most(body, delivery.receiver.limits.documents)
    with inbox_problems():
        receipts = _documents(request).receive(delivery.source, items)
    refused = any(receipt.outcome is PushOutcome.REFUSED for receipt in receipts)
    status = 400 if refused else 201
    if not single:
        return JSONResponse(find_answer(receipts), status_code=status)
    if refused:
        return JSONResponse([find_fault(receipts[0])], status_code=status)
    taken = {"status": "created", "_id": receipts[0].document_id}
    return JSONResponse(taken, status_code=status)


@router.post("/api/v1.0/documents/search/", openapi_extra=_of_json(FindQuery))
def search(
    request: Request,
    asking: Annotated[ApplicationReader, Depends(_asking, scope="function")],
    query: Annotated[FindQuery, Depends(_query)],
) -> list[FindHit]:
    """Return documents of the application's source that answer, for the agent of the token.

    Documents open to holders of a link are found only by the agents that they name, whatever
    `visited` contains: see `open_reach` in the settings.
    """
    services = services_of(request)
    by_date = query.order_by == "updated_at"
    asked = Query(
        "" if query.q.strip() == EVERYTHING else query.q,
        {"source": (asking.source,)},
        page_size=query.k or query.nb_results,
        order=ResultOrder.DATE if by_date else ResultOrder.RELEVANCE,
        only=_tagged(request, asking.source, query.tags) if query.tags else None,
    )
    found = answer_question(services, asking.reader, asked)
    # An operator may name another source: show only the application's own.
    hits: dict[str, FindHit] = {}
    for one in () if found.results.few else found.results.results:
        if one.card.source == asking.source:
            hit = _hit(one)
            hits.setdefault(hit.id, hit)  # keep the better of a document and its file
    return list(hits.values())


def _tagged(request: Request, source: str, tags: list[str]) -> tuple[str, ...]:
    """Return the indexed ids of documents with one of the tags; a problem 400 if too many."""
    with inbox_problems():
        ids = _documents(request).tagged(source, tags)
    if len(ids) > MOST_TAGGED:
        raise Problem(400, f"« tags » : plus de {MOST_TAGGED} documents les portent.")
    return tuple(f"{source}:{name}" for name in ids)


def _deleting(request: Request, response: Response) -> tuple[str, Reader | None]:
    """Return the source, by its own token or by a person's; the person, in the second case."""
    token = request.headers.get("authorization", "").rpartition(" ")[2]
    if service_of(request, LaSuite).readers is None or token.startswith(TOKEN_PREFIX):
        return sender_of(request), None
    found = _application_reader(request, response)
    return found.source, found.reader


async def _deletion(
    request: Request, deleting: Annotated[tuple[str, Reader | None], Depends(_deleting)]
) -> FindDeletion:
    return await _body(request, FindDeletion)


@router.post(
    "/api/v1.0/documents/delete/", openapi_extra=_of_json(FindDeletion), response_model=None
)
def delete(
    request: Request,
    deleting: Annotated[tuple[str, Reader | None], Depends(_deleting)],
    wanted: Annotated[FindDeletion, Depends(_deletion)],
) -> JSONResponse:
    """Delete by `document_ids`, by `tags`, or by both, as in find.

    With a person's token, `service` names the source, and only documents that name the person as a
    user are deleted; with the source's own token, all that is named.
    """
    source, reader = deleting
    receiver, documents = receiver_of(request), _documents(request)
    ids = wanted.document_ids or []
    if not (ids or wanted.tags) or not all(map(_can_be_repeated, ids)):
        raise Problem(400, "Donnez « document_ids » ou « tags ».")
    if reader and wanted.service != source:
        detail = "« service » : donnez le nom de la source de l’application."
        raise Problem(400, detail, code="other_source")
    with inbox_problems():
        chosen = at_most(ids, receiver.limits.documents)
        if wanted.tags:
            tagged = documents.tagged(source, wanted.tags, attachments=False)
            chosen = [one for one in ids if one in set(tagged)] if ids else list(tagged)
        if reader:
            named = {one for one in reader.principals if one.startswith(f"{source}:account:")}
            chosen = documents.read_by(source, chosen, named)
        receipts = receiver.delete(source, chosen)
    gone = {
        name
        for name, receipt in zip(chosen, receipts, strict=True)
        if receipt.outcome is not PushOutcome.REFUSED
    }
    kept = [name for name in ids if name not in gone]
    return JSONResponse({"nb-deleted-documents": len(gone), "undeleted-document-ids": kept})


def _can_be_repeated(name: str) -> bool:
    """Return whether an id can be written in a response: lone surrogates cannot."""
    return name.encode("utf-8", "replace").decode() == name


def _hit(result: Result) -> FindHit:
    card = result.card
    title = safe_text(card.title)
    text = safe_text(result.passages[0].passage.text) if result.passages else ""
    # The index has a separate document for a file; the application only knows its parent.
    is_file = bool(card.part_of) and card.document_id.startswith(f"{card.part_of}#")
    return FindHit(
        index=card.source,
        id=(card.part_of if is_file else card.document_id).partition(":")[2],
        score=result.parts.score,
        source=FindSource(
            title=title,
            title_fr=title,
            content=text,
            content_fr=text,
            created_at=card.created,
            updated_at=card.modified or card.created,
        ),
    )
