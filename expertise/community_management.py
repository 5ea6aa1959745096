"""What community managers see and decide: proposed communities, and topics at risk.

A proposed community is of one topic and has the topic's id: a decision outlives the build it
was made on, and what was refused is not proposed again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from connectors.values import Agent
from expertise.answer_values import CommunityView, TopicCount
from expertise.clustering import LEAST_MEMBERS, CommunityKind
from expertise.current_build import OpenBuild
from expertise.decisions import CommunityDecision, Verdict
from expertise.holders import Basis
from expertise.peers import by_area_then_name, community_view
from expertise.proposals import NoSuchProposal
from expertise.revalidation import CurrentHolder


@dataclass(frozen=True, slots=True)
class CommunityProposals:
    """Decisions of one community manager. `animated` says whether a topic is theirs."""

    reading: OpenBuild
    animated: Callable[[str], bool]

    def pending(self) -> tuple[CommunityView, ...]:
        """Undecided proposals on topics that are theirs, with at least three valid members."""
        decided = self.reading.builds.community_decisions.all()
        found = self.reading.builds.communities(
            self.reading.stamp.id, kind=CommunityKind.PROPOSED, most=None
        )
        mine = (
            one
            for one in found
            if not decided.keys() & set(one.topics) and all(map(self.animated, one.topics))
        )
        views = (community_view(self.reading, one) for one in mine)
        return tuple(one for one in views if len(one.members) >= LEAST_MEMBERS)

    def decided(self) -> tuple[CommunityDecision, ...]:
        """Decisions on topics that are theirs, the newest first."""
        mine = [
            one
            for one in self.reading.builds.community_decisions.all().values()
            if self.animated(one.topic_id)
        ]
        return tuple(sorted(mine, key=lambda one: (-one.day.toordinal(), one.topic_id)))

    def decide(self, topic_id: str, verdict: Verdict) -> CommunityDecision:
        """Accept it, which shows it to everybody at once; or refuse it for good.

        Raises `NoSuchProposal` where it is not pending for this community manager.
        """
        if topic_id not in {topic.id for one in self.pending() for topic in one.topics}:
            raise NoSuchProposal("Cette communauté n'est pas, ou n'est plus, proposée.")
        made = CommunityDecision(topic_id, verdict, self.reading.revalidation.today)
        self.reading.builds.community_decisions.keep(made)
        return made

    def forget(self, topic_id: str) -> None:
        """Delete a decision. Raises `NoSuchProposal`."""
        mine = self.animated(topic_id)
        if not (mine and self.reading.builds.community_decisions.forget(topic_id)):
            raise NoSuchProposal("Cette décision n'existe pas, ou plus.")


LEAVING_DAYS = 180
"""Who leaves within so many days can still hand over."""
FEW_HOLDERS = 3
"""With more holders a departure puts no topic at risk."""
_TOPICS_READ_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A topic by its counts; `holders` where there are few, `leaving` those who leave soon."""

    count: TopicCount
    holders: tuple[Agent, ...]
    leaving: tuple[Agent, ...]


def topics_at_risk(reading: OpenBuild, animated: Callable[[str], bool]) -> tuple[AtRisk, ...]:
    """The topics that one is to watch, by label, of those that `animated` accepts.

    One holder, nobody left though documents speak of it, questions without an answer, or
    a departure among few. Raises `IndexUnreachable`.
    """
    found: list[AtRisk] = []
    offset: int | None = 0
    while offset is not None:
        page, standing = reading.counted_page("", offset, _TOPICS_READ_AT_ONCE)
        found += [_at_risk(reading, one, standing) for one in page.rows if animated(one.topic.id)]
        offset = page.following
    return tuple(one for one in found if _to_watch(one))


def _at_risk(reading: OpenBuild, count: TopicCount, standing: tuple[CurrentHolder, ...]) -> AtRisk:
    holders = {
        one.agent.id: one.agent
        for one in standing
        if one.cell.topic_id == count.topic.id and one.cell.basis != Basis.DECLARED
    }
    few = (
        tuple(sorted(holders.values(), key=by_area_then_name))
        if len(holders) <= FEW_HOLDERS
        else ()
    )
    last = reading.revalidation.today + timedelta(days=LEAVING_DAYS)
    return AtRisk(count, few, tuple(one for one in few if one.departure and one.departure <= last))


def _to_watch(one: AtRisk) -> bool:
    count = one.count
    nobody = not count.holders.agents and count.documented
    alone = count.holders.agents == 1 and not count.holders.more
    return bool(nobody or alone or count.open_questions or one.leaving)
