"""The API of written answers, as server-sent events."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse

from indexer.access import Reader
from quisait_written_answer.schemas import AskedAnswerBody, EventBody
from quisait_written_answer.service import write_answer
from quisait_written_answer.values import Writing
from search_api.bodies import PROBLEMS
from search_api.features import WebFeature, service_of
from search_api.limits import RequesterKind, RequestKind, TooManyConcurrentRequests
from search_api.parameters import RETRY_S, KnownReader
from search_api.problems import Problem
from search_api.services import services_of

router = APIRouter(prefix="/api/v1", responses=PROBLEMS)


async def _in_turn(request: Request, reader: KnownReader) -> AsyncIterator[Reader]:
    """Hold the agent's turn until the whole answer is sent. Raises a problem 429."""
    writing = service_of(request, Writing)
    agent = reader.agent_id or ""
    if wait_s := writing.rate.take(RequesterKind.READER, agent):
        said = "Vous avez demandé beaucoup de réponses rédigées : attendez un peu, puis réessayez."
        raise Problem(429, said, {"Retry-After": str(wait_s)}, code="too_many_answers")
    try:
        async with writing.turns.turn(RequestKind.QUESTION, agent):
            yield reader
    except TooManyConcurrentRequests:
        said = "Une réponse se rédige déjà pour vous : attendez-la, puis réessayez."
        raise Problem(429, said, {"Retry-After": str(RETRY_S)}, code="too_many_at_once") from None


@router.post("/written-answer", response_class=EventSourceResponse)
async def written_answer(
    request: Request, reader: Annotated[Reader, Depends(_in_turn)], asked: AskedAnswerBody
) -> AsyncIterator[EventBody]:
    """Answer in sentences that a model writes from readable passages; each sentence is checked.

    Nothing is stored. `/search` gives the answer without a model, as `direct_answer`.
    """
    services, writing = services_of(request), service_of(request, Writing)
    async for event in write_answer(services, writing, reader, asked):
        yield event


def web_feature(writing: Writing) -> WebFeature:
    """Return what written answers add to the page of results and to the API."""
    folder = Path(__file__).parent
    return WebFeature(
        routers=(router,),
        service=writing,
        templates=folder,
        static=folder / "static",
        blocks={"search.after_answer": "written_answer.html"},
        tags={"/api/v1/written-answer": "search"},
    )
