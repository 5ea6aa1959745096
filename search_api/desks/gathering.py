"""Communities that wait for an animator's word: the API and the desk's forms."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse

from expertise.deciding import NoSuchProposal
from expertise.decisions import Verdict
from expertise.gathering_rows import Gathering
from expertise.gatherings import Gatherings
from expertise.overview import Reading
from expertise.overview_values import Dated
from search_api.api import PROBLEMS
from search_api.catalogue.texts import _
from search_api.desks.animation_bodies import GatheringBody, GatheringsBody, Word, WordBody
from search_api.identity.roles import Holder, Role, require
from search_api.problems import Problem
from search_api.services import services_of
from search_api.topics.answers import reading_of, shown_reading
from search_api.topics.schemas import build_body, community_body

router = APIRouter(prefix="/api/v1/animation", responses=PROBLEMS)
pages = APIRouter(include_in_schema=False)

Animator = Annotated[Holder, require(Role.ANIMATOR)]
OfTopic = Annotated[Holder, require(Role.ANIMATOR, subject="topic_id")]


@router.get("/communities")
def communities(request: Request, animator: Animator) -> GatheringsBody:
    """Of agents alone in their regions, on topics that one animates; and the decisions."""
    reading = reading_of(services_of(request))
    if isinstance(reading, Dated):
        return GatheringsBody(build=build_body(reading), proposed=[], decisions=[])
    return gatherings_answer(gatherings_of(reading, animator))


@router.post("/communities/{topic_id:path}", status_code=204)
def decide(request: Request, animator: OfTopic, topic_id: str, asked: WordBody) -> None:
    """Accept (shown to everybody at once), refuse for good, or take a decision back."""
    _decided(request, animator, topic_id, asked.verdict)


@pages.post("/animation/communities/{topic_id:path}")
def decide_on_page(
    request: Request, animator: OfTopic, topic_id: str, verdict: Annotated[Word, Form()]
) -> RedirectResponse:
    """The same from the page's form."""
    _decided(request, animator, topic_id, verdict)
    return RedirectResponse("/animation#communautes", status_code=303)


def gatherings_answer(gatherings: Gatherings) -> GatheringsBody:
    """What waits, and what was decided."""
    return GatheringsBody(
        build=build_body(gatherings.reading.dated),
        proposed=list(map(community_body, gatherings.waiting())),
        decisions=list(map(_told, gatherings.told())),
    )


def gatherings_of(reading: Reading, animator: Holder) -> Gatherings:
    """What the animator may decide."""
    return Gatherings(reading, animator.held.animates_topic)


def _decided(request: Request, animator: Holder, topic_id: str, word: Word) -> None:
    gatherings = gatherings_of(shown_reading(reading_of(services_of(request))), animator)
    try:
        if word is Word.FORGET:
            gatherings.forget(topic_id)
        else:
            accepted = word is Word.ACCEPT
            gatherings.decide(topic_id, Verdict.ACCEPTED if accepted else Verdict.REFUSED)
    except NoSuchProposal as error:
        raise Problem(404, _(error.sentence, **error.variables)) from error


def _told(one: Gathering) -> GatheringBody:
    return GatheringBody(topic_id=one.topic_id, verdict=one.verdict, day=one.day)
