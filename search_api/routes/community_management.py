"""Community management: topics to watch, proposed topics and communities. API and pages."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from expertise.answer_values import BuildStatus
from expertise.community_management import CommunityProposals, topics_at_risk
from expertise.current_build import OpenBuild
from expertise.decisions import CommunityDecision, TopicDecision, Verdict
from expertise.proposals import NoSuchProposal, ProposalDecisions, Undecidable
from search_api.addresses import topic_address
from search_api.answers.topics import reading_of, shown_reading
from search_api.authorization import RoleHolder, require
from search_api.catalogue.texts import _
from search_api.identity.grants import Role
from search_api.problems import Problem
from search_api.routes.api import PROBLEMS
from search_api.routes.topics import not_mapped
from search_api.schemas.communities import (
    CommunitiesBody,
    CommunityAction,
    CommunityDecisionBody,
    CommunityRequest,
    DecisionBody,
    ProposalAction,
    ProposalRequest,
    ProposalsBody,
    RisksBody,
    all_risks,
    at_risk_body,
    decision_body,
    proposal_body,
)
from search_api.schemas.topics import build_body, community_body
from search_api.services import services_of
from search_api.templating import render

communities_router = APIRouter(prefix="/api/v1/animation", responses=PROBLEMS)
communities_pages = APIRouter(include_in_schema=False)

CommunityManager = Annotated[RoleHolder, require(Role.ANIMATOR)]
TopicManager = Annotated[RoleHolder, require(Role.ANIMATOR, subject="topic_id")]


@communities_router.get("/communities")
def communities(request: Request, animator: CommunityManager) -> CommunitiesBody:
    """Of agents alone in their regions, on topics that one animates; and the decisions."""
    reading = reading_of(services_of(request))
    if isinstance(reading, BuildStatus):
        return CommunitiesBody(build=build_body(reading), proposed=[], decisions=[])
    return gatherings_answer(communities_of(reading, animator))


@communities_router.post("/communities/{topic_id:path}", status_code=204)
def decide_community(
    request: Request, animator: TopicManager, topic_id: str, asked: CommunityRequest
) -> None:
    """Accept (shown to everybody at once), refuse for good, or take a decision back."""
    _community_decided(request, animator, topic_id, asked.verdict)


@communities_pages.post("/animation/communities/{topic_id:path}")
def decide_community_on_page(
    request: Request,
    animator: TopicManager,
    topic_id: str,
    verdict: Annotated[CommunityAction, Form()],
) -> RedirectResponse:
    """The same from the page's form."""
    _community_decided(request, animator, topic_id, verdict)
    return RedirectResponse("/animation#communautes", status_code=303)


def gatherings_answer(gatherings: CommunityProposals) -> CommunitiesBody:
    """What waits, and what was decided."""
    return CommunitiesBody(
        build=build_body(gatherings.reading.dated),
        proposed=list(map(community_body, gatherings.waiting())),
        decisions=list(map(_community_decision, gatherings.told())),
    )


def communities_of(reading: OpenBuild, animator: RoleHolder) -> CommunityProposals:
    """What the animator may decide."""
    return CommunityProposals(reading, animator.held.animates_topic)


def _community_decided(
    request: Request, animator: RoleHolder, topic_id: str, word: CommunityAction
) -> None:
    gatherings = communities_of(shown_reading(reading_of(services_of(request))), animator)
    try:
        if word is CommunityAction.FORGET:
            gatherings.forget(topic_id)
        else:
            accepted = word is CommunityAction.ACCEPT
            gatherings.decide(topic_id, Verdict.ACCEPTED if accepted else Verdict.REFUSED)
    except NoSuchProposal as error:
        raise Problem(404, _(error.sentence, **error.variables)) from error


def _community_decision(one: CommunityDecision) -> CommunityDecisionBody:
    return CommunityDecisionBody(topic_id=one.topic_id, verdict=one.verdict, day=one.day)


router = APIRouter(prefix="/api/v1/animation", responses=PROBLEMS)
pages = APIRouter(include_in_schema=False)

T = TypeVar("T")
TopicsManager = Annotated[RoleHolder, require(Role.ANIMATOR)]
ProposalManager = Annotated[RoleHolder, require(Role.ANIMATOR, "proposal_id")]
DecisionManager = Annotated[RoleHolder, require(Role.ANIMATOR, "decision_id")]


@router.get("/risks")
def risks(request: Request, animator: TopicsManager) -> RisksBody:
    """Topics of one's own to watch: one holder, nobody left, open questions, departures."""
    reading = reading_of(services_of(request))
    if isinstance(reading, BuildStatus):
        return RisksBody(build=build_body(reading), topics=[])
    found = topics_at_risk(reading, animator.held.animates_topic)
    return RisksBody(build=build_body(reading.dated), topics=list(map(at_risk_body, found)))


@router.get("/proposals")
def proposals(request: Request, animator: TopicsManager) -> ProposalsBody:
    """Subjects that the list lacks, of one's own communities; none becomes a topic by itself."""
    reading = reading_of(services_of(request))
    if isinstance(reading, BuildStatus):
        return ProposalsBody(build=build_body(reading), proposals=[], decisions=[])
    deciding = _deciding(reading, animator)
    return ProposalsBody(
        build=build_body(reading.dated),
        proposals=list(map(proposal_body, deciding.waiting())),
        decisions=list(map(decision_body, deciding.told())),
    )


@router.post("/proposals/{proposal_id}")
def decide(
    request: Request, animator: ProposalManager, proposal_id: str, asked: ProposalRequest
) -> DecisionBody:
    """Accept under a name, merge into a topic that one animates, or refuse for good."""
    return decision_body(_decided(request, animator, proposal_id, asked))


@router.delete("/decisions/{decision_id}", status_code=204)
def forget(request: Request, animator: DecisionManager, decision_id: str) -> None:
    """Take a decision back; the next build may propose the subject again."""
    deciding = _deciding(shown_reading(reading_of(services_of(request))), animator)
    _in_problems(lambda: deciding.forget(decision_id))


@pages.get("/animation", response_class=HTMLResponse)
def desk(request: Request, animator: TopicsManager) -> str:
    """What to watch, what is proposed, what was decided."""
    reading = reading_of(services_of(request))
    if isinstance(reading, BuildStatus):
        return not_mapped(request, "animation", _("Animation"), reading)
    deciding = _deciding(reading, animator)
    gatherings = communities_of(reading, animator)
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
    animator: ProposalManager,
    proposal_id: str,
    verdict: Annotated[ProposalAction, Form()],
    label: Annotated[str, Form()] = "",
    into: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """The same from the page's form."""
    asked = ProposalRequest(verdict=verdict, label=label, into=into)
    _decided(request, animator, proposal_id, asked)
    return RedirectResponse("/animation#proposes", status_code=303)


@pages.post("/animation/decisions/{decision_id}/forget")
def forget_on_page(
    request: Request, animator: DecisionManager, decision_id: str
) -> RedirectResponse:
    """Take a decision back."""
    deciding = _deciding(shown_reading(reading_of(services_of(request))), animator)
    _in_problems(lambda: deciding.forget(decision_id))
    return RedirectResponse("/animation#decisions", status_code=303)


def _deciding(reading: OpenBuild, animator: RoleHolder) -> ProposalDecisions:
    return ProposalDecisions(reading, reading.builds.decisions, animator.held.decides_on)


def _decided(
    request: Request, animator: RoleHolder, proposal_id: str, asked: ProposalRequest
) -> TopicDecision:
    deciding = _deciding(shown_reading(reading_of(services_of(request))), animator)
    animator.wrote(request, f"proposal {asked.verdict}", f"proposal_id:{proposal_id}")
    if asked.verdict is ProposalAction.REFUSE:
        return _in_problems(lambda: deciding.refuse(proposal_id))
    if asked.verdict is ProposalAction.ACCEPT:
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
