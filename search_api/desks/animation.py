"""The desk of who animates topics: what to watch, what is proposed. Pages and API."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from expertise.at_risk import topics_at_risk
from expertise.deciding import Deciding, NoSuchProposal, Undecidable
from expertise.decisions import Decision
from expertise.overview import Reading
from expertise.overview_values import Dated
from search_api.addresses import topic_address
from search_api.api import PROBLEMS
from search_api.catalogue.texts import _
from search_api.desks.animation_bodies import (
    Asked,
    DecideBody,
    DecisionBody,
    ProposalsBody,
    RisksBody,
    all_risks,
    at_risk_body,
    decision_body,
    proposal_body,
)
from search_api.desks.gathering import gatherings_of
from search_api.identity.roles import Holder, Role, require
from search_api.problems import Problem
from search_api.services import services_of
from search_api.templating import render
from search_api.topics.answers import reading_of, shown_reading
from search_api.topics.pages import not_mapped
from search_api.topics.schemas import build_body

router = APIRouter(prefix="/api/v1/animation", responses=PROBLEMS)
pages = APIRouter(include_in_schema=False)

T = TypeVar("T")
Animator = Annotated[Holder, require(Role.ANIMATOR)]
OnProposal = Annotated[Holder, require(Role.ANIMATOR, "proposal_id")]
OnDecision = Annotated[Holder, require(Role.ANIMATOR, "decision_id")]


@router.get("/risks")
def risks(request: Request, animator: Animator) -> RisksBody:
    """Topics of one's own to watch: one holder, nobody left, open questions, departures."""
    reading = reading_of(services_of(request))
    if isinstance(reading, Dated):
        return RisksBody(build=build_body(reading), topics=[])
    found = topics_at_risk(reading, animator.held.animates_topic)
    return RisksBody(build=build_body(reading.dated), topics=list(map(at_risk_body, found)))


@router.get("/proposals")
def proposals(request: Request, animator: Animator) -> ProposalsBody:
    """Subjects that the list lacks, of one's own communities; none becomes a topic by itself."""
    reading = reading_of(services_of(request))
    if isinstance(reading, Dated):
        return ProposalsBody(build=build_body(reading), proposals=[], decisions=[])
    deciding = _deciding(reading, animator)
    return ProposalsBody(
        build=build_body(reading.dated),
        proposals=list(map(proposal_body, deciding.waiting())),
        decisions=list(map(decision_body, deciding.told())),
    )


@router.post("/proposals/{proposal_id}")
def decide(
    request: Request, animator: OnProposal, proposal_id: str, asked: DecideBody
) -> DecisionBody:
    """Accept under a name, merge into a topic that one animates, or refuse for good."""
    return decision_body(_decided(request, animator, proposal_id, asked))


@router.delete("/decisions/{decision_id}", status_code=204)
def forget(request: Request, animator: OnDecision, decision_id: str) -> None:
    """Take a decision back; the next build may propose the subject again."""
    deciding = _deciding(shown_reading(reading_of(services_of(request))), animator)
    _in_problems(lambda: deciding.forget(decision_id))


@pages.get("/animation", response_class=HTMLResponse)
def desk(request: Request, animator: Animator) -> str:
    """What to watch, what is proposed, what was decided."""
    reading = reading_of(services_of(request))
    if isinstance(reading, Dated):
        return not_mapped(request, "animation", _("Animation"), reading)
    deciding = _deciding(reading, animator)
    gatherings = gatherings_of(reading, animator)
    animated = [
        one.topic
        for one in reading.topics.values()
        if animator.held.animates_topic(one.topic.id) and one.topic.kind == "topic"
    ]
    return render(
        "animation.html",
        request=request,
        dated=reading.dated,
        watched=topics_at_risk(reading, animator.held.animates_topic),
        risks=all_risks,
        proposals=deciding.waiting(),
        everywhere=animator.held.decides_on(frozenset()),
        decisions=deciding.told(),
        communities=gatherings.waiting(),
        gathered=gatherings.told(),
        labels={id_: one.topic.label for id_, one in reading.topics.items()},
        animated=sorted(animated, key=lambda topic: topic.label.lower()),
        topic_address=topic_address,
    )


@pages.post("/animation/proposals/{proposal_id}")
def decide_on_page(
    request: Request,
    animator: OnProposal,
    proposal_id: str,
    verdict: Annotated[Asked, Form()],
    label: Annotated[str, Form()] = "",
    into: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """The same from the page's form."""
    asked = DecideBody(verdict=verdict, label=label, into=into)
    _decided(request, animator, proposal_id, asked)
    return RedirectResponse("/animation#proposes", status_code=303)


@pages.post("/animation/decisions/{decision_id}/forget")
def forget_on_page(request: Request, animator: OnDecision, decision_id: str) -> RedirectResponse:
    """Take a decision back."""
    deciding = _deciding(shown_reading(reading_of(services_of(request))), animator)
    _in_problems(lambda: deciding.forget(decision_id))
    return RedirectResponse("/animation#decisions", status_code=303)


def _deciding(reading: Reading, animator: Holder) -> Deciding:
    return Deciding(reading, reading.builds.decisions, animator.held.decides_on)


def _decided(request: Request, animator: Holder, proposal_id: str, asked: DecideBody) -> Decision:
    deciding = _deciding(shown_reading(reading_of(services_of(request))), animator)
    animator.wrote(request, f"proposal {asked.verdict}", f"proposal_id:{proposal_id}")
    if asked.verdict is Asked.REFUSE:
        return _in_problems(lambda: deciding.refuse(proposal_id))
    if asked.verdict is Asked.ACCEPT:
        return _in_problems(lambda: deciding.accept(proposal_id, asked.label))
    if not animator.held.animates_topic(asked.into):
        raise Problem(403, _("Vous n’animez pas le sujet auquel réunir celui-ci."))
    return _in_problems(lambda: deciding.merge(proposal_id, asked.into, asked.label))


def _in_problems(decide_it: Callable[[], T]) -> T:
    """Raises `Problem` 404 or 422 for what cannot be decided."""
    try:
        return decide_it()
    except NoSuchProposal as error:
        raise Problem(404, _(error.sentence, **error.variables)) from error
    except Undecidable as error:
        raise Problem(422, _(error.sentence, **error.variables)) from error
