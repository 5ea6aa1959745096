"""What animators decided of communities that a build proposes: nothing gathers people by itself.

A proposed community is of one topic, and the topic's id is its own: an answer outlives the
build that it was given on, and what was refused is not proposed again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from expertise.communities import LEAST_MEMBERS, CommunityKind
from expertise.deciding import NoSuchProposal
from expertise.decisions import Verdict
from expertise.gathering_rows import Gathering
from expertise.overview import Reading
from expertise.overview_values import CommunityView
from expertise.peers import community_view


@dataclass(frozen=True, slots=True)
class Gatherings:
    """What one animator may decide. `animated` says of a topic's id whether it is theirs."""

    reading: Reading
    animated: Callable[[str], bool]

    def waiting(self) -> tuple[CommunityView, ...]:
        """Proposed, of a topic that is theirs, and undecided; three at least still stand."""
        decided = self.reading.builds.gatherings.all()
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

    def told(self) -> tuple[Gathering, ...]:
        """Decisions on the topics that are theirs, the newest first."""
        mine = [
            one
            for one in self.reading.builds.gatherings.all().values()
            if self.animated(one.topic_id)
        ]
        return tuple(sorted(mine, key=lambda one: (-one.day.toordinal(), one.topic_id)))

    def decide(self, topic_id: str, verdict: Verdict) -> Gathering:
        """Accept it, and it is shown to everybody at once; or refuse it for good.

        Raises `NoSuchProposal` where it does not wait for this animator's decision.
        """
        if topic_id not in {topic.id for one in self.waiting() for topic in one.topics}:
            raise NoSuchProposal("Cette communauté n'est pas, ou n'est plus, proposée.")
        made = Gathering(topic_id, verdict, self.reading.standing.today)
        self.reading.builds.gatherings.keep(made)
        return made

    def forget(self, topic_id: str) -> None:
        """Take a decision back. Raises `NoSuchProposal`."""
        mine = self.animated(topic_id)
        if not (mine and self.reading.builds.gatherings.forget(topic_id)):
            raise NoSuchProposal("Cette décision n'existe pas, ou plus.")
