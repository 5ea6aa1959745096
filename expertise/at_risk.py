"""What rests on one person, or on nobody: for who animates a topic, and never a ranking."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from connectors.values import Agent
from expertise.holders import Basis
from expertise.overview import Reading
from expertise.overview_values import TopicCount
from expertise.peers import by_area_then_name
from expertise.standing import Holder

LEAVING_DAYS = 180
"""Who leaves within so many days can still hand over."""
FEW = 3
"""With more holders a departure puts no topic at risk."""
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A topic by its counts; `holders` where there are few, `leaving` those who leave soon."""

    count: TopicCount
    holders: tuple[Agent, ...]
    leaving: tuple[Agent, ...]


def topics_at_risk(reading: Reading, animated: Callable[[str], bool]) -> tuple[AtRisk, ...]:
    """The topics that one is to watch, by label, of those that `animated` accepts.

    One holder, nobody left though documents speak of it, questions without an answer, or
    a departure among few. Raises `IndexUnreachable`.
    """
    found: list[AtRisk] = []
    offset: int | None = 0
    while offset is not None:
        page, standing = reading.counted_page("", offset, _AT_ONCE)
        found += [_at_risk(reading, one, standing) for one in page.rows if animated(one.topic.id)]
        offset = page.following
    return tuple(one for one in found if _to_watch(one))


def _at_risk(reading: Reading, count: TopicCount, standing: tuple[Holder, ...]) -> AtRisk:
    holders = {
        one.agent.id: one.agent
        for one in standing
        if one.cell.topic_id == count.topic.id and one.cell.basis != Basis.DECLARED
    }
    few = tuple(sorted(holders.values(), key=by_area_then_name)) if len(holders) <= FEW else ()
    last = reading.standing.today + timedelta(days=LEAVING_DAYS)
    return AtRisk(count, few, tuple(one for one in few if one.departure and one.departure <= last))


def _to_watch(one: AtRisk) -> bool:
    count = one.count
    nobody = not count.holders.agents and count.documented
    alone = count.holders.agents == 1 and not count.holders.more
    return bool(nobody or alone or count.open_questions or one.leaving)
