"""Whom to ask: of those whom the search names, in which order, and whom not.

Evidence, nearness and how much each was asked lately are not of one scale: the order is that of
the sum of the three ranks (Borda 1781), which needs no weight. Agents of equal value share a rank.
Whoever is alone on a topic around them counts as asked more than any other candidate, and receives
half as many questions: others' questions all lead to them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from connectors.geography import distance_km
from connectors.values import Agent, ContactVia
from expertise.visibility import may_be_shown, refuses
from search_api.asking.values import (
    AskedQuestion,
    AskingPreferences,
    AskingRules,
)

LATELY_DAYS = 28
"""Requests of so many days count as lately: four weeks of the limit's own period."""
WEEK_DAYS = 7
_NO_PREFERENCES = AskingPreferences()


@dataclass(frozen=True, slots=True)
class PossibleAnswerer:
    """Somebody whom the search names. `asked_lately` and `asked_this_week` count questions."""

    agent: Agent
    preferences: AskingPreferences = _NO_PREFERENCES
    isolated: bool = False
    asked_lately: int = 0
    asked_this_week: int = 0


def weekly_limit(one: PossibleAnswerer, rules: AskingRules) -> int:
    """How many questions they receive in seven days: half of it, rounded up, where isolated."""
    chosen = one.preferences.per_week
    limit = rules.per_week if chosen is None else chosen
    return -(-limit // 2) if one.isolated else limit


def limits_of_one_asker(
    one: PossibleAnswerer, rules: AskingRules, moment: datetime
) -> tuple[tuple[int, datetime], ...]:
    """(how many questions of one and the same asker they receive, since when) pairs.

    Half of what they receive in a week, rounded up: with a limit of one that is the whole of it,
    so that half of what they receive in four weeks holds too.
    """
    limit = weekly_limit(one, rules)
    return (
        (-(-limit // 2), moment - timedelta(days=WEEK_DAYS)),
        (limit * LATELY_DAYS // WEEK_DAYS // 2, moment - timedelta(days=LATELY_DAYS)),
    )


def may_be_asked(
    one: PossibleAnswerer, question: AskedQuestion, rules: AskingRules, today: date
) -> bool:
    """Whether an agent wants this question now, and may be asked.

    Not the asker, nor who left, withdrew, refused the topic or what the question is about, is
    away, or has received as many as they want this week; nor whom their entity, or they
    themselves, have reached by other ways than directly.
    """
    agent, said = one.agent, one.preferences
    wanted = said.receives and not said.is_absent(today)
    on_topic = not said.topics or question.topic_id in said.topics
    return (
        agent.id != question.asker_id
        and may_be_shown(agent, today)
        and agent.contact_via is ContactVia.DIRECT
        and wanted
        and on_topic
        and not refuses(agent, f"{question.title}\n{question.text}", [question.topic_id])
        and one.asked_this_week < weekly_limit(one, rules)
    )


def in_order(named: Sequence[PossibleAnswerer], asker: Agent | None) -> list[PossibleAnswerer]:
    """The same people, whom to ask first at first. `named` are in the order of their evidence."""

    def distance(one: PossibleAnswerer) -> float:
        km = distance_km(asker.departement, one.agent.departement) if asker else None
        return float("inf") if km is None else km

    places = {one.agent.id: place for place, one in enumerate(named)}
    near = _ranks(named, distance)
    load = _ranks(named, lambda one: (one.isolated, one.asked_lately))
    return sorted(
        named,
        key=lambda one: (
            places[one.agent.id] + near[one.agent.id] + load[one.agent.id],
            places[one.agent.id],
        ),
    )


def _ranks(
    named: Sequence[PossibleAnswerer], value: Callable[[PossibleAnswerer], object]
) -> dict[str, int]:
    """Count, by agent id, how many stand before; those of equal value share a place."""
    places: dict[object, int] = {}
    for place, found in enumerate(sorted(map(value, named))):  # type: ignore[type-var]
        places.setdefault(found, place)
    return {one.agent.id: places[value(one)] for one in named}


def first_of(
    named: Sequence[PossibleAnswerer],
    question: AskedQuestion,
    asker: Agent | None,
    rules: AskingRules,
    today: date,
    first: str = "",
) -> Iterator[PossibleAnswerer]:
    """Yield the agents who may be asked, in the order of asking: the agent `first` comes first.

    Each is the first of those who remain: ranks are of them alone.
    """
    remaining = [one for one in named if may_be_asked(one, question, rules, today)]
    remaining.sort(key=lambda one: one.agent.id != first)
    while remaining:
        chosen = remaining[0] if remaining[0].agent.id == first else in_order(remaining, asker)[0]
        remaining.remove(chosen)
        yield chosen
