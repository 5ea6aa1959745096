"""Community management: topics to watch, proposed topics and communities, and decisions.

Each function takes a `RoleHolder`, whose access is in the audit log, and returns only topics and
communities that they animate.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from expertise.answer_values import BuildStatus, CommunityView, TopicCount
from expertise.community_management import (
    AtRisk,
    CommunityProposals,
    NoSuchProposal,
    Proposal,
    ProposalDecisions,
    Undecidable,
    topics_at_risk,
)
from expertise.current_build import OpenBuild, by_label
from expertise.decisions import CommunityDecision, TopicDecision, Verdict
from expertise.topics import Topic, TopicKind
from search_api.addresses import QUESTION_SOURCE
from search_api.context import (
    AnswerContext,
    InvalidParameter,
    NotAllowed,
    NotFound,
    RoleHolder,
    note_access,
)
from search_api.waiting import WaitingLink, waiting_of

TREND_MONTHS = 13
"""Maximum number of months in a trend: a year, and the same month of the year before."""


class ProposalAction(StrEnum):
    """Decision of an animator on a proposed topic."""

    ACCEPT = "accept"
    MERGE = "merge"
    REFUSE = "refuse"


class CommunityAction(StrEnum):
    """Decision of an animator on a proposed community; `forget` takes a decision back."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class TopicsToWatch:
    """Topics at risk, by label.

    `trend`: number of the animator's topics with a single holder, at the last build of each month
    and at the present one; oldest first, at most `TREND_MONTHS`. `asked_here`: by topic, how many
    of its unanswered questions were asked here.
    """

    build: BuildStatus
    topics: tuple[AtRisk, ...] = ()
    trend: tuple[tuple[date, int], ...] = ()
    asked_here: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProposedTopics:
    """Proposed topics that wait for a decision, and the decisions taken."""

    build: BuildStatus
    waiting: tuple[Proposal, ...] = ()
    decisions: tuple[TopicDecision, ...] = ()


@dataclass(frozen=True, slots=True)
class ProposedCommunities:
    """Proposed communities that wait for a decision, and the decisions taken."""

    build: BuildStatus
    waiting: tuple[CommunityView, ...] = ()
    decisions: tuple[CommunityDecision, ...] = ()


@dataclass(frozen=True, slots=True)
class CommunityManagement:
    """Topics to watch, proposed topics and communities, all from one build. `topics`: all topics.

    `managed`: topics into which a proposal may be merged. `everywhere`: the animator decides on
    every proposed topic, in any community. `to_follow`: links to what else waits for the animator.
    """

    build: BuildStatus
    watched: TopicsToWatch
    proposed_topics: ProposedTopics
    communities: ProposedCommunities
    topics: tuple[Topic, ...] = ()
    managed: tuple[Topic, ...] = ()
    everywhere: bool = False
    to_follow: tuple[WaitingLink, ...] = ()


Build = OpenBuild | BuildStatus


def topics_to_watch(context: AnswerContext, build: Build, holder: RoleHolder) -> TopicsToWatch:
    """Return topics with one or no holder, open questions or departures.

    Of questions asked here, those count that wait for the animator now.
    Raises `IndexUnreachable`.
    """
    if isinstance(build, BuildStatus):
        return TopicsToWatch(build)
    waiting: dict[str, list[str]] = defaultdict(list)
    for feature in waiting_of(context, holder.reader):
        for topic_id, document_ids in feature.questions.items():
            waiting[topic_id].extend(document_ids)

    def with_questions(count: TopicCount) -> TopicCount:
        elsewhere = (one for one in count.questions if not one.startswith(f"{QUESTION_SOURCE}:"))
        return replace(count, questions=(*elsewhere, *waiting[count.topic.id]))

    topics = topics_at_risk(build, holder.held.animates_topic, with_questions)
    now = sum("one_holder" in one.risks for one in topics)
    asked_here = {topic_id: len(some) for topic_id, some in waiting.items() if some}
    return TopicsToWatch(build.status, topics, _trend(build, holder, now), asked_here)


def proposed_topics(build: Build, holder: RoleHolder) -> ProposedTopics:
    """Return proposed topics of the animator's communities. Raises `IndexUnreachable`."""
    if isinstance(build, BuildStatus):
        return ProposedTopics(build)
    decisions = _topic_decisions(build, holder)
    return ProposedTopics(build.status, decisions.pending(), decisions.decided())


def proposed_communities(build: Build, holder: RoleHolder) -> ProposedCommunities:
    """Return communities of agents isolated in their regions, on the animator's topics.

    Raises `IndexUnreachable`.
    """
    if isinstance(build, BuildStatus):
        return ProposedCommunities(build)
    found = CommunityProposals(build, holder.held.animates_topic)
    return ProposedCommunities(build.status, found.pending(), found.decided())


def community_management(context: AnswerContext, holder: RoleHolder) -> CommunityManagement:
    """Return topics to watch and both kinds of proposals. Raises `IndexUnreachable`."""
    build = context.build()
    parts = (
        topics_to_watch(context, build, holder),
        proposed_topics(build, holder),
        proposed_communities(build, holder),
    )
    if isinstance(build, BuildStatus):
        return CommunityManagement(build, *parts)
    topics = by_label(build)
    return CommunityManagement(
        build.status,
        *parts,
        topics=topics,
        managed=tuple(
            one
            for one in topics
            if one.kind is TopicKind.TOPIC and holder.held.animates_topic(one.id)
        ),
        everywhere=holder.held.decides_on(frozenset()),
        to_follow=tuple(
            link for feature in waiting_of(context, holder.reader) for link in feature.desk
        ),
    )


def decide_on_topic(
    context: AnswerContext,
    holder: RoleHolder,
    proposal_id: str,
    action: ProposalAction,
    label: str = "",
    into: str = "",
) -> TopicDecision:
    """Accept a proposed topic under a name, merge it `into` a topic of the animator, or refuse it.

    The decision applies from the next build on. Raises `NoBuild`, `NotFound`, `NotAllowed` for a
    topic that they do not animate, `InvalidParameter` for an impossible name, and `NotAudited`.
    """
    decisions = _topic_decisions(context.required_build(), holder)
    note_access(context, holder, f"proposal {action}", f"proposal_id:{proposal_id}")
    with _refusals():
        if action is ProposalAction.REFUSE:
            return decisions.refuse(proposal_id)
        if action is ProposalAction.ACCEPT:
            return decisions.accept(proposal_id, label)
        if not holder.held.animates_topic(into):
            raise NotAllowed("Vous n’animez pas le sujet auquel réunir celui-ci.")
        return decisions.merge(proposal_id, into, label)


def forget_topic_decision(context: AnswerContext, holder: RoleHolder, decision_id: str) -> None:
    """Take a decision back; the next build may propose the topic again.

    Raises `NoBuild`, `NotFound`.
    """
    decisions = _topic_decisions(context.required_build(), holder)
    with _refusals():
        decisions.forget(decision_id)


def decide_on_community(
    context: AnswerContext, holder: RoleHolder, topic_id: str, action: CommunityAction
) -> CommunityDecision | None:
    """Accept a community, which invites its members, refuse it, or take a decision back.

    Returns the decision, None if one was taken back. Raises `NoBuild`, `NotFound`.
    """
    communities = CommunityProposals(context.required_build(), holder.held.animates_topic)
    with _refusals():
        if action is CommunityAction.FORGET:
            communities.forget(topic_id)
            return None
        accepted = action is CommunityAction.ACCEPT
        return communities.decide(topic_id, Verdict.ACCEPTED if accepted else Verdict.REFUSED)


def _trend(build: OpenBuild, holder: RoleHolder, now: int) -> tuple[tuple[date, int], ...]:
    """Return the trend: former builds as stored, and the present build with its current holders."""
    present = build.stamp.day
    months: dict[tuple[int, int], tuple[date, int]] = {}
    for day, ids in build.builds.alone_by_day().items():
        if day < present.replace(day=1):
            own = sum(map(holder.held.animates_topic, ids & build.topics.keys()))
            months[day.year, day.month] = (day, own)
    return (*months.values(), (present, now))[-TREND_MONTHS:]


def _topic_decisions(build: OpenBuild, holder: RoleHolder) -> ProposalDecisions:
    return ProposalDecisions(build, build.builds.decisions, holder.held.decides_on)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn errors of decisions into `NotFound` or `InvalidParameter`."""
    try:
        yield
    except NoSuchProposal as error:
        raise NotFound(str(error)) from error
    except Undecidable as error:
        raise InvalidParameter(str(error)) from error
