"""Community management: topics to watch, proposed topics and communities. API and pages."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from expertise.consent import PreferenceKind
from search_api.addresses import community_address, document_of_address, local_path, topic_address
from search_api.authorization import not_by_personal_token, require
from search_api.bodies import PROBLEMS
from search_api.communities.management import (
    CommunityAction,
    ProposalAction,
    community_management,
    decide_on_community,
    decide_on_topic,
    forget_topic_decision,
    proposed_communities,
    proposed_topics,
    topics_to_watch,
)
from search_api.communities.pages import CommunityPageAct, community_page, set_community_page
from search_api.communities.schemas import (
    CommunitiesBody,
    CommunityPageBody,
    CommunityPageRequest,
    CommunityRequest,
    DecisionBody,
    HolderRequest,
    ProposalRequest,
    ProposalsBody,
    RemovalsBody,
    RisksBody,
)
from search_api.communities.service import community, note_told
from search_api.context import NoBuild, NotFound, RoleHolder
from search_api.identity.identification import by_personal_token
from search_api.identity.principals import Role
from search_api.notices import Undo, noticed
from search_api.parameters import NamedReader
from search_api.people.agents import ask_wish, wish_before
from search_api.people.corrections import HolderAction, decide_on_holder, removed_holders
from search_api.services import services_of
from search_api.templating import render
from search_api.topics.routes import not_mapped
from search_api.topics.service import is_shown

router = APIRouter(prefix="/api/v1/animation", responses=PROBLEMS)
readers = APIRouter(prefix="/api/v1/communities", responses=PROBLEMS)
pages = APIRouter(include_in_schema=False)

Manager = Annotated[RoleHolder, require(Role.ANIMATOR)]
ManagerOfTopic = Annotated[RoleHolder, require(Role.ANIMATOR, "topic_id")]
ManagerOfProposal = Annotated[RoleHolder, require(Role.ANIMATOR, "proposal_id")]
ManagerOfDecision = Annotated[RoleHolder, require(Role.ANIMATOR, "decision_id")]


@router.get("/risks")
def risks(request: Request, manager: Manager) -> RisksBody:
    """Return the manager's topics with risks: one or no holder, open questions, departures."""
    services = services_of(request)
    return RisksBody.model_validate(topics_to_watch(services, services.build(), manager))


@router.get("/proposals")
def proposals(request: Request, manager: Manager) -> ProposalsBody:
    """Return proposed topics of the manager's communities; none is added automatically."""
    return ProposalsBody.model_validate(proposed_topics(services_of(request).build(), manager))


@router.post("/proposals/{proposal_id}")
def decide(
    request: Request, manager: ManagerOfProposal, proposal_id: str, asked: ProposalRequest
) -> DecisionBody:
    """Accept under a name, merge into a topic of the manager, or refuse for good."""
    wanted = (proposal_id, asked.verdict, asked.label, asked.into)
    return DecisionBody.model_validate(decide_on_topic(services_of(request), manager, *wanted))


@router.delete("/decisions/{decision_id}", status_code=204)
def forget(request: Request, manager: ManagerOfDecision, decision_id: str) -> None:
    """Take a decision back; the next build may propose the topic again."""
    forget_topic_decision(services_of(request), manager, decision_id)


@router.get("/communities")
def communities(request: Request, manager: Manager) -> CommunitiesBody:
    """Return proposed communities on the manager's topics, and decisions."""
    return CommunitiesBody.model_validate(
        proposed_communities(services_of(request).build(), manager)
    )


@router.post("/communities/{topic_id:path}", status_code=204)
def decide_community(
    request: Request, manager: ManagerOfTopic, topic_id: str, asked: CommunityRequest
) -> None:
    """Accept (its members are invited), refuse for good, or take a decision back."""
    decide_on_community(services_of(request), manager, topic_id, asked.verdict)


@router.get("/holders")
def holders(request: Request, manager: Manager) -> RemovalsBody:
    """Return the agents who were removed from the manager's topics, and the reasons."""
    return RemovalsBody.model_validate({"removed": removed_holders(services_of(request), manager)})


@router.post("/holders/{topic_id:path}", status_code=204)
def decide_holder(
    request: Request, manager: ManagerOfTopic, topic_id: str, asked: HolderRequest
) -> None:
    """Remove an agent from a topic, with a reason that they are told, or undo a removal."""
    wanted = (topic_id, asked.agent, asked.act, asked.reason)
    decide_on_holder(services_of(request), manager, *wanted)


@pages.get("/animation", response_class=HTMLResponse)
def management_page(request: Request, manager: Manager) -> str:
    """Show topics to watch, proposals and decisions."""
    found = community_management(services_of(request), manager)
    if not is_shown(found.build):
        return not_mapped(request, "animation", "Animation", found.build)
    return render(
        "animation.html",
        request=request,
        dated=found.build,
        watched=found.watched.topics,
        asked_here=found.watched.asked_here,
        to_follow=found.to_follow,
        trend=found.watched.trend,
        proposals=found.proposed_topics.waiting,
        everywhere=found.everywhere,
        decisions=found.proposed_topics.decisions,
        removed=removed_holders(services_of(request), manager),
        communities=found.communities.waiting,
        gathered=found.communities.decisions,
        labels={one.id: one.label for one in found.topics},
        open_communities={one.id: one for one in found.topics},
        animated=found.managed,
        topic_address=topic_address,
    )


@pages.post("/animation/proposals/{proposal_id}")
def decide_on_page(
    request: Request,
    manager: ManagerOfProposal,
    proposal_id: str,
    verdict: Annotated[ProposalAction, Form()],
    label: Annotated[str, Form()] = "",
    into: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """Decide on a proposed topic, from the page's form."""
    decide_on_topic(services_of(request), manager, proposal_id, verdict, label, into)
    return noticed(request, "/animation#proposes", f"topic.{verdict}")


@pages.post("/animation/decisions/{decision_id}/forget")
def forget_on_page(
    request: Request, manager: ManagerOfDecision, decision_id: str
) -> RedirectResponse:
    """Take a decision back."""
    forget_topic_decision(services_of(request), manager, decision_id)
    return noticed(request, "/animation#decisions", "topic.forget")


class _HolderForm(BaseModel):
    """A decision on a holder, from the page with the address `back`."""

    agent: str = Field(max_length=4_000)
    act: HolderAction
    reason: str = Field("", max_length=4_000)
    back: str = Field("/animation#retires", max_length=8_000)


@pages.post("/animation/holders/{topic_id:path}")
def decide_holder_on_page(
    request: Request, manager: ManagerOfTopic, topic_id: str, form: Annotated[_HolderForm, Form()]
) -> RedirectResponse:
    """Do the same as `decide_holder` from a page's form, then return to that page."""
    decide_on_holder(services_of(request), manager, topic_id, form.agent, form.act, form.reason)
    fields = {"agent": form.agent, "act": HolderAction.RESTORE, "back": form.back}
    removed = form.act is HolderAction.REMOVE
    undo = Undo(f"/animation/holders/{quote(topic_id)}", fields) if removed else None
    return noticed(request, local_path(form.back), f"holder.{form.act}", undo)


@pages.post("/animation/communities/{topic_id:path}")
def decide_community_on_page(
    request: Request,
    manager: ManagerOfTopic,
    topic_id: str,
    verdict: Annotated[CommunityAction, Form()],
) -> RedirectResponse:
    """Decide on a proposed community, from the page's form."""
    decide_on_community(services_of(request), manager, topic_id, verdict)
    forget = Undo(f"/animation/communities/{quote(topic_id)}", {"verdict": CommunityAction.FORGET})
    undo = None if verdict is CommunityAction.FORGET else forget
    return noticed(request, "/animation#communautes", f"community.{verdict}", undo)


@router.post("/community-pages/{topic_id:path}", status_code=204)
def set_page(
    request: Request, manager: ManagerOfTopic, topic_id: str, asked: CommunityPageRequest
) -> None:
    """Pin a document, remove a pin, close the community or open it again."""
    set_community_page(services_of(request), manager, topic_id, asked.act, asked.document)


@pages.post("/animation/community-pages/{topic_id:path}")
def set_page_on_page(
    request: Request,
    manager: ManagerOfTopic,
    topic_id: str,
    act: Annotated[CommunityPageAct, Form()],
    document: Annotated[str, Form(max_length=4_000)] = "",
) -> RedirectResponse:
    """Change the community's page from its form.

    `document` may be the address of the document's page here.
    """
    services = services_of(request)
    set_community_page(services, manager, topic_id, act, document_of_address(document))
    address = community_address(community(services, manager.reader, topic_id).topic)
    fields = {"act": _REVERSES[act], "document": document}
    undo = Undo(f"/animation/community-pages/{quote(topic_id)}", fields)
    return noticed(request, address, f"community.{act}", undo)


_REVERSES = {
    CommunityPageAct.PIN: CommunityPageAct.UNPIN,
    CommunityPageAct.UNPIN: CommunityPageAct.PIN,
    CommunityPageAct.CLOSE: CommunityPageAct.REOPEN,
    CommunityPageAct.REOPEN: CommunityPageAct.CLOSE,
}


@readers.get("/{topic_id:path}")
def one_community(request: Request, reader: NamedReader, topic_id: str) -> CommunityPageBody:
    """Return an accepted community: its topic, members, and documents that the reader may read."""
    return CommunityPageBody.of(community_page(services_of(request), reader, topic_id))


@pages.get("/communities/{topic_id:path}", response_class=HTMLResponse)
def show_community(request: Request, reader: NamedReader, topic_id: str) -> str:
    """Show an accepted community: its topic, members, documents and questions."""
    try:
        page = community_page(services_of(request), reader, topic_id)
    except NoBuild as none:
        return not_mapped(request, "coverage", "Communauté", none.build)
    if page.community.invitation and not by_personal_token(request):
        note_told(services_of(request), reader, [page.community.invitation])
    return render(
        "community.html",
        request=request,
        page=page,
        found=page.community,
        dated=page.community.build,
        topic_address=topic_address,
    )


class Membership(StrEnum):
    """The wish of an agent to join or leave a community."""

    JOIN = "join"
    LEAVE = "leave"


@pages.post("/communities/{topic_id:path}", dependencies=[Depends(not_by_personal_token)])
def join_or_leave(
    request: Request, reader: NamedReader, topic_id: str, act: Annotated[Membership, Form()]
) -> RedirectResponse:
    """Add the reader to a community or remove them.

    If the community now has too few members, the reader returns to «Préférences».
    """
    services = services_of(request)
    kind = PreferenceKind(act.value)
    before = wish_before(services, reader, kind, topic_id)
    declined = act is Membership.LEAVE and not community(services, reader, topic_id).member
    done = "ask.decline" if declined else f"ask.{act}"
    ask_wish(services, reader, kind, topic_id)
    try:
        address = community_address(community(services, reader, topic_id).topic)
    except NotFound:
        return noticed(request, "/preferences#communautes", done)
    # An agent who was invited and gave no answer has no earlier wish to restore.
    if act is Membership.LEAVE and not (before and before.in_force):
        fields = {"act": "take_back", "kind": kind, "subject": topic_id, "back": address}
        return noticed(request, address, done, Undo("/mes-donnees", fields))
    reverse = Membership.LEAVE if act is Membership.JOIN else Membership.JOIN
    return noticed(request, address, done, Undo(address, {"act": reverse}))
