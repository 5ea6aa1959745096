"""The API of chosen sentences, and their place on the results page."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from indexer.access import Reader
from quisait_written_answer.schemas import AskedAnswerBody, ChosenAnswerBody, ChosenQuoteBody
from quisait_written_answer.service import answer_text, chosen_answer
from quisait_written_answer.values import Writing
from search_api.bodies import PROBLEMS
from search_api.features import WebFeature, service_of
from search_api.limits import RequesterKind, RequestKind, TooManyConcurrentRequests
from search_api.parameters import RETRY_S, KnownReader
from search_api.problems import Problem
from search_api.services import services_of

router = APIRouter(prefix="/api/v1", responses=PROBLEMS)


async def _in_turn(request: Request, reader: KnownReader) -> AsyncIterator[Reader]:
    """Hold the agent's turn until the answer is sent. Raises a problem 429."""
    writing = service_of(request, Writing)
    agent = reader.agent_id or ""
    if wait_s := writing.rate.take(RequesterKind.READER, agent):
        said = "Vous avez beaucoup demandé au modèle : attendez un peu, puis réessayez."
        raise Problem(429, said, {"Retry-After": str(wait_s)}, code="too_many_answers")
    try:
        async with writing.turns.turn(RequestKind.QUESTION, agent):
            yield reader
    except TooManyConcurrentRequests:
        said = "Le modèle choisit déjà des phrases pour vous : attendez-les, puis réessayez."
        raise Problem(429, said, {"Retry-After": str(RETRY_S)}, code="too_many_at_once") from None


@router.post("/written-answer", response_model=ChosenAnswerBody)
async def written_answer(
    request: Request, reader: Annotated[Reader, Depends(_in_turn)], asked: AskedAnswerBody
) -> Response:
    """Answer with exact sentences of readable documents, which a language model chooses.

    Nothing is stored. `/search` gives the answer without a model, as `direct_answer`.
    """
    services, writing = services_of(request), service_of(request, Writing)

    async def body() -> AsyncIterator[bytes]:
        # Begun at once, since a model may take longer than an answer may take to begin; and so that
        # a reader who leaves ends the request to the model.
        yield b" "
        found = await chosen_answer(services, writing, reader, asked)
        said = {"said": answer_text(found), "outcome": found.outcome, "heading": found.heading}
        quotes = [ChosenQuoteBody.model_validate(one) for one in found.quotes]
        yield ChosenAnswerBody(**said, quotes=quotes).model_dump_json().encode()

    return StreamingResponse(body(), media_type="application/json")


def web_feature(writing: Writing) -> WebFeature:
    """Return what chosen sentences add to the page of results and to the API."""
    folder = Path(__file__).parent
    return WebFeature(
        routers=(router,),
        service=writing,
        templates=folder,
        static=folder / "static",
        blocks={"search.after_answer": "written_answer.html"},
        tags={"/api/v1/written-answer": "search"},
    )
